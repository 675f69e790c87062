//! What time takes away: messages after the hold time, introductions, entries of users who do not come back.

use pirushka_wire::Now;
use pirushka_wire::planted::{self, Bug};

use crate::store::heap::shrink_table;
use crate::store::mailbox::Origin;
use crate::store::{Store, UserId};

impl Store {
    /// Does what is due, and only for those users for whom something is.
    pub(crate) fn handle_timeout(&mut self, now: Now) {
        while let Some(id) = self.timers.pop_due(now.mono_us) {
            self.expire(now, id);
        }
    }

    /// When [`Self::handle_timeout`] has something to do.
    pub(crate) fn poll_timeout(&self) -> Option<u64> {
        self.timers.next()
    }

    fn expire(&mut self, now: Now, id: UserId) {
        let now_s = self.second(now);
        let Some(user) = self.registry.get_mut(id) else { return };
        user.armed_us = u64::MAX;
        user.mailbox.forget_acked(now_s);
        let mut places = Vec::new();
        let hold_s = if planted::is(Bug::ForgottenEarly) { 30 } else { self.config.hold_s };
        while let Some(gone) = user.mailbox.pop_expired(now_s, hold_s) {
            if let Origin::Queue { slot, bulk } = gone.origin {
                user.queues.remove(slot, gone.cost, bulk);
            }
            places.push(gone.place);
            self.totals.expired += 1;
            self.totals.messages_held -= 1;
        }
        self.release(&mut places);
        while let Some(dropped) = self.registry.get_mut(id).and_then(|user| user.inbox.pop_expired(now.mono_us)) {
            self.totals.expired += self.drop_intro(id, &dropped);
        }
        let ends = self.registry.get(id).and_then(|user| user.ends_us(&self.config));
        match ends {
            Some(ends) if ends <= now.mono_us => self.remove(id),
            _ => self.settle(id),
        }
    }

    fn remove(&mut self, id: UserId) {
        let Some(mut user) = self.registry.remove(id) else { return };
        for queue in user.queues.ids() {
            self.by_queue.remove(&queue);
        }
        shrink_table(&mut self.by_queue);
        for dropped in user.inbox.clear() {
            self.intro_sources.remove(dropped.source, id, dropped.intro, dropped.bytes);
        }
        if let Some((published_us, _)) = user.bundle {
            self.bundles.remove(&(published_us, id));
        }
        self.totals.messages_held -= user.mailbox.messages() as u64;
        self.release(&mut user.mailbox.places());
        self.ledger.settle(&mut user.charged, 0);
        self.timers.disarm(id);
    }
}
