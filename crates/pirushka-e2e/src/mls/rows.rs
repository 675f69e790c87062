//! One session's MLS state as rows in memory, with a record of what changed.
//!
//! openmls writes through [`Rows`]. The caller takes the changes ([`Rows::take_writes`]), commits them in one
//! transaction with the message they belong to, and only then lets packets go. If that transaction fails, the session
//! is dropped and loaded again from what the disk has.
//!
//! A row's key is `label u8 | CBOR of what tells rows of one label apart`; a session is one group, so the group id is in
//! no key. A value is self-describing CBOR. Within one operation changes can be taken back ([`Rows::begin`],
//! [`Rows::roll_back`]): that is how a refused commit leaves no trace.

use std::cell::RefCell;
use std::collections::BTreeMap;

use openmls_traits::storage::{CURRENT_VERSION, StorageProvider, traits};
use serde::{Serialize, de::DeserializeOwned};
use zeroize::Zeroizing;

/// Changed rows in key order: `Some` = write, `None` = delete.
pub type RowWrites = Vec<(Vec<u8>, Option<Vec<u8>>)>;

type Value = Zeroizing<Vec<u8>>;

/// Why a row cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum StorageError {
    /// A value cannot be encoded.
    #[error("a value cannot be encoded")]
    Encode,
    /// A stored value is damaged.
    #[error("a stored value is damaged")]
    Damaged,
    /// Proposals, pre-shared keys and stored signature keys do not exist here.
    #[error("this session keeps nothing of that kind")]
    NotKept,
}

pub(crate) fn to_cbor<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, StorageError> {
    let mut out = vec![];
    ciborium::into_writer(value, &mut out).map_err(|_| StorageError::Encode)?;
    Ok(out)
}

pub(crate) fn from_cbor<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, StorageError> {
    ciborium::from_reader(bytes).map_err(|_| StorageError::Damaged)
}

/// What a row holds; the first byte of its key. Numbers are never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Label {
    /// Ours: group id and counters.
    Session = 0,
    JoinConfig = 1,
    Tree = 2,
    Context = 3,
    InterimTranscriptHash = 4,
    ConfirmationTag = 5,
    GroupState = 6,
    MessageSecrets = 7,
    ResumptionPsks = 8,
    OwnLeafIndex = 9,
    EpochSecrets = 10,
    EpochKeyPairs = 11,
    KeyPair = 12,
    KeyPackage = 13,
}

/// The map, its changes, and the way back.
#[derive(Default)]
pub(crate) struct Rows(RefCell<Inner>);

#[derive(Default)]
struct Inner {
    map: BTreeMap<Vec<u8>, Value>,
    changed: BTreeMap<Vec<u8>, Option<Value>>,
    /// What the keys touched since [`Rows::begin`] held before.
    undo: BTreeMap<Vec<u8>, Before>,
    undoing: bool,
}

struct Before {
    row: Option<Value>,
    change: Option<Option<Value>>,
}

impl Inner {
    fn set(&mut self, key: Vec<u8>, value: Option<Value>) {
        if self.undoing && !self.undo.contains_key(&key) {
            let before = Before { row: self.map.get(&key).cloned(), change: self.changed.get(&key).cloned() };
            self.undo.insert(key.clone(), before);
        }
        match &value {
            Some(value) => self.map.insert(key.clone(), value.clone()),
            None => self.map.remove(&key),
        };
        self.changed.insert(key, value);
    }
}

impl Rows {
    /// As they are on disk; nothing is marked as changed.
    pub(crate) fn load(rows: impl IntoIterator<Item = (Vec<u8>, Vec<u8>)>) -> Self {
        let map = rows.into_iter().map(|(key, value)| (key, Zeroizing::new(value))).collect();
        Self(RefCell::new(Inner { map, ..Inner::default() }))
    }

