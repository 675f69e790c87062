//! What a shell sees: rows to keep, events to show, and the plain types that describe people and messages.

use pirushka_identity::WorkClaim;
use pirushka_wire::{Fingerprint, Now, PeerAddress};

/// Names a contact within one profile; never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, minicbor::Encode, minicbor::Decode)]
#[cbor(transparent)]
pub struct ContactId(#[n(0)] pub u32);

/// Names a message within one profile; ascending in the order of display.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, minicbor::Encode, minicbor::Decode)]
#[cbor(transparent)]
pub struct MessageId(#[n(0)] pub u64);

/// Names a UDP socket. A shell opens it at the first packet that leaves through it, with a port of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SocketId(pub u32);

/// Names a question to the DNS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QueryId(pub u32);

/// Names a piece of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WorkId(pub u32);

/// The tables of a profile. A row is `(table, key, value)`; values are opaque to the shell but for [`Table::Message`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Table {
    /// One row: keys, name, home peers, counters.
    Profile = 0,
    /// People.
    Contact = 1,
    /// MLS state: `contact u32 | session number u64 | key`.
    Session = 2,
    /// Private parts of published key packages.
    KeyPackage = 3,
    /// My contact queues, which contacts leave messages in.
    Queue = 4,
    /// What has no end-to-end receipt yet.
    Outbox = 5,
    /// Conversations; key = message id (u64 big-endian), value = [`Message::from_row`]. Not needed to load a client.
    /// A row is written once; what changes later comes as [`Table::MessageState`] and [`Table::SeenUpTo`].
    Message = 6,
    /// Invites.
    Invite = 7,
    /// Messages that cannot be read yet: they wait for a commit.
    Pending = 8,
    /// Parts of long messages that are not complete.
    Part = 9,
    /// What outlives a contact: block list, counts of six-digit runs, by fingerprint.
    Memory = 10,
    /// Parts of introductions that are not complete: `intro id[16] | n u8 | i u8`.
    Intro = 13,
    /// How far a message has come: key = message id, value = [`MessageState::from_row`]. The shell updates the state of
    /// the message's row. Not needed to load a client.
    MessageState = 11,
    /// Home peers, by number (u32 big-endian).
    Home = 20,
    /// What a person set about a conversation: muted, disappearing messages; key = contact id.
    Conversation = 21,
    /// Messages that disappear by themselves; key = message id.
    Vanishing = 22,
    /// Key = contact id (u32 big-endian), value = message id (u64 big-endian): the person has seen the contact's
    /// messages up to that one. The shell updates their rows. Not needed to load a client.
    SeenUpTo = 12,
}

impl Table {
    /// Every table.
    pub const ALL: [Self; 17] = [
        Self::Profile,
        Self::Contact,
        Self::Session,
        Self::KeyPackage,
        Self::Queue,
        Self::Outbox,
        Self::Message,
        Self::Invite,
        Self::Pending,
        Self::Part,
        Self::Memory,
        Self::Intro,
        Self::MessageState,
        Self::SeenUpTo,
        Self::Home,
        Self::Conversation,
        Self::Vanishing,
    ];

    /// Whether the rows of this table belong in a backup. What opens messages never does: who finds a backup and its key
    /// reads what was said, but nothing that is on its way; and a ratchet that was set back would repeat itself. States
    /// are in the rows of messages.
    #[must_use]
    pub fn is_backed_up(self) -> bool {
        let opens = matches!(self, Self::Session | Self::KeyPackage | Self::Pending | Self::Part | Self::Intro);
        !opens && !matches!(self, Self::MessageState | Self::SeenUpTo)
    }

    /// Whether [`crate::Client::load`] wants the rows of this table.
    #[must_use]
    pub fn is_loaded(self) -> bool {
        !matches!(self, Self::Message | Self::MessageState | Self::SeenUpTo)
    }
}

/// One change of one row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write {
    #[allow(missing_docs)]
    pub table: Table,
    #[allow(missing_docs)]
    pub key: Vec<u8>,
    /// `None` deletes the row.
    pub value: Option<Vec<u8>>,
}

