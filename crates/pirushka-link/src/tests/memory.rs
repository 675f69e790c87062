//! A peer that is short of memory: its owner says how much more sessions may take.

use super::*;
use crate::Class;

/// How much a hundred pushes take that wait for the proof of a path, in a peer with so much room.
fn taken_by_pushes_that_wait(room: u64) -> u64 {
    let mut pair = Pair::established();
    pair.client.request(pair.now, &register(), Class::Control);
    pair.run(SECOND);
    pair.client.request(pair.now, &poll(), Class::Control);
    let stolen = pair.take_client_output().pop().unwrap();
    pair.inject_to_peer(MALLORY, &stolen.bytes);
    assert!(!pair.peer.can_push(pair.now, pair.session()));
    let before = pair.peer.memory_bytes();
    pair.peer.set_room(room);
    (0..100).for_each(|n| pair.push(n));
    pair.peer.memory_bytes() - before
}

#[test]
fn what_waits_for_the_proof_of_a_path_takes_no_more_than_there_is_room_for() {
    assert!(taken_by_pushes_that_wait(u64::MAX) > 16 * 1024);
    assert_eq!(taken_by_pushes_that_wait(0), 0);
    for room in (0..64 * 1024).step_by(500) {
        assert!(taken_by_pushes_that_wait(room) <= room, "{room}");
    }
}

#[test]
fn a_handshake_uses_the_room_up_at_once() {
    let mut pair = Pair::new();
    let one = 800;
    pair.peer.set_room(PeerLink::SESSION_BYTES);
    pair.client.connect(pair.now, at(PEER));
    pair.run(SECOND);
    assert!(!pair.client.is_established());
    assert!(pair.peer.counters().dropped(Drop::SessionsFull) > 0);
    pair.peer.set_room(one);
    pair.run(10 * SECOND);
    assert!(pair.client.is_established());
    pair.client = ClientLink::new(ClientLinkConfig::default(), key().peer_id(), [9; 32]);
    pair.client.connect(pair.now, at(PEER));
    pair.run(SECOND);
    assert!(!pair.client.is_established(), "two sessions in the room of one");
}

/// Whether a session that was silent for so long has given way.
fn has_given_way(is_registered: bool, silent_us: u64) -> bool {
    let mut pair = Pair::established();
    if is_registered {
        pair.client.request(pair.now, &register(), Class::Control);
    }
    pair.run(SECOND);
    pair.run(silent_us);
    pair.peer.make_way(pair.now, 1);
    assert_eq!(pair.peer.memory_bytes() == 0, pair.peer.counters().gave_way == 1);
    pair.peer.memory_bytes() == 0
}

#[test]
fn what_gives_way_is_a_sender_that_is_silent_or_a_user_of_whom_two_keepalives_are_missing() {
    assert!(!has_given_way(false, 10 * SECOND) && has_given_way(false, 15 * SECOND));
    assert!(!has_given_way(true, 230 * SECOND) && has_given_way(true, 240 * SECOND));
}

#[test]
fn a_handshake_that_nobody_finishes_gives_way_too() {
    let mut pair = Pair::new();
    pair.client.connect(pair.now, at(PEER));
    pair.run(30 * MS);
    while pair.peer.memory_bytes() == 0 {
        pair.run(10 * MS);
    }
    // The answer is on its way, and nothing comes back.
    pair.client = ClientLink::new(ClientLinkConfig::default(), key().peer_id(), [9; 32]);
    pair.run(14 * SECOND);
    pair.peer.make_way(pair.now, 1);
    assert!(pair.peer.memory_bytes() > 0);
    pair.run(2 * SECOND);
    pair.peer.make_way(pair.now, 1);
    assert_eq!(pair.peer.memory_bytes(), 0);
}

#[test]
fn a_flood_that_finds_no_room_searches_so_many_times_a_second() {
    let mut pair = Pair::established();
    pair.run(SECOND);
    let silent_us = pair.now.mono_us - pair.peer.last_heard_us(pair.session()).unwrap();
    pair.run(15 * SECOND - MS - silent_us);
    (0..1000).for_each(|_| pair.peer.make_way(pair.now, 1));
    pair.run(2 * MS);
    pair.peer.make_way(pair.now, 1);
    assert_eq!(pair.peer.counters().gave_way, 0, "the searches of this second are over");
    pair.run(5 * MS);
    pair.peer.make_way(pair.now, 1);
    assert_eq!(pair.peer.counters().gave_way, 1);
}
