//! My contact queues: one per contact and home peer, opened there, given to the contact end to end. Nothing about two of
//! them is equal, so two home peers cannot tell that they serve the same conversation.

use pirushka_e2e::content::{QueueGrant, TicketData};
use pirushka_wire::{Frame, PeerAddress, QueueId, QueueSecret, RequestId};
use rand_core::Rng;

use crate::api::{ContactId, Table};
use crate::home_row::HomeId;
use crate::rows::WriteSet;

#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub(crate) struct TicketRow {
    #[n(0)]
    pub(crate) quota_kib: u32,
    /// Unix seconds.
    #[n(1)]
    pub(crate) expiry: u64,
    #[n(2)]
    #[cbor(with = "minicbor::bytes")]
    pub(crate) mac: [u8; 16],
}

impl From<pirushka_link::TicketData> for TicketRow {
    fn from(ticket: pirushka_link::TicketData) -> Self {
        Self { quota_kib: ticket.quota_kib, expiry: ticket.expiry, mac: ticket.mac }
    }
}

impl From<&TicketData> for TicketRow {
    fn from(ticket: &TicketData) -> Self {
        Self { quota_kib: ticket.quota_kib, expiry: ticket.expiry, mac: ticket.mac }
    }
}

impl From<&TicketRow> for TicketData {
    fn from(ticket: &TicketRow) -> Self {
        Self { quota_kib: ticket.quota_kib, expiry: ticket.expiry, mac: ticket.mac }
    }
}

#[derive(Clone, minicbor::Encode, minicbor::Decode)]
pub(crate) struct QueueRow {
    #[n(0)]
    pub(crate) contact: ContactId,
    #[n(1)]
    #[cbor(with = "minicbor::bytes")]
    pub(crate) id: [u8; 16],
    #[n(2)]
    #[cbor(with = "minicbor::bytes")]
    pub(crate) secret: [u8; 16],
    #[n(3)]
    #[cbor(with = "minicbor::bytes")]
    pub(crate) seal_key: [u8; 32],
    /// The home peer's promise that lets the contact restore the queue.
    #[n(4)]
    pub(crate) ticket: Option<TicketRow>,
    /// Expiry of the newest ticket that the contact was given; 0 = none.
    #[n(5)]
    pub(crate) ticket_given: u64,
    /// The home peer at which it is. (Rows of format 1 have none: they belong to the one home there was.)
    #[n(6)]
    #[cbor(default)]
    pub(crate) home: HomeId,
}

impl Drop for QueueRow {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.secret);
        zeroize::Zeroize::zeroize(&mut self.seal_key);
    }
}

impl QueueRow {
    pub(crate) fn new(contact: ContactId, home: HomeId, rng: &mut impl Rng) -> Self {
        let (id, secret, seal_key) = ([0; 16], [0; 16], [0; 32]);
        let mut row = Self { contact, id, secret, seal_key, ticket: None, ticket_given: 0, home };
        rng.fill_bytes(&mut row.id);
        rng.fill_bytes(&mut row.secret);
        rng.fill_bytes(&mut row.seal_key);
        row
    }

    pub(crate) fn queue(&self) -> QueueId {
        QueueId(self.id)
    }

    fn secret_hash(&self) -> [u8; 32] {
        pirushka_identity::proofs::queue_secret_hash(&QueueSecret(self.secret))
    }

    /// What opens the queue at the home peer.
    pub(crate) fn frame(&self) -> Frame<'static> {
        let (queue, secret_hash) = (self.queue(), self.secret_hash());
        Frame::QueueSet { request: RequestId(0), queue, secret_hash, quota_kib: 0 }
    }

    /// The contact is given it as it is now.
    pub(crate) fn given(&mut self) {
        self.ticket_given = self.ticket.as_ref().map_or(0, |ticket| ticket.expiry);
    }

    /// What the contact is given of it.
    pub(crate) fn grant(&self, peer: PeerAddress) -> QueueGrant {
        QueueGrant {
            peer,
            queue: self.queue(),
            secret: QueueSecret(self.secret),
            seal_key: self.seal_key,
            ticket: self.ticket.as_ref().map(TicketData::from),
        }
    }

    pub(crate) fn save(&self, writes: &mut WriteSet) {
        writes.put_row(Table::Queue, self.id, self);
    }

    pub(crate) fn delete(&self, writes: &mut WriteSet) {
        writes.delete(Table::Queue, self.id);
    }
}
