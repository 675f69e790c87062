//! What the peer holds, and the commands over it. Knows users and queues, no sessions and no sockets.
//!
//! Each command first finds out whether it may, then changes one user, then [`Store::settle`]s that user: the ledger
//! takes over the user's footprint and the timer its next deadline. A refused command has changed nothing.

mod bundle;
mod deliver;
mod deposit;
mod expiry;
mod hourly;
mod inbox;
mod intro;
mod ledger;
mod mailbox;
mod pressure;
mod publish;
mod queue_list;
mod queues;
mod register;
mod registry;
mod sources;
mod tokens;
mod user;

#[cfg(test)]
mod figures;
#[cfg(test)]
mod model;
#[cfg(test)]
mod stories;

use std::collections::{BTreeSet, HashMap};
use std::fmt;

use pirushka_wire::time::SECOND;
use pirushka_wire::{Now, QueueId};
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};
use zeroize::{Zeroize, ZeroizeOnDrop};

use hourly::Hourly;
pub(crate) use inbox::Part;
pub(crate) use intro::IntroDeposit;
pub(crate) use queue_list::QueueSetting;
#[cfg(test)]
use queue_list::TicketGrant;
pub(crate) use register::Registered;
pub(crate) use sources::Source;
pub(crate) use user::UserId;

use crate::config::PeerConfig;
use crate::limits::ONE_TIME_EVERY_US;
use crate::refusal::Refusal;
use crate::stats::Stats;
use crate::timers::Timers;
use ledger::Ledger;
use registry::Registry;
use sources::IntroSources;
use user::User;

/// Everything held, in RAM and nowhere else (fact 4).
#[derive(Debug)]
pub(crate) struct Store {
    config: PeerConfig,
    /// Seconds are counted from here.
    start_us: u64,
    ticket_key: Key,
    deposit_key: Key,
    source_key: Key,
    rng: ChaCha20Rng,
    registry: Registry,
    by_queue: HashMap<QueueId, (UserId, u16)>,
    ledger: Ledger,
    timers: Timers<UserId>,
    intro_sources: IntroSources,
    /// Bundles by the moment of their publication.
    bundles: BTreeSet<(u64, UserId)>,
    new_users: Hourly,
    one_time_packages: Hourly,
    draining: bool,
    totals: Stats,
}

impl Store {
    /// An empty store. `ticket_key` outlives restarts; everything else is drawn from `seed`.
    pub(crate) fn new(config: &PeerConfig, ticket_key: [u8; 32], seed: [u8; 32], now: Now) -> Self {
        let mut rng = ChaCha20Rng::from_seed(seed);
        let mut key = || {
            let mut key = [0; 32];
            rng.fill_bytes(&mut key);
            Key(key)
        };
        Self {
            start_us: now.mono_us,
            ticket_key: Key(ticket_key),
            deposit_key: key(),
            source_key: key(),
            rng,
            registry: Registry::default(),
            by_queue: HashMap::new(),
            ledger: Ledger::new(config.ram_bytes),
            timers: Timers::default(),
            intro_sources: IntroSources::default(),
            bundles: BTreeSet::new(),
            new_users: Hourly::new(pirushka_wire::time::HOUR, config.prefixes_max),
            one_time_packages: Hourly::new(ONE_TIME_EVERY_US, config.prefixes_max),
            draining: false,
            totals: Stats::default(),
            config: config.clone(),
        }
    }

    /// Stops taking deposits, tickets and new users.
    pub(crate) fn drain(&mut self) {
        self.draining = true;
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.draining
    }

    /// The source prefix of an address, as this run names it.
    pub(crate) fn source(&self, remote: std::net::SocketAddr) -> Source {
        Source::of(&self.source_key.0, remote)
    }

    /// Adds what the store counts to `stats`.
    pub(crate) fn stats(&self, stats: Stats) -> Stats {
        let t = &self.totals;
        Stats {
            users: self.registry.len() as u64,
            queues: self.by_queue.len() as u64,
            messages_held: t.messages_held,
            bytes_held: self.ledger.used(),
            ram_bytes: self.ledger.cap(),
            deposits: t.deposits,
            deposits_repeated: t.deposits_repeated,
            intros: t.intros,
            delivered: t.delivered,
            expired: t.expired,
            evicted: t.evicted,
            lookups: t.lookups,
            one_time_packages: t.one_time_packages,
            queues_restored: t.queues_restored,
            draining: self.draining,
            ..stats
        }
    }

    /// Takes over what a session counts.
    pub(crate) fn settle_session(&mut self, charged: &mut u64, takes: u64) {
        self.ledger.settle(charged, takes);
    }

    fn second(&self, now: Now) -> u32 {
        u32::try_from(now.mono_us.saturating_sub(self.start_us) / SECOND).unwrap_or(u32::MAX)
    }

    fn user(&self, id: UserId) -> Result<&User, Refusal> {
        self.registry.get(id).ok_or(Refusal::NOT_REGISTERED)
    }

    fn user_mut(&mut self, id: UserId) -> Result<&mut User, Refusal> {
        self.registry.get_mut(id).ok_or(Refusal::NOT_REGISTERED)
    }

    /// Brings the ledger, the count of messages and the timer up to what the user is now.
    fn settle(&mut self, id: UserId) {
        let Some(user) = self.registry.get_mut(id) else { return };
        let takes = user.footprint();
        self.ledger.settle(&mut user.charged, takes);
        let from_mailbox = user.mailbox.next_second(self.config.hold_s);
        let from_mailbox = from_mailbox.map(|s| self.start_us.saturating_add(u64::from(s) * SECOND));
        let next = [from_mailbox, user.inbox.next_us(), user.ends_us(&self.config)].into_iter().flatten().min();
        if let Some(next) = next {
            self.timers.arm(id, next);
        }
    }
}

/// A key that is never printed, and overwritten in the end.
#[derive(Zeroize, ZeroizeOnDrop)]
struct Key([u8; 32]);

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(_) = self;
        f.write_str("Key(..)")
    }
}

/// 64 bits of a keyed hash.
fn keyed_u64(key: &[u8; 32], input: &[u8]) -> u64 {
    let hash = blake3::keyed_hash(key, input);
    hash.as_bytes().first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes))
}
