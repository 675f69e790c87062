//! The peer's side: all sessions of one shard.
//!
//! What a datagram costs grows with what it has proven. Junk: two short hashes. A HELLO: one MAC and a look into a
//! filter of constant size. A HELLO without a good cookie: a RETRY, no state. Only a source that has returned its cookie
//! gets a Diffie-Hellman and a slot. Only a packet whose tag verifies moves anything in a session. Whoever does not
//! hold the PeerId gets no answer to anything, and no answer is ever larger than what it answers until the source is
//! proven.
//!
//! Time: each session has one entry in the timer table for its end, checked lazily (hearing the client moves nothing
//! there), and one more while a new path is being proven. Nothing is O(sessions) per call.

mod handshake;
mod limits;
mod outbox;
mod path;
mod reset;
mod room;
mod sessions;
mod transmit;

use std::collections::{BTreeSet, VecDeque};
use std::net::SocketAddr;

use pirushka_wire::handshake::Terms;
use pirushka_wire::planted::{self, Bug};
use pirushka_wire::{BootId, Frame, Now, Params, PathData, PeerId, RequestId};
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};

use crate::cookie::{CookieJar, address_bytes};
use crate::counters::{Counters, Drop};
use crate::keys::PeerKey;
use crate::mac1::{MacKey, SeenMacs};
use crate::sealed::{Header, NUMBER_LIMIT};
use crate::veil::{HEADER_LEN, Unveiled, Veil};

use limits::{Bucket, PrefixLimits};
use outbox::{Outbox, SpareOutboxes};
use reset::Resets;
use sessions::{Session, Sessions};

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
    /// Whether packets are veiled; must be as the clients have it. Without the veil a scanner can make a peer send a
    /// RESET. Default true.
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
    /// RESETs per second at most: after a restart each client wants one. Default 5 000.
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
            resets_per_s: 5_000,
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

/// What a HELLO_ACK takes that is kept for repeating.
const HELLO_ACK_BYTES: u64 = 208;
/// What a new session takes.
const NEW_SESSION_BYTES: u64 = PeerLink::SESSION_BYTES + HELLO_ACK_BYTES;

/// A session of a [`PeerLink`]. Never names another session later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionHandle {
    pub(crate) index: u32,
    pub(crate) generation: u32,
}

impl SessionHandle {
    /// Its place in the table of sessions: below the number of sessions that ever lived at once. Used again after it is
    /// over, under another handle.
    #[must_use]
    pub fn place(self) -> u32 {
        self.index
    }
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
    veil: Veil,
    mac_key: MacKey,
    rng: ChaCha20Rng,
    seen: SeenMacs,
    cookies: CookieJar,
    prefixes: PrefixLimits,
    resets: Resets,
    sessions: Sessions,
    timers: BTreeSet<(u64, SessionHandle, Timer)>,
    /// Answers to handshake packets and unknown sessions, at most one per datagram taken in, and what tells of closing.
    answers: VecDeque<(SocketAddr, Vec<u8>)>,
    /// Sessions with something to send, each once.
    ready: VecDeque<SessionHandle>,
    events: VecDeque<PeerLinkEvent>,
    /// Whose datagram was handed in last, and from where.
    last: Option<(SessionHandle, SocketAddr)>,
    /// Sessions whose client has not sent a sealed packet.
    unfinished: usize,
    /// Bytes that all outboxes take.
    outboxes: usize,
    spare: SpareOutboxes,
    /// Frames of the packet that is being made.
    frames: Vec<u8>,
    /// Bytes that sessions may still take; see [`Self::set_room`].
    room: u64,
    /// The slot at which the next search for a session that may give way begins.
    way: usize,
    /// How many more such searches there may be now.
    ways: Bucket,
    counters: Counters,
}

/// What a session waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    End,
    Path,
}

