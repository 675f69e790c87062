//! A session that keeps the rules of [`crate::session`] without any secret.

use minicbor::{Decode, Encode};
use pirushka_identity::{Certificate, Identity};
use pirushka_wire::Fingerprint;
use rand_chacha::ChaCha20Rng;
use rand_core::Rng as _;

use super::bytes::{check, checked, take};
use super::{COMMIT, NO_KEY, OVERHEAD, WELCOME, check_package};
use crate::error::E2eError;
use crate::mls::RowWrites;
use crate::packages::KeyPackages;
use crate::session::{
    Ciphertext, FORWARD, GroupName, OUT_OF_ORDER, OpenError, Opened, PAST_EPOCHS, Peek, check_holder, name_for,
};

const WELCOME_MARK: &[u8; 8] = b"stub wel";
const MESSAGE_MARK: &[u8; 8] = b"stub msg";
/// Mark, name, epoch, leaf, kind, generation, length.
const HEAD: usize = 8 + 24 + 8 + 1 + 1 + 4 + 4;
/// The only row.
const KEY: [u8; 1] = [0];

/// See [`crate::session::Session`].
pub(crate) struct Session {
    state: State,
    changed: bool,
}

#[derive(Clone, Encode, Decode)]
#[cbor(array)]
struct State {
    #[n(0)]
    name: [u8; 24],
    #[n(1)]
    leaf: u8,
    #[n(2)]
    contact: [u8; 32],
    #[n(3)]
    contact_key: [u8; 32],
    #[n(4)]
    epoch: u64,
    #[n(5)]
    sent: u32,
    /// The current epoch first.
    #[n(6)]
    epochs: Vec<Epoch>,
}

#[derive(Clone, Default, Encode, Decode)]
#[cbor(array)]
struct Epoch {
    #[n(0)]
    secret: [u8; 32],
    /// One more than the highest generation that came.
    #[n(1)]
    next: u32,
    /// Which of the last 128 before `next` have come; the lowest bit is the highest generation.
    #[n(2)]
    seen: (u64, u64),
}

/// A Welcome, taken apart.
struct Parted {
    reference: [u8; 32],
    joiner: [u8; 32],
    contact: [u8; 32],
    contact_key: [u8; 32],
    secret: [u8; 32],
    name: [u8; 24],
}

/// A message's head.
struct Head {
    name: [u8; 24],
    epoch: u64,
    leaf: u8,
    commit: bool,
    generation: u32,
    length: usize,
}

impl Session {
    pub(crate) fn initiate(
        id: &Identity,
        rng: &mut ChaCha20Rng,
        certificate: &Certificate,
        package: &[u8],
        number: u64,
    ) -> Result<(Self, Vec<u8>), E2eError> {
        let name = name_for(id, rng, certificate, number)?;
        let reference = check_package(package, certificate)?;
        let mut secret = [0; 32];
        rng.fill_bytes(&mut secret);
        let (joiner, own, key) = (certificate.fingerprint().0, id.fingerprint().0, id.certificate().public_key());
        let mut welcome = [&WELCOME_MARK[..], &reference, &joiner, &own, &key, &secret, &name.0].concat();
        welcome.resize(WELCOME - 16, 0);
        let session = Self::begun(0, name.0, joiner, certificate.public_key(), secret);
        Ok((session, check(&NO_KEY, welcome)))
    }

    pub(crate) fn join(
        id: &Identity,
        packages: &mut KeyPackages,
        welcome: &[u8],
        now_s: u64,
    ) -> Result<Self, E2eError> {
        let welcome = Parted::read(welcome).ok_or(E2eError::Malformed("Welcome"))?;
        packages.forget_old(now_s);
        let fitting = packages.fitting(&welcome.reference).ok_or(E2eError::UnknownPackage)?;
        if welcome.joiner != id.fingerprint().0 {
            return Err(E2eError::WrongFingerprint);
        }
        if welcome.contact == welcome.joiner {
            return Err(E2eError::OwnPackage);
        }
        if !fitting.last_resort {
            packages.forget(&fitting.reference);
        }
        Ok(Self::begun(1, welcome.name, welcome.contact, welcome.contact_key, welcome.secret))
    }

