//! Vectors of the link: every datagram of one handshake and of a restart, as they stand on the wire.

use std::net::SocketAddr;

use pirushka_link::{Class, ClientLink, ClientLinkConfig, PeerKey, PeerLink, PeerLinkConfig};
use pirushka_wire::root::kind;
use pirushka_wire::{Frame, Now, RequestId, Root};
use serde_json::{Value, json};

use super::{bytes_of, hex_of};

const CLIENT: &str = "192.0.2.7:5000";
const SERVER: &str = "203.0.113.1:7117";
const WALL_S: u64 = 1_800_000_000;

pub(super) fn datagrams() -> Vec<Value> {
    [true, false].into_iter().flat_map(conversation).collect()
}

#[test]
fn fact_06_every_datagram_is_a_root_packet_under_its_veil() {
    let bare: Vec<_> = conversation(false).iter().map(|v| bytes_of(v["datagram"].as_str().unwrap())).collect();
    let kinds: Vec<_> = bare.iter().map(|datagram| Root::decode(datagram).unwrap().kind).collect();
    assert_eq!(kinds, [kind::HELLO, kind::RETRY, kind::HELLO, kind::HELLO_ACK, kind::SEALED, kind::RESET]);
}

#[test]
fn a_peer_answers_the_kept_hellos_and_nothing_else_makes_it_speak() {
    let kept: Value = serde_json::from_slice(&std::fs::read(super::spec().join("vectors/link.json")).unwrap()).unwrap();
    let from_client = kept["vectors"].as_array().unwrap().iter().filter(|v| v["from"] == "client");
    for vector in from_client {
        let name = vector["name"].as_str().unwrap();
        let now = Now { mono_us: 0, wall_ms: WALL_S * 1000 };
        let mut peer = start_peer(vector["veiled"].as_bool().unwrap(), 9, now);
        let datagram = bytes_of(vector["datagram"].as_str().unwrap());
        let _ = peer.handle_datagram(now, address(CLIENT), &mut datagram.clone());
        assert!(from_peer(&mut peer, now).is_some(), "{name}");
        assert_eq!(peer.session_count(), usize::from(name.starts_with("HELLO with the cookie")), "{name}");
        for i in 0..datagram.len().min(192) {
            let mut damaged = datagram.clone();
            damaged[i] ^= 1;
            let _ = peer.handle_datagram(now, address(CLIENT), &mut damaged);
            let is_sealed = name.starts_with("SEALED");
            assert!(is_sealed || from_peer(&mut peer, now).is_none(), "{name}, byte {i}");
        }
    }
}

/// HELLO, RETRY, HELLO, HELLO_ACK, SEALED; then the peer is restarted: SEALED, RESET.
fn conversation(veiled: bool) -> Vec<Value> {
    let now = Now { mono_us: 0, wall_ms: WALL_S * 1000 };
    let mut client =
        ClientLink::new(ClientLinkConfig { veil: veiled, junk: 0, ..Default::default() }, key().peer_id(), [1; 32]);
    let mut peer = start_peer(veiled, 2, now);
    client.connect(now, address(SERVER));
    client.request(now, &Frame::Poll { request: RequestId(0) }, Class::Control);
    let mut kept = vec![];
    let mut exchange = |client: &mut ClientLink, peer: &mut PeerLink, names: [&str; 2]| {
        let question = from_client(client, now);
        kept.push(vector(names[0], veiled, "client", &question));
        let _ = peer.handle_datagram(now, address(CLIENT), &mut question.clone());
        let Some(answer) = from_peer(peer, now) else { return };
        kept.push(vector(names[1], veiled, "peer", &answer));
        client.handle_datagram(now, address(SERVER), &mut answer.clone()).unwrap();
    };
    exchange(&mut client, &mut peer, ["HELLO without a cookie", "RETRY"]);
    exchange(&mut client, &mut peer, ["HELLO with the cookie", "HELLO_ACK"]);
    assert!(client.is_established());
    let mut restarted = start_peer(veiled, 3, now);
    exchange(&mut client, &mut restarted, ["SEALED, the first packet", "RESET by a restarted peer"]);
    assert!(!client.is_established());
    kept
}

fn start_peer(veiled: bool, seed: u8, now: Now) -> PeerLink {
    PeerLink::new(PeerLinkConfig { veiled, ..Default::default() }, key(), [seed; 32], now)
}

fn vector(name: &str, veiled: bool, from: &str, datagram: &[u8]) -> Value {
    let name = if veiled { name.to_owned() } else { format!("{name}, without the veil") };
    json!({ "name": name, "veiled": veiled, "from": from, "static_key": hex_of(&*key().to_bytes()),
        "peer_id": hex_of(&key().peer_id().0), "client_address": CLIENT, "wall_s": WALL_S, "datagram": hex_of(datagram) })
}

fn from_client(client: &mut ClientLink, now: Now) -> Vec<u8> {
    let mut out = vec![];
    assert_eq!(client.poll_transmit(now, &mut out), Some(address(SERVER)));
    out
}

fn from_peer(peer: &mut PeerLink, now: Now) -> Option<Vec<u8>> {
    let mut out = vec![];
    let transmit = peer.poll_transmit(now, &mut out)?;
    assert_eq!(transmit.to, address(CLIENT));
    Some(out)
}

fn key() -> PeerKey {
    PeerKey::from_bytes([0x4b; 32])
}

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}
