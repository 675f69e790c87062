//! What the recipient takes: held messages oldest first, ACK, and the answer to "do I have messages?" (fact 3).

use pirushka_wire::frame::push_class;
use pirushka_wire::planted::{self, Bug};
use pirushka_wire::{DeliveryId, Incarnation, Now, QueueId};

use crate::refusal::Refusal;
use crate::store::mailbox::Origin;
use crate::store::{Store, UserId};

/// Room for places that is kept between acknowledgements.
const PLACES_KEPT: usize = 1024;

/// What POLL is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct HeldStatus {
    pub(crate) messages: u32,
    pub(crate) bytes: u64,
    pub(crate) oldest_s: u32,
}

/// A held message as it is pushed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Message<'a> {
    pub(crate) class: u8,
    pub(crate) queue: QueueId,
    pub(crate) body: &'a [u8],
}

impl Store {
    /// The oldest held message with an id of at least `from`.
    pub(crate) fn first_from(&self, id: UserId, from: DeliveryId) -> Option<DeliveryId> {
        self.registry.get(id)?.mailbox.first_from(from)
    }

    /// How many messages are held for a user.
    pub(crate) fn messages(&self, id: UserId) -> u64 {
        self.registry.get(id).map_or(0, |user| user.mailbox.messages() as u64)
    }

    /// A held message.
    pub(crate) fn message(&self, id: UserId, delivery: DeliveryId) -> Option<Message<'_>> {
        let user = self.registry.get(id)?;
        let (origin, place) = user.mailbox.message(delivery)?;
        let body = self.shelf.get(place);
        Some(match origin {
            Origin::Intro => Message { class: push_class::INTRO, queue: QueueId::default(), body },
            Origin::Queue { slot, .. } => {
                let slot = if planted::is(Bug::QueueOfAnother) { 0 } else { slot };
                Message { class: push_class::CONTACT, queue: user.queues.get(slot)?.id(), body }
            }
        })
    }

    /// The recipient has these on its disk: forgets them, unless they name another life of the mailbox. `each` is told of
    /// those that were held.
    pub(crate) fn acknowledge(
        &mut self,
        now: Now,
        id: UserId,
        incarnation: Incarnation,
        ranges: impl Iterator<Item = (u64, u64)>,
        mut each: impl FnMut(DeliveryId),
    ) {
        let now_s = self.second(now);
        let Some(user) = self.registry.get_mut(id).filter(|user| user.mailbox.incarnation() == incarnation) else {
            return;
        };
        let mut places = std::mem::take(&mut self.places);
        for (first, last) in ranges {
            user.mailbox.acknowledge(now_s, first, last, |removed| {
                each(removed.delivery);
                places.push(removed.place);
                match removed.origin {
                    Origin::Queue { slot, bulk } => user.queues.remove(slot, removed.cost, bulk),
                    Origin::Intro => {
                        if let Some(done) = user.inbox.acknowledged(now.mono_us, removed.delivery) {
                            self.intro_sources.remove(done.source, id, done.intro, done.bytes);
                        }
                    }
                }
            });
        }
        self.totals.delivered += places.len() as u64;
        self.totals.messages_held -= places.len() as u64;
        self.release(&mut places);
        if places.capacity() <= PLACES_KEPT {
            self.places = places;
        }
        self.settle(id);
    }

    /// What is held for a user.
    pub(crate) fn status(&self, now: Now, id: UserId) -> Result<HeldStatus, Refusal> {
        let mailbox = &self.user(id)?.mailbox;
        Ok(HeldStatus {
            messages: u32::try_from(mailbox.messages()).unwrap_or(u32::MAX),
            bytes: mailbox.held_bytes(),
            oldest_s: mailbox.oldest_s().map_or(0, |at_s| self.second(now).saturating_sub(at_s)),
        })
    }
}
