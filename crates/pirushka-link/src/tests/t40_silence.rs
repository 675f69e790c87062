//! T40: no answer without the PeerId, nor to a HELLO or SEALED replayed from another source.

use super::*;
use crate::Class;
use pirushka_wire::root::kind;
use pirushka_wire::{Params, Root, Signature};
use proptest::prelude::*;

#[test]
fn a_scanner_without_the_address_gets_nothing_for_a_perfect_hello_of_another_peer() {
    let mut pair = Pair::with_peer_id(
        ClientLinkConfig { junk: 3, ..ClientLinkConfig::default() },
        PeerLinkConfig::default(),
        PeerKey::generate([66; 32]).peer_id(),
    );
    pair.client.connect(pair.now, at(PEER));
    pair.run(10 * SECOND);
    assert_eq!(pair.peer.counters().packets_out, 0);
    assert!(pair.peer.counters().dropped(Drop::Unrecognised) > 3);
}

#[test]
fn a_bare_packet_of_any_type_gets_nothing_from_a_veiled_or_an_unveiled_peer() {
    for veiled in [true, false] {
        let mut pair = Pair::with(ClientLinkConfig::default(), PeerLinkConfig { veiled, ..PeerLinkConfig::default() });
        for kind in [kind::REGISTER, kind::HELLO, kind::RETRY, kind::HELLO_ACK, kind::SEALED, kind::RESET, 0, 1, 77] {
            for signature in [Signature::Absent, Signature::Tag(&[1; 16]), Signature::Ed25519(&[2; 64])] {
                // A SEALED of some age to an unveiled peer would be a RESET's trigger: 100 bytes are below it.
                let mut packet = vec![];
                Root { params: Params::TO_PEER, kind, signature, timestamp: 1, payload: &[3; 60] }.encode(&mut packet);
                pair.inject_to_peer(MALLORY, &packet);
            }
        }
        assert_eq!(pair.take_peer_output().len(), 0);
        assert_eq!(pair.peer.session_count(), 0);
    }
}

#[test]
fn a_hello_replayed_from_another_source_gets_nothing_even_an_hour_later() {
    let mut pair = Pair::established();
    let hellos: Vec<_> = pair.seen.iter().filter(|d| d.to == at(PEER)).map(|d| d.bytes.clone()).collect();
    for _ in 0..2 {
        for hello in &hellos {
            pair.take_peer_output();
            pair.inject_to_peer(MALLORY, hello);
            assert_eq!(pair.take_peer_output().len(), 0);
        }
        pair.now.mono_us += 3_500 * SECOND;
        pair.now.wall_ms += 3_500_000;
    }
}

#[test]
fn a_sealed_packet_replayed_from_another_source_gets_nothing_even_after_its_session() {
    let mut pair = Pair::established();
    pair.client.request(pair.now, &register(), Class::Control);
    pair.run(SECOND);
    let sealed = pair.seen.iter().rfind(|d| d.to == at(PEER)).unwrap().bytes.clone();
    pair.inject_to_peer(MALLORY, &sealed);
    assert_eq!(pair.take_peer_output().len(), 0);
    assert_eq!(pair.drops.last(), Some(&Drop::Replayed));
    pair.peer.close(pair.session());
    pair.inject_to_peer(MALLORY, &sealed);
    assert_eq!(pair.take_peer_output().len(), 0);
    assert_eq!(pair.drops.last(), Some(&Drop::UnknownSession));
}

#[test]
fn no_session_id_that_is_answered_is_found_by_changing_bits_of_a_recorded_packet() {
    let mut pair = Pair::established();
    pair.client.request(pair.now, &put(500), Class::Control);
    let recorded = pair.take_client_output().pop().unwrap().bytes;
    // The two bytes by which a session id fits a network are guessed once in 65 536 tries; here are 16 times as many.
    for guess in 0..1u32 << 20 {
        let mut changed = recorded.clone();
        changed[31..34].iter_mut().zip(&guess.to_be_bytes()[1..]).for_each(|(byte, change)| *byte ^= change);
        pair.deliver(Datagram { from: at(MALLORY), to: at(PEER), bytes: changed });
    }
    let answers = pair.take_peer_output().iter().filter(|d| d.to == at(MALLORY)).count();
    // The one guess of which nothing is changed is what a client sends that roams: it is asked for a proof.
    assert_eq!(answers, 1);
}

proptest! {
    #[test]
    fn any_bytes_get_silence(bytes in prop::collection::vec(any::<u8>(), 0..1300)) {
        let mut pair = Pair::new();
        pair.inject_to_peer(MALLORY, &bytes);
        prop_assert_eq!(pair.take_peer_output().len(), 0);
        prop_assert_eq!(pair.drops.len(), 1);
    }
}
