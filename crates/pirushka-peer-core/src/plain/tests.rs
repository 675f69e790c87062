//! The plain profile at the peer, packet by packet, and the attacks on it.

use pirushka_identity::Identity;
use pirushka_wire::plain::{CHALLENGE_LEN, Challenge, decode_challenge};
use pirushka_wire::time::{MINUTE, SECOND};
use proptest::prelude::*;

use super::*;

const HERE: &str = "192.0.2.7:5000";
const ELSEWHERE: &str = "198.51.100.9:6000";
const START: Now = Now { mono_us: 1_000_000_000, wall_ms: 1_700_000_000_000 };

struct World {
    now: Now,
    peer: PlainPeer,
}

/// What came back: type, timestamp and payload of each answer, and where it went.
type Answers = Vec<(SocketAddr, u8, u64, Vec<u8>)>;

impl World {
    fn new(config: &PlainConfig) -> Self {
        Self { now: START, peer: PlainPeer::new(config, [7; 32]) }
    }

    fn pass(&mut self, us: u64) {
        self.now = Now { mono_us: self.now.mono_us + us, wall_ms: self.now.wall_ms + us / 1000 };
        if self.peer.poll_timeout().is_some_and(|at| at <= self.now.mono_us) {
            self.peer.handle_timeout(self.now);
        }
        self.peer.table.check();
    }

    /// Hands a packet in and takes the answers; all rules that hold for any packet are checked here.
    fn give(&mut self, from: &str, packet: &[u8]) -> (Option<Result<(), PlainDrop>>, Answers) {
        let before = (self.peer.stats(), self.peer.seen.len());
        let result = self.peer.handle_datagram(self.now, at(from), packet);
        let (mut answers, mut out, mut bytes) = (vec![], vec![], 0);
        while let Some(to) = self.peer.poll_transmit(&mut out) {
            let root = Root::decode(&out).unwrap();
            assert_eq!((root.params, root.signature), (Params::FROM_PEER, Signature::Absent));
            assert_eq!(Root::shift_of(&out).is_some(), Root::shift_of(packet).is_some());
            bytes += out.len();
            answers.push((to, root.kind, root.timestamp, root.payload.to_vec()));
        }
        assert!(bytes <= packet.len(), "t10: {bytes} bytes answer {}", packet.len());
        self.peer.table.check();
        let after = self.peer.stats();
        match result {
            Some(Ok(())) => {}
            Some(Err(reason)) => {
                assert_eq!(after.dropped(reason), before.0.dropped(reason) + 1, "{reason}: counted once");
                assert!(answers.is_empty(), "{reason}: refused in silence");
                assert_eq!(
                    (after.users, self.peer.seen.len()),
                    (before.0.users, before.1),
                    "{reason}: nothing changed"
                );
            }
            None => assert_eq!((after, answers.len()), (before.0, 0)),
        }
        (result, answers)
    }

    fn refused(&mut self, from: &str, packet: &[u8], reason: PlainDrop) {
        assert_eq!(self.give(from, packet).0, Some(Err(reason)));
    }

    fn now_s(&self) -> u64 {
        self.now.wall_s()
    }

    /// REGISTER, as far as the challenge.
    fn knock(&mut self, from: &str, who: &Identity) -> Challenge {
        let register = plain(&who.plain_register(self.now_s()));
        let (result, answers) = self.give(from, &register);
        assert_eq!(result, Some(Ok(())));
        let [(_, kind::OK, _, ok), (_, kind::CHALLENGE, _, challenge)] = &answers[..] else { panic!("{answers:?}") };
        assert!(ok.is_empty());
        decode_challenge(challenge).unwrap()
    }

    /// The whole registration.
    fn register(&mut self, from: &str, who: &Identity) {
        let challenge = self.knock(from, who);
        let response = plain(&who.plain_response(&challenge, self.now_s()));
        let (result, answers) = self.give(from, &response);
        assert_eq!(result, Some(Ok(())));
        assert_eq!(answers, [(at(from), kind::OK, self.now_s(), vec![])]);
        assert_eq!(self.peer.remote(&who.fingerprint()), Some(at(from)));
    }
}

