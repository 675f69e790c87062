//! Facts 6 to 11, 18 and 19 in their bare form: a plain client and a peer, every datagram between them written down.

use std::ops::Range;

use pirushka_peer_core::{Peer, PeerConfig, PeerKey, PlainConfig as PeerPlainConfig};
use pirushka_wire::time::{HOUR, MINUTE};

use super::*;

const HERE: &str = "192.0.2.7:5000";
const ELSEWHERE: &str = "198.51.100.9:6000";
const PEER: &str = "203.0.113.1:7117";
/// `[params 1][type 1][signature length 2][timestamp 8]`: a packet without signature and payload.
const BARE_HEADER: usize = 12;

#[derive(Debug, Clone, PartialEq, Eq)]
enum On {
    ToPeer(Vec<u8>),
    ToClient(Vec<u8>),
}

struct World {
    now: Now,
    client: PlainClient,
    peer: Peer,
    /// Where the client's packets come from, as the peer sees it.
    source: SocketAddr,
    /// Every datagram that was sent, with its moment.
    wire: Vec<(u64, On)>,
    is_cut: bool,
    /// How many of the peer's next datagrams are lost.
    lost: usize,
    events: Vec<(u64, PlainEvent)>,
}

impl World {
    fn new(config: PlainConfig) -> Self {
        let now = Now { mono_us: 0, wall_ms: 1_700_000_000_000 };
        let identity = Identity::generate(&mut ChaCha20Rng::from_seed([1; 32]));
        let client = PlainClient::new(config, identity, PEER.parse().unwrap(), [2; 32]);
        let source = HERE.parse().unwrap();
        let (wire, events) = (vec![], vec![]);
        Self { now, client, peer: new_peer(now), source, wire, is_cut: false, lost: 0, events }
    }

    fn started(config: PlainConfig) -> Self {
        let mut world = Self::new(config);
        world.client.register(world.now);
        world.run(SECOND);
        world
    }

    fn run(&mut self, us: u64) {
        let end = self.now.mono_us + us;
        loop {
            self.exchange();
            let timeouts = [self.client.poll_timeout(), self.peer.poll_timeout()];
            let next = timeouts.into_iter().flatten().min().unwrap_or(end).max(self.now.mono_us + 1);
            self.advance_to(next.min(end));
            if next > end {
                return;
            }
            self.client.handle_timeout(self.now);
            self.peer.handle_timeout(self.now);
        }
    }

    fn advance_to(&mut self, mono_us: u64) {
        self.now.wall_ms += mono_us / 1000 - self.now.mono_us / 1000;
        self.now.mono_us = mono_us;
    }

    fn exchange(&mut self) {
        let (mut out, at_us) = (vec![], self.now.mono_us);
        while self.client.poll_transmit(&mut out).is_some() {
            self.wire.push((at_us, On::ToPeer(out.clone())));
            if !self.is_cut {
                let _ = self.peer.handle_datagram(self.now, self.source, &mut out);
            }
            while let Some(transmit) = self.peer.poll_transmit(self.now, &mut out) {
                self.wire.push((at_us, On::ToClient(out.clone())));
                if self.lost > 0 {
                    self.lost -= 1;
                } else if transmit.to == self.source {
                    let _ = self.client.handle_datagram(self.now, PEER.parse().unwrap(), &out);
                }
            }
        }
        while let Some(event) = self.client.poll_event() {
            self.events.push((at_us, event));
        }
    }

    fn events(&mut self) -> Vec<PlainEvent> {
        self.events.drain(..).map(|(_, event)| event).collect()
    }

    fn mapped(&self) -> Option<SocketAddr> {
        self.peer.plain_remote(&self.client.fingerprint())
    }

    fn to_peer(&self) -> Vec<(u64, &[u8])> {
        let of_client = |(at, on): &'_ (u64, On)| matches!(on, On::ToPeer(_)).then_some(*at);
        self.wire.iter().filter_map(|entry| Some((of_client(entry)?, bytes(&entry.1)))).collect()
    }

    fn packets(&self) -> impl Iterator<Item = &[u8]> {
        self.wire.iter().map(|(_, on)| bytes(on))
    }
}

fn bytes(on: &On) -> &[u8] {
    let (On::ToPeer(bytes) | On::ToClient(bytes)) = on;
    bytes
}

fn new_peer(now: Now) -> Peer {
    let plain = PeerPlainConfig { is_enabled: true, ..PeerPlainConfig::default() };
    Peer::new(PeerConfig { plain, ..PeerConfig::default() }, PeerKey::generate([3; 32]), [4; 32], now)
}

#[test]
fn fact_06_every_packet_is_root_and_what_the_text_names_is_the_payload_inside_it() {
    let mut world = World::started(PlainConfig::default());
    world.run(HOUR);
    let (mut kinds, mut again) = (vec![], vec![]);
    for packet in world.packets() {
        let root = Root::decode(packet).unwrap();
        again.clear();
        root.encode(&mut again);
        assert_eq!(again, packet, "nothing stands outside Root");
        kinds.push(root.kind);
    }
    assert_eq!(kinds[..6], [2, 1, 0x13, 0x14, 1, 0], "REGISTER, OK, CHALLENGE, RESPONSE, OK, KEEPALIVE");
}