    /// What changed since the last call.
    pub(crate) fn take_writes(&self) -> RowWrites {
        let changed = std::mem::take(&mut self.0.borrow_mut().changed);
        changed.into_iter().map(|(key, value)| (key, value.map(|mut v| std::mem::take(&mut *v)))).collect()
    }

    /// From here on changes can be taken back.
    pub(crate) fn begin(&self) {
        let mut inner = self.0.borrow_mut();
        inner.undo.clear();
        inner.undoing = true;
    }

    /// Changes since [`Rows::begin`] stay.
    pub(crate) fn keep(&self) {
        let mut inner = self.0.borrow_mut();
        inner.undo.clear();
        inner.undoing = false;
    }

    /// Changes since [`Rows::begin`] never were. Tells whether there had been any.
    pub(crate) fn roll_back(&self) -> bool {
        let mut inner = self.0.borrow_mut();
        let inner = &mut *inner;
        let touched = !inner.undo.is_empty();
        for (key, Before { row, change }) in std::mem::take(&mut inner.undo) {
            match row {
                Some(row) => inner.map.insert(key.clone(), row),
                None => inner.map.remove(&key),
            };
            match change {
                Some(change) => inner.changed.insert(key, change),
                None => inner.changed.remove(&key),
            };
        }
        inner.undoing = false;
        touched
    }

    pub(crate) fn write<T: Serialize + ?Sized>(&self, key: Vec<u8>, value: &T) -> Result<(), StorageError> {
        let value = Zeroizing::new(to_cbor(value)?);
        self.0.borrow_mut().set(key, Some(value));
        Ok(())
    }

    pub(crate) fn read<T: DeserializeOwned>(&self, key: &[u8]) -> Result<Option<T>, StorageError> {
        self.0.borrow().map.get(key).map(|value| from_cbor(value)).transpose()
    }

    pub(crate) fn delete(&self, key: Vec<u8>) {
        let mut inner = self.0.borrow_mut();
        if inner.map.contains_key(&key) {
            inner.set(key, None);
        }
    }

    /// Puts a value there without marking it as changed: material on loan.
    pub(crate) fn lend(&self, key: Vec<u8>, value: Vec<u8>) {
        self.0.borrow_mut().map.insert(key, Zeroizing::new(value));
    }

    /// Takes a loan back, and every trace of it.
    pub(crate) fn return_loan(&self, key: &[u8]) {
        let mut inner = self.0.borrow_mut();
        inner.map.remove(key);
        inner.changed.remove(key);
    }
}

/// The key of a label that has only one row.
pub(crate) fn only(label: Label) -> Vec<u8> {
    vec![label as u8]
}

/// The key of one of several rows of a label.
pub(crate) fn keyed<K: Serialize + ?Sized>(label: Label, key: &K) -> Result<Vec<u8>, StorageError> {
    let mut out = only(label);
    ciborium::into_writer(key, &mut out).map_err(|_| StorageError::Encode)?;
    Ok(out)
}

const V: u16 = CURRENT_VERSION;

/// One `write`, `read`, `delete` triple of the trait for a label that has one row.
macro_rules! single {
    ($label:ident, $entity:ident, $write:ident, $read:ident, $delete:ident) => {
        fn $write<G: traits::GroupId<V>, E: traits::$entity<V>>(&self, _: &G, value: &E) -> Result<(), StorageError> {
            self.write(only(Label::$label), value)
        }

        single!($label, $entity, $read, $delete);
    };
    ($label:ident, $entity:ident, $read:ident, $delete:ident) => {
        fn $read<G: traits::GroupId<V>, E: traits::$entity<V>>(&self, _: &G) -> Result<Option<E>, StorageError> {
            self.read(&only(Label::$label))
        }

        fn $delete<G: traits::GroupId<V>>(&self, _: &G) -> Result<(), StorageError> {
            self.delete(only(Label::$label));
            Ok(())
        }
    };
}