/// A datagram to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transmit {
    /// Through which socket.
    pub socket: SocketId,
    /// Where to.
    pub to: std::net::SocketAddr,
}

/// Something that the shell must do or may show. Handed out only when the rows behind it are committed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Look the host up: SRV `_pirushka._udp`, then A and AAAA; answer with [`crate::Client::handle_resolved`].
    Resolve {
        #[allow(missing_docs)]
        query: QueryId,
        #[allow(missing_docs)]
        host: String,
        /// Used unless SRV names another.
        port: u16,
    },
    /// Look up TXT `_pirushka.<host>`; answer with [`crate::Client::handle_peer_key`].
    ResolveKey {
        #[allow(missing_docs)]
        query: QueryId,
        #[allow(missing_docs)]
        host: String,
    },
    /// Find a number for which `claim` has `bits` bits ([`WorkClaim::solve`]); answer with
    /// [`crate::Client::handle_work`]. It may take long: not on the thread that drives the client.
    Work {
        #[allow(missing_docs)]
        id: WorkId,
        #[allow(missing_docs)]
        claim: WorkClaim,
        #[allow(missing_docs)]
        bits: u8,
    },
    /// This socket is no longer needed.
    CloseSocket {
        #[allow(missing_docs)]
        socket: SocketId,
    },
    /// A message to show: new from a contact, or a gap.
    Message(Box<Message>),
    /// A message of mine has come further.
    MessageState {
        #[allow(missing_docs)]
        contact: ContactId,
        #[allow(missing_docs)]
        id: MessageId,
        #[allow(missing_docs)]
        state: MessageState,
    },
    /// A message has disappeared, as was agreed.
    MessageGone {
        #[allow(missing_docs)]
        contact: ContactId,
        #[allow(missing_docs)]
        id: MessageId,
    },
    /// A contact was added, changed its state, its name, or the state of its verification.
    Contact(ContactId),
    /// The six digits are ready to be compared.
    CodeReady(ContactId),
    /// The path to a home peer changed.
    Home {
        #[allow(missing_docs)]
        peer: PeerAddress,
        #[allow(missing_docs)]
        state: HomeState,
    },
    /// Something the person should know; see [`Warning`].
    Warning(Warning),
}

/// Something that is wrong and that the person should know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Warning {
    /// The opened nonce does not fit the commitment: somebody may stand in between.
    CodeForged(ContactId),
    /// Another copy of this profile is running.
    Superseded,
    /// The contact could not be reached for this reason yet; it is tried again.
    AddingDelayed {
        #[allow(missing_docs)]
        contact: ContactId,
        #[allow(missing_docs)]
        reason: AddingTrouble,
    },
    /// A new encrypted session was started because messages could not be read.
    SessionRenewed(ContactId),
}

/// Why a first contact does not get through yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddingTrouble {
    /// The host name has no address.
    NoAddress,
    /// The address has no key, and the host does not publish one: ask for the full address.
    NoKey,
    /// No answer from the contact's peer.
    PeerUnavailable,
    /// The peer does not know the person (now).
    UnknownUser,
    /// The person's CARD is older than 14 days.
    CardExpired,
    /// CARD or key package do not belong to the fingerprint, or the CARD does not name this peer.
    BundleForged,
    /// The invite is used up, revoked or wrong, or the person takes no strangers.
    IntroRefused,
    /// The person's intro inbox is full.
    InboxFull,
    /// The person takes only who has an invite, and the address has none.
    InviteOnly,
    /// The person takes nobody at present.
    Closed,
    /// The person, or its peer, asks for more work than this program does.
    WorkTooHard,
}

