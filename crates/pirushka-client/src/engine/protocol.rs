//! What a face and the engine say to each other: one JSON object per line, each with `"v":1`.
//!
//! The engine speaks first, with a [`Greeting`]. Then, as often as the face likes: one [`Request`], one [`Answer`].
//! [`Request::Subscribe`] is the last request of a connection: from there on the engine writes [`EventView`]s.
//! An answer with a long list is several lines, all but the last with `"more":true`, whose lists make one together.
//! A face that needs two things at once opens two connections. Fields and requests are only ever added; a change that
//! would break an older face raises [`PROTOCOL`].

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::error::Error;
use crate::view::*;

/// The version of this protocol.
pub const PROTOCOL: u32 = 1;

/// The longest line, bytes: a text of 64 KiB with every byte escaped, and room.
pub const LINE_MAX: usize = 512 * 1024;

/// What of it rows of a list may take together, bytes of JSON; any one row takes less.
pub(crate) const ROWS_BYTES_MAX: usize = LINE_MAX - 1024;

/// The first line of a connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Greeting {
    /// [`PROTOCOL`].
    pub v: u32,
    /// The version of the program.
    pub engine: String,
    /// The engine's process.
    pub pid: u32,
}

/// A line from a face.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RequestLine {
    /// [`PROTOCOL`].
    pub v: u32,
    #[allow(missing_docs)]
    #[serde(flatten)]
    pub request: Request,
}

/// A line from the engine that answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AnswerLine {
    /// [`PROTOCOL`].
    pub v: u32,
    #[allow(missing_docs)]
    #[serde(flatten)]
    pub answer: Answer,
    /// The next line goes on with the list of this one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub more: bool,
}

/// A line from the engine that tells.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EventLine {
    /// [`PROTOCOL`].
    pub v: u32,
    #[allow(missing_docs)]
    #[serde(flatten)]
    pub event: EventView,
}

/// What a face may ask. `who` is a contact's name, fingerprint or address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Request {
    /// [`Done::Status`].
    Status,
    /// [`Done::Identity`].
    Identity,
    /// [`Done::Nothing`].
    RenameMe { name: String },
    /// Replaces the home peer. [`Done::Nothing`].
    SetHome { peer: String },
    /// One more home peer. [`Done::Nothing`].
    HomeAdd { peer: String },
    /// Leaves a home peer, by address or `host[:port]`. [`Done::Nothing`].
    HomeRemove { peer: String },
    /// Moves from one home peer, or from all, to another. [`Done::Nothing`].
    HomeMove { from: Option<String>, to: String },

    /// [`Done::Nothing`].
    PolicySet { policy: PolicyView },
    /// [`Done::Invite`].
    InviteNew { label: String, uses: u16, expiry_s: u64, ask: bool },
    /// [`Done::Invites`].
    Invites,
    /// [`Done::Nothing`].
    InviteRevoke { id: u32 },

    /// [`Done::Contacts`].
    Contacts,
    /// [`Done::Contact`].
    Contact { who: String },
    /// [`Done::Contact`].
    ContactAdd { address: String, name: Option<String> },
    /// [`Done::Contact`].
    ContactAddSaying { address: String, name: Option<String>, text: String },
    /// [`Done::Contact`].
    ContactAccept { who: String },
    /// [`Done::Nothing`].
    ContactRefuse { who: String },
    /// [`Done::Contact`].
    ContactRename { who: String, name: String },
    /// [`Done::Contact`].
    ContactBlock { who: String },
    /// [`Done::Contact`].
    ContactUnblock { who: String },
    /// [`Done::Nothing`].
    ContactRemove { who: String },
    /// Answers when the contact fits `until`, or as it is when the time is over. [`Done::Contact`].
    ContactWait { who: String, until: ContactUntil, timeout_ms: u64 },

    /// The person compared the six digits. [`Done::Contact`].
    CodeConfirm { who: String, matches: bool },
    /// Another run of the six digits. [`Done::Contact`].
    CodeRerun { who: String },
    /// The person compared a QR code or the whole fingerprint. [`Done::Compared`].
    FingerprintConfirm { who: String, fingerprint: String },
    /// The person compared the sixty digits aloud. [`Done::Contact`].
    DigitsConfirm { who: String },
    /// [`Done::Digits`].
    SixtyDigits { who: String },

    /// [`Done::Sent`].
    Send { who: String, text: String, wait: WaitFor, timeout_ms: u64 },
    /// Waits for a message that was sent before. [`Done::Sent`].
    Wait { message: u64, wait: WaitFor, timeout_ms: u64 },

    /// [`Done::Chats`].
    Chats,
    /// The rows before an id, those around one or behind one, or the newest. [`Done::History`].
    History {
        who: String,
        before: Option<u64>,
        #[serde(default)]
        around: Option<u64>,
        #[serde(default)]
        after: Option<u64>,
        limit: u32,
    },
    /// The newest texts (before an id) with these words, in one conversation or in all. [`Done::Found`].
    Search {
        text: String,
        who: Option<String>,
        #[serde(default)]
        before: Option<u64>,
        limit: u32,
    },
    /// The person has seen this message and all before it. [`Done::Nothing`].
    MarkSeen { who: String, up_to: u64 },

    /// Until then, Unix milliseconds; 0: until it is unmuted; nothing: not any more. [`Done::Contact`].
    Mute { who: String, until_ms: Option<u64> },
    /// Messages from now on disappear so long after they were seen; 0: they stay. [`Done::Contact`].
    Expire { who: String, after_s: u64 },

    /// Writes a backup to an absolute path; without a passphrase, with a new recovery key. [`Done::Backup`].
    BackupCreate { path: PathBuf, passphrase: Option<Hidden>, replace: bool },

    /// The identity alone, sealed with a passphrase. [`Done::Secret`].
    IdentityExport { passphrase: Hidden },

    /// The connection becomes a stream of events.
    Subscribe { from: Since },
    /// The engine ends when it has answered. [`Done::Nothing`].
    Stop,
    /// Of a kind that this version does not know.
    #[serde(other)]
    Unknown,
}

