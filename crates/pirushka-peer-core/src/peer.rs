//! The peer: dispatches what the link brings to the operations, and their answers back.

mod blocks;
mod bodies;
mod change;
mod deposit;
mod later;
mod push;
mod register;

use std::collections::VecDeque;
use std::fmt;
use std::net::SocketAddr;

use pirushka_link::{Counters, Drop, PeerKey, PeerLink, PeerLinkEvent, Received, SessionHandle, Transmit};
use pirushka_wire::frame::error_code;
use pirushka_wire::{BootId, Fingerprint, Frame, Frames, Now, PeerId, RequestId};
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};

pub use blocks::{Block, BlockList};

use crate::config::{INVITE_CONTEXT, PeerConfig};
use crate::limits::SESSION_OVERHEAD;
use crate::plain::PlainPeer;
use crate::refusal::Refusal;
use crate::session::{Left, Presence, Sessions};
use crate::stats::Stats;
use crate::store::{LastingKeys, QueueSetting, Source, Store, UserId};
use crate::timers::Timers;

/// One peer, or one shard of it.
pub struct Peer {
    link: PeerLink,
    store: Store,
    /// Sessions that are more to the peer than a sender's.
    sessions: Sessions,
    presence: Presence<SessionHandle>,
    timers: Timers<Due>,
    /// Users to whom something may be pushed now. Each once, but that a change of session may leave an entry of before.
    to_push: VecDeque<UserId>,
    /// Users to whom more may be pushed when the link has sent what it has; likewise.
    unfinished: VecDeque<UserId>,
    /// Bytes pushed since the link had sent everything.
    pushed_bytes: usize,
    blocks: BlockList,
    /// What the ledger counts for the link.
    link_charged: u64,
    /// Absent unless the operator wants it.
    plain: Option<PlainPeer>,
    stats: Stats,
}

/// What may be due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    /// A push may be lost.
    Push(UserId),
    /// A session's LATER is to be answered, or a long body forgotten.
    Session(SessionHandle),
}

/// A registered session's user and registration.
#[derive(Debug, Clone, Copy)]
struct Registered {
    user: UserId,
    round: u32,
}

impl Peer {
    /// A peer that holds nothing; `seed` is all its randomness.
    #[must_use]
    pub fn new(config: PeerConfig, key: PeerKey, seed: [u8; 32], now: Now) -> Self {
        let mut rng = ChaCha20Rng::from_seed(seed);
        let mut draw = || {
            let mut seed = [0; 32];
            rng.fill_bytes(&mut seed);
            seed
        };
        let mut link = config.link.clone();
        link.terms = config.terms();
        let keys = LastingKeys { ticket: key.derive("pirushka 2026 ticket"), invite: key.derive(INVITE_CONTEXT) };
        let mut peer = Self {
            store: Store::new(&config, keys, draw(), now),
            link: PeerLink::new(link, key, draw(), now),
            sessions: Sessions::default(),
            presence: Presence::default(),
            timers: Timers::default(),
            to_push: VecDeque::new(),
            unfinished: VecDeque::new(),
            pushed_bytes: 0,
            blocks: BlockList::default(),
            link_charged: 0,
            plain: config.plain.is_enabled.then(|| PlainPeer::new(&config.plain, draw())),
            stats: Stats::default(),
        };
        peer.settle_link();
        peer
    }

    /// Other limits from now on. What is held already stays, also beyond a lower limit; the hold time that senders were
    /// told is never shortened. Node, shard, boot id, veil, trains and the filters of the link are the start's.
    pub fn set_config(&mut self, config: &PeerConfig) {
        let config = PeerConfig { hold_s: config.hold_s.max(self.store.hold_s()), ..config.clone() };
        let mut link = config.link.clone();
        link.terms = config.terms();
        self.link.set_limits(&link);
        self.store.set_config(&config);
        self.settle_link();
    }

    /// Datagrams from these networks are dropped from now on without a look at them, in the place of those blocked
    /// before.
    pub fn set_blocked(&mut self, blocks: BlockList) {
        self.blocks = blocks;
    }

