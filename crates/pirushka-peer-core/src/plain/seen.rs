//! What was said within the last four minutes, so that nobody can say it again (fact 18's "against replay").
//!
//! A statement is who says what at which second; junk between the fields or another form of the signature makes no new
//! one. It is remembered for as long as its timestamp could pass: a clock's tolerance before it and one behind it. There
//! is room for all that may be checked in that time, so only an operator's clock can fill it; then nothing more is
//! accepted until there is room, since forgetting would let a repeat through.

use std::collections::{BTreeSet, VecDeque};

use pirushka_wire::{Fingerprint, Now};

/// How far a timestamp may be from this machine's clock, in seconds.
pub(super) const TOLERANCE_S: u64 = 120;
/// How long a statement is remembered, in µs.
const MEMORY_US: u64 = (2 * TOLERANCE_S + 1) * pirushka_wire::time::SECOND;

/// Who says what, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Statement {
    pub(super) signer: Fingerprint,
    pub(super) timestamp: u64,
    pub(super) kind: u8,
}

/// Statements believed lately.
pub(super) struct Seen {
    room: usize,
    known: BTreeSet<Statement>,
    /// In the order in which they came.
    order: VecDeque<(u64, Statement)>,
}

/// What is known of a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Novelty {
    New,
    Known,
    /// It is new, and there is no room to remember it.
    NoRoom,
}

impl Seen {
    /// Room for all that is checked at this rate while it is remembered, and for a burst of a second.
    pub(super) fn new(checks_per_s: u32) -> Self {
        let seconds = MEMORY_US / pirushka_wire::time::SECOND + super::checks::BURST_S + 1;
        Self { room: checks_per_s as usize * seconds as usize, known: BTreeSet::new(), order: VecDeque::new() }
    }

    pub(super) fn novelty(&mut self, now: Now, statement: &Statement) -> Novelty {
        self.forget(now);
        if self.known.contains(statement) {
            Novelty::Known
        } else if self.known.len() >= self.room {
            Novelty::NoRoom
        } else {
            Novelty::New
        }
    }

    /// Remembers what was found new and is believed.
    pub(super) fn remember(&mut self, now: Now, statement: Statement) {
        if self.known.insert(statement) {
            self.order.push_back((now.mono_us, statement));
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        assert_eq!(self.known.len(), self.order.len());
        self.known.len()
    }

    fn forget(&mut self, now: Now) {
        while let Some((_, statement)) = self.order.pop_front_if(|(came_us, _)| *came_us + MEMORY_US <= now.mono_us) {
            self.known.remove(&statement);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(timestamp: u64) -> Statement {
        Statement { signer: Fingerprint([1; 32]), timestamp, kind: 2 }
    }

    fn at(mono_us: u64) -> Now {
        Now { mono_us, wall_ms: 0 }
    }

    #[test]
    fn a_statement_is_known_as_long_as_its_timestamp_could_pass() {
        let mut seen = Seen::new(1);
        assert_eq!(seen.novelty(at(5), &said(9)), Novelty::New);
        seen.remember(at(5), said(9));
        assert_eq!(seen.novelty(at(4 + MEMORY_US), &said(9)), Novelty::Known);
        assert_eq!(seen.novelty(at(4 + MEMORY_US), &Statement { kind: 3, ..said(9) }), Novelty::New);
        assert_eq!(seen.novelty(at(5 + MEMORY_US), &said(9)), Novelty::New);
        assert_eq!(seen.len(), 0);
    }

    #[test]
    fn when_it_is_full_nothing_new_is_accepted_and_what_is_known_stays_known() {
        let mut seen = Seen::new(1);
        for timestamp in 0..seen.room as u64 {
            assert_eq!(seen.novelty(at(0), &said(timestamp)), Novelty::New);
            seen.remember(at(0), said(timestamp));
        }
        assert_eq!(seen.novelty(at(1), &said(99_999)), Novelty::NoRoom);
        assert_eq!(seen.novelty(at(1), &said(0)), Novelty::Known);
        assert_eq!(seen.novelty(at(MEMORY_US), &said(99_999)), Novelty::New);
    }
}
