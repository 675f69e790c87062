//! Frames: what stands inside a sealed packet. `type u8 | length u16 | body`, except type 0, which is a single byte.
//!
//! The numbers 0 to 2 are the seed's. A frame with a `request` is a question: it is repeated until a frame that carries
//! the same request id answers it, and asking twice is the same as asking once.

use crate::cursor::{Reader, UnexpectedEnd};
use crate::ids::{
    BootId, DeliveryId, DepositId, Fingerprint, Incarnation, InstanceId, IntroId, IntroToken, InviteSecret, ObjectId,
    PathData, QueueId, QueueSecret, RequestId, WorkNonce,
};
use crate::ranges::Ranges;

/// The type byte of each frame.
pub mod kind {
    #![allow(missing_docs)]
    pub const KEEPALIVE: u8 = 0;
    pub const OK: u8 = 1;
    pub const REGISTER: u8 = 2;
    pub const ERROR: u8 = 3;
    pub const POLL: u8 = 4;
    pub const DEPOSIT: u8 = 5;
    pub const PUSH: u8 = 6;
    pub const ACK: u8 = 7;
    pub const MAILBOX: u8 = 8;
    pub const STATUS: u8 = 9;
    pub const LOOKUP: u8 = 10;
    pub const FETCH: u8 = 11;
    pub const BODY: u8 = 12;
    pub const PUT: u8 = 13;
    pub const QUEUE_SET: u8 = 14;
    pub const QUEUE_DROP: u8 = 15;
    pub const QUEUE_RESTORE: u8 = 16;
    pub const LIST_END: u8 = 17;
    pub const TOKEN_SET: u8 = 18;
    pub const TOKEN_DROP: u8 = 19;
    pub const PATH_CHALLENGE: u8 = 20;
    pub const PATH_RESPONSE: u8 = 21;
    pub const SUPERSEDED: u8 = 22;
    pub const CLOSE: u8 = 23;
    pub const LATER: u8 = 24;
    pub const TICKET: u8 = 25;
    pub const INTRO_POLICY: u8 = 26;
}

/// Codes of ERROR frames. Unknown codes are treated as [`error_code::REFUSED`].
pub mod error_code {
    /// The queue or the user's intro inbox is full; try again later.
    pub const FULL: u16 = 1;
    /// No such queue here (never was, dropped, or lost in a restart): try the ticket, back off, keep the message.
    pub const UNKNOWN_QUEUE: u16 = 2;
    /// Larger than this peer takes.
    pub const TOO_LARGE: u16 = 3;
    /// Too fast; try again after the time told.
    pub const SLOW_DOWN: u16 = 4;
    /// This session is not registered, or no longer.
    pub const NOT_REGISTERED: u16 = 5;
    /// The user served here is not known to this peer (now).
    pub const UNKNOWN_USER: u16 = 6;
    /// The intro inbox does not take this introduction: closed, wrong token, missing work.
    pub const INTRO_REFUSED: u16 = 7;
    /// The request breaks the protocol.
    pub const MALFORMED: u16 = 8;
    /// The signature, certificate or ticket does not hold.
    pub const BAD_PROOF: u16 = 9;
    /// Refused for a reason the client need not know.
    pub const REFUSED: u16 = 10;
    /// The peer is about to stop; what it holds can still be fetched.
    pub const DRAINING: u16 = 11;
    /// The long body is no longer cached; start over.
    pub const UNKNOWN_OBJECT: u16 = 12;
    /// Proof of work is missing or too little; the ERROR's second number tells the bits that are asked.
    pub const WORK_NEEDED: u16 = 13;
    /// A private peer: only who holds its invite secret becomes a user.
    pub const INVITE_NEEDED: u16 = 14;
}

/// Bits of a deposit's flags.
pub mod deposit_flags {
    /// A chunk of something long: may fill only the bulk share.
    pub const BULK: u8 = 0x01;
}

/// Kinds of long bodies.
pub mod body_kind {
    /// A user's bundle: CARD and key packages.
    pub const BUNDLE: u8 = 1;
}

/// Classes of pushed messages.
pub mod push_class {
    /// An envelope from a contact queue.
    pub const CONTACT: u8 = 0;
    /// A part of an introduction: `intro id[16] | n u8 | i u8 | part`.
    pub const INTRO: u8 = 1;
}

