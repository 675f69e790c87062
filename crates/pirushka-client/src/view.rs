//! What faces see: people, messages, peers as plain data. Fields are only ever added.

use pirushka_client_core::{
    AddingTrouble, CodeState, ContactInfo, ContactState, Failure, HomeInfo, HomeRole, HomeState,
};
use pirushka_client_core::{IntroPolicy, InviteInfo, Message, MessageBody, MessageState};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Who I am.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct IdentityView {
    /// As I call myself.
    pub name: String,
    /// 64 hexadecimal digits.
    pub fingerprint: String,
    /// `host[:port]/fingerprint?k=...`, while there is a home peer.
    pub address: Option<String>,
    /// Who may introduce itself to me.
    #[serde(default)]
    pub policy: PolicyView,
    /// The certificate, PEM.
    pub certificate_pem: String,
}

/// Who may introduce itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "policy", rename_all = "snake_case")]
pub enum PolicyView {
    /// Nobody.
    Closed,
    /// Who has an invite.
    #[default]
    Invites,
    /// Who has an invite, and whoever does so much work.
    Open {
        /// Leading zero bits; the peer may ask for more.
        bits: u8,
    },
}

impl From<IntroPolicy> for PolicyView {
    fn from(policy: IntroPolicy) -> Self {
        match policy {
            IntroPolicy::Closed => Self::Closed,
            IntroPolicy::Token => Self::Invites,
            IntroPolicy::Work { bits } => Self::Open { bits },
        }
    }
}

impl From<PolicyView> for IntroPolicy {
    fn from(policy: PolicyView) -> Self {
        match policy {
            PolicyView::Closed => Self::Closed,
            PolicyView::Invites => Self::Token,
            PolicyView::Open { bits } => Self::Work { bits },
        }
    }
}

/// A person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ContactView {
    /// Names the contact within this profile; never reused.
    pub id: u32,
    /// As I call it; unique.
    pub name: String,
    /// As it calls itself.
    pub claimed_name: String,
    /// Another contact has a name that looks like the one that this one claims.
    pub name_conflict: bool,
    /// That contact, as I call it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub looks_like: Option<String>,
    /// What a request says of itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_text: Option<String>,
    /// 64 hexadecimal digits.
    pub fingerprint: String,
    #[allow(missing_docs)]
    pub state: ContactStateView,
    /// The person compared the code, the QR or the digits.
    pub verified: bool,
    /// The six digits.
    pub code: CodeView,
    /// Where it is served, as peer addresses.
    pub homes: Vec<String>,
    /// It knows where I am served now, or is nobody whom I would tell.
    #[serde(default)]
    pub knows_homes: bool,
    /// My messages to it that have no receipt.
    pub unreceipted: usize,
    /// Why it cannot be reached for the first time yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<TroubleView>,
    /// No notifications until then, Unix milliseconds; 0: until it is unmuted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub muted_until_ms: Option<u64>,
    /// Messages disappear so many seconds after they were seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expire_s: Option<u64>,
}

/// Where a person stands with me.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ContactStateView {
    /// I introduced myself and wait for an answer.
    Adding,
    /// It introduced itself and waits for mine.
    Request,
    /// We can write to each other.
    Active,
    /// Nothing is taken from it.
    Blocked,
}

/// The state of the six digits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum CodeView {
    /// Both sides have to be online once more.
    Pending,
    /// To be compared.
    Ready {
        /// `"042 817"`.
        digits: String,
    },
    /// Tried three times; only QR or 60 digits are left.
    Exhausted,
    /// Somebody may stand in between.
    Forged,
}

/// Why a first contact does not get through yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TroubleView {
    /// The host name has no address.
    NoAddress,
    /// The address lacks the peer's key, and the DNS does not tell it.
    NoKey,
    /// No answer from the contact's peer.
    PeerUnavailable,
    /// The peer does not know the person now.
    UnknownUser,
    /// What the person published is older than 14 days.
    CardExpired,
    /// What the peer gave does not belong to the person's fingerprint.
    BundleForged,
    /// The invite is used up, revoked or wrong.
    IntroRefused,
    /// The person's intro inbox is full.
    InboxFull,
    /// The person takes only who has an invite.
    InviteOnly,
    /// The person takes nobody at present.
    Closed,
    /// More work is asked for than this program does.
    WorkTooHard,
}