    /// The process takes so much memory in all: the cap is the process's, whatever the allocator makes of what is held.
    /// To be told first when nothing is held, then now and again while things come in. Without it the cap is that of what is
    /// held.
    pub fn handle_measured(&mut self, resident_bytes: u64) {
        self.store.measured(resident_bytes);
        self.settle_link();
    }

    /// The peer's name.
    #[must_use]
    pub fn peer_id(&self) -> PeerId {
        self.link.peer_id()
    }

    /// Names this run.
    #[must_use]
    pub fn boot(&self) -> BootId {
        self.link.boot()
    }

    /// Takes a datagram in; it is decrypted in place.
    ///
    /// # Errors
    /// Why the datagram had no effect; already counted. A bare packet that the plain profile refuses counts under a
    /// reason of its own.
    pub fn handle_datagram(&mut self, now: Now, remote: SocketAddr, datagram: &mut [u8]) -> Result<(), Drop> {
        if self.blocks.contains(remote.ip()) {
            self.link.count_drop(Drop::Blocked, datagram.len());
            return Err(Drop::Blocked);
        }
        let received = self.link.handle_datagram(now, remote, datagram);
        if let (Some(plain), Err(reason @ (Drop::Unrecognised | Drop::TooShort))) = (&mut self.plain, &received) {
            // The veil makes any first byte possible, so the link is asked first; what it does not know stays as it came.
            let reason = *reason;
            return match plain.handle_datagram(now, remote, datagram) {
                None => Err(reason),
                Some(result) => {
                    self.link.take_back(reason);
                    result.map_err(|_| reason)
                }
            };
        }
        if let Ok(Received::Frames { session, plaintext }) = &received {
            self.handle_frames(now, *session, plaintext);
        }
        let result = received.map(|_| ());
        self.drain_events(now);
        self.settle_link();
        result
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Now) {
        self.link.handle_timeout(now);
        self.drain_events(now);
        self.store.handle_timeout(now);
        if let Some(plain) = &mut self.plain {
            plain.handle_timeout(now);
        }
        while let Some(due) = self.timers.pop_due(now.mono_us) {
            match due {
                Due::Push(user) => {
                    self.presence.timer_fired(user);
                    self.push_soon(user);
                }
                Due::Session(session) => self.session_timeout(now, session),
            }
        }
        self.settle_link();
    }

    /// Puts the next datagram (or train) into `out` and says where it goes.
    pub fn poll_transmit(&mut self, now: Now, out: &mut Vec<u8>) -> Option<Transmit> {
        if !self.to_push.is_empty() {
            self.push_to_all(now);
        }
        let mut transmit = self.link.poll_transmit(now, out);
        if transmit.is_none() {
            self.push_on(now);
            transmit = self.link.poll_transmit(now, out);
        }
        transmit.or_else(|| Some(Transmit { to: self.plain.as_mut()?.poll_transmit(out)?, segment: None }))
    }

    /// When [`Peer::handle_timeout`] wants to be called (mono µs).
    #[must_use]
    pub fn poll_timeout(&self) -> Option<u64> {
        let plain = self.plain.as_ref().and_then(PlainPeer::poll_timeout);
        [self.link.poll_timeout(), self.store.poll_timeout(), self.timers.next(), plain].into_iter().flatten().min()
    }

    /// Stops taking deposits and new users, who are told when to ask again: the owner ends this peer within `within_us`.
    /// Users who are here still get what is held for them.
    pub fn drain(&mut self, now: Now, within_us: u64) {
        self.store.drain(now, within_us);
    }

    /// Whether nothing is held any more for a user who is here: the moment to exit after [`Peer::drain`].
    #[must_use]
    pub fn is_drained(&self) -> bool {
        let waits = |user: UserId| self.store.first_from(user, pirushka_wire::DeliveryId(0)).is_some();
        self.store.is_draining()
            && !self.presence.users().any(|user| self.presence.active(user).is_some() && waits(user))
    }

