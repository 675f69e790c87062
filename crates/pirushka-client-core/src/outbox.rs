//! What waits for the contact's receipt: the durable rows, and what the offers of them are doing.
//!
//! An item leaves the outbox only when an authenticated receipt names it (S3). Until then the same ciphertext is offered
//! again under the same deposit id: when the peer has a new boot id, when the hold time has run out, and while there is
//! no receipt, first after 30 s, then at doubled intervals up to an hour.
//!
//! A contact with several home peers has a queue at each. The MLS message stays what it is; for each queue at which it is
//! offered a *copy* is sealed, once, so that an offer there is always the same. Copies that arrive twice are one MLS
//! message, which is opened once.

use std::collections::BTreeMap;

use pirushka_e2e::content::{Body, Content, Hello};
use pirushka_e2e::envelope::{self, kind};
use pirushka_wire::time::SECOND;
use pirushka_wire::{BootId, PeerId, QueueId, RequestId};
use rand_chacha::ChaCha20Rng;
use rand_core::Rng;

use crate::api::{ContactId, MessageId, Table};
use crate::config::ClientConfig;
use crate::contact::GrantRow;
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

/// What one queue gets.
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub(crate) struct CopyRow {
    /// Zeros for introductions, which go to any of the peers as they are.
    #[n(0)]
    #[cbor(with = "minicbor::bytes")]
    pub(crate) queue: [u8; 16],
    #[n(1)]
    pub(crate) parts: Vec<PartRow>,
}

/// The queue of a copy that is for none.
pub(crate) const NO_QUEUE: [u8; 16] = [0; 16];

/// An item as it is encrypted.
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub(crate) struct SealedRow {
    /// Session number.
    #[n(0)]
    pub(crate) session: u64,
    #[n(1)]
    pub(crate) epoch: u64,
    #[n(2)]
    pub(crate) generation: u32,
    /// Of format 1: the queue and the parts of the one copy.
    #[n(3)]
    #[cbor(with = "minicbor::bytes")]
    pub(crate) only_queue: Option<[u8; 16]>,
    #[n(4)]
    #[cbor(default)]
    pub(crate) only_parts: Vec<PartRow>,
    /// Unix milliseconds.
    #[n(5)]
    pub(crate) sealed_ms: u64,
    /// The MLS message, or the Welcome with its first message. Empty for commits, whose bytes are the item's body, for
    /// introductions, and for what comes from format 1.
    #[n(6)]
    #[cbor(default, with = "minicbor::bytes")]
    pub(crate) message: Vec<u8>,
    #[n(7)]
    #[cbor(default)]
    pub(crate) copies: Vec<CopyRow>,
}

impl SealedRow {
    pub(crate) fn new(session: u64, epoch: u64, generation: u32, message: Vec<u8>, sealed_ms: u64) -> Self {
        let (only_queue, only_parts, copies) = (None, vec![], vec![]);
        Self { session, epoch, generation, only_queue, only_parts, sealed_ms, message, copies }
    }

    pub(crate) fn copy_for(&self, queue: &[u8; 16]) -> Option<&CopyRow> {
        self.copies.iter().find(|copy| copy.queue == *queue)
    }
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
    /// The sequence number of the CARD of mine that it brings.
    #[n(20)]
    pub(crate) card: Option<u64>,
    /// What a hello says beside who I am, until it is composed.
    #[n(10)]
    pub(crate) text: Option<String>,
}