    fn begun(leaf: u8, name: [u8; 24], contact: [u8; 32], contact_key: [u8; 32], secret: [u8; 32]) -> Self {
        let epochs = vec![Epoch { secret, ..Epoch::default() }];
        Self { state: State { name, leaf, contact, contact_key, epoch: 1, sent: 0, epochs }, changed: true }
    }

    pub(crate) fn load(rows: impl IntoIterator<Item = (Vec<u8>, Vec<u8>)>) -> Result<Self, E2eError> {
        let row = rows.into_iter().find(|(key, _)| *key == KEY).ok_or(E2eError::Damaged)?;
        let state = minicbor::decode::<State>(&row.1).map_err(|_| E2eError::Damaged)?;
        Ok(Self { state, changed: false })
    }

    pub(crate) fn take_writes(&mut self) -> RowWrites {
        let row = || Some((KEY.to_vec(), Some(minicbor::to_vec(&self.state).ok()?)));
        let writes = self.changed.then(row).flatten();
        self.changed = false;
        writes.into_iter().collect()
    }

    pub(crate) fn name(&self) -> GroupName {
        GroupName(self.state.name)
    }

    pub(crate) fn contact(&self) -> Fingerprint {
        Fingerprint(self.state.contact)
    }

    pub(crate) fn check_certificate(&self, certificate: &Certificate) -> Result<(), E2eError> {
        check_holder(self.contact(), &self.state.contact_key, certificate)
    }

    pub(crate) fn epoch(&self) -> u64 {
        self.state.epoch
    }

    pub(crate) fn sent_in_epoch(&self) -> u32 {
        self.state.sent
    }

    pub(crate) fn may_commit(&self) -> bool {
        self.state.epoch % 2 == u64::from(self.state.leaf)
    }

    pub(crate) fn encrypt(&mut self, plaintext: &[u8]) -> Result<Ciphertext, E2eError> {
        let (epoch, generation) = (self.state.epoch, self.state.sent);
        let bytes = self.message(false, plaintext, message_length(plaintext.len()))?;
        self.state.sent += 1;
        self.changed = true;
        Ok(Ciphertext { bytes, epoch, generation })
    }

    pub(crate) fn commit(&mut self, rng: &mut ChaCha20Rng) -> Result<Vec<u8>, E2eError> {
        if !self.may_commit() {
            return Err(E2eError::NotOurTurn);
        }
        let mut secret = [0; 32];
        rng.fill_bytes(&mut secret);
        let commit = self.message(true, &secret, COMMIT)?;
        self.enter(secret);
        Ok(commit)
    }

    fn enter(&mut self, secret: [u8; 32]) {
        let state = &mut self.state;
        state.epochs.insert(0, Epoch { secret, ..Epoch::default() });
        state.epochs.truncate(1 + PAST_EPOCHS as usize);
        (state.epoch, state.sent) = (state.epoch + 1, 0);
        self.changed = true;
    }

    fn message(&self, commit: bool, body: &[u8], length: usize) -> Result<Vec<u8>, E2eError> {
        let State { name, leaf, epoch, sent, epochs, .. } = &self.state;
        let secret = epochs.first().ok_or(E2eError::Damaged)?.secret;
        let mut bytes = Vec::with_capacity(length);
        bytes.extend_from_slice(MESSAGE_MARK);
        bytes.extend_from_slice(name);
        bytes.extend_from_slice(&epoch.to_be_bytes());
        bytes.extend_from_slice(&[*leaf, u8::from(commit)]);
        bytes.extend_from_slice(&sent.to_be_bytes());
        bytes.extend_from_slice(&(body.len() as u32).to_be_bytes());
        bytes.extend_from_slice(body);
        bytes.resize(length - 16, 0);
        Ok(check(&secret, bytes))
    }