/// The path to a home peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HomeState {
    /// On the way.
    Connecting,
    /// Registered: messages arrive by themselves.
    Online,
    /// Registered, but another copy of this profile is too, later than I: messages arrive there. Until that has gone.
    Superseded,
    /// "Peer unavailable" (fact 10); tried again at growing intervals.
    Unavailable,
    /// The peer is private, and my address of it has no invite secret, or one that is no longer good. Asked again once
    /// an hour.
    InviteNeeded,
    /// The peer is short of memory, and asks newcomers for more work than this program does. Asked again once an hour.
    WorkTooHard,
}

/// How far a message of mine has come. Never goes back but from `Held` to `Queued`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub enum MessageState {
    /// On my disk.
    #[n(0)]
    Queued,
    /// In the RAM of the recipient's peer.
    #[n(1)]
    Held {
        /// Until then, Unix milliseconds.
        #[n(0)]
        until_ms: u64,
        /// By which of its peers: the key.
        #[n(1)]
        #[cbor(with = "minicbor::bytes")]
        peer: Option<[u8; 32]>,
    },
    /// On the recipient's disk.
    #[n(2)]
    Delivered,
    /// Seen.
    #[n(3)]
    Read,
    /// Given up.
    #[n(4)]
    Failed {
        #[allow(missing_docs)]
        #[n(0)]
        reason: Failure,
    },
    /// Not mine: it came in.
    #[n(5)]
    Received,
}

impl MessageState {
    /// Reads a row of [`Table::MessageState`].
    ///
    /// # Errors
    /// The value is damaged.
    pub fn from_row(value: &[u8]) -> Result<Self, DamagedRow> {
        minicbor::decode(value).map_err(|_| DamagedRow(Table::MessageState))
    }
}

/// Why a message was given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
#[cbor(index_only)]
pub enum Failure {
    /// The contact was removed or blocked before it was delivered.
    #[n(0)]
    ContactGone,
}

/// What a row of a conversation is.
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub enum MessageBody {
    /// A text.
    #[n(0)]
    Text(#[n(0)] String),
    /// Messages are missing here; late ones take their places.
    #[n(1)]
    Gap {
        /// How many, at least.
        #[n(0)]
        missing: u64,
    },
    /// Of a kind that this version does not know; kept.
    #[n(2)]
    NeedsNewerVersion {
        #[allow(missing_docs)]
        #[n(0)]
        kind: u32,
        #[allow(missing_docs)]
        #[n(1)]
        #[cbor(with = "minicbor::bytes")]
        raw: Vec<u8>,
    },
    /// The author set how long messages stay.
    #[n(3)]
    Expire {
        /// Seconds after a message was seen; 0: they stay.
        #[n(0)]
        after_s: u64,
    },
}

impl MessageBody {
    /// What is written there, if it is a text.
    #[must_use]
    pub fn text(&self) -> &str {
        match self {
            Self::Text(text) => text,
            Self::Gap { .. } | Self::NeedsNewerVersion { .. } | Self::Expire { .. } => "",
        }
    }
}

/// One row of a conversation.
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct Message {
    #[allow(missing_docs)]
    #[n(0)]
    pub id: MessageId,
    #[allow(missing_docs)]
    #[n(1)]
    pub contact: ContactId,
    /// Mine, or the contact's.
    #[n(2)]
    pub outgoing: bool,
    /// Random, the same at both ends.
    #[n(3)]
    #[cbor(with = "minicbor::bytes")]
    pub content: [u8; 16],
    /// Position in the sender's sequence.
    #[n(4)]
    pub seq: u64,
    /// When the sender wrote it, by the sender's clock, Unix milliseconds.
    #[n(5)]
    pub sent_ms: u64,
    /// When it was stored here, Unix milliseconds.
    #[n(6)]
    pub stored_ms: u64,
    #[allow(missing_docs)]
    #[n(7)]
    pub state: MessageState,
    #[allow(missing_docs)]
    #[n(8)]
    pub body: MessageBody,
    /// Whether the person has seen it (incoming).
    #[n(9)]
    pub seen: bool,
}

impl Message {
    /// A row of mine that was just queued.
    pub(crate) fn mine(
        now: Now,
        contact: ContactId,
        id: MessageId,
        (content, seq): ([u8; 16], u64),
        body: MessageBody,
    ) -> Self {
        let (sent_ms, stored_ms) = (now.wall_ms, now.wall_ms);
        Self {
            id,
            contact,
            outgoing: true,
            content,
            seq,
            sent_ms,
            stored_ms,
            state: MessageState::Queued,
            body,
            seen: true,
        }
    }

    /// Reads a row of [`Table::Message`].
    ///
    /// # Errors
    /// The value is damaged.
    pub fn from_row(value: &[u8]) -> Result<Self, DamagedRow> {
        minicbor::decode(value).map_err(|_| DamagedRow(Table::Message))
    }
}

/// A row that is not what this program wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a row of table {0:?} is damaged")]
pub struct DamagedRow(pub Table);

/// Where a person stands with me.
#[derive(Debug, Clone, Copy, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
#[cbor(index_only)]
pub enum ContactState {
    /// I introduced myself and wait for an answer.
    #[n(0)]
    Adding,
    /// Introduced itself and waits for mine: accept, refuse or block.
    #[n(1)]
    Request,
    /// We can write to each other.
    #[n(2)]
    Active,
    /// Nothing is taken from it.
    #[n(3)]
    Blocked,
}

/// The state of the six digits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CodeState {
    /// The three steps are not through yet.
    Pending,
    /// To be compared: `"042 817"`.
    Ready(String),
    /// No further run; compare a QR code or the 60 digits.
    Exhausted,
    /// An opening did not fit.
    Forged,
}

