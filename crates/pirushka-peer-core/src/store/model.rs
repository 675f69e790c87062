//! Random commands against a naive model: nothing lost, quotas never exceeded, bytes accounted exactly.

use std::collections::BTreeSet;

use pirushka_wire::time::SECOND;
use proptest::prelude::*;

use super::mailbox::message_cost;
use super::stories::{Desk, person};
use super::*;
use crate::limits::ACKED_MEMORY_MAX;

const QUEUES: u8 = 4;

#[derive(Debug, Clone)]
enum Op {
    Deposit { queue: u8, deposit: u64, bulk: bool, len: usize },
    Ack { first: u64, count: u64 },
    Open(u8),
    Drop(u8),
    Pass(u64),
    Leave,
    Return { list: Vec<u8>, end: bool },
}

fn op() -> impl Strategy<Value = Op> {
    let queue = || 0..QUEUES;
    prop_oneof![
        10 => (queue(), 0u64..60, any::<bool>(), prop_oneof![Just(320usize), Just(576), Just(1088), 1..20usize])
            .prop_map(|(queue, deposit, bulk, len)| Op::Deposit { queue, deposit, bulk, len }),
        4 => (0u64..80, 1u64..12).prop_map(|(first, count)| Op::Ack { first, count }),
        1 => queue().prop_map(Op::Open),
        1 => queue().prop_map(Op::Drop),
        2 => (1u64..400).prop_map(Op::Pass),
        1 => Just(Op::Leave),
        1 => (prop::collection::vec(queue(), 0..4), any::<bool>()).prop_map(|(list, end)| Op::Return { list, end }),
    ]
}

fn config() -> PeerConfig {
    PeerConfig {
        hold_s: 600,
        queue_bytes: 9 * 1024,
        queue_messages: 12,
        queue_reserve_bytes: 2 * 1024,
        user_bytes: 12 * 1024,
        ram_bytes: 40 * 1024,
        ..PeerConfig::default()
    }
}

/// What the store should hold, as plain lists that are searched from end to end.
#[derive(Default)]
struct Model {
    open: BTreeSet<u8>,
    held: Vec<Held>,
    /// Queue, deposit, when; the latest.
    acked: Vec<(u8, u64, u64)>,
    next: u64,
    now_s: u64,
}

#[derive(Clone)]
struct Held {
    delivery: u64,
    queue: u8,
    deposit: u64,
    bulk: bool,
    cost: u64,
    at_s: u64,
}

impl Model {
    fn sum(&self, of: impl Fn(&Held) -> bool) -> (u64, usize) {
        let held = self.held.iter().filter(|h| of(h));
        (held.clone().map(|h| h.cost).sum(), held.count())
    }

    fn shared(&self, config: &PeerConfig) -> u64 {
        let plain = |q| self.sum(|h| h.queue == q && !h.bulk).0.saturating_sub(config.queue_reserve_bytes.into());
        (0..QUEUES).map(plain).sum::<u64>() + self.sum(|h| h.bulk).0
    }

    /// Whether all quotas hold.
    fn is_within(&self, config: &PeerConfig) -> bool {
        let (bytes, messages) = (u64::from(config.queue_bytes), usize::from(config.queue_messages));
        let queue_is_within = |queue| {
            let (all, bulk) = (self.sum(|h| h.queue == queue), self.sum(|h| h.queue == queue && h.bulk));
            all.0 <= bytes && all.1 <= messages && bulk.0 <= bytes / 2 && bulk.1 <= messages / 2
        };
        (0..QUEUES).all(queue_is_within)
            && self.shared(config) <= config.user_bytes.into()
            && self.sum(|h| h.bulk).0 <= u64::from(config.user_bytes) / 2
    }

    /// The answer a deposit should get: whether it is new, or `None` for any refusal.
    fn deposit(&mut self, queue: u8, deposit: u64, bulk: bool, len: usize, config: &PeerConfig) -> Option<bool> {
        if !self.open.contains(&queue) {
            return None;
        }
        let now_s = self.now_s;
        self.acked.retain(|(_, _, at_s)| *at_s + 60 > now_s);
        let held = self.held.iter().any(|h| (h.queue, h.deposit) == (queue, deposit));
        if held || self.acked.iter().any(|(q, d, _)| (*q, *d) == (queue, deposit)) {
            return Some(false);
        }
        let cost = message_cost(len);
        self.next += 1;
        self.held.push(Held { delivery: self.next, queue, deposit, bulk, cost, at_s: self.now_s });
        // A plain message in its reserve fits even if the shared bytes are full already, never if they overflow by it.
        if !self.is_within(config) {
            self.held.pop();
            self.next -= 1;
            return None;
        }
        Some(true)
    }

    fn ack(&mut self, first: u64, last: u64) {
        let now_s = self.now_s;
        for h in self.held.iter().filter(|h| (first..=last).contains(&h.delivery)) {
            self.acked.push((h.queue, h.deposit, now_s));
        }
        let excess = self.acked.len().saturating_sub(ACKED_MEMORY_MAX);
        self.acked.drain(..excess);
        self.held.retain(|h| !(first..=last).contains(&h.delivery));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]
    #[test]
    fn the_store_holds_exactly_what_a_naive_list_would(ops in prop::collection::vec(op(), 1..150)) {
        let config = config();
        let (mut desk, mut model, bob) = (Desk::new(&config), Model::default(), person(1));
        let mut here = desk.register(&bob);
        for queue in 0..QUEUES - 1 {
            desk.queue(here, queue);
            model.open.insert(queue);
        }
        for op in ops {
            match op {
                Op::Deposit { queue, deposit, bulk, len } => {
                    let done = desk.deposit(queue, deposit, bulk, len).ok();
                    prop_assert_eq!(done, model.deposit(queue, deposit, bulk, len, &config));
                }
                Op::Ack { first, count } => {
                    let range = (first, first + count - 1);
                    desk.store.acknowledge(desk.now, here.user, here.incarnation, std::iter::once(range), |_| {});
                    model.ack(range.0, range.1);
                }
                Op::Open(queue) => {
                    desk.queue(here, queue);
                    model.open.insert(queue);
                }
                Op::Drop(queue) => {
                    desk.store.queue_drop(here.user, QueueId([queue; 16])).unwrap();
                    model.open.remove(&queue);
                    model.held.retain(|h| h.queue != queue);
                }
                Op::Pass(seconds) => {
                    desk.pass(seconds * SECOND);
                    model.now_s += seconds;
                    model.held.retain(|h| model.now_s <= h.at_s + u64::from(config.hold_s));
                }
                Op::Leave => desk.store.leave(desk.now, here.user),
                Op::Return { list, end } => {
                    here = desk.register(&bob);
                    for &queue in &list {
                        desk.queue(here, queue);
                        model.open.insert(queue);
                    }
                    if end {
                        desk.store.list_end(here.user, here.round).unwrap();
                        model.open.retain(|queue| list.contains(queue));
                        model.held.retain(|h| list.contains(&h.queue));
                    }
                }
            }
            desk.check();
            let held: Vec<u64> = desk.held(here.user).iter().map(|d| d.0).collect();
            let expected: Vec<u64> = model.held.iter().map(|h| h.delivery).collect();
            prop_assert_eq!(held, expected);
            prop_assert_eq!(desk.store.status(desk.now, here.user).unwrap().bytes, model.sum(|_| true).0);
            prop_assert!(model.is_within(&config));
        }
    }
}
