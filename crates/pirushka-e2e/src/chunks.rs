//! Joins the parts of a message, within bounds that hold against a hostile contact.
//!
//! Policy: one [`Reassembly`] per contact queue. It holds at most [`MESSAGES_MAX`] unfinished messages and
//! [`BYTES_MAX`] bytes of parts, each counted with [`PART_OVERHEAD`]. When that is not enough, the message that has
//! waited longest for its next part goes, and the caller is told, so that it can drop the stored parts; the sender, who
//! gets no receipt, offers it again. So a contact that sends beginnings without ends hurts only its own queue.
//! A finished message is forgotten at once: offered again it comes out again, and the session knows it as a duplicate.
//! Memory is taken only for bytes that came, never for what a header promises.

use std::collections::BTreeMap;

use pirushka_wire::planted::{self, Bug};

use crate::envelope::Part;

/// Unfinished messages of one queue.
pub const MESSAGES_MAX: usize = 8;
/// Bytes of parts of one queue, overhead included: two of the longest messages.
pub const BYTES_MAX: usize = 2 * (crate::envelope::MESSAGE_MAX + 128 * PART_OVERHEAD);
/// What a part costs beyond its bytes.
pub const PART_OVERHEAD: usize = 64;

/// What became of a part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The message is whole.
    Whole {
        /// See [`crate::envelope::kind`].
        kind: u8,
        /// Names its parts.
        message_id: [u8; 8],
        /// All parts in order.
        message: Vec<u8>,
    },
    /// Parts are missing.
    Waiting {
        /// Messages that had to go; their parts may be dropped.
        evicted: Vec<[u8; 8]>,
    },
    /// This part is here already.
    Duplicate,
    /// The part contradicts itself, or earlier ones of the same message id.
    Contradiction,
}

/// Unfinished messages of one queue.
#[derive(Debug, Clone, Default)]
pub struct Reassembly {
    unfinished: BTreeMap<[u8; 8], Unfinished>,
    bytes: usize,
    clock: u64,
}

#[derive(Debug, Clone)]
struct Unfinished {
    kind: u8,
    n: u16,
    parts: BTreeMap<u16, Vec<u8>>,
    bytes: usize,
    touched: u64,
}

impl Reassembly {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes one part, in any order.
    pub fn insert(&mut self, part: Part) -> Outcome {
        if part.i >= part.n {
            return Outcome::Contradiction;
        }
        if part.n == 1 && !self.unfinished.contains_key(&part.message_id) {
            return Outcome::Whole { kind: part.kind, message_id: part.message_id, message: part.bytes };
        }
        self.clock += 1;
        let message_id = part.message_id;
        let entry = self.unfinished.entry(message_id).or_insert_with(|| Unfinished::new(&part));
        if (entry.kind, entry.n) != (part.kind, part.n) {
            return Outcome::Contradiction;
        }
        if let Some(earlier) = entry.parts.get(&part.i) {
            return if *earlier == part.bytes { Outcome::Duplicate } else { Outcome::Contradiction };
        }
        let cost = part.bytes.len() + PART_OVERHEAD;
        entry.bytes += cost;
        self.bytes += cost;
        entry.touched = self.clock;
        let place = if planted::is(Bug::PartsInOrderOfArrival) { entry.parts.len() as u16 } else { part.i };
        entry.parts.insert(place, part.bytes);
        if entry.parts.len() < usize::from(entry.n) {
            return Outcome::Waiting { evicted: self.make_room(message_id) };
        }
        match self.remove(&message_id) {
            Some(whole) => {
                let message = whole.parts.into_values().flatten().collect();
                Outcome::Whole { kind: whole.kind, message_id, message }
            }
            None => Outcome::Duplicate,
        }
    }

    /// Forgets an unfinished message.
    pub fn forget(&mut self, message_id: &[u8; 8]) {
        self.remove(message_id);
    }

    /// The parts that are here, by message id and number.
    pub fn parts(&self) -> impl Iterator<Item = ([u8; 8], u16)> + '_ {
        self.unfinished.iter().flat_map(|(id, message)| message.parts.keys().map(|i| (*id, *i)))
    }

    /// Bytes held, overhead included.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// How many messages are unfinished.
    #[must_use]
    pub fn unfinished(&self) -> usize {
        self.unfinished.len()
    }

    fn make_room(&mut self, newest: [u8; 8]) -> Vec<[u8; 8]> {
        let mut evicted = vec![];
        while self.unfinished.len() > MESSAGES_MAX || self.bytes > BYTES_MAX {
            let others = self.unfinished.iter().filter(|(id, _)| **id != newest);
            let Some(oldest) = others.min_by_key(|(_, m)| m.touched).map(|(id, _)| *id) else { break };
            self.remove(&oldest);
            evicted.push(oldest);
        }
        evicted
    }

    fn remove(&mut self, message_id: &[u8; 8]) -> Option<Unfinished> {
        let gone = self.unfinished.remove(message_id)?;
        self.bytes -= gone.bytes;
        Some(gone)
    }
}