/// Who a message is left for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deposit<'a> {
    /// `0x01 | queue[16] | secret[16] | deposit id[16] | flags u8 | envelope`
    Contact {
        /// The contact queue.
        queue: QueueId,
        /// What opens it.
        secret: QueueSecret,
        /// The same for every offer of the same ciphertext.
        deposit: DepositId,
        /// See [`deposit_flags`].
        flags: u8,
        /// 320, 576 or 1088 bytes.
        envelope: &'a [u8],
    },
    /// `0x02 | fingerprint[32] | intro id[16] | n u8 | i u8 | token[16] | nonce[8] | part`
    Intro {
        /// The user, by name.
        fingerprint: Fingerprint,
        /// The same for all parts and all offers of one introduction.
        intro: IntroId,
        /// How many parts there are, 1 to 8.
        parts: u8,
        /// Which one this is, from 0.
        index: u8,
        /// An invite's token, or zeros.
        token: IntroToken,
        /// Proof of work, or 0.
        work: WorkNonce,
        /// At most 1040 bytes.
        part: &'a [u8],
    },
}

/// One frame, borrowed from its packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Frame<'a> {
    /// Nothing: holds the NAT's hole open, and fills.
    Keepalive,
    /// These requests are done (fact 9: nothing else is said).
    Ok {
        /// Request ids.
        requests: Ranges<'a>,
    },
    /// The seed's registration (fact 8), a complete signed Root packet bound to this session.
    Register {
        #[allow(missing_docs)]
        request: RequestId,
        /// Which copy of the profile this is.
        instance: InstanceId,
        /// What lets newcomers in at a private peer, or zeros.
        invite: InviteSecret,
        /// Proof of work, or 0; only newcomers need it, and only when the peer's memory is short.
        work: WorkNonce,
        /// Root, type 2, signature 64, payload `[cert length u16][cert]`.
        root: &'a [u8],
    },
    /// A request is refused, see [`error_code`].
    Error {
        #[allow(missing_docs)]
        request: RequestId,
        /// See [`error_code`].
        code: u16,
        /// When asking again makes sense; 0 = not told. In WORK_NEEDED the bits of work that are asked.
        retry_after_ms: u32,
    },
    /// "Do I have messages?" (fact 3). Answered by STATUS, and by pushes.
    Poll {
        #[allow(missing_docs)]
        request: RequestId,
    },
    /// A message for somebody served here.
    Deposit {
        #[allow(missing_docs)]
        request: RequestId,
        /// For whom.
        deposit: Deposit<'a>,
    },
    /// A held message, repeated until acknowledged.
    Push {
        /// Names it within the mailbox incarnation.
        delivery: DeliveryId,
        /// See [`push_class`].
        class: u8,
        /// The queue it was left in; zeros for introductions.
        queue: QueueId,
        /// The envelope, or the intro part.
        body: &'a [u8],
    },
    /// "These are on my disk": the peer forgets them. Unanswered, repeatable.
    Ack {
        /// Ignored unless it names the mailbox's present life.
        incarnation: Incarnation,
        /// Delivery ids.
        deliveries: Ranges<'a>,
    },
    /// Registered; stands beside OK.
    Mailbox {
        #[allow(missing_docs)]
        request: RequestId,
        /// The present life of this user's mailbox.
        incarnation: Incarnation,
    },
    /// Answer to POLL.
    Status {
        #[allow(missing_docs)]
        request: RequestId,
        /// The peer's present run.
        boot: BootId,
        /// How many messages are held.
        messages: u32,
        /// Their bytes, overhead included.
        bytes: u64,
        /// Age of the oldest, in seconds.
        oldest_s: u32,
    },
    /// Asks for a user's bundle. Answered by the first BODY.
    Lookup {
        #[allow(missing_docs)]
        request: RequestId,
        #[allow(missing_docs)]
        fingerprint: Fingerprint,
    },
    /// Asks for more of a long body. Answered by BODY.
    Fetch {
        #[allow(missing_docs)]
        request: RequestId,
        #[allow(missing_docs)]
        object: ObjectId,
        /// Where to go on.
        offset: u32,
    },
    /// A part of a long body.
    Body {
        #[allow(missing_docs)]
        request: RequestId,
        #[allow(missing_docs)]
        object: ObjectId,
        /// Where the part begins.
        offset: u32,
        /// Size of the whole.
        total: u32,
        /// At most 1024 bytes.
        part: &'a [u8],
    },
    /// A part of a long body for the peer; applied when the whole is there.
    Put {
        #[allow(missing_docs)]
        request: RequestId,
        #[allow(missing_docs)]
        object: ObjectId,
        /// Where the part begins.
        offset: u32,
        /// Size of the whole.
        total: u32,
        /// See [`body_kind`].
        kind: u8,
        /// At most 1024 bytes.
        part: &'a [u8],
    },
    /// Opens a contact queue, or changes its quota. Answered by TICKET.
    QueueSet {
        #[allow(missing_docs)]
        request: RequestId,
        #[allow(missing_docs)]
        queue: QueueId,
        /// BLAKE3 of the secret, see `spec/peer.md`.
        secret_hash: [u8; 32],
        /// In KiB; 0 = the peer's default.
        quota_kib: u32,
    },
    /// Closes a contact queue; what it holds is forgotten.
    QueueDrop {
        #[allow(missing_docs)]
        request: RequestId,
        #[allow(missing_docs)]
        queue: QueueId,
    },
    /// A contact opens its queue again after a restart of the peer, with the ticket it was given.
    QueueRestore {
        #[allow(missing_docs)]
        request: RequestId,
        /// The user whose queue it is.
        fingerprint: Fingerprint,
        #[allow(missing_docs)]
        queue: QueueId,
        #[allow(missing_docs)]
        secret_hash: [u8; 32],
        #[allow(missing_docs)]
        quota_kib: u32,
        /// Unix seconds.
        expiry: u64,
        /// The ticket.
        mac: [u8; 16],
    },
    /// My list of queues and tokens is complete: drop what I did not name since I registered.
    ListEnd {
        #[allow(missing_docs)]
        request: RequestId,
    },
    /// Lets whoever holds the token introduce itself.
    TokenSet {
        #[allow(missing_docs)]
        request: RequestId,
        /// BLAKE3 of the token, see `spec/peer.md`.
        token_hash: [u8; 32],
        /// How many introductions it is good for.
        uses: u16,
        /// Unix seconds.
        expiry: u64,
    },
    /// Takes a token back.
    TokenDrop {
        #[allow(missing_docs)]
        request: RequestId,
        #[allow(missing_docs)]
        token_hash: [u8; 32],
    },
    /// "Show that you receive here."
    PathChallenge {
        #[allow(missing_docs)]
        data: PathData,
    },
    /// "I do."
    PathResponse {
        #[allow(missing_docs)]
        data: PathData,
    },
    /// Another copy of your profile has registered and gets the pushes now.
    Superseded,
    /// This session ends here.
    Close,
    /// Answer me with OK, but only after a while: how a client learns how long its NAT remembers.
    Later {
        #[allow(missing_docs)]
        request: RequestId,
        #[allow(missing_docs)]
        delay_s: u16,
    },
    /// Answer to QUEUE SET: what lets the contact restore the queue.
    Ticket {
        #[allow(missing_docs)]
        request: RequestId,
        /// The quota that the ticket covers, in KiB.
        quota_kib: u32,
        /// Unix seconds.
        expiry: u64,
        #[allow(missing_docs)]
        mac: [u8; 16],
    },
    /// Who may introduce itself to me beside those who hold a token of mine.
    IntroPolicy {
        #[allow(missing_docs)]
        request: RequestId,
        /// As in the CARD: 0 nobody at all, 1 nobody, 2 to 255 whoever does so many bits of work.
        policy: u8,
    },
    /// A type this version does not know: skipped by its length, counted.
    Unknown {
        /// The type byte.
        kind: u8,
    },
}

