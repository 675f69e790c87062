//! What a shell may tune, with the defence of each default. Protocol constants live in [`crate::limits`].

use pirushka_wire::time::{DAY, HOUR, MINUTE, SECOND};

/// Knobs of a client. All times in microseconds unless named otherwise.
#[derive(Debug, Clone, Copy)]
pub struct ClientConfig {
    /// Whether packets are veiled. Default: yes. Peers that are not veiled exist in tests only.
    pub veil: bool,
    /// The longest silence towards the home peer. 25 s, because a stock Linux NAT forgets after 30 s.
    pub keepalive_us: u64,
    /// Each how-manieth keepalive is a POLL, which is answered: silence cannot be told from death otherwise. Default 4.
    pub poll_every: u8,
    /// Whether longer keepalives are probed for on a second socket. Default: yes.
    pub adapt_keepalive: bool,
    /// First offer again without a receipt; doubles from there. 30 s.
    pub reoffer_first_us: u64,
    /// The longest interval between offers. 1 h.
    pub reoffer_max_us: u64,
    /// How long a later message waits for a missing earlier one before a gap is shown. 10 s.
    pub gap_wait_us: u64,
    /// How long a receipt with nothing to ride on waits. 0; up to 2 s hides when exactly a message was taken in.
    pub receipt_delay_us: u64,
    /// How long a new contact's first message waits for the queue's ticket while the home peer answers. 3 s.
    pub ticket_wait_us: u64,
    /// An anonymous session is closed when it was not used for so long. 60 s.
    pub route_idle_us: u64,
    /// First pause after a peer did not answer; doubles to [`Self::retry_max_us`]. 1 s.
    pub retry_first_us: u64,
    /// The longest pause between attempts to reach a peer. 1 min for the home peer, 10 times that for contacts' peers.
    pub retry_max_us: u64,
    /// How many messages to one contact are under way at once: more would only age in the ratchet. 32.
    pub window: usize,
    /// Messages that stay unreadable for so long, with no commit missing, lead to a new session. 10 min.
    pub unreadable_us: u64,
    /// At most one new session per contact in so long. 1 h.
    pub renew_interval_us: u64,
    /// A commit heals the session after so many messages. 100.
    pub commit_messages: u32,
    /// ... or after so long. 24 h.
    pub commit_interval_us: u64,
    /// Whether contacts are told what the person has seen. Default: yes; what was seen while it is off is never told.
    pub read_receipts: bool,
    /// A CARD is signed for so long, in seconds. 14 days.
    pub card_life_s: u64,
    /// More bits of work are not done for anybody. 26: some seconds of one core, where 20 are asked by default. A minute of
    /// a phone's battery is what a stranger may cost it at most.
    pub work_bits_max: u8,
}

impl Default for ClientConfig {
    fn default() -> Self {
        Self {
            veil: true,
            keepalive_us: 25 * SECOND,
            poll_every: 4,
            adapt_keepalive: true,
            reoffer_first_us: 30 * SECOND,
            reoffer_max_us: HOUR,
            gap_wait_us: 10 * SECOND,
            receipt_delay_us: 0,
            ticket_wait_us: 3 * SECOND,
            route_idle_us: MINUTE,
            retry_first_us: SECOND,
            retry_max_us: MINUTE,
            window: 32,
            unreadable_us: 10 * MINUTE,
            renew_interval_us: HOUR,
            commit_messages: 100,
            commit_interval_us: DAY,
            read_receipts: true,
            card_life_s: 14 * 24 * 3600,
            work_bits_max: 26,
        }
    }
}
