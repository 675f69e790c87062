//! Beginnings: who is believed to be whom.

use super::*;
use crate::mls::Provider;
use openmls::prelude::{Ciphersuite, KeyPackage};
use openmls_rust_crypto::OpenMlsRustCrypto;

struct Cast {
    alice: Identity,
    bob: Identity,
    rng: ChaCha20Rng,
    packages: KeyPackages,
    one_time: Vec<u8>,
    last_resort: Vec<u8>,
}

fn cast(seed: u64) -> Cast {
    let mut rng = rng(seed);
    let (alice, bob) = (Identity::generate(&mut rng), Identity::generate(&mut rng));
    let mut packages = KeyPackages::new();
    let mut published = packages.publish(&bob, &mut rng, NOW_S, 1).unwrap();
    packages.take_writes();
    Cast { alice, bob, rng, packages, one_time: published.one_time.remove(0), last_resort: published.last_resort }
}

#[test]
fn the_number_and_the_initiator_are_authenticated_by_the_welcome() {
    let mut c = cast(40);
    let (at_alice, welcome) =
        Session::initiate(&c.alice, &mut c.rng, c.bob.certificate(), &c.one_time, 1_800_000_000_001).unwrap();
    let joined = Session::join(&c.bob, &mut c.packages, &welcome, NOW_S).unwrap();
    assert_eq!((joined.number, joined.fingerprint), (1_800_000_000_001, c.alice.fingerprint()));
    assert_eq!(joined.session.name(), at_alice.name());
    assert_eq!(joined.session.check_certificate(c.alice.certificate()), Ok(()));
    assert_eq!(joined.session.check_certificate(c.bob.certificate()), Err(E2eError::WrongFingerprint));
}

#[test]
fn sizes_are_the_measured_ones() {
    let mut c = cast(41);
    let (_, welcome) = Session::initiate(&c.alice, &mut c.rng, c.bob.certificate(), &c.one_time, 1).unwrap();
    let near = |len: usize, expected: usize| assert!(len.abs_diff(expected) < 100, "{len}, expected {expected}");
    near(c.last_resort.len(), 2698);
    near(welcome.len(), 5527);
}

#[test]
fn a_last_resort_package_serves_several() {
    let mut c = cast(42);
    for _ in 0..3 {
        let other = Identity::generate(&mut c.rng);
        let (mut theirs, welcome) =
            Session::initiate(&other, &mut c.rng, c.bob.certificate(), &c.last_resort, 1).unwrap();
        let mut ours = Session::join(&c.bob, &mut c.packages, &welcome, NOW_S).unwrap().session;
        let hello = theirs.encrypt(&other, &mut c.rng, b"hello").unwrap();
        assert!(ours.open(&hello.bytes).is_ok());
    }
    assert_eq!(c.packages.len(), 2);
    assert_eq!(c.packages.take_writes(), vec![]);
}

#[test]
fn both_begin_at_once_and_both_sessions_work() {
    let mut c = cast(43);
    let mut packages_a = KeyPackages::new();
    let of_alice = packages_a.publish(&c.alice, &mut c.rng, NOW_S, 1).unwrap();
    let (mut a1, to_bob) = Session::initiate(&c.alice, &mut c.rng, c.bob.certificate(), &c.one_time, 10).unwrap();
    let (mut b2, to_alice) =
        Session::initiate(&c.bob, &mut c.rng, c.alice.certificate(), &of_alice.one_time[0], 11).unwrap();
    let mut b1 = Session::join(&c.bob, &mut c.packages, &to_bob, NOW_S).unwrap();
    let mut a2 = Session::join(&c.alice, &mut packages_a, &to_alice, NOW_S).unwrap();
    assert!(a2.number > b1.number);
    let (one, two) = (a1.encrypt(&c.alice, &mut c.rng, b"1").unwrap(), b2.encrypt(&c.bob, &mut c.rng, b"2").unwrap());
    assert!(b1.session.open(&one.bytes).is_ok() && a2.session.open(&two.bytes).is_ok());
}

#[test]
fn t26_a_package_of_somebody_else_is_refused_also_when_it_is_signed_anew_under_the_right_name() {
    let mut c = cast(44);
    let mallory = Identity::generate(&mut c.rng);
    let swapped = KeyPackages::new().publish(&mallory, &mut c.rng, NOW_S, 0).unwrap().last_resort;
    let begin = |rng: &mut ChaCha20Rng, who: &Identity, package: &[u8]| {
        Session::initiate(&c.alice, rng, who.certificate(), package, 1).err()
    };
    assert_eq!(begin(&mut c.rng, &c.bob, &swapped), Some(E2eError::WrongFingerprint));
    assert_eq!(begin(&mut c.rng, &c.alice, &c.one_time), Some(E2eError::OwnPackage));
    let forged = package_claiming(&c.bob, &mallory, &mut c.rng);
    assert_eq!(begin(&mut c.rng, &c.bob, &forged), Some(E2eError::WrongKey));
}

/// A package that `forger` signs under the name of `victim`.
fn package_claiming(victim: &Identity, forger: &Identity, rng: &mut ChaCha20Rng) -> Vec<u8> {
    let rows = Rows::default();
    let provider = Provider::new(&rows, Source::from_rng(rng));
    let mut claim = crate::packages::credential(forger);
    claim.credential = crate::packages::credential(victim).credential;
    let bundle = KeyPackage::builder()
        .key_package_lifetime(crate::packages::unlimited())
        .leaf_node_capabilities(crate::packages::capabilities())
        .build(crate::mls::SUITE, &provider, &LeafSigner(forger), claim)
        .unwrap();
    bundle.key_package().tls_serialize_detached().unwrap()
}

