//! Does the simulator find bugs? Each bug of [`pirushka_wire::planted`] is switched on, and seeds run until a rule breaks.

use std::ops::Range;
use std::panic::catch_unwind;

use pirushka_wire::planted::{Bug, plant};

use crate::random::{Gear, Outcome, run};

/// How a bug was caught.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caught {
    /// Which users saw it.
    pub gear: &'static str,
    #[allow(missing_docs)]
    pub seed: u64,
    /// How many seeds had run by then.
    pub seeds: u64,
    /// Which rule it broke, or that it panicked.
    pub how: String,
}

/// Runs seeds with a bug, in the gear that can see it, until one of them breaks a rule.
#[must_use]
pub fn hunt(bug: Bug, seeds: Range<u64>) -> Option<Caught> {
    let (gear, name) = gear(bug);
    let from = seeds.start;
    seeds.into_iter().find_map(|seed| {
        let how = how(Some(bug), gear, seed)?;
        // A seed that breaks a rule anyway has not found this bug.
        if self::how(None, gear, seed).is_some() {
            return None;
        }
        Some(Caught { gear: name, seed, seeds: seed - from + 1, how })
    })
}

/// What a seed breaks with a bug, or without any.
fn how(bug: Option<Bug>, gear: Gear, seed: u64) -> Option<String> {
    let run = move || {
        plant(bug);
        let outcome = run(gear, seed, false);
        plant(None);
        outcome
    };
    match catch_unwind(run) {
        Ok(Outcome { violations, .. }) => violations.first().map(ToString::to_string),
        Err(_) => {
            plant(None);
            Some("panicked".into())
        }
    }
}

/// What stands in for cryptography shows the same bugs sooner.
fn persons() -> (Gear, &'static str) {
    #[cfg(feature = "stub")]
    return (Gear::Stub, "stub");
    #[cfg(not(feature = "stub"))]
    return (Gear::Real, "real");
}

/// Bugs of link and peer show to raw users, who are many times faster.
fn gear(bug: Bug) -> (Gear, &'static str) {
    match bug {
        Bug::RequestNotRepeated
        | Bug::SilenceNotNoticed
        | Bug::ReplayTaken
        | Bug::PathNotValidated
        | Bug::OkBeforeHeld
        | Bug::OkWhenFull
        | Bug::ForgottenAtPush
        | Bug::ForgottenEarly
        | Bug::DeliveryIdsAgain
        | Bug::PushNotRepeated
        | Bug::PushNotResumed
        | Bug::PushesStayWithOldSession
        | Bug::QueueOfAnother
        | Bug::ListEndClosesAll
        | Bug::MemoryNotReleased
        | Bug::MemoryNotCounted => (Gear::Raw, "raw"),
        Bug::PartsInOrderOfArrival
        | Bug::OutboxFreedAtOk
        | Bug::ReceiptForWhatIsMissing
        | Bug::ShownTwice
        | Bug::ShownInOrderOfArrival
        | Bug::OutboxNotLoaded
        | Bug::PlaceNotSaved
        | Bug::QueuesNotListed
        | Bug::CardNotTold => persons(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All that are not caught are named at once.
    fn all_are_caught(raw: bool) {
        std::panic::set_hook(Box::new(|_| {}));
        let bugs = Bug::ALL.iter().filter(|bug| (gear(**bug).0 == Gear::Raw) == raw);
        let missed: Vec<_> = bugs.filter(|bug| hunt(**bug, 0..1000).is_none()).collect();
        let _ = std::panic::take_hook();
        assert!(missed.is_empty(), "not caught in 1000 seeds: {missed:?}");
    }

    #[test]
    fn bugs_of_link_and_peer_are_caught() {
        all_are_caught(true);
    }

    #[test]
    fn bugs_of_the_client_and_end_to_end_are_caught() {
        all_are_caught(false);
    }
}
