//! Attacks on the peer's memory, at the store alone: T14 to T17.

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher, Hash};

use pirushka_identity::Identity;
use pirushka_wire::frame::error_code;
use pirushka_wire::time::{DAY, HOUR, MINUTE, SECOND};
use pirushka_wire::{DepositId, Fingerprint};
use proptest::prelude::*;

use super::bundle::bundle_bytes;
use super::mailbox::DepositKey;
use super::stories::{Desk, SECRET, person, setting};
use super::*;

const NEAR_FULL: u64 = 90;

fn deposit(desk: &mut Desk, queue: QueueId, n: u64, len: usize) -> Result<Option<UserId>, Refusal> {
    let mut id = [0; 16];
    id[..8].copy_from_slice(&n.to_be_bytes());
    desk.store.deposit(desk.now, queue, &SECRET, DepositId(id), false, &vec![n as u8; len])
}

fn used(desk: &Desk) -> u64 {
    desk.store.ledger.used()
}

#[test]
fn t15_one_contact_floods_and_all_others_of_the_user_and_of_the_peer_write_on() {
    let (mut desk, bob, carol) = (Desk::new(&PeerConfig::default()), person(1), person(2));
    let (to_bob, to_carol) = (desk.register(&bob), desk.register(&carol));
    for queue in 1..=3 {
        desk.queue(to_bob, queue);
    }
    desk.queue(to_carol, 9);
    assert_eq!(desk.deposit(2, 1, false, 320), Ok(true));
    let mut held = 0;
    let full = loop {
        match deposit(&mut desk, QueueId([1; 16]), held, 1088) {
            Ok(_) => held += 1,
            Err(refusal) => break refusal,
        }
    };
    assert_eq!((held, full.code), (500, error_code::FULL));
    assert!(full.retry_after_ms > 0, "the sender is told when to offer again");
    for again in 0..held {
        assert_eq!(deposit(&mut desk, QueueId([1; 16]), again, 1088), Ok(None), "what was taken is held");
    }
    assert_eq!(desk.deposit(2, 2, false, 1088), Ok(true));
    assert_eq!(desk.deposit(3, 1, false, 1088), Ok(true));
    assert_eq!(desk.deposit(9, 1, false, 1088), Ok(true));
    assert_eq!(desk.held(to_bob.user).len(), held as usize + 3);
    desk.ack_all(to_bob);
    assert!(deposit(&mut desk, QueueId([1; 16]), 1000, 1088).is_ok(), "room again");
}

#[test]
fn t16_tiny_and_odd_messages_cost_what_they_take_and_end_at_the_quotas() {
    let config = PeerConfig { queue_messages: u16::MAX, ram_bytes: 16 << 20, ..PeerConfig::default() };
    for sizes in [&[1][..], &[1, 2, 3, 5, 8, 13], &[319, 320, 321], &[48, 49, 1087, 1088, 577], &[0]] {
        let (mut desk, bob) = (Desk::new(&config), person(1));
        let registered = desk.register(&bob);
        for queue in 1..=9 {
            desk.queue(registered, queue);
        }
        let (mut held, mut n) = (0, 0);
        for queue in 1..=8 {
            let queue = QueueId([queue; 16]);
            while let Ok(Some(_)) = deposit(&mut desk, queue, n, sizes[n as usize % sizes.len()]) {
                (held, n) = (held + 1, n + 1);
            }
            n += 1;
        }
        desk.check();
        let (mapped, charged) = (desk.store.shelf.mapped_bytes(), used(&desk));
        // One page of each class is not full, and one is spare.
        assert!(mapped <= charged + 10 * (64 << 10), "{sizes:?}: {mapped} mapped, {charged} charged");
        assert!(charged <= config.ram_bytes);
        match sizes {
            [0] => assert_eq!(held, 0, "nothing is no message"),
            _ => assert!(held >= 1_000, "{sizes:?}: {held}"),
        }
        assert_eq!(desk.deposit(9, 1, false, 1088), Ok(true), "the quiet contact's text fits");
        let again = desk.register(&bob);
        assert_eq!(desk.ack_all(again), held + 1);
        desk.pass(2 * MINUTE);
        assert!(used(&desk) < 8_000, "{} bytes for an empty mailbox", used(&desk));
        assert!(desk.store.shelf.mapped_bytes() <= 64 << 10, "the pages went back");
    }
}

