//! T13: RESET loops end, and RESETs cannot be collected.

use super::*;
use crate::Class;

#[test]
fn a_reset_never_brings_forth_another_packet() {
    let mut pair = Pair::established();
    pair.client.request(pair.now, &put(1000), Class::Control);
    let packet = pair.take_client_output().pop().unwrap();
    // Two peers that know nothing of the session, each taken for the other's client.
    let fresh = |seed| PeerLink::new(PeerLinkConfig::default(), key(), [seed; 32], pair.now);
    let mut peers = [fresh(50), fresh(51)];
    let mut bytes = packet.bytes;
    let mut hops = 0;
    for turn in 0..100 {
        let _ = peers[turn % 2].handle_datagram(pair.now, at(HOME), &mut bytes);
        if peers[turn % 2].poll_transmit(pair.now, &mut bytes).is_none() {
            break;
        }
        hops += 1;
    }
    assert_eq!(hops, 1);
}

#[test]
fn small_packets_old_ids_other_shards_and_live_sessions_get_no_reset() {
    let small = {
        let mut pair = Pair::established();
        let session = pair.client.welcome().unwrap().peer_session;
        let mut bytes = vec![];
        let header = crate::sealed::Header { params: pirushka_wire::Params::TO_PEER, number: 9, receiver: session };
        let veil = crate::veil::Veil::new(key().peer_id(), true);
        crate::sealed::SealKey::new([1; 32]).seal(&veil, header, &[], 127, &mut bytes);
        pair.inject_to_peer(MALLORY, &bytes);
        assert_eq!(pair.take_peer_output().len(), 0, "live");
        bytes
    };
    let mut pair = Pair::established();
    pair.client.request(pair.now, &poll(), Class::Control);
    let large = pair.take_client_output().pop().unwrap().bytes;
    let resets = |config: PeerLinkConfig, later_h: u64, bytes: &[u8]| {
        let now = Now { wall_ms: pair.now.wall_ms + later_h * 3_600_000, ..pair.now };
        let mut peer = PeerLink::new(config, key(), [99; 32], now);
        let (mut bytes, mut out) = (bytes.to_vec(), vec![]);
        let refused = peer.handle_datagram(now, at(HOME), &mut bytes);
        (refused.unwrap_err(), peer.poll_transmit(now, &mut out).is_some())
    };
    let config = PeerLinkConfig::default;
    assert_eq!(resets(config(), 0, &large), (Drop::UnknownSession, true));
    assert_eq!(resets(config(), 0, &small), (Drop::UnknownSession, false));
    assert_eq!(resets(config(), 25, &large), (Drop::UnknownSession, false));
    assert_eq!(resets(PeerLinkConfig { shard: 3, ..config() }, 0, &large), (Drop::OtherShard, false));
    assert_eq!(resets(PeerLinkConfig { node: 3, ..config() }, 0, &large), (Drop::OtherShard, false));
}

#[test]
fn a_packet_of_another_shard_is_left_as_it_came() {
    let mut pair = Pair::established();
    pair.client.request(pair.now, &poll(), Class::Control);
    let packet = pair.take_client_output().pop().unwrap().bytes;
    let mut other = PeerLink::new(PeerLinkConfig { shard: 3, ..PeerLinkConfig::default() }, key(), [99; 32], pair.now);
    let mut copy = packet.clone();
    assert_eq!(other.handle_datagram(pair.now, at(HOME), &mut copy), Err(Drop::OtherShard));
    assert_eq!(copy, packet);
}

#[test]
fn only_the_address_a_session_was_made_from_is_told_that_it_is_gone() {
    let mut pair = Pair::established();
    pair.client.request(pair.now, &poll(), Class::Control);
    let packet = pair.take_client_output().pop().unwrap().bytes;
    pair.peer = PeerLink::new(PeerLinkConfig::default(), key(), [99; 32], pair.now);
    pair.inject_to_peer(MALLORY, &packet);
    assert_eq!(pair.take_peer_output().len(), 0);
    let rebound = at(HOME).ip().to_string() + ":999";
    pair.inject_to_peer(&rebound, &packet);
    assert_eq!(pair.take_peer_output().len(), 1);
}

#[test]
fn resets_are_limited_per_second() {
    let mut pair = Pair::established();
    pair.client.request(pair.now, &poll(), Class::Control);
    let packet = pair.take_client_output().pop().unwrap().bytes;
    pair.peer =
        PeerLink::new(PeerLinkConfig { resets_per_s: 20, ..PeerLinkConfig::default() }, key(), [99; 32], pair.now);
    (0..1000).for_each(|_| pair.inject_to_peer(HOME, &packet));
    assert_eq!(pair.take_peer_output().len(), 20);
    assert_eq!(pair.peer.counters().resets_withheld, 980);
}
