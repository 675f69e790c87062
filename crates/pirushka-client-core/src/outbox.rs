//! What waits for the contact's receipt: the durable rows, and what the offers of them are doing.
//!
//! An item leaves the outbox only when an authenticated receipt names it (S3). Until then the same ciphertext is offered
//! again under the same deposit id: when the peer has a new boot id, when the hold time has run out, and while there is
//! no receipt, first after 30 s, then at doubled intervals up to an hour.

use pirushka_wire::time::SECOND;
use pirushka_wire::{BootId, RequestId};

use crate::api::{ContactId, MessageId, Table};
use crate::config::ClientConfig;
use crate::rows::WriteSet;

/// What an item is, and so how it is sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
#[cbor(index_only)]
pub(crate) enum ItemKind {
    /// A content: encrypted in the session, cut into envelopes.
    #[n(0)]
    Content,
    /// An MLS commit: its bytes are what they are.
    #[n(1)]
    Commit,
    /// A content that goes with a Welcome through the intro inbox.
    #[n(2)]
    Intro,
    /// A content that goes with a Welcome through the contact queue.
    #[n(3)]
    Welcome,
}

/// One envelope or intro part.
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub(crate) struct PartRow {
    #[n(0)]
    #[cbor(with = "minicbor::bytes")]
    pub(crate) deposit: [u8; 16],
    #[n(1)]
    #[cbor(with = "minicbor::bytes")]
    pub(crate) bytes: Vec<u8>,
}

/// An item as it lies at the peer, or would.
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub(crate) struct SealedRow {
    /// Session number.
    #[n(0)]
    pub(crate) session: u64,
    #[n(1)]
    pub(crate) epoch: u64,
    #[n(2)]
    pub(crate) generation: u32,
    /// The queue that it is sealed for; zeros for introductions.
    #[n(3)]
    #[cbor(with = "minicbor::bytes")]
    pub(crate) queue: [u8; 16],
    #[n(4)]
    pub(crate) parts: Vec<PartRow>,
    /// Unix milliseconds.
    #[n(5)]
    pub(crate) sealed_ms: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub(crate) struct ItemRow {
    #[n(0)]
    pub(crate) id: u64,
    #[n(1)]
    pub(crate) contact: ContactId,
    #[n(2)]
    pub(crate) kind: ItemKind,
    /// Position in my sequence; 0 for commits and bare receipts.
    #[n(3)]
    pub(crate) seq: u64,
    #[n(4)]
    #[cbor(with = "minicbor::bytes")]
    pub(crate) content: [u8; 16],
    /// The content's body without receipts, encoded; the MLS bytes of a commit.
    #[n(5)]
    #[cbor(with = "minicbor::bytes")]
    pub(crate) body: Vec<u8>,
    /// The message it carries, if it is one that is shown.
    #[n(6)]
    pub(crate) message: Option<MessageId>,
    #[n(7)]
    pub(crate) sealed: Option<SealedRow>,
    /// When the person wrote it, Unix milliseconds.
    #[n(8)]
    pub(crate) created_ms: u64,
    /// It was sealed more than once: a receipt for it does not tell which ciphertext arrived.
    #[n(9)]
    pub(crate) resealed: bool,
}

impl ItemRow {
    /// Something that is not sealed yet, with no place in the sequence and no message to show.
    pub(crate) fn new(id: u64, contact: ContactId, kind: ItemKind, content: [u8; 16], created_ms: u64) -> Self {
        let (body, message, sealed) = (vec![], None, None);
        Self { id, contact, kind, seq: 0, content, body, message, sealed, created_ms, resealed: false }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PartState {
    /// To be offered.
    Idle,
    /// Offered; the answer is awaited.
    Asked(RequestId),
    /// "Held in the RAM of this boot."
    Held(BootId),
}

#[derive(Debug, Clone)]
pub(crate) struct Item {
    pub(crate) row: ItemRow,
    pub(crate) parts: Vec<PartState>,
    /// How often it was offered.
    pub(crate) offers: u32,
    /// When it was offered last.
    pub(crate) offered_us: u64,
    /// The next offer, unless something happens before.
    pub(crate) offer_us: u64,
    /// Shown as held until this moment, Unix milliseconds.
    pub(crate) held_until_ms: Option<u64>,
}

impl Item {
    pub(crate) fn new(row: ItemRow) -> Self {
        let parts = vec![PartState::Idle; row.sealed.as_ref().map_or(0, |s| s.parts.len())];
        Self { row, parts, offers: 0, offered_us: 0, offer_us: 0, held_until_ms: None }
    }

    pub(crate) fn seal(&mut self, sealed: SealedRow) {
        self.parts = vec![PartState::Idle; sealed.parts.len()];
        self.row.sealed = Some(sealed);
        self.offers = 0;
        self.offer_us = 0;
        self.held_until_ms = None;
    }

    pub(crate) fn unseal(&mut self) {
        self.row.resealed |= self.row.sealed.take().is_some();
        self.parts.clear();
        self.held_until_ms = None;
        self.offer_us = 0;
    }

    /// Whether every part is held in the given boot.
    pub(crate) fn is_held(&self, boot: BootId) -> bool {
        !self.parts.is_empty() && self.parts.iter().all(|&p| p == PartState::Held(boot))
    }

    /// Whether no answer is awaited.
    pub(crate) fn is_settled(&self) -> bool {
        !self.parts.iter().any(|p| matches!(p, PartState::Asked(_)))
    }

    pub(crate) fn has_idle_part(&self) -> bool {
        self.parts.contains(&PartState::Idle)
    }

    /// Offers everything again from the start.
    pub(crate) fn reset_parts(&mut self) {
        self.parts.fill(PartState::Idle);
    }

    /// Requests of a lost session get no answers any more.
    pub(crate) fn forget_requests(&mut self) {
        for part in &mut self.parts {
            if matches!(part, PartState::Asked(_)) {
                *part = PartState::Idle;
            }
        }
    }

    /// The pause until the next offer, after one was made.
    pub(crate) fn pause_us(&self, config: &ClientConfig) -> u64 {
        let doubled = config.reoffer_first_us.saturating_mul(1 << self.offers.saturating_sub(1).min(20));
        doubled.min(config.reoffer_max_us).max(SECOND)
    }

    pub(crate) fn save(&self, writes: &mut WriteSet) {
        writes.put_row(Table::Outbox, self.row.id.to_be_bytes(), &self.row);
    }

    pub(crate) fn delete(&self, writes: &mut WriteSet) {
        writes.delete(Table::Outbox, self.row.id.to_be_bytes());
    }
}
