//! A session of either kind, as [`pirushka_wire::stub`] asked for when it began: real MLS, or what stands in for it.

use pirushka_identity::{Certificate, Identity};
use pirushka_wire::{Fingerprint, stub as switch};
use rand_chacha::ChaCha20Rng;

use crate::error::E2eError;
use crate::mls::RowWrites;
use crate::packages::KeyPackages;
use crate::session::{self, Ciphertext, GroupName, OpenError, Opened};
use crate::stub;

/// See [`session::Session`], whose calls these are.
pub struct Session(Kind);

enum Kind {
    Real(Box<session::Session>),
    Stub(stub::Session),
}

/// See [`session::Joined`].
#[allow(missing_docs)]
pub struct Joined {
    pub session: Session,
    pub fingerprint: Fingerprint,
    pub number: u64,
}

/// Asks the one that it is.
macro_rules! either {
    ($kind:expr, $real:ident => $on_real:expr, $stub:ident => $on_stub:expr) => {
        match $kind {
            Kind::Real($real) => $on_real,
            Kind::Stub($stub) => $on_stub,
        }
    };
    ($kind:expr, $session:ident => $on_both:expr) => {
        either!($kind, $session => $on_both, $session => $on_both)
    };
}

#[allow(missing_docs)]
impl Session {
    pub fn initiate(
        id: &Identity,
        rng: &mut ChaCha20Rng,
        certificate: &Certificate,
        package: &[u8],
        number: u64,
    ) -> Result<(Self, Vec<u8>), E2eError> {
        if switch::is_on() {
            let (session, welcome) = stub::Session::initiate(id, rng, certificate, package, number)?;
            return Ok((Self(Kind::Stub(session)), welcome));
        }
        let (session, welcome) = session::Session::initiate(id, rng, certificate, package, number)?;
        Ok((Self(Kind::Real(Box::new(session))), welcome))
    }

    pub fn join(id: &Identity, packages: &mut KeyPackages, welcome: &[u8], now_s: u64) -> Result<Joined, E2eError> {
        let session = if switch::is_on() {
            Self(Kind::Stub(stub::Session::join(id, packages, welcome, now_s)?))
        } else {
            Self(Kind::Real(Box::new(session::Session::join(id, packages, welcome, now_s)?.session)))
        };
        Ok(Joined { fingerprint: session.contact(), number: session.name().number(), session })
    }

    pub fn load(rows: impl IntoIterator<Item = (Vec<u8>, Vec<u8>)>) -> Result<Self, E2eError> {
        if switch::is_on() {
            return stub::Session::load(rows).map(|session| Self(Kind::Stub(session)));
        }
        session::Session::load(rows).map(|session| Self(Kind::Real(Box::new(session))))
    }

    pub fn take_writes(&mut self) -> RowWrites {
        either!(&mut self.0, session => session.take_writes())
    }

    #[must_use]
    pub fn name(&self) -> GroupName {
        either!(&self.0, session => session.name())
    }

    #[must_use]
    pub fn contact(&self) -> Fingerprint {
        either!(&self.0, session => session.contact())
    }

    pub fn check_certificate(&self, certificate: &Certificate) -> Result<(), E2eError> {
        either!(&self.0, session => session.check_certificate(certificate))
    }

    #[must_use]
    pub fn epoch(&self) -> u64 {
        either!(&self.0, session => session.epoch())
    }

    #[must_use]
    pub fn sent_in_epoch(&self) -> u32 {
        either!(&self.0, session => session.sent_in_epoch())
    }

    #[must_use]
    pub fn may_commit(&self) -> bool {
        either!(&self.0, session => session.may_commit())
    }

    pub fn encrypt(&mut self, id: &Identity, rng: &mut ChaCha20Rng, plaintext: &[u8]) -> Result<Ciphertext, E2eError> {
        either!(&mut self.0, real => real.encrypt(id, rng, plaintext), stub => stub.encrypt(plaintext))
    }

    pub fn commit(&mut self, id: &Identity, rng: &mut ChaCha20Rng) -> Result<Vec<u8>, E2eError> {
        either!(&mut self.0, real => real.commit(id, rng), stub => stub.commit(rng))
    }

    pub fn open(&mut self, bytes: &[u8]) -> Result<Opened, OpenError> {
        either!(&mut self.0, session => session.open(bytes))
    }
}

#[cfg(test)]
mod tests {
    use rand_chacha::rand_core::SeedableRng;

    use super::*;

    const NOW_S: u64 = 1_800_000_000;

    struct Side {
        id: Identity,
        rng: ChaCha20Rng,
        session: Session,
        rows: std::collections::BTreeMap<Vec<u8>, Vec<u8>>,
    }