/// The frames of a packet break the layout; nothing after the fault is believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// A frame's length reaches beyond the packet.
    #[error("a frame reaches beyond its packet")]
    Truncated,
    /// A body does not have the shape of its type.
    #[error("the body of frame type {0} is malformed")]
    Malformed(u8),
}

/// Walks over the frames of one packet; keepalive bytes between frames are skipped.
#[derive(Debug, Clone)]
pub struct Frames<'a> {
    rest: Reader<'a>,
}

impl<'a> Frames<'a> {
    /// Over the plaintext of a sealed packet.
    #[must_use]
    pub fn new(plaintext: &'a [u8]) -> Self {
        Self { rest: Reader::new(plaintext) }
    }
}

impl<'a> Iterator for Frames<'a> {
    type Item = Result<Frame<'a>, FrameError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let kind = self.rest.u8().ok()?;
            if kind == kind::KEEPALIVE {
                continue;
            }
            let body = self.rest.u16().and_then(|length| self.rest.bytes(usize::from(length)));
            let Ok(body) = body else {
                self.rest = Reader::new(&[]);
                return Some(Err(FrameError::Truncated));
            };
            return Some(Frame::decode(kind, body).map_err(|UnexpectedEnd| FrameError::Malformed(kind)));
        }
    }
}

