//! Time as it enters a core: both clocks at once, as plain numbers.

/// The moment at which an input happens. Cores never read a clock; the shell (or the simulator) passes this in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Now {
    /// Microseconds of a clock that never goes back. Its zero means nothing.
    pub mono_us: u64,
    /// Milliseconds since 1970 UTC as this machine believes them; may jump in either direction.
    pub wall_ms: u64,
}

impl Now {
    /// Wall-clock seconds since 1970 UTC.
    #[must_use]
    pub fn wall_s(self) -> u64 {
        self.wall_ms / 1000
    }

    /// The monotonic moment `us` microseconds after this one.
    #[must_use]
    pub fn after_us(self, us: u64) -> u64 {
        self.mono_us.saturating_add(us)
    }
}

/// Microseconds in a millisecond.
pub const MS: u64 = 1_000;
/// Microseconds in a second.
pub const SECOND: u64 = 1_000_000;
/// Microseconds in a minute.
pub const MINUTE: u64 = 60 * SECOND;
/// Microseconds in an hour.
pub const HOUR: u64 = 60 * MINUTE;
/// Microseconds in a day.
pub const DAY: u64 = 24 * HOUR;
