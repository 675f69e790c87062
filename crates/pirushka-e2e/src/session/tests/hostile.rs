//! A contact who holds valid keys and breaks the rules. Whatever it sends, the session is unchanged afterwards.

use openmls::prelude::{Capabilities, LeafNodeParameters, MlsMessageOut, PreSharedKeyProposal, Proposal};
use openmls_traits::OpenMlsProvider as _;
use proptest::prelude::*;

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