impl<'a> Frame<'a> {
    fn decode(kind: u8, body: &'a [u8]) -> Result<Self, UnexpectedEnd> {
        let mut r = Reader::new(body);
        let frame = match kind {
            kind::OK => Self::Ok { requests: Ranges::decode(&mut r)? },
            kind::REGISTER => Self::Register {
                request: request(&mut r)?,
                instance: InstanceId(r.array()?),
                invite: InviteSecret(r.array()?),
                work: WorkNonce(r.u64()?),
                root: r.rest(),
            },
            kind::ERROR => Self::Error { request: request(&mut r)?, code: r.u16()?, retry_after_ms: r.u32()? },
            kind::POLL => Self::Poll { request: request(&mut r)? },
            kind::DEPOSIT => Self::Deposit { request: request(&mut r)?, deposit: Deposit::decode(&mut r)? },
            kind::PUSH => Self::Push {
                delivery: DeliveryId(r.u64()?),
                class: r.u8()?,
                queue: QueueId(r.array()?),
                body: r.rest(),
            },
            kind::ACK => Self::Ack { incarnation: Incarnation(r.array()?), deliveries: Ranges::decode(&mut r)? },
            kind::MAILBOX => Self::Mailbox { request: request(&mut r)?, incarnation: Incarnation(r.array()?) },
            kind::STATUS => Self::Status {
                request: request(&mut r)?,
                boot: BootId(r.array()?),
                messages: r.u32()?,
                bytes: r.u64()?,
                oldest_s: r.u32()?,
            },
            kind::LOOKUP => Self::Lookup { request: request(&mut r)?, fingerprint: Fingerprint(r.array()?) },
            kind::FETCH => Self::Fetch { request: request(&mut r)?, object: ObjectId(r.u32()?), offset: r.u32()? },
            kind::BODY => Self::Body {
                request: request(&mut r)?,
                object: ObjectId(r.u32()?),
                offset: r.u32()?,
                total: r.u32()?,
                part: r.rest(),
            },
            kind::PUT => Self::Put {
                request: request(&mut r)?,
                object: ObjectId(r.u32()?),
                offset: r.u32()?,
                total: r.u32()?,
                kind: r.u8()?,
                part: r.rest(),
            },
            kind::QUEUE_SET => Self::QueueSet {
                request: request(&mut r)?,
                queue: QueueId(r.array()?),
                secret_hash: r.array()?,
                quota_kib: r.u32()?,
            },
            kind::QUEUE_DROP => Self::QueueDrop { request: request(&mut r)?, queue: QueueId(r.array()?) },
            kind::QUEUE_RESTORE => Self::QueueRestore {
                request: request(&mut r)?,
                fingerprint: Fingerprint(r.array()?),
                queue: QueueId(r.array()?),
                secret_hash: r.array()?,
                quota_kib: r.u32()?,
                expiry: r.u64()?,
                mac: r.array()?,
            },
            kind::LIST_END => Self::ListEnd { request: request(&mut r)? },
            kind::TOKEN_SET => {
                Self::TokenSet { request: request(&mut r)?, token_hash: r.array()?, uses: r.u16()?, expiry: r.u64()? }
            }
            kind::TOKEN_DROP => Self::TokenDrop { request: request(&mut r)?, token_hash: r.array()? },
            kind::PATH_CHALLENGE => Self::PathChallenge { data: PathData(r.array()?) },
            kind::PATH_RESPONSE => Self::PathResponse { data: PathData(r.array()?) },
            kind::SUPERSEDED => Self::Superseded,
            kind::CLOSE => Self::Close,
            kind::LATER => Self::Later { request: request(&mut r)?, delay_s: r.u16()? },
            kind::TICKET => {
                Self::Ticket { request: request(&mut r)?, quota_kib: r.u32()?, expiry: r.u64()?, mac: r.array()? }
            }
            kind::INTRO_POLICY => Self::IntroPolicy { request: request(&mut r)?, policy: r.u8()? },
            kind => return Ok(Self::Unknown { kind }),
        };
        if r.is_empty() { Ok(frame) } else { Err(UnexpectedEnd) }
    }