#[test]
fn t20_a_package_of_another_suite_is_refused() {
    let mut c = cast(45);
    let provider = OpenMlsRustCrypto::default();
    let suite = Ciphersuite::MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519;
    let bundle = KeyPackage::builder()
        .build(suite, &provider, &LeafSigner(&c.bob), crate::packages::credential(&c.bob))
        .unwrap();
    let package = bundle.key_package().tls_serialize_detached().unwrap();
    let refused = Session::initiate(&c.alice, &mut c.rng, c.bob.certificate(), &package, 1).err();
    assert_eq!(refused, Some(E2eError::WrongSuite(0x0001)));
}

#[test]
fn t20_a_welcome_that_is_cut_or_changed_anywhere_is_refused_and_uses_up_nothing() {
    let mut c = cast(46);
    let (_, welcome) = Session::initiate(&c.alice, &mut c.rng, c.bob.certificate(), &c.one_time, 1).unwrap();
    for len in (0..welcome.len()).step_by(97) {
        assert!(Session::join(&c.bob, &mut c.packages, &welcome[..len], NOW_S).is_err(), "{len} bytes");
    }
    for at in (0..welcome.len()).step_by(61) {
        let mut changed = welcome.clone();
        changed[at] ^= 0x40;
        assert!(Session::join(&c.bob, &mut c.packages, &changed, NOW_S).is_err(), "byte {at}");
    }
    let trailing = [&welcome[..], b"x"].concat();
    assert!(Session::join(&c.bob, &mut c.packages, &trailing, NOW_S).is_err());
    assert_eq!(c.packages.take_writes(), vec![]);
    assert!(Session::join(&c.bob, &mut c.packages, &welcome, NOW_S).is_ok());
}

#[test]
fn t20_a_welcome_into_another_suite_is_refused() {
    let mut c = cast(47);
    let (_, mut welcome) = Session::initiate(&c.alice, &mut c.rng, c.bob.certificate(), &c.one_time, 1).unwrap();
    // version u16 | wire format u16 | suite u16
    assert_eq!(welcome[4..6], [0x00, 0x4f]);
    welcome[5] = 0x01;
    let refused = Session::join(&c.bob, &mut c.packages, &welcome, NOW_S).err();
    assert_eq!(refused, Some(E2eError::WrongSuite(0x0001)));
}

#[test]
fn a_welcome_for_somebody_else_is_refused() {
    let mut c = cast(48);
    let (_, welcome) = Session::initiate(&c.alice, &mut c.rng, c.bob.certificate(), &c.one_time, 1).unwrap();
    let mut others = KeyPackages::new();
    others.publish(&c.alice, &mut c.rng, NOW_S, 1).unwrap();
    let refused = Session::join(&c.alice, &mut others, &welcome, NOW_S).err();
    assert_eq!(refused, Some(E2eError::UnknownPackage));
}

/// A Welcome for Bob from a group that `build` prepares against the rules.
fn welcome_from(c: &mut Cast, build: impl FnOnce(&mut MlsGroup, &Provider<'_>, &Identity) -> Vec<u8>) -> Vec<u8> {
    let rows = Rows::default();
    let provider = Provider::new(&rows, Source::from_rng(&mut c.rng));
    let mut group = super::super::setup::create(&c.alice, &provider, GroupName::new([1; 16], 1)).unwrap();
    build(&mut group, &provider, &c.alice)
}

#[test]
fn t20_a_welcome_into_a_group_of_three_is_refused() {
    let mut c = cast(49);
    let carol = Identity::generate(&mut c.rng);
    let of_carol = KeyPackages::new().publish(&carol, &mut c.rng, NOW_S, 0).unwrap().last_resort;
    let (of_bob, bob) = (c.one_time.clone(), c.bob.certificate().clone());
    let welcome = welcome_from(&mut c, |group, provider, alice| {
        let packages = [
            crate::packages::check(provider, &of_bob, &bob).unwrap(),
            crate::packages::check(provider, &of_carol, carol.certificate()).unwrap(),
        ];
        let (_, welcome, _) = group.add_members(provider, &LeafSigner(alice), &packages).unwrap();
        welcome.tls_serialize_detached().unwrap()
    });
    let refused = Session::join(&c.bob, &mut c.packages, &welcome, NOW_S).err();
    assert_eq!(refused, Some(E2eError::BadWelcome("members")));
    assert_eq!(c.packages.take_writes(), vec![]);
}

#[test]
fn t20_a_welcome_into_a_later_epoch_is_refused() {
    let mut c = cast(50);
    let (of_bob, bob) = (c.one_time.clone(), c.bob.certificate().clone());
    let welcome = welcome_from(&mut c, |group, provider, alice| {
        group.self_update(provider, &LeafSigner(alice), LeafNodeParameters::default()).unwrap();
        group.merge_pending_commit(provider).unwrap();
        let package = crate::packages::check(provider, &of_bob, &bob).unwrap();
        let (_, welcome, _) = group.add_members(provider, &LeafSigner(alice), &[package]).unwrap();
        welcome.tls_serialize_detached().unwrap()
    });
    let refused = Session::join(&c.bob, &mut c.packages, &welcome, NOW_S).err();
    assert_eq!(refused, Some(E2eError::BadWelcome("group context")));
}
