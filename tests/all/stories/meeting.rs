//! Stories of people who do not know each other yet.

use pirushka_netsim::LinkConfig;
use pirushka_peer_core::PeerConfig;
use pirushka_sim::{Person, User, World};
use pirushka_wire::time::{DAY, MINUTE, SECOND};

use super::{PEER_1, PEER_2, SOON, Town};

#[test]
fn both_add_each_other_at_once() {
    let mut town = Town::strangers(41, PeerConfig::default());
    let (a, b) = (town.alice, town.bob);
    let from_alice = town.world.make_invite(a);
    let from_bob = town.world.make_invite(b);
    town.world.run_for(SECOND);
    town.world.come_by(b, &from_alice);
    town.world.come_by(a, &from_bob);
    assert!(town.world.until(town.world.now_us() + MINUTE, |world| world.are_contacts(a, b)));
    let back = town.bob_says(5);
    let ids = town.alice_says(5);
    town.ends_with(&ids, SOON);
    assert!(town.world.wait_delivered(town.bob, &back, SOON));
    town.is_sound();
}

#[test]
fn somebody_is_added_while_away_and_answers_on_return() {
    let mut town = Town::strangers(42, PeerConfig::default());
    let (a, b) = (town.alice, town.bob);
    let from_bob = town.world.make_invite(b);
    town.world.run_for(SECOND);
    town.world.kill(b);
    town.world.run_for(MINUTE);
    town.world.come_by(a, &from_bob);
    town.world.run_for(MINUTE);
    town.world.wake(b);
    assert!(town.world.until(town.world.now_us() + MINUTE, |world| world.are_contacts(a, b)));
    let ids = town.alice_says(1);
    town.ends_with(&ids, SOON);
}

#[test]
fn both_are_served_by_one_peer() {
    let mut world = World::new(43, super::trace());
    world.add_peer(PeerConfig::default());
    let alice = Person::add(&mut world, "alice", PEER_1);
    let bob = Person::add(&mut world, "bob", PEER_1);
    world.run_for(5 * SECOND);
    world.meet(alice, bob);
    let mut town = Town { world, alice, bob };
    let ids = town.alice_says(5);
    town.ends_with(&ids, SOON);
}

#[test]
fn a_welcome_of_day_13_is_fetched_on_day_20() {
    let peers = PeerConfig { user_life_min_s: 40 * 24 * 3600, ..PeerConfig::default() };
    let mut town = Town::strangers(44, peers);
    let (a, b) = (town.alice, town.bob);
    let from_bob = town.world.make_invite(b);
    town.world.run_for(SECOND);
    town.world.kill(b);
    town.world.kill(a);
    town.world.run_for(13 * DAY);
    town.world.wake(a);
    town.world.run_for(10 * SECOND);
    town.world.come_by(a, &from_bob);
    town.world.run_for(MINUTE);
    let held = town.world.peers[PEER_2].peer().map_or(0, |peer| peer.stats().messages_held);
    assert!(held > 0, "the introduction waits at bob's peer");
    town.world.run_for(7 * DAY);
    town.world.wake(b);
    assert!(town.world.until(town.world.now_us() + 90 * MINUTE, |world| world.are_contacts(a, b)));
    let ids = town.alice_says(2);
    town.ends_with(&ids, 90 * MINUTE);
}

#[test]
fn people_meet_and_talk_with_one_text_under_way_at_a_time() {
    let mut world = World::new(45, super::trace());
    world.add_peer(PeerConfig::default());
    let config = pirushka_sim::ClientConfig { window: 1, ..Default::default() };
    let alice = Person::add_with(&mut world, "alice", PEER_1, config);
    let bob = Person::add_with(&mut world, "bob", PEER_1, config);
    world.run_for(5 * SECOND);
    world.meet(alice, bob);
    let mut town = Town { world, alice, bob };
    let back = town.bob_says(5);
    let ids = town.alice_says(5);
    town.ends_with(&ids, SOON);
    assert!(town.world.wait_delivered(town.bob, &back, SOON));
}

#[test]
fn a_receipt_for_what_went_by_another_way_confirms_no_commit() {
    // Both add each other, and the peer of the one has room for a few envelopes only: the commit that opens the new
    // session is refused at first, while the receipt for the hello comes through the other session.
    for seed in 46..54 {
        let mut town = Town::strangers(seed, PeerConfig { queue_messages: 3, ..PeerConfig::default() });
        let (a, b) = (town.alice, town.bob);
        let from_alice = town.world.make_invite(a);
        let from_bob = town.world.make_invite(b);
        town.world.run_for(SECOND);
        town.world.come_by(b, &from_alice);
        town.world.run_for(20_000 * (seed - 46));
        town.world.try_come_by(a, &from_bob);
        let mut back = vec![town.world.say(b, a, 60)];
        town.world.run_for(60_000);
        back.extend(town.bob_says(3));
        assert!(town.world.until(town.world.now_us() + MINUTE, |world| world.are_contacts(a, b)));
        let ids = town.alice_says(3);
        town.ends_with(&ids, SOON);
        assert!(town.world.wait_delivered(town.bob, &back, SOON));
        town.is_sound();
    }
}

#[test]
fn who_stops_its_program_says_goodbye_and_is_not_taken_for_reachable() {
    let mut town = Town::new(49);
    let bob = town.bob;
    let now = town.world.now_of(bob);
    town.world.users[bob].client_mut().expect("alive").stop(now);
    town.world.settle_user(bob);
    town.world.run_for(SECOND);
    let online = town.world.peers[PEER_2].peer().map(|peer| peer.stats().users_online);
    assert_eq!(online, Some(0));
}

#[test]
fn an_introduction_of_which_the_peer_forgot_the_first_half_is_made_again() {
    let mut town = Town::strangers(55, PeerConfig::default());
    let (a, b) = (town.alice, town.bob);
    let from_alice = town.world.make_invite(a);
    town.world.run_for(SECOND);
    let (bob, peer) = (town.world.users[b].place().ip, town.world.peers[PEER_1].address.ip());
    let slow = LinkConfig { bandwidth_bps: Some(16_000), ..LinkConfig::default() };
    town.world.net.set_path(bob, peer, slow);
    town.world.come_by(b, &from_alice);
    let bytes = |world: &World<Person>| world.peers[PEER_1].peer().map_or(0, |peer| peer.stats().bytes_held);
    let before = bytes(&town.world);
    let half = |world: &World<Person>| bytes(world) > before + 3_000;
    assert!(town.world.until(town.world.now_us() + MINUTE, half));
    town.world.net.partition(bob, peer, true);
    town.world.run_for(2 * MINUTE);
    assert!(!town.world.are_contacts(a, b));
    town.world.net.partition(bob, peer, false);
    town.world.net.clear_path(bob, peer);
    assert!(town.world.until(town.world.now_us() + 5 * MINUTE, |world| world.are_contacts(a, b)));
    town.is_sound();
}