    impl Side {
        fn new(id: Identity, rng: ChaCha20Rng, session: Session) -> Self {
            Self { id, rng, session, rows: Default::default() }
        }

        fn say(&mut self, text: &str) -> Vec<u8> {
            self.session.encrypt(&self.id, &mut self.rng, text.as_bytes()).unwrap().bytes
        }

        fn commit(&mut self) -> Vec<u8> {
            self.session.commit(&self.id, &mut self.rng).unwrap()
        }

        fn restart(&mut self) {
            for (key, value) in self.session.take_writes() {
                match value {
                    Some(value) => self.rows.insert(key, value),
                    None => self.rows.remove(&key),
                };
            }
            self.session = Session::load(self.rows.clone()).unwrap();
        }
    }

    /// Everything that can be seen of a conversation with mishaps: lengths, epochs, texts, refusals.
    fn story(stub: bool) -> Vec<String> {
        switch::set(stub);
        let mut told = vec![];
        let (mut rng_a, mut rng_b) = (ChaCha20Rng::seed_from_u64(1), ChaCha20Rng::seed_from_u64(2));
        let (alice, bob) = (Identity::generate(&mut rng_a), Identity::generate(&mut rng_b));
        let mut packages = KeyPackages::new();
        let published = packages.publish(&bob, &mut rng_b, NOW_S, 1).unwrap();
        let package = &published.one_time[0];
        told.push(format!("package of {} bytes", package.len()));

        let wrong = Session::initiate(&alice, &mut rng_a, alice.certificate(), package, 5).err();
        let other = Session::initiate(&bob, &mut rng_a, alice.certificate(), package, 5).err();
        told.push(format!("{wrong:?} {other:?}"));
        let (at_alice, welcome) = Session::initiate(&alice, &mut rng_a, bob.certificate(), package, 5).unwrap();
        told.push(format!("Welcome of {} bytes", welcome.len()));
        let joined = Session::join(&bob, &mut packages, &welcome, NOW_S).unwrap();
        told.push(format!("number {} from Alice: {}", joined.number, joined.fingerprint == alice.fingerprint()));
        told.push(format!("{:?}", Session::join(&bob, &mut packages, &welcome, NOW_S).err()));
        let check = |side: &Session, id: &Identity| format!("{:?}", side.check_certificate(id.certificate()));
        told.push(check(&joined.session, &alice) + &check(&joined.session, &bob));
        let (mut a, mut b) = (Side::new(alice, rng_a, at_alice), Side::new(bob, rng_b, joined.session));

        let mut hear = |side: &mut Side, bytes: &[u8]| {
            let opened: String = format!("{:?}", side.session.open(bytes)).chars().take(90).collect();
            told.push(format!("{} bytes: {opened} in epoch {}", bytes.len(), side.session.epoch()));
        };
        let hello = a.say("hello");
        hear(&mut b, &hello);
        hear(&mut b, &hello);
        hear(&mut a, &hello);
        for length in [0, 1, 63, 64, 1_000, 16_200, 16_300, 16_301, 16_383, 16_384, 60_000] {
            let long = a.say(&"x".repeat(length));
            hear(&mut b, &long);
        }
        let mut damaged = a.say("damaged");
        *damaged.last_mut().unwrap() ^= 1;
        hear(&mut b, &damaged);
        hear(&mut b, b"nonsense");
        b.restart();
        hear(&mut b, &hello);
        let late: Vec<_> = (0..140).map(|n| a.say(&n.to_string())).collect();
        let before = b.say("before the commit");
        let commit = b.commit();
        let after = b.say("after the commit");
        hear(&mut a, &after);
        hear(&mut a, &commit);
        hear(&mut a, &commit);
        hear(&mut a, &before);
        hear(&mut a, &after);
        hear(&mut b, &late[139]);
        hear(&mut b, &late[5]);
        hear(&mut b, &late[30]);
        let far: Vec<_> = (0..2_100).map(|_| a.say("x")).collect();
        hear(&mut b, &far[2_099]);
        hear(&mut b, &far[99]);
        a.restart();
        for _ in 0..2 {
            let commit = a.commit();
            hear(&mut b, &commit);
            hear(&mut a, &commit);
            let commit = b.commit();
            hear(&mut a, &commit);
        }
        hear(&mut b, &late[31]);
        let refused = if a.session.may_commit() {
            b.session.commit(&b.id, &mut b.rng)
        } else {
            a.session.commit(&a.id, &mut a.rng)
        };
        told.push(format!("{refused:?} {} {}", a.session.sent_in_epoch(), b.session.sent_in_epoch()));
        switch::set(false);
        told
    }

    #[test]
    fn what_stands_in_for_mls_behaves_as_mls_does() {
        assert_eq!(story(true), story(false));
    }
}
