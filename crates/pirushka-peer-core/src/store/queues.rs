//! One user's contact queues, and the shares that keep them from starving one another.
//!
//! A plain message uses its queue's own reserve first and the user's shared bytes beyond it. A bulk message never
//! touches the reserve and may fill at most half of its queue and half of the shared bytes. So a text, a commit or a
//! code step always fits a queue whose contact has not itself filled the reserve.

use pirushka_wire::QueueId;
use subtle::ConstantTimeEq as _;

use crate::config::PeerConfig;
use crate::limits::QUEUE_OVERHEAD;
use crate::store::heap::{vec_bytes, vec_growth};

#[derive(Debug, Default)]
pub(crate) struct Queues {
    slots: Vec<Option<Queue>>,
    live: usize,
    /// Bytes of all queues that count against the user's shared bytes.
    shared: u64,
    /// Of these, the bulk.
    bulk: u64,
    reserve: u64,
}

/// What the peer knows of a contact queue: no contact, only a name, what opens it, and how full it is.
#[derive(Debug)]
pub(crate) struct Queue {
    id: QueueId,
    secret_hash: [u8; 32],
    quota: u64,
    plain: Held,
    bulk: Held,
    round: u32,
}

#[derive(Debug, Default, Clone, Copy)]
struct Held {
    bytes: u64,
    messages: u32,
}

impl Queue {
    pub(crate) fn id(&self) -> QueueId {
        self.id
    }

    /// Whether this is the hash of the queue's secret; in constant time.
    pub(crate) fn opens(&self, secret_hash: &[u8; 32]) -> bool {
        self.secret_hash.ct_eq(secret_hash).into()
    }
}

impl Queues {
    pub(crate) fn new(config: &PeerConfig) -> Self {
        Self { reserve: u64::from(config.queue_reserve_bytes), ..Self::default() }
    }

    pub(crate) fn len(&self) -> usize {
        self.live
    }

    /// What the first queue brings beside [`QUEUE_OVERHEAD`].
    pub(crate) const GROWTH_FIRST: u64 = 4 * 112;

    pub(crate) fn footprint(&self) -> u64 {
        vec_bytes(&self.slots) + self.live as u64 * QUEUE_OVERHEAD
    }

    /// What [`Self::footprint`] grows by at most with one queue more, beside [`QUEUE_OVERHEAD`].
    pub(crate) fn growth(&self) -> u64 {
        vec_growth(&self.slots)
    }

    /// Bytes counted against the user's shared bytes.
    pub(crate) fn shared(&self) -> u64 {
        self.shared
    }

    pub(crate) fn get(&self, slot: u16) -> Option<&Queue> {
        self.slots.get(usize::from(slot))?.as_ref()
    }

    /// Opens a queue and gives its slot; the caller has checked the number of queues.
    pub(crate) fn open(&mut self, id: QueueId, secret_hash: [u8; 32], quota: u32, round: u32) -> u16 {
        let queue =
            Queue { id, secret_hash, quota: quota.into(), plain: Held::default(), bulk: Held::default(), round };
        self.live += 1;
        let free = self.slots.iter().position(Option::is_none);
        match free {
            Some(slot) => self.slots[slot] = Some(queue),
            None => self.slots.push(Some(queue)),
        }
        free.unwrap_or(self.slots.len() - 1) as u16
    }

    /// Changes a queue's secret and quota and marks it as listed in this registration.
    pub(crate) fn set(&mut self, slot: u16, secret_hash: [u8; 32], quota: u32, round: u32) {
        if let Some(Some(queue)) = self.slots.get_mut(usize::from(slot)) {
            (queue.secret_hash, queue.quota, queue.round) = (secret_hash, quota.into(), round);
        }
    }

    /// Closes a queue. Its messages are the caller's to drop.
    pub(crate) fn close(&mut self, slot: u16) -> Option<QueueId> {
        let queue = self.slots.get_mut(usize::from(slot))?.take()?;
        self.live -= 1;
        self.shared -= queue.shared(self.reserve);
        self.bulk -= queue.bulk.bytes;
        while self.slots.last().is_some_and(Option::is_none) {
            self.slots.pop();
        }
        if self.slots.is_empty() {
            self.slots.shrink_to_fit();
        } else if self.slots.capacity() > 4 && self.slots.capacity() > 3 * self.slots.len() {
            self.slots.shrink_to(self.slots.len() * 3 / 2);
        }
        Some(queue.id)
    }

    /// Slots of queues that were not named in registration `round`.
    pub(crate) fn unlisted(&self, round: u32) -> Vec<u16> {
        let slots = self.slots.iter().enumerate();
        slots.filter(|(_, q)| q.as_ref().is_some_and(|q| q.round != round)).map(|(slot, _)| slot as u16).collect()
    }

