//! What the peer holds, and the commands over it. Knows users and queues, no sessions and no sockets.
//!
//! Each command first finds out whether it may, then changes one user, then [`Store::settle`]s that user: the ledger
//! takes over the user's footprint and the timer its next deadline. A refused command has changed nothing.

mod bundle;
mod deliver;
mod deposit;
mod expiry;
mod heap;
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
mod shelf;
mod sources;
mod tokens;
mod user;

#[cfg(test)]
mod attacks;
#[cfg(test)]
mod figures;
#[cfg(test)]
mod model;
#[cfg(test)]
mod rules;
#[cfg(test)]
mod stories;

use std::collections::{BTreeSet, HashMap};
use std::fmt;

use pirushka_link::PeerLink;
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
pub(crate) use register::{Newcomer, Registered};
pub(crate) use sources::Source;
pub(crate) use user::UserId;

use crate::config::PeerConfig;
use crate::limits::{HOURLY_OVERHEAD, ONE_TIME_EVERY_US, SESSIONS_PERCENT, SESSIONS_SHARE};
use crate::refusal::Refusal;
use crate::stats::Stats;
use crate::timers::Timers;
use ledger::Ledger;
use registry::Registry;
use shelf::{Place, Shelf};
use sources::IntroSources;
use user::User;

/// Everything held, in RAM and nowhere else (fact 4).
#[derive(Debug)]
pub(crate) struct Store {
    config: PeerConfig,
    /// Seconds are counted from here.
    start_us: u64,
    ticket_key: Key,
    /// Invite secrets are made from it.
    invite_key: Key,
    deposit_key: Key,
    source_key: Key,
    rng: ChaCha20Rng,
    registry: Registry,
    by_queue: HashMap<QueueId, (UserId, u16)>,
    shelf: Shelf,
    ledger: Ledger,
    /// What the ledger counts for tables of sources.
    tables_charged: u64,
    timers: Timers<UserId>,
    intro_sources: IntroSources,
    /// Bundles by the moment of their publication.
    bundles: BTreeSet<(u64, UserId)>,
    new_users: Hourly,
    /// Introductions by work.
    worked_intros: Hourly,
    one_time_packages: Hourly,
    /// The peer ends at this moment at the latest.
    draining_until_us: Option<u64>,
    totals: Stats,
    /// Used again and again by acknowledgements.
    places: Vec<Place>,
}

impl Store {
    /// An empty store. `keys` outlive restarts; everything else is drawn from `seed`.
    pub(crate) fn new(config: &PeerConfig, keys: LastingKeys, seed: [u8; 32], now: Now) -> Self {
        let mut rng = ChaCha20Rng::from_seed(seed);
        let mut key = || {
            let mut key = [0; 32];
            rng.fill_bytes(&mut key);
            Key(key)
        };
        Self {
            start_us: now.mono_us,
            ticket_key: Key(keys.ticket),
            invite_key: Key(keys.invite),
            deposit_key: key(),
            source_key: key(),
            rng,
            registry: Registry::default(),
            by_queue: HashMap::new(),
            shelf: Shelf::new(config.ram_bytes),
            ledger: Ledger::new(config.ram_bytes),
            tables_charged: 0,
            timers: Timers::default(),
            intro_sources: IntroSources::default(),
            bundles: BTreeSet::new(),
            new_users: Hourly::new(pirushka_wire::time::HOUR, prefixes_max(config)),
            worked_intros: Hourly::new(pirushka_wire::time::HOUR, prefixes_max(config)),
            one_time_packages: Hourly::new(ONE_TIME_EVERY_US, prefixes_max(config)),
            draining_until_us: None,
            totals: Stats::default(),
            places: Vec::new(),
            config: config.clone(),
        }
    }

    /// Stops taking deposits, tickets and new users, for it ends within so much time.
    pub(crate) fn drain(&mut self, now: Now, within_us: u64) {
        let until_us = now.after_us(within_us);
        self.draining_until_us = Some(self.draining_until_us.map_or(until_us, |before| before.min(until_us)));
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.draining_until_us.is_some()
    }

