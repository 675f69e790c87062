//! All timers of the client in one table, the earliest first.

use std::collections::{BTreeMap, BTreeSet};

use crate::api::ContactId;
use crate::home_row::HomeId;

/// What a timer is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Timer {
    /// Look at a contact again: offers, receipts, retries.
    Contact(ContactId),
    /// Show a gap.
    Gap(ContactId),
    /// Look for the key of a contact's peer again.
    Key(ContactId),
    /// Try a home peer again, or renew what it was told.
    Home(HomeId),
    /// Go on with probing for a longer keepalive towards a home peer.
    Probe(HomeId),
    /// Try a home peer at its new address again.
    Trial(HomeId),
    /// The next message that disappears.
    Vanish,
}

/// Deadlines in monotonic microseconds.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    by_time: BTreeSet<(u64, Timer)>,
    by_timer: BTreeMap<Timer, u64>,
}

impl Timers {
    pub(crate) fn set(&mut self, timer: Timer, at: u64) {
        self.clear(timer);
        self.by_timer.insert(timer, at);
        self.by_time.insert((at, timer));
    }

    /// Like [`Self::set`], but never later than what is set already.
    pub(crate) fn set_earlier(&mut self, timer: Timer, at: u64) {
        if self.by_timer.get(&timer).is_none_or(|&old| at < old) {
            self.set(timer, at);
        }
    }

    pub(crate) fn clear(&mut self, timer: Timer) {
        if let Some(at) = self.by_timer.remove(&timer) {
            self.by_time.remove(&(at, timer));
        }
    }

    pub(crate) fn next(&self) -> Option<u64> {
        self.by_time.first().map(|&(at, _)| at)
    }

    pub(crate) fn pop_due(&mut self, now_us: u64) -> Option<Timer> {
        let &(at, timer) = self.by_time.first()?;
        if at > now_us {
            return None;
        }
        self.clear(timer);
        Some(timer)
    }
}
