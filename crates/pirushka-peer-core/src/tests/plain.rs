//! The plain profile beside the sealed link: one port, two kinds of users who have nothing to do with each other.

use pirushka_identity::PlainPacket;
use pirushka_link::Drop;
use pirushka_wire::plain::decode_challenge;
use pirushka_wire::root::kind;
use pirushka_wire::{Params, Root, Signature};
use rand_core::Rng as _;

use super::*;
use crate::{PlainConfig, PlainDrop};

const BARE: &str = "203.0.113.5:4000";
const KEEPALIVE: [u8; 12] = [0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

fn with_plain() -> World {
    let plain = PlainConfig { is_enabled: true, ..PlainConfig::default() };
    World::new(PeerConfig { plain, ..PeerConfig::default() })
}

impl World {
    /// Hands a bare packet in from [`BARE`] and takes what comes back there.
    fn bare(&mut self, packet: &[u8]) -> (Result<(), Drop>, Vec<Vec<u8>>) {
        let (at, mut out, mut answers) = (BARE.parse().unwrap(), vec![], vec![]);
        let result = self.peer.handle_datagram(self.now, at, &mut packet.to_vec());
        while let Some(transmit) = self.peer.poll_transmit(self.now, &mut out) {
            assert_eq!(transmit.to, at);
            answers.push(out.clone());
        }
        (result, answers)
    }

    fn register_plain(&mut self, who: &Identity) {
        let (result, answers) = self.bare(&encoded(&who.plain_register(self.now.wall_s())));
        assert_eq!((result, answers.len()), (Ok(()), 2));
        let challenge = decode_challenge(Root::decode(&answers[1]).unwrap().payload).unwrap();
        let (result, answers) = self.bare(&encoded(&who.plain_response(&challenge, self.now.wall_s())));
        assert_eq!((result, answers.len()), (Ok(()), 1));
        assert_eq!(self.peer.plain_remote(&who.fingerprint()), Some(BARE.parse().unwrap()));
    }
}

fn encoded(packet: &PlainPacket) -> Vec<u8> {
    let mut out = vec![];
    packet.root().encode(&mut out);
    out
}

#[test]
fn t40_while_the_profile_is_off_a_bare_packet_gets_silence() {
    let mut world = World::new(PeerConfig::default());
    let register = encoded(&person(1).plain_register(world.now.wall_s()));
    assert_eq!(world.bare(&register), (Err(Drop::Unrecognised), vec![]));
    assert_eq!(world.bare(&KEEPALIVE), (Err(Drop::TooShort), vec![]));
    let counters = world.peer.link_counters();
    assert_eq!((counters.dropped(Drop::Unrecognised), counters.dropped(Drop::TooShort)), (1, 1));
    assert_eq!(world.peer.stats().plain, crate::PlainStats::default());
    assert_eq!(world.peer.plain_remote(&person(1).fingerprint()), None);
}

#[test]
fn a_bare_packet_is_counted_by_the_profile_and_junk_by_the_link() {
    let mut world = with_plain();
    world.register_plain(&person(1));
    assert_eq!(world.bare(&KEEPALIVE), (Ok(()), vec![]));
    let stale = encoded(&person(1).plain_register(1));
    assert_eq!(world.bare(&stale), (Err(Drop::Unrecognised), vec![]));
    assert_eq!(world.bare(b"somebody knocks without knowing anything"), (Err(Drop::Unrecognised), vec![]));
    let (counters, stats) = (world.peer.link_counters(), world.peer.stats().plain);
    assert_eq!((counters.dropped(Drop::Unrecognised), counters.dropped(Drop::TooShort)), (1, 0));
    assert_eq!((stats.registrations, stats.proven, stats.keepalives, stats.packets_out), (1, 1, 1, 3));
    assert_eq!(stats.dropped(PlainDrop::Stale), 1);
    assert_eq!(world.peer.stats().users, 0, "who is registered so is no user of the sealed link");
}

#[test]
fn a_plain_user_with_the_fingerprint_of_a_sealed_one_neither_replaces_it_nor_gets_its_messages() {
    let (mut world, bob) = (with_plain(), person(1));
    let (here, sender) = (world.client(), world.client());
    let incarnation = world.register(here, &bob);
    world.queue_set(here, 1);
    let before = world.peer.stats();
    // Bob's own key, so nobody can have a better claim to his messages.
    world.register_plain(&bob);
    let after = world.peer.stats();
    assert_eq!((after.users, after.users_online, after.queues), (before.users, before.users_online, before.queues));
    assert_eq!(world.deposit(sender, 1, 42), Answer::Ok);
    assert_eq!(world.pushed(here), [(1, 42)], "the sealed session gets it");
    world.ack(here, incarnation, [1]);
    let now = world.now;
    world.clients[here].link.close(now);
    world.run(SECOND);
    assert_eq!(world.deposit(sender, 1, 43), Answer::Ok);
    // Whatever goes to the bare address would be found here.
    assert_eq!(world.bare(&KEEPALIVE), (Ok(()), vec![]));
    world.run(60 * SECOND);
    assert_eq!(world.bare(&KEEPALIVE), (Ok(()), vec![]));
    assert_eq!(world.held(), 1, "and what comes while the sealed session is away waits for it");
    let back = world.client();
    world.register(back, &bob);
    assert_eq!(world.pushed(back), [(2, 43)]);
}

#[test]
fn what_a_plain_user_signs_in_the_clear_registers_nobody_on_the_sealed_link() {
    let (mut world, bob) = (with_plain(), person(1));
    let thief = world.client();
    let heard = encoded(&bob.plain_register(world.now.wall_s()));
    let answer = world.register_root(thief, &heard);
    assert_eq!(error(&answer), pirushka_wire::frame::error_code::BAD_PROOF);
    assert_eq!(world.peer.stats().users, 0);
}

/// Datagrams of all kinds that clients and peers send under the veil, in either direction.
fn veiled(seed: u8) -> Vec<Vec<u8>> {
    let now = Now { mono_us: 1_000_000_000, wall_ms: 1_700_000_000_000 };
    let (client_at, peer_at) = ("198.51.100.7:5000".parse().unwrap(), PEER_ADDRESS.parse().unwrap());
    let key = PeerKey::generate([seed; 32]);
    let mut peer = Peer::new(PeerConfig::default(), key.clone(), [seed; 32], now);
    let mut client = ClientLink::new(ClientLinkConfig::default(), key.peer_id(), [seed; 32]);
    client.connect(now, peer_at);
    let (mut seen, mut out) = (vec![], vec![]);
    for round in 0..60u32 {
        while client.poll_transmit(now, &mut out).is_some() {
            seen.push(out.clone());
            let _ = peer.handle_datagram(now, client_at, &mut out);
        }
        while peer.poll_transmit(now, &mut out).is_some() {
            seen.push(out.clone());
            let _ = client.handle_datagram(now, peer_at, &mut out);
        }
        client.request(
            now,
            &Frame::Lookup { request: NO_REQUEST, fingerprint: Fingerprint([round as u8; 32]) },
            Class::Control,
        );
    }
    seen
}

/// What a stateless observer can tell of a single packet. If byte 1 were the length
/// of shifts, and a signature of the length found there followed, would a time of today stand where one belongs?
fn looks_shifted(packet: &[u8], today_s: u64) -> bool {
    let Some(&n) = packet.get(1) else { return false };
    let at = 3 + usize::from(n);
    let Some(length) = packet.get(at..at + 2) else { return false };
    let length = usize::from(u16::from_be_bytes([length[0], length[1]]));
    let at = at + 2 + usize::from(n) + length + usize::from(n);
    let Some(time) = packet.get(at..).and_then(|rest| rest.first_chunk()) else { return false };
    let time = u64::from_be_bytes(*time);
    [1, 1_000, 1_000_000, 1_000_000_000].iter().any(|unit| (time / unit).abs_diff(today_s) < 86_400)
}

#[test]
fn t41_a_rule_over_a_single_packet_finds_every_shifted_one_and_no_veiled_one() {
    let today_s = 1_700_000_000;
    let mut rng = ChaCha20Rng::from_seed([41; 32]);
    let mut found = 0;
    for round in 0..2_000u64 {
        let who = person((round % 20) as u8);
        let time = today_s + round % 100;
        let challenge = pirushka_wire::plain::Challenge([round as u8; 32]);
        let (register, response) = (who.plain_register(time), who.plain_response(&challenge, time));
        let ok = Root {
            params: Params::FROM_PEER,
            kind: kind::OK,
            signature: Signature::Absent,
            timestamp: time,
            payload: &[],
        };
        for root in [register.root(), response.root(), ok] {
            let (mut packet, shift) = (vec![], (rng.next_u32() % 220) as u8);
            root.encode_shifted(shift, &mut |gap| rng.fill_bytes(gap), &mut packet).unwrap();
            found += u32::from(looks_shifted(&packet, today_s));
        }
    }
    assert_eq!(found, 6_000, "every shifted packet with a time in it");
    let veiled: Vec<_> = (0..40).flat_map(veiled).collect();
    assert!(veiled.len() > 2_000, "{}", veiled.len());
    assert_eq!(veiled.iter().filter(|packet| looks_shifted(packet, today_s)).count(), 0, "no veiled packet");
    let mut plain = crate::plain::PlainPeer::new(&PlainConfig::default(), [1; 32]);
    let now = Now { mono_us: 0, wall_ms: today_s * 1000 };
    let taken = veiled.iter().filter(|p| plain.handle_datagram(now, BARE.parse().unwrap(), p).is_some()).count();
    assert_eq!(taken, 0, "nor is any taken for a bare one");
}