/// A secret on its way through the socket, which only this user can reach. Never printed, zeroised when dropped.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct Hidden(pub Zeroizing<String>);

impl std::fmt::Debug for Hidden {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hidden(..)")
    }
}

impl From<String> for Hidden {
    fn from(text: String) -> Self {
        Self(Zeroizing::new(text))
    }
}

impl From<Hidden> for String {
    fn from(hidden: Hidden) -> Self {
        hidden.0.to_string()
    }
}

/// What to wait for at a contact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ContactUntil {
    /// We can write to each other.
    Active,
    /// The six digits are there (or will never be).
    Code,
    /// Nothing of mine lacks a receipt.
    Receipted,
}

/// Where a stream of events begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Since {
    /// Now.
    Now,
    /// With the incoming messages that the person has not seen, oldest first.
    Unseen,
    /// With all changes of conversations after this cursor.
    Cursor(u64),
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// It was done, and is on the disk.
    Ok(Done),
    /// It was not done.
    Error(Error),
}

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Done {
    Nothing,
    Status(Box<StatusView>),
    Identity(IdentityView),
    Invite(InviteView),
    Invites(Vec<InviteView>),
    Contact(ContactView),
    Contacts(Vec<ContactView>),
    Compared(bool),
    Digits(String),
    Sent(Box<SentView>),
    Chats(Vec<ChatView>),
    History(HistoryPage),
    Found(FoundPage),
    Backup(Box<BackupView>),
    Secret(Hidden),
}

impl AnswerLine {
    pub(super) fn of(answer: Answer) -> Self {
        Self { v: PROTOCOL, answer, more: false }
    }
}

impl Done {
    /// The answer in pieces that fit a line each: a list may need several, everything else is one.
    pub(super) fn into_pieces(self) -> Vec<Self> {
        match self {
            Self::Invites(list) => cut(list, Self::Invites),
            Self::Contacts(list) => cut(list, Self::Contacts),
            Self::Chats(list) => cut(list, Self::Chats),
            whole => vec![whole],
        }
    }

    /// Puts the piece that came behind this one to it; `None` if it is none.
    pub(crate) fn joined(mut self, piece: Self) -> Option<Self> {
        match (&mut self, piece) {
            (Self::Invites(list), Self::Invites(more)) => list.extend(more),
            (Self::Contacts(list), Self::Contacts(more)) => list.extend(more),
            (Self::Chats(list), Self::Chats(more)) => list.extend(more),
            _ => return None,
        }
        Some(self)
    }
}

fn cut<T: Serialize>(mut rows: Vec<T>, piece: fn(Vec<T>) -> Done) -> Vec<Done> {
    let mut pieces = Vec::new();
    loop {
        let rest = rows.split_off(fitting(&rows).min(rows.len()));
        pieces.push(piece(rows));
        if rest.is_empty() {
            return pieces;
        }
        rows = rest;
    }
}

/// How many of the rows, from the first on, fit a line together; at least one.
pub(super) fn fitting<'a, T: Serialize + 'a>(rows: impl IntoIterator<Item = &'a T>) -> usize {
    let mut bytes = 0;
    let fits = |row: &&T| {
        bytes += 1 + size(*row);
        bytes <= ROWS_BYTES_MAX
    };
    rows.into_iter().take_while(fits).count().max(1)
}

/// Bytes of JSON.
pub(super) fn size(row: &impl Serialize) -> usize {
    serde_json::to_vec(row).map_or(0, |json| json.len())
}