impl Unfinished {
    fn new(part: &Part) -> Self {
        Self { kind: part.kind, n: part.n, parts: BTreeMap::new(), bytes: 0, touched: 0 }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::envelope::{PART_MAX, PARTS_MAX};

    fn part(id: u8, n: u16, i: u16, bytes: &[u8]) -> Part {
        Part { kind: 1, message_id: [id; 8], n, i, bytes: bytes.to_vec() }
    }

    fn whole(id: u8, message: &[u8]) -> Outcome {
        Outcome::Whole { kind: 1, message_id: [id; 8], message: message.to_vec() }
    }

    const WAITING: Outcome = Outcome::Waiting { evicted: vec![] };

    #[test]
    fn parts_in_any_order_make_the_message() {
        let mut chunks = Reassembly::new();
        assert_eq!(chunks.insert(part(1, 3, 2, b"c")), WAITING);
        assert_eq!(chunks.insert(part(1, 3, 0, b"a")), WAITING);
        assert_eq!(chunks.insert(part(1, 3, 0, b"a")), Outcome::Duplicate);
        assert_eq!(chunks.insert(part(1, 3, 1, b"b")), whole(1, b"abc"));
        assert_eq!((chunks.bytes(), chunks.unfinished()), (0, 0));
    }

    #[test]
    fn a_message_offered_again_comes_out_again_because_the_first_may_have_been_dropped() {
        let mut chunks = Reassembly::new();
        for _ in 0..2 {
            assert_eq!(chunks.insert(part(1, 1, 0, b"a")), whole(1, b"a"));
            assert_eq!(chunks.insert(part(2, 2, 0, b"a")), WAITING);
            assert_eq!(chunks.insert(part(2, 2, 1, b"b")), whole(2, b"ab"));
        }
    }

    #[test]
    fn parts_that_contradict_each_other_change_nothing() {
        let mut chunks = Reassembly::new();
        chunks.insert(part(1, 3, 0, b"a"));
        assert_eq!(chunks.insert(part(1, 4, 1, b"b")), Outcome::Contradiction);
        assert_eq!(chunks.insert(part(1, 1, 0, b"a")), Outcome::Contradiction);
        assert_eq!(chunks.insert(part(1, 3, 0, b"x")), Outcome::Contradiction);
        assert_eq!(chunks.insert(Part { kind: 2, ..part(1, 3, 1, b"b") }), Outcome::Contradiction);
        chunks.insert(part(1, 3, 1, b"b"));
        assert_eq!(chunks.insert(part(1, 3, 2, b"c")), whole(1, b"abc"));
    }

    #[test]
    fn t20_chunk_bombs_stay_within_the_bounds_and_a_short_message_still_gets_through() {
        let mut chunks = Reassembly::new();
        let full = vec![0; PART_MAX];
        for round in 0..10_000u64 {
            let bomb = Part {
                kind: 1,
                message_id: (round / 100).to_be_bytes(),
                n: PARTS_MAX,
                i: (round % 100) as u16,
                bytes: full.clone(),
            };
            assert!(matches!(chunks.insert(bomb), Outcome::Waiting { .. }));
            assert!(chunks.bytes() <= BYTES_MAX && chunks.unfinished() <= MESSAGES_MAX);
        }
        assert_eq!(chunks.insert(part(200, 2, 0, b"a")), WAITING);
        assert_eq!(chunks.insert(part(200, 2, 1, b"b")), whole(200, b"ab"));
    }

    #[test]
    fn the_message_that_waited_longest_goes_and_is_named() {
        let mut chunks = Reassembly::new();
        (1..=8).for_each(|id| assert_eq!(chunks.insert(part(id, 3, 0, b"a")), WAITING));
        chunks.insert(part(1, 3, 1, b"b"));
        assert_eq!(chunks.insert(part(9, 2, 0, b"a")), Outcome::Waiting { evicted: vec![[2; 8]] });
    }

    proptest! {
        #[test]
        fn any_parts_keep_the_books(parts in prop::collection::vec((0u8..12, 1u16..6, 0u16..6, 0usize..40), 0..200)) {
            let mut chunks = Reassembly::new();
            for (id, n, i, len) in parts {
                chunks.insert(part(id, n, i, &vec![1; len]));
                let held: usize = chunks.unfinished.values().map(|m| m.bytes).sum();
                prop_assert_eq!(held, chunks.bytes());
                prop_assert!(chunks.unfinished() <= MESSAGES_MAX);
            }
        }
    }
}