#[test]
fn fact_07_whoever_sees_the_packets_reads_who_registers() {
    let world = World::started(PlainConfig::default());
    let (_, register) = world.to_peer()[0];
    let certificate = world.client.identity.certificate().der();
    assert_eq!(&register[78..], certificate, "the certificate, byte by byte");
    let read = pirushka_identity::Certificate::parse(&register[78..]).unwrap();
    assert_eq!(read.fingerprint(), world.client.fingerprint());
}

#[test]
fn fact_08_register_is_type_2_with_the_certificate_behind_its_length_and_maps_the_fingerprint_to_ip_and_port() {
    let mut world = World::started(PlainConfig::default());
    let (_, register) = world.to_peer()[0];
    let certificate = world.client.identity.certificate().der();
    let at = |range: Range<usize>| &register[range];
    assert_eq!(at(0..4), [0x02, 2, 0, 64], "to a peer, type 2, a signature of 64 bytes");
    assert_eq!(at(68..76), 1_700_000_000u64.to_be_bytes());
    assert_eq!(at(76..78), (certificate.len() as u16).to_be_bytes());
    assert_eq!(register.len(), 78 + certificate.len());
    assert_eq!(world.mapped(), Some(HERE.parse().unwrap()));
    // The network is another one: the shell notices and says so.
    world.source = ELSEWHERE.parse().unwrap();
    world.client.register(world.now);
    world.run(SECOND);
    assert_eq!(world.mapped(), Some(ELSEWHERE.parse().unwrap()));
    assert_eq!(world.peer.stats().plain.users, 1);
}

#[test]
fn fact_09_ok_is_type_1_without_payload_and_comes_at_once() {
    let mut world = World::started(PlainConfig::default());
    let (at_us, On::ToClient(ok)) = &world.wire[1] else { panic!("{:?}", world.wire) };
    assert_eq!((*at_us, ok.len(), &ok[..4]), (0, BARE_HEADER, &[0x01, 1, 0, 0][..]));
    assert_eq!(world.events(), [PlainEvent::Registered, PlainEvent::Proven]);
}

#[test]
fn fact_10_without_an_answer_it_registers_again_and_after_a_couple_of_failures_the_peer_is_unavailable() {
    let mut world = World::new(PlainConfig::default());
    world.is_cut = true;
    world.client.register(world.now);
    world.run(MINUTE);
    let sent: Vec<_> =
        world.to_peer().iter().map(|(at, packet)| (*at, Root::decode(packet).unwrap().timestamp)).collect();
    let begin = 1_700_000_000;
    assert_eq!(sent, [(0, begin), (2 * SECOND, begin + 2), (4 * SECOND, begin + 4)], "each try is a new statement");
    assert_eq!(world.events, [(6 * SECOND, PlainEvent::Unavailable)]);
    world.is_cut = false;
    world.run(2 * MINUTE);
    assert_eq!(world.events(), [PlainEvent::Unavailable, PlainEvent::Registered, PlainEvent::Proven], "it came back");
}

#[test]
fn fact_10_a_lost_answer_is_no_verdict_whichever_it_is() {
    for lost_from in 0..3 {
        let mut world = World::new(PlainConfig::default());
        world.lost = lost_from + 1;
        world.client.register(world.now);
        world.run(MINUTE);
        assert_eq!(world.events(), [PlainEvent::Registered, PlainEvent::Proven], "{lost_from}");
        assert_eq!(world.mapped(), Some(HERE.parse().unwrap()));
    }
}

#[test]
fn fact_11_every_couple_of_minutes_a_keepalive_without_payload_that_nobody_answers() {
    let mut world = World::started(PlainConfig::default());
    let before = world.wire.len();
    world.run(8 * MINUTE);
    let keepalives = &world.wire[before..];
    let moments: Vec<_> = keepalives.iter().map(|(at, _)| at / MINUTE).collect();
    assert_eq!(moments, [2, 4, 6, 8]);
    for (_, on) in keepalives {
        assert_eq!(on, &On::ToPeer(vec![0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]), "and nothing came back");
    }
    world.run(3 * HOUR);
    assert_eq!(world.mapped(), Some(HERE.parse().unwrap()), "the registration lives");
}

#[test]
fn fact_11_the_interval_is_free_to_choose_and_may_be_none() {
    let mut often = World::started(PlainConfig { keepalive_us: Some(20 * SECOND), ..PlainConfig::default() });
    let before = often.wire.len();
    often.run(MINUTE);
    assert_eq!(often.wire.len() - before, 3);
    let mut never = World::started(PlainConfig { keepalive_us: None, ..PlainConfig::default() });
    let before = never.wire.len();
    never.run(HOUR);
    assert_eq!(never.wire.len(), before);
    assert_eq!(never.mapped(), None, "then the peer forgets it");
}

