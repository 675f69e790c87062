//! The two clocks of this machine, as the cores want them.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use pirushka_wire::Now;

/// Reads both clocks. Copies share their zero.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    origin: Instant,
}

impl Clock {
    pub(crate) fn new() -> Self {
        Self { origin: Instant::now() }
    }

    pub(crate) fn now(self) -> Now {
        let mono_us = u64::try_from(self.origin.elapsed().as_micros()).unwrap_or(u64::MAX);
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        Now { mono_us, wall_ms: u64::try_from(wall.as_millis()).unwrap_or(u64::MAX) }
    }

    /// The moment that a core calls `mono_us`.
    pub(crate) fn instant(self, mono_us: u64) -> Instant {
        // A deadline beyond a year means "never".
        let bounded = mono_us.min(365 * 24 * 3600 * 1_000_000);
        self.origin + Duration::from_micros(bounded)
    }
}