#[test]
fn t17_names_that_begin_alike_do_not_crowd_any_table() {
    const NAMES: u32 = 4096;
    let alike = |n: u32| {
        let mut name = [0xab; 32];
        name[28..].copy_from_slice(&n.to_be_bytes());
        name
    };
    let half = |n: u32| -> [u8; 16] { alike(n)[16..].try_into().unwrap() };
    let desk = Desk::new(&PeerConfig::default());
    let fingerprints = (0..NAMES).map(|n| hash_of(desk.store.registry.hasher(), &Fingerprint(alike(n))));
    let queues = (0..NAMES).map(|n| hash_of(desk.store.by_queue.hasher(), &QueueId(half(n))));
    let key = |n| DepositKey(keyed_u64(&desk.store.deposit_key.0, &[[1; 16], half(n)].concat()));
    let known: HashMap<DepositKey, (), std::hash::BuildHasherDefault<super::mailbox::AlreadyHashed>> =
        HashMap::default();
    let deposits = (0..NAMES).map(|n| hash_of(known.hasher(), &key(n)));
    for (table, hashes) in
        [("users", fingerprints.collect::<Vec<_>>()), ("queues", queues.collect()), ("deposits", deposits.collect())]
    {
        // As many buckets as names: by chance a bucket gets 7 or 8 of them, and a look-up compares so many at most.
        let mut buckets: BTreeMap<u64, u32> = BTreeMap::new();
        hashes.iter().for_each(|hash| *buckets.entry(hash % u64::from(NAMES)).or_default() += 1);
        let most = buckets.values().max().copied().unwrap_or_default();
        assert!(most <= 16, "{table}: {most} names in one bucket");
    }

    fn hash_of<T: Hash>(hasher: &impl BuildHasher, name: &T) -> u64 {
        hasher.hash_one(name)
    }
}

#[test]
fn t14_an_inbox_filled_from_many_sources_costs_contacts_nothing() {
    let config = PeerConfig { ram_bytes: 2 << 20, intros_max: 2_000, ..PeerConfig::default() };
    let (mut desk, bob) = (Desk::new(&config), person(1));
    let registered = desk.register(&bob);
    desk.queue(registered, 1);
    desk.token(registered, u16::MAX);
    let refused = (0..2_000_u32).filter(|n| intro(&mut desk, &bob, *n, Source(u64::from(*n))).is_err()).count();
    assert!(refused > 200, "at 80 % of the cap introductions are refused: {refused}");
    let strangers = used(&desk);
    assert!(strangers <= config.ram_bytes * 80 / 100);
    let mut held = 0;
    while held < 500 && deposit(&mut desk, QueueId([1; 16]), held, 1088).is_ok() {
        held += 1;
    }
    assert_eq!(held, 500, "contacts get their whole quota, introductions give way");
    desk.check();
    assert!(desk.store.totals.evicted > 0);
}

fn intro(desk: &mut Desk, to: &Identity, n: u32, source: Source) -> Result<Option<UserId>, Refusal> {
    let mut id = [0; 16];
    id[..4].copy_from_slice(&n.to_be_bytes());
    let part = Part { intro: pirushka_wire::IntroId(id), parts: 1, index: 0, bytes: &[n as u8; 1000] };
    let (token, work) = (pirushka_wire::IntroToken([9; 16]), pirushka_wire::WorkNonce(0));
    let deposit = IntroDeposit { fingerprint: to.fingerprint(), part, token, work, binding: [0; 32] };
    desk.store.deposit_intro(desk.now, source, &deposit)
}