impl PeerLink {
    /// A link with no sessions; `seed` is all its randomness.
    #[must_use]
    pub fn new(config: PeerLinkConfig, key: PeerKey, seed: [u8; 32], now: Now) -> Self {
        let mut rng = ChaCha20Rng::from_seed(seed);
        let (mut boot, mut filter_key, mut prefix_key) = (BootId::default(), [0; 32], [0; 32]);
        rng.fill_bytes(&mut boot.0);
        rng.fill_bytes(&mut filter_key);
        rng.fill_bytes(&mut prefix_key);
        Self {
            boot: config.boot.unwrap_or(boot),
            veil: Veil::new(key.peer_id(), config.veiled),
            mac_key: MacKey::new(key.peer_id()),
            rng,
            seen: SeenMacs::new(filter_key, config.filter_bits, now.mono_us),
            cookies: CookieJar::new(&key),
            prefixes: PrefixLimits::new(&config, prefix_key),
            resets: Resets::new(&config, &key),
            sessions: Sessions::default(),
            timers: BTreeSet::new(),
            answers: VecDeque::new(),
            ready: VecDeque::new(),
            events: VecDeque::new(),
            last: None,
            unfinished: 0,
            outboxes: 0,
            spare: SpareOutboxes::default(),
            frames: Vec::new(),
            room: u64::MAX,
            way: 0,
            ways: Bucket::full(room::WAYS_PER_S),
            counters: Counters::default(),
            config,
            key,
        }
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
        self.counters.received(datagram.len());
        let result = self.receive(now, remote, datagram);
        if let Err(reason) = &result {
            self.counters.count(*reason);
        }
        result
    }

    /// A PATH_RESPONSE stood in the datagram that was handed in last.
    pub fn path_response(&mut self, _now: Now, session: SessionHandle, data: PathData) {
        let Some(from) = self.last.filter(|(last, _)| *last == session).map(|(_, from)| from) else { return };
        let Some(state) = self.sessions.get_mut(session) else { return };
        let at_us = state.path.as_ref().map(|path| path.next_us);
        if state.settle_path(from, data) {
            if let Some(at_us) = at_us {
                self.timers.remove(&(at_us, session, Timer::Path));
            }
            self.counters.paths_validated += 1;
            self.events.push_back(PeerLinkEvent::PathValidated { session });
            self.make_ready(session);
        }
    }

    /// Queues a frame; several go into one packet. PUSH and BODY wait while a new path is unproven. A frame for which
    /// the outbox has no room is dropped and counted: whoever asked will ask again.
    pub fn send(&mut self, session: SessionHandle, frame: &Frame<'_>) {
        self.queue(session, |outbox, max| outbox.push(frame, max));
    }

    /// Queues OK for a request; coalesced into ranges.
    pub fn send_ok(&mut self, session: SessionHandle, request: RequestId) {
        self.queue(session, |outbox, _| outbox.push_ok(request));
    }

    /// `push` gets the session's outbox, and how many bytes may wait there at most.
    fn queue(&mut self, session: SessionHandle, push: impl FnOnce(&mut Outbox, usize) -> bool) {
        let Some(state) = self.sessions.get_mut(session) else { return };
        let most = if state.path.is_some() { room::waiting_max(self.room) } else { self.config.outbox_max };
        if most == 0 {
            self.counters.frames_refused += 1;
            return;
        }
        let before = state.outbox_weight();
        let is_taken = push(state.outbox(&mut self.spare), most.min(self.config.outbox_max));
        let after = state.outbox_weight();
        self.outboxes = self.outboxes + after - before;
        self.room = self.room.saturating_sub(after.saturating_sub(before) as u64);
        if is_taken {
            self.make_ready(session);
        } else {
            self.counters.frames_refused += 1;
        }
    }

    /// Whether a PUSH would arrive, as far as one can know: heard at all and recently, path proven.
    #[must_use]
    pub fn can_push(&self, now: Now, session: SessionHandle) -> bool {
        self.sessions.get(session).is_some_and(|state| {
            state.is_confirmed && state.path.is_none() && now.mono_us < state.last_heard_us + self.config.unreachable_us
        })
    }

    /// Registered sessions live longer than anonymous ones.
    pub fn set_registered(&mut self, session: SessionHandle, registered: bool) {
        let Some(state) = self.sessions.get_mut(session) else { return };
        state.is_registered = registered;
        self.schedule_end(session);
    }

    /// The handshake hash of a session.
    #[must_use]
    pub fn binding(&self, session: SessionHandle) -> Option<&[u8; 32]> {
        self.sessions.get(session).map(|state| &state.binding)
    }

    /// Where the client was last proven to be.
    #[must_use]
    pub fn remote(&self, session: SessionHandle) -> Option<SocketAddr> {
        self.sessions.get(session).map(|state| state.remote.get())
    }

    /// When the last authentic packet came (µs).
    #[must_use]
    pub fn last_heard_us(&self, session: SessionHandle) -> Option<u64> {
        self.sessions.get(session).map(|state| state.last_heard_us)
    }

    /// When the session was made (µs).
    #[must_use]
    pub fn opened_us(&self, session: SessionHandle) -> Option<u64> {
        self.sessions.get(session).map(|state| state.opened_us)
    }

