//! Totals of the peer, for its operator. Nobody's identity, address or queue is in them.

use crate::plain::PlainStats;

/// What the peer holds and has done since it started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stats {
    /// Users with an entry, here or away.
    pub users: u64,
    /// Users with a live registered session.
    pub users_online: u64,
    /// Live sessions, anonymous ones included.
    pub sessions: u64,
    /// Contact queues.
    pub queues: u64,
    /// Envelopes and complete introductions' parts held.
    pub messages_held: u64,
    /// Bytes accounted against `ram_bytes`, overhead included, sessions too.
    pub bytes_held: u64,
    /// What the process takes beside them, as far as that was measured.
    pub bytes_beside: u64,
    /// The cap that the two together never exceed.
    pub ram_bytes: u64,
    /// How much of the cap is taken, in percent, the share kept free for sessions included: what decides who is refused.
    pub pressure_percent: u64,
    /// Live sessions at most.
    pub sessions_max: u64,
    /// Introductions that wait, complete or not.
    pub intros_waiting: u64,
    /// Bundles published.
    pub bundles: u64,
    /// Source networks remembered for limits per hour.
    pub prefixes: u64,
    /// And at most.
    pub prefixes_max: u64,
    /// While draining: messages held for users who are here.
    pub messages_to_drain: u64,
    /// Accepted registrations, repeats not counted.
    pub registrations: u64,
    /// Refused registrations.
    pub registrations_refused: u64,
    /// Envelopes taken, repeats not counted.
    pub deposits: u64,
    /// Repeats of deposits still known.
    pub deposits_repeated: u64,
    /// Introductions completed.
    pub intros: u64,
    /// PUSH frames sent, retransmissions included.
    pub pushes: u64,
    /// PUSH frames sent again.
    pub pushes_repeated: u64,
    /// Messages acknowledged by their recipients.
    pub delivered: u64,
    /// Messages dropped because their hold time was over.
    pub expired: u64,
    /// Introductions and bundles dropped for want of memory or of a slot.
    pub evicted: u64,
    /// Bundles handed out.
    pub lookups: u64,
    /// Of these, with a one-time package.
    pub one_time_packages: u64,
    /// Tickets that brought a queue back.
    pub queues_restored: u64,
    /// Requests answered FULL.
    pub refused_full: u64,
    /// Requests answered SLOW_DOWN.
    pub refused_slow_down: u64,
    /// Requests answered UNKNOWN_QUEUE (wrong secrets included) or UNKNOWN_USER.
    pub refused_unknown: u64,
    /// Introductions refused: no token, a wrong one, or one used up.
    pub refused_intro: u64,
    /// Requests answered DRAINING.
    pub refused_draining: u64,
    /// Introductions and new users refused because work was missing, too little, or done for something else.
    pub refused_work: u64,
    /// New users refused at a private peer.
    pub refused_invite: u64,
    /// Requests refused for any other reason.
    pub refused_other: u64,
    /// Frames of types this version does not know.
    pub frames_unknown: u64,
    /// Packets whose frames break the layout.
    pub frames_malformed: u64,
    /// The plain profile's own totals.
    pub plain: PlainStats,
    /// Whether deposits are no longer taken.
    pub draining: bool,
}
