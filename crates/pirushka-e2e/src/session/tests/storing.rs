//! Rows and memory stay together, whatever fails between them.

use std::collections::BTreeMap;

use super::*;

/// A disk: what was committed.
#[derive(Default, Clone)]
struct Disk(BTreeMap<Vec<u8>, Vec<u8>>);

impl Disk {
    fn commit(&mut self, session: &mut Session) -> usize {
        let writes = session.take_writes();
        let count = writes.len();
        for (key, value) in writes {
            match value {
                Some(value) => self.0.insert(key, value),
                None => self.0.remove(&key),
            };
        }
        count
    }

    fn load(&self) -> Session {
        Session::load(self.0.clone()).unwrap()
    }
}

#[test]
fn a_session_goes_on_from_its_rows_after_every_step() {
    let (mut a, mut b) = pair(20);
    let (mut disk_a, mut disk_b) = (Disk::default(), Disk::default());
    let mut reload = |a: &mut Side, b: &mut Side| {
        disk_a.commit(&mut a.session);
        disk_b.commit(&mut b.session);
        (a.session, b.session) = (disk_a.load(), disk_b.load());
    };
    reload(&mut a, &mut b);
    for _ in 0..3 {
        assert_still_talking(&mut a, &mut b);
        reload(&mut a, &mut b);
        let (speaker, listener) = if a.session.may_commit() { (&mut a, &mut b) } else { (&mut b, &mut a) };
        let commit = speaker.commit();
        listener.hear(&commit).unwrap();
        reload(&mut a, &mut b);
    }
    assert_eq!(a.session.contact(), b.id.fingerprint());
    assert_eq!(a.session.check_certificate(b.id.certificate()), Ok(()));
    assert_eq!(a.session.name().number(), 5);
}

#[test]
fn after_a_failed_transaction_the_session_is_loaded_and_nothing_was_sent_or_lost() {
    let (mut a, mut b) = pair(21);
    let (mut disk_a, mut disk_b) = (Disk::default(), Disk::default());
    disk_a.commit(&mut a.session);
    disk_b.commit(&mut b.session);

    // Writing: the ciphertext of the failed attempt never leaves.
    let never_sent = a.say("one");
    a.session = disk_a.load();
    let sent = a.say("one, again");
    disk_a.commit(&mut a.session);
    assert_ne!(never_sent, sent);

    // Reading: the message is not acknowledged, so it comes again.
    assert_eq!(b.hear(&sent).unwrap(), "one, again");
    b.session = disk_b.load();
    assert_eq!(b.hear(&sent).unwrap(), "one, again");
    disk_b.commit(&mut b.session);
    assert_eq!(b.hear(&sent), Err(OpenError::Duplicate));

    // Committing, on both sides.
    let lost = b.commit();
    b.session = disk_b.load();
    let commit = b.commit();
    disk_b.commit(&mut b.session);
    assert_ne!(lost, commit);
    a.hear(&commit).unwrap();
    a.session = disk_a.load();
    assert_eq!(a.session.epoch(), 1);
    a.hear(&commit).unwrap();
    disk_a.commit(&mut a.session);
    assert_still_talking(&mut a, &mut b);
}

#[test]
fn a_refused_message_changes_no_row() {
    let (mut a, mut b) = pair(22);
    a.session.take_writes();
    let hello = b.say("hello");
    a.hear(&hello).unwrap();
    assert!(!a.session.take_writes().is_empty());
    let own = a.say("x");
    a.session.take_writes();
    for refused in [&hello[..], &own, b"nonsense", &hello[..hello.len() - 1]] {
        assert!(a.hear(refused).is_err());
        assert_eq!(a.session.take_writes(), vec![]);
    }
}

