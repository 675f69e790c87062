//! Facts of the seed that simulation shows best, because they are about time and about who is down.

use pirushka_sim::{HomeState, MessageState, Person, User, World};
use pirushka_wire::time::{MINUTE, SECOND};

use super::{PEER_1, PEER_2, SOON, Town};

fn home_of(world: &World<Person>, user: usize) -> Option<HomeState> {
    world.users[user].home_state()
}

#[test]
fn fact_01_a_message_goes_to_the_peer_that_serves_the_recipient_and_never_to_ones_own() {
    let mut town = Town::new(51);
    let deposits = |town: &Town, peer: usize| town.world.peers[peer].peer().map_or(0, |p| p.stats().deposits);
    let before = [deposits(&town, PEER_1), deposits(&town, PEER_2)];
    town.world.kill(town.bob);
    let ids = town.alice_says(3);
    assert!(town.world.wait_held(town.alice, &ids, 10 * SECOND));
    assert_eq!(deposits(&town, PEER_1), before[0]);
    assert!(deposits(&town, PEER_2) >= before[1] + 3);
}

#[test]
fn fact_03_the_peer_tells_of_new_messages_at_once_and_after_absence_gives_what_it_remembers() {
    let mut town = Town::new(52);
    town.world.run_for(10 * MINUTE);
    let ids = town.alice_says(1);
    assert!(town.world.wait_delivered(town.alice, &ids, 2 * SECOND), "bob was told, he did not ask");
    town.world.kill(town.bob);
    let mut held = town.alice_says(2);
    town.world.run_for(10 * MINUTE);
    town.world.wake(town.bob);
    held.extend(ids);
    town.ends_with(&held, 5 * SECOND);
}

#[test]
fn fact_04_after_a_restart_the_peer_remembers_nothing() {
    let mut town = Town::new(53);
    town.world.kill(town.bob);
    town.world.kill(town.alice);
    town.world.wake(town.alice);
    let ids = town.alice_says(3);
    assert!(town.world.wait_held(town.alice, &ids, MINUTE));
    town.world.kill(town.alice);
    let before = town.world.peers[PEER_2].peer().map(pirushka_peer_core::Peer::stats);
    assert!(before.is_some_and(|stats| stats.users == 1 && stats.messages_held >= 3), "{before:?}");
    town.restart_peer(PEER_2);
    let after = town.world.peers[PEER_2].peer().map(pirushka_peer_core::Peer::stats);
    assert!(after.is_some_and(|stats| (stats.users, stats.queues, stats.messages_held) == (0, 0, 0)), "{after:?}");
}

#[test]
fn fact_05_with_ones_own_peer_down_one_can_send_and_not_receive_and_the_other_way_round() {
    let mut town = Town::new(54);
    town.world.crash_peer(PEER_1);
    town.world.run_for(MINUTE);
    let sent = town.alice_says(1);
    assert!(town.world.wait_held(town.alice, &sent, 30 * SECOND), "alice sends");
    let back = town.bob_says(1);
    town.world.run_for(5 * MINUTE);
    assert_eq!(town.world.texts(town.bob, town.alice), 1, "bob receives");
    assert_eq!(town.world.texts(town.alice, town.bob), 0, "alice does not");
    assert_eq!(town.world.state(town.bob, back[0]), MessageState::Queued, "bob cannot send to her");
    town.is_sound();
}

#[test]
fn fact_07_t01_what_people_and_peers_say_to_each_other_shows_nothing_to_who_listens() {
    let town = Town::new(57);
    let alice = &town.world.users[town.alice];
    let client = alice.client().expect("alive");
    let secrets: [&[u8]; 4] = [
        &alice.fingerprint().0,
        &town.world.users[town.bob].fingerprint().0,
        &client.certificate_der()[..32],
        b"peer-1.example",
    ];
    let heard = &town.world.captured;
    assert!(heard.len() > 20, "registrations, a first contact and answers went by");
    for (_, datagram) in heard {
        let shown = secrets.iter().position(|secret| datagram.windows(secret.len()).any(|part| part == *secret));
        assert_eq!(shown, None, "a datagram of {} bytes shows a secret", datagram.len());
    }
}

#[test]
fn fact_10_a_peer_that_does_not_answer_is_found_unavailable_and_again_available() {
    let mut town = Town::new(55);
    assert_eq!(home_of(&town.world, town.bob), Some(HomeState::Online));
    let ip = town.world.peers[PEER_2].address.ip();
    town.world.net.set_down(ip, true);
    let bob = town.bob;
    let gone = |world: &World<Person>| home_of(world, bob) == Some(HomeState::Unavailable);
    assert!(town.world.until(town.world.now_us() + SOON, gone));
    town.world.net.set_down(ip, false);
    let back = |world: &World<Person>| home_of(world, bob) == Some(HomeState::Online);
    assert!(town.world.until(town.world.now_us() + SOON, back));
    town.is_sound();
}

#[test]
fn fact_11_the_keepalive_holds_the_hole_in_the_nat_open() {
    let mut town = Town::new(56);
    for _ in 0..5 {
        town.world.run_for(7 * MINUTE);
        let filtered = town.world.net.stats().filtered;
        let ids = town.alice_says(1);
        assert!(town.world.wait_delivered(town.alice, &ids, 2 * SECOND));
        assert_eq!(town.world.net.stats().filtered, filtered, "no packet was refused by a NAT");
    }
    // Without bob's machine nothing holds the hole open: the push finds it closed.
    let bob = town.world.users[town.bob].place().ip;
    town.world.net.set_down(bob, true);
    town.world.run_for(3 * MINUTE);
    town.world.net.set_down(bob, false);
    town.is_sound();
}