fn at(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn person(seed: u16) -> Identity {
    let mut bytes = [0; 32];
    bytes[..2].copy_from_slice(&seed.to_be_bytes());
    Identity::generate(&mut ChaCha20Rng::from_seed(bytes))
}

fn plain(packet: &pirushka_identity::PlainPacket) -> Vec<u8> {
    let mut out = vec![];
    packet.root().encode(&mut out);
    out
}

fn shifted(packet: &pirushka_identity::PlainPacket, shift: u8, junk: u8) -> Vec<u8> {
    let mut out = vec![];
    packet.root().encode_shifted(shift, &mut |gap| gap.fill(junk), &mut out).unwrap();
    out
}

/// `[params to peer][type 0][signature length 0][timestamp 0]`
const KEEPALIVE: [u8; 12] = [0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

#[test]
fn facts_08_and_09_a_registration_is_answered_ok_at_once_and_maps_the_fingerprint_to_the_proven_address() {
    let (mut world, bob) = (World::new(&PlainConfig::default()), person(1));
    let (_, answers) = world.give(HERE, &plain(&bob.plain_register(START.wall_s())));
    assert_eq!(answers[0], (at(HERE), kind::OK, START.wall_s(), vec![]), "OK first, and nothing in it");
    assert_eq!((answers[1].1, answers[1].3.len()), (kind::CHALLENGE, CHALLENGE_LEN));
    assert_eq!(world.peer.remote(&bob.fingerprint()), None, "the source is not proven yet");
    world.pass(SECOND);
    world.register(HERE, &bob);
    let certificate = fingerprint_of(bob.certificate().der());
    assert_eq!(world.peer.remote(&certificate), Some(at(HERE)), "the fingerprint is the SHA-256 of the certificate");
}

#[test]
fn fact_08_who_registers_again_from_another_network_is_found_there() {
    let (mut world, bob) = (World::new(&PlainConfig::default()), person(1));
    world.register(HERE, &bob);
    world.pass(5 * SECOND);
    world.register(ELSEWHERE, &bob);
    let stats = world.peer.stats();
    assert_eq!((stats.users, stats.registrations, stats.proven), (1, 2, 2));
    world.refused(HERE, &KEEPALIVE, PlainDrop::UnknownSource);
}

#[test]
fn who_registers_again_where_it_is_needs_no_second_challenge() {
    let (mut world, bob) = (World::new(&PlainConfig::default()), person(1));
    world.register(HERE, &bob);
    world.pass(SECOND);
    let (_, answers) = world.give(HERE, &plain(&bob.plain_register(world.now_s())));
    assert_eq!(answers, [(at(HERE), kind::OK, world.now_s(), vec![])]);
}

#[test]
fn fact_11_a_keepalive_gets_no_answer_and_holds_the_registration_that_silence_ends() {
    let (mut world, bob) = (World::new(&PlainConfig::default()), person(1));
    world.register(HERE, &bob);
    for _ in 0..10 {
        world.pass(9 * MINUTE);
        assert_eq!(world.give(HERE, &KEEPALIVE), (Some(Ok(())), vec![]));
    }
    assert_eq!((world.peer.stats().keepalives, world.peer.stats().users), (10, 1));
    world.pass(10 * MINUTE);
    assert_eq!((world.peer.stats().expired, world.peer.stats().users), (1, 0));
    world.refused(HERE, &KEEPALIVE, PlainDrop::UnknownSource);
    assert_eq!(world.peer.poll_timeout(), None);
}

#[test]
fn fact_19_a_registration_with_shifts_of_any_length_is_answered_with_shifts() {
    for shift in [0, 1, 32, 200] {
        let (mut world, bob) = (World::new(&PlainConfig::default()), person(1));
        let (_, answers) = world.give(HERE, &shifted(&bob.plain_register(START.wall_s()), shift, 0x5a));
        let [(_, kind::OK, ..), (_, kind::CHALLENGE, _, challenge)] = &answers[..] else { panic!("{answers:?}") };
        let response = bob.plain_response(&decode_challenge(challenge).unwrap(), START.wall_s());
        assert_eq!(world.give(HERE, &shifted(&response, shift, 1)).1.len(), 1);
        assert_eq!(world.peer.stats().users, 1, "shift {shift}");
        let mut keepalive = vec![];
        let empty = Root { kind: 0, params: Params::TO_PEER, signature: Signature::Absent, timestamp: 0, payload: &[] };
        empty.encode_shifted(shift, &mut |gap| gap.fill(9), &mut keepalive).unwrap();
        assert_eq!(world.give(HERE, &keepalive), (Some(Ok(())), vec![]));
    }
}

#[test]
fn fact_18_a_timestamp_more_than_two_minutes_off_is_refused() {
    let (mut world, bob) = (World::new(&PlainConfig::default()), person(1));
    let now = START.wall_s();
    for wrong in [now - 121, now + 121, 0, u64::MAX, now * 1000] {
        world.refused(HERE, &plain(&bob.plain_register(wrong)), PlainDrop::Stale);
    }
    for right in [now - 120, now + 120] {
        assert_eq!(world.give(HERE, &plain(&bob.plain_register(right))).0, Some(Ok(())));
    }
}

#[test]
fn a_replayed_registration_is_refused_from_its_own_source_from_another_and_with_other_junk() {
    let (mut world, bob) = (World::new(&PlainConfig::default()), person(1));
    let packet = bob.plain_register(START.wall_s());
    let register = plain(&packet);
    assert_eq!(world.give(HERE, &register).0, Some(Ok(())));
    world.refused(HERE, &register, PlainDrop::Replayed);
    world.refused(ELSEWHERE, &register, PlainDrop::Replayed);
    world.refused(ELSEWHERE, &shifted(&packet, 3, 1), PlainDrop::Replayed);
    world.pass(120 * SECOND);
    world.refused(ELSEWHERE, &register, PlainDrop::Replayed);
    world.pass(SECOND);
    world.refused(ELSEWHERE, &register, PlainDrop::Stale);
}

#[test]
fn a_recorded_answer_to_a_challenge_does_not_bring_a_user_back_to_where_it_was() {
    let (mut world, bob) = (World::new(&PlainConfig::default()), person(1));
    let challenge = world.knock(HERE, &bob);
    let recorded = plain(&bob.plain_response(&challenge, world.now_s()));
    world.give(HERE, &recorded);
    world.pass(SECOND);
    world.register(ELSEWHERE, &bob);
    world.refused(HERE, &recorded, PlainDrop::Replayed);
    world.pass(2 * MINUTE);
    world.refused(HERE, &recorded, PlainDrop::BadChallenge);
    assert_eq!(world.peer.remote(&bob.fingerprint()), Some(at(ELSEWHERE)));
}

#[test]
fn a_challenge_answered_from_elsewhere_by_somebody_else_or_too_late_registers_nobody() {
    let (mut world, bob, eve) = (World::new(&PlainConfig::default()), person(1), person(2));
    let challenge = world.knock(HERE, &bob);
    let of_bob = plain(&bob.plain_response(&challenge, world.now_s()));
    world.refused(ELSEWHERE, &of_bob, PlainDrop::BadChallenge);
    world.refused("192.0.2.7:5001", &of_bob, PlainDrop::BadChallenge);
    world.refused(HERE, &plain(&eve.plain_response(&challenge, world.now_s())), PlainDrop::BadChallenge);
    world.refused(HERE, &plain(&bob.plain_response(&Challenge([0; 32]), world.now_s())), PlainDrop::BadChallenge);
    world.pass(2 * MINUTE);
    world.refused(HERE, &plain(&bob.plain_response(&challenge, world.now_s())), PlainDrop::BadChallenge);
    assert_eq!(world.peer.stats().users, 0);
}

#[test]
fn a_foreign_certificate_or_a_stolen_signature_registers_nobody() {
    let (mut world, bob, eve) = (World::new(&PlainConfig::default()), person(1), person(2));
    let now = world.now_s();
    let (of_bob, of_eve) = (plain(&bob.plain_register(now)), plain(&eve.plain_register(now)));
    let with_foreign_certificate = [&of_eve[..76], &of_bob[76..]].concat();
    world.refused(HERE, &with_foreign_certificate, PlainDrop::BadSignature);
    let mut broken = of_bob.clone();
    let last = broken.len() - 1;
    broken[last] ^= 1;
    world.refused(HERE, &broken, PlainDrop::BadCertificate);
    let mut unsigned = of_bob[..2].to_vec();
    unsigned.extend([0, 0]);
    unsigned.extend(&of_bob[68..]);
    world.refused(HERE, &unsigned, PlainDrop::Malformed);
    // Of a challenge made for bob only bob's answer is good: eve's key over bob's certificate is not.
    let challenge = world.knock(HERE, &bob);
    let of_bob = plain(&bob.plain_response(&challenge, now));
    let of_eve = plain(&eve.plain_response(&challenge, now));
    world.refused(HERE, &[&of_eve[..68], &of_bob[68..]].concat(), PlainDrop::BadSignature);
    assert_eq!(world.peer.stats().users, 0);
}

#[test]
fn t06_a_bit_flipped_in_any_byte_of_a_registration_or_response_registers_nobody() {
    // Enough checks for one try per byte.
    let config = PlainConfig { checks_per_s: 100_000, ..PlainConfig::default() };
    let (mut world, bob) = (World::new(&config), person(1));
    let register = plain(&bob.plain_register(START.wall_s()));
    for byte in 0..register.len() {
        let mut changed = register.clone();
        changed[byte] ^= 1 << (byte % 8);
        let (result, answers) = world.give(HERE, &changed);
        assert!(!matches!(result, Some(Ok(()))) && answers.is_empty(), "byte {byte}: {result:?}");
    }
    let challenge = world.knock(HERE, &bob);
    let response = plain(&bob.plain_response(&challenge, START.wall_s()));
    for byte in 0..response.len() {
        let mut changed = response.clone();
        changed[byte] ^= 1 << (byte % 8);
        let (result, answers) = world.give(HERE, &changed);
        assert!(!matches!(result, Some(Ok(()))) && answers.is_empty(), "byte {byte}: {result:?}");
    }
    assert_eq!(world.peer.stats().users, 0);
    assert_eq!(world.give(HERE, &response).0, Some(Ok(())));
}

#[test]
fn registrations_from_forged_sources_leave_no_entry_and_what_is_remembered_is_bounded() {
    let config = PlainConfig { checks_per_s: 2, ..PlainConfig::default() };
    let (mut world, bob) = (World::new(&config), person(1));
    world.register(HERE, &bob);
    let mut answered = 0;
    for n in 0..5_000u32 {
        if n % 10 == 0 {
            world.pass(SECOND);
        }
        let from = format!("203.0.{}.{}:{}", n % 251, n % 250, 1024 + n);
        let register = plain(&person(2 + (n % 500) as u16).plain_register(world.now_s()));
        answered += u32::from(world.give(&from, &register).0 == Some(Ok(())));
    }
    assert!((990..=1_010).contains(&answered), "two a second in 500 s: {answered}");
    assert!(world.peer.seen.len() <= 2 * 244, "{}", world.peer.seen.len());
    assert_eq!(world.peer.stats().users, 1);
    world.give(HERE, &KEEPALIVE);
    assert_eq!(world.peer.remote(&bob.fingerprint()), Some(at(HERE)), "who was here still is");
}

#[test]
fn a_full_prefix_and_a_full_table_refuse_newcomers_and_keep_those_who_are_here() {
    let config = PlainConfig { users_max: 3, prefix_users_max: 2, ..PlainConfig::default() };
    let mut world = World::new(&config);
    let people: Vec<Identity> = (1..=5).map(person).collect();
    world.register("192.0.2.1:1", &people[0]);
    world.register("192.0.2.2:1", &people[1]);
    let challenge = world.knock("192.0.2.3:1", &people[2]);
    let response = plain(&people[2].plain_response(&challenge, world.now_s()));
    world.refused("192.0.2.3:1", &response, PlainDrop::PrefixFull);
    world.pass(SECOND);
    world.register("198.51.100.1:1", &people[3]);
    let challenge = world.knock("203.0.113.1:1", &people[4]);
    let response = plain(&people[4].plain_response(&challenge, world.now_s()));
    world.refused("203.0.113.1:1", &response, PlainDrop::TableFull);
    // Whoever is here may move within its own room, and an address is one person's.
    world.pass(SECOND);
    world.register("192.0.2.9:9", &people[0]);
    world.pass(SECOND);
    world.register("192.0.2.9:9", &people[2]);
    let found: Vec<bool> = people.iter().map(|who| world.peer.remote(&who.fingerprint()).is_some()).collect();
    assert_eq!(found, [false, true, true, true, false]);
}

#[test]
fn after_a_burst_of_one_source_another_is_still_checked() {
    let mut world = World::new(&PlainConfig { checks_per_s: 16, ..PlainConfig::default() });
    let mut last = None;
    for n in 0..10 {
        last = world.give(HERE, &plain(&person(n).plain_register(START.wall_s()))).0;
    }
    assert_eq!(last, Some(Err(PlainDrop::SlowedDown)));
    world.register(ELSEWHERE, &person(99));
}

#[test]
fn answers_that_nobody_takes_are_bounded() {
    let mut world = World::new(&PlainConfig { checks_per_s: 100_000, ..PlainConfig::default() });
    let refused = (0..600).filter(|&n| {
        let register = plain(&person(n).plain_register(START.wall_s()));
        let result = world.peer.handle_datagram(world.now, at(HERE), &register);
        result == Some(Err(PlainDrop::Overloaded))
    });
    assert_eq!(refused.count(), 600 - ANSWERS_MAX / 2);
}

#[test]
fn what_is_not_of_the_profile_is_left_to_others() {
    let mut world = World::new(&PlainConfig::default());
    let strange: [&[u8]; 6] = [
        b"",
        b"\x02",
        &[0x02, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        &[0x01, 0x00, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        &[0x02, 0x01, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        &[0x02, 0x13, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    ];
    for packet in strange {
        assert_eq!(world.give(HERE, packet), (None, vec![]));
    }
    world.refused(HERE, &[&KEEPALIVE[..], b"!"].concat(), PlainDrop::Malformed);
}

proptest! {
    #[test]
    fn t10_no_bytes_panic_or_are_answered_by_more_than_they_are(
        head in prop::sample::select(vec![0x02u8, 0x06]),
        kind in prop::sample::select(vec![0u8, 2, 0x14, 0x10]),
        rest in prop::collection::vec(any::<u8>(), 0..600),
    ) {
        let mut world = World::new(&PlainConfig::default());
        world.give(HERE, &rest);
        world.give(HERE, &[&[head, kind][..], &rest].concat());
        world.give(HERE, &[&[head, 0, kind, 0, 64][..], &rest].concat());
    }

    #[test]
    fn t10_no_good_packet_is_answered_by_more_than_it_is(shift in 0u8..=200, junk in any::<u8>(), seed in any::<u16>()) {
        let (mut world, who) = (World::new(&PlainConfig::default()), person(seed));
        let (result, answers) = world.give(HERE, &shifted(&who.plain_register(START.wall_s()), shift, junk));
        prop_assert_eq!(result, Some(Ok(())));
        let challenge = decode_challenge(&answers[1].3).unwrap();
        let result = world.give(HERE, &shifted(&who.plain_response(&challenge, START.wall_s()), shift, junk)).0;
        prop_assert_eq!(result, Some(Ok(())));
    }
}
