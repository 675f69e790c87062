//! What an operator may change, with defaults and what each costs at worst.

use std::ops::RangeInclusive;

use pirushka_identity::proofs;
use pirushka_link::{PeerKey, PeerLinkConfig};
use pirushka_wire::InviteSecret;
use pirushka_wire::handshake::Terms;

use crate::plain::PlainConfig;

/// Every limit of one peer (one shard). Memory figures are worst cases at the default.
#[derive(Debug, Clone)]
pub struct PeerConfig {
    /// Bytes this peer may hold for all users together, overhead counted. At 80 % introductions are refused, at 90 %
    /// introductions of the largest sources and then the oldest bundles are dropped, at 100 % everything is FULL.
    /// Default 512 MiB; the process takes about a fifth more (allocator, link sessions).
    pub ram_bytes: u64,
    /// How long an envelope is held, in seconds; told to every sender. Default 14 days.
    pub hold_s: u32,
    /// How long a complete introduction is held, in seconds. Default 24 h.
    pub intro_hold_s: u32,
    /// The largest envelope, in bytes. Default 1088, the largest that the protocol makes.
    pub envelope_max: u16,
    /// Bytes per contact queue, overhead counted; a user may ask for less. Default 1 MiB.
    pub queue_bytes: u32,
    /// Messages per contact queue. Default 500.
    pub queue_messages: u16,
    /// Bytes that every queue has for itself, outside `user_bytes`; deposits flagged bulk may not use them.
    /// Default 16 KiB; with `queues_max` of them at most 16 MiB per user.
    pub queue_reserve_bytes: u32,
    /// Bytes that a user's queues and bundle share. Default 8 MiB; with all reserves a user holds 24 MiB at most.
    pub user_bytes: u32,
    /// Contact queues per user. Default 1024, at most 65535; empty ones cost 192 bytes each.
    pub queues_max: u16,
    /// Introductions waiting per user, each of those by invite and those by work. Default 16.
    pub intros_max: u16,
    /// Introductions by work that one source prefix may begin per hour. Default 512, for carrier NATs.
    pub intros_per_prefix_hour: u32,
    /// Bytes of one introduction, all parts. Default 8 KiB; twice 16 of them are 256 KiB per user, plus overhead.
    pub intro_bytes: u32,
    /// Tokens per user. Default 128; 96 bytes each and for each introduction that used one.
    pub tokens_max: u16,
    /// One-time key packages kept per user; more are ignored. Default 2, about 2.7 KiB each.
    pub one_time_packages_max: u8,
    /// Users that one source prefix (/24, /56) may create per hour; above 70 % of `ram_bytes` a sixteenth of it.
    /// Coming back to an entry that exists is never limited. Default 4096, for offices and carrier NATs.
    pub new_users_per_prefix_hour: u32,
    /// Source prefixes remembered for limits per hour. Default 65536, about 5 MiB; further ones share one account.
    pub prefixes_max: u32,
    /// Every entry with an empty mailbox lives at least this long after its user was last heard, in seconds; beyond
    /// it, as long again as it had lived. Default 1 h, so that an invite made in a first short visit can be answered.
    pub user_life_min_s: u32,
    /// And at most this long. Default 14 days.
    pub user_life_max_s: u32,
    /// How long a ticket brings its queue back after restarts, in seconds. Default 1 year; a revoked contact can use
    /// its ticket only between a restart and its user's next registration.
    pub ticket_life_s: u32,
    /// Leading zero bits of work asked at least of introductions without a token, to users who take such ones; a user may
    /// ask for more. Told to senders. Default 20, a tenth of a second of one core.
    pub intro_difficulty: u8,
    /// Leading zero bits of work asked of new users above 70 % of `ram_bytes`. Default 22: they come once, so they may be
    /// asked for more than introductions.
    pub register_difficulty: u8,
    /// Whether only who holds the invite secret becomes a user. Told to clients. Default false.
    pub private: bool,
    /// Which invite secret is in force: another number is another secret. Default 1.
    pub invite_generation: u32,
    /// How many earlier generations let newcomers in as well. Default 0.
    pub invite_overlap: u32,
    /// The seed's bare packets, for study. Default: off.
    pub plain: PlainConfig,
    /// Sessions below: their number, rates and idle times. Its `terms` are overwritten with [`PeerConfig::terms`].
    pub link: PeerLinkConfig,
}

impl Default for PeerConfig {
    fn default() -> Self {
        Self {
            ram_bytes: 512 << 20,
            hold_s: 14 * 24 * 3600,
            intro_hold_s: 24 * 3600,
            envelope_max: 1088,
            queue_bytes: 1 << 20,
            queue_messages: 500,
            queue_reserve_bytes: 16 << 10,
            user_bytes: 8 << 20,
            queues_max: 1024,
            intros_max: 16,
            intros_per_prefix_hour: 512,
            intro_bytes: 8 << 10,
            tokens_max: 128,
            one_time_packages_max: 2,
            new_users_per_prefix_hour: 4096,
            prefixes_max: 65_536,
            user_life_min_s: 3600,
            user_life_max_s: 14 * 24 * 3600,
            ticket_life_s: 365 * 24 * 3600,
            intro_difficulty: 20,
            register_difficulty: 22,
            private: false,
            invite_generation: 1,
            invite_overlap: 0,
            plain: PlainConfig::default(),
            link: PeerLinkConfig::default(),
        }
    }
}

impl PeerConfig {
    /// What senders are told in the handshake.
    #[must_use]
    pub fn terms(&self) -> Terms {
        Terms {
            hold_s: self.hold_s,
            envelope_max: self.envelope_max,
            queue_bytes: self.queue_bytes,
            queue_messages: self.queue_messages,
            user_bytes: self.user_bytes,
            intro_difficulty: self.intro_difficulty,
            private: self.private,
        }
    }

    /// The secret that users of a private peer with this key are given.
    #[must_use]
    pub fn invite_secret(&self, key: &PeerKey) -> Option<InviteSecret> {
        self.private.then(|| proofs::invite_secret(&key.derive(INVITE_CONTEXT), self.invite_generation))
    }

    /// The generations whose secrets let newcomers in.
    pub(crate) fn invite_generations(&self) -> RangeInclusive<u32> {
        self.invite_generation.saturating_sub(self.invite_overlap)..=self.invite_generation
    }
}

/// What the key behind all invite secrets is derived with.
pub(crate) const INVITE_CONTEXT: &str = "pirushka 2026 invite secret";
