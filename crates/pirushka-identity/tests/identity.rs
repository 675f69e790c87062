//! What an identity promises: one certificate per seed, faults by name, signatures good for one thing only.

use pirushka_identity::{
    CARD_SKEW_S, Card, CardError, Certificate, CertificateError, Identity, IdentityError, IntroPolicy, RegisterError,
    verify_register,
};
use pirushka_wire::{PeerAddress, PeerId, Root, RootError, Signature};
use proptest::prelude::*;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;

const PEER: PeerId = PeerId([0x70; 32]);
const BINDING: [u8; 32] = [0xb1; 32];

#[test]
fn fact_12_an_identity_is_a_self_signed_certificate_of_195_bytes_made_here() {
    let (one, two) = (person(1), person(1));
    assert_eq!(one.certificate().der(), two.certificate().der());
    assert_eq!(one.certificate().der().len(), 195);
    assert_ne!(one.fingerprint(), person(2).fingerprint());
}

#[test]
fn a_stored_identity_comes_back_whole() {
    let one = person(1);
    let back = Identity::from_parts(&one.secret_bytes(), one.certificate().der()).unwrap();
    assert_eq!(back.fingerprint(), one.fingerprint());
    assert_eq!(back.sign(b"x"), one.sign(b"x"));
}

#[test]
fn a_certificate_of_somebody_else_does_not_make_an_identity() {
    let refused = Identity::from_parts(&person(1).secret_bytes(), person(2).certificate().der());
    assert_eq!(refused.unwrap_err(), IdentityError::KeyMismatch);
}

#[test]
fn the_secret_is_never_printed() {
    let one = person(1);
    let secret = format!("{:?}", one.secret_bytes());
    assert!(!format!("{one:?}").contains(secret.trim_matches(['[', ']'])));
    assert_eq!(format!("{one:?}"), format!("Identity({})", one.fingerprint()));
}

#[test]
fn every_fault_of_a_certificate_has_its_name() {
    let der = person(1).certificate().der().to_vec();
    let parse = |bytes: &[u8]| Certificate::parse(bytes).unwrap_err();
    let with = |at: usize, byte: u8| {
        let mut copy = der.clone();
        copy[at] = byte;
        copy
    };
    let key_oid = find(&der, &[0x2b, 0x65, 0x70]);

    assert_eq!(parse(&[0; 1025]), CertificateError::TooLarge(1025));
    assert_eq!(parse(&[]), CertificateError::NotStrictDer);
    assert_eq!(parse(&[&der[..], &[0]].concat()), CertificateError::NotStrictDer);
    assert_eq!(parse(&der[..der.len() - 1]), CertificateError::NotStrictDer);
    assert_eq!(parse(&[0x30, 0]), CertificateError::NotX509);
    assert_eq!(parse(&with(key_oid + 2, 0x71)), CertificateError::NotEd25519);
    assert_eq!(parse(&with(der.len() - 1, der[der.len() - 1] ^ 1)), CertificateError::BadSignature);
}

#[test]
fn a_certificate_with_a_name_is_refused() {
    let mut params = rcgen::CertificateParams::default();
    params.distinguished_name.push(rcgen::DnType::CommonName, "alice");
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
    let der = params.self_signed(&key).unwrap();
    assert_eq!(Certificate::parse(der.der()).unwrap_err(), CertificateError::Named);
}

#[test]
fn a_certificate_with_another_kind_of_key_is_refused() {
    let mut params = rcgen::CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
    let der = params.self_signed(&key).unwrap();
    assert_eq!(Certificate::parse(der.der()).unwrap_err(), CertificateError::NotEd25519);
}

#[test]
fn a_signature_in_its_second_form_is_refused() {
    // s + L is the same number modulo the group order, and a lax verifier takes it.
    const ORDER: [u8; 32] =
        *b"\xed\xd3\xf5\x5c\x1a\x63\x12\x58\xd6\x9c\xf7\xa2\xde\xf9\xde\x14\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x10";
    let one = person(1);
    let mut signature = one.sign(b"message");
    let mut carry = 0;
    for (s, l) in signature[32..].iter_mut().zip(ORDER) {
        let sum = u16::from(*s) + u16::from(l) + carry;
        (*s, carry) = (sum as u8, sum >> 8);
    }
    assert!(!one.certificate().verify(b"message", &signature));
    assert!(one.certificate().verify(b"message", &one.sign(b"message")));
}

