//! The peer's side: all sessions of one shard.

use std::net::SocketAddr;

use pirushka_wire::handshake::Terms;
use pirushka_wire::{BootId, Frame, Now, PathData, PeerId, RequestId};

use crate::counters::{Counters, Drop};
use crate::keys::PeerKey;

/// How a peer's link behaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerLinkConfig {
    /// Which machine this is among those behind one name and key. Default 0.
    pub node: u8,
    /// Which thread of the machine. Default 0.
    pub shard: u8,
    /// Names this run; the same for all shards of a process. Default: drawn from the seed.
    pub boot: Option<BootId>,
    /// What HELLO_ACK tells of holding messages.
    pub terms: Terms,
    /// Whether packets are veiled; must be as the clients have it. Default true.
    pub veiled: bool,
    /// Live sessions at most. Default 200 000 (about 80 MB when all are idle).
    pub sessions_max: usize,
    /// New sessions per second and prefix (/24, /56) in the long run. Default 50.
    pub prefix_rate: u32,
    /// New sessions a prefix may make at once. Default 2 000.
    pub prefix_burst: u32,
    /// Beyond so many live sessions of a prefix its rate is an eighth. Default 20 000.
    pub prefix_live: u32,
    /// Beyond so many unfinished handshakes of a prefix its rate is an eighth. Default 1 000.
    pub prefix_unfinished: u32,
    /// RESETs per second at most. Default 200.
    pub resets_per_s: u32,
    /// Idle time after which an anonymous session ends (µs). Default 3 min.
    pub anonymous_idle_us: u64,
    /// Idle time after which a registered session is not reachable (µs). Default 90 s.
    pub unreachable_us: u64,
    /// Idle time after which a registered session ends (µs). Default 1 h.
    pub registered_idle_us: u64,
    /// Age at which any session ends (µs). Default 24 h.
    pub session_max_us: u64,
    /// Bytes of frames that may wait in one session; more are refused. Default 64 KiB.
    pub outbox_max: usize,
    /// Datagrams per train that [`PeerLink::poll_transmit`] gives at once. Default 1.
    pub train_max: usize,
    /// Memory of the filter against HELLOs repeated from elsewhere, in bits as a power of two. Default 22 (2 x 512 KiB).
    pub filter_bits: u8,
}

impl Default for PeerLinkConfig {
    fn default() -> Self {
        Self {
            node: 0,
            shard: 0,
            boot: None,
            terms: Terms::default(),
            veiled: true,
            sessions_max: 200_000,
            prefix_rate: 50,
            prefix_burst: 2_000,
            prefix_live: 20_000,
            prefix_unfinished: 1_000,
            resets_per_s: 200,
            anonymous_idle_us: 180_000_000,
            unreachable_us: 90_000_000,
            registered_idle_us: 3_600_000_000,
            session_max_us: 86_400_000_000,
            outbox_max: 64 * 1024,
            train_max: 1,
            filter_bits: 22,
        }
    }
}

/// A session of a [`PeerLink`]. Never names another session later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionHandle {
    pub(crate) index: u32,
    pub(crate) generation: u32,
}

/// What a datagram was.
#[derive(Debug, PartialEq, Eq)]
pub enum Received<'d> {
    /// The link's own affair.
    Handled,
    /// Frames for the owner, decrypted in place.
    Frames {
        /// From whom.
        session: SessionHandle,
        /// To be walked with [`pirushka_wire::Frames`].
        plaintext: &'d [u8],
    },
}

/// Where the bytes of [`PeerLink::poll_transmit`] go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transmit {
    /// The address.
    pub to: SocketAddr,
    /// Size of each datagram when there are several (GSO); all are equal.
    pub segment: Option<usize>,
}

/// Why a session ended without its owner's doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloseReason {
    /// Unheard for too long.
    Idle,
    /// 24 h old, or out of packet numbers.
    Expired,
    /// The handshake was never followed by a packet.
    Unfinished,
}

/// What a peer's link has to tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PeerLinkEvent {
    /// The session is gone; its handle means nothing any more.
    Closed {
        /// Which.
        session: SessionHandle,
        /// Why.
        reason: CloseReason,
    },
    /// The client proved that it receives where it is now: pushes go on.
    PathValidated {
        /// Which.
        session: SessionHandle,
    },
    /// Heard again after having been unreachable: pushes go on.
    Reachable {
        /// Which.
        session: SessionHandle,
    },
}

