//! One user's held messages: in the order of their delivery ids, until acknowledged or expired.
//!
//! A message is a place on the [`super::shelf`], where its bytes lie, and 32 bytes in a deque. Removal in the middle
//! leaves a hole; holes are swept when they are a third of it, so every operation is O(log n) amortised. Ids of deposits
//! are kept as 64 bits of a keyed hash, while the message is held and for a minute after its acknowledgement.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasherDefault, Hasher};

use pirushka_wire::planted::{self, Bug};
use pirushka_wire::{DeliveryId, Incarnation};

use crate::limits::{ACKED_MEMORY_MAX, ACKED_MEMORY_S, MESSAGE_OVERHEAD};
use crate::store::heap::{deque_bytes, deque_growth, table_bytes, table_growth};
use crate::store::shelf::{Place, slot_cost};

/// Where a held message came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A contact queue, by its slot in the user's table.
    Queue {
        slot: u16,
        /// Counts against the bulk share.
        bulk: bool,
    },
    /// The intro inbox.
    Intro,
}

/// A message that is no longer held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Removed {
    pub(crate) delivery: DeliveryId,
    pub(crate) origin: Origin,
    /// What it counted in the quotas, overhead included.
    pub(crate) cost: u64,
    /// Where its bytes lie, for the caller to take away.
    pub(crate) place: Place,
}

/// Names a deposit within a user's mailbox: keyed hash of queue and deposit id. Two that agree by chance (2^-64 per
/// pair) make the second look like a repeat until a minute after the first is acknowledged; its sender offers it again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct DepositKey(pub(crate) u64);

/// What a message of so many bytes counts in the quotas.
pub(crate) fn message_cost(bytes: usize) -> u64 {
    bytes as u64 + MESSAGE_OVERHEAD
}

#[derive(Debug)]
pub(crate) struct Mailbox {
    incarnation: Incarnation,
    next_delivery: u64,
    held: VecDeque<Held>,
    holes: usize,
    /// Sum of the held messages' costs in the quotas.
    bytes: u64,
    /// Sum of what their bytes take.
    slot_bytes: u64,
    /// Deposits that are held.
    known: Known,
    /// Deposits acknowledged a moment ago, and when: a few, looked through one by one.
    acked: VecDeque<(u32, DepositKey)>,
}

#[derive(Debug)]
struct Held {
    delivery: u64,
    key: DepositKey,
    place: Place,
    at_s: u32,
    slot: u16,
    length: u16,
    flags: u8,
}

const INTRO_SLOT: u16 = u16::MAX;
const BULK: u8 = 1;
const HOLE: u8 = 2;

type Known = HashMap<DepositKey, (), BuildHasherDefault<AlreadyHashed>>;

/// Room for messages that is kept while the mailbox is in use, also when nothing is held.
const ROOM_KEPT: usize = 16;

impl Mailbox {
    pub(crate) fn new(incarnation: Incarnation) -> Self {
        Self {
            incarnation,
            next_delivery: 1,
            held: VecDeque::new(),
            holes: 0,
            bytes: 0,
            slot_bytes: 0,
            known: HashMap::default(),
            acked: VecDeque::new(),
        }
    }

    pub(crate) fn incarnation(&self) -> Incarnation {
        self.incarnation
    }

    /// Messages held.
    pub(crate) fn messages(&self) -> usize {
        self.held.len() - self.holes
    }

    /// Bytes held, overhead included.
    pub(crate) fn held_bytes(&self) -> u64 {
        self.bytes
    }

    /// Everything this mailbox takes, as its containers are now.
    pub(crate) fn footprint(&self) -> u64 {
        self.slot_bytes + deque_bytes(&self.held) + table_bytes(&self.known) + deque_bytes(&self.acked)
    }

    /// What [`Self::footprint`] grows by at most when a message of so many bytes is held.
    pub(crate) fn growth(&self, bytes: usize) -> u64 {
        slot_cost(bytes) + deque_growth(&self.held) + table_growth(&self.known)
    }

    /// The id that the next message will have.
    pub(crate) fn next_delivery(&self) -> DeliveryId {
        DeliveryId(self.next_delivery)
    }

    /// When the oldest message was left.
    pub(crate) fn oldest_s(&self) -> Option<u32> {
        self.held.iter().find(|h| !h.is_hole()).map(|h| h.at_s)
    }

    /// Whether this deposit is held or was acknowledged a moment ago.
    pub(crate) fn knows(&mut self, now_s: u32, key: DepositKey) -> bool {
        self.forget_acked(now_s);
        self.known.contains_key(&key) || self.acked.iter().any(|(_, acked)| *acked == key)
    }