#[test]
fn new_users_are_taken_slowly_above_70_percent_and_not_at_all_above_90() {
    let config = PeerConfig {
        ram_bytes: 400_000,
        new_users_per_prefix_hour: 32,
        register_difficulty: 0,
        queue_messages: 5_000,
        ..PeerConfig::default()
    };
    let (mut desk, bob) = (Desk::new(&config), person(1));
    let registered = desk.register(&bob);
    desk.queue(registered, 1);
    let mut n = 0;
    let mut fill = |desk: &mut Desk, percent| {
        while desk.store.ledger.fits(10_000, percent) {
            n += 1;
            deposit(desk, QueueId([1; 16]), n, 1088).unwrap();
        }
    };
    fill(&mut desk, 70);
    for seed in 2..=5 {
        assert!(
            desk.store.register(desk.now, Source(2), person(seed).certificate(), &Newcomer::default()).is_ok(),
            "many below 70 %"
        );
    }
    fill(&mut desk, 75);
    let register = |desk: &mut Desk, seed, source| {
        desk.store
            .register(desk.now, Source(source), person(seed).certificate(), &Newcomer::default())
            .map_err(|r| r.code)
    };
    assert!(register(&mut desk, 20, 3).is_ok() && register(&mut desk, 21, 3).is_ok());
    assert_eq!(register(&mut desk, 22, 3), Err(error_code::SLOW_DOWN), "a sixteenth of 32 for each network");
    assert!(register(&mut desk, 23, 4).is_ok(), "another network");
    fill(&mut desk, 94);
    assert_eq!(register(&mut desk, 24, 5), Err(error_code::FULL));
    assert!(register(&mut desk, 20, 3).is_ok(), "coming back is never limited");
    desk.check();
}

#[test]
fn everything_that_is_held_for_a_time_goes_when_the_time_is_over_and_nothing_stays_counted() {
    let (mut desk, bob) = (Desk::new(&PeerConfig::default()), person(1));
    let registered = desk.register(&bob);
    desk.queue(registered, 1);
    desk.token(registered, 100);
    desk.deposit(1, 1, false, 1088).unwrap();
    desk.intro(&bob, 1, 3, 0, Source(1)).unwrap();
    desk.intro(&bob, 2, 1, 0, Source(1)).unwrap();
    desk.store.publish(desk.now, registered.user, &bundle_bytes(&[1; 400], &[2; 2700], &[])).unwrap();
    let inbox = |desk: &Desk| desk.store.intro_sources.len();
    assert_eq!(inbox(&desk), 2);
    desk.pass(MINUTE + SECOND);
    assert_eq!(inbox(&desk), 1, "incomplete ones after a minute");
    desk.store.leave(desk.now, registered.user);
    desk.pass(DAY);
    assert_eq!((inbox(&desk), desk.held(registered.user).len()), (0, 1), "complete ones after a day");
    desk.pass(13 * DAY + HOUR);
    assert_eq!(desk.store.registry.len(), 0, "messages after two weeks, and then the user");
    assert_eq!((desk.store.by_queue.len(), desk.store.bundles.len(), desk.store.shelf.len()), (0, 0, 0));
    assert_eq!(used(&desk), desk.store.tables_charged);
}

#[test]
fn what_the_process_takes_beside_counts_as_soon_as_the_process_is_at_its_cap() {
    let config = PeerConfig { ram_bytes: 1_000_000, ..PeerConfig::default() };
    let (mut desk, bob) = (Desk::new(&config), person(1));
    desk.store.measured(200_000);
    let registered = desk.register(&bob);
    desk.queue(registered, 1);
    assert_eq!(desk.deposit(1, 1, false, 1088), Ok(true));
    desk.store.measured(1_000_001);
    let more = deposit(&mut desk, QueueId([1; 16]), 2, 1088);
    assert_eq!(more, Err(Refusal::PEER_FULL));
    desk.store.measured(900_000);
    assert_eq!(desk.deposit(1, 2, false, 1088), Ok(true));
}

#[test]
fn a_lower_cap_takes_nothing_new_until_enough_has_gone() {
    let (mut desk, bob) = (Desk::new(&PeerConfig::default()), person(1));
    let registered = desk.register(&bob);
    desk.queue(registered, 1);
    for n in 0..100 {
        desk.deposit(1, n, false, 1088).unwrap();
    }
    desk.store.set_config(&PeerConfig { ram_bytes: 50_000, ..PeerConfig::default() });
    assert_eq!(deposit(&mut desk, QueueId([1; 16]), 1000, 1088), Err(Refusal::PEER_FULL));
    assert_eq!(desk.held(registered.user).len(), 100);
    desk.ack_all(registered);
    desk.pass(2 * MINUTE);
    assert_eq!(desk.deposit(1, 2000, false, 1088), Ok(true));
}

#[derive(Debug, Clone)]
enum Step {
    Deposit(usize),
    Intro { source: u64, user: u8 },
    Publish(u8),
    Ack,
    Pass(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (1..1089_usize).prop_map(Step::Deposit),
        5 => (1..5_u64, 1..4_u8).prop_map(|(source, user)| Step::Intro { source, user }),
        2 => (1..4_u8).prop_map(Step::Publish),
        1 => Just(Step::Ack),
        1 => (1..40_u64).prop_map(Step::Pass),
    ]
}

