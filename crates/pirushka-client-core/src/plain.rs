//! A client of the plain profile, as a pure machine: registers at a peer with the seed's bare packets, keeps the NAT's
//! hole open, notices when the peer is gone (facts 8 to 11). `spec/plain.md` is the text that this follows.
//!
//! It is for study: nothing is sent to whoever is registered so. [`PlainClient::register`] begins (a program has started,
//! the network is another one); then REGISTER goes out and is repeated each time that no OK comes within
//! [`PlainConfig::wait_us`], as a new statement with a new timestamp; after [`PlainConfig::tries`] the verdict is
//! [`PlainEvent::Unavailable`], and a keepalive's time later it begins again by itself. A CHALLENGE is answered by RESPONSE,
//! repeated in the same way. Nothing tells a silent client that its NAT or the peer has forgotten it, so each
//! [`PlainConfig::register_every`]th keepalive is a registration.
//!
//! Driving it: feed one input (a command, [`PlainClient::handle_datagram`], [`PlainClient::handle_timeout`]), drain
//! [`PlainClient::poll_event`] and [`PlainClient::poll_transmit`], sleep until [`PlainClient::poll_timeout`].

use std::collections::VecDeque;
use std::net::SocketAddr;

pub use pirushka_identity::Identity;
use pirushka_identity::PlainPacket;
use pirushka_wire::plain::{Challenge, decode_challenge};
use pirushka_wire::root::kind;
use pirushka_wire::time::SECOND;
use pirushka_wire::{Fingerprint, Now, Params, Root, Signature};
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};

/// The longest shifts that are made: RESPONSE with the largest certificate still fits a datagram's 1200 bytes.
const SHIFT_MAX: u8 = 16;
/// How far a timestamp may be from a peer's clock, in seconds.
const CLOCK_TOLERANCE_S: u64 = 120;

/// An identity for once: registering in the clear shows the fingerprint to everybody on the path, so it should not be
/// the one by which people know each other.
#[must_use]
pub fn throw_away_identity(seed: [u8; 32]) -> Identity {
    Identity::generate(&mut ChaCha20Rng::from_seed(seed))
}

impl crate::Client {
    /// Whom this profile is, for a registration in the clear under the person's own name. The client is gone then.
    #[must_use]
    pub fn into_identity(self) -> Identity {
        self.identity
    }
}

/// How a plain client behaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlainConfig {
    /// Time between keepalives, µs. `None`: none, as fact 11 allows for IPv6 and for peers that do not serve one.
    /// Default 2 min, the seed's "couple of minutes"; a stock Linux NAT forgets after 30 s.
    pub keepalive_us: Option<u64>,
    /// How long an answer is waited for, µs. Default 2 s.
    pub wait_us: u64,
    /// How often a question is asked before the verdict. Default 3, the seed's "couple of failures".
    pub tries: u32,
    /// Each so-manieth keepalive is a registration instead; 0: none. Default 5.
    pub register_every: u32,
    /// Whether packets have shifts (fact 19), of a random length each. Default false: they hide nothing.
    pub shifts: bool,
}

impl Default for PlainConfig {
    fn default() -> Self {
        Self { keepalive_us: Some(120 * SECOND), wait_us: 2 * SECOND, tries: 3, register_every: 5, shifts: false }
    }
}

/// What a plain client has to tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlainEvent {
    /// The peer answered OK to the registration (fact 9).
    Registered,
    /// And to the answer to its challenge: from now on the address counts.
    Proven,
    /// No answer to so many tries: the verdict of fact 10.
    Unavailable,
}

/// Why a datagram had no effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PlainIgnored {
    /// Not from the peer's address.
    #[error("not from the peer's address")]
    WrongSource,
    /// Not a bare packet from a peer.
    #[error("not a bare packet from a peer")]
    NotOurs,
    /// A packet that answers nothing that was asked.
    #[error("this answers nothing that was asked")]
    Unexpected,
}

/// A registration at one peer.
#[derive(Debug)]
pub struct PlainClient {
    config: PlainConfig,
    identity: Identity,
    peer: SocketAddr,
    rng: ChaCha20Rng,
    phase: Phase,
    /// The last registration and its answer to a challenge, by their timestamps.
    asked: Option<u64>,
    /// Challenges that may still be answered: one for each REGISTER sent, so that nobody can make us talk.
    challenges: u32,
    keepalives: u32,
    timestamp: u64,
    out: VecDeque<Vec<u8>>,
    events: VecDeque<PlainEvent>,
}