    /// Takes an envelope from a contact queue. The caller has asked [`Self::knows`] and the quotas.
    pub(crate) fn hold_envelope(
        &mut self,
        now_s: u32,
        slot: u16,
        bulk: bool,
        key: DepositKey,
        (place, length): (Place, usize),
    ) {
        self.known.insert(key, ());
        self.push(now_s, key, slot, if bulk { BULK } else { 0 }, (place, length));
    }

    /// Takes a part of a complete introduction.
    pub(crate) fn hold_intro(&mut self, now_s: u32, bytes: (Place, usize)) -> DeliveryId {
        self.push(now_s, DepositKey(0), INTRO_SLOT, 0, bytes)
    }

    /// A held message's bytes lie elsewhere now.
    pub(crate) fn moved(&mut self, delivery: DeliveryId, to: Place) {
        let at = self.position(delivery.0);
        if let Some(held) = self.held.get_mut(at).filter(|held| held.delivery == delivery.0) {
            held.place = to;
        }
    }

    /// Where all held messages lie.
    pub(crate) fn places(&self) -> Vec<Place> {
        self.held.iter().filter(|h| !h.is_hole()).map(|h| h.place).collect()
    }

    /// The oldest held message whose id is at least `from`.
    pub(crate) fn first_from(&self, from: DeliveryId) -> Option<DeliveryId> {
        self.held.range(self.position(from.0)..).find(|h| !h.is_hole()).map(|h| DeliveryId(h.delivery))
    }

    /// A held message.
    pub(crate) fn message(&self, delivery: DeliveryId) -> Option<(Origin, Place)> {
        let held = self.held.get(self.position(delivery.0))?;
        (held.delivery == delivery.0 && !held.is_hole()).then(|| (held.origin(), held.place))
    }

    /// The recipient has these: forgets the messages, remembers the deposits for a minute.
    pub(crate) fn acknowledge(&mut self, now_s: u32, first: u64, last: u64, mut removed: impl FnMut(Removed)) {
        self.forget_acked(now_s);
        let mut at = self.position(first);
        while let Some(held) = self.held.get_mut(at).filter(|held| held.delivery <= last) {
            at += 1;
            if held.is_hole() {
                continue;
            }
            let (key, length) = (held.key, held.length);
            let gone = held.remove();
            self.count_removed(gone, length);
            if gone.origin != Origin::Intro {
                self.known.remove(&key);
                if self.acked.len() >= ACKED_MEMORY_MAX {
                    self.acked.pop_front();
                }
                self.acked.push_back((now_s, key));
            }
            removed(gone);
        }
        self.sweep();
    }

    /// Drops one message without remembering it.
    pub(crate) fn drop_delivery(&mut self, delivery: DeliveryId) -> Option<Removed> {
        let at = self.position(delivery.0);
        let found = self.held.get(at).is_some_and(|h| h.delivery == delivery.0 && !h.is_hole());
        let gone = found.then(|| self.forget(at));
        self.sweep();
        gone
    }

    /// Drops everything that came through one queue.
    pub(crate) fn drop_queue(&mut self, slot: u16) -> Vec<Place> {
        let mut places = Vec::new();
        for at in 0..self.held.len() {
            if self.held[at].slot == slot && !self.held[at].is_hole() {
                places.push(self.forget(at).place);
            }
        }
        self.sweep();
        places
    }

    /// Drops one envelope that has been held for longer than `hold_s`. Introductions expire by their inbox.
    pub(crate) fn pop_expired(&mut self, now_s: u32, hold_s: u32) -> Option<Removed> {
        let at = self.first_envelope()?;
        let gone = (now_s > self.held[at].at_s.saturating_add(hold_s)).then(|| self.forget(at));
        self.sweep();
        gone
    }

    /// The first second in which [`Self::pop_expired`] or [`Self::forget_acked`] has something to do.
    pub(crate) fn next_second(&self, hold_s: u32) -> Option<u32> {
        let expiry = self.first_envelope().map(|at| self.held[at].at_s.saturating_add(hold_s).saturating_add(1));
        let forgetting = self.acked.front().map(|(at_s, _)| at_s.saturating_add(ACKED_MEMORY_S));
        expiry.into_iter().chain(forgetting).min()
    }

