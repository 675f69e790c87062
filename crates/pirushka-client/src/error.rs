//! What went wrong, why, and the command that fixes it: one error type for every face.

use std::fmt;

use pirushka_client_core::Misuse;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Names a kind of failure. The text of a code (`"no_such_contact"`) never changes; faces may rely on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Code {
    /// What the caller asked for cannot be asked for: a bad name, a bad address, an empty text.
    BadInput,
    /// A path or a setting of this machine does not allow it.
    Config,
    /// A file or directory of the profile cannot be made, read or written.
    NotWritable,
    /// There is no profile yet.
    NoProfile,
    /// There is one already.
    ProfileExists,
    /// Another process owns the profile.
    ProfileLocked,
    /// The store is protected by a passphrase and none was given.
    PassphraseNeeded,
    /// The wrong passphrase or recovery key for a backup or an identity file.
    BackupSecret,
    /// A backup or identity file was changed, or is none.
    BackupDamaged,
    /// The end of a backup is missing.
    BackupTruncated,
    /// Wrong passphrase or wrong key.
    WrongKey,
    /// The key file is gone, or the keyring does not answer.
    KeyMissing,
    /// The store or its key header is not what this program wrote.
    Damaged,
    /// The store was written by a newer version.
    NewerStore,
    /// No room on the disk.
    DiskFull,
    /// The host name has no address.
    Dns,
    /// Nothing answers at that address and port.
    NoAnswer,
    /// Something answers, but not the holder of the expected key.
    PeerKey,
    /// The peer speaks another version of the protocol.
    PeerVersion,
    /// The other side, or a rule of ours, refuses it: blocked, quota, closed.
    Refused,
    /// The peer is private, and its invite secret is missing or wrong.
    InviteNeeded,
    /// The wait ran out; what was asked for goes on.
    TimedOut,
    /// Stopped because somebody may be deceiving us.
    Security,
    /// No such contact.
    NoSuchContact,
    /// No such message.
    NoSuchMessage,
    /// No such invite.
    NoSuchInvite,
    /// The engine cannot be started or does not answer.
    Engine,
    /// A bug, or a thing of this machine that has no name here.
    #[serde(other)]
    Unexpected,
}

impl Code {
    /// The exit code of a command that fails for this reason.
    #[must_use]
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Unexpected | Self::Engine => 1,
            Self::BadInput => 2,
            Self::Config | Self::NotWritable | Self::NoProfile | Self::ProfileExists => 3,
            Self::ProfileLocked
            | Self::PassphraseNeeded
            | Self::WrongKey
            | Self::BackupSecret
            | Self::BackupDamaged
            | Self::BackupTruncated
            | Self::KeyMissing
            | Self::Damaged
            | Self::NewerStore
            | Self::DiskFull => 4,
            Self::Dns | Self::NoAnswer | Self::PeerKey | Self::PeerVersion => 5,
            Self::Refused | Self::InviteNeeded => 6,
            Self::TimedOut => 7,
            Self::Security => 8,
            Self::NoSuchContact | Self::NoSuchMessage | Self::NoSuchInvite => 9,
        }
    }
}

/// A failure as a face shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Error {
    /// Which kind.
    pub code: Code,
    /// What happened and why.
    pub message: String,
    /// What helps, most often a command.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
}

/// What this crate's operations give.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// An error without a remedy.
    #[must_use]
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), remedy: None }
    }

    /// The same with a remedy.
    #[must_use]
    pub fn with_remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }

    /// A failure of the operating system: `doing` says at what, as in "reading /x/y".
    #[must_use]
    pub(crate) fn io(code: Code, doing: impl fmt::Display, error: &std::io::Error) -> Self {
        let code = match code {
            _ if error.kind() == std::io::ErrorKind::StorageFull => Code::DiskFull,
            Code::Config => Code::NotWritable,
            other => other,
        };
        let error = Self::new(code, format!("{doing}: {error}"));
        if code == Code::NotWritable {
            return error.with_remedy("make it writable for you, or choose another directory with PIRUSHKA_HOME");
        }
        error
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

impl From<Misuse> for Error {
    fn from(misuse: Misuse) -> Self {
        let (code, remedy) = match &misuse {
            Misuse::NoSuchContact => (Code::NoSuchContact, Some("see `pirushka contact list`")),
            Misuse::NameTaken(_) => (Code::BadInput, Some("choose another name with --name")),
            Misuse::BadName(_) => (Code::BadInput, Some("give a name with letters, such as `bob`")),
            Misuse::EmptyText => (Code::BadInput, Some("write something: `pirushka send NAME \"hello\"`")),
            Misuse::OwnAddress => (Code::BadInput, Some("give this address to the person who wants to write to you")),
            Misuse::AlreadyContact(_) => (Code::BadInput, Some("see `pirushka contact list`")),
            Misuse::Blocked(_) => (Code::Refused, Some("`pirushka contact unblock NAME` lifts the block")),
            Misuse::NotARequest(_) => (Code::BadInput, Some("see `pirushka contact list`")),
            Misuse::NotAccepted(_) => (Code::Refused, Some("`pirushka contact accept NAME`")),
            Misuse::FirstTextTooLong(_) => (Code::BadInput, Some("write the rest when the person has answered")),
            Misuse::TakesNobody => (Code::Refused, Some("`pirushka invite policy invites` changes that")),
            Misuse::BadBits(_) => (Code::BadInput, Some("give 2 to 40 bits: `pirushka invite policy open --bits 20`")),
            Misuse::ExpiryTooLong => (Code::BadInput, Some("choose a shorter time, or `off`")),
            Misuse::TextTooLong(_) => (Code::BadInput, Some("send it in several messages")),
            Misuse::NoHome => (Code::Config, Some("`pirushka peer add ADDRESS` chooses one")),
            Misuse::TooManyHomes(_) => {
                (Code::Refused, Some("`pirushka peer show`, then `pirushka peer remove ADDRESS`"))
            }
            Misuse::HomeAlready | Misuse::NoSuchHome => (Code::BadInput, Some("see `pirushka peer show`")),
            Misuse::LastHome => (Code::Refused, Some("`pirushka peer move ADDRESS` moves to another one")),
            Misuse::TooManyInvites(_) => {
                (Code::Refused, Some("`pirushka invite list`, then `pirushka invite revoke ID`"))
            }
            Misuse::NoSuchInvite => (Code::NoSuchInvite, Some("see `pirushka invite list`")),
            Misuse::NoCode => (Code::Refused, Some("wait until both sides have been online, then try again")),
            Misuse::CodeExhausted => (Code::Security, Some("`pirushka contact verify NAME --digits`")),
        };
        Self { code, message: misuse.to_string(), remedy: remedy.map(str::to_owned) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_of_a_newer_engine_is_unexpected() {
        let code: Code = serde_json::from_str("\"out_of_cheese\"").unwrap();
        assert_eq!(code, Code::Unexpected);
    }

    #[test]
    fn a_code_travels_as_its_name() {
        assert_eq!(serde_json::to_string(&Code::NoSuchContact).unwrap(), "\"no_such_contact\"");
    }
}