#[test]
fn t07_a_registration_is_good_for_one_peer_and_one_session() {
    let one = person(1);
    let packet = one.register_packet(PEER, &BINDING, 1_700_000_000);
    assert_eq!(verify_register(&packet, PEER, &BINDING).unwrap(), *one.certificate());
    assert_eq!(verify_register(&packet, PeerId([0; 32]), &BINDING), Err(RegisterError::BadSignature));
    assert_eq!(verify_register(&packet, PEER, &[0; 32]), Err(RegisterError::BadSignature));
}

#[test]
fn fact_19_a_registration_with_shifts_is_the_same_registration() {
    let one = person(1);
    let packet = one.register_packet(PEER, &BINDING, 1_700_000_000);
    let mut shifted = vec![];
    Root::decode(&packet).unwrap().encode_shifted(9, &mut |gap| gap.fill(0xaa), &mut shifted).unwrap();
    assert_eq!(verify_register(&shifted, PEER, &BINDING).unwrap().fingerprint(), one.fingerprint());
}

#[test]
fn fact_08_a_registration_is_root_type_2_with_the_certificate_behind_its_length() {
    let one = person(1);
    let packet = one.register_packet(PEER, &BINDING, 1_700_000_000);
    let root = Root::decode(&packet).unwrap();
    let der = one.certificate().der();
    assert_eq!(root.kind, 2);
    assert_eq!(root.payload, [&(der.len() as u16).to_be_bytes(), der].concat());
}

#[test]
fn t08_a_foreign_certificate_or_a_stolen_signature_registers_nobody() {
    let (alice, mallory) = (person(1), person(2));
    let packet = alice.register_packet(PEER, &BINDING, 1_700_000_000);
    let of_mallory = mallory.register_packet(PEER, &BINDING, 1_700_000_000);
    let with_alices_certificate = [&of_mallory[..76], &packet[76..]].concat();
    let with_alices_signature = [&packet[..76], &of_mallory[76..]].concat();
    for spliced in [with_alices_certificate, with_alices_signature] {
        assert_eq!(verify_register(&spliced, PEER, &BINDING), Err(RegisterError::BadSignature));
    }
}

#[test]
fn every_fault_of_a_registration_has_its_name() {
    let packet = person(1).register_packet(PEER, &BINDING, 1_700_000_000);
    let verify = |bytes: &[u8]| verify_register(bytes, PEER, &BINDING).unwrap_err();
    let with = |at: usize, byte: u8| {
        let mut copy = packet.clone();
        copy[at] = byte;
        copy
    };
    let mut unsigned = vec![];
    Root { signature: Signature::Absent, ..Root::decode(&packet).unwrap() }.encode(&mut unsigned);

    assert_eq!(verify(&[]), RegisterError::Root(RootError::Truncated));
    assert_eq!(verify(&with(0, 0x01)), RegisterError::NotARegistration);
    assert_eq!(verify(&with(1, 0x03)), RegisterError::NotARegistration);
    assert_eq!(verify(&unsigned), RegisterError::Unsigned);
    assert_eq!(verify(&[&packet[..], &[0]].concat()), RegisterError::Payload);
    assert_eq!(verify(&with(75, 1)), RegisterError::BadSignature); // the timestamp
    assert_eq!(verify(&with(4, packet[4] ^ 1)), RegisterError::BadSignature);
    assert_eq!(
        verify(&with(packet.len() - 1, packet[packet.len() - 1] ^ 1)),
        RegisterError::Certificate(CertificateError::BadSignature)
    );
}

#[test]
fn a_card_reads_back_as_it_was_signed() {
    let one = person(1);
    for policy in [IntroPolicy::Closed, IntroPolicy::Token, IntroPolicy::Work { bits: 20 }] {
        let card = one.sign_card(homes(), policy, 42, 1_800_000_000);
        let read = Card::decode_verified(&card.encode(), Some(&one.fingerprint())).unwrap();
        assert_eq!(read, card);
        assert_eq!((read.homes(), read.intro_policy(), read.seq()), (&homes()[..], policy, 42));
    }
}

