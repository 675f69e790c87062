//! Deadlines of many things, found without looking at all of them.

use std::collections::{BTreeMap, BTreeSet};

/// At most one deadline per key; O(log n) each.
///
/// Moving a deadline later is left until it fires: the owner finds nothing due then and arms again.
#[derive(Debug)]
pub(crate) struct Timers<K> {
    order: BTreeSet<(u64, K)>,
    armed: BTreeMap<K, u64>,
}

impl<K> Default for Timers<K> {
    fn default() -> Self {
        Self { order: BTreeSet::new(), armed: BTreeMap::new() }
    }
}

impl<K: Ord + Copy> Timers<K> {
    /// The key will fire no later than `deadline` (mono µs).
    pub(crate) fn arm(&mut self, key: K, deadline: u64) {
        match self.armed.get(&key) {
            Some(&armed) if armed <= deadline => return,
            Some(&armed) => drop(self.order.remove(&(armed, key))),
            None => {}
        }
        self.order.insert((deadline, key));
        self.armed.insert(key, deadline);
    }

    pub(crate) fn disarm(&mut self, key: K) {
        if let Some(armed) = self.armed.remove(&key) {
            self.order.remove(&(armed, key));
        }
    }

    /// Takes one key that is due.
    pub(crate) fn pop_due(&mut self, now_us: u64) -> Option<K> {
        let &(deadline, key) = self.order.first().filter(|(deadline, _)| *deadline <= now_us)?;
        self.order.remove(&(deadline, key));
        self.armed.remove(&key);
        Some(key)
    }

    pub(crate) fn next(&self) -> Option<u64> {
        self.order.first().map(|(deadline, _)| *deadline)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_earliest_deadline_of_a_key_counts_and_fires_once() {
        let mut timers = Timers::default();
        timers.arm('a', 50);
        timers.arm('a', 90);
        timers.arm('b', 60);
        timers.arm('b', 40);
        assert_eq!(timers.next(), Some(40));
        assert_eq!(timers.pop_due(45), Some('b'));
        assert_eq!(timers.pop_due(45), None);
        assert_eq!(timers.pop_due(60), Some('a'));
        assert_eq!(timers.next(), None);
    }

    #[test]
    fn a_disarmed_key_does_not_fire() {
        let mut timers = Timers::default();
        timers.arm(1, 10);
        timers.disarm(1);
        assert_eq!(timers.pop_due(100), None);
    }
}