/// What stands to give way: bytes of introductions by source, bundles in the order of publication.
fn giving_way(desk: &Desk) -> (BTreeMap<Source, u64>, Vec<(u64, UserId)>) {
    (desk.store.intro_sources.by_source().clone(), desk.store.bundles.iter().copied().collect())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]
    #[test]
    fn things_give_way_in_their_order_and_only_when_they_must(steps in prop::collection::vec(step(), 1..200)) {
        let config = PeerConfig {
            ram_bytes: 90_000, queue_messages: 1_000, intros_max: 100, new_users_per_prefix_hour: 1, ..PeerConfig::default()
        };
        let mut desk = Desk::new(&config);
        let people: Vec<_> = (1..4).map(person).collect();
        let mut registered = vec![];
        for (n, who) in (10u64..).zip(&people) {
            registered.push(desk.store.register(desk.now, Source(n), who.certificate(), &Newcomer::default()).unwrap());
            let r = registered[registered.len() - 1];
            desk.token(r, u16::MAX);
        }
        desk.store.queue_set(desk.now, registered[0].user, 1, setting(1)).unwrap();
        let mut contacts = 0;
        for (n, step) in (0u32..).zip(steps) {
            desk.pass(1);
            let before = giving_way(&desk);
            let taken = used(&desk);
            match step {
                Step::Deposit(len) => {
                    let growth = desk.store.registry.get(registered[0].user).unwrap().mailbox.growth(len);
                    let done = deposit(&mut desk, QueueId([1; 16]), n.into(), len);
                    let after = giving_way(&desk);
                    contacts += u64::from(done.is_ok());
                    let fitted = (taken + growth) * 100 <= config.ram_bytes * NEAR_FULL;
                    prop_assert!(!fitted || (before == after && done.is_ok()), "below 90 % nothing gives way");
                    if done.is_err() {
                        prop_assert!(after.0.is_empty() && after.1.is_empty(), "full only when nothing can give way");
                        prop_assert!(used(&desk) + growth > config.ram_bytes);
                    }
                    if before.1 != after.1 {
                        prop_assert!(after.0.is_empty(), "introductions first");
                        prop_assert!(before.1.ends_with(&after.1), "the oldest bundles first");
                    }
                    // The largest source loses until it is not the largest by more than one introduction.
                    for (source, bytes) in &before.0 {
                        let now = after.0.get(source).copied().unwrap_or(0);
                        let most = after.0.values().max().copied().unwrap_or(0);
                        prop_assert!(now == *bytes || now + 1000 >= most, "{source:?}: {bytes} -> {now}, most {most}");
                    }
                }
                Step::Intro { source, user } => {
                    let done = intro(&mut desk, &people[usize::from(user) - 1], n, Source(source));
                    let far = taken * 100 > config.ram_bytes * 80;
                    prop_assert!(!far || done == Err(Refusal::PEER_FULL), "refused above 80 %");
                    prop_assert!(used(&desk) * 100 <= config.ram_bytes * 80 || used(&desk) == taken);
                    prop_assert_eq!(&before.1, &giving_way(&desk).1);
                }
                Step::Publish(user) => {
                    let bytes = bundle_bytes(&[1; 400], &[2; 2700], &[&[3; 2700]]);
                    let _ = desk.store.publish(desk.now, registered[usize::from(user) - 1].user, &bytes);
                }
                Step::Ack => {
                    contacts = 0;
                    for r in &registered {
                        desk.store.acknowledge(desk.now, r.user, r.incarnation, std::iter::once((0, u64::MAX)), |_| {});
                    }
                }
                Step::Pass(seconds) => desk.pass(seconds * SECOND),
            }
            desk.check();
            let all = desk.held(registered[0].user);
            let is_contact = |d: &pirushka_wire::DeliveryId| {
                desk.store.message(registered[0].user, *d).is_some_and(|m| m.class == pirushka_wire::frame::push_class::CONTACT)
            };
            prop_assert_eq!(all.iter().filter(|d| is_contact(d)).count() as u64, contacts, "contacts never give way");
        }
    }
}
