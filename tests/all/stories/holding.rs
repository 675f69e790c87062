//! Stories of messages that wait: bob is away, peers and clients restart, mailboxes are full.

use pirushka_peer_core::PeerConfig;
use pirushka_sim::CrashPoint;
use pirushka_sim::MessageState;
use pirushka_wire::time::{HOUR, MINUTE, SECOND};

use super::{PEER_1, PEER_2, SOON, Town};

#[test]
fn a_message_waits_while_bob_is_offline() {
    let mut town = Town::new(1);
    town.world.kill(town.bob);
    let ids = town.alice_says(3);
    assert!(town.world.wait_held(town.alice, &ids, 5 * SECOND));
    town.world.run_for(6 * HOUR);
    assert!(matches!(town.world.state(town.alice, ids[0]), MessageState::Held { .. }));
    town.world.wake(town.bob);
    town.ends_with(&ids, 10 * SECOND);
}

#[test]
fn a_restart_of_the_peer_loses_nothing() {
    let mut town = Town::new(2);
    town.world.kill(town.bob);
    let ids = town.alice_says(3);
    assert!(town.world.wait_held(town.alice, &ids, 5 * SECOND));
    town.restart_peer(PEER_2);
    let again = |world: &pirushka_sim::World<pirushka_sim::Person>| {
        world.peers[PEER_2].peer().is_some_and(|peer| peer.stats().messages_held >= 3)
    };
    assert!(town.world.until(town.world.now_us() + 2 * HOUR, again), "offered again, by ticket, while bob is away");
    town.world.wake(town.bob);
    town.ends_with(&ids, SOON);
}

#[test]
fn a_restart_of_the_sender_loses_nothing() {
    let mut town = Town::new(3);
    town.world.crash_peer(PEER_2);
    let ids = town.alice_says(3);
    town.world.run_for(10 * SECOND);
    town.world.kill(town.alice);
    town.world.run_for(MINUTE);
    town.world.wake(town.alice);
    town.world.run_for(MINUTE);
    town.world.start_peer(PEER_2);
    town.ends_with(&ids, 15 * MINUTE);
}

#[test]
fn a_restart_of_the_recipient_shows_nothing_twice() {
    for (seed, point) in [(4, CrashPoint::AfterCommit), (5, CrashPoint::BeforeCommit), (6, CrashPoint::Idle)] {
        let mut town = Town::new(seed);
        town.world.users[town.bob].crash(point);
        let ids = town.alice_says(5);
        town.world.run_for(5 * SECOND);
        assert!(town.world.users[town.bob].is_crashed());
        town.world.wake(town.bob);
        town.ends_with(&ids, SOON);
    }
}

#[test]
fn a_receipt_that_is_lost_with_alices_peer_is_given_again() {
    let mut town = Town::new(7);
    let ids = town.alice_says(2);
    // Bob gets the texts; alice is gone before his receipt reaches her, and her peer forgets it.
    let shown = |world: &pirushka_sim::World<pirushka_sim::Person>| world.shown.len() == 2;
    assert!(town.world.until(town.world.now_us() + 10 * SECOND, shown));
    town.world.kill(town.alice);
    town.world.run_for(10 * SECOND);
    town.restart_peer(PEER_1);
    town.world.run_for(MINUTE);
    town.world.wake(town.alice);
    town.ends_with(&ids, SOON);
}

#[test]
fn bob_is_away_his_peer_restarts_and_alices_message_still_gets_in_by_ticket() {
    let mut town = Town::new(8);
    town.world.kill(town.bob);
    town.world.run_for(MINUTE);
    town.restart_peer(PEER_2);
    town.world.run_for(MINUTE);
    let ids = town.alice_says(3);
    assert!(town.world.wait_held(town.alice, &ids, MINUTE), "{:?}", town.world.state(town.alice, ids[0]));
    assert!(town.world.peers[PEER_2].peer().is_some_and(|peer| peer.stats().queues_restored == 1));
    town.world.wake(town.bob);
    town.ends_with(&ids, SOON);
}