    /// Appends the frame. [`Frame::Unknown`] appends nothing.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let kind = self.kind();
        match self {
            Self::Unknown { .. } => return,
            Self::Keepalive => return out.push(kind::KEEPALIVE),
            _ => out.extend([kind, 0, 0]),
        }
        let at = out.len();
        self.encode_body(out);
        let length = (out.len() - at) as u16;
        out[at - 2..at].copy_from_slice(&length.to_be_bytes());
    }

    /// The type byte.
    #[must_use]
    pub fn kind(&self) -> u8 {
        match self {
            Self::Keepalive => kind::KEEPALIVE,
            Self::Ok { .. } => kind::OK,
            Self::Register { .. } => kind::REGISTER,
            Self::Error { .. } => kind::ERROR,
            Self::Poll { .. } => kind::POLL,
            Self::Deposit { .. } => kind::DEPOSIT,
            Self::Push { .. } => kind::PUSH,
            Self::Ack { .. } => kind::ACK,
            Self::Mailbox { .. } => kind::MAILBOX,
            Self::Status { .. } => kind::STATUS,
            Self::Lookup { .. } => kind::LOOKUP,
            Self::Fetch { .. } => kind::FETCH,
            Self::Body { .. } => kind::BODY,
            Self::Put { .. } => kind::PUT,
            Self::QueueSet { .. } => kind::QUEUE_SET,
            Self::QueueDrop { .. } => kind::QUEUE_DROP,
            Self::QueueRestore { .. } => kind::QUEUE_RESTORE,
            Self::ListEnd { .. } => kind::LIST_END,
            Self::TokenSet { .. } => kind::TOKEN_SET,
            Self::TokenDrop { .. } => kind::TOKEN_DROP,
            Self::PathChallenge { .. } => kind::PATH_CHALLENGE,
            Self::PathResponse { .. } => kind::PATH_RESPONSE,
            Self::Superseded => kind::SUPERSEDED,
            Self::Close => kind::CLOSE,
            Self::Later { .. } => kind::LATER,
            Self::Ticket { .. } => kind::TICKET,
            Self::IntroPolicy { .. } => kind::INTRO_POLICY,
            Self::Unknown { kind } => *kind,
        }
    }

    /// The request id of a question (client to peer), or of an answer that names exactly one.
    #[must_use]
    pub fn request(&self) -> Option<RequestId> {
        match *self {
            Self::Register { request, .. }
            | Self::Error { request, .. }
            | Self::Poll { request }
            | Self::Deposit { request, .. }
            | Self::Mailbox { request, .. }
            | Self::Status { request, .. }
            | Self::Lookup { request, .. }
            | Self::Fetch { request, .. }
            | Self::Body { request, .. }
            | Self::Put { request, .. }
            | Self::QueueSet { request, .. }
            | Self::QueueDrop { request, .. }
            | Self::QueueRestore { request, .. }
            | Self::ListEnd { request }
            | Self::TokenSet { request, .. }
            | Self::TokenDrop { request, .. }
            | Self::Later { request, .. }
            | Self::Ticket { request, .. }
            | Self::IntroPolicy { request, .. } => Some(request),
            Self::Keepalive
            | Self::Ok { .. }
            | Self::Push { .. }
            | Self::Ack { .. }
            | Self::PathChallenge { .. }
            | Self::PathResponse { .. }
            | Self::Superseded
            | Self::Close
            | Self::Unknown { .. } => None,
        }
    }

    fn encode_body(&self, out: &mut Vec<u8>) {
        if let Some(RequestId(id)) = self.request() {
            out.extend(id.to_be_bytes());
        }
        match self {
            Self::Keepalive
            | Self::Superseded
            | Self::Close
            | Self::Unknown { .. }
            | Self::Poll { .. }
            | Self::ListEnd { .. } => {}
            Self::Ok { requests } => requests.encode(out),
            Self::Register { instance, invite, work, root, .. } => {
                out.extend(instance.0);
                out.extend(invite.0);
                out.extend(work.0.to_be_bytes());
                out.extend(*root);
            }
            Self::Error { code, retry_after_ms, .. } => {
                out.extend(code.to_be_bytes());
                out.extend(retry_after_ms.to_be_bytes());
            }
            Self::Deposit { deposit, .. } => deposit.encode(out),
            Self::Push { delivery, class, queue, body } => {
                out.extend(delivery.0.to_be_bytes());
                out.push(*class);
                out.extend(queue.0);
                out.extend(*body);
            }
            Self::Ack { incarnation, deliveries } => {
                out.extend(incarnation.0);
                deliveries.encode(out);
            }
            Self::Mailbox { incarnation, .. } => out.extend(incarnation.0),
            Self::Status { boot, messages, bytes, oldest_s, .. } => {
                out.extend(boot.0);
                out.extend(messages.to_be_bytes());
                out.extend(bytes.to_be_bytes());
                out.extend(oldest_s.to_be_bytes());
            }
            Self::Lookup { fingerprint, .. } => out.extend(fingerprint.0),
            Self::Fetch { object, offset, .. } => {
                out.extend(object.0.to_be_bytes());
                out.extend(offset.to_be_bytes());
            }
            Self::Body { object, offset, total, part, .. } => {
                out.extend(object.0.to_be_bytes());
                out.extend(offset.to_be_bytes());
                out.extend(total.to_be_bytes());
                out.extend(*part);
            }
            Self::Put { object, offset, total, kind, part, .. } => {
                out.extend(object.0.to_be_bytes());
                out.extend(offset.to_be_bytes());
                out.extend(total.to_be_bytes());
                out.push(*kind);
                out.extend(*part);
            }
            Self::QueueSet { queue, secret_hash, quota_kib, .. } => {
                out.extend(queue.0);
                out.extend(secret_hash);
                out.extend(quota_kib.to_be_bytes());
            }
            Self::QueueDrop { queue, .. } => out.extend(queue.0),
            Self::QueueRestore { fingerprint, queue, secret_hash, quota_kib, expiry, mac, .. } => {
                out.extend(fingerprint.0);
                out.extend(queue.0);
                out.extend(secret_hash);
                out.extend(quota_kib.to_be_bytes());
                out.extend(expiry.to_be_bytes());
                out.extend(mac);
            }
            Self::TokenSet { token_hash, uses, expiry, .. } => {
                out.extend(token_hash);
                out.extend(uses.to_be_bytes());
                out.extend(expiry.to_be_bytes());
            }
            Self::TokenDrop { token_hash, .. } => out.extend(token_hash),
            Self::PathChallenge { data } | Self::PathResponse { data } => out.extend(data.0),
            Self::Later { delay_s, .. } => out.extend(delay_s.to_be_bytes()),
            Self::IntroPolicy { policy, .. } => out.push(*policy),
            Self::Ticket { quota_kib, expiry, mac, .. } => {
                out.extend(quota_kib.to_be_bytes());
                out.extend(expiry.to_be_bytes());
                out.extend(mac);
            }
        }
    }
}

