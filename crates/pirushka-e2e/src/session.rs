//! One conversation's secrecy: an MLS group (RFC 9420) of exactly two members.
//!
//! Policy:
//! - suite 0x004F only; credential = fingerprint; the leaf's key is the certificate's key, for ever: a commit that
//!   changes either is refused. [`Session::initiate`] checks the contact's certificate at once; a joiner learns the
//!   certificate from the first message's CARD and must then call [`Session::check_certificate`].
//! - *Turn rule*: in epoch `e` only leaf `e mod 2` commits, so that no server is needed to order commits. The initiator
//!   is leaf 0, adding the joiner makes epoch 1, so the joiner's first answer commits and retires the prekey.
//! - *No proposals*. A commit is accepted only with a path and without any proposal; a proposal is refused outright.
//!   Who is out of turn asks with the content `please-commit`. [`policy`] says when a commit is due.
//! - Only private messages. Three past epochs can still be read; 128 messages of one epoch may be out of order, 2000
//!   may be missing.
//! - Every call either happens completely or not at all: a refused message, and a failed call, leave rows and memory as
//!   they were.
//!
//! Durability: after each call take the changed rows with [`Session::take_writes`], commit them in the transaction of the
//! message they belong to, then let the packets go. If the transaction fails, drop the session and [`Session::load`] it.

pub mod name;
mod open;
pub mod policy;
mod setup;
#[cfg(test)]
mod tests;

pub use name::{GroupName, Peek, next_number, peek};
pub use open::{OpenError, Opened};
pub use setup::Joined;
pub(crate) use setup::check_leaf;
#[cfg(feature = "stub")]
pub(crate) use setup::{check_holder, name_for};

use openmls::prelude::{LeafNodeParameters, MlsGroup};
use pirushka_identity::{Certificate, Identity};
use pirushka_wire::Fingerprint;
use rand_chacha::ChaCha20Rng;
use serde::{Deserialize, Serialize};
use tls_codec::Serialize as _;

use crate::error::E2eError;
use crate::mls::{Label, LeafSigner, Provider, RowWrites, Rows, Source, only};

/// Epochs before the current one whose messages can still be read.
pub const PAST_EPOCHS: u64 = 3;
/// How many messages of one epoch may arrive out of order.
pub const OUT_OF_ORDER: u32 = 128;
/// How many messages of one epoch may be missing before a later one.
pub const FORWARD: u32 = 2000;

/// One two-member MLS group and its rows.
pub struct Session {
    group: MlsGroup,
    rows: Rows,
    meta: Meta,
    name: GroupName,
    contact: Contact,
}

/// What we keep beside openmls.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Meta {
    group: Vec<u8>,
    /// Messages encrypted in this epoch: the next generation.
    sent: u32,
}

/// Who the other leaf says it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Contact {
    fingerprint: Fingerprint,
    key: [u8; 32],
}

/// A sealed content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ciphertext {
    /// The MLS message: plaintext + 154 bytes.
    pub bytes: Vec<u8>,
    /// The epoch it belongs to.
    pub epoch: u64,
    /// Its number within the epoch, from 0.
    pub generation: u32,
}

impl Session {
    /// From its rows, as they are on disk.
    pub fn load(rows: impl IntoIterator<Item = (Vec<u8>, Vec<u8>)>) -> Result<Self, E2eError> {
        Self::from_rows(Rows::load(rows))
    }

    /// The rows that changed since the last call.
    pub fn take_writes(&mut self) -> RowWrites {
        self.rows.take_writes()
    }

    /// The session's name, number included.
    #[must_use]
    pub fn name(&self) -> GroupName {
        self.name
    }

    /// Who the other side claims to be. Holds only after [`Session::check_certificate`].
    #[must_use]
    pub fn contact(&self) -> Fingerprint {
        self.contact.fingerprint
    }