impl ItemRow {
    /// Something that is not sealed yet, with no place in the sequence and no message to show.
    pub(crate) fn new(id: u64, contact: ContactId, kind: ItemKind, content: [u8; 16], created_ms: u64) -> Self {
        let (body, message, sealed) = (vec![], None, None);
        Self {
            id,
            contact,
            kind,
            seq: 0,
            content,
            body,
            message,
            sealed,
            created_ms,
            resealed: false,
            card: None,
            text: None,
        }
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

/// Where a message is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct HeldAt {
    pub(crate) peer: PeerId,
    /// Unix milliseconds.
    pub(crate) until_ms: u64,
}

#[derive(Debug, Clone)]
pub(crate) struct Item {
    pub(crate) row: ItemRow,
    /// What the offers at each peer are doing, part by part.
    offers_at: BTreeMap<PeerId, Vec<PartState>>,
    /// How often it was offered.
    pub(crate) offers: u32,
    /// When it was offered last.
    pub(crate) offered_us: u64,
    /// The next offer, unless something happens before.
    pub(crate) offer_us: u64,
    /// Shown as held there.
    pub(crate) held: Option<HeldAt>,
}

impl Item {
    pub(crate) fn new(mut row: ItemRow) -> Self {
        if let Some(sealed) = &mut row.sealed
            && !sealed.only_parts.is_empty()
        {
            let (queue, parts) = (sealed.only_queue.take().unwrap_or(NO_QUEUE), std::mem::take(&mut sealed.only_parts));
            sealed.copies.push(CopyRow { queue, parts });
        }
        Self { row, offers_at: BTreeMap::new(), offers: 0, offered_us: 0, offer_us: 0, held: None }
    }

    pub(crate) fn seal(&mut self, sealed: SealedRow) {
        self.offers_at.clear();
        self.row.sealed = Some(sealed);
        self.offers = 0;
        self.offer_us = 0;
        self.held = None;
    }

    pub(crate) fn unseal(&mut self) {
        self.row.resealed |= self.row.sealed.take().is_some();
        self.offers_at.clear();
        self.held = None;
        self.offer_us = 0;
    }

    /// Changes the hello that it is, if it is one that is composed. Whatever is sealed of it is void.
    pub(crate) fn change_hello(&mut self, change: impl FnOnce(&mut Hello)) {
        if let Ok(mut content) = Content::decode(&self.row.body)
            && let Body::Hello(hello) = &mut content.body
        {
            change(hello);
            self.row.body = content.encode().unwrap_or_default();
        }
        self.unseal();
    }

    /// Sees to it that there is a copy for this queue, or, of an introduction, the one for everybody. `None` if it must
    /// be encrypted anew for that.
    pub(crate) fn copy_for(&mut self, grant: Option<&GrantRow>, rng: &mut ChaCha20Rng) -> Option<(&CopyRow, bool)> {
        let queue = if self.row.kind == ItemKind::Intro { NO_QUEUE } else { grant?.queue };
        let (kind, body) = (self.row.kind, &self.row.body);
        let sealed = self.row.sealed.as_mut()?;
        let is_new = sealed.copy_for(&queue).is_none();
        if is_new {
            let (envelope_kind, message) = match kind {
                ItemKind::Content => (kind::MLS, &sealed.message),
                ItemKind::Commit => (kind::MLS, body),
                ItemKind::Welcome => (kind::WELCOME, &sealed.message),
                ItemKind::Intro => return None,
            };
            let grant = grant.filter(|_| !message.is_empty())?;
            let parts = envelopes(grant, envelope_kind, message, rng);
            sealed.copies.push(CopyRow { queue, parts });
        }
        Some((sealed.copy_for(&queue)?, is_new))
    }

    /// Whether it can be offered at any of these queues without being encrypted anew.
    pub(crate) fn fits(&self, grants: &[GrantRow]) -> bool {
        let Some(sealed) = &self.row.sealed else { return false };
        let has_copies = || grants.iter().all(|grant| sealed.copy_for(&grant.queue).is_some());
        matches!(self.row.kind, ItemKind::Intro | ItemKind::Commit) || !sealed.message.is_empty() || has_copies()
    }

    /// The state of each part at this peer, all idle at first.
    pub(crate) fn offer_at(&mut self, peer: PeerId, parts: usize) -> &mut Vec<PartState> {
        let states = self.offers_at.entry(peer).or_default();
        states.resize(parts, PartState::Idle);
        states
    }

