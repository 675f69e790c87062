//! The client's side: one session with one peer over one socket.
//!
//! HELLO is repeated at 0.5 s, doubling to 3 s, and the verdict falls after 15 s ([`LostReason::Unreachable`]). A
//! request is repeated until it is answered; it never fails by itself. Nothing authentic for 20 s while something is
//! unanswered: [`LostReason::Silent`]. What is lost stays lost: the owner calls [`ClientLink::connect`] again, perhaps
//! with another address, and asks anew. Only what was learned about the round trip time is carried over.
//!
//! Keepalives go unanswered, so silence would prove nothing; each few of them is a POLL instead, which is a request.

mod bare;
mod handshake;
mod keepalive;
mod requests;
mod session;

use std::collections::VecDeque;
use std::net::SocketAddr;

use pirushka_wire::frame::{error_code, kind};
use pirushka_wire::handshake::Welcome;
use pirushka_wire::planted::{self, Bug};
use pirushka_wire::{
    BootId, DeliveryId, Frame, Frames, Incarnation, Now, ObjectId, Params, PeerId, QueueId, RequestId,
};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;

use crate::cookie::address_bytes;
use crate::counters::Drop;
use crate::veil::{Unveiled, Veil};

pub use bare::{BareSession, ClientVeil};

use handshake::Handshake;
use keepalive::KeepaliveTimer;
use requests::Requests;
use session::Session;

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
    /// After so much of either there is doubt: who has another way takes it (µs). Default 4 s, by when an answer has been
    /// asked for several times.
    pub quiet_us: u64,
}

impl Default for ClientLinkConfig {
    fn default() -> Self {
        Self { veil: true, junk: 3, handshake_us: 15_000_000, silence_us: 20_000_000, quiet_us: 4_000_000 }
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
    /// Each so-many-th keepalive is a POLL, which is answered; 0 = none, 1 = all. A session that has moved to another address
    /// asks every time, unless it is 0.
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
    /// Nothing was heard for a while although something is unanswered. The verdict comes later, or an answer.
    Quiet,
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
    veil: Veil,
    rng: ChaCha20Rng,
    state: State,
    requests: Requests,
    keepalive: KeepaliveTimer,
    /// The silence, by its beginning, of which [`ClientLinkEvent::Quiet`] has told.
    quiet_told: Option<u64>,
    events: VecDeque<ClientLinkEvent>,
}

#[derive(Debug)]
enum State {
    Idle,
    Greeting(Box<Handshake>),
    Established(Box<Session>),
}

impl ClientLink {
    /// A link to the peer with this name; `seed` is all its randomness.
    #[must_use]
    pub fn new(config: ClientLinkConfig, peer_id: PeerId, seed: [u8; 32]) -> Self {
        Self {
            veil: Veil::new(peer_id, config.veil),
            config,
            peer_id,
            rng: ChaCha20Rng::from_seed(seed),
            state: State::Idle,
            requests: Requests::default(),
            keepalive: KeepaliveTimer::default(),
            quiet_told: None,
            events: VecDeque::new(),
        }
    }

    /// (Re)starts the handshake; all requests are forgotten without a word.
    pub fn connect(&mut self, now: Now, remote: SocketAddr) {
        self.requests.clear();
        let handshake = Handshake::start(now, remote, self.peer_id, &self.config, &mut self.rng);
        match handshake {
            Some(handshake) => self.state = State::Greeting(Box::new(handshake)),
            None => self.lose(LostReason::Unreachable),
        }
    }

    /// Whether requests can be answered now.
    #[must_use]
    pub fn is_established(&self) -> bool {
        self.session().is_some()
    }

    /// The handshake hash of the session.
    #[must_use]
    pub fn binding(&self) -> Option<&[u8; 32]> {
        self.session().map(|session| &session.binding)
    }

    /// What the peer said of itself.
    #[must_use]
    pub fn welcome(&self) -> Option<&Welcome> {
        self.session().map(|session| &session.welcome)
    }