#[test]
fn a_message_changes_two_rows_and_old_epochs_leave_none_behind() {
    let (mut a, mut b) = pair(23);
    let mut disk = Disk::default();
    disk.commit(&mut a.session);
    a.say("hello");
    assert_eq!(disk.commit(&mut a.session), 2);
    let mut sizes = vec![];
    for _ in 0..6 {
        let (speaker, listener) = if a.session.may_commit() { (&mut a, &mut b) } else { (&mut b, &mut a) };
        let commit = speaker.commit();
        listener.hear(&commit).unwrap();
        disk.commit(&mut a.session);
        sizes.push(disk.0.len());
    }
    assert!(sizes.iter().all(|rows| *rows == sizes[0]), "rows after each epoch: {sizes:?}");
}

#[test]
fn missing_and_damaged_rows_are_named_and_never_panic() {
    let (mut a, _) = pair(24);
    let mut disk = Disk::default();
    disk.commit(&mut a.session);
    assert!(matches!(Session::load([]), Err(E2eError::Damaged)));
    for key in disk.0.keys() {
        let mut damaged = disk.clone();
        damaged.0.insert(key.clone(), vec![0xff; 3]);
        if Session::load(damaged.0.clone()).is_ok() {
            // Key pairs are read only when needed.
            assert!([11, 12].contains(&key[0]), "row {key:?}");
        }
    }
}

#[test]
fn packages_survive_on_disk_and_are_deleted_by_use() {
    let mut rng_b = rng(25);
    let bob = Identity::generate(&mut rng_b);
    let mut packages = KeyPackages::new();
    let published = packages.publish(&bob, &mut rng_b, NOW_S, 2).unwrap();
    let rows = packages.take_writes();
    assert_eq!(rows.len(), 3);
    let rows = rows.into_iter().map(|(key, value)| (key, value.unwrap()));
    let mut packages = KeyPackages::load(rows).unwrap();

    let mut rng_a = rng(26);
    let alice = Identity::generate(&mut rng_a);
    let mut begin = |package: &[u8]| Session::initiate(&alice, &mut rng_a, bob.certificate(), package, 1).unwrap().1;
    let welcome = begin(&published.one_time[0]);
    Session::join(&bob, &mut packages, &welcome, NOW_S).unwrap();
    let writes = packages.take_writes();
    assert_eq!((writes.len(), &writes[0].1), (1, &None));
    assert!(matches!(Session::join(&bob, &mut packages, &welcome, NOW_S), Err(E2eError::UnknownPackage)));
}

#[test]
fn t26_a_key_package_that_is_too_old_begins_nothing() {
    let mut rng_b = rng(27);
    let bob = Identity::generate(&mut rng_b);
    let mut packages = KeyPackages::new();
    let published = packages.publish(&bob, &mut rng_b, NOW_S, 0).unwrap();
    let mut rng_a = rng(28);
    let alice = Identity::generate(&mut rng_a);
    let mut begin = |package: &[u8]| Session::initiate(&alice, &mut rng_a, bob.certificate(), package, 1).unwrap().1;
    // Made on day 0, sent on day 13, fetched on day 20: still there. After 30 days: gone.
    let (on_time, too_late) = (begin(&published.last_resort), begin(&published.last_resort));
    assert!(Session::join(&bob, &mut packages, &on_time, NOW_S + 20 * 86_400).is_ok());
    let late = Session::join(&bob, &mut packages, &too_late, NOW_S + 31 * 86_400);
    assert!(matches!(late, Err(E2eError::UnknownPackage)));
    assert!(packages.is_empty());
}

#[test]
fn the_last_resort_package_stays_for_a_week_and_the_number_of_parts_is_bounded() {
    let mut rng_b = rng(27);
    let bob = Identity::generate(&mut rng_b);
    let mut packages = KeyPackages::new();
    let first = packages.publish(&bob, &mut rng_b, NOW_S, 1).unwrap();
    let second = packages.publish(&bob, &mut rng_b, NOW_S + 86_400, 1).unwrap();
    assert_eq!(first.last_resort, second.last_resort);
    assert_ne!(first.one_time, second.one_time);
    let third = packages.publish(&bob, &mut rng_b, NOW_S + 8 * 86_400, 70).unwrap();
    assert_ne!(first.last_resort, third.last_resort);
    assert_eq!(packages.len(), crate::packages::PARTS_MAX);
}
