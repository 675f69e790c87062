//! A user's list of contact queues: SET, DROP, END; and RESTORE, by which a contact brings a queue back with its ticket.
//!
//! The list is incremental; END marks it complete, and from then on a ticket opens nothing that is not on it.

use pirushka_identity::IntroPolicy;
use pirushka_identity::proofs::{self, TicketClaim};
use pirushka_wire::planted::{self, Bug};
use pirushka_wire::{Fingerprint, Now, QueueId};

use crate::limits::{QUEUE_OVERHEAD, USER_OVERHEAD};
use crate::refusal::Refusal;
use crate::store::heap::shrink_table;
use crate::store::queues::Queues;
use crate::store::{Store, UserId};

/// A queue as its user wants it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct QueueSetting {
    pub(crate) queue: QueueId,
    pub(crate) secret_hash: [u8; 32],
    /// 0 = the peer's default.
    pub(crate) quota_kib: u32,
}

/// The ticket for a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TicketGrant {
    pub(crate) quota_kib: u32,
    /// Unix seconds.
    pub(crate) expiry: u64,
    pub(crate) mac: [u8; 16],
}

impl Store {
    /// Opens a queue, or changes it, in registration `round`.
    pub(crate) fn queue_set(
        &mut self,
        now: Now,
        id: UserId,
        round: u32,
        setting: QueueSetting,
    ) -> Result<TicketGrant, Refusal> {
        let quota_kib = self.granted_kib(setting.quota_kib);
        match self.by_queue.get(&setting.queue) {
            Some((owner, _)) if *owner != id => return Err(Refusal::REFUSED),
            Some((_, slot)) => {
                let slot = *slot;
                self.user_mut(id)?.queues.set(slot, setting.secret_hash, quota_kib * 1024, round);
            }
            None => self.open_queue(id, round, &QueueSetting { quota_kib, ..setting })?,
        }
        self.ticket(now, id, &setting)
    }

    /// The ticket for a queue, made from nothing but the key.
    pub(crate) fn ticket(&self, now: Now, id: UserId, setting: &QueueSetting) -> Result<TicketGrant, Refusal> {
        let quota_kib = self.granted_kib(setting.quota_kib);
        let expiry = now.wall_s() + u64::from(self.config.ticket_life_s);
        let claim = TicketClaim {
            fingerprint: self.user(id)?.fingerprint,
            queue: setting.queue,
            secret_hash: setting.secret_hash,
            quota_kib,
            expiry,
        };
        Ok(TicketGrant { quota_kib, expiry, mac: proofs::ticket(&self.ticket_key.0, &claim) })
    }

    /// Closes a queue; what it holds is forgotten. Closing what is not there is done already.
    pub(crate) fn queue_drop(&mut self, id: UserId, queue: QueueId) -> Result<(), Refusal> {
        match self.by_queue.get(&queue) {
            Some((owner, slot)) if *owner == id => {
                let slot = *slot;
                self.close_queue(id, slot);
                self.settle(id);
                Ok(())
            }
            _ => self.user(id).map(|_| ()),
        }
    }

    /// The list of registration `round` is complete: drops the queues and tokens it does not name, and a policy.
    pub(crate) fn list_end(&mut self, id: UserId, round: u32) -> Result<(), Refusal> {
        let user = self.user_mut(id)?;
        user.list_known = true;
        user.tokens.keep_listed(round);
        if user.policy_round != round {
            user.policy = IntroPolicy::Token;
        }
        let listed = if planted::is(Bug::ListEndClosesAll) { round + 1 } else { round };
        for slot in user.queues.unlisted(listed) {
            self.close_queue(id, slot);
        }
        self.settle(id);
        Ok(())
    }

    /// A contact opens its queue again. Nothing is believed but the ticket, and that only until the user's own list.
    pub(crate) fn queue_restore(
        &mut self,
        now: Now,
        fingerprint: Fingerprint,
        setting: QueueSetting,
        expiry: u64,
        mac: &[u8; 16],
    ) -> Result<(), Refusal> {
        let QueueSetting { queue, secret_hash, quota_kib } = setting;
        let claim = TicketClaim { fingerprint, queue, secret_hash, quota_kib, expiry };
        if !proofs::ticket_holds(&self.ticket_key.0, &claim, mac) || expiry <= now.wall_s() {
            return Err(Refusal::BAD_PROOF);
        }
        let known = self.registry.find(&fingerprint);
        if let Some((owner, slot)) = self.by_queue.get(&queue) {
            let user = self.registry.get(*owner).filter(|_| known == Some(*owner));
            let opens = user.and_then(|u| u.queues.get(*slot)).is_some_and(|q| q.opens(&secret_hash));
            return if opens { Ok(()) } else { Err(Refusal::UNKNOWN_QUEUE) };
        }
        if known.and_then(|id| self.registry.get(id)).is_some_and(|user| user.list_known) {
            return Err(Refusal::UNKNOWN_QUEUE);
        }
        self.refuse_when_draining(now)?;
        if !self.make_room(USER_OVERHEAD + self.queue_growth(known)) {
            return Err(Refusal::PEER_FULL);
        }
        let id = known.unwrap_or_else(|| self.enter(now, fingerprint));
        let quota_kib = self.granted_kib(quota_kib);
        let opened = self.open_queue(id, 0, &QueueSetting { quota_kib, ..setting });
        self.settle(id);
        self.totals.queues_restored += u64::from(opened.is_ok());
        opened
    }

    fn open_queue(&mut self, id: UserId, round: u32, setting: &QueueSetting) -> Result<(), Refusal> {
        if self.user(id)?.queues.len() >= usize::from(self.config.queues_max) {
            return Err(Refusal::full(false));
        }
        if !self.make_room(self.queue_growth(Some(id))) {
            return Err(Refusal::PEER_FULL);
        }
        let user = self.user_mut(id)?;
        let slot = user.queues.open(setting.queue, setting.secret_hash, setting.quota_kib * 1024, round);
        self.by_queue.insert(setting.queue, (id, slot));
        self.settle(id);
        Ok(())
    }

    /// What one queue more takes at most.
    fn queue_growth(&self, id: Option<UserId>) -> u64 {
        let user = id.and_then(|id| self.registry.get(id));
        QUEUE_OVERHEAD + user.map_or(Queues::GROWTH_FIRST, |user| user.queues.growth())
    }

    /// Not settled yet.
    fn close_queue(&mut self, id: UserId, slot: u16) {
        let Some(user) = self.registry.get_mut(id) else { return };
        let mut places = user.mailbox.drop_queue(slot);
        self.totals.messages_held -= places.len() as u64;
        if let Some(queue) = user.queues.close(slot) {
            self.by_queue.remove(&queue);
            shrink_table(&mut self.by_queue);
        }
        self.release(&mut places);
    }

    fn granted_kib(&self, asked: u32) -> u32 {
        let most = (self.config.queue_bytes / 1024).max(1);
        let least = (self.config.queue_reserve_bytes / 1024).clamp(1, most);
        if asked == 0 { most } else { asked.clamp(least, most) }
    }
}
