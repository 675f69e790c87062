//! What is sent and not yet answered: when to send it again, and how much may be on its way at once.
//!
//! A thing is taken for lost when three that were sent later have been answered, or when its timeout has passed. It is
//! reported once by [`Flight::lost`]; the owner calls [`Flight::sent`] when it really goes out again. Round trips are
//! measured only on things sent once (Karn). All things count against the window, whether or not the owner asks
//! [`Flight::may_send`] before it sends them.

use std::collections::VecDeque;

use crate::congestion::Congestion;
use crate::rtt::Rtt;

/// So many later ones answered: it is lost (RFC 9002 section 6.1.1).
const REORDERING: u64 = 3;

/// Things in flight, by a key of the owner's choice. Cheapest when later things have greater keys and are answered in
/// about the order of their sending; right in any case.
#[derive(Debug, Clone)]
pub struct Flight<K: Ord + Copy> {
    /// By key.
    entries: VecDeque<(K, Entry)>,
    /// Those believed to be on their way, in the order of sending; what has been answered since stays until it is first.
    order: VecDeque<(u64, K)>,
    next: u64,
    highest_acked: Option<u64>,
    rtt: Rtt,
    congestion: Congestion,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    /// `None`: taken for lost, not yet sent again.
    order: Option<u64>,
    sent_us: u64,
    bytes: u32,
    repeated: bool,
}

impl<K: Ord + Copy> Default for Flight<K> {
    fn default() -> Self {
        Self {
            entries: VecDeque::new(),
            order: VecDeque::new(),
            next: 0,
            highest_acked: None,
            rtt: Rtt::default(),
            congestion: Congestion::default(),
        }
    }
}

impl<K: Ord + Copy> Flight<K> {
    /// Nothing in flight.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// `key` was sent (again) and counts `bytes` against the window.
    pub fn sent(&mut self, now_us: u64, key: K, bytes: usize) {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let order = self.next;
        self.next += 1;
        let fresh = Entry { order: Some(order), sent_us: now_us, bytes, repeated: false };
        match self.find(key) {
            Ok(at) => {
                let before = std::mem::replace(&mut self.entries[at].1, Entry { repeated: true, ..fresh });
                self.order.push_back((order, key));
                self.land(before);
                self.tidy();
            }
            Err(at) => {
                self.entries.insert(at, (key, fresh));
                self.order.push_back((order, key));
            }
        }
        self.congestion.sent(bytes);
    }

    /// `key` was answered. False when it was not known.
    pub fn acked(&mut self, now_us: u64, key: K) -> bool {
        let Some(entry) = self.take(key) else { return false };
        if entry.repeated {
            self.rtt.answered_unmeasured();
        } else {
            self.rtt.sample(now_us.saturating_sub(entry.sent_us));
        }
        if let Some(order) = entry.order {
            self.congestion.acked(entry.sent_us, entry.bytes);
            self.highest_acked = self.highest_acked.max(Some(order));
        }
        self.tidy();
        true
    }

    /// `key` no longer matters, answered or not. False when it was not known.
    pub fn forget(&mut self, key: K) -> bool {
        let Some(entry) = self.take(key) else { return false };
        self.land(entry);
        self.tidy();
        true
    }

    /// Keys that are taken for lost since the last call, oldest first: send them again.
    pub fn lost(&mut self, now_us: u64) -> Vec<K> {
        let rto_us = self.rtt.rto_us();
        let mut lost = vec![];
        let mut timed_out = false;
        while let Some(&(order, key)) = self.order.front() {
            let Ok(at) = self.find(key) else { break };
            let entry = &mut self.entries[at].1;
            let overtaken = self.highest_acked.is_some_and(|acked| order + REORDERING <= acked);
            let late = entry.sent_us + rto_us <= now_us;
            if !overtaken && !late {
                break;
            }
            timed_out |= late && !overtaken;
            entry.order = None;
            self.congestion.lost(now_us, entry.sent_us, entry.bytes);
            lost.push(key);
            self.tidy();
        }
        if timed_out {
            self.rtt.back_off();
            if self.rtt.backoff() > 1 {
                self.congestion.collapse(now_us);
            }
        }
        lost
    }