#[test]
fn a_mailbox_that_is_full_says_so_and_drains() {
    let mut town = Town::with(9, PeerConfig { queue_messages: 8, ..PeerConfig::default() });
    town.world.kill(town.bob);
    let ids = town.alice_says(30);
    town.world.run_for(MINUTE);
    let held = ids.iter().filter(|id| matches!(town.world.state(town.alice, **id), MessageState::Held { .. })).count();
    assert!((1..=8).contains(&held), "{held} held");
    let stats = town.world.peers[PEER_2].peer().map(pirushka_peer_core::Peer::stats);
    assert!(stats.is_some_and(|stats| stats.refused_full > 0), "{stats:?}");
    town.world.wake(town.bob);
    town.ends_with(&ids, 10 * MINUTE);
}

#[test]
fn alices_home_peer_dies_and_then_bobs() {
    let mut town = Town::new(10);
    town.world.crash_peer(PEER_1);
    town.world.run_for(MINUTE);
    let first = town.alice_says(1);
    assert!(town.world.wait_held(town.alice, &first, 30 * SECOND), "without her own peer alice still sends");
    assert!(town.world.until(town.world.now_us() + 10 * SECOND, |world| world.shown.len() == 1));
    town.world.crash_peer(PEER_2);
    let mut ids = town.alice_says(2);
    let back = town.bob_says(2);
    town.world.run_for(10 * MINUTE);
    assert_eq!(town.world.shown.len(), 1, "both peers are dead");
    town.world.start_peer(PEER_2);
    town.world.run_for(10 * MINUTE);
    assert_eq!(town.world.shown.len(), 3, "bob receives, alice cannot");
    town.world.start_peer(PEER_1);
    ids.extend(first);
    town.ends_with(&ids, 2 * HOUR);
    assert!(town.world.wait_delivered(town.bob, &back, 2 * HOUR));
    town.is_sound();
}

#[test]
fn a_text_of_64_kib_arrives_and_so_does_the_message_behind_it() {
    let mut town = Town::new(11);
    let long = town.world.say(town.alice, town.bob, 64 * 1024);
    let short = town.world.say(town.alice, town.bob, 20);
    town.ends_with(&[long, short], SOON);
}

#[test]
fn a_text_of_64_kib_waits_for_bob_like_any_other() {
    let mut town = Town::new(12);
    town.world.kill(town.bob);
    let long = town.world.say(town.alice, town.bob, 64 * 1024);
    let short = town.world.say(town.alice, town.bob, 20);
    town.world.run_for(MINUTE);
    town.restart_peer(PEER_2);
    town.world.run_for(HOUR);
    town.world.wake(town.bob);
    town.ends_with(&[long, short], 10 * MINUTE);
}

#[test]
fn a_profile_brought_back_from_an_old_copy_loses_nothing_that_is_written_then() {
    let mut town = Town::new(33);
    let (a, b) = (town.alice, town.bob);
    let before = town.alice_says(1);
    let from_bob = town.bob_says(1);
    assert!(town.world.wait_delivered(a, &before, MINUTE) && town.world.wait_delivered(b, &from_bob, MINUTE));
    let copy = town.world.users[a].copy_disk();
    let forgotten = town.alice_says(3);
    assert!(town.world.wait_delivered(a, &forgotten, MINUTE));
    town.world.kill(a);
    town.world.users[a].bring_back(copy);
    town.world.run_for(MINUTE);
    town.world.wake(a);
    let texts_before = town.world.texts(b, a);
    let ids = town.alice_says(5);
    let back = town.bob_says(5);
    assert!(town.world.wait_delivered(a, &ids, 10 * MINUTE), "what alice writes now is delivered");
    assert!(town.world.wait_delivered(b, &back, 10 * MINUTE), "and what bob answers");
    assert_eq!(town.world.texts(b, a), texts_before + 5, "and it was shown");
    town.is_sound();
}
