//! Rules of `spec/peer.md` that no other test has at its numbers: quotas at their defaults, error codes, waiting times.

use pirushka_wire::frame::error_code;
use pirushka_wire::time::{HOUR, MINUTE, SECOND};
use pirushka_wire::{DepositId, QueueSecret};

use super::bundle::bundle_bytes;
use super::mailbox::message_cost;
use super::stories::{Desk, SECRET, person, setting};
use super::*;
use crate::limits::ACKED_MEMORY_MAX;

fn deposit(desk: &mut Desk, queue: u16, n: u64, bulk: bool, len: usize) -> Result<Option<UserId>, Refusal> {
    let mut id = [0; 16];
    id[..8].copy_from_slice(&n.to_be_bytes());
    desk.store.deposit(desk.now, wide(queue), &SECRET, DepositId(id), bulk, &vec![n as u8; len])
}

fn wide(n: u16) -> QueueId {
    let mut id = [0; 16];
    id[14..].copy_from_slice(&n.to_be_bytes());
    QueueId(id)
}

fn open(desk: &mut Desk, r: Registered, queue: u16, quota_kib: u32) -> Result<TicketGrant, Refusal> {
    let wanted = QueueSetting { queue: wide(queue), quota_kib, ..setting(0) };
    desk.store.queue_set(desk.now, r.user, r.round, wanted)
}

fn fill(desk: &mut Desk, queue: u16, bulk: bool, len: usize) -> (u64, Refusal) {
    for n in 0.. {
        if let Err(refusal) = deposit(desk, queue, n, bulk, len) {
            return (n, refusal);
        }
    }
    unreachable!("every queue is full at some time")
}

#[test]
fn a_queue_holds_a_mebibyte_or_500_messages_and_bulk_half_of_either() {
    for (len, bulk, most) in [(1088, false, 500), (1, false, 500), (1, true, 250), (1088, true, 250)] {
        let (mut desk, bob) = (Desk::new(&PeerConfig::default()), person(1));
        let registered = desk.register(&bob);
        open(&mut desk, registered, 1, 0).unwrap();
        let (held, full) = fill(&mut desk, 1, bulk, len);
        assert_eq!((held, full.code), (most, error_code::FULL), "{len} bytes, bulk {bulk}");
    }
    let config = PeerConfig { queue_messages: u16::MAX, ..PeerConfig::default() };
    for (bulk, bytes) in [(false, 1 << 20), (true, 1 << 19)] {
        let (mut desk, bob) = (Desk::new(&config), person(1));
        let registered = desk.register(&bob);
        open(&mut desk, registered, 1, 0).unwrap();
        assert_eq!(fill(&mut desk, 1, bulk, 1088).0, bytes / message_cost(1088), "bulk {bulk}");
    }
}

#[test]
fn a_queue_holds_less_when_its_user_asked_for_less_and_never_less_than_the_reserve() {
    let (mut desk, bob) = (Desk::new(&PeerConfig::default()), person(1));
    let registered = desk.register(&bob);
    for (queue, asked, granted) in [(1, 32, 32), (2, 1, 16), (3, 100_000, 1024), (4, 0, 1024)] {
        assert_eq!(open(&mut desk, registered, queue, asked).unwrap().quota_kib, granted, "{asked} asked");
    }
    assert_eq!(fill(&mut desk, 1, false, 1088).0, 32 * 1024 / message_cost(1088));
}

#[test]
fn a_user_holds_8_mebibytes_shared_and_a_reserve_in_each_queue_and_bulk_half_of_what_is_shared() {
    for (bulk, shared) in [(false, 8 << 20), (true, 4 << 20)] {
        let (mut desk, bob) = (Desk::new(&PeerConfig::default()), person(1));
        let registered = desk.register(&bob);
        const QUEUES: u16 = 40;
        let mut held = 0;
        for queue in 0..QUEUES {
            open(&mut desk, registered, queue, 0).unwrap();
            held += fill(&mut desk, queue, bulk, 1088).0;
        }
        let bytes = held * message_cost(1088);
        let reserves = if bulk { 0 } else { u64::from(QUEUES) * (16 << 10) };
        assert!(bytes <= shared + reserves && bytes > shared + reserves * 9 / 10 - 2_000, "{bytes}, bulk {bulk}");
        if bulk {
            assert!(deposit(&mut desk, 7, 9_999, false, 1088).is_ok(), "a text always fits");
        }
    }
}