/// A person, as shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContactInfo {
    #[allow(missing_docs)]
    pub id: ContactId,
    /// As I call it; unique within the profile.
    pub name: String,
    /// As it calls itself.
    pub claimed_name: String,
    /// Another contact has a name that looks like the one that this one claims.
    pub name_conflict: bool,
    /// That contact, as I call it.
    pub looks_like: Option<String>,
    /// What a request says of itself.
    pub first_text: Option<String>,
    #[allow(missing_docs)]
    pub fingerprint: Fingerprint,
    #[allow(missing_docs)]
    pub state: ContactState,
    #[allow(missing_docs)]
    pub verified: bool,
    #[allow(missing_docs)]
    pub code: CodeState,
    /// Where it is served.
    pub homes: Vec<PeerAddress>,
    /// It knows where I am served now, or is nobody whom I would tell.
    pub knows_homes: bool,
    /// My messages to it that have no receipt.
    pub unreceipted: usize,
    /// Trouble while adding, if any.
    pub trouble: Option<AddingTrouble>,
    /// No notifications until then, Unix milliseconds; [`u64::MAX`]: for good; 0: not muted.
    pub muted_until_ms: u64,
    /// Messages disappear so many seconds after they were seen; 0: they stay.
    pub expire_s: u64,
}

/// What waits for receipts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Waiting {
    /// Texts, CARDs and whatever else is said.
    pub contents: usize,
    /// New keys.
    pub commits: usize,
    /// New sessions.
    pub introductions: usize,
}

/// An invite, as shown. The address is in [`crate::Client::invite_address`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InviteInfo {
    /// Ascending.
    pub id: u32,
    #[allow(missing_docs)]
    pub label: String,
    /// Unix seconds.
    pub expiry_s: u64,
    /// How many more people it lets in.
    pub uses_left: u16,
    /// Whether whoever comes by it must be accepted by hand.
    pub ask: bool,
    /// The full address with the token, while there is a home peer.
    pub address: Option<String>,
}

