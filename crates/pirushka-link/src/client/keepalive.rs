//! When to send something merely to hold the NAT's hole open, and when to make that a question.

use pirushka_wire::Now;
use rand_chacha::ChaCha20Rng;
use rand_core::Rng as _;

use super::Keepalive;

/// Jitter takes away at most so many thousandths: 25 s becomes 18 to 25 s.
const JITTER_PERMILLE: u64 = 280;

/// The keepalive's clock.
#[derive(Debug, Default)]
pub(crate) struct KeepaliveTimer {
    setting: Option<Keepalive>,
    next_us: u64,
    count: u8,
}

/// What is due.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Due {
    Keepalive,
    Poll,
}

impl KeepaliveTimer {
    pub(crate) fn set(&mut self, now: Now, setting: Option<Keepalive>, rng: &mut ChaCha20Rng) {
        self.setting = setting;
        self.sent(now, rng);
    }

    /// Anything was sent: the hole is open for another interval.
    pub(crate) fn sent(&mut self, now: Now, rng: &mut ChaCha20Rng) {
        let Some(setting) = self.setting else { return };
        let off = setting.interval_us / 1000 * (u64::from(rng.next_u32()) % (JITTER_PERMILLE + 1));
        self.next_us = now.after_us(setting.interval_us - off);
    }

    /// `roamed`: a peer that has restarted would send no RESET to where we are now, so every keepalive is a question.
    pub(crate) fn due(&mut self, now: Now, roamed: bool) -> Option<Due> {
        let setting = self.setting.filter(|_| now.mono_us >= self.next_us)?;
        // Whatever is sent because of this sets the next moment anew; should it stay unsent, this is not asked at once.
        self.next_us = now.after_us(setting.interval_us);
        self.count = self.count.saturating_add(1);
        if setting.poll_every != 0 && (roamed || self.count >= setting.poll_every) {
            self.count = 0;
            return Some(Due::Poll);
        }
        Some(Due::Keepalive)
    }

    pub(crate) fn deadline(&self) -> Option<u64> {
        self.setting.map(|_| self.next_us)
    }
}
