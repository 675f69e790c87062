//! What gives way when memory is short: introductions of the largest sources, then the oldest bundles. Messages of
//! contacts never; when only they are left, the answer is FULL and the senders keep their copies.

use crate::store::{Store, UserId};

/// Above this much of the cap, in percent, things give way.
const EVICT_PERCENT: u64 = 90;

impl Store {
    /// Makes room for `bytes` more, as far as that may be. Whether they fit.
    pub(crate) fn make_room(&mut self, bytes: u64) -> bool {
        while !self.ledger.fits(bytes, EVICT_PERCENT) && (self.evict_intro() || self.evict_bundle()) {
            self.totals.evicted += 1;
        }
        self.ledger.fits(bytes, 100)
    }

    fn evict_intro(&mut self) -> bool {
        let Some((id, intro)) = self.intro_sources.largest() else { return false };
        let Some(dropped) = self.registry.get_mut(id).and_then(|user| user.inbox.evict(intro)) else { return false };
        self.drop_intro(id, &dropped);
        self.settle(id);
        true
    }

    fn evict_bundle(&mut self) -> bool {
        let Some(id) = self.bundles.first().map(|&(_, id): &(u64, UserId)| id) else { return false };
        self.unpublish(id);
        self.settle(id);
        true
    }
}