    /// Whether the congestion window has room for `bytes` more. There always is room when nothing is in flight.
    #[must_use]
    pub fn may_send(&self, bytes: usize) -> bool {
        self.congestion.has_room(u32::try_from(bytes).unwrap_or(u32::MAX))
    }

    /// When [`Self::lost`] may have something (µs). A moment in the past means: now.
    #[must_use]
    pub fn deadline(&self) -> Option<u64> {
        let &(order, key) = self.order.front()?;
        if self.highest_acked.is_some_and(|acked| order + REORDERING <= acked) {
            return Some(0);
        }
        self.find(key).ok().map(|at| self.entries[at].1.sent_us + self.rtt.rto_us())
    }

    /// Smoothed round trip (µs), once there is a sample.
    #[must_use]
    pub fn rtt_us(&self) -> Option<u64> {
        self.rtt.smoothed_us()
    }

    /// The present retransmission timeout (µs), 200 ms to 4 s.
    #[must_use]
    pub fn rto_us(&self) -> u64 {
        self.rtt.rto_us()
    }

    /// A round trip measured on something else, such as the handshake.
    pub fn sample_rtt(&mut self, us: u64) {
        self.rtt.sample(us);
    }

    /// The present congestion window in bytes.
    #[must_use]
    pub fn window(&self) -> usize {
        self.congestion.window() as usize
    }

    /// Whether `key` is being tracked.
    #[must_use]
    pub fn contains(&self, key: K) -> bool {
        self.find(key).is_ok()
    }

    /// How many keys are tracked, those taken for lost included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Forgets everything in flight and what the window had learned; the round trip time stays.
    pub fn clear(&mut self) {
        *self = Self { rtt: self.rtt.clone(), ..Self::default() };
    }

    /// For how many keys there is memory.
    #[must_use]
    pub fn room(&self) -> usize {
        self.entries.capacity()
    }

    /// Gives memory back, when nothing is in flight; without it room for a few stays.
    pub fn rest(&mut self) {
        if self.entries.is_empty() {
            (self.entries, self.order) = (VecDeque::new(), VecDeque::new());
        }
    }

    /// Where `key` is, or where it would be.
    fn find(&self, key: K) -> Result<usize, usize> {
        match self.entries.back() {
            Some((last, _)) if *last < key => Err(self.entries.len()),
            _ => self.entries.binary_search_by_key(&key, |(key, _)| *key),
        }
    }

    fn take(&mut self, key: K) -> Option<Entry> {
        self.find(key).ok().and_then(|at| self.entries.remove(at)).map(|(_, entry)| entry)
    }

    /// Takes an entry out of the air without an answer.
    fn land(&mut self, entry: Entry) {
        if entry.order.is_some() {
            self.congestion.forgot(entry.bytes);
        }
    }

    /// First in order is something that is on its way; what is no longer is never most of it, and many leave no room behind.
    fn tidy(&mut self) {
        let is_under_way = |entries: &VecDeque<(K, Entry)>, (order, key): &(u64, K)| {
            entries.binary_search_by_key(key, |(key, _)| *key).is_ok_and(|at| entries[at].1.order == Some(*order))
        };
        let Self { entries, order, .. } = self;
        while order.front().is_some_and(|first| !is_under_way(entries, first)) {
            order.pop_front();
        }
        if order.len() > 2 * entries.len() + ROOM_KEPT {
            order.retain(|one| is_under_way(entries, one));
        }
        if entries.capacity() > 4 * ROOM_KEPT && entries.capacity() > 4 * entries.len() {
            let room = (2 * entries.len()).max(ROOM_KEPT);
            entries.shrink_to(room);
            order.shrink_to(room);
        }
    }
}

