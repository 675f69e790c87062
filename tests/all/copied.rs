//! T34: somebody has copied the state of a client's sessions. What the copy opens, and what it does not.

use std::collections::BTreeMap;

use pirushka_client_core::Table;
use pirushka_e2e::session::{OpenError, Opened};
use pirushka_e2e::{KeyPackages, Session};
use pirushka_identity::Identity;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng as _;

const NOW_S: u64 = 1_800_000_000;

/// One end of a session, and the disk that it is kept on.
struct Side {
    id: Identity,
    rng: ChaCha20Rng,
    session: Session,
    disk: BTreeMap<Vec<u8>, Vec<u8>>,
}

impl Side {
    fn new(id: Identity, rng: ChaCha20Rng, session: Session) -> Self {
        let mut side = Self { id, rng, session, disk: BTreeMap::new() };
        side.store();
        side
    }

    fn store(&mut self) {
        for (key, value) in self.session.take_writes() {
            match value {
                Some(value) => self.disk.insert(key, value),
                None => self.disk.remove(&key),
            };
        }
    }

    fn says(&mut self, text: &str) -> Vec<u8> {
        let sealed = self.session.encrypt(&self.id, &mut self.rng, text.as_bytes()).unwrap().bytes;
        self.store();
        sealed
    }

    fn commits(&mut self) -> Vec<u8> {
        let commit = self.session.commit(&self.id, &mut self.rng).unwrap();
        self.store();
        commit
    }

    fn hears(&mut self, bytes: &[u8]) -> Option<String> {
        let text = opened(&mut self.session, bytes).ok();
        self.store();
        text
    }

    fn copy(&self) -> Session {
        Session::load(self.disk.clone()).unwrap()
    }
}

fn opened(session: &mut Session, bytes: &[u8]) -> Result<String, OpenError> {
    match session.open(bytes)? {
        Opened::Application { plaintext, .. } => Ok(String::from_utf8(plaintext).unwrap()),
        Opened::Committed { epoch } => Ok(format!("epoch {epoch}")),
    }
}

fn friends(seed: u64) -> (Side, Side) {
    let [mut rng_a, mut rng_b] = [seed, seed + 1000].map(ChaCha20Rng::seed_from_u64);
    let (alice, bob) = (Identity::generate(&mut rng_a), Identity::generate(&mut rng_b));
    let mut packages = KeyPackages::new();
    let published = packages.publish(&bob, &mut rng_b, NOW_S, 1).unwrap();
    let (at_alice, welcome) =
        Session::initiate(&alice, &mut rng_a, bob.certificate(), &published.one_time[0], 1).unwrap();
    let at_bob = Session::join(&bob, &mut packages, &welcome, NOW_S).unwrap().session;
    (Side::new(alice, rng_a, at_alice), Side::new(bob, rng_b, at_bob))
}

/// Each commits once, and hears the other do it.
fn both_commit(a: &mut Side, b: &mut Side) -> Vec<Vec<u8>> {
    let mut commits = vec![];
    for _ in 0..2 {
        let (speaker, listener) = if a.session.may_commit() { (&mut *a, &mut *b) } else { (&mut *b, &mut *a) };
        let commit = speaker.commits();
        listener.hears(&commit).unwrap();
        commits.push(commit);
    }
    commits
}

#[test]
fn t34_a_copy_opens_nothing_that_was_received_before_it_was_made() {
    let (mut alice, mut bob) = friends(1);
    let before: Vec<_> = (0..20).map(|n| bob.says(&format!("before {n}"))).collect();
    before.iter().for_each(|sealed| assert!(alice.hears(sealed).is_some()));
    let own: Vec<_> = (0..20).map(|n| alice.says(&format!("mine {n}"))).collect();
    let mut thief = alice.copy();
    for sealed in before.iter().chain(&own) {
        assert!(opened(&mut thief, sealed).is_err());
    }
    // It is a copy that works: what comes next it opens, until the session heals.
    let next = bob.says("next");
    assert_eq!(opened(&mut thief, &next).unwrap(), "next");
}

#[test]
fn t34_a_copy_opens_nothing_once_both_sides_have_committed() {
    let (mut alice, mut bob) = friends(2);
    let mut thief = alice.copy();
    let commits = both_commit(&mut alice, &mut bob);
    // The thief has recorded everything, and does its best to follow.
    let followed: Vec<_> = commits.iter().map(|commit| opened(&mut thief, commit).is_ok()).collect();
    assert!(followed.contains(&false), "a commit of alice's own is closed to her copy");
    for n in 0..20 {
        let (sealed, answer) = (bob.says(&format!("after {n}")), alice.says(&format!("answer {n}")));
        assert!(opened(&mut thief, &sealed).is_err() && opened(&mut thief, &answer).is_err(), "text {n}");
        assert!(alice.hears(&sealed).is_some() && bob.hears(&answer).is_some());
    }
}

#[test]
fn t34_a_copy_of_the_contacts_side_is_shut_out_in_the_same_way() {
    let (mut alice, mut bob) = friends(3);
    let mut thief = bob.copy();
    for commit in both_commit(&mut alice, &mut bob) {
        let _ = opened(&mut thief, &commit);
    }
    let (sealed, answer) = (alice.says("after"), bob.says("answer"));
    assert!(opened(&mut thief, &sealed).is_err() && opened(&mut thief, &answer).is_err());
}

#[test]
fn t34_a_copy_that_is_put_back_unnoticed_does_not_use_a_nonce_twice() {
    let (alice, mut bob) = friends(4);
    let write = |seed: u64| {
        let mut rolled_back = alice.copy();
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        rolled_back.encrypt(&alice.id, &mut rng, b"the same text").unwrap().bytes
    };
    assert_eq!(write(7), write(7), "key and generation are the same: only the randomness differs");
    let mut sealed: Vec<_> = (0..1000).map(write).collect();
    // A nonce that came again would show the same ciphertext before the tag, or anything of it: the ends hold texts, the
    // front names group and epoch.
    let middle = sealed[0].len() / 2;
    let mut middles: Vec<_> = sealed.iter().map(|one| one[middle..middle + 16].to_vec()).collect();
    middles.sort();
    middles.dedup();
    assert_eq!(middles.len(), sealed.len(), "the reuse guard of 32 bits makes each nonce another one");
    // The contact takes one of them and refuses the others as the same generation.
    assert!(bob.hears(&sealed.remove(0)).is_some());
    assert!(sealed.iter().all(|again| bob.hears(again).is_none()));
}

#[test]
fn t34_a_backup_holds_no_session_so_whoever_restores_it_begins_new_ones() {
    // That they are begun, and everything heals: stories/backup.rs.
    for table in [Table::Session, Table::KeyPackage, Table::Pending] {
        assert!(!table.is_backed_up(), "{table:?}");
    }
}