#[test]
fn a_bundle_counts_in_its_users_bytes() {
    let config = PeerConfig { user_bytes: 16 << 10, queue_bytes: 64 << 10, ..PeerConfig::default() };
    let (mut desk, bob) = (Desk::new(&config), person(1));
    let registered = desk.register(&bob);
    open(&mut desk, registered, 1, 0).unwrap();
    let bytes = bundle_bytes(&[1; 400], &[2; 2700], &[&[3; 2700]]);
    desk.store.publish(desk.now, registered.user, &bytes).unwrap();
    let with = fill(&mut desk, 1, false, 1088).0;
    let larger = bundle_bytes(&[1; 400], &[2; 5000], &[&[3; 5000]]);
    let mut publish = |bytes: &[u8]| desk.store.publish(desk.now, registered.user, bytes).map_err(|r| r.code);
    assert_eq!((publish(&larger), publish(&bytes)), (Err(error_code::FULL), Ok(())), "in the place of the old one");
    let (mut other, carol) = (Desk::new(&config), person(2));
    let registered = other.register(&carol);
    open(&mut other, registered, 1, 0).unwrap();
    let without = fill(&mut other, 1, false, 1088).0;
    assert_eq!(without - with, 6_123 / message_cost(1088), "{with} with a bundle, {without} without");
}

#[test]
fn full_says_when_asking_again_makes_sense() {
    let config = PeerConfig { queue_messages: 1, ..PeerConfig::default() };
    let (mut desk, bob) = (Desk::new(&config), person(1));
    let registered = desk.register(&bob);
    open(&mut desk, registered, 1, 0).unwrap();
    deposit(&mut desk, 1, 0, false, 320).unwrap();
    let full = |desk: &mut Desk| deposit(desk, 1, 1, false, 320).unwrap_err();
    let of = |retry_after_ms| Refusal { code: error_code::FULL, retry_after_ms };
    assert_eq!(full(&mut desk), of(2_000), "the recipient is here and takes it in a moment");
    desk.store.leave(desk.now, registered.user);
    assert_eq!(full(&mut desk), of(60_000), "the recipient is away");
    desk.store.set_config(&PeerConfig { ram_bytes: 1, ..PeerConfig::default() });
    assert_eq!(full(&mut desk), of(300_000), "the whole peer is full");
}

#[test]
fn another_number_of_networks_counts_for_every_table_of_networks() {
    let mut desk = Desk::new(&PeerConfig::default());
    desk.store.set_config(&PeerConfig { prefixes_max: 100, ..PeerConfig::default() });
    let Store { new_users, worked_intros, one_time_packages, .. } = &desk.store;
    assert_eq!([new_users, worked_intros, one_time_packages].map(Hourly::sources_max), [100; 3]);
}

#[test]
fn an_envelope_of_no_size_of_ours_is_refused_and_the_largest_is_taken() {
    let (mut desk, bob) = (Desk::new(&PeerConfig::default()), person(1));
    let registered = desk.register(&bob);
    open(&mut desk, registered, 1, 0).unwrap();
    assert_eq!(deposit(&mut desk, 1, 1, false, 1089), Err(Refusal::TOO_LARGE));
    assert_eq!(deposit(&mut desk, 1, 2, false, 0), Err(Refusal::MALFORMED));
    assert!(deposit(&mut desk, 1, 3, false, 1088).is_ok());
    assert_eq!(desk.held(registered.user).len(), 1);
}