impl TroubleView {
    /// In words.
    #[must_use]
    pub fn explain(self) -> &'static str {
        match self {
            Self::NoAddress => "the host name of the contact's peer has no address",
            Self::NoKey => "the address lacks the peer's key (k=), and the DNS does not tell it",
            Self::PeerUnavailable => "the contact's peer does not answer",
            Self::UnknownUser => "the peer does not know this person now; it will when the person comes online",
            Self::CardExpired => "the person has not been online for more than 14 days",
            Self::BundleForged => "what the peer gave is not signed by this person; the peer may be lying",
            Self::IntroRefused => "the invite is used up, revoked or wrong; ask for a new one",
            Self::InboxFull => "the person's inbox for strangers is full",
            Self::InviteOnly => "the person takes only who has an invite; ask for one",
            Self::Closed => "the person takes no strangers at present",
            Self::WorkTooHard => "the person or its peer asks strangers for more work than this program does",
        }
    }
}

/// One row of a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MessageView {
    /// Ascending in the order of display.
    pub id: u64,
    /// The contact's id.
    pub contact: u32,
    /// The contact's name as I call it.
    pub name: String,
    /// The contact's fingerprint, 64 hexadecimal digits: the name may change, this never does.
    #[serde(default)]
    pub fingerprint: String,
    /// Mine, or the contact's.
    pub outgoing: bool,
    /// The same at both ends, 32 hexadecimal digits.
    pub content: String,
    /// By the sender's clock, Unix milliseconds.
    pub sent_ms: u64,
    /// When it was stored here, Unix milliseconds.
    pub stored_ms: u64,
    /// How far it has come.
    pub state: StateView,
    /// What it is.
    pub body: BodyView,
    /// Whether the person has seen it (incoming).
    pub seen: bool,
}

/// How far a message has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum StateView {
    /// On my disk.
    Queued,
    /// In the RAM of the recipient's peer.
    Held {
        /// Until then, Unix milliseconds.
        until_ms: u64,
        /// By which of its peers: `host[:port]`, while that is known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        peer: Option<String>,
    },
    /// On the recipient's disk.
    Delivered,
    /// Seen by the recipient.
    Read,
    /// Given up.
    Failed {
        /// Why, in words.
        reason: String,
    },
    /// Not mine: it came in.
    Received,
}

/// What a row of a conversation holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum BodyView {
    /// A text.
    Text {
        #[allow(missing_docs)]
        text: String,
    },
    /// Messages are missing here; late ones take their places.
    Gap {
        /// How many, at least.
        missing: u64,
    },
    /// Of a kind that this version does not know; kept.
    NeedsNewerVersion,
    /// Whoever wrote it set how long messages stay.
    Expire {
        /// Seconds after they were seen; 0: for good.
        after_s: u64,
    },
}

/// A conversation in the list of conversations.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ChatView {
    /// The contact's id.
    pub contact: u32,
    /// The contact's name.
    pub name: String,
    /// As of the contact.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub looks_like: Option<String>,
    /// Incoming messages that the person has not seen.
    pub unread: u64,
    /// The newest row.
    pub last: Option<MessageView>,
    /// As of the contact.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub muted_until_ms: Option<u64>,
    /// As of the contact.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expire_s: Option<u64>,
}

/// A stretch of a conversation, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HistoryPage {
    #[allow(missing_docs)]
    pub messages: Vec<MessageView>,
    /// Whether there are older ones; ask for those before the first id of this page. (Of a page of rows behind an id:
    /// whether there are newer ones; ask for those behind the last id.) A page of long texts holds fewer than were asked
    /// for, though there are more.
    pub more: bool,
}

/// Texts that were looked for, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FoundPage {
    #[allow(missing_docs)]
    pub hits: Vec<HitView>,
    /// Whether there are older ones; ask for those before the first id of this page. A page of long texts holds fewer than
    /// were asked for, though there are more.
    pub more: bool,
}

/// A text that was looked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HitView {
    #[allow(missing_docs)]
    pub message: MessageView,
    /// A stretch of the text around the first hit.
    pub snippet: Vec<SnippetPart>,
}

/// A piece of a snippet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SnippetPart {
    #[allow(missing_docs)]
    pub text: String,
    /// Whether this was looked for.
    pub hit: bool,
}

/// A backup that was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BackupView {
    #[allow(missing_docs)]
    pub file: std::path::PathBuf,
    #[allow(missing_docs)]
    #[serde(flatten)]
    pub info: crate::backup::BackupInfo,
    /// What opens it, if no passphrase was given. It is shown once and kept nowhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovery_key: Option<crate::engine::protocol::Hidden>,
}