    pub(crate) fn open(&mut self, bytes: &[u8]) -> Result<Opened, OpenError> {
        let head = Head::read(bytes).ok_or(OpenError::Malformed)?;
        self.admit(&head)?;
        let behind = self.state.epoch - head.epoch;
        let epoch = self.state.epochs.get_mut(behind as usize).ok_or(OpenError::UnknownEpoch { future: false })?;
        let bytes = checked(&epoch.secret, bytes).ok_or(OpenError::Malformed)?;
        if head.leaf == self.state.leaf {
            return Err(OpenError::OwnMessage);
        }
        if head.commit {
            let secret = *bytes[HEAD..].first_chunk().ok_or(OpenError::Malformed)?;
            self.enter(secret);
            return Ok(Opened::Committed { epoch: self.state.epoch });
        }
        let plaintext = bytes.get(HEAD..HEAD + head.length).ok_or(OpenError::Malformed)?.to_vec();
        epoch.take(head.generation)?;
        self.changed = true;
        Ok(Opened::Application { epoch: head.epoch, plaintext })
    }

    /// As the real one does.
    fn admit(&self, head: &Head) -> Result<(), OpenError> {
        let ours = self.state.epoch;
        if head.name != self.state.name {
            return Err(OpenError::OtherSession);
        }
        match head.epoch {
            theirs if theirs > ours => Err(OpenError::UnknownEpoch { future: true }),
            theirs if !head.commit && theirs + PAST_EPOCHS < ours => Err(OpenError::UnknownEpoch { future: false }),
            _ if !head.commit => Ok(()),
            theirs if theirs < ours => Err(OpenError::StaleCommit),
            _ if self.may_commit() => Err(OpenError::OutOfTurn),
            _ => Ok(()),
        }
    }
}

impl Epoch {
    fn take(&mut self, generation: u32) -> Result<(), OpenError> {
        let seen = u128::from(self.seen.0) << 64 | u128::from(self.seen.1);
        let seen = if generation >= self.next {
            let ahead = generation - self.next;
            if ahead > FORWARD {
                return Err(OpenError::GenerationTooFar);
            }
            self.next = generation + 1;
            seen.checked_shl(ahead + 1).unwrap_or(0) | 1
        } else {
            let behind = self.next - 1 - generation;
            if behind >= OUT_OF_ORDER {
                return Err(OpenError::GenerationTooOld);
            }
            if seen >> behind & 1 == 1 {
                return Err(OpenError::Duplicate);
            }
            seen | 1 << behind
        };
        self.seen = ((seen >> 64) as u64, seen as u64);
        Ok(())
    }
}

impl Parted {
    fn read(welcome: &[u8]) -> Option<Self> {
        let mut rest = checked(&NO_KEY, welcome)?.strip_prefix(WELCOME_MARK)?;
        Some(Self {
            reference: take(&mut rest)?,
            joiner: take(&mut rest)?,
            contact: take(&mut rest)?,
            contact_key: take(&mut rest)?,
            secret: take(&mut rest)?,
            name: take(&mut rest)?,
        })
    }
}

impl Head {
    fn read(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes.strip_prefix(MESSAGE_MARK)?;
        let (name, epoch) = (take(&mut rest)?, u64::from_be_bytes(take(&mut rest)?));
        let [leaf, commit] = take(&mut rest)?;
        let (generation, length) =
            (u32::from_be_bytes(take(&mut rest)?), u32::from_be_bytes(take(&mut rest)?) as usize);
        let sound = bytes.len() >= OVERHEAD && commit <= 1;
        sound.then_some(Self { name, epoch, leaf, commit: commit == 1, generation, length })
    }
}

/// Of a real message with so long a text: two lengths in it grow by one byte and by two (RFC 9420 section 2.1.2).
fn message_length(text: usize) -> usize {
    let vector = |length: usize| match length {
        0..64 => 1,
        64..16_384 => 2,
        _ => 4,
    };
    // What is encrypted with the text: its length, the signature, and the tag.
    let sealed = vector(text) + text + 83;
    text + OVERHEAD - 3 + vector(text) + vector(sealed)
}

/// See [`crate::session::peek`].
pub(crate) fn peek(bytes: &[u8]) -> Option<Peek> {
    let head = Head::read(bytes)?;
    Some(Peek { name: GroupName(head.name), epoch: head.epoch, commit: head.commit })
}