#[test]
fn fact_18_the_signature_is_the_clients_over_timestamp_and_payload() {
    let world = World::started(PlainConfig::default());
    let (_, register) = world.to_peer()[0];
    let signature: &[u8; 64] = register[4..68].try_into().unwrap();
    let certificate = world.client.identity.certificate();
    assert!(certificate.verify(&register[68..], signature), "exactly what stands behind the signature");
    assert!(!certificate.verify(&register[69..], signature));
}

#[test]
fn fact_19_with_shifts_each_later_field_has_that_much_junk_before_it_and_everything_else_is_the_same() {
    let mut world = World::started(PlainConfig { shifts: true, ..PlainConfig::default() });
    world.run(HOUR);
    assert_eq!(world.events()[..2], [PlainEvent::Registered, PlainEvent::Proven]);
    let mut lengths = vec![];
    for packet in world.packets() {
        assert_eq!(packet[0] & 0x04, 0x04, "in both directions");
        let n = usize::from(packet[1]);
        let signed = usize::from(packet[3 + n + 1]);
        let fields = [3 + n..5 + n, 5 + 2 * n..5 + 2 * n + signed, 5 + 3 * n + signed..13 + 3 * n + signed];
        let mut bare = vec![packet[0] & 0x03, packet[2]];
        fields.into_iter().for_each(|field| bare.extend(&packet[field]));
        bare.extend(&packet[13 + 4 * n + signed..]);
        assert_eq!(Root::decode(&bare), Root::decode(packet));
        lengths.push(n);
    }
    lengths.sort_unstable();
    lengths.dedup();
    assert!(lengths.len() > 5 && lengths[0] > 0, "of many lengths: {lengths:?}");
}

#[test]
fn a_peer_that_was_restarted_knows_nobody_until_the_next_registration_among_the_keepalives() {
    let mut world = World::started(PlainConfig::default());
    world.peer = new_peer(world.now);
    world.run(9 * MINUTE);
    assert_eq!(world.mapped(), None, "a keepalive registers nobody");
    world.run(2 * MINUTE);
    assert_eq!(world.mapped(), Some(HERE.parse().unwrap()));
    world.source = ELSEWHERE.parse().unwrap();
    world.run(10 * MINUTE);
    assert_eq!(world.mapped(), Some(ELSEWHERE.parse().unwrap()), "a NAT that was rebound is noticed in the same way");
}

#[test]
fn a_peer_of_the_seed_that_never_challenges_and_says_its_own_time_is_enough() {
    let mut world = World::new(PlainConfig::default());
    world.is_cut = true;
    world.client.register(world.now);
    world.exchange();
    let ok = [&[0x01, 1, 0, 0][..], &77u64.to_be_bytes()].concat();
    let peer = PEER.parse().unwrap();
    assert_eq!(world.client.handle_datagram(world.now, peer, &ok), Ok(()));
    assert_eq!(world.client.handle_datagram(world.now, peer, &ok), Err(PlainIgnored::Unexpected), "once");
    world.exchange();
    assert_eq!(world.events(), [PlainEvent::Registered]);
}

#[test]
fn nobody_but_the_peer_is_listened_to_and_nobody_can_make_a_client_talk() {
    let mut world = World::started(PlainConfig::default());
    let challenge = [&[0x01, 0x13, 0, 0][..], &[0; 8], &[0xc4; 32]].concat();
    let peer = PEER.parse().unwrap();
    let stranger = "203.0.113.1:7118".parse().unwrap();
    assert_eq!(world.client.handle_datagram(world.now, stranger, &challenge), Err(PlainIgnored::WrongSource));
    assert_eq!(world.client.handle_datagram(world.now, peer, &challenge), Err(PlainIgnored::Unexpected));
    let sent = world.wire.len();
    world.run(SECOND);
    assert_eq!(world.wire.len(), sent);
    for junk in
        [&b""[..], b"\x01", &[0x02, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], &challenge[..40], b"HTTP/1.1 200 OK\r\n\r\n"]
    {
        assert_eq!(world.client.handle_datagram(world.now, peer, junk), Err(PlainIgnored::NotOurs));
    }
}

#[test]
fn timestamps_never_repeat_and_follow_a_clock_that_is_set_right() {
    let mut world = World::new(PlainConfig::default());
    world.is_cut = true;
    let timestamps = |world: &mut World, offset_ms: i64| {
        world.now.wall_ms = world.now.wall_ms.wrapping_add_signed(offset_ms);
        world.client.register(world.now);
        let mut out = vec![];
        world.client.poll_transmit(&mut out).unwrap();
        Root::decode(&out).unwrap().timestamp - 1_700_000_000
    };
    // Thrice in one second; a minute back; an hour ahead, and that taken back.
    let seen = [0, 0, 0, -60_000, 3_660_000, -3_600_000].map(|offset| timestamps(&mut world, offset));
    assert_eq!(seen, [0, 1, 2, 3, 3_600, 0]);
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_a_plain_client_panic(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..300)) {
        let mut world = World::started(PlainConfig::default());
        let peer = PEER.parse().unwrap();
        let _ = world.client.handle_datagram(world.now, peer, &bytes);
        let _ = world.client.handle_datagram(world.now, peer, &[&[1, 0x13, 0, 0][..], &bytes].concat());
        world.run(MINUTE);
    }
}
