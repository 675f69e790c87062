//! What two honest sides see of a lossy, reordering, repeating world.

use super::*;

/// Packages, Welcome, messages and commits of one run.
fn transcript(seed: u64) -> Vec<Vec<u8>> {
    let mut rng_b = rng(seed + 1_000_000);
    let bob = Identity::generate(&mut rng_b);
    let published = KeyPackages::new().publish(&bob, &mut rng_b, NOW_S, 2).unwrap();
    let (mut a, mut b) = pair(seed);
    let mut sent = vec![published.last_resort];
    sent.extend(published.one_time);
    sent.push(b.say("one"));
    sent.push(b.commit());
    sent.push(b.say("two"));
    (3..6).for_each(|i| drop(a.hear(&sent[i]).unwrap()));
    sent.push(a.commit());
    sent.push(a.say("three"));
    sent
}

#[test]
fn two_runs_with_one_seed_give_equal_packets() {
    assert_eq!(transcript(1), transcript(1));
    assert_ne!(transcript(1), transcript(2));
}

#[test]
fn messages_go_both_ways_and_know_their_epoch_and_generation() {
    let (mut a, mut b) = pair(3);
    for generation in 0..3 {
        let sealed = a.session.encrypt(&a.id, &mut a.rng, b"hello").unwrap();
        assert_eq!((sealed.epoch, sealed.generation), (1, generation));
        assert_eq!(b.hear(&sealed.bytes).unwrap(), "hello");
    }
    assert_eq!(a.session.sent_in_epoch(), 3);
    assert_still_talking(&mut a, &mut b);
}

#[test]
fn a_message_costs_about_150_bytes_more_than_its_text() {
    let (mut a, _) = pair(4);
    let overhead = a.say(&"x".repeat(100)).len() - 100;
    assert!((130..170).contains(&overhead), "{overhead} bytes");
}

#[test]
fn the_joiner_commits_first_and_then_the_sides_take_turns() {
    let (mut a, mut b) = pair(5);
    assert!(!a.session.may_commit() && b.session.may_commit());
    assert_eq!(a.session.commit(&a.id, &mut a.rng), Err(E2eError::NotOurTurn));
    for epoch in 2..8 {
        let (speaker, listener) = if epoch % 2 == 0 { (&mut b, &mut a) } else { (&mut a, &mut b) };
        let commit = speaker.commit();
        assert_eq!(listener.hear(&commit).unwrap(), format!("epoch {epoch}"));
        assert_eq!(speaker.session.sent_in_epoch(), 0);
        assert_still_talking(speaker, listener);
    }
}

#[test]
fn both_write_while_one_commits_and_everything_arrives() {
    let (mut a, mut b) = pair(6);
    let before = a.say("before");
    let commit = b.commit();
    let after = b.say("after");
    assert_eq!(a.hear(&after), Err(OpenError::UnknownEpoch { future: true }));
    assert_eq!(a.hear(&commit).unwrap(), "epoch 2");
    assert_eq!(a.hear(&after).unwrap(), "after");
    assert_eq!(b.hear(&before).unwrap(), "before");
}

#[test]
fn a_hundred_and_twenty_messages_arrive_in_reverse_order() {
    let (mut a, mut b) = pair(7);
    let sent: Vec<_> = (0..120).map(|n| a.say(&n.to_string())).collect();
    for (n, bytes) in sent.iter().enumerate().rev() {
        assert_eq!(b.hear(bytes).unwrap(), n.to_string());
    }
}

#[test]
fn a_message_more_than_128_late_or_four_epochs_old_is_named_as_such() {
    let (mut a, mut b) = pair(8);
    let sent: Vec<_> = (0..140).map(|n| a.say(&n.to_string())).collect();
    assert_eq!(b.hear(&sent[139]).unwrap(), "139");
    assert_eq!(b.hear(&sent[0]), Err(OpenError::GenerationTooOld));
    assert_eq!(b.hear(&sent[20]).unwrap(), "20");
    for epoch in 2..6 {
        let (speaker, listener) = if epoch % 2 == 0 { (&mut b, &mut a) } else { (&mut a, &mut b) };
        let commit = speaker.commit();
        listener.hear(&commit).unwrap();
        if epoch == 4 {
            assert_eq!(b.hear(&sent[21]).unwrap(), "21");
        }
    }
    assert_eq!(b.hear(&sent[22]), Err(OpenError::UnknownEpoch { future: false }));
    assert_still_talking(&mut a, &mut b);
}

#[test]
fn a_copy_is_a_duplicate_and_a_copied_commit_is_stale() {
    let (mut a, mut b) = pair(9);
    let hello = b.say("hello");
    assert_eq!(a.hear(&hello).unwrap(), "hello");
    assert_eq!(a.hear(&hello), Err(OpenError::Duplicate));
    let commit = b.commit();
    a.hear(&commit).unwrap();
    assert_eq!(a.hear(&commit), Err(OpenError::StaleCommit));
    assert_eq!(a.hear(&hello), Err(OpenError::Duplicate));
    assert_still_talking(&mut a, &mut b);
}

#[test]
fn ones_own_message_sent_back_is_refused() {
    let (mut a, mut b) = pair(10);
    let own = a.say("hello");
    assert_eq!(a.hear(&own), Err(OpenError::OwnMessage));
    assert_still_talking(&mut a, &mut b);
}

#[test]
fn a_message_tells_which_session_it_is_for() {
    let (a, mut b) = pair(11);
    let (hello, commit) = (b.say("hello"), b.commit());
    let name = a.session.name();
    assert_eq!(peek(&hello), Some(Peek { name, epoch: 1, commit: false }));
    assert_eq!(peek(&commit), Some(Peek { name, epoch: 1, commit: true }));
    assert_eq!(peek(b"nonsense"), None);
    let (mut c, _) = pair(12);
    assert_eq!(c.hear(&hello), Err(OpenError::OtherSession));
}

#[test]
fn a_session_may_move_to_another_thread() {
    fn moves<T: Send>() {}
    moves::<Session>();
    moves::<KeyPackages>();
}