#[test]
fn a_card_is_fresh_until_its_end_and_two_days_of_clock_error() {
    let card = person(1).sign_card(homes(), IntroPolicy::Token, 1, 1000);
    assert!(card.is_fresh(1000 + CARD_SKEW_S));
    assert!(!card.is_fresh(1001 + CARD_SKEW_S));
}

#[test]
fn every_fault_of_a_card_has_its_name() {
    let one = person(1);
    let bytes = one.sign_card(homes(), IntroPolicy::Token, 1, 1000).encode();
    let decode = |bytes: &[u8]| Card::decode_verified(bytes, None).unwrap_err();
    let with = |at: usize, byte: u8| {
        let mut copy = bytes.clone();
        copy[at] = byte;
        copy
    };
    let count = 14 + 195;

    assert_eq!(decode(b"DCSC"), CardError::Layout);
    assert_eq!(decode(b"DCSC1-ROOT\0...."), CardError::NotACard);
    assert_eq!(decode(&with(11, 9)), CardError::Version(9));
    assert_eq!(decode(&with(count, 0)), CardError::Homes(0));
    assert_eq!(decode(&with(count, 5)), CardError::Homes(5));
    assert_eq!(decode(&with(count + 2, b'P')), CardError::Host); // a capital letter
    assert_eq!(decode(&[&bytes[..], &[0]].concat()), CardError::Layout);
    assert_eq!(decode(&bytes[..bytes.len() - 1]), CardError::Layout);
    assert_eq!(decode(&with(bytes.len() - 65, 9)), CardError::BadSignature);
    assert_eq!(Card::decode_verified(&bytes, Some(&person(2).fingerprint())), Err(CardError::WrongPerson));
}

#[test]
#[should_panic(expected = "1 to 4 home peers")]
fn a_card_without_a_home_is_a_bug_of_the_caller() {
    let _ = person(1).sign_card(vec![], IntroPolicy::Token, 1, 1000);
}

proptest! {
    #[test]
    fn no_bytes_make_a_parser_panic(bytes in prop::collection::vec(any::<u8>(), 0..1100)) {
        let _ = Certificate::parse(&bytes);
        let _ = Card::decode_verified(&bytes, None);
        let _ = verify_register(&bytes, PEER, &BINDING);
    }

    #[test]
    fn no_damage_passes(at in 0usize..1000, flip in 1u8.., which in 0..3) {
        let one = person(1);
        let mut bytes = match which {
            0 => one.certificate().der().to_vec(),
            1 => one.sign_card(homes(), IntroPolicy::Token, 1, 1000).encode(),
            _ => one.register_packet(PEER, &BINDING, 1_700_000_000),
        };
        let at = at % bytes.len();
        bytes[at] ^= flip;
        match which {
            0 => prop_assert!(Certificate::parse(&bytes).is_err()),
            1 => prop_assert!(Card::decode_verified(&bytes, None).is_err()),
            _ => prop_assert!(verify_register(&bytes, PEER, &BINDING).is_err()),
        }
    }

    #[test]
    fn any_seed_makes_a_person(seed in any::<[u8; 32]>()) {
        let one = Identity::generate(&mut ChaCha20Rng::from_seed(seed));
        prop_assert_eq!(one.certificate().der().len(), 195);
    }
}

#[test]
fn no_changed_bit_of_a_certificate_passes() {
    let der = person(1).certificate().der().to_vec();
    for bit in 0..8 * der.len() {
        let mut changed = der.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert!(Certificate::parse(&changed).is_err(), "bit {bit}");
    }
}

fn person(n: u8) -> Identity {
    Identity::generate(&mut ChaCha20Rng::from_seed([n; 32]))
}

fn homes() -> Vec<PeerAddress> {
    ["peer.example", "[2001:db8::1]:99"].map(|host| format!("{host}?k={PEER}").parse().unwrap()).to_vec()
}

fn find(bytes: &[u8], part: &[u8]) -> usize {
    bytes.windows(part.len()).position(|w| w == part).unwrap()
}