/// An invite.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct InviteView {
    #[allow(missing_docs)]
    pub id: u32,
    #[allow(missing_docs)]
    pub label: String,
    /// Unix seconds.
    pub expiry_s: u64,
    /// How many more people it lets in.
    pub uses_left: u16,
    /// Whether whoever comes by it must be accepted by hand.
    pub ask: bool,
    /// The address to give away, while there is a home peer.
    pub address: Option<String>,
}

/// A home peer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HomeView {
    /// `host[:port]?k=...`.
    pub peer: String,
    #[allow(missing_docs)]
    pub state: HomeStateView,
    /// Another address of the same peer, which counts as soon as it answers there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moving_to: Option<String>,
    /// It was tried there in vain.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub moving_fails: bool,
    /// Where it stands on the way into my CARD and out of it.
    #[serde(default)]
    pub role: HomeRoleView,
    /// It serves me at most until then, Unix milliseconds (leaving).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leaving_until_ms: Option<u64>,
    /// Since when it is in that state, Unix milliseconds, if that began since the engine started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since_ms: Option<u64>,
    /// Messages that it holds for me, as it said last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holds: Option<u32>,
    /// How often it was found restarted.
    #[serde(default)]
    pub restarts: u32,
    /// When it was last found restarted, Unix milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restarted_ms: Option<u64>,
    /// Round-trip time, microseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rtt_us: Option<u64>,
    /// My address as the peer sees it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed: Option<String>,
    /// The keepalive in force, seconds.
    pub keepalive_s: u64,
    /// Why the host name could not be looked up, if so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dns_error: Option<String>,
}

/// Where a home peer stands on the way into my CARD and out of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum HomeRoleView {
    /// It has not served me yet: contacts do not know of it.
    Joining,
    /// It stands in my CARD.
    #[default]
    Serving,
    /// Contacts are told that I leave it; it serves me until they know.
    Leaving,
}

/// The path to a home peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum HomeStateView {
    /// On the way.
    Connecting,
    /// Messages arrive by themselves.
    Online,
    /// Another copy of this profile registered later: messages arrive there until it has gone.
    Superseded,
    /// "Peer unavailable" (fact 10).
    Unavailable,
    /// It is private, and the address of it that I have lets nobody in.
    InviteNeeded,
    /// It asks newcomers for more work than this program does.
    WorkTooHard,
}

/// Everything `status` shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StatusView {
    /// The name of the profile (`default`).
    pub profile: String,
    /// As I call myself.
    pub name: String,
    /// 64 hexadecimal digits.
    pub fingerprint: String,
    /// Where I am reached.
    pub address: Option<String>,
    /// Who may introduce itself to me.
    #[serde(default)]
    pub policy: PolicyView,
    #[allow(missing_docs)]
    pub homes: Vec<HomeView>,
    /// People I can write to.
    pub contacts: usize,
    /// People who wait for my answer.
    pub requests: usize,
    /// Incoming messages not seen.
    pub unread: u64,
    /// My messages without a receipt.
    pub unreceipted: usize,
    #[allow(missing_docs)]
    pub engine: EngineView,
    /// The newest change; see `subscribe`.
    pub cursor: u64,
}

/// The engine that answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EngineView {
    /// Of the program.
    pub version: String,
    /// Of its process.
    pub pid: u32,
    /// Whether it runs in a process of its own.
    pub background: bool,
    /// Seconds since it began.
    pub uptime_s: u64,
    /// Faces that are connected, this one included.
    pub faces: usize,
    /// How the store's key is kept: `keyring`, `file` or `passphrase`.
    pub protection: String,
}

