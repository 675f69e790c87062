//! Why a session cannot be made, or cannot speak.

use crate::mls::StorageError;

/// Faults of packages, Welcomes and of our own use. Faults of received messages are [`crate::session::OpenError`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum E2eError {
    /// Does not decode, or its signature does not hold.
    #[error("the {0} is malformed")]
    Malformed(&'static str),
    /// Another cipher suite than ours.
    #[error("cipher suite {0:#06x}; expected 0x004f")]
    WrongSuite(u16),
    /// The credential is not the fingerprint of the certificate.
    #[error("the credential does not name the certificate's holder")]
    WrongFingerprint,
    /// The leaf's key is not the certificate's.
    #[error("the leaf is signed by another key than the certificate's")]
    WrongKey,
    /// A session with oneself.
    #[error("the key package is one's own")]
    OwnPackage,
    /// The Welcome is for a package whose private part we do not have: used up, too old, or never ours.
    #[error("the Welcome is for a key package that is used up, too old, or not ours")]
    UnknownPackage,
    /// Decrypting or checking the Welcome failed.
    #[error("the Welcome does not hold: {0}")]
    BadWelcome(&'static str),
    /// It is the other side's turn to commit.
    #[error("in this epoch the other side commits")]
    NotOurTurn,
    /// Stored rows are missing or damaged.
    #[error("the stored session is damaged or incomplete")]
    Damaged,
    /// openmls failed where it should not.
    #[error("MLS failed at {0}")]
    Library(&'static str),
}

impl From<StorageError> for E2eError {
    fn from(error: StorageError) -> Self {
        match error {
            StorageError::Damaged => Self::Damaged,
            StorageError::Encode | StorageError::NotKept => Self::Library("storing"),
        }
    }
}
