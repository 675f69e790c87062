//! The congestion window: NewReno as RFC 9002 section 7 has it, in bytes. Slow start; half at a loss, once per round
//! trip; a timeout that repeats begins again from the minimum.

/// What one packet counts when the window grows.
const PACKET: u32 = 1200;
const WINDOW_INITIAL: u32 = 10 * PACKET;
const WINDOW_MIN: u32 = 2 * PACKET;
/// More than anybody's mailbox needs in a round trip.
const WINDOW_MAX: u32 = 1024 * PACKET;

/// Window and bytes in flight.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Congestion {
    window: u32,
    threshold: u32,
    in_flight: u32,
    /// Losses of what was sent before this moment belong to the reaction already made.
    recovery_since_us: Option<u64>,
}

impl Default for Congestion {
    fn default() -> Self {
        Self { window: WINDOW_INITIAL, threshold: u32::MAX, in_flight: 0, recovery_since_us: None }
    }
}

impl Congestion {
    pub(crate) fn sent(&mut self, bytes: u32) {
        self.in_flight = self.in_flight.saturating_add(bytes);
    }

    /// Bytes that no longer are in flight for another reason than an answer.
    pub(crate) fn forgot(&mut self, bytes: u32) {
        self.in_flight = self.in_flight.saturating_sub(bytes);
    }

    pub(crate) fn acked(&mut self, sent_us: u64, bytes: u32) {
        let was_used = self.in_flight.saturating_mul(2) >= self.window;
        self.in_flight = self.in_flight.saturating_sub(bytes);
        if !was_used || self.in_recovery(sent_us) {
            return;
        }
        let growth = if self.window < self.threshold {
            bytes
        } else {
            ((u64::from(PACKET) * u64::from(bytes)) / u64::from(self.window)).max(1) as u32
        };
        self.window = self.window.saturating_add(growth).min(WINDOW_MAX);
    }

    pub(crate) fn lost(&mut self, now_us: u64, sent_us: u64, bytes: u32) {
        self.in_flight = self.in_flight.saturating_sub(bytes);
        if !self.in_recovery(sent_us) {
            self.recovery_since_us = Some(now_us);
            self.window = (self.window / 2).max(WINDOW_MIN);
            self.threshold = self.window;
        }
    }

    /// The timeout passed more than once in a row: nothing is known about the path any more.
    pub(crate) fn collapse(&mut self, now_us: u64) {
        self.recovery_since_us = Some(now_us);
        self.window = WINDOW_MIN;
    }

    pub(crate) fn has_room(&self, bytes: u32) -> bool {
        self.in_flight == 0 || self.in_flight.saturating_add(bytes) <= self.window
    }

    pub(crate) fn window(&self) -> u32 {
        self.window
    }

    fn in_recovery(&self, sent_us: u64) -> bool {
        self.recovery_since_us.is_some_and(|since| sent_us <= since)
    }
}