    /// Asks; repeats until answered. The frame's request id is overwritten with the one returned. Before the session
    /// stands, requests wait for it. A LATER is not repeated before its delay and a timeout have passed. A frame that
    /// fits no packet is answered here, with TOO_LARGE.
    pub fn request(&mut self, _now: Now, frame: &Frame<'_>, class: Class) -> RequestId {
        let request = self.requests.add(frame, class, false);
        if self.requests.drop_oversized(request) {
            let answer = Answer::Error { code: error_code::TOO_LARGE, retry_after_ms: 0 };
            self.events.push_back(ClientLinkEvent::Answered { request, answer });
        }
        request
    }

    /// Forgets a question: it is not repeated, and an answer is ignored. A silence that it began goes on, until anything is
    /// heard or the verdict falls.
    pub fn cancel(&mut self, request: RequestId) {
        self.requests.cancel(request);
    }

    /// Says that a push is on disk.
    pub fn acknowledge(&mut self, incarnation: Incarnation, delivery: DeliveryId) {
        if let State::Established(session) = &mut self.state {
            session.acknowledge(incarnation, delivery);
        }
    }

    /// Sets or ends the keepalive.
    pub fn set_keepalive(&mut self, now: Now, keepalive: Option<Keepalive>) {
        self.keepalive.set(now, keepalive, &mut self.rng);
    }

    /// Gives up all comfort: what stands is left as keys and numbers, requests and acknowledgements are forgotten. `None`
    /// before the session stands.
    #[must_use]
    pub fn into_bare(self) -> Option<(BareSession, ClientVeil)> {
        match self.state {
            State::Established(session) => Some((BareSession::of(*session), ClientVeil(self.veil))),
            State::Idle | State::Greeting(_) => None,
        }
    }

    /// Queues CLOSE and ends the session once that is sent. No event follows.
    pub fn close(&mut self, _now: Now) {
        self.requests.clear();
        match &mut self.state {
            State::Idle | State::Greeting(_) => self.state = State::Idle,
            State::Established(session) => session.is_closing = true,
        }
    }

    /// Whether nothing has been heard for so long that there is doubt ([`ClientLinkConfig::quiet_us`]).
    #[must_use]
    pub fn is_quiet(&self, now: Now) -> bool {
        self.silent_since().is_some_and(|since| now.mono_us >= since.saturating_add(self.config.quiet_us))
    }

    /// Requests without an answer.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.requests.len()
    }

    /// Smoothed round trip (µs).
    #[must_use]
    pub fn rtt_us(&self) -> Option<u64> {
        self.requests.rtt_us()
    }

    /// The local network changed: something is sent at once, so that the peer learns the new address.
    pub fn path_changed(&mut self, now: Now) {
        match &mut self.state {
            State::Idle => {}
            State::Greeting(handshake) => handshake.send_now(now),
            State::Established(session) => {
                session.roamed = true;
                self.requests.add(&Frame::Poll { request: RequestId(0) }, Class::Control, true);
            }
        }
    }