    /// Bytes of frames that wait to be sent in a session.
    #[must_use]
    pub fn outbox_bytes(&self, session: SessionHandle) -> usize {
        self.sessions.get(session).map_or(0, Session::outbox_bytes)
    }

    /// How many sessions live.
    #[must_use]
    pub fn session_count(&self) -> usize {
        self.sessions.len()
    }

    /// What a session takes at most while nothing waits in it: its record, its place in the tables, the cookie that
    /// made it, a path that is being proven.
    pub const SESSION_BYTES: u64 = 560;

    /// What all sessions take, with what waits in them.
    #[must_use]
    pub fn memory_bytes(&self) -> u64 {
        self.sessions.len() as u64 * Self::SESSION_BYTES
            + self.unfinished as u64 * HELLO_ACK_BYTES
            + self.outboxes as u64
    }

    /// Live sessions at most.
    #[must_use]
    pub fn sessions_max(&self) -> usize {
        self.config.sessions_max
    }

    /// Other limits from now on; what exists stays. Node, shard, boot id, veil, trains and the filters' size are the
    /// start's.
    pub fn set_limits(&mut self, config: &PeerLinkConfig) {
        let PeerLinkConfig { node, shard, boot, veiled, train_max, filter_bits, .. } = self.config.clone();
        self.config = PeerLinkConfig { node, shard, boot, veiled, train_max, filter_bits, ..config.clone() };
        self.prefixes.set_limits(config);
        self.resets.set_limits(config);
    }

    /// Counts a datagram that its owner did not hand in.
    pub fn count_drop(&mut self, reason: Drop, length: usize) {
        self.counters.received(length);
        self.counters.count(reason);
    }

    /// Forgets a session without a word and without an event.
    pub fn close(&mut self, session: SessionHandle) {
        let Some(state) = self.sessions.remove(session) else { return };
        self.outboxes -= state.outbox_weight();
        self.unfinished -= usize::from(!state.is_confirmed);
        self.timers.remove(&(state.end_us, session, Timer::End));
        if let Some(path) = &state.path {
            self.timers.remove(&(path.next_us, session, Timer::Path));
        }
        self.prefixes.ended(state.prefix, !state.is_confirmed);
    }

    /// Sends CLOSE, then forgets the session, without an event.
    pub fn close_with_notice(&mut self, session: SessionHandle) {
        self.say_close(session);
        self.close(session);
    }

    fn say_close(&mut self, session: SessionHandle) {
        let mut datagram = vec![];
        if let Some(state) = self.sessions.get_mut(session).filter(|state| state.next_number < NUMBER_LIMIT) {
            let mut frames = vec![];
            Frame::Close.encode(&mut frames);
            let size = crate::bucket::draw_train(frames.len(), &mut self.rng);
            state.seal_packet(&self.veil, &frames, size, &mut datagram);
            self.answers.push_back((state.remote.get(), datagram));
        }
    }

    /// Forgets the session, which the owner did not ask for.
    fn end(&mut self, session: SessionHandle, reason: CloseReason) {
        self.close(session);
        self.events.push_back(PeerLinkEvent::Closed { session, reason });
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Now) {
        while let Some(&(at, session, timer)) = self.timers.first().filter(|(at, ..)| *at <= now.mono_us) {
            self.timers.remove(&(at, session, timer));
            match timer {
                Timer::End => self.check_end(now, session),
                Timer::Path => self.retry_path(now, session),
            }
        }
    }

    /// The next event.
    pub fn poll_event(&mut self) -> Option<PeerLinkEvent> {
        self.events.pop_front()
    }

    /// When [`Self::handle_timeout`] wants to be called (µs).
    #[must_use]
    pub fn poll_timeout(&self) -> Option<u64> {
        self.timers.first().map(|(at, ..)| *at)
    }

    /// The datagram that was dropped last, for this reason, is of use to the owner after all.
    pub fn take_back(&mut self, reason: Drop) {
        self.counters.uncount(reason);
    }

