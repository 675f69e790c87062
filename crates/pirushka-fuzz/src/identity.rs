//! Who somebody is: what is accepted is exactly what its owner signed, in the one way there is to write it.

use std::sync::LazyLock;

use pirushka_identity::{
    Card, Certificate, Identity, IntroPolicy, fingerprint_of, verify_plain_register, verify_plain_response,
    verify_register,
};
use pirushka_wire::plain::Challenge;
use pirushka_wire::{PeerAddress, PeerId, Root};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;

use crate::der::Der;
use crate::script::Script;

/// The same few people in all targets.
pub(crate) fn person(n: usize) -> &'static Identity {
    static PEOPLE: LazyLock<Vec<Identity>> =
        LazyLock::new(|| (1..=4).map(|n| Identity::generate(&mut ChaCha20Rng::from_seed([n; 32]))).collect());
    &PEOPLE[n % 4]
}

/// The first byte says what the rest is: a certificate, or changes of what a person of ours signs instead of its own.
pub(crate) fn certificate(input: &[u8]) {
    let mut script = Script::new(input);
    let mut der = match script.u8() % 4 {
        0 => script.rest().to_vec(),
        _ => changed_and_signed(&mut script),
    };
    let Ok(certificate) = Certificate::parse(&der) else { return };
    assert_eq!(certificate.der(), der);
    assert_eq!(certificate.fingerprint(), fingerprint_of(&der));
    assert_eq!(Der::read(&der).map(|tree| tree.write()).as_ref(), Some(&der), "not the shortest way to write it");
    let (at, flip) = (usize::from(script.u16()) % der.len(), script.u8().max(1));
    der[at] ^= flip;
    assert!(Certificate::parse(&der).is_err(), "byte {at} may be changed by {flip:#04x} without the key");
}

/// `SEQUENCE { what is signed, algorithm, signature }`, the signed part changed as the script says and signed anew.
fn changed_and_signed(script: &mut Script<'_>) -> Vec<u8> {
    let signer = person(0);
    let whole = Der::read(signer.certificate().der()).expect("a certificate of ours is DER");
    let Der::Constructed(tag, mut parts) = whole else { unreachable!("a certificate is a SEQUENCE") };
    for _ in 0..=script.below(3) {
        parts[0].change(script);
    }
    let signature = signer.sign(&parts[0].write());
    parts[2] = Der::Primitive(3, [&[0], &signature[..]].concat());
    Der::Constructed(tag, parts).write()
}

/// A card as it is made, one that was changed on its way, and one whose owner signed what no client of ours makes.
pub(crate) fn card(input: &[u8]) {
    let mut script = Script::new(input);
    let owner = person(script.below(4));
    let homes = (0..=script.below(4)).map(|_| home(&mut script)).collect();
    let policy = IntroPolicy::from_byte(script.u8());
    let card = owner.sign_card(homes, policy, script.u64(), script.u64());
    let mut bytes = card.encode();
    assert_eq!(Card::decode_verified(&bytes, Some(&owner.fingerprint())).as_ref(), Ok(&card));
    if script.is_over() {
        return;
    }
    let signs = script.flag();
    if signs {
        bytes.truncate(bytes.len() - 64);
    }
    let is_changed = script.damage(&mut bytes);
    if signs {
        let signature = owner.sign(&bytes);
        bytes.extend(signature);
    }
    let Ok(read) = Card::decode_verified(&bytes, None) else { return };
    assert!(signs || !is_changed, "changed without the key");
    assert_eq!(read.encode(), bytes);
    assert_eq!(read.fingerprint(), owner.fingerprint());
    assert!((1..=4).contains(&read.homes().len()));
    assert!(read.homes().iter().all(|home| home.to_string().parse().as_ref() == Ok(home)), "{:?}", read.homes());
}

fn home(script: &mut Script<'_>) -> PeerAddress {
    let host = script.pick(&["peer.example", "192.0.2.1", "2001:db8::7", "xn--per-hlc.example", "h"]);
    // All of these are hosts.
    PeerAddress { host: host.parse().expect("a host"), port: script.u16().max(1), peer_id: PeerId(script.array()) }
}

/// A registration is good for its person, its peer and its session, and a plain one for what it says.
pub(crate) fn registration(input: &[u8]) {
    let mut script = Script::new(input);
    let (who, peer, binding) = (person(script.below(4)), PeerId([7; 32]), [8; 32]);
    let (when, challenge) = (script.u64(), Challenge([script.u8(); 32]));
    let plain = if script.flag() { who.plain_register(when) } else { who.plain_response(&challenge, when) };
    let (sealed, shift) = (who.register_packet(peer, &binding, when), script.u8());
    let mut packet = vec![];
    let is_sealed = script.flag();
    match is_sealed {
        true => packet = sealed.clone(),
        false => drop(plain.root().encode_shifted(shift, &mut |gap| gap.fill(shift), &mut packet)),
    }
    if script.flag() {
        script.damage(&mut packet);
    }
    let said = if is_sealed { Root::decode(&sealed).expect("a packet of ours") } else { plain.root() };
    let Ok(root) = Root::decode(&packet) else { return };
    if let Ok(certificate) = verify_register(&packet, peer, &binding) {
        assert_eq!((certificate.fingerprint(), root), (who.fingerprint(), said));
        assert!(verify_register(&packet, PeerId([9; 32]), &binding).is_err());
        assert!(verify_register(&packet, peer, &[9; 32]).is_err());
    }
    if let Ok(certificate) = verify_plain_register(&root) {
        assert!(!is_sealed, "a sealed registration passes for a plain one");
        // Fact 18: type and direction are not covered.
        assert_eq!(certificate.fingerprint(), who.fingerprint());
        assert_eq!((root.timestamp, root.payload, root.signature), (said.timestamp, said.payload, said.signature));
    }
    if let Ok(certificate) = verify_plain_response(&root) {
        assert_eq!(certificate.fingerprint(), who.fingerprint());
        assert_eq!((root.timestamp, root.payload, root.signature), (said.timestamp, said.payload, said.signature));
    }
}