    /// Takes a datagram in; it is decrypted in place.
    ///
    /// # Errors
    /// The reason why it had no effect.
    pub fn handle_datagram(&mut self, now: Now, remote: SocketAddr, datagram: &mut [u8]) -> Result<(), Drop> {
        if self.remote().map(address_bytes) != Some(address_bytes(remote)) {
            return Err(Drop::WrongSource);
        }
        match (self.veil.unveil(Params::FROM_PEER, datagram)?, &mut self.state) {
            (Unveiled::Sealed { tag, header, ciphertext }, State::Established(session)) => {
                let plaintext = session.open(&tag, &header, ciphertext)?;
                self.requests.heard(now);
                self.read_frames(now, plaintext);
                Ok(())
            }
            (Unveiled::Handshake(packet), State::Established(session)) => {
                session.check_reset(packet)?;
                self.lose(LostReason::Reset);
                Ok(())
            }
            (Unveiled::Handshake(packet), State::Greeting(handshake)) => {
                let Some(done) = handshake.handle_packet(now, packet)? else { return Ok(()) };
                if let Some(rtt_us) = done.rtt_us {
                    self.requests.sample_rtt(rtt_us);
                }
                let session = Session::new(now, remote, done);
                let (welcome, binding) = (session.welcome, session.binding);
                self.events.push_back(ClientLinkEvent::Established { welcome, binding });
                self.state = State::Established(Box::new(session));
                self.keepalive.sent(now, &mut self.rng);
                Ok(())
            }
            (Unveiled::Sealed { .. }, State::Idle | State::Greeting(_)) => Err(Drop::UnknownSession),
            (Unveiled::Handshake(_), State::Idle) => Err(Drop::Unexpected),
        }
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Now) {
        self.tell_if_quiet(now);
        match &self.state {
            State::Idle => {}
            State::Greeting(handshake) => {
                if handshake.is_given_up(now) {
                    self.lose(LostReason::Unreachable);
                }
            }
            State::Established(session) => {
                if session.is_expired(now) {
                    return self.lose(LostReason::Expired);
                }
                self.requests.handle_timeout(now);
                let is_over = |since| now.mono_us >= since + self.config.silence_us;
                if self.requests.silent_since().is_some_and(is_over) && !planted::is(Bug::SilenceNotNoticed) {
                    return self.lose(LostReason::Silent);
                }
                self.handle_keepalive(now);
            }
        }
    }

    /// Clears `out`, puts one datagram into it and says where it goes.
    pub fn poll_transmit(&mut self, now: Now, out: &mut Vec<u8>) -> Option<SocketAddr> {
        out.clear();
        match &mut self.state {
            State::Idle => None,
            State::Greeting(handshake) => handshake.poll_transmit(now, &self.veil, &mut self.rng, out),
            State::Established(session) => {
                if !session.poll_transmit(now, &self.veil, &mut self.requests, &mut self.rng, out) {
                    return None;
                }
                self.keepalive.sent(now, &mut self.rng);
                let remote = session.remote;
                if session.is_closed() {
                    self.state = State::Idle;
                }
                Some(remote)
            }
        }
    }

    /// The next event.
    pub fn poll_event(&mut self) -> Option<ClientLinkEvent> {
        self.events.pop_front()
    }

    /// When [`Self::handle_timeout`] wants to be called, followed by [`Self::poll_transmit`] (µs).
    #[must_use]
    pub fn poll_timeout(&self) -> Option<u64> {
        let since = self.silent_since().filter(|since| self.quiet_told != Some(*since));
        let quiet = since.map(|since| since.saturating_add(self.config.quiet_us));
        match &self.state {
            State::Idle => None,
            State::Greeting(handshake) => Some(handshake.deadline()).into_iter().chain(quiet).min(),
            State::Established(session) => {
                let silent = self.requests.silent_since().map(|since| since + self.config.silence_us);
                [Some(session.expires_us), self.requests.deadline(), silent, quiet, self.keepalive.deadline()]
                    .into_iter()
                    .flatten()
                    .min()
            }
        }
    }

    /// Since when something is unanswered and nothing else was heard.
    fn silent_since(&self) -> Option<u64> {
        match &self.state {
            State::Idle => None,
            State::Greeting(handshake) => Some(handshake.began_us()),
            State::Established(_) => self.requests.silent_since(),
        }
    }

    fn tell_if_quiet(&mut self, now: Now) {
        let since = self.silent_since();
        if self.is_quiet(now) && self.quiet_told != since {
            self.quiet_told = since;
            self.events.push_back(ClientLinkEvent::Quiet);
        }
    }

    fn session(&self) -> Option<&Session> {
        match &self.state {
            State::Established(session) => Some(session),
            State::Idle | State::Greeting(_) => None,
        }
    }

    fn remote(&self) -> Option<SocketAddr> {
        match &self.state {
            State::Idle => None,
            State::Greeting(handshake) => Some(handshake.remote()),
            State::Established(session) => Some(session.remote),
        }
    }

    fn lose(&mut self, reason: LostReason) {
        self.state = State::Idle;
        self.requests.clear();
        self.events.push_back(ClientLinkEvent::Lost { reason });
    }