    /// Totals since start.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    fn receive<'d>(&mut self, now: Now, remote: SocketAddr, datagram: &'d mut [u8]) -> Result<Received<'d>, Drop> {
        self.last = None;
        let length = datagram.len();
        match self.veil.unveil(Params::TO_PEER, datagram)? {
            Unveiled::Handshake(packet) => {
                self.handle_hello(now, remote, packet)?;
                Ok(Received::Handled)
            }
            Unveiled::Sealed { tag, header, ciphertext } => {
                let session = self.find_session(now, remote, length, &header)?;
                let plaintext = self.open(now, session, remote, (&tag, &header), ciphertext)?;
                self.last = Some((session, remote));
                Ok(Received::Frames { session, plaintext })
            }
        }
    }

    fn find_session(
        &mut self,
        now: Now,
        remote: SocketAddr,
        length: usize,
        header: &[u8; HEADER_LEN],
    ) -> Result<SessionHandle, Drop> {
        let id = Header::decode(Params::TO_PEER, header).receiver;
        if let Some(session) = self.sessions.find(id) {
            return Ok(session);
        }
        if !self.resets.is_ours(id) {
            return Err(Drop::OtherShard);
        }
        self.answer_with_reset(now, remote, length, id);
        Err(Drop::UnknownSession)
    }

    /// Decrypts; only then anything about the session changes.
    fn open<'d>(
        &mut self,
        now: Now,
        session: SessionHandle,
        from: SocketAddr,
        (tag, header): (&[u8; 16], &[u8; HEADER_LEN]),
        ciphertext: &'d mut [u8],
    ) -> Result<&'d [u8], Drop> {
        let length = ciphertext.len() + pirushka_wire::limits::SEALED_OVERHEAD;
        let state = self.sessions.get_mut(session).ok_or(Drop::UnknownSession)?;
        let number = Header::decode(Params::TO_PEER, header).number;
        if number >= NUMBER_LIMIT || !(state.window.is_fresh(number) || planted::is(Bug::ReplayTaken)) {
            return Err(Drop::Replayed);
        }
        let plaintext = state.open.open(header, tag, ciphertext)?;
        let is_newest = number > state.window.highest();
        state.window.mark(number);
        let was_unreachable = now.mono_us >= state.last_heard_us + self.config.unreachable_us;
        state.last_heard_us = now.mono_us;
        if !state.is_confirmed {
            state.confirm(now);
            self.unfinished -= 1;
            self.prefixes.finished(state.prefix);
        }
        if was_unreachable && state.is_registered {
            self.events.push_back(PeerLinkEvent::Reachable { session });
        }
        self.note_source(now, session, from, length, is_newest);
        Ok(plaintext)
    }

    fn make_ready(&mut self, session: SessionHandle) {
        if let Some(state) = self.sessions.get_mut(session).filter(|state| !state.is_ready) {
            state.is_ready = true;
            self.ready.push_back(session);
        }
    }

    /// When the session ends if nothing more is heard.
    fn end_of(&self, state: &Session) -> u64 {
        let idle_us = match (state.is_confirmed, state.is_registered) {
            (false, _) => handshake::UNFINISHED_US,
            (true, false) => self.config.anonymous_idle_us,
            (true, true) => self.config.registered_idle_us,
        };
        (state.last_heard_us + idle_us).min(state.opened_us + self.config.session_max_us)
    }

    fn schedule_end(&mut self, session: SessionHandle) {
        let Some(state) = self.sessions.get(session) else { return };
        let end_us = self.end_of(state);
        self.timers.remove(&(state.end_us, session, Timer::End));
        self.timers.insert((end_us, session, Timer::End));
        if let Some(state) = self.sessions.get_mut(session) {
            state.end_us = end_us;
        }
    }

    fn check_end(&mut self, now: Now, session: SessionHandle) {
        let Some(state) = self.sessions.get(session) else { return };
        if self.end_of(state) > now.mono_us {
            return self.schedule_end(session);
        }
        let reason = if !state.is_confirmed {
            CloseReason::Unfinished
        } else if now.mono_us >= state.opened_us + self.config.session_max_us {
            CloseReason::Expired
        } else {
            CloseReason::Idle
        };
        self.end(session, reason);
    }
}

#[cfg(test)]
pub(crate) mod tests_support {
    //! What only the tests of attacks may look at.

    use super::*;

    impl PeerLink {
        /// Sizes of what a flood could grow: timers, used cookies, queued answers.
        pub(crate) fn state_size(&self) -> (usize, usize, usize) {
            (self.timers.len(), self.cookies.used_count(), self.answers.len())
        }
    }

    /// A peer that knows another's name, hence its MAC and veil keys, but not its secret.
    pub(crate) fn with_name(name: PeerId, key: PeerKey, now: Now) -> PeerLink {
        let mut peer = PeerLink::new(PeerLinkConfig::default(), key, [66; 32], now);
        peer.veil = Veil::new(name, true);
        peer.mac_key = MacKey::new(name);
        peer
    }
}