/// Something that happened. `cursor` grows with every change of a conversation and survives restarts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "event", rename_all = "snake_case")]
#[non_exhaustive]
pub enum EventView {
    /// A new row of a conversation: incoming, mine, or a gap.
    Message {
        #[allow(missing_docs)]
        cursor: u64,
        #[allow(missing_docs)]
        message: MessageView,
    },
    /// A row changed: its state, whether it is seen, or a gap that shrank.
    Changed {
        #[allow(missing_docs)]
        cursor: u64,
        #[allow(missing_docs)]
        message: MessageView,
    },
    /// Everything older than this subscription has been told; what follows is live.
    CaughtUp {
        #[allow(missing_docs)]
        cursor: u64,
    },
    /// A contact is new or changed.
    Contact {
        #[allow(missing_docs)]
        contact: ContactView,
    },
    /// A message has disappeared, as was agreed.
    MessageGone {
        /// The contact's id.
        contact: u32,
        #[allow(missing_docs)]
        id: u64,
    },
    /// A contact was removed, with its conversation.
    ContactRemoved {
        /// Its id.
        id: u32,
    },
    /// The six digits are ready to be compared.
    CodeReady {
        #[allow(missing_docs)]
        contact: ContactView,
    },
    /// The path to a home peer changed.
    Home {
        #[allow(missing_docs)]
        home: HomeView,
    },
    /// Something the person should know.
    Warning {
        #[allow(missing_docs)]
        warning: WarningView,
        /// The contact's id, where it is about one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        contact: Option<u32>,
        /// In words.
        text: String,
    },
    /// This face read too slowly: events other than messages were left out. Ask again for what you show.
    Lagged,
    /// The engine stops; messages go on at the next start.
    Stopping,
    /// Of a kind that this version does not know.
    #[serde(other)]
    Unknown,
}

/// Which warning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WarningView {
    /// An opening of the six digits did not fit.
    CodeForged,
    /// Another copy of this profile is running.
    Superseded,
    /// A first contact does not get through yet.
    AddingDelayed,
    /// A new encrypted session was started.
    SessionRenewed,
    /// The store could not be written; it is tried again.
    StoreTrouble,
    /// Of a kind that this version does not know.
    #[serde(other)]
    Unknown,
}

/// How far to wait for a message of mine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WaitFor {
    /// On my disk: not at all.
    #[default]
    Queued,
    /// In the RAM of the recipient's peer.
    Held,
    /// On the recipient's disk.
    Delivered,
    /// Seen by the recipient.
    Read,
}

/// A message that was sent, as far as it has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SentView {
    #[allow(missing_docs)]
    pub message: MessageView,
    /// Whether it has come as far as was asked for; if not, the wait ran out and it stays in the outbox.
    pub reached: bool,
    /// From the command to the answer, microseconds.
    pub took_us: u64,
}

impl EventView {
    /// Where to go on after it, if it says so.
    #[must_use]
    pub fn cursor(&self) -> Option<u64> {
        match self {
            Self::Message { cursor, .. } | Self::Changed { cursor, .. } | Self::CaughtUp { cursor } => Some(*cursor),
            _ => None,
        }
    }
}

impl StateView {
    /// Whether a message in this state has come at least as far as `wait`.
    #[must_use]
    pub fn reached(&self, wait: WaitFor) -> bool {
        let rank = match self {
            Self::Queued => WaitFor::Queued,
            Self::Held { .. } => WaitFor::Held,
            Self::Delivered => WaitFor::Delivered,
            Self::Read => WaitFor::Read,
            Self::Failed { .. } | Self::Received => return false,
        };
        rank >= wait
    }

    /// The state's name: `queued`, `held`, `delivered`, `read`, `failed`, `received`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Held { .. } => "held",
            Self::Delivered => "delivered",
            Self::Read => "read",
            Self::Failed { .. } => "failed",
            Self::Received => "received",
        }
    }
}

/// Whether a conversation that is muted until then (0: for good) is so at this moment, Unix milliseconds.
#[must_use]
pub fn is_muted(muted_until_ms: Option<u64>, now_ms: u64) -> bool {
    muted_until_ms.is_some_and(|until_ms| until_ms == 0 || until_ms > now_ms)
}

impl From<ContactInfo> for ContactView {
    fn from(info: ContactInfo) -> Self {
        Self {
            id: info.id.0,
            name: info.name,
            claimed_name: info.claimed_name,
            name_conflict: info.name_conflict,
            looks_like: info.looks_like,
            first_text: info.first_text,
            fingerprint: info.fingerprint.to_hex(),
            state: match info.state {
                ContactState::Adding => ContactStateView::Adding,
                ContactState::Request => ContactStateView::Request,
                ContactState::Active => ContactStateView::Active,
                ContactState::Blocked => ContactStateView::Blocked,
            },
            verified: info.verified,
            code: match info.code {
                CodeState::Pending => CodeView::Pending,
                CodeState::Ready(digits) => CodeView::Ready { digits },
                CodeState::Exhausted => CodeView::Exhausted,
                CodeState::Forged => CodeView::Forged,
            },
            homes: info.homes.iter().map(ToString::to_string).collect(),
            knows_homes: info.knows_homes,
            unreceipted: info.unreceipted,
            trouble: info.trouble.map(TroubleView::from),
            muted_until_ms: match info.muted_until_ms {
                0 => None,
                u64::MAX => Some(0),
                until_ms => Some(until_ms),
            },
            expire_s: (info.expire_s > 0).then_some(info.expire_s),
        }
    }
}

