//! What a face and the engine say to each other: one JSON object per line, each with `"v":1`.
//!
//! The engine speaks first, with a [`Greeting`]. Then, as often as the face likes: one [`Request`], one [`Answer`].
//! [`Request::Subscribe`] is the last request of a connection: from there on the engine writes [`EventView`]s.
//! An answer with a long list is several lines, all but the last with `"more":true`, whose lists make one together.
//! A face that needs two things at once opens two connections. Fields and requests are only ever added; a change that
//! would break an older face raises [`PROTOCOL`].

use std::path::PathBuf;

use schemars::JsonSchema;
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "do", rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Request {
    /// What stands: me, my home peers, unread and waiting messages. [`Done::Status`].
    Status,
    /// Who I am. [`Done::Identity`].
    Identity,
    /// Calls myself something else. [`Done::Nothing`].
    RenameMe { name: String },
    /// Replaces the home peer. [`Done::Nothing`].
    SetHome { peer: String },
    /// One more home peer. [`Done::Nothing`].
    HomeAdd { peer: String },
    /// Leaves a home peer, by address or `host[:port]`. [`Done::Nothing`].
    HomeRemove { peer: String },
    /// Moves from one home peer, or from all, to another. [`Done::Nothing`].
    HomeMove { from: Option<String>, to: String },

    /// Says who may introduce itself to me. [`Done::Nothing`].
    PolicySet { policy: PolicyView },
    /// Makes an address that lets people in. [`Done::Invite`].
    InviteNew {
        #[serde(default)]
        label: String,
        #[serde(default = "one")]
        uses: u16,
        #[serde(default = "week_s")]
        expiry_s: u64,
        #[serde(default)]
        ask: bool,
    },
    /// All invites that still let somebody in. [`Done::Invites`].
    Invites,
    /// Revokes an invite; holds even while the peer is down. [`Done::Nothing`].
    InviteRevoke { id: u32 },

    /// Everybody, by name. [`Done::Contacts`].
    Contacts,
    /// One contact. [`Done::Contact`].
    Contact { who: String },
    /// Introduces me to the person at an address, with an invite's token if it has one. [`Done::Contact`].
    ContactAdd { address: String, name: Option<String> },
    /// The same with a first text, at most 1 KiB, which the person sees before saying yes. [`Done::Contact`].
    ContactAddSaying { address: String, name: Option<String>, text: String },
    /// Lets in who asked. [`Done::Contact`].
    ContactAccept { who: String },
    /// Turns down who asked. [`Done::Nothing`].
    ContactRefuse { who: String },
    /// Gives a contact another name of mine. [`Done::Contact`].
    ContactRename { who: String, name: String },
    /// Takes nothing from this person any more. [`Done::Contact`].
    ContactBlock { who: String },
    /// Lifts a block. [`Done::Contact`].
    ContactUnblock { who: String },
    /// Forgets a contact and its conversation. [`Done::Nothing`].
    ContactRemove { who: String },
    /// Answers when the contact fits `until`, or as it is when the time is over. [`Done::Contact`].
    ContactWait {
        who: String,
        until: ContactUntil,
        #[serde(default = "patience_ms")]
        timeout_ms: u64,
    },

    /// The person compared the six digits. [`Done::Contact`].
    CodeConfirm { who: String, matches: bool },
    /// Another run of the six digits. [`Done::Contact`].
    CodeRerun { who: String },
    /// The person compared a QR code or the whole fingerprint. [`Done::Compared`].
    FingerprintConfirm { who: String, fingerprint: String },
    /// The person compared the sixty digits aloud. [`Done::Contact`].
    DigitsConfirm { who: String },
    /// The sixty digits of the two of us. [`Done::Digits`].
    SixtyDigits { who: String },

    /// Sends a text: it is on the disk when the answer comes, and has come as far as `wait` if `reached` says so.
    /// [`Done::Sent`].
    Send {
        who: String,
        text: String,
        #[serde(default)]
        wait: WaitFor,
        #[serde(default = "patience_ms")]
        timeout_ms: u64,
    },
    /// Waits for a message that was sent before. [`Done::Sent`].
    Wait {
        message: u64,
        wait: WaitFor,
        #[serde(default = "patience_ms")]
        timeout_ms: u64,
    },

    /// All conversations, the newest first. [`Done::Chats`].
    Chats,
    /// The rows before an id, those around one or behind one, or the newest. [`Done::History`].
    History {
        who: String,
        before: Option<u64>,
        #[serde(default)]
        around: Option<u64>,
        #[serde(default)]
        after: Option<u64>,
        #[serde(default = "page")]
        limit: u32,
    },
    /// The newest texts (before an id) with these words, in one conversation or in all. [`Done::Found`].
    Search {
        text: String,
        who: Option<String>,
        #[serde(default)]
        before: Option<u64>,
        #[serde(default = "page")]
        limit: u32,
    },
    /// The person has seen this message and all before it. [`Done::Nothing`].
    MarkSeen { who: String, up_to: u64 },

    /// Lets a conversation disturb nobody until then, Unix milliseconds; 0: until it is unmuted; nothing: not any more.
    /// [`Done::Contact`].
    Mute { who: String, until_ms: Option<u64> },
    /// Messages from now on disappear so long after they were seen; 0: they stay. [`Done::Contact`].
    Expire { who: String, after_s: u64 },

    /// Writes a backup to an absolute path; without a passphrase, with a new recovery key. [`Done::Backup`].
    BackupCreate {
        path: PathBuf,
        passphrase: Option<Hidden>,
        #[serde(default)]
        replace: bool,
    },

    /// The identity alone, sealed with a passphrase. [`Done::Secret`].
    IdentityExport { passphrase: Hidden },

    /// Tells events from here on; another subscription takes the place of this one.
    Subscribe { from: Since },
    /// The engine ends when it has answered. [`Done::Nothing`].
    Stop,
    /// Of a kind that this version does not know.
    #[serde(other)]
    Unknown,
}

fn one() -> u16 {
    1
}

fn week_s() -> u64 {
    7 * 24 * 3600
}

/// How long is waited when nobody says.
fn patience_ms() -> u64 {
    30_000
}

/// Rows, when nobody says how many.
fn page() -> u32 {
    50
}

/// A secret on its way through the socket, which only this user can reach. Never printed, zeroised when dropped.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(from = "String", into = "String")]
#[schemars(with = "String")]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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
