//! The rules that must hold after every event, and what a breach looks like.

use std::fmt;

/// The invariants, named as in the design.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// Nothing shown twice; in order per sender; text bit-identical; only to whom it was addressed.
    S1,
    /// What was called held is there until the recipient has it, within the boot and the hold time.
    S2,
    /// A sender drops a message only after an end-to-end receipt: what it calls delivered is on the recipient's disk at
    /// the end of the calm.
    S3,
    /// A registration changes only by a valid signature and a proven return path.
    S4,
    /// Bytes to an unproven address are no more than bytes from it; nothing at all without a valid MAC1.
    S5,
    /// Memory stays within the cap.
    S6,
    /// No panic, no endless loop.
    S7,
    /// Two honest contacts see the same six digits, and no honest run of them is called forged.
    Digits,
    /// After faults stop, every message is shown within the time.
    L1,
    /// After faults stop, everybody is reachable within a keepalive and a round trip.
    L2,
}

/// A rule was broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Which.
    pub rule: Rule,
    /// When (µs of virtual time).
    pub at_us: u64,
    /// What was seen.
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} broken at {:.3} s: {}", self.rule, self.at_us as f64 / 1e6, self.what)
    }
}