impl From<AddingTrouble> for TroubleView {
    fn from(trouble: AddingTrouble) -> Self {
        match trouble {
            AddingTrouble::NoAddress => Self::NoAddress,
            AddingTrouble::NoKey => Self::NoKey,
            AddingTrouble::PeerUnavailable => Self::PeerUnavailable,
            AddingTrouble::UnknownUser => Self::UnknownUser,
            AddingTrouble::CardExpired => Self::CardExpired,
            AddingTrouble::BundleForged => Self::BundleForged,
            AddingTrouble::IntroRefused => Self::IntroRefused,
            AddingTrouble::InboxFull => Self::InboxFull,
            AddingTrouble::InviteOnly => Self::InviteOnly,
            AddingTrouble::Closed => Self::Closed,
            AddingTrouble::WorkTooHard => Self::WorkTooHard,
        }
    }
}

impl MessageView {
    /// The view of a row; name and fingerprint are the contact's.
    #[must_use]
    pub(crate) fn new(message: Message, (name, fingerprint): (String, String), held_at: Option<String>) -> Self {
        Self {
            id: message.id.0,
            contact: message.contact.0,
            name,
            fingerprint,
            outgoing: message.outgoing,
            content: data_encoding::HEXLOWER.encode(&message.content),
            sent_ms: message.sent_ms,
            stored_ms: message.stored_ms,
            state: StateView::new(message.state, held_at),
            body: match message.body {
                MessageBody::Text(text) => BodyView::Text { text },
                MessageBody::Gap { missing } => BodyView::Gap { missing },
                MessageBody::NeedsNewerVersion { .. } => BodyView::NeedsNewerVersion,
                MessageBody::Expire { after_s } => BodyView::Expire { after_s },
            },
            seen: message.seen,
        }
    }
}

impl StateView {
    /// `held_at`: where the peer is that holds it, if that is known.
    pub(crate) fn new(state: MessageState, held_at: Option<String>) -> Self {
        match state {
            MessageState::Queued => Self::Queued,
            MessageState::Held { until_ms, peer: _ } => Self::Held { until_ms, peer: held_at },
            MessageState::Delivered => Self::Delivered,
            MessageState::Read => Self::Read,
            MessageState::Failed { reason: Failure::ContactGone } => {
                Self::Failed { reason: "the contact was removed or blocked before it was delivered".into() }
            }
            MessageState::Received => Self::Received,
        }
    }
}

impl From<InviteInfo> for InviteView {
    fn from(info: InviteInfo) -> Self {
        Self {
            id: info.id,
            label: info.label,
            expiry_s: info.expiry_s,
            uses_left: info.uses_left,
            ask: info.ask,
            address: info.address,
        }
    }
}

impl HomeView {
    pub(crate) fn new(info: &HomeInfo, dns_error: Option<String>) -> Self {
        let (role, leaving_until_ms) = match info.role {
            HomeRole::Joining => (HomeRoleView::Joining, None),
            HomeRole::Serving => (HomeRoleView::Serving, None),
            HomeRole::Leaving { until_ms } => (HomeRoleView::Leaving, Some(until_ms)),
        };
        Self {
            peer: info.peer.to_string(),
            state: info.state.into(),
            moving_to: info.moving_to.as_ref().map(ToString::to_string),
            moving_fails: info.moving_fails,
            role,
            leaving_until_ms,
            since_ms: info.since_ms,
            holds: info.holds,
            restarts: info.restarts,
            restarted_ms: info.restarted_ms,
            rtt_us: info.rtt_us,
            observed: info.observed.map(|a| a.to_string()),
            keepalive_s: info.keepalive_s,
            dns_error,
        }
    }
}

impl From<HomeState> for HomeStateView {
    fn from(state: HomeState) -> Self {
        match state {
            HomeState::Connecting => Self::Connecting,
            HomeState::Online => Self::Online,
            HomeState::Superseded => Self::Superseded,
            HomeState::Unavailable => Self::Unavailable,
            HomeState::InviteNeeded => Self::InviteNeeded,
            HomeState::WorkTooHard => Self::WorkTooHard,
        }
    }
}
