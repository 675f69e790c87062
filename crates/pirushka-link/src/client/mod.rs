//! The client's side: one session with one peer over one socket.

use std::net::SocketAddr;

use pirushka_wire::handshake::Welcome;
use pirushka_wire::{BootId, DeliveryId, Frame, Incarnation, Now, ObjectId, PeerId, QueueId, RequestId};

use crate::counters::Drop;

/// How a client's link behaves. Defaults are what the product uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientLinkConfig {
    /// Whether packets are veiled; must be as the peer has it. Default true.
    pub veil: bool,
    /// At most this many datagrams of junk go before the first HELLO (drawn anew for each handshake), 0 to 3. Default 3.
    pub junk: u8,
    /// How long HELLO is repeated before the verdict (µs). Default 15 s.
    pub handshake_us: u64,
    /// Nothing authentic for so long while something is unanswered: the session is given up (µs). Default 20 s.
    pub silence_us: u64,
}

impl Default for ClientLinkConfig {
    fn default() -> Self {
        Self { veil: true, junk: 3, handshake_us: 15_000_000, silence_us: 20_000_000 }
    }
}

/// How a request competes for the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Goes at once, whatever the congestion window says.
    Control,
    /// Waits for room in the congestion window.
    Bulk,
}

/// How the hole in a NAT is held open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keepalive {
    /// At most so long without sending anything (µs); jitter only shortens it, to 72 % at most (25 s: 18 to 25 s).
    pub interval_us: u64,
    /// Each so-many-th keepalive is a POLL, which is answered; 0 = none, 1 = all.
    pub poll_every: u8,
}

/// What a STATUS says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Status {
    /// The peer's present run.
    pub boot: BootId,
    /// How many messages are held.
    pub messages: u32,
    /// Their bytes, overhead included.
    pub bytes: u64,
    /// Age of the oldest, in seconds.
    pub oldest_s: u32,
}

/// What a TICKET says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TicketData {
    /// The quota that the ticket covers, in KiB.
    pub quota_kib: u32,
    /// Unix seconds.
    pub expiry: u64,
    /// The proof.
    pub mac: [u8; 16],
}

/// How a request was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Done.
    Ok,
    /// Refused, see [`pirushka_wire::frame::error_code`].
    Error {
        /// The code.
        code: u16,
        /// When asking again makes sense; 0 = not told.
        retry_after_ms: u32,
    },
    /// To REGISTER.
    Mailbox {
        /// The present life of the mailbox.
        incarnation: Incarnation,
    },
    /// To POLL.
    Status(Status),
    /// To LOOKUP and FETCH.
    Body {
        /// Which long body.
        object: ObjectId,
        /// Where the part begins.
        offset: u32,
        /// Size of the whole.
        total: u32,
        /// The part.
        part: Vec<u8>,
    },
    /// To QUEUE SET.
    Ticket(TicketData),
}

/// Why a session is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LostReason {
    /// The peer does not know the session: it was restarted.
    Reset,
    /// Requests stayed unanswered.
    Silent,
    /// HELLO stayed unanswered.
    Unreachable,
    /// The session is 24 h old, or out of packet numbers.
    Expired,
    /// The peer said CLOSE.
    Closed,
}

/// What a client's link has to tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClientLinkEvent {
    /// The session stands.
    Established {
        /// What the peer said of itself.
        welcome: Welcome,
        /// The handshake hash: what REGISTER is bound to.
        binding: [u8; 32],
    },
    /// Exactly once per request.
    Answered {
        /// As [`ClientLink::request`] returned it.
        request: RequestId,
        /// The answer.
        answer: Answer,
    },
    /// A held message. May come twice: the owner remembers and acknowledges.
    Pushed {
        /// To be acknowledged.
        delivery: DeliveryId,
        /// See [`pirushka_wire::frame::push_class`].
        class: u8,
        /// The queue it was left in; zeros for introductions.
        queue: QueueId,
        /// The envelope, or the intro part.
        body: Vec<u8>,
    },
    /// The answer to the link's own POLL.
    Polled {
        /// What the peer holds.
        status: Status,
    },
    /// Another copy of the profile registered.
    Superseded,
    /// The session is gone, and with it every request.
    Lost {
        /// Why.
        reason: LostReason,
    },
}

/// One session with one peer over one socket.
#[derive(Debug)]
pub struct ClientLink {
    config: ClientLinkConfig,
    peer_id: PeerId,
}

impl ClientLink {
    /// A link to the peer with this name; `seed` is all its randomness.
    #[must_use]
    pub fn new(config: ClientLinkConfig, peer_id: PeerId, seed: [u8; 32]) -> Self {
        let _ = seed;
        Self { config, peer_id }
    }

    /// (Re)starts the handshake; all requests are forgotten without a word.
    pub fn connect(&mut self, now: Now, remote: SocketAddr) {
        let _ = (now, remote, &self.config, self.peer_id);
    }

    /// Whether requests can be answered now.
    #[must_use]
    pub fn is_established(&self) -> bool {
        false
    }

    /// The handshake hash of the session.
    #[must_use]
    pub fn binding(&self) -> Option<&[u8; 32]> {
        None
    }

    /// What the peer said of itself.
    #[must_use]
    pub fn welcome(&self) -> Option<&Welcome> {
        None
    }

    /// Asks; repeats until answered. The frame's request id is overwritten with the one returned. Before the session
    /// stands, requests wait for it.
    pub fn request(&mut self, now: Now, frame: &Frame<'_>, class: Class) -> RequestId {
        let _ = (now, frame, class);
        RequestId(0)
    }

    /// Says that a push is on disk.
    pub fn acknowledge(&mut self, incarnation: Incarnation, delivery: DeliveryId) {
        let _ = (incarnation, delivery);
    }

    /// Sets or ends the keepalive.
    pub fn set_keepalive(&mut self, now: Now, keepalive: Option<Keepalive>) {
        let _ = (now, keepalive);
    }

    /// Queues CLOSE and ends the session once that is sent. No event follows.
    pub fn close(&mut self, now: Now) {
        let _ = now;
    }

    /// Requests without an answer.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        0
    }

    /// Smoothed round trip (µs).
    #[must_use]
    pub fn rtt_us(&self) -> Option<u64> {
        None
    }

    /// The local network changed: something is sent at once.
    pub fn path_changed(&mut self, now: Now) {
        let _ = now;
    }

    /// Takes a datagram in; it is decrypted in place.
    ///
    /// # Errors
    /// The reason why it had no effect.
    pub fn handle_datagram(&mut self, now: Now, remote: SocketAddr, datagram: &mut [u8]) -> Result<(), Drop> {
        let _ = (now, remote, datagram);
        Err(Drop::Unexpected)
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Now) {
        let _ = now;
    }

    /// Clears `out`, puts one datagram into it and says where it goes.
    pub fn poll_transmit(&mut self, now: Now, out: &mut Vec<u8>) -> Option<SocketAddr> {
        let _ = (now, out);
        None
    }

    /// The next event.
    pub fn poll_event(&mut self) -> Option<ClientLinkEvent> {
        None
    }

    /// When [`Self::handle_timeout`] wants to be called (µs).
    #[must_use]
    pub fn poll_timeout(&self) -> Option<u64> {
        None
    }
}