/// Entries whose room is kept when they are gone.
const ROOM_KEPT: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000;

    #[test]
    fn what_three_later_ones_have_overtaken_is_lost_at_once() {
        let mut flight = Flight::new();
        for key in 0..5 {
            flight.sent(key, key, 1200);
        }
        flight.acked(100 * MS, 1);
        flight.acked(100 * MS, 2);
        assert_eq!(flight.lost(100 * MS), vec![]);
        flight.acked(100 * MS, 3);
        assert_eq!(flight.deadline(), Some(0));
        assert_eq!(flight.lost(100 * MS), vec![0]);
        assert_eq!(flight.lost(100 * MS), vec![]);
        flight.sent(100 * MS, 0, 1200);
        assert!(flight.acked(200 * MS, 0));
        assert!(!flight.acked(200 * MS, 0));
    }

    #[test]
    fn what_stays_unanswered_is_lost_after_the_timeout_which_then_doubles() {
        let mut flight = Flight::new();
        flight.sent(0, 'a', 100);
        assert_eq!(flight.deadline(), Some(1_000 * MS));
        assert_eq!(flight.lost(999 * MS), vec![]);
        assert_eq!(flight.lost(1_000 * MS), vec!['a']);
        assert_eq!(flight.deadline(), None);
        flight.sent(1_000 * MS, 'a', 100);
        assert_eq!(flight.deadline(), Some(3_000 * MS));
    }

    #[test]
    fn what_was_repeated_and_answered_leaves_the_next_its_whole_speed() {
        let mut flight = Flight::new();
        flight.sample_rtt(MS);
        flight.sent(0, 'a', 100);
        assert_eq!(flight.lost(200 * MS), vec!['a']);
        flight.sent(200 * MS, 'a', 100);
        assert_eq!(flight.lost(600 * MS), vec!['a']);
        flight.sent(600 * MS, 'a', 100);
        flight.acked(601 * MS, 'a');
        flight.sent(601 * MS, 'b', 100);
        assert_eq!(flight.deadline(), Some(801 * MS));
    }

    #[test]
    fn the_window_grows_by_what_is_answered_and_halves_once_per_round_trip_of_losses() {
        let mut flight = Flight::new();
        let start = flight.window();
        for key in 0..10u32 {
            assert!(flight.may_send(1200));
            flight.sent(0, key, 1200);
        }
        assert!(!flight.may_send(1200));
        for key in 2..10 {
            flight.acked(50 * MS, key);
        }
        let grown = flight.window();
        assert!(grown > start);
        assert_eq!(flight.lost(51 * MS), vec![0, 1]);
        assert_eq!(flight.window(), grown / 2);
    }

    #[test]
    fn keys_may_come_and_be_answered_in_any_order() {
        let mut flight = Flight::new();
        for key in [5, 3, 9, 1] {
            flight.sent(0, key, 100);
        }
        assert!(flight.acked(MS, 9) && flight.acked(MS, 3) && !flight.acked(MS, 4));
        assert_eq!((flight.len(), flight.contains(5), flight.contains(9)), (2, true, false));
        flight.sent(2 * MS, 7, 100);
        flight.sent(2 * MS, 0, 100);
        assert!(flight.acked(3 * MS, 0));
        assert_eq!(flight.lost(3 * MS), vec![5]);
        assert_eq!(flight.lost(3_000 * MS), vec![1, 7]);
        assert_eq!(flight.deadline(), None);
    }

    #[test]
    fn what_one_unanswered_thing_holds_back_does_not_grow_without_end() {
        let mut flight = Flight::new();
        flight.sent(0, 0u32, 100);
        for key in 1..10_000 {
            flight.sent(0, key, 100);
            flight.forget(key);
        }
        assert!(flight.order.len() <= 2 + ROOM_KEPT && flight.room() <= 4 * ROOM_KEPT);
        assert_eq!(flight.lost(5_000 * MS), vec![0]);
        flight.rest();
        assert_eq!(flight.len(), 1);
        flight.forget(0);
        flight.rest();
        assert_eq!(flight.room(), 0);
    }

    #[test]
    fn a_few_that_stay_unanswered_do_not_keep_the_room_of_thousands() {
        let mut flight = Flight::new();
        (0..5_000u32).for_each(|key| flight.sent(0, key, 30));
        (20..5_000).for_each(|key| assert!(flight.acked(MS, key)));
        flight.lost(2 * MS);
        assert!(flight.len() == 20 && flight.room() <= 4 * 20, "{}", flight.room());
    }

    #[test]
    fn forgetting_frees_the_window() {
        let mut flight = Flight::new();
        (0..10u32).for_each(|key| flight.sent(0, key, 1200));
        (0..10).for_each(|key| assert!(flight.forget(key)));
        assert!(flight.is_empty() && flight.may_send(12_000));
        assert_eq!(flight.deadline(), None);
    }
}