    /// Whether `certificate` is the other side's: its fingerprint is the credential, its key the leaf's.
    pub fn check_certificate(&self, certificate: &Certificate) -> Result<(), E2eError> {
        setup::check_holder(self.contact.fingerprint, &self.contact.key, certificate)
    }

    /// The current epoch.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.group.epoch().as_u64()
    }

    /// How many messages we encrypted in this epoch.
    #[must_use]
    pub fn sent_in_epoch(&self) -> u32 {
        self.meta.sent
    }

    /// Whether it is our turn.
    #[must_use]
    pub fn may_commit(&self) -> bool {
        self.epoch() % 2 == u64::from(self.own_leaf())
    }

    /// Seals one content.
    pub fn encrypt(&mut self, id: &Identity, rng: &mut ChaCha20Rng, plaintext: &[u8]) -> Result<Ciphertext, E2eError> {
        let epoch = self.epoch();
        self.whole(Source::from_rng(rng), |group, provider, meta| {
            let message = group.create_message(provider, &LeafSigner(id), plaintext);
            let message = message.map_err(|_| E2eError::Library("encrypting"))?;
            let bytes = message.tls_serialize_detached().map_err(|_| E2eError::Library("encoding a message"))?;
            let generation = meta.sent;
            meta.sent += 1;
            Ok(Ciphertext { bytes, epoch, generation })
        })
    }

    /// Makes new keys and the commit that tells the other side; we are in the new epoch at once.
    pub fn commit(&mut self, id: &Identity, rng: &mut ChaCha20Rng) -> Result<Vec<u8>, E2eError> {
        if !self.may_commit() {
            return Err(E2eError::NotOurTurn);
        }
        self.whole(Source::from_rng(rng), |group, provider, meta| {
            let bundle = group
                .self_update(provider, &LeafSigner(id), LeafNodeParameters::default())
                .map_err(|_| E2eError::Library("committing"))?;
            let commit = bundle.into_commit().tls_serialize_detached();
            group.merge_pending_commit(provider).map_err(|_| E2eError::Library("entering the new epoch"))?;
            meta.sent = 0;
            commit.map_err(|_| E2eError::Library("encoding a commit"))
        })
    }

    fn own_leaf(&self) -> u32 {
        self.group.own_leaf_index().u32()
    }

    /// Runs `operation` completely or not at all.
    fn whole<T, E: From<E2eError>>(
        &mut self,
        source: Source,
        operation: impl FnOnce(&mut MlsGroup, &Provider<'_>, &mut Meta) -> Result<T, E>,
    ) -> Result<T, E> {
        self.rows.begin();
        let mut meta = self.meta.clone();
        let outcome = operation(&mut self.group, &Provider::new(&self.rows, source), &mut meta);
        let stored = if meta == self.meta { Ok(()) } else { self.rows.write(only(Label::Session), &meta) };
        match (outcome, stored) {
            (Ok(value), Ok(())) => {
                self.rows.keep();
                self.meta = meta;
                Ok(value)
            }
            (Ok(_), Err(error)) => {
                self.take_back();
                Err(E2eError::from(error).into())
            }
            (Err(error), _) => {
                self.take_back();
                Err(error)
            }
        }
    }

    /// openmls changes its memory and its rows together, so untouched rows mean an untouched group.
    fn take_back(&mut self) {
        if self.rows.roll_back()
            && let Ok(Some(group)) = MlsGroup::load(&self.rows, &self.name.to_mls())
        {
            self.group = group;
        }
    }

    fn from_rows(rows: Rows) -> Result<Self, E2eError> {
        let meta: Meta = rows.read(&only(Label::Session))?.ok_or(E2eError::Damaged)?;
        let name = GroupName::from_slice(&meta.group).ok_or(E2eError::Damaged)?;
        let group = MlsGroup::load(&rows, &name.to_mls())?.ok_or(E2eError::Damaged)?;
        let contact = setup::contact_of(&group).ok_or(E2eError::Damaged)?;
        Ok(Self { group, rows, meta, name, contact })
    }
}
