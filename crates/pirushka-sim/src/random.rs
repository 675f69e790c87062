//! Runs what a seed says, checks it after every event, and counts what was reached.

mod faults;
mod raw;
mod real;

use std::collections::BTreeMap;

pub(crate) use real::SentText;

use crate::checks::Violation;

/// What came of one seed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    #[allow(missing_docs)]
    pub seed: u64,
    /// Over all packets and events.
    pub hash: [u8; 32],
    #[allow(missing_docs)]
    pub violations: Vec<Violation>,
    /// Named situations and how often they came up.
    pub situations: BTreeMap<&'static str, u64>,
    /// How long the run was, in virtual time.
    pub virtual_us: u64,
    /// Messages sent by users.
    pub messages: u64,
    /// Datagrams and events.
    pub entries: u64,
}

/// Which machines the users are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gear {
    /// The link alone: peer and link are tested, fast.
    Raw,
    /// The real client core, with what stands in for asymmetric cryptography and MLS.
    #[cfg(feature = "stub")]
    Stub,
    /// The real client core with real MLS.
    Real,
}

/// Runs one seed; `print` tells it as a story.
#[must_use]
pub fn run(gear: Gear, seed: u64, print: bool) -> Outcome {
    #[cfg(feature = "stub")]
    pirushka_wire::stub::set(gear == Gear::Stub);
    match gear {
        Gear::Raw => raw::run(seed, print),
        _ => real::run(seed, print),
    }
}