impl StorageProvider<V> for Rows {
    type Error = StorageError;

    single!(JoinConfig, MlsGroupJoinConfig, write_mls_join_config, mls_group_join_config, delete_group_config);
    single!(Tree, TreeSync, write_tree, tree, delete_tree);
    single!(Context, GroupContext, write_context, group_context, delete_context);
    single!(
        InterimTranscriptHash,
        InterimTranscriptHash,
        write_interim_transcript_hash,
        interim_transcript_hash,
        delete_interim_transcript_hash
    );
    single!(ConfirmationTag, ConfirmationTag, write_confirmation_tag, confirmation_tag, delete_confirmation_tag);
    single!(MessageSecrets, MessageSecrets, write_message_secrets, message_secrets, delete_message_secrets);
    single!(
        ResumptionPsks,
        ResumptionPskStore,
        write_resumption_psk_store,
        resumption_psk_store,
        delete_all_resumption_psk_secrets
    );
    single!(OwnLeafIndex, LeafNodeIndex, write_own_leaf_index, own_leaf_index, delete_own_leaf_index);
    single!(
        EpochSecrets,
        GroupEpochSecrets,
        write_group_epoch_secrets,
        group_epoch_secrets,
        delete_group_epoch_secrets
    );

    fn write_group_state<S: traits::GroupState<V>, G: traits::GroupId<V>>(
        &self,
        _: &G,
        state: &S,
    ) -> Result<(), StorageError> {
        self.write(only(Label::GroupState), state)
    }

    fn group_state<S: traits::GroupState<V>, G: traits::GroupId<V>>(&self, _: &G) -> Result<Option<S>, StorageError> {
        self.read(&only(Label::GroupState))
    }

    fn delete_group_state<G: traits::GroupId<V>>(&self, _: &G) -> Result<(), StorageError> {
        self.delete(only(Label::GroupState));
        Ok(())
    }

    // Key pairs of our own leaf.

    fn write_encryption_key_pair<K: traits::EncryptionKey<V>, P: traits::HpkeKeyPair<V>>(
        &self,
        public: &K,
        pair: &P,
    ) -> Result<(), StorageError> {
        self.write(keyed(Label::KeyPair, public)?, pair)
    }

    fn encryption_key_pair<P: traits::HpkeKeyPair<V>, K: traits::EncryptionKey<V>>(
        &self,
        public: &K,
    ) -> Result<Option<P>, StorageError> {
        self.read(&keyed(Label::KeyPair, public)?)
    }

    fn delete_encryption_key_pair<K: traits::EncryptionKey<V>>(&self, public: &K) -> Result<(), StorageError> {
        self.delete(keyed(Label::KeyPair, public)?);
        Ok(())
    }

    fn write_encryption_epoch_key_pairs<G: traits::GroupId<V>, E: traits::EpochKey<V>, P: traits::HpkeKeyPair<V>>(
        &self,
        _: &G,
        epoch: &E,
        leaf: u32,
        pairs: &[P],
    ) -> Result<(), StorageError> {
        self.write(keyed(Label::EpochKeyPairs, &(epoch, leaf))?, pairs)
    }

    fn encryption_epoch_key_pairs<G: traits::GroupId<V>, E: traits::EpochKey<V>, P: traits::HpkeKeyPair<V>>(
        &self,
        _: &G,
        epoch: &E,
        leaf: u32,
    ) -> Result<Vec<P>, StorageError> {
        Ok(self.read(&keyed(Label::EpochKeyPairs, &(epoch, leaf))?)?.unwrap_or_default())
    }

    fn delete_encryption_epoch_key_pairs<G: traits::GroupId<V>, E: traits::EpochKey<V>>(
        &self,
        _: &G,
        epoch: &E,
        leaf: u32,
    ) -> Result<(), StorageError> {
        self.delete(keyed(Label::EpochKeyPairs, &(epoch, leaf))?);
        Ok(())
    }

