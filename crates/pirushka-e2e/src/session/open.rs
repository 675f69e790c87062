//! What becomes of a received MLS message: a content, a new epoch, or a named refusal without any effect.

use openmls::framing::errors::MessageDecryptionError;
use openmls::prelude::{
    ContentType, MlsMessageIn, ProcessMessageError, ProcessedMessageContent, ProtocolMessage, StagedCommit,
    ValidationError,
};
use tls_codec::Deserialize as _;

use super::setup::fingerprint_of;
use super::{Contact, PAST_EPOCHS, Session};
use crate::error::E2eError;
use crate::mls::{Source, StorageError};

/// What was inside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opened {
    /// A content.
    Application {
        /// The epoch it was sealed in.
        epoch: u64,
        /// Its bytes.
        plaintext: Vec<u8>,
    },
    /// The other side made new keys.
    Committed {
        /// The epoch we are in now.
        epoch: u64,
    },
}

/// Why a message is refused. The session is as it was before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// Does not decode, does not decrypt, or its signature does not hold.
    #[error("the message is malformed or does not decrypt")]
    Malformed,
    /// Not a private message.
    #[error("the message is not encrypted")]
    NotPrivate,
    /// For another session.
    #[error("the message belongs to another session")]
    OtherSession,
    /// Already opened once: acknowledge it, and send a fresh receipt.
    #[error("the message was opened before")]
    Duplicate,
    /// A commit of an epoch that is over: already applied, or a second one.
    #[error("the commit belongs to an epoch that is over")]
    StaleCommit,
    /// `future`: a commit is missing, keep the message. Otherwise more than three epochs old: it will be encrypted again.
    #[error("the message belongs to an epoch that is {}", if *future { "not yet known" } else { "too old" })]
    UnknownEpoch {
        #[allow(missing_docs)]
        future: bool,
    },
    /// More than 128 messages late: it will be encrypted again.
    #[error("the message is too late within its epoch")]
    GenerationTooOld,
    /// More than 2000 messages ahead.
    #[error("the message is too far ahead within its epoch")]
    GenerationTooFar,
    /// A commit by the side whose turn it is not.
    #[error("the commit is out of turn")]
    OutOfTurn,
    /// A proposal, or a commit with one.
    #[error("proposals are not accepted")]
    HasProposals,
    /// A commit that brings no new keys.
    #[error("the commit has no path")]
    NoPath,
    /// A commit that changes who the other side is.
    #[error("the commit changes the contact's name or key")]
    OtherIdentity,
    /// Our own message came back.
    #[error("the message is our own")]
    OwnMessage,
    /// Stored rows are missing or damaged, or openmls failed where it should not.
    #[error("the session failed")]
    Failed,
}

impl From<E2eError> for OpenError {
    fn from(_: E2eError) -> Self {
        Self::Failed
    }
}

impl Session {
    /// Opens one received MLS message.
    pub fn open(&mut self, bytes: &[u8]) -> Result<Opened, OpenError> {
        let message = self.admit(bytes)?;
        let (own, contact) = (self.group.own_leaf_index(), self.contact);
        self.whole(Source::none(), |group, provider, meta| {
            let epoch = message.epoch().as_u64();
            let processed = group.process_message(provider, message).map_err(|error| named(&error))?;
            match processed.into_content() {
                ProcessedMessageContent::ApplicationMessage(message) => {
                    Ok(Opened::Application { epoch, plaintext: message.into_bytes() })
                }
                ProcessedMessageContent::StagedCommitMessage(commit) => {
                    check_commit(&commit, contact)?;
                    group.merge_staged_commit(provider, *commit).map_err(|_| OpenError::Failed)?;
                    debug_assert_eq!(group.own_leaf_index(), own, "a commit moved our leaf");
                    meta.sent = 0;
                    Ok(Opened::Committed { epoch: group.epoch().as_u64() })
                }
                ProcessedMessageContent::OwnPendingCommit | ProcessedMessageContent::OwnPrivateMessage => {
                    Err(OpenError::OwnMessage)
                }
                _ => Err(OpenError::HasProposals),
            }
        })
    }

    /// What can be refused before any decryption is.
    fn admit(&self, bytes: &[u8]) -> Result<ProtocolMessage, OpenError> {
        let message = MlsMessageIn::tls_deserialize_exact(bytes).map_err(|_| OpenError::Malformed)?;
        let message = message.try_into_protocol_message().map_err(|_| OpenError::Malformed)?;
        let ProtocolMessage::PrivateMessage(_) = &message else { return Err(OpenError::NotPrivate) };
        if message.group_id() != self.group.group_id() {
            return Err(OpenError::OtherSession);
        }
        let (theirs, ours) = (message.epoch().as_u64(), self.epoch());
        if theirs > ours {
            return Err(OpenError::UnknownEpoch { future: true });
        }
        match message.content_type() {
            ContentType::Application if theirs.saturating_add(PAST_EPOCHS) < ours => {
                Err(OpenError::UnknownEpoch { future: false })
            }
            ContentType::Application => Ok(message),
            ContentType::Proposal => Err(OpenError::HasProposals),
            ContentType::Commit if theirs < ours => Err(OpenError::StaleCommit),
            ContentType::Commit if self.may_commit() => Err(OpenError::OutOfTurn),
            ContentType::Commit => Ok(message),
        }
    }
}

fn check_commit(commit: &StagedCommit, contact: Contact) -> Result<(), OpenError> {
    if commit.queued_proposals().next().is_some() {
        return Err(OpenError::HasProposals);
    }
    let leaf = commit.update_path_leaf_node().ok_or(OpenError::NoPath)?;
    let same = fingerprint_of(leaf.credential()) == Some(contact.fingerprint)
        && leaf.signature_key().as_slice() == contact.key;
    if same { Ok(()) } else { Err(OpenError::OtherIdentity) }
}

fn named(error: &ProcessMessageError<StorageError>) -> OpenError {
    use MessageDecryptionError::SecretTreeError as Ratchet;
    match error {
        ProcessMessageError::ValidationError(ValidationError::UnableToDecrypt(Ratchet(error))) => {
            // The type of this error is private to openmls; its variants are told apart by name, and a test holds each.
            match format!("{error:?}").as_str() {
                "SecretReuseError" => OpenError::Duplicate,
                "TooDistantInThePast" | "IndexOutOfBounds" => OpenError::GenerationTooOld,
                "TooDistantInTheFuture" => OpenError::GenerationTooFar,
                _ => OpenError::Malformed,
            }
        }
        ProcessMessageError::ValidationError(ValidationError::NoPastEpochData) => {
            OpenError::UnknownEpoch { future: false }
        }
        ProcessMessageError::StorageError(_) => OpenError::Failed,
        _ => OpenError::Malformed,
    }
}