    /// Forgets deposits acknowledged a minute ago.
    pub(crate) fn forget_acked(&mut self, now_s: u32) {
        let mut forgotten = false;
        while self.acked.front().is_some_and(|(at_s, _)| at_s.saturating_add(ACKED_MEMORY_S) <= now_s) {
            self.acked.pop_front();
            forgotten = true;
        }
        if forgotten {
            self.rest();
        }
    }

    /// Gives memory back when nothing is held and nothing was a moment ago: until then the next message finds its room.
    fn rest(&mut self) {
        if self.held.is_empty() && self.acked.is_empty() {
            (self.held, self.acked, self.known) = (VecDeque::new(), VecDeque::new(), Known::default());
        }
    }

    fn push(
        &mut self,
        now_s: u32,
        key: DepositKey,
        slot: u16,
        flags: u8,
        (place, length): (Place, usize),
    ) -> DeliveryId {
        if planted::is(Bug::DeliveryIdsAgain) && self.messages() == 0 {
            self.next_delivery = 1;
        }
        let delivery = self.next_delivery;
        self.next_delivery += 1;
        self.bytes += message_cost(length);
        self.slot_bytes += slot_cost(length);
        // No class of the shelf holds more than a u16 says.
        self.held.push_back(Held { delivery, key, place, at_s: now_s, slot, length: length as u16, flags });
        DeliveryId(delivery)
    }

    fn position(&self, delivery: u64) -> usize {
        self.held.partition_point(|h| h.delivery < delivery)
    }

    fn first_envelope(&self) -> Option<usize> {
        self.held.iter().position(|h| !h.is_hole() && h.slot != INTRO_SLOT)
    }

    fn forget(&mut self, at: usize) -> Removed {
        let held = &mut self.held[at];
        if held.slot != INTRO_SLOT {
            self.known.remove(&held.key);
        }
        let (gone, length) = (held.remove(), held.length);
        self.count_removed(gone, length);
        gone
    }

    fn count_removed(&mut self, gone: Removed, length: u16) {
        self.bytes -= gone.cost;
        self.slot_bytes -= slot_cost(length.into());
        self.holes += 1;
    }

    fn sweep(&mut self) {
        while self.held.front().is_some_and(Held::is_hole) {
            self.held.pop_front();
            self.holes -= 1;
        }
        if self.holes > 16 && self.holes > self.held.len() / 3 {
            self.held.retain(|h| !h.is_hole());
            self.holes = 0;
        }
        if self.held.capacity() > ROOM_KEPT && self.held.capacity() > 3 * self.held.len() {
            self.held.shrink_to((self.held.len() * 3 / 2).max(ROOM_KEPT / 2));
        }
        if self.known.capacity() > ROOM_KEPT && self.known.capacity() > 4 * self.known.len() {
            self.known.shrink_to(self.known.len());
        }
        self.rest();
    }
}

impl Held {
    fn is_hole(&self) -> bool {
        self.flags & HOLE != 0
    }

    fn origin(&self) -> Origin {
        match self.slot {
            INTRO_SLOT => Origin::Intro,
            slot => Origin::Queue { slot, bulk: self.flags & BULK != 0 },
        }
    }

    /// Leaves a hole.
    fn remove(&mut self) -> Removed {
        self.flags |= HOLE;
        Removed {
            delivery: DeliveryId(self.delivery),
            origin: self.origin(),
            cost: message_cost(self.length.into()),
            place: self.place,
        }
    }
}

/// A [`DepositKey`] is a keyed hash already.
#[derive(Debug, Default)]
pub(crate) struct AlreadyHashed(u64);