    /// The state of one part at a peer.
    pub(crate) fn part_at(&mut self, peer: PeerId, part: usize) -> Option<&mut PartState> {
        self.offers_at.get_mut(&peer)?.get_mut(part)
    }

    /// Whether every part is held by this peer, in the given run or in any.
    pub(crate) fn is_held_at(&self, peer: PeerId, boot: Option<BootId>) -> bool {
        let fits = |p: &PartState| matches!(p, PartState::Held(held) if boot.is_none_or(|boot| boot == *held));
        self.offers_at.get(&peer).is_some_and(|states| !states.is_empty() && states.iter().all(fits))
    }

    /// Whether a peer holds all of it.
    pub(crate) fn is_held_anywhere(&self) -> bool {
        self.offers_at.keys().any(|&peer| self.is_held_at(peer, None))
    }

    /// Whether a peer other than this one holds all of it.
    pub(crate) fn is_held_elsewhere(&self, than: PeerId) -> bool {
        self.offers_at.keys().any(|&peer| peer != than && self.is_held_at(peer, None))
    }

    /// Whether anything of it lies at this peer in another run than the present one, and so is gone.
    pub(crate) fn is_lost_at(&self, peer: PeerId, boot: BootId) -> bool {
        let lost = |p: &PartState| matches!(p, PartState::Held(other) if *other != boot);
        self.offers_at.get(&peer).is_some_and(|states| states.iter().any(lost))
    }

    /// Whether no answer is awaited.
    pub(crate) fn is_settled(&self) -> bool {
        !self.offers_at.values().flatten().any(|p| matches!(p, PartState::Asked(_)))
    }

    /// Whether an answer is awaited from this peer.
    pub(crate) fn is_asked_at(&self, peer: PeerId) -> bool {
        self.offers_at.get(&peer).is_some_and(|states| states.iter().any(|p| matches!(p, PartState::Asked(_))))
    }

    /// Whether an answer is awaited from another peer than this one.
    pub(crate) fn is_asked_elsewhere(&self, than: PeerId) -> bool {
        self.offers_at.keys().any(|&peer| peer != than && self.is_asked_at(peer))
    }

    /// Whether some parts are to be offered while others are on their way.
    pub(crate) fn is_half_offered(&self) -> bool {
        let half = |states: &Vec<PartState>| {
            states.contains(&PartState::Idle) && states.iter().any(|p| matches!(p, PartState::Asked(_)))
        };
        self.offers_at.values().any(half)
    }

    /// What this peer took is offered to it again.
    pub(crate) fn forget_held_parts(&mut self, peer: PeerId) {
        let held = self.offers_at.get_mut(&peer).into_iter().flatten().filter(|p| matches!(p, PartState::Held(_)));
        held.for_each(|p| *p = PartState::Idle);
    }

    /// What was offered at this peer is offered again from the start.
    pub(crate) fn forget_offer_at(&mut self, peer: PeerId) {
        self.offers_at.remove(&peer);
    }

    /// Requests of a lost session get no answers any more.
    pub(crate) fn forget_requests(&mut self, peer: PeerId) {
        for part in self.offers_at.get_mut(&peer).into_iter().flatten() {
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

/// Cuts and seals a message for a contact's queue, each envelope with a deposit id of its own.
fn envelopes(grant: &GrantRow, kind: u8, message: &[u8], rng: &mut ChaCha20Rng) -> Vec<PartRow> {
    let sealed = envelope::seal_parts(&QueueId(grant.queue), &grant.seal_key, kind, message, rng).unwrap_or_default();
    let part = |bytes| {
        let mut deposit = [0; 16];
        rng.fill_bytes(&mut deposit);
        PartRow { deposit, bytes }
    };
    sealed.into_iter().map(part).collect()
}
