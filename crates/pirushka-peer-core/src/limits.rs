//! Numbers of the peer that the protocol or this program's memory layout fixes; operators change [`crate::PeerConfig`].

use pirushka_wire::limits::{BODY_MAX, ENVELOPES, INTRO_PART_MAX, INTRO_PARTS_MAX};
use pirushka_wire::time::{HOUR, MINUTE, SECOND};

/// Live sessions of one user; a further one replaces the one longest silent (`spec/peer.md`).
pub const SESSIONS_PER_USER: usize = 4;
/// After so much silence (µs) the session with the pushes gives way to another copy of the profile that asks: more than
/// the longest keepalive that a client can be told (10 min) and one that was lost.
pub const ACTIVE_SILENCE_US: u64 = 25 * MINUTE;
/// How long the deposit id of an acknowledged envelope is remembered, in seconds: longer than any retransmission.
pub const ACKED_MEMORY_S: u32 = 60;
/// How many acknowledged deposit ids are remembered per user at most; beyond it the oldest go early. A repeat is then
/// delivered a second time, which the recipient notices by itself.
pub const ACKED_MEMORY_MAX: usize = 64;
/// An introduction whose parts do not all arrive within this time is dropped, in µs.
pub const INTRO_INCOMPLETE_US: u64 = 60 * SECOND;
/// What a refused part without part 0 is told to wait, in ms: parts that overtook each other arrive the second time.
pub const INTRO_REORDER_MS: u32 = 300;
/// Refused registrations after which a session's further ones are not even checked: a check costs two signatures.
pub const REGISTER_FAILURES_MAX: u8 = 8;
/// The longest delay of LATER, in seconds.
pub const LATER_MAX_S: u16 = 150;
/// Looked-up bundles a session may have cached at once; a further one replaces the oldest.
pub const DOWNLOADS_PER_SESSION: usize = 2;
/// How long a looked-up bundle is kept for FETCH, in µs.
pub const DOWNLOAD_LIFE_US: u64 = 60 * SECOND;
/// How long the parts of a long body may take to arrive, in µs.
pub const UPLOAD_LIFE_US: u64 = 60 * SECOND;
/// Ranges of request ids already carried out that a registered session remembers; beyond it the lowest go.
pub const DONE_RANGES: usize = 64;
/// A source prefix gets one one-time package in this time, in µs.
pub const ONE_TIME_EVERY_US: u64 = HOUR;
/// IPv4 sources count by this many leading bits.
pub const PREFIX_V4_BITS: u32 = 24;
/// IPv6 sources count by this many leading bits.
pub const PREFIX_V6_BITS: u32 = 56;

/// What a held envelope counts in the quotas of its queue and user beyond its own bytes, and the most that it takes
/// beyond them: header 16, entry in the mailbox 32, entry in the index 17, each times the slack of its container.
pub const MESSAGE_OVERHEAD: u64 = 128;
/// What a contact queue takes beside its record in the user's table, which is counted as it is: its entry in the index
/// of all queues, 25 bytes, when that is emptiest.
pub const QUEUE_OVERHEAD: u64 = 120;
/// What a user takes without queues, messages, bundle and the certificate's bytes: its record, its entries in the
/// registry and in the table of deadlines.
pub const USER_OVERHEAD: u64 = 896;
/// What a token costs, and each introduction remembered as having used it.
pub const TOKEN_OVERHEAD: u64 = 160;
/// What a bundle costs beyond its bytes.
pub const BUNDLE_OVERHEAD: u64 = 192;
/// What an introduction costs beyond its parts and their [`MESSAGE_OVERHEAD`]: its record, the list of its parts, its
/// entries in the tables of sources.
pub const INTRO_OVERHEAD: u64 = 448;
/// What the peer takes for a session beyond the link, once it is more than a sender's.
pub const SESSION_OVERHEAD: u64 = 896;
/// What a push on its way takes.
pub const FLIGHT_OVERHEAD: u64 = 128;
/// What a source network takes in a table of limits per hour.
pub const HOURLY_OVERHEAD: u64 = 96;
/// The part of the memory cap that is kept free for sessions: users must get through to fetch what fills it.
pub const SESSIONS_SHARE: u64 = 8;
/// Above this much of the cap, in percent, sessions get no more than their share.
pub const SESSIONS_PERCENT: u64 = 70;

const _: () = {
    assert!(BODY_MAX <= 16 * 1024);
    assert!(ENVELOPES[2] <= u16::MAX as usize);
    assert!(INTRO_PARTS_MAX as usize * INTRO_PART_MAX > 8 * 1024);
};