/// Where a home peer stands on the way into my CARD and out of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HomeRole {
    /// It has not served me yet: contacts do not know of it.
    Joining,
    /// It stands in my CARD.
    Serving,
    /// It stands in my CARD no longer, and serves me until everybody knows.
    Leaving {
        /// At most until then, Unix milliseconds.
        until_ms: u64,
    },
}

/// A home peer, as shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HomeInfo {
    #[allow(missing_docs)]
    pub peer: PeerAddress,
    #[allow(missing_docs)]
    pub role: HomeRole,
    #[allow(missing_docs)]
    pub state: HomeState,
    /// Another address of the same peer, which counts as soon as it answers there.
    pub moving_to: Option<PeerAddress>,
    /// It was tried there in vain.
    pub moving_fails: bool,
    /// Since when it is in that state, Unix milliseconds, if that began since the client was loaded.
    pub since_ms: Option<u64>,
    /// Round-trip time.
    pub rtt_us: Option<u64>,
    /// My address as the peer sees it.
    pub observed: Option<std::net::SocketAddr>,
    /// The keepalive in force.
    pub keepalive_s: u64,
    /// Messages that it holds for me, as it said last.
    pub holds: Option<u32>,
    /// How often it was found restarted.
    pub restarts: u32,
    /// When it was last found restarted, Unix milliseconds.
    pub restarted_ms: Option<u64>,
}

/// Why a command was not carried out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Misuse {
    /// No such contact.
    #[error("there is no such contact")]
    NoSuchContact,
    /// The name is in use.
    #[error("another contact is already called \"{0}\"")]
    NameTaken(String),
    /// Empty, too long, or with control characters.
    #[error("\"{0}\" cannot be a name: 1 to 64 characters, no control characters")]
    BadName(String),
    /// The address is my own.
    #[error("this is your own address")]
    OwnAddress,
    /// The contact is already there.
    #[error("this person is already a contact, called \"{0}\"")]
    AlreadyContact(String),
    /// The contact is blocked.
    #[error("\"{0}\" is blocked")]
    Blocked(String),
    /// Only a request can be accepted or refused.
    #[error("\"{0}\" is not a request")]
    NotARequest(String),
    /// A request cannot be written to.
    #[error("\"{0}\" is a request; accept it first")]
    NotAccepted(String),
    /// The first text is too long for an introduction.
    #[error("the first text has {0} bytes; at most 1024 travel with an introduction")]
    FirstTextTooLong(usize),
    /// A person who takes nobody makes no invites.
    #[error("you take no strangers at all, so an invite would let nobody in")]
    TakesNobody,
    /// The bits of work are out of bounds.
    #[error("{0} bits of work cannot be asked for; at least 2 and at most 40")]
    BadBits(u8),
    /// The text is empty.
    #[error("the text is empty")]
    EmptyText,
    /// Longer than messages may stay and still disappear.
    #[error("messages may stay for at most 366 days")]
    ExpiryTooLong,
    /// The text is too long.
    #[error("the text has {0} bytes; at most 65536 travel as a text")]
    TextTooLong(usize),
    /// No home peer is set.
    #[error("no home peer is set")]
    NoHome,
    /// As many peers serve me as a CARD names.
    #[error("{0} home peers serve you already; remove one first")]
    TooManyHomes(usize),
    /// It serves me already.
    #[error("this peer serves you already")]
    HomeAlready,
    /// No home peer has this key.
    #[error("this peer does not serve you")]
    NoSuchHome,
    /// Nobody could reach me any more.
    #[error("this is your only home peer; add another one first, or move")]
    LastHome,
    /// As many invites as a peer keeps are open.
    #[error("there are {0} open invites already; revoke one first")]
    TooManyInvites(usize),
    /// No such invite.
    #[error("there is no such invite")]
    NoSuchInvite,
    /// The code is not there to be confirmed.
    #[error("there is no code to confirm yet")]
    NoCode,
    /// No further run of the six digits.
    #[error("the six digits have been tried three times with this person; compare the QR code or the 60 digits")]
    CodeExhausted,
}