    fn write_key_package<H: traits::HashReference<V>, P: traits::KeyPackage<V>>(
        &self,
        reference: &H,
        package: &P,
    ) -> Result<(), StorageError> {
        self.write(keyed(Label::KeyPackage, reference)?, package)
    }

    fn key_package<H: traits::HashReference<V>, P: traits::KeyPackage<V>>(
        &self,
        reference: &H,
    ) -> Result<Option<P>, StorageError> {
        self.read(&keyed(Label::KeyPackage, reference)?)
    }

    fn delete_key_package<H: traits::HashReference<V>>(&self, reference: &H) -> Result<(), StorageError> {
        self.delete(keyed(Label::KeyPackage, reference)?);
        Ok(())
    }

    // There are no proposals: nothing may be queued, and nothing ever is.

    fn queue_proposal<G: traits::GroupId<V>, R: traits::ProposalRef<V>, Q: traits::QueuedProposal<V>>(
        &self,
        _: &G,
        _: &R,
        _: &Q,
    ) -> Result<(), StorageError> {
        Err(StorageError::NotKept)
    }

    fn queued_proposal_refs<G: traits::GroupId<V>, R: traits::ProposalRef<V>>(
        &self,
        _: &G,
    ) -> Result<Vec<R>, StorageError> {
        Ok(vec![])
    }

    fn queued_proposals<G: traits::GroupId<V>, R: traits::ProposalRef<V>, Q: traits::QueuedProposal<V>>(
        &self,
        _: &G,
    ) -> Result<Vec<(R, Q)>, StorageError> {
        Ok(vec![])
    }

    fn remove_proposal<G: traits::GroupId<V>, R: traits::ProposalRef<V>>(
        &self,
        _: &G,
        _: &R,
    ) -> Result<(), StorageError> {
        Ok(())
    }

    fn clear_proposal_queue<G: traits::GroupId<V>, R: traits::ProposalRef<V>>(
        &self,
        _: &G,
    ) -> Result<(), StorageError> {
        Ok(())
    }

    fn append_own_leaf_node<G: traits::GroupId<V>, L: traits::LeafNode<V>>(
        &self,
        _: &G,
        _: &L,
    ) -> Result<(), StorageError> {
        Err(StorageError::NotKept)
    }

    fn own_leaf_nodes<G: traits::GroupId<V>, L: traits::LeafNode<V>>(&self, _: &G) -> Result<Vec<L>, StorageError> {
        Ok(vec![])
    }

    fn delete_own_leaf_nodes<G: traits::GroupId<V>>(&self, _: &G) -> Result<(), StorageError> {
        Ok(())
    }

    // The identity keeps the signing key; pre-shared keys are not used.

    fn write_signature_key_pair<K: traits::SignaturePublicKey<V>, P: traits::SignatureKeyPair<V>>(
        &self,
        _: &K,
        _: &P,
    ) -> Result<(), StorageError> {
        Err(StorageError::NotKept)
    }

    fn signature_key_pair<K: traits::SignaturePublicKey<V>, P: traits::SignatureKeyPair<V>>(
        &self,
        _: &K,
    ) -> Result<Option<P>, StorageError> {
        Ok(None)
    }

    fn delete_signature_key_pair<K: traits::SignaturePublicKey<V>>(&self, _: &K) -> Result<(), StorageError> {
        Ok(())
    }

    fn write_psk<I: traits::PskId<V>, B: traits::PskBundle<V>>(&self, _: &I, _: &B) -> Result<(), StorageError> {
        Err(StorageError::NotKept)
    }

    fn psk<B: traits::PskBundle<V>, I: traits::PskId<V>>(&self, _: &I) -> Result<Option<B>, StorageError> {
        Ok(None)
    }

    fn delete_psk<I: traits::PskId<V>>(&self, _: &I) -> Result<(), StorageError> {
        Ok(())
    }
}
