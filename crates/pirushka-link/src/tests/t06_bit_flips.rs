//! T6: a bit flipped in every byte of every packet type. Nothing changes, and the unharmed packet still works after.

use super::*;
use crate::Class;
use crate::LostReason;

/// Every variant of `bytes` with one bit of one byte flipped.
fn flipped(bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> + '_ {
    (0..bytes.len()).map(|at| {
        let mut harmed = bytes.to_vec();
        harmed[at] ^= 1 << (at % 8);
        harmed
    })
}

#[test]
fn harmed_hellos_get_no_answer_and_make_no_session() {
    for veil in [true, false] {
        let client = ClientLinkConfig { veil, junk: 0, ..ClientLinkConfig::default() };
        let mut pair = Pair::with(client, PeerLinkConfig { veiled: veil, ..PeerLinkConfig::default() });
        pair.client.connect(pair.now, at(PEER));
        for _ in 0..2 {
            let hello = pair.take_client_output().pop().unwrap();
            for harmed in flipped(&hello.bytes) {
                pair.inject_to_peer(HOME, &harmed);
                assert_eq!(pair.take_peer_output().len(), 0);
            }
            assert_eq!(pair.peer.session_count(), 0);
            pair.deliver(hello);
            let answer = pair.take_peer_output().pop().unwrap();
            for mut harmed in flipped(&answer.bytes) {
                assert!(pair.client.handle_datagram(pair.now, at(PEER), &mut harmed).is_err());
            }
            assert!(!pair.client.is_established());
            pair.deliver(answer);
        }
        assert!(pair.client.is_established());
    }
}

#[test]
fn harmed_sealed_packets_change_nothing_in_either_direction() {
    let mut pair = Pair::established();
    pair.client.request(pair.now, &register(), Class::Control);
    let packet = pair.take_client_output().pop().unwrap();
    let heard = pair.peer.last_heard_us(pair.session());
    for harmed in flipped(&packet.bytes) {
        pair.now.mono_us += 1;
        pair.inject_to_peer(HOME, &harmed);
        // From elsewhere it must not even start a path challenge.
        pair.inject_to_peer(MALLORY, &harmed);
    }
    assert_eq!(pair.peer.last_heard_us(pair.session()), heard);
    assert_eq!(pair.take_peer_output().len(), 0, "not even a RESET for a session id that was harmed");
    pair.deliver(packet);
    let answer = pair.take_peer_output().pop().unwrap();
    for mut harmed in flipped(&answer.bytes) {
        assert!(pair.client.handle_datagram(pair.now, at(PEER), &mut harmed).is_err());
    }
    assert_eq!(pair.answers(), 0);
    pair.deliver(answer);
    pair.flush();
    assert_eq!(pair.answers(), 1);
}

#[test]
fn a_harmed_reset_does_not_end_a_session() {
    let mut pair = Pair::established();
    pair.peer = PeerLink::new(PeerLinkConfig::default(), key(), [99; 32], pair.now);
    pair.client.request(pair.now, &poll(), Class::Control);
    let packet = pair.take_client_output().pop().unwrap();
    pair.deliver(packet);
    let reset = pair.take_peer_output().pop().unwrap();
    // What follows id and token is random padding, which nothing covers: salt 8, root 12, id 8, token 16.
    for mut harmed in flipped(&reset.bytes).take(44) {
        assert!(pair.client.handle_datagram(pair.now, at(PEER), &mut harmed).is_err());
    }
    assert!(pair.client.is_established());
    pair.deliver(reset);
    assert_eq!(pair.client.poll_event(), Some(ClientLinkEvent::Lost { reason: LostReason::Reset }));
}
