//! DEPOSIT in a contact queue: whoever knows the secret leaves an envelope, and nothing of who it was is kept.

use pirushka_identity::proofs;
use pirushka_wire::planted::{self, Bug};
use pirushka_wire::{DepositId, Now, QueueId, QueueSecret};

use crate::refusal::Refusal;
use crate::store::mailbox::{DepositKey, message_cost};
use crate::store::{Store, UserId, keyed_u64};

impl Store {
    /// Holds an envelope. OK means "held in the RAM of this boot"; a deposit that is known already is OK and changes
    /// nothing. Gives the user for whom it is, if something new is held.
    pub(crate) fn deposit(
        &mut self,
        now: Now,
        queue: QueueId,
        secret: &QueueSecret,
        deposit: DepositId,
        bulk: bool,
        envelope: &[u8],
    ) -> Result<Option<UserId>, Refusal> {
        let (id, slot) = self.opened(queue, secret)?;
        let now_s = self.second(now);
        let key = DepositKey(keyed_u64(&self.deposit_key.0, deposit_name(queue, deposit).as_slice()));
        if self.user_mut(id)?.mailbox.knows(now_s, key) {
            self.totals.deposits_repeated += 1;
            return Ok(None);
        }
        if envelope.is_empty() {
            return Err(Refusal::MALFORMED);
        }
        if envelope.len() > usize::from(self.config.envelope_max) {
            return Err(Refusal::TOO_LARGE);
        }
        self.refuse_when_draining(now)?;
        let cost = message_cost(envelope.len());
        let user = self.user(id)?;
        if planted::is(Bug::OkBeforeHeld) && !user.here {
            return Ok(None);
        }
        if planted::is(Bug::OkWhenFull) && !user.queues.admits(slot, cost, bulk, user.bundle_footprint(), &self.config)
        {
            return Ok(None);
        }
        if !user.queues.admits(slot, cost, bulk, user.bundle_footprint(), &self.config) {
            return Err(Refusal::full(user.here));
        }
        let (growth, delivery) = (user.mailbox.growth(envelope.len()), user.mailbox.next_delivery());
        if !self.make_room(growth) {
            return Err(Refusal::PEER_FULL);
        }
        let place = self.shelf.put(id, delivery, envelope).ok_or(Refusal::PEER_FULL)?;
        let user = self.user_mut(id)?;
        user.queues.add(slot, cost, bulk);
        user.mailbox.hold_envelope(now_s, slot, bulk, key, (place, envelope.len()));
        self.settle(id);
        self.totals.deposits += 1;
        self.totals.messages_held += 1;
        Ok(Some(id))
    }

    /// The queue, if there is one and the secret is its. A wrong secret and a queue that is not there look the same and
    /// take the same time.
    fn opened(&self, queue: QueueId, secret: &QueueSecret) -> Result<(UserId, u16), Refusal> {
        let hash = proofs::queue_secret_hash(secret);
        let (id, slot) = self.by_queue.get(&queue).copied().ok_or(Refusal::UNKNOWN_QUEUE)?;
        let opens = self.user(id)?.queues.get(slot).is_some_and(|q| q.id() == queue && q.opens(&hash));
        if opens { Ok((id, slot)) } else { Err(Refusal::UNKNOWN_QUEUE) }
    }
}

/// Deposit ids are scoped to their queue.
fn deposit_name(queue: QueueId, deposit: DepositId) -> [u8; 32] {
    let mut name = [0; 32];
    name[..16].copy_from_slice(&queue.0);
    name[16..].copy_from_slice(&deposit.0);
    name
}