fn request(r: &mut Reader<'_>) -> Result<RequestId, UnexpectedEnd> {
    r.u32().map(RequestId)
}

impl<'a> Deposit<'a> {
    const CONTACT: u8 = 1;
    const INTRO: u8 = 2;

    fn decode(r: &mut Reader<'a>) -> Result<Self, UnexpectedEnd> {
        match r.u8()? {
            Self::CONTACT => Ok(Self::Contact {
                queue: QueueId(r.array()?),
                secret: QueueSecret(r.array()?),
                deposit: DepositId(r.array()?),
                flags: r.u8()?,
                envelope: r.rest(),
            }),
            Self::INTRO => Ok(Self::Intro {
                fingerprint: Fingerprint(r.array()?),
                intro: IntroId(r.array()?),
                parts: r.u8()?,
                index: r.u8()?,
                token: IntroToken(r.array()?),
                work: WorkNonce(r.u64()?),
                part: r.rest(),
            }),
            _ => Err(UnexpectedEnd),
        }
    }

    fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Contact { queue, secret, deposit, flags, envelope } => {
                out.push(Self::CONTACT);
                out.extend(queue.0);
                out.extend(secret.0);
                out.extend(deposit.0);
                out.push(*flags);
                out.extend(*envelope);
            }
            Self::Intro { fingerprint, intro, parts, index, token, work, part } => {
                out.push(Self::INTRO);
                out.extend(fingerprint.0);
                out.extend(intro.0);
                out.extend([*parts, *index]);
                out.extend(token.0);
                out.extend(work.0.to_be_bytes());
                out.extend(*part);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn round_trip(frame: Frame<'_>) {
        let mut bytes = vec![0, 0];
        frame.encode(&mut bytes);
        bytes.extend([0; 7]);
        assert_eq!(Frames::new(&bytes).collect::<Vec<_>>(), vec![Ok(frame)]);
    }

    #[test]
    fn every_frame_decodes_to_what_was_encoded() {
        let request = RequestId(0x0102_0304);
        let mut list = vec![];
        [3, 4, 5, 9].into_iter().collect::<crate::RangeSet>().encode(&mut list);
        let ranges = Ranges::decode(&mut Reader::new(&list)).unwrap();
        let (queue, fingerprint, mac) = (QueueId([1; 16]), Fingerprint([2; 32]), [3; 16]);
        for frame in [
            Frame::Ok { requests: ranges },
            Frame::Register {
                request,
                instance: InstanceId([9; 16]),
                invite: InviteSecret([8; 15]),
                work: WorkNonce(7),
                root: b"root",
            },
            Frame::Error { request, code: 3, retry_after_ms: 500 },
            Frame::Poll { request },
            Frame::Deposit {
                request,
                deposit: Deposit::Contact {
                    queue,
                    secret: QueueSecret([4; 16]),
                    deposit: DepositId([5; 16]),
                    flags: 1,
                    envelope: &[6; 320],
                },
            },
            Frame::Deposit {
                request,
                deposit: Deposit::Intro {
                    fingerprint,
                    intro: IntroId([7; 16]),
                    parts: 3,
                    index: 2,
                    token: IntroToken([8; 16]),
                    work: WorkNonce(9),
                    part: b"part",
                },
            },
            Frame::Push { delivery: DeliveryId(7), class: 1, queue, body: b"body" },
            Frame::Ack { incarnation: Incarnation([1; 8]), deliveries: ranges },
            Frame::Mailbox { request, incarnation: Incarnation([1; 8]) },
            Frame::Status { request, boot: BootId([1; 8]), messages: 1, bytes: 2, oldest_s: 3 },
            Frame::Lookup { request, fingerprint },
            Frame::Fetch { request, object: ObjectId(1), offset: 2 },
            Frame::Body { request, object: ObjectId(1), offset: 2, total: 3, part: b"x" },
            Frame::Put { request, object: ObjectId(1), offset: 2, total: 3, kind: 1, part: b"x" },
            Frame::QueueSet { request, queue, secret_hash: [1; 32], quota_kib: 5 },
            Frame::QueueDrop { request, queue },
            Frame::QueueRestore { request, fingerprint, queue, secret_hash: [1; 32], quota_kib: 5, expiry: 6, mac },
            Frame::ListEnd { request },
            Frame::TokenSet { request, token_hash: [1; 32], uses: 1, expiry: 2 },
            Frame::TokenDrop { request, token_hash: [1; 32] },
            Frame::PathChallenge { data: PathData([1; 8]) },
            Frame::PathResponse { data: PathData([1; 8]) },
            Frame::Superseded,
            Frame::Close,
            Frame::Later { request, delay_s: 45 },
            Frame::Ticket { request, quota_kib: 1, expiry: 2, mac },
            Frame::IntroPolicy { request, policy: 20 },
        ] {
            round_trip(frame);
        }
    }

    #[test]
    fn unknown_types_are_skipped_by_their_length() {
        let mut bytes = vec![200, 0, 2, 1, 1];
        Frame::Close.encode(&mut bytes);
        let frames: Vec<_> = Frames::new(&bytes).collect();
        assert_eq!(frames, vec![Ok(Frame::Unknown { kind: 200 }), Ok(Frame::Close)]);
    }

    #[test]
    fn a_frame_that_reaches_beyond_its_packet_ends_the_walk() {
        let frames: Vec<_> = Frames::new(&[kind::POLL, 0, 9, 1, 2, 3]).collect();
        assert_eq!(frames, vec![Err(FrameError::Truncated)]);
    }

    proptest! {
        #[test]
        fn any_bytes_walk_to_their_end_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..1200)) {
            for frame in Frames::new(&bytes).flatten() {
                let mut out = vec![];
                frame.encode(&mut out);
            }
        }
    }
}