impl Hasher for AlreadyHashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(byte);
        }
    }

    fn write_u64(&mut self, n: u64) {
        self.0 = n;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SLOT: u16 = 3;

    fn mailbox(n: u64) -> Mailbox {
        let mut mailbox = Mailbox::new(Incarnation([1; 8]));
        for i in 0..n {
            mailbox.hold_envelope(i as u32, SLOT, false, DepositKey(1000 + i), (Place::nowhere(i as u32), 320));
        }
        mailbox
    }

    fn ids(mailbox: &Mailbox) -> Vec<u64> {
        let mut ids = vec![];
        let mut from = DeliveryId(0);
        while let Some(id) = mailbox.first_from(from) {
            ids.push(id.0);
            from = DeliveryId(id.0 + 1);
        }
        ids
    }

    #[test]
    fn messages_come_oldest_first_and_only_those_acknowledged_are_forgotten() {
        let mut mailbox = mailbox(5);
        let mut gone = vec![];
        mailbox.acknowledge(10, 2, 3, |r| gone.push(r.delivery.0));
        assert_eq!((gone, ids(&mailbox)), (vec![2, 3], vec![1, 4, 5]));
        assert_eq!(mailbox.messages(), 3);
        assert_eq!(mailbox.held_bytes(), 3 * message_cost(320));
        assert_eq!(mailbox.message(DeliveryId(2)), None);
        assert_eq!(mailbox.message(DeliveryId(4)).map(|(_, place)| place), Some(Place::nowhere(3)));
        mailbox.moved(DeliveryId(4), Place::nowhere(77));
        assert_eq!(mailbox.message(DeliveryId(4)).map(|(_, place)| place), Some(Place::nowhere(77)));
    }

    #[test]
    fn an_acknowledgement_of_everything_there_could_be_costs_only_what_is_held() {
        let mut mailbox = mailbox(100);
        mailbox.acknowledge(200, 0, u64::MAX, |_| {});
        assert_eq!((mailbox.messages(), mailbox.held_bytes()), (0, 0));
    }

    #[test]
    fn delivery_ids_never_repeat_even_when_the_mailbox_was_empty_in_between() {
        let mut mailbox = mailbox(3);
        mailbox.acknowledge(10, 1, 3, |_| {});
        mailbox.hold_envelope(11, SLOT, false, DepositKey(7), (Place::nowhere(9), 1));
        assert_eq!(ids(&mailbox), vec![4]);
    }

    #[test]
    fn a_deposit_is_known_while_held_and_for_a_minute_after_its_acknowledgement() {
        let mut mailbox = mailbox(1);
        assert!(mailbox.knows(5_000, DepositKey(1000)));
        mailbox.acknowledge(5_000, 1, 1, |_| {});
        assert!(mailbox.knows(5_059, DepositKey(1000)));
        assert_eq!(mailbox.next_second(100), Some(5_060));
        assert!(!mailbox.knows(5_060, DepositKey(1000)));
        assert_eq!(mailbox.footprint(), 0);
    }

    #[test]
    fn an_expired_message_is_dropped_and_its_deposit_can_be_made_again() {
        let mut mailbox = mailbox(2);
        assert_eq!(mailbox.next_second(60), Some(61));
        assert_eq!(mailbox.pop_expired(60, 60), None);
        assert_eq!(mailbox.pop_expired(61, 60).map(|r| r.delivery), Some(DeliveryId(1)));
        assert_eq!(mailbox.pop_expired(61, 60), None);
        assert!(!mailbox.knows(61, DepositKey(1000)));
        assert!(mailbox.knows(61, DepositKey(1001)));
    }

    #[test]
    fn dropping_a_queue_drops_its_messages_and_no_others() {
        let mut mailbox = mailbox(40);
        mailbox.hold_envelope(50, 9, true, DepositKey(1), (Place::nowhere(50), 5));
        mailbox.hold_intro(50, (Place::nowhere(51), 5));
        assert_eq!(mailbox.drop_queue(SLOT).len(), 40);
        assert_eq!(ids(&mailbox), vec![41, 42]);
        assert_eq!(mailbox.held_bytes(), 2 * message_cost(5));
    }

    #[test]
    fn a_held_message_costs_little_more_than_its_bytes() {
        assert_eq!(size_of::<Held>(), 32);
        let grown = |n| (mailbox(n).footprint() - n * slot_cost(320)) / n;
        let worst = (100..600).map(grown).max();
        assert!(worst.is_some_and(|bytes| bytes <= MESSAGE_OVERHEAD), "{worst:?} beside the bytes");
    }

    #[test]
    fn growth_is_known_before_it_happens_and_what_was_fetched_is_given_back() {
        let mut mailbox = Mailbox::new(Incarnation([1; 8]));
        assert_eq!(mailbox.footprint(), 0);
        for i in 0..2_000u64 {
            let before = mailbox.footprint();
            let growth = mailbox.growth(320);
            mailbox.hold_envelope(1, SLOT, false, DepositKey(i), (Place::nowhere(i as u32), 320));
            assert!(mailbox.footprint() <= before + growth, "{i}");
        }
        mailbox.acknowledge(1, 1, 1_990, |_| {});
        mailbox.forget_acked(100);
        assert!(mailbox.footprint() <= 10 * slot_cost(320) + 2_000, "{}", mailbox.footprint());
        mailbox.acknowledge(100, 0, 3_000, |_| {});
        mailbox.forget_acked(200);
        assert_eq!(mailbox.footprint(), 0);
    }
}