    fn handle_keepalive(&mut self, now: Now) {
        match self.keepalive.due(now, self.session().is_some_and(|session| session.roamed)) {
            None => {}
            Some(keepalive::Due::Poll) => {
                self.requests.add(&Frame::Poll { request: RequestId(0) }, Class::Control, true);
            }
            Some(keepalive::Due::Keepalive) => {
                if let State::Established(session) = &mut self.state {
                    session.wants_keepalive = true;
                }
            }
        }
    }

    fn read_frames(&mut self, now: Now, plaintext: &[u8]) {
        // What follows a malformed frame is not believed; the sender is authentic, so that is its bug, not an attack.
        for frame in Frames::new(plaintext).map_while(Result::ok) {
            self.read_frame(now, &frame);
        }
    }

    fn read_frame(&mut self, now: Now, frame: &Frame<'_>) {
        let kind = frame.kind();
        match *frame {
            Frame::Ok { requests } => {
                for (first, last) in requests.iter() {
                    for request in self.requests.ids_between(first, last) {
                        self.answer(now, request, kind, Answer::Ok);
                    }
                }
            }
            Frame::Error { request, code, retry_after_ms } => {
                self.answer(now, request, kind, Answer::Error { code, retry_after_ms });
            }
            Frame::Mailbox { request, incarnation } => {
                self.answer(now, request, kind, Answer::Mailbox { incarnation });
            }
            Frame::Status { request, boot, messages, bytes, oldest_s } => {
                self.answer(now, request, kind, Answer::Status(Status { boot, messages, bytes, oldest_s }));
            }
            Frame::Body { request, object, offset, total, part } => {
                self.answer(now, request, kind, Answer::Body { object, offset, total, part: part.to_vec() });
            }
            Frame::Ticket { request, quota_kib, expiry, mac } => {
                self.answer(now, request, kind, Answer::Ticket(TicketData { quota_kib, expiry, mac }));
            }
            Frame::Push { delivery, class, queue, body } => {
                self.events.push_back(ClientLinkEvent::Pushed { delivery, class, queue, body: body.to_vec() });
            }
            Frame::PathChallenge { data } => {
                if let State::Established(session) = &mut self.state {
                    session.answer_challenge(data);
                }
            }
            Frame::Superseded => self.events.push_back(ClientLinkEvent::Superseded),
            Frame::Close => self.lose(LostReason::Closed),
            Frame::Keepalive
            | Frame::Register { .. }
            | Frame::Poll { .. }
            | Frame::Deposit { .. }
            | Frame::Ack { .. }
            | Frame::Lookup { .. }
            | Frame::Fetch { .. }
            | Frame::Put { .. }
            | Frame::QueueSet { .. }
            | Frame::QueueDrop { .. }
            | Frame::QueueRestore { .. }
            | Frame::ListEnd { .. }
            | Frame::TokenSet { .. }
            | Frame::TokenDrop { .. }
            | Frame::PathResponse { .. }
            | Frame::Later { .. }
            | Frame::IntroPolicy { .. }
            | Frame::Unknown { .. } => {}
        }
    }

    fn answer(&mut self, now: Now, request: RequestId, kind: u8, answer: Answer) {
        debug_assert_ne!(kind, kind::KEEPALIVE);
        match self.requests.answered(now, request, kind) {
            None => {}
            Some(requests::Asker::Owner) => self.events.push_back(ClientLinkEvent::Answered { request, answer }),
            Some(requests::Asker::Link) => {
                if let Answer::Status(status) = answer {
                    self.events.push_back(ClientLinkEvent::Polled { status });
                }
            }
        }
    }
}

#[cfg(test)]
impl ClientLink {
    /// The client's own name for its session.
    pub(crate) fn session_id(&self) -> Option<pirushka_wire::SessionId> {
        match &self.state {
            State::Idle => None,
            State::Greeting(handshake) => Some(handshake.client_session()),
            State::Established(session) => Some(session.own),
        }
    }
}
