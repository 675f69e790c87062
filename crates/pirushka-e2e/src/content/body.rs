//! The kinds of content and their fields.

use std::fmt;

use minicbor::{Decode, Encode};
use pirushka_identity::HOMES_MAX;
use pirushka_wire::{IntroToken, PeerAddress, QueueId, QueueSecret};

use super::{CARD_MAX, ContentError, FIRST_TEXT_MAX, HELLO_MAX, NAME_MAX, TEXT_MAX, codec, too_long};
use crate::sas::SasStep;

/// The number of each kind.
pub mod kind {
    #![allow(missing_docs)]
    pub const RECEIPT: u16 = 0;
    pub const TEXT: u16 = 1;
    pub const HELLO: u16 = 2;
    pub const GRANT: u16 = 3;
    pub const CARD: u16 = 4;
    pub const SAS: u16 = 5;
    pub const PLEASE_COMMIT: u16 = 6;
    pub const PROFILE: u16 = 7;
    pub const OFFER_AGAIN: u16 = 8;
    pub const EXPIRE: u16 = 9;
}

/// What a content says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// Nothing beyond the receipts. Never receipted itself.
    Receipt,
    /// Something to read.
    Text(Text),
    /// The first message of each side: who I am and where I am answered.
    Hello(Box<Hello>),
    /// A queue for your messages to me, instead of the one before.
    Grant(QueueGrant),
    /// My new signed card, and the queues at the peers that it names.
    Card(HomesNews),
    /// A step of the six digits.
    Sas(SasStep),
    /// My peer was restarted and has lost what it held: offer again what I did not confirm. Never receipted itself.
    OfferAgain,
    /// It is your turn to make new keys, and they are due.
    PleaseCommit,
    /// How I call myself now.
    Profile(Profile),
    /// How long messages written from now on stay.
    Expire(Expire),
    /// A kind of a later version: kept, and shown as "needs a newer version".
    Unknown {
        #[allow(missing_docs)]
        kind: u16,
        /// The body as it came.
        raw: Vec<u8>,
    },
}

/// Something to read.
#[derive(Debug, Clone, PartialEq, Eq, Default, Encode, Decode)]
#[cbor(map)]
pub struct Text {
    /// Markdown subset, at most 64 KiB.
    #[n(0)]
    pub text: String,
    /// The id of the content that it answers.
    #[cbor(n(1), with = "minicbor::bytes")]
    pub reply_to: Option<[u8; 16]>,
    /// It disappears so many seconds after it was seen; nothing: it stays.
    #[n(2)]
    pub expire_s: Option<u64>,
}

/// How long messages of a conversation stay, until one of the two says otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Encode, Decode)]
#[cbor(map)]
pub struct Expire {
    /// Seconds after a message was seen; 0: they stay.
    #[n(0)]
    pub after_s: u64,
    /// One more than the last setting that its author knows. The highest counts; of two equal ones that of the smaller
    /// fingerprint.
    #[n(1)]
    pub version: u64,
}

/// The first message of each side.
#[derive(Debug, Clone, PartialEq, Eq, Default, Encode, Decode)]
#[cbor(map)]
pub struct Hello {
    /// My signed card, encoded; its certificate must fit the session's leaf.
    #[cbor(n(0), with = "minicbor::bytes")]
    pub card: Vec<u8>,
    /// The queue for your answers.
    #[n(1)]
    pub grant: Option<QueueGrant>,
    /// How I call myself.
    #[n(2)]
    pub name: String,
    /// A step of the six digits, the first one as a rule.
    #[n(3)]
    pub sas: Option<SasStep>,
    /// The invite that this answers.
    #[cbor(n(4), with = "codec::intro_token", has_nil)]
    pub token: Option<IntroToken>,
    /// A first text, at most 1 KiB.
    #[n(5)]
    pub text: Option<String>,
    /// The queues at my other home peers, in the order of the card.
    #[cbor(n(6), with = "codec::grants", has_nil)]
    pub more_grants: Vec<QueueGrant>,
}

impl Hello {
    /// All queues, in the order of the card.
    pub fn grants(&self) -> impl Iterator<Item = &QueueGrant> {
        self.grant.iter().chain(&self.more_grants)
    }

    /// Takes these queues in, as many as an introduction has room for; tells whether it is all of them.
    pub fn set_grants(&mut self, grants: Vec<QueueGrant>) -> bool {
        let given = grants.len();
        let mut grants = grants.into_iter();
        self.grant = grants.next();
        self.more_grants = grants.collect();
        // Encoding into memory does not fail.
        while minicbor::to_vec(&*self).map_or(0, |bytes| bytes.len()) > HELLO_MAX && self.more_grants.pop().is_some() {}
        self.grants().count() == given
    }
}

/// Where I am reached now.
#[derive(Debug, Clone, PartialEq, Eq, Default, Encode, Decode)]
#[cbor(map)]
pub struct HomesNews {
    /// My signed card, encoded.
    #[cbor(n(0), with = "minicbor::bytes")]
    pub card: Vec<u8>,
    /// The queues at the peers that it names, in its order.
    #[cbor(n(1), with = "codec::grants", has_nil)]
    pub grants: Vec<QueueGrant>,
}