#[test]
fn a_wrong_secret_opens_nothing_also_for_a_deposit_that_is_known() {
    let (mut desk, bob) = (Desk::new(&PeerConfig::default()), person(1));
    let registered = desk.register(&bob);
    open(&mut desk, registered, 1, 0).unwrap();
    deposit(&mut desk, 1, 1, false, 320).unwrap();
    let mut id = [0; 16];
    id[..8].copy_from_slice(&1_u64.to_be_bytes());
    let wrong = desk.store.deposit(desk.now, wide(1), &QueueSecret([8; 16]), DepositId(id), false, &[1; 320]);
    assert_eq!(wrong, Err(Refusal::UNKNOWN_QUEUE));
}

#[test]
fn deposit_ids_are_remembered_for_a_minute_after_their_acknowledgement_and_so_many_at_most() {
    let config = PeerConfig { queue_messages: u16::MAX, queue_bytes: 8 << 20, ..PeerConfig::default() };
    let (mut desk, bob) = (Desk::new(&config), person(1));
    let registered = desk.register(&bob);
    open(&mut desk, registered, 1, 0).unwrap();
    let many = ACKED_MEMORY_MAX as u64 + 500;
    for n in 0..many {
        deposit(&mut desk, 1, n, false, 1).unwrap();
    }
    desk.ack_all(registered);
    assert!(desk.store.ledger.used() < 80_000, "{} bytes remember what is gone", desk.store.ledger.used());
    assert_eq!(deposit(&mut desk, 1, many - 1, false, 1), Ok(None), "a repeat of the latest");
    assert!(deposit(&mut desk, 1, 0, false, 1).unwrap().is_some(), "the oldest went early; its recipient knows it");
    desk.pass(61 * SECOND);
    assert!(deposit(&mut desk, 1, many - 2, false, 1).unwrap().is_some());
}

#[test]
fn tokens_and_queues_beyond_their_number_are_refused_and_those_that_are_there_may_be_changed() {
    let (mut desk, bob) = (Desk::new(&PeerConfig::default()), person(1));
    let registered = desk.register(&bob);
    let set = |desk: &mut Desk, n: u16| {
        let mut hash = [0; 32];
        hash[..2].copy_from_slice(&n.to_be_bytes());
        let expiry = desk.now.wall_s() + 1000;
        desk.store.token_set(desk.now, registered.user, registered.round, hash, 1, expiry).map_err(|r| r.code)
    };
    assert!((0..128).all(|n| set(&mut desk, n).is_ok()));
    assert_eq!((set(&mut desk, 128), set(&mut desk, 5)), (Err(error_code::FULL), Ok(())));
    assert!((0..1024).all(|n| open(&mut desk, registered, n, 0).is_ok()));
    assert_eq!(open(&mut desk, registered, 1024, 0).map_err(|r| r.code), Err(error_code::FULL));
    assert!(open(&mut desk, registered, 5, 64).is_ok());
    desk.check();
    desk.pass(HOUR);
    assert_eq!(set(&mut desk, 128), Ok(()), "expired tokens make room");
}

#[test]
fn an_entry_that_a_ticket_made_lives_no_longer_than_one_that_its_user_made() {
    let (mut desk, bob) = (Desk::new(&PeerConfig::default()), person(1));
    let registered = desk.register(&bob);
    let ticket = open(&mut desk, registered, 1, 0).unwrap();
    let mut restarted = Desk::new(&PeerConfig::default());
    let wanted = QueueSetting { queue: wide(1), quota_kib: ticket.quota_kib, ..setting(0) };
    restarted.store.queue_restore(restarted.now, bob.fingerprint(), wanted, ticket.expiry, &ticket.mac).unwrap();
    restarted.pass(HOUR - MINUTE);
    assert_eq!(restarted.store.registry.len(), 1);
    restarted.pass(MINUTE);
    assert_eq!((restarted.store.registry.len(), restarted.store.by_queue.len()), (0, 0));
}
