//! Reaching one peer over one socket: look the host up, shake hands, and decide what to do when it falls silent.
//!
//! Policy. A peer that forgot the session (restart) is greeted again at once. A peer that fell silent gets a new look-up
//! and a new HELLO at every address its name has. When none answers, the verdict is "peer unavailable" (fact 10), and
//! the next attempt waits: the first pause is short, later ones double up to a bound, with jitter downward so that many
//! clients do not come back in one moment.

use std::net::{IpAddr, SocketAddr};

use pirushka_link::{ClientLink, LostReason};
use pirushka_wire::time::SECOND;
use pirushka_wire::{Now, PeerAddress};
use rand_core::Rng;

use crate::api::{Event, QueryId, SocketId};

/// A session that was lost sooner counts as a failure: a peer that takes and drops everybody is not asked without end.
const LASTING_US: u64 = 10 * SECOND;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Nothing is wanted.
    Idle,
    /// The host's addresses are being looked up.
    Resolving(QueryId),
    /// HELLO is under way.
    Greeting,
    /// The session stands.
    Up,
    /// Unavailable; next attempt at this moment.
    Waiting { until_us: u64 },
}

/// What became of a lost session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Another attempt is under way already.
    Retrying,
    /// "Peer unavailable"; the phase is now [`Phase::Waiting`].
    Unavailable,
}

pub(crate) struct Dial {
    pub(crate) peer: PeerAddress,
    pub(crate) socket: SocketId,
    pub(crate) link: ClientLink,
    phase: Phase,
    addresses: Vec<SocketAddr>,
    next_address: usize,
    failures: u32,
    /// When the session came to stand.
    up_us: u64,
    retry: Retry,
}

/// Pauses after a failure.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Retry {
    pub(crate) first_us: u64,
    pub(crate) max_us: u64,
}

/// Numbers for questions to the DNS, and where the questions go.
pub(crate) struct Asker<'a> {
    pub(crate) events: &'a mut std::collections::VecDeque<Event>,
    pub(crate) next_query: &'a mut u32,
}

impl Dial {
    pub(crate) fn new(peer: PeerAddress, socket: SocketId, link: ClientLink, retry: Retry) -> Self {
        Self {
            peer,
            socket,
            link,
            phase: Phase::Idle,
            addresses: vec![],
            next_address: 0,
            failures: 0,
            up_us: 0,
            retry,
        }
    }

    pub(crate) fn phase(&self) -> Phase {
        self.phase
    }

    /// The address that is or was last greeted.
    pub(crate) fn address(&self) -> Option<SocketAddr> {
        self.addresses.get(self.next_address.checked_sub(1)?).copied()
    }

    pub(crate) fn is_up(&self) -> bool {
        self.phase == Phase::Up
    }

    /// When [`Self::wake`] should be called, if the peer is being avoided now.
    pub(crate) fn waiting_until(&self) -> Option<u64> {
        match self.phase {
            Phase::Waiting { until_us } => Some(until_us),
            Phase::Idle | Phase::Resolving(_) | Phase::Greeting | Phase::Up => None,
        }
    }

    /// Begins to reach the peer unless that is under way or must wait. Gives the query to be answered, if one is asked.
    pub(crate) fn wake(&mut self, now: Now, ask: &mut Asker<'_>) -> Option<QueryId> {
        match self.phase {
            Phase::Resolving(_) | Phase::Greeting | Phase::Up => None,
            Phase::Waiting { until_us } if now.mono_us < until_us => None,
            Phase::Idle | Phase::Waiting { .. } => self.resolve(now, ask),
        }
    }

    /// The peer wants nothing of us: leaves it alone for a while.
    pub(crate) fn rest(&mut self, now: Now, us: u64) {
        self.link.close(now);
        self.phase = Phase::Waiting { until_us: now.after_us(us) };
    }

    /// Like [`Self::wake`], without regard to a pause: the network has changed, or the person asks.
    pub(crate) fn wake_now(&mut self, now: Now, ask: &mut Asker<'_>) -> Option<QueryId> {
        if matches!(self.phase, Phase::Waiting { .. }) {
            self.phase = Phase::Idle;
        }
        self.wake(now, ask)
    }

    /// The answer to a look-up. An empty one counts as a failure.
    pub(crate) fn resolved(&mut self, now: Now, addresses: Vec<SocketAddr>, rng: &mut impl Rng) -> Verdict {
        self.addresses = addresses;
        self.next_address = 0;
        self.greet_next(now, rng)
    }

    pub(crate) fn established(&mut self, now: Now) {
        self.phase = Phase::Up;
        self.up_us = now.mono_us;
    }

    pub(crate) fn lost(
        &mut self,
        now: Now,
        reason: LostReason,
        ask: &mut Asker<'_>,
        rng: &mut impl Rng,
    ) -> (Verdict, Option<QueryId>) {
        if self.phase == Phase::Up && now.mono_us.saturating_sub(self.up_us) >= LASTING_US {
            self.failures = 0;
        }
        match reason {
            LostReason::Reset | LostReason::Expired | LostReason::Closed if self.failures == 0 => {
                self.failures = 1;
                self.next_address = self.next_address.saturating_sub(1);
                (self.greet_next(now, rng), None)
            }
            LostReason::Silent => (Verdict::Retrying, self.resolve(now, ask)),
            LostReason::Reset | LostReason::Expired | LostReason::Closed => {
                self.next_address = self.addresses.len();
                (self.greet_next(now, rng), None)
            }
            LostReason::Unreachable => (self.greet_next(now, rng), None),
        }
    }

    fn resolve(&mut self, now: Now, ask: &mut Asker<'_>) -> Option<QueryId> {
        self.next_address = 0;
        if let Ok(ip) = self.peer.host.as_str().parse::<IpAddr>() {
            self.addresses = vec![SocketAddr::new(ip, self.peer.port)];
            self.next_address = 1;
            self.phase = Phase::Greeting;
            self.link.connect(now, self.addresses[0]);
            return None;
        }
        let query = QueryId(*ask.next_query);
        *ask.next_query += 1;
        self.phase = Phase::Resolving(query);
        ask.events.push_back(Event::Resolve { query, host: self.peer.host.as_str().to_owned(), port: self.peer.port });
        Some(query)
    }

    fn greet_next(&mut self, now: Now, rng: &mut impl Rng) -> Verdict {
        if let Some(&address) = self.addresses.get(self.next_address) {
            self.next_address += 1;
            self.phase = Phase::Greeting;
            self.link.connect(now, address);
            return Verdict::Retrying;
        }
        let pause = self.retry.first_us.saturating_mul(1 << self.failures.min(20)).min(self.retry.max_us);
        self.failures += 1;
        let jitter = rng.next_u64() % (pause / 4 + 1);
        self.phase = Phase::Waiting { until_us: now.after_us(pause - jitter) };
        Verdict::Unavailable
    }
}
