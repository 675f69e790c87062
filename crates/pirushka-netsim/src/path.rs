//! What happens to a datagram on its way from one host to another.

use crate::dice::Dice;

/// The quality of a path, each direction for itself. The default is perfect but for a latency of 10 ms.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LinkConfig {
    /// One way, microseconds.
    pub latency_us: u64,
    /// Added to the latency, uniformly from 0 to this; alone it never changes the order.
    pub jitter_us: u64,
    /// Probability 0 to 1 that a datagram is lost.
    pub loss: f64,
    /// Probability that it arrives twice.
    pub duplicate: f64,
    /// Probability that one to three of its bytes are changed, or its end is cut off.
    pub corrupt: f64,
    /// Probability that it is held back, so that later ones overtake it.
    pub reorder: f64,
    /// Bits per second; `None` = no limit.
    pub bandwidth_bps: Option<u64>,
    /// What waits for the bandwidth at most; datagrams beyond it are lost. Counted with 28 bytes of headers.
    pub queue_bytes: u64,
}

impl Default for LinkConfig {
    fn default() -> Self {
        Self {
            latency_us: 10_000,
            jitter_us: 0,
            loss: 0.0,
            duplicate: 0.0,
            corrupt: 0.0,
            reorder: 0.0,
            bandwidth_bps: None,
            queue_bytes: 64 * 1024,
        }
    }
}

/// One direction of a path: the moment until which its transmitter is busy, and the last arrival.
#[derive(Debug, Default)]
pub(crate) struct Pipe {
    busy_until_us: u64,
    last_arrival_us: u64,
}

/// What becomes of one datagram.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Lost,
    Overflowed,
    /// Arrives at each of these moments.
    Arrives {
        first_us: u64,
        again_us: Option<u64>,
        damaged: bool,
    },
}

/// IPv4 and UDP headers.
const HEADERS: u64 = 28;

impl Pipe {
    pub(crate) fn carry(&mut self, config: &LinkConfig, dice: &mut Dice, now_us: u64, length: usize) -> Fate {
        let Some(sent_us) = self.transmit(config, now_us, length as u64 + HEADERS) else {
            return Fate::Overflowed;
        };
        if dice.chance(config.loss) {
            return Fate::Lost;
        }
        let mut first_us = sent_us + config.latency_us + dice.below(config.jitter_us + 1);
        if dice.chance(config.reorder) {
            first_us += 1 + dice.below((4 * config.jitter_us).max(20_000));
        } else {
            first_us = first_us.max(self.last_arrival_us);
            self.last_arrival_us = first_us;
        }
        let again_us = dice.chance(config.duplicate).then(|| first_us + dice.below(config.jitter_us.max(1_000)));
        Fate::Arrives { first_us, again_us, damaged: dice.chance(config.corrupt) }
    }

    /// When the last bit has left, or `None` if the queue is full.
    fn transmit(&mut self, config: &LinkConfig, now_us: u64, bytes: u64) -> Option<u64> {
        let Some(bps) = config.bandwidth_bps.filter(|&bps| bps > 0) else {
            return Some(now_us);
        };
        let start_us = self.busy_until_us.max(now_us);
        let waiting_bytes = (start_us - now_us) * bps / 8_000_000;
        if waiting_bytes + bytes > config.queue_bytes {
            return None;
        }
        self.busy_until_us = start_us + bytes * 8_000_000 / bps;
        Some(self.busy_until_us)
    }
}

/// Changes one to three bytes, or cuts the end off.
pub(crate) fn damage(bytes: &mut Vec<u8>, dice: &mut Dice) {
    if bytes.is_empty() || dice.chance(0.2) {
        bytes.truncate(dice.below(bytes.len() as u64) as usize);
        return;
    }
    for _ in 0..=dice.below(3) {
        let at = dice.below(bytes.len() as u64) as usize;
        bytes[at] ^= 1 + dice.below(255) as u8;
    }
}