/// A contact queue, handed to the one who may write to it.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct QueueGrant {
    /// The peer that holds it.
    #[cbor(n(0), with = "codec::peer_address")]
    pub peer: PeerAddress,
    /// Its name.
    #[cbor(n(1), with = "codec::queue_id")]
    pub queue: QueueId,
    /// What lets you leave messages.
    #[cbor(n(2), with = "codec::queue_secret")]
    pub secret: QueueSecret,
    /// What seals envelopes; the peer never sees it.
    #[cbor(n(3), with = "minicbor::bytes")]
    pub seal_key: [u8; 32],
    /// What restores the queue after a restart of the peer.
    #[n(4)]
    pub ticket: Option<TicketData>,
}

/// A peer's ticket with what it covers.
#[derive(Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct TicketData {
    /// In KiB.
    #[n(0)]
    pub quota_kib: u32,
    /// Unix seconds.
    #[n(1)]
    pub expiry: u64,
    #[allow(missing_docs)]
    #[cbor(n(2), with = "minicbor::bytes")]
    pub mac: [u8; 16],
}

impl fmt::Debug for QueueGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { peer, queue, secret: _, seal_key: _, ticket } = self;
        write!(f, "QueueGrant {{ peer: {peer:?}, queue: {queue:?}, ticket: {ticket:?}, .. }}")
    }
}

impl fmt::Debug for TicketData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { quota_kib, expiry, mac: _ } = self;
        write!(f, "TicketData {{ quota_kib: {quota_kib}, expiry: {expiry}, .. }}")
    }
}

/// How somebody calls itself.
#[derive(Debug, Clone, PartialEq, Eq, Default, Encode, Decode)]
#[cbor(map)]
pub struct Profile {
    /// At most 256 bytes.
    #[n(0)]
    pub name: String,
}

#[derive(Encode, Decode)]
#[cbor(map)]
struct Sas {
    #[n(0)]
    step: SasStep,
}

impl Body {
    /// Its number.
    #[must_use]
    pub fn kind(&self) -> u16 {
        match self {
            Self::Receipt => kind::RECEIPT,
            Self::Text(_) => kind::TEXT,
            Self::Hello(_) => kind::HELLO,
            Self::Grant(_) => kind::GRANT,
            Self::Card(_) => kind::CARD,
            Self::Sas(_) => kind::SAS,
            Self::PleaseCommit => kind::PLEASE_COMMIT,
            Self::Profile(_) => kind::PROFILE,
            Self::OfferAgain => kind::OFFER_AGAIN,
            Self::Expire(_) => kind::EXPIRE,
            Self::Unknown { kind, .. } => *kind,
        }
    }

    /// Whether the recipient owes a receipt for it.
    #[must_use]
    pub fn is_receipted(&self) -> bool {
        !matches!(self, Self::Receipt | Self::OfferAgain)
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let cbor = match self {
            Self::Receipt | Self::OfferAgain | Self::PleaseCommit => Ok(vec![]),
            Self::Text(text) => minicbor::to_vec(text),
            Self::Hello(hello) => minicbor::to_vec(hello),
            Self::Grant(grant) => minicbor::to_vec(grant),
            Self::Card(news) => minicbor::to_vec(news),
            Self::Sas(step) => minicbor::to_vec(Sas { step: *step }),
            Self::Profile(profile) => minicbor::to_vec(profile),
            Self::Expire(expire) => minicbor::to_vec(expire),
            Self::Unknown { kind: _, raw } => Ok(raw.clone()),
        };
        // Encoding into memory does not fail.
        cbor.unwrap_or_default()
    }

    pub(super) fn decode(kind: u16, raw: &[u8]) -> Result<Self, ContentError> {
        Ok(match kind {
            kind::RECEIPT => Self::Receipt,
            kind::TEXT => Self::Text(codec::exact(raw)?),
            kind::HELLO => Self::Hello(Box::new(codec::exact(raw)?)),
            kind::GRANT => Self::Grant(codec::exact(raw)?),
            kind::CARD => Self::Card(codec::exact(raw)?),
            kind::SAS => Self::Sas(codec::exact::<Sas>(raw)?.step),
            kind::PLEASE_COMMIT => Self::PleaseCommit,
            kind::OFFER_AGAIN => Self::OfferAgain,
            kind::PROFILE => Self::Profile(codec::exact(raw)?),
            kind::EXPIRE => Self::Expire(codec::exact(raw)?),
            kind => Self::Unknown { kind, raw: raw.to_vec() },
        })
    }

    pub(super) fn check_limits(&self) -> Result<(), ContentError> {
        match self {
            Self::Text(text) => too_long("text", text.text.len(), TEXT_MAX),
            Self::Hello(hello) => {
                too_long("card", hello.card.len(), CARD_MAX)?;
                too_long("name", hello.name.len(), NAME_MAX)?;
                too_long("list of grants", hello.grants().count(), HOMES_MAX)?;
                too_long("first text", hello.text.as_ref().map_or(0, String::len), FIRST_TEXT_MAX)
            }
            Self::Card(news) => {
                too_long("card", news.card.len(), CARD_MAX)?;
                too_long("list of grants", news.grants.len(), HOMES_MAX)
            }
            Self::Profile(profile) => too_long("name", profile.name.len(), NAME_MAX),
            Self::Receipt
            | Self::OfferAgain
            | Self::Grant(_)
            | Self::Sas(_)
            | Self::PleaseCommit
            | Self::Expire(_)
            | Self::Unknown { .. } => Ok(()),
        }
    }
}