    pub(crate) fn ids(&self) -> impl Iterator<Item = QueueId> + '_ {
        self.slots.iter().flatten().map(Queue::id)
    }

    /// Whether a message of `cost` fits. `beside` = what else counts against the user's shared bytes.
    pub(crate) fn admits(&self, slot: u16, cost: u64, bulk: bool, beside: u64, config: &PeerConfig) -> bool {
        let Some(queue) = self.get(slot) else { return false };
        let user_bytes = u64::from(config.user_bytes);
        let messages = u32::from(config.queue_messages);
        let grows = queue.shared_growth(cost, bulk, self.reserve);
        let fits_bulk = !bulk
            || (queue.bulk.bytes + cost <= queue.quota / 2
                && queue.bulk.messages < messages / 2
                && self.bulk + cost <= user_bytes / 2);
        fits_bulk
            && queue.plain.bytes + queue.bulk.bytes + cost <= queue.quota
            && queue.plain.messages + queue.bulk.messages < messages
            && (grows == 0 || self.shared + beside + grows <= user_bytes)
    }

    /// Another reserve for every queue from now on.
    pub(crate) fn set_reserve(&mut self, reserve: u32) {
        self.reserve = reserve.into();
        self.shared = self.slots.iter().flatten().map(|queue| queue.shared(self.reserve)).sum();
    }

    pub(crate) fn add(&mut self, slot: u16, cost: u64, bulk: bool) {
        let reserve = self.reserve;
        self.change(slot, |queue| {
            let held = if bulk { &mut queue.bulk } else { &mut queue.plain };
            held.bytes += cost;
            held.messages += 1;
        });
        debug_assert!(self.shared >= self.bulk, "bulk is part of the shared bytes, reserve {reserve}");
    }

    pub(crate) fn remove(&mut self, slot: u16, cost: u64, bulk: bool) {
        self.change(slot, |queue| {
            let held = if bulk { &mut queue.bulk } else { &mut queue.plain };
            held.bytes -= cost;
            held.messages -= 1;
        });
    }

    fn change(&mut self, slot: u16, change: impl FnOnce(&mut Queue)) {
        let Some(Some(queue)) = self.slots.get_mut(usize::from(slot)) else { return };
        let before = (queue.shared(self.reserve), queue.bulk.bytes);
        change(queue);
        self.shared = self.shared - before.0 + queue.shared(self.reserve);
        self.bulk = self.bulk - before.1 + queue.bulk.bytes;
    }
}

impl Queue {
    fn shared(&self, reserve: u64) -> u64 {
        self.plain.bytes.saturating_sub(reserve) + self.bulk.bytes
    }

    fn shared_growth(&self, cost: u64, bulk: bool, reserve: u64) -> u64 {
        if bulk {
            return cost;
        }
        (self.plain.bytes + cost).saturating_sub(reserve) - self.plain.bytes.saturating_sub(reserve)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> PeerConfig {
        PeerConfig { user_bytes: 100_000, queue_reserve_bytes: 16_384, ..PeerConfig::default() }
    }

    fn fill(queues: &mut Queues, slot: u16, cost: u64, bulk: bool, config: &PeerConfig) -> u64 {
        let mut n = 0;
        while queues.admits(slot, cost, bulk, 0, config) {
            queues.add(slot, cost, bulk);
            n += 1;
        }
        n
    }

    #[test]
    fn the_reserve_of_a_queue_is_free_when_all_others_have_filled_the_shared_bytes() {
        let config = config();
        let mut queues = Queues::new(&config);
        let greedy: Vec<u16> = (0..8).map(|i| queues.open(QueueId([i; 16]), [0; 32], 1 << 20, 1)).collect();
        let quiet = queues.open(QueueId([9; 16]), [0; 32], 1 << 20, 1);
        for slot in greedy {
            fill(&mut queues, slot, 1000, false, &config);
        }
        assert!(queues.shared() > 99_000);
        assert_eq!(fill(&mut queues, quiet, 1000, false, &config), 16);
        assert!(!queues.admits(quiet, 1000, true, 0, &config));
    }

    #[test]
    fn bulk_fills_half_of_a_queue_and_leaves_room_for_texts() {
        let config = PeerConfig { user_bytes: 8 << 20, ..config() };
        let mut queues = Queues::new(&config);
        let slot = queues.open(QueueId([1; 16]), [0; 32], 100_000, 1);
        assert_eq!(fill(&mut queues, slot, 1000, true, &config), 50);
        assert_eq!(fill(&mut queues, slot, 1000, false, &config), 50);
    }

    #[test]
    fn bulk_of_all_queues_together_fills_half_of_the_user() {
        let config = config();
        let mut queues = Queues::new(&config);
        let slots: Vec<u16> = (0..4).map(|i| queues.open(QueueId([i; 16]), [0; 32], 1 << 20, 1)).collect();
        let total: u64 = slots.iter().map(|&slot| fill(&mut queues, slot, 1000, true, &config)).sum();
        assert_eq!(total, 50);
    }

    #[test]
    fn a_flood_of_tiny_messages_ends_at_the_number_of_messages() {
        let config = PeerConfig { user_bytes: 8 << 20, ..config() };
        let mut queues = Queues::new(&config);
        let slot = queues.open(QueueId([1; 16]), [0; 32], 1 << 20, 1);
        assert_eq!(fill(&mut queues, slot, 129, false, &config), 500);
    }

    #[test]
    fn closing_a_queue_gives_its_shares_back() {
        let config = config();
        let mut queues = Queues::new(&config);
        let slot = queues.open(QueueId([1; 16]), [0; 32], 1 << 20, 1);
        fill(&mut queues, slot, 1000, true, &config);
        fill(&mut queues, slot, 1000, false, &config);
        assert_eq!(queues.close(slot), Some(QueueId([1; 16])));
        assert_eq!((queues.shared, queues.bulk, queues.len(), queues.footprint()), (0, 0, 0, 0));
    }

    #[test]
    fn a_first_queue_brings_no_more_than_was_asked_for() {
        let mut queues = Queues::new(&config());
        queues.open(QueueId([1; 16]), [0; 32], 1 << 20, 1);
        assert!(queues.footprint() <= QUEUE_OVERHEAD + Queues::GROWTH_FIRST);
    }
}