    /// Totals, for the operator.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.store.stats(Stats {
            users_online: self.presence.len() as u64,
            sessions: self.link.session_count() as u64,
            sessions_max: self.link.sessions_max() as u64,
            messages_to_drain: if self.store.is_draining() { self.messages_to_drain() } else { 0 },
            plain: self.plain.as_ref().map(PlainPeer::stats).unwrap_or_default(),
            ..self.stats
        })
    }

    /// Messages held for users who are here; looks at all of these.
    fn messages_to_drain(&self) -> u64 {
        let here = self.presence.users().filter(|user| self.presence.active(*user).is_some());
        here.map(|user| self.store.messages(user)).sum()
    }

    /// Where somebody who registered in the plain profile was last proven to be (facts 8, 9).
    #[must_use]
    pub fn plain_remote(&self, fingerprint: &Fingerprint) -> Option<SocketAddr> {
        self.plain.as_ref()?.remote(fingerprint)
    }

    /// The link's counters: drops by reason, handshakes, packets, bytes.
    #[must_use]
    pub fn link_counters(&self) -> &Counters {
        self.link.counters()
    }

    /// Everything kept beyond the link.
    #[cfg(test)]
    pub(crate) fn kept(&self) -> String {
        format!("{:?} {:?} {:?} {:?}", self.store, self.sessions, self.presence, self.timers)
    }

    /// Frames as the first session with a state of its own would send them.
    #[cfg(test)]
    pub(crate) fn feed(&mut self, now: Now, plaintext: &[u8]) {
        let first = self.sessions.iter().next().map(|(session, _)| session);
        if let Some(session) = first {
            self.handle_frames(now, session, plaintext);
        }
    }

    /// Checks what must hold after every input.
    #[cfg(test)]
    pub(crate) fn check(&self) {
        let charged = self.sessions.iter().map(|(_, s)| s.charged + s.bodies_charged).sum::<u64>() + self.link_charged;
        self.store.check(charged);
        assert!(
            self.sessions.iter().all(|(session, _)| self.link.binding(session).is_some()),
            "kept of a session that is over"
        );
    }

    fn handle_frames(&mut self, now: Now, session: SessionHandle, plaintext: &[u8]) {
        for frame in Frames::new(plaintext) {
            let Ok(frame) = frame else {
                self.stats.frames_malformed += 1;
                break;
            };
            if frame == Frame::Close {
                self.link.close(session);
                return self.session_over(now, session);
            }
            let request = frame.request();
            match (request, self.handle_frame(now, session, &frame)) {
                (_, Ok(Answer::Given)) => {}
                (Some(request), Ok(Answer::Ok)) => self.link.send_ok(session, request),
                (Some(request), Err(refusal)) => self.refuse(session, request, refusal),
                (None, Ok(Answer::Ok) | Err(_)) => self.stats.refused_other += 1,
            }
            // A frame can end its own session: nothing of what follows it may bring that back.
            if self.link.binding(session).is_none() {
                return;
            }
        }
        // Whatever it was: the user is heard, so deliveries go on.
        if let Some(user) = self.registered(session).ok().map(|r| r.user) {
            self.push_soon(user);
        }
    }

    /// One frame, one operation.
    fn handle_frame(&mut self, now: Now, session: SessionHandle, frame: &Frame<'_>) -> Result<Answer, Refusal> {
        match *frame {
            Frame::Register { request, instance, .. } => self.register(now, session, request, instance, frame),
            Frame::Poll { request } => self.poll(now, session, request),
            Frame::Deposit { deposit, .. } => self.deposit(now, session, &deposit),
            Frame::Ack { incarnation, deliveries } => {
                self.acknowledge(now, session, incarnation, deliveries);
                Ok(Answer::Given)
            }
            Frame::Lookup { request, fingerprint } => self.lookup(now, session, request, fingerprint),
            Frame::Fetch { request, object, offset } => self.fetch(session, request, object, offset),
            Frame::Put { .. }
            | Frame::QueueSet { .. }
            | Frame::QueueDrop { .. }
            | Frame::ListEnd { .. }
            | Frame::TokenSet { .. }
            | Frame::TokenDrop { .. }
            | Frame::IntroPolicy { .. } => self.change(now, session, frame),
            Frame::QueueRestore { fingerprint, queue, secret_hash, quota_kib, expiry, mac, .. } => {
                let setting = QueueSetting { queue, secret_hash, quota_kib };
                self.store.queue_restore(now, fingerprint, setting, expiry, &mac).map(|()| Answer::Ok)
            }
            Frame::Later { request, delay_s } => self.later(now, session, request, delay_s),
            Frame::PathResponse { data } => {
                self.link.path_response(now, session, data);
                Ok(Answer::Given)
            }
            Frame::Keepalive | Frame::Close => Ok(Answer::Given),
            Frame::Unknown { .. } => {
                self.stats.frames_unknown += 1;
                Ok(Answer::Given)
            }
            // Only a peer says these.
            Frame::Ok { .. }
            | Frame::Error { .. }
            | Frame::Push { .. }
            | Frame::Mailbox { .. }
            | Frame::Status { .. }
            | Frame::Body { .. }
            | Frame::PathChallenge { .. }
            | Frame::Superseded
            | Frame::Ticket { .. } => {
                self.stats.frames_malformed += 1;
                Ok(Answer::Given)
            }
        }
    }

    fn drain_events(&mut self, now: Now) {
        while let Some(event) = self.link.poll_event() {
            match event {
                PeerLinkEvent::Closed { session, .. } => self.session_over(now, session),
                PeerLinkEvent::PathValidated { session } | PeerLinkEvent::Reachable { session } => {
                    if let Ok(registered) = self.registered(session) {
                        self.push_soon(registered.user);
                    }
                }
            }
        }
    }

    fn session_over(&mut self, now: Now, session: SessionHandle) {
        let Some(mut state) = self.sessions.remove(session) else { return };
        self.store.settle_bodies(&mut state.bodies_charged, 0);
        self.store.settle_sessions(&mut state.charged, 0);
        self.timers.disarm(Due::Session(session));
        let Some(registration) = state.registration else { return };
        match self.presence.leave(registration.user, session) {
            Left::Nobody => {
                self.timers.disarm(Due::Push(registration.user));
                self.store.leave(now, registration.user);
            }
            Left::Handed => self.push_soon(registration.user),
            Left::Others => {}
            Left::Superseded(left) => {
                for session in left {
                    self.link.close_with_notice(session);
                    self.session_over(now, session);
                }
            }
        }
    }

    /// Brings the ledger up to what the link takes, and tells the link how much more there is room for.
    fn settle_link(&mut self) {
        self.store.settle_sessions(&mut self.link_charged, self.link.memory_bytes());
        self.link.set_room(self.store.room_for_sessions());
    }

    /// Whether a session may become more than a sender's, if it is not.
    fn may_keep_state(&self, session: SessionHandle) -> Result<(), Refusal> {
        let may = self.sessions.get(session).is_some() || self.store.has_room_in_session(SESSION_OVERHEAD);
        if may { Ok(()) } else { Err(Refusal::full(true)) }
    }

    fn registered(&self, session: SessionHandle) -> Result<Registered, Refusal> {
        let registration = self.sessions.get(session).and_then(|s| s.registration);
        registration.map(|r| Registered { user: r.user, round: r.round }).ok_or(Refusal::NOT_REGISTERED)
    }

    fn source(&self, session: SessionHandle) -> Source {
        self.link.remote(session).map_or(Source(0), |remote| self.store.source(remote))
    }

    fn refuse(&mut self, session: SessionHandle, request: RequestId, refusal: Refusal) {
        let Refusal { code, retry_after_ms } = refusal;
        let count = match code {
            error_code::FULL => &mut self.stats.refused_full,
            error_code::SLOW_DOWN => &mut self.stats.refused_slow_down,
            error_code::UNKNOWN_QUEUE | error_code::UNKNOWN_USER => &mut self.stats.refused_unknown,
            error_code::INTRO_REFUSED => &mut self.stats.refused_intro,
            error_code::DRAINING => &mut self.stats.refused_draining,
            error_code::WORK_NEEDED => &mut self.stats.refused_work,
            error_code::INVITE_NEEDED => &mut self.stats.refused_invite,
            _ => &mut self.stats.refused_other,
        };
        *count += 1;
        self.link.send(session, &Frame::Error { request, code, retry_after_ms });
    }
}

impl fmt::Debug for Peer {
    /// What the peer holds is nobody's business, not even in a log of errors.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Peer").field("stats", &self.stats()).finish_non_exhaustive()
    }
}

/// How a request that is carried out is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    /// With OK.
    Ok,
    /// It is answered already, or will be, or needs none.
    Given,
}