    fn refuse_when_draining(&self, now: Now) -> Result<(), Refusal> {
        self.draining_until_us.map_or(Ok(()), |until| Err(Refusal::draining(until.saturating_sub(now.mono_us))))
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
            intros_waiting: self.intro_sources.len() as u64,
            bundles: self.bundles.len() as u64,
            prefixes: self.new_users.len() as u64,
            prefixes_max: self.new_users.sources_max() as u64,
            bytes_beside: self.ledger.beside(),
            pressure_percent: self.ledger.percent(),
            draining: self.is_draining(),
            ..stats
        }
    }

    /// Takes over what long bodies on their way take.
    pub(crate) fn settle_bodies(&mut self, charged: &mut u64, takes: u64) {
        self.ledger.settle(charged, takes);
    }

    /// Takes over what sessions take, and keeps their share free.
    pub(crate) fn settle_sessions(&mut self, charged: &mut u64, takes: u64) {
        self.ledger.settle_in_share(charged, takes, sessions_share(&self.config));
    }

    /// Whether a session that is there may take `more` bytes.
    pub(crate) fn has_room_in_session(&self, more: u64) -> bool {
        self.ledger.fits_in_share(more, 100)
    }

    /// How many bytes more sessions, and what is on its way in them, may take: their share always, beyond it while there
    /// is plenty.
    pub(crate) fn room_for_sessions(&self) -> u64 {
        self.ledger.room_in_share(SESSIONS_PERCENT)
    }

    /// The memory cap.
    pub(crate) fn cap(&self) -> u64 {
        self.ledger.cap()
    }

    /// How long messages are held, in seconds.
    pub(crate) fn hold_s(&self) -> u32 {
        self.config.hold_s
    }

    /// Other limits from now on. What is held stays.
    pub(crate) fn set_config(&mut self, config: &PeerConfig) {
        self.config = config.clone();
        self.ledger.set_cap(config.ram_bytes);
        for table in [&mut self.new_users, &mut self.worked_intros, &mut self.one_time_packages] {
            table.set_sources_max(prefixes_max(config));
        }
        self.registry.for_each(|user| user.queues.set_reserve(config.queue_reserve_bytes));
    }

    /// The process takes so much memory in all.
    pub(crate) fn measured(&mut self, resident_bytes: u64) {
        self.ledger.measured(resident_bytes);
    }

    /// Takes over what the tables of sources take.
    fn settle_tables(&mut self) {
        let takes = self.new_users.footprint() + self.worked_intros.footprint() + self.one_time_packages.footprint();
        self.ledger.settle(&mut self.tables_charged, takes);
    }

    /// Gives back what messages took that are no longer held.
    fn release(&mut self, places: &mut Vec<Place>) {
        let Self { shelf, registry, .. } = self;
        shelf.take_all(places, |moved| {
            if let Some(user) = registry.get_mut(moved.user) {
                user.mailbox.moved(moved.delivery, moved.to);
            }
        });
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
        if let Some(next) = next.filter(|next| *next < user.armed_us) {
            user.armed_us = next;
            self.timers.arm(id, next);
        }
    }
}

/// The part of the cap that is kept free for sessions.
fn sessions_share(config: &PeerConfig) -> u64 {
    let all = config.link.sessions_max as u64 * PeerLink::SESSION_BYTES;
    all.min(config.ram_bytes / SESSIONS_SHARE)
}

/// A small peer remembers fewer networks: the three tables take a tenth of the cap at most.
fn prefixes_max(config: &PeerConfig) -> u32 {
    let fitting = config.ram_bytes / (30 * HOURLY_OVERHEAD);
    config.prefixes_max.min(u32::try_from(fitting).unwrap_or(u32::MAX)).max(16)
}

/// What is derived from the peer's static key, one key for each purpose.
#[derive(Clone, Copy)]
pub(crate) struct LastingKeys {
    pub(crate) ticket: [u8; 32],
    pub(crate) invite: [u8; 32],
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
