//! T30, end to end: what names another version or suite is refused, also when it is signed by whom it names.

use pirushka_e2e::bundle::{BundleError, LookedUp};
use pirushka_e2e::{E2eError, KeyPackages, Session};
use pirushka_identity::{Card, CardError, Identity, IntroPolicy};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng as _;

const NOW_S: u64 = 1_800_000_000;
/// Where the version stands in a card, behind `DCSC1-CARD\0`.
const CARD_VERSION: usize = 11;

#[test]
fn t30_a_card_of_another_version_is_refused_even_if_its_owner_signed_it() {
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let bob = Identity::generate(&mut rng);
    let home = format!("example.org?k={}", pirushka_wire::PeerId([9; 32])).parse().unwrap();
    let card = bob.sign_card(vec![home], IntroPolicy::Token, 1, NOW_S + 86_400).encode();
    let read = |bytes: &[u8]| Card::decode_verified(bytes, Some(&bob.fingerprint())).map(|_| ());
    assert_eq!((read(&card), card[CARD_VERSION]), (Ok(()), 1));
    for version in [0, 2, 255] {
        let mut other = card[..card.len() - 64].to_vec();
        other[CARD_VERSION] = version;
        let signature = bob.sign(&other);
        other.extend(signature);
        assert_eq!(read(&other), Err(CardError::Version(version)));
        let bundle = LookedUp { card: &other, package: &[] };
        let refused = bundle.verify(&bob.fingerprint(), NOW_S).map(|_| ());
        assert_eq!(refused, Err(BundleError::Card(CardError::Version(version))));
    }
}

#[test]
fn t30_a_key_package_or_welcome_that_names_another_version_or_suite_begins_nothing() {
    let mut rng = ChaCha20Rng::seed_from_u64(2);
    let (alice, bob) = (Identity::generate(&mut rng), Identity::generate(&mut rng));
    let mut packages = KeyPackages::new();
    let package = packages.publish(&bob, &mut rng, NOW_S, 1).unwrap().one_time.remove(0);
    let mut begin = |package: &[u8]| Session::initiate(&alice, &mut rng, bob.certificate(), package, 1);
    // A package begins with version u16 and suite u16, a Welcome with version, wire format and suite.
    for (at, value) in [(0, 0u16), (0, 2), (2, 1), (2, 2), (2, 3), (2, 7), (2, 0xffff)] {
        let mut other = package.clone();
        other[at..at + 2].copy_from_slice(&value.to_be_bytes());
        assert!(begin(&other).is_err(), "{value} at {at}");
    }
    let (_, welcome) = begin(&package).unwrap();
    for (at, value) in [(0, 0u16), (0, 2), (4, 1), (4, 2), (4, 3), (4, 7), (4, 0xffff)] {
        let mut other = welcome.clone();
        other[at..at + 2].copy_from_slice(&value.to_be_bytes());
        let refused = Session::join(&bob, &mut packages, &other, NOW_S).err();
        assert!(
            matches!(refused, Some(E2eError::WrongSuite(_) | E2eError::Malformed(_) | E2eError::BadWelcome(_))),
            "{refused:?}"
        );
    }
    assert!(Session::join(&bob, &mut packages, &welcome, NOW_S).is_ok());
}
