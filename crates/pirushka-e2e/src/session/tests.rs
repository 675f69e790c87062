//! Two members talking, and everything that a hostile or unlucky one of them can do.

mod hostile;
mod joining;
mod storing;
mod talking;

use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

use super::*;
use crate::packages::KeyPackages;

pub(super) const NOW_S: u64 = 1_800_000_000;

pub(super) struct Side {
    pub(super) id: Identity,
    pub(super) rng: ChaCha20Rng,
    pub(super) session: Session,
}

impl Side {
    pub(super) fn say(&mut self, text: &str) -> Vec<u8> {
        self.session.encrypt(&self.id, &mut self.rng, text.as_bytes()).unwrap().bytes
    }

    pub(super) fn commit(&mut self) -> Vec<u8> {
        self.session.commit(&self.id, &mut self.rng).unwrap()
    }

    pub(super) fn hear(&mut self, bytes: &[u8]) -> Result<String, OpenError> {
        match self.session.open(bytes)? {
            Opened::Application { plaintext, .. } => Ok(String::from_utf8(plaintext).unwrap()),
            Opened::Committed { epoch } => Ok(format!("epoch {epoch}")),
        }
    }
}

pub(super) fn rng(seed: u64) -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(seed)
}

/// Alice began, Bob joined; epoch 1.
pub(super) fn pair(seed: u64) -> (Side, Side) {
    let (mut rng_a, mut rng_b) = (rng(seed), rng(seed + 1_000_000));
    let (alice, bob) = (Identity::generate(&mut rng_a), Identity::generate(&mut rng_b));
    let mut packages = KeyPackages::new();
    let published = packages.publish(&bob, &mut rng_b, NOW_S, 1).unwrap();
    let (at_alice, welcome) =
        Session::initiate(&alice, &mut rng_a, bob.certificate(), &published.one_time[0], 5).unwrap();
    let at_bob = Session::join(&bob, &mut packages, &welcome, NOW_S).unwrap().session;
    (Side { id: alice, rng: rng_a, session: at_alice }, Side { id: bob, rng: rng_b, session: at_bob })
}

pub(super) fn assert_still_talking(a: &mut Side, b: &mut Side) {
    let (from_a, from_b) = (a.say("still here"), b.say("me too"));
    assert_eq!(b.hear(&from_a).unwrap(), "still here");
    assert_eq!(a.hear(&from_b).unwrap(), "me too");
}
