//! What travels inside a session: one content per MLS message, as CBOR with numbered optional fields.
//!
//! ```text
//! content = { 0: id[16], 1: seq, 2: time ms, ?3: receipts, 4: kind, 5: body (a byte string that holds CBOR), ?6: jump }
//! ```
//! - `id` is random and stays the same when a content is encrypted again: contents are deduplicated by (contact, id).
//! - `seq` counts one side's contents of a conversation from 1; the recipient shows gaps, and receipts name it.
//!   0 stands in contents that are not receipted themselves: receipts alone, `offer-again`.
//! - Receipts are cumulative and ride on everything. A field or a kind that this version does not know is no fault: a
//!   field is skipped, a kind is kept whole as [`Body::Unknown`] and shown as "needs a newer version".
//! - Numbers are never reused, neither of kinds nor of fields.

mod body;
mod codec;

pub use body::{Body, Expire, Hello, HomesNews, Profile, QueueGrant, Text, TicketData, kind};

use minicbor::{Decode, Encode};
use pirushka_wire::RangeSet;

use crate::envelope::MESSAGE_MAX;

/// The longest text, in bytes of UTF-8.
pub const TEXT_MAX: usize = 64 * 1024;
/// The longest text in an introduction; longer ones follow on the contact queue.
pub const FIRST_TEXT_MAX: usize = 1024;
/// The longest name, in bytes of UTF-8.
pub const NAME_MAX: usize = 256;
/// The longest hello that a client makes: with the Welcome it has to fit the eight parts of an introduction.
pub const HELLO_MAX: usize = 2048;
/// The longest card.
pub const CARD_MAX: usize = 4096;
/// The most ranges of one receipt set; the highest are sent.
pub const RECEIPT_RANGES_MAX: usize = 64;

/// One content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// Random, for good.
    pub id: [u8; 16],
    /// The sender's count in this conversation, from 1; 0 in what is not receipted.
    pub seq: u64,
    /// Where the sender's numbers jumped last: the number before and the one behind. Nothing stands between them. In all
    /// contents until one behind the jump is confirmed.
    pub jump: Option<(u64, u64)>,
    /// When it was written, Unix milliseconds by the sender's clock.
    pub time_ms: u64,
    /// What the sender has of the recipient's contents.
    pub receipts: Option<Receipts>,
    /// What it says.
    pub body: Body,
}

/// Cumulative: ranges of the other side's `seq`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Encode, Decode)]
#[cbor(map)]
pub struct Receipts {
    /// On the disk.
    #[cbor(n(0), with = "codec::ranges", has_nil)]
    pub delivered: RangeSet,
    /// Seen by the user; empty where the user does not tell.
    #[cbor(n(1), with = "codec::ranges", has_nil)]
    pub read: RangeSet,
}

/// Why a content cannot be written or read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ContentError {
    /// Not the CBOR that it should be.
    #[error("the content is malformed")]
    Malformed,
    /// A field is longer than the protocol allows.
    #[error("the {field} has {len} bytes; at most {max} are allowed")]
    TooLong {
        #[allow(missing_docs)]
        field: &'static str,
        #[allow(missing_docs)]
        len: usize,
        #[allow(missing_docs)]
        max: usize,
    },
}

#[derive(Encode, Decode)]
#[cbor(map)]
struct Outer<'b> {
    #[cbor(n(0), with = "minicbor::bytes")]
    id: [u8; 16],
    #[n(1)]
    seq: u64,
    #[n(2)]
    time_ms: u64,
    #[n(3)]
    receipts: Option<Receipts>,
    #[n(4)]
    kind: u16,
    #[cbor(b(5), with = "minicbor::bytes")]
    body: &'b [u8],
    #[n(6)]
    jump: Option<(u64, u64)>,
}

impl Content {
    /// As bytes for [`crate::Session::encrypt`].
    pub fn encode(&self) -> Result<Vec<u8>, ContentError> {
        self.body.check_limits()?;
        let body = self.body.encode();
        let Self { id, seq, jump, time_ms, receipts, body: _ } = self;
        let outer = Outer {
            id: *id,
            seq: *seq,
            time_ms: *time_ms,
            receipts: receipts.clone(),
            kind: self.body.kind(),
            body: &body,
            jump: *jump,
        };
        minicbor::to_vec(&outer).map_err(|_| ContentError::Malformed)
    }

    /// From an opened message.
    pub fn decode(bytes: &[u8]) -> Result<Self, ContentError> {
        too_long("content", bytes.len(), MESSAGE_MAX)?;
        let outer: Outer<'_> = codec::exact(bytes)?;
        let body = Body::decode(outer.kind, outer.body)?;
        body.check_limits()?;
        let Outer { id, seq, time_ms, receipts, kind: _, body: _, jump } = outer;
        Ok(Self { id, seq, jump, time_ms, receipts, body })
    }
}

fn too_long(field: &'static str, len: usize, max: usize) -> Result<(), ContentError> {
    if len > max { Err(ContentError::TooLong { field, len, max }) } else { Ok(()) }
}

#[cfg(test)]
mod tests;
