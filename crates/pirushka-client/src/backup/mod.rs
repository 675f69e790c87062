//! Backups: one encrypted file that holds everything of a profile but what opens messages.
//!
//! | file | what |
//! |---|---|
//! | `format` | header and sealed chunks |
//! | `secret` | recovery key or passphrase |
//! | `create` | rows of one moment into a file, while the engine runs |
//! | `check` | every byte of a file read |
//! | `restore` | a profile from a file |
//!
//! A backup is rows and not pages: it does not depend on SQLite or on the version of the tables, and the ratchets, which
//! must never be restored, are not even in it (`Table::is_backed_up`).

mod check;
mod create;
mod format;
mod restore;
mod secret;
#[cfg(test)]
mod tests;

use minicbor::{Decode, Encode};

pub use check::{BackupInfo, check, check_unlocked, wants};
pub(crate) use create::{Whose, create};
pub(crate) use restore::replace;
pub use restore::{RestoreOptions, Restored, restore};
pub use secret::{Secret, SecretKind};

/// One record of a backup.
#[derive(Encode, Decode)]
enum Record {
    /// The first.
    #[n(0)]
    About(#[n(0)] About),
    /// A row that a client is loaded from.
    #[n(1)]
    Row {
        #[n(0)]
        table: u8,
        #[n(1)]
        #[cbor(with = "minicbor::bytes")]
        key: Vec<u8>,
        #[n(2)]
        #[cbor(with = "minicbor::bytes")]
        value: Vec<u8>,
    },
    /// A row of a conversation, with state and seen as they are.
    #[n(2)]
    Message {
        #[n(0)]
        #[cbor(with = "minicbor::bytes")]
        value: Vec<u8>,
    },
    /// The last: how much there was.
    #[n(3)]
    End {
        #[n(0)]
        rows: u64,
        #[n(1)]
        messages: u64,
    },
}

/// Whose backup it is.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
struct About {
    #[n(0)]
    created_ms: u64,
    #[n(1)]
    name: String,
    #[n(2)]
    #[cbor(with = "minicbor::bytes")]
    fingerprint: [u8; 32],
    #[n(3)]
    contacts: u64,
    /// The number of the newest change, so that followers' cursors stay good.
    #[n(4)]
    cursor: u64,
    /// The version of the program.
    #[n(5)]
    program: String,
}
