//! The two clocks that the core is told of.

use std::time::{Duration, Instant, SystemTime};

use pirushka_wire::Now;

/// Where monotonic time began for one process.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    start: Instant,
}

impl Clock {
    pub(crate) fn start() -> Self {
        Self { start: Instant::now() }
    }

    pub(crate) fn now(self) -> Now {
        let wall = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
        Now { mono_us: self.start.elapsed().as_micros() as u64, wall_ms: wall.as_millis() as u64 }
    }

    /// How long until the monotonic moment `at_us`.
    pub(crate) fn until(self, at_us: u64) -> Duration {
        Duration::from_micros(at_us).saturating_sub(self.start.elapsed())
    }
}