/// All sessions of one shard of a peer.
#[derive(Debug)]
pub struct PeerLink {
    config: PeerLinkConfig,
    key: PeerKey,
    boot: BootId,
    counters: Counters,
}

impl PeerLink {
    /// A link with no sessions; `seed` is all its randomness.
    #[must_use]
    pub fn new(config: PeerLinkConfig, key: PeerKey, seed: [u8; 32], now: Now) -> Self {
        let _ = (seed, now);
        Self { boot: config.boot.unwrap_or_default(), config, key, counters: Counters::default() }
    }

    /// Names this run.
    #[must_use]
    pub fn boot(&self) -> BootId {
        self.boot
    }

    /// The peer's name.
    #[must_use]
    pub fn peer_id(&self) -> PeerId {
        self.key.peer_id()
    }

    /// Takes a datagram in; it is decrypted in place.
    ///
    /// # Errors
    /// The reason why it had no effect; already counted.
    pub fn handle_datagram<'d>(
        &mut self,
        now: Now,
        remote: SocketAddr,
        datagram: &'d mut [u8],
    ) -> Result<Received<'d>, Drop> {
        let _ = (now, remote, datagram, &self.config);
        Err(Drop::Unrecognised)
    }

    /// A PATH_RESPONSE stood in the datagram that was handed in last.
    pub fn path_response(&mut self, now: Now, session: SessionHandle, data: PathData) {
        let _ = (now, session, data);
    }

    /// Queues a frame; several go into one packet. PUSH and BODY wait while a new path is unproven.
    pub fn send(&mut self, session: SessionHandle, frame: &Frame<'_>) {
        let _ = (session, frame);
    }

    /// Queues OK for a request; coalesced into ranges.
    pub fn send_ok(&mut self, session: SessionHandle, request: RequestId) {
        let _ = (session, request);
    }

    /// Whether a PUSH would arrive, as far as one can know: path proven, heard recently.
    #[must_use]
    pub fn can_push(&self, now: Now, session: SessionHandle) -> bool {
        let _ = (now, session);
        false
    }

    /// Registered sessions live longer than anonymous ones.
    pub fn set_registered(&mut self, session: SessionHandle, registered: bool) {
        let _ = (session, registered);
    }

    /// The handshake hash of a session.
    #[must_use]
    pub fn binding(&self, session: SessionHandle) -> Option<&[u8; 32]> {
        let _ = session;
        None
    }

    /// Where the client was last proven to be.
    #[must_use]
    pub fn remote(&self, session: SessionHandle) -> Option<SocketAddr> {
        let _ = session;
        None
    }

    /// When the last authentic packet came (µs).
    #[must_use]
    pub fn last_heard_us(&self, session: SessionHandle) -> Option<u64> {
        let _ = session;
        None
    }

    /// When the session was made (µs).
    #[must_use]
    pub fn opened_us(&self, session: SessionHandle) -> Option<u64> {
        let _ = session;
        None
    }

    /// How many sessions live.
    #[must_use]
    pub fn session_count(&self) -> usize {
        0
    }

    /// Forgets a session without a word and without an event.
    pub fn close(&mut self, session: SessionHandle) {
        let _ = session;
    }

    /// Sends CLOSE, then forgets the session, without an event.
    pub fn close_with_notice(&mut self, session: SessionHandle) {
        let _ = session;
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Now) {
        let _ = now;
    }

    /// Clears `out`, puts a datagram (or a train of equal ones) into it and says where it goes.
    pub fn poll_transmit(&mut self, now: Now, out: &mut Vec<u8>) -> Option<Transmit> {
        let _ = (now, out);
        None
    }

    /// The next event.
    pub fn poll_event(&mut self) -> Option<PeerLinkEvent> {
        None
    }

    /// When [`Self::handle_timeout`] wants to be called (µs).
    #[must_use]
    pub fn poll_timeout(&self) -> Option<u64> {
        None
    }

    /// Totals since start.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.counters
    }
}
