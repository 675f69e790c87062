//! A contact who holds valid keys and breaks the rules. Whatever it sends, the session is unchanged afterwards.

use openmls::prelude::{
    BasicCredential, CredentialWithKey, LeafNodeParameters, MlsGroupJoinConfig, MlsMessageOut, NewSignerBundle,
    PURE_PLAINTEXT_WIRE_FORMAT_POLICY,
};
use openmls_rust_crypto::OpenMlsRustCrypto;
use openmls_traits::OpenMlsProvider as _;

use super::*;

/// Lets openmls do for `side` what [`Session`] would not.
fn cheat<T>(side: &mut Side, act: impl FnOnce(&mut MlsGroup, &Provider<'_>, &Identity) -> T) -> T {
    let provider = Provider::new(&side.session.rows, Source::from_rng(&mut side.rng));
    act(&mut side.session.group, &provider, &side.id)
}

fn bytes(message: MlsMessageOut) -> Vec<u8> {
    message.tls_serialize_detached().unwrap()
}

/// A commit by `side`, whoever's turn it is, that stays pending.
fn commit_anyway(side: &mut Side) -> Vec<u8> {
    cheat(side, |group, provider, id| {
        let commit = group.self_update(provider, &LeafSigner(id), LeafNodeParameters::default()).unwrap();
        bytes(commit.into_commit())
    })
}

#[test]
fn t21_a_commit_out_of_turn_is_refused() {
    let (mut a, mut b) = pair(60);
    let commit = commit_anyway(&mut a);
    b.session.take_writes();
    assert_eq!(b.hear(&commit), Err(OpenError::OutOfTurn));
    assert_eq!((b.session.epoch(), b.session.take_writes()), (1, vec![]));
    cheat(&mut a, |group, provider, _| group.clear_pending_commit(provider.storage()).unwrap());
    assert_still_talking(&mut a, &mut b);
    let ours = b.commit();
    assert_eq!(a.hear(&ours).unwrap(), "epoch 2");
}

#[test]
fn t21_the_second_of_two_commits_in_one_epoch_is_refused() {
    let (mut a, mut b) = pair(61);
    let second = commit_anyway(&mut b);
    cheat(&mut b, |group, provider, _| group.clear_pending_commit(provider.storage()).unwrap());
    let first = b.commit();
    assert_ne!(first, second);
    assert_eq!(a.hear(&first).unwrap(), "epoch 2");
    assert_eq!(a.hear(&second), Err(OpenError::StaleCommit));
    assert_still_talking(&mut a, &mut b);
}

#[test]
fn t20_commit_spam_gets_one_epoch_and_no_more() {
    let (mut a, mut b) = pair(62);
    let first = b.commit();
    assert_eq!(a.hear(&first).unwrap(), "epoch 2");
    for _ in 0..5 {
        let spam = commit_anyway(&mut b);
        assert_eq!(a.hear(&spam), Err(OpenError::OutOfTurn));
        cheat(&mut b, |group, provider, _| group.clear_pending_commit(provider.storage()).unwrap());
    }
    assert_still_talking(&mut a, &mut b);
}

#[test]
fn t20_proposals_are_refused_alone_and_inside_a_commit() {
    let (mut a, mut b) = pair(63);
    let removal = cheat(&mut b, |group, provider, id| {
        let own = group.own_leaf_index();
        let other = openmls::prelude::LeafNodeIndex::new(1 - own.u32());
        let commit = group.remove_members(provider, &LeafSigner(id), &[other]).unwrap().0;
        let commit = bytes(commit);
        group.clear_pending_commit(provider.storage()).unwrap();
        commit
    });
    let joining = with_proposal(&mut b);
    a.session.take_writes();
    assert_eq!(a.hear(&removal), Err(OpenError::HasProposals));
    assert_eq!(a.hear(&joining), Err(OpenError::HasProposals));
    assert_eq!(a.session.take_writes(), vec![]);
    assert_still_talking(&mut a, &mut b);
}

/// A commit that adds a third member.
fn with_proposal(side: &mut Side) -> Vec<u8> {
    let mut rng = rng(64);
    let third = Identity::generate(&mut rng);
    let package = KeyPackages::new().publish(&third, &mut rng, NOW_S, 0).unwrap().last_resort;
    cheat(side, |group, provider, id| {
        let package = crate::packages::check(provider, &package, third.certificate()).unwrap();
        let (commit, _, _) = group.add_members(provider, &LeafSigner(id), &[package]).unwrap();
        group.clear_pending_commit(provider.storage()).unwrap();
        bytes(commit)
    })
}

#[test]
fn t20_a_lone_proposal_is_refused() {
    let (mut a, mut b) = pair(65);
    // Our own storage refuses to queue a proposal, so the cheat brings another one.
    let elsewhere = OpenMlsRustCrypto::default();
    let proposal = b.session.group.propose_self_update(&elsewhere, &LeafSigner(&b.id), LeafNodeParameters::default());
    let proposal = bytes(proposal.unwrap().0);
    assert_eq!(a.hear(&proposal), Err(OpenError::HasProposals));
    b.session.group.clear_pending_proposals(elsewhere.storage()).unwrap();
    assert_still_talking(&mut a, &mut b);
}

#[test]
fn t20_a_commit_without_new_keys_is_refused() {
    let (mut a, mut b) = pair(66);
    let mut rng = rng(67);
    let third = Identity::generate(&mut rng);
    let package = KeyPackages::new().publish(&third, &mut rng, NOW_S, 0).unwrap().last_resort;
    let pathless = cheat(&mut b, |group, provider, id| {
        let package = crate::packages::check(provider, &package, third.certificate()).unwrap();
        let commit = group.add_members_without_update(provider, &LeafSigner(id), &[package]).unwrap().0;
        group.clear_pending_commit(provider.storage()).unwrap();
        bytes(commit)
    });
    assert_eq!(a.hear(&pathless), Err(OpenError::HasProposals));
    assert_eq!(a.session.epoch(), 1);
    assert_still_talking(&mut a, &mut b);
}

#[test]
fn t20_a_commit_that_changes_the_contacts_key_or_name_is_refused() {
    let (mut a, mut b) = pair(68);
    let other = Identity::generate(&mut rng(69));
    for fingerprint in [b.id.fingerprint(), other.fingerprint()] {
        let stolen = cheat(&mut b, |group, provider, id| {
            let claim = CredentialWithKey {
                credential: BasicCredential::new(fingerprint.0.to_vec()).into(),
                signature_key: other.certificate().public_key().to_vec().into(),
            };
            let signer = LeafSigner(&other);
            let new = NewSignerBundle { signer: &signer, credential_with_key: claim };
            let commit = group
                .self_update_with_new_signer(provider, &LeafSigner(id), new, LeafNodeParameters::default())
                .unwrap();
            group.clear_pending_commit(provider.storage()).unwrap();
            bytes(commit.into_commit())
        });
        a.session.take_writes();
        assert_eq!(a.hear(&stolen), Err(OpenError::OtherIdentity));
        assert_eq!((a.session.epoch(), a.session.take_writes()), (1, vec![]));
    }
    assert_still_talking(&mut a, &mut b);
}

#[test]
fn t20_a_jump_beyond_2000_generations_is_refused_and_a_smaller_one_is_not() {
    let (mut a, mut b) = pair(70);
    let sent: Vec<_> = (0..=FORWARD + 1).map(|n| a.say(&n.to_string())).collect();
    assert_eq!(b.hear(&sent[2001]), Err(OpenError::GenerationTooFar));
    assert_eq!(b.hear(&sent[2000]).unwrap(), "2000");
    assert_eq!(b.hear(&sent[2001]).unwrap(), "2001");
    assert_eq!(b.hear(&sent[1000]), Err(OpenError::GenerationTooOld));
    assert_still_talking(&mut a, &mut b);
}

#[test]
fn t20_a_message_in_the_clear_is_refused() {
    let (mut a, mut b) = pair(71);
    let commit = cheat(&mut b, |group, provider, id| {
        let talkative = MlsGroupJoinConfig::builder().wire_format_policy(PURE_PLAINTEXT_WIRE_FORMAT_POLICY).build();
        group.set_configuration(provider.storage(), &talkative).unwrap();
        let commit = group.self_update(provider, &LeafSigner(id), LeafNodeParameters::default()).unwrap();
        bytes(commit.into_commit())
    });
    assert_eq!(a.hear(&commit), Err(OpenError::NotPrivate));
    // A GroupInfo is an MLS message, too.
    let info = b.session.group.export_group_info(OpenMlsRustCrypto::default().crypto(), &LeafSigner(&b.id), true);
    assert_eq!(a.hear(&bytes(info.unwrap())), Err(OpenError::Malformed));
}

#[test]
fn t20_a_message_or_a_commit_changed_in_any_byte_is_refused() {
    let (mut a, mut b) = pair(72);
    let (hello, commit) = (b.say("hello"), b.commit());
    a.session.take_writes();
    for at in 0..hello.len() {
        let mut changed = hello.clone();
        changed[at] ^= 0x01;
        assert!(a.hear(&changed).is_err(), "byte {at} of a message");
    }
    for at in (0..commit.len()).step_by(37) {
        let mut changed = commit.clone();
        changed[at] ^= 0x01;
        assert!(a.hear(&changed).is_err(), "byte {at} of a commit");
        assert!(a.hear(&commit[..at]).is_err(), "{at} bytes of a commit");
    }
    assert_eq!((a.session.epoch(), a.session.take_writes()), (1, vec![]));
    assert_eq!(a.hear(&hello).unwrap(), "hello");
    assert_eq!(a.hear(&commit).unwrap(), "epoch 2");
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(24))]

    #[test]
    fn arbitrary_bytes_are_refused_everywhere(
        noise in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..400),
        keep in 0usize..60,
    ) {
        let (mut a, mut b) = pair(73);
        let message = b.say("hello");
        let mut half = message[..keep].to_vec();
        half.extend(&noise);
        for bytes in [&noise, &half] {
            proptest::prop_assert!(a.hear(bytes).is_err());
            proptest::prop_assert!(peek(bytes).is_none_or(|peek| peek.name == a.session.name()));
            let mut packages = KeyPackages::new();
            proptest::prop_assert!(Session::join(&a.id, &mut packages, bytes, NOW_S).is_err());
            let begun = Session::initiate(&a.id, &mut a.rng, b.id.certificate(), bytes, 1);
            proptest::prop_assert!(begun.is_err());
            proptest::prop_assert!(KeyPackages::load([(vec![1], bytes.clone())]).is_err());
            proptest::prop_assert!(Session::load([(vec![0], bytes.clone())]).is_err());
        }
    }
}