/// Where a registration stands, and what is due when (mono µs).
#[derive(Debug, Clone, Copy)]
enum Phase {
    /// Nobody has asked for anything.
    Idle,
    /// REGISTER is out.
    Registering { tries: u32, until: u64 },
    /// OK came. `next` is the keepalive.
    Registered { next: Option<u64> },
    /// RESPONSE is out, with this timestamp.
    Responding { challenge: Challenge, timestamp: u64, tries: u32, until: u64 },
    /// The verdict was given; it begins again then.
    Unavailable { again: u64 },
}

impl PlainClient {
    /// A client that has not begun; `seed` is all its randomness.
    #[must_use]
    pub fn new(config: PlainConfig, identity: Identity, peer: SocketAddr, seed: [u8; 32]) -> Self {
        Self {
            config,
            identity,
            peer,
            rng: ChaCha20Rng::from_seed(seed),
            phase: Phase::Idle,
            asked: None,
            challenges: 0,
            keepalives: 0,
            timestamp: 0,
            out: VecDeque::new(),
            events: VecDeque::new(),
        }
    }

    /// Who registers.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        self.identity.fingerprint()
    }

    /// Where the peer is.
    #[must_use]
    pub fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// Whether the peer has asked for a proof and has not said yet that it holds.
    #[must_use]
    pub fn is_challenged(&self) -> bool {
        matches!(self.phase, Phase::Responding { .. })
    }

    /// The peer is at another address.
    pub fn set_peer(&mut self, peer: SocketAddr) {
        self.peer = peer;
    }

    /// Begins a registration: at the start, and at each change of network (fact 8).
    pub fn register(&mut self, now: Now) {
        self.ask(now, 1);
    }

    /// Takes a datagram in.
    ///
    /// # Errors
    /// Why it had no effect.
    pub fn handle_datagram(&mut self, now: Now, remote: SocketAddr, datagram: &[u8]) -> Result<(), PlainIgnored> {
        if remote != self.peer {
            return Err(PlainIgnored::WrongSource);
        }
        let root = Root::decode(datagram).map_err(|_| PlainIgnored::NotOurs)?;
        if root.params != Params::FROM_PEER {
            return Err(PlainIgnored::NotOurs);
        }
        match root.kind {
            kind::OK if root.payload.is_empty() => self.handle_ok(now, root.timestamp),
            kind::CHALLENGE => {
                let challenge = decode_challenge(root.payload).map_err(|_| PlainIgnored::NotOurs)?;
                self.handle_challenge(now, challenge)
            }
            _ => Err(PlainIgnored::NotOurs),
        }
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Now) {
        if self.poll_timeout().is_none_or(|at| at > now.mono_us) {
            return;
        }
        match self.phase {
            Phase::Idle => {}
            Phase::Registering { tries, .. } if tries < self.config.tries => self.ask(now, tries + 1),
            Phase::Responding { challenge, tries, .. } if tries < self.config.tries => {
                self.respond(now, challenge, tries + 1);
            }
            Phase::Registering { .. } | Phase::Responding { .. } => {
                let again = now.after_us(self.config.keepalive_us.unwrap_or(120 * SECOND));
                self.phase = Phase::Unavailable { again };
                self.asked = None;
                self.challenges = 0;
                self.events.push_back(PlainEvent::Unavailable);
            }
            Phase::Registered { .. } => self.keep_alive(now),
            Phase::Unavailable { .. } => self.ask(now, 1),
        }
    }

    /// Clears `out`, puts the next datagram into it and says where it goes.
    pub fn poll_transmit(&mut self, out: &mut Vec<u8>) -> Option<SocketAddr> {
        let datagram = self.out.pop_front()?;
        out.clear();
        out.extend(datagram);
        Some(self.peer)
    }

    /// The next event.
    pub fn poll_event(&mut self) -> Option<PlainEvent> {
        self.events.pop_front()
    }

    /// When [`Self::handle_timeout`] wants to be called (mono µs).
    #[must_use]
    pub fn poll_timeout(&self) -> Option<u64> {
        match self.phase {
            Phase::Idle => None,
            Phase::Registering { until, .. } | Phase::Responding { until, .. } => Some(until),
            Phase::Registered { next } => next,
            Phase::Unavailable { again } => Some(again),
        }
    }

    fn handle_ok(&mut self, now: Now, timestamp: u64) -> Result<(), PlainIgnored> {
        match self.phase {
            Phase::Responding { timestamp: responded, .. } if timestamp == responded => {
                if self.asked.take().is_some() {
                    self.events.push_back(PlainEvent::Registered);
                }
                self.events.push_back(PlainEvent::Proven);
                self.rest(now);
                Ok(())
            }
            // A peer of the seed puts into OK whatever time it likes, so an open question is answered by any OK.
            Phase::Registering { .. } | Phase::Responding { .. } if self.asked.take().is_some() => {
                self.events.push_back(PlainEvent::Registered);
                if matches!(self.phase, Phase::Registering { .. }) {
                    self.rest(now);
                }
                Ok(())
            }
            Phase::Idle
            | Phase::Registering { .. }
            | Phase::Registered { .. }
            | Phase::Responding { .. }
            | Phase::Unavailable { .. } => Err(PlainIgnored::Unexpected),
        }
    }

    fn handle_challenge(&mut self, now: Now, challenge: Challenge) -> Result<(), PlainIgnored> {
        self.challenges = self.challenges.checked_sub(1).ok_or(PlainIgnored::Unexpected)?;
        self.respond(now, challenge, 1);
        Ok(())
    }

    fn ask(&mut self, now: Now, tries: u32) {
        let timestamp = self.next_timestamp(now);
        self.phase = Phase::Registering { tries, until: now.after_us(self.config.wait_us) };
        self.asked = Some(timestamp);
        self.challenges = 1;
        self.keepalives = 0;
        let packet = self.identity.plain_register(timestamp);
        self.send_packet(&packet);
    }

    fn respond(&mut self, now: Now, challenge: Challenge, tries: u32) {
        let timestamp = self.next_timestamp(now);
        let until = now.after_us(self.config.wait_us);
        self.phase = Phase::Responding { challenge, timestamp, tries, until };
        let packet = self.identity.plain_response(&challenge, timestamp);
        self.send_packet(&packet);
    }

    fn keep_alive(&mut self, now: Now) {
        self.keepalives += 1;
        if self.config.register_every > 0 && self.keepalives.is_multiple_of(self.config.register_every) {
            return self.ask(now, 1);
        }
        let nothing = Signature::Absent;
        self.send(&Root {
            params: Params::TO_PEER,
            kind: kind::KEEPALIVE,
            signature: nothing,
            timestamp: 0,
            payload: &[],
        });
        self.rest(now);
    }

    fn rest(&mut self, now: Now) {
        self.phase = Phase::Registered { next: self.config.keepalive_us.map(|us| now.after_us(us)) };
    }

    /// The time in seconds, and never the same twice: each statement can be made once. A clock that was set back by more
    /// than a peer tolerates is followed.
    fn next_timestamp(&mut self, now: Now) -> u64 {
        let (clock, next) = (now.wall_s(), self.timestamp + 1);
        self.timestamp = if next.saturating_sub(clock) > CLOCK_TOLERANCE_S { clock } else { clock.max(next) };
        self.timestamp
    }

    fn send_packet(&mut self, packet: &PlainPacket) {
        self.send(&packet.root());
    }

    fn send(&mut self, root: &Root<'_>) {
        let mut datagram = vec![];
        if self.config.shifts {
            let shift = 1 + (self.rng.next_u32() % u32::from(SHIFT_MAX)) as u8;
            // See SHIFT_MAX: this never fails.
            let _ = root.encode_shifted(shift, &mut |gap| self.rng.fill_bytes(gap), &mut datagram);
        } else {
            root.encode(&mut datagram);
        }
        self.out.push_back(datagram);
    }
}

#[cfg(test)]
mod tests;

const _: () = {
    let response = 13 + 64 + 32 + 2 + pirushka_wire::limits::CERTIFICATE_MAX;
    assert!(response + 4 * SHIFT_MAX as usize <= pirushka_wire::limits::DATAGRAM_MAX);
};
