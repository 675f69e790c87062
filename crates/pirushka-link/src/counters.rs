//! What was dropped and why, and how much went through. Totals only; nothing here names anybody.

/// Makes an enum of reasons why something had no effect, each with its name, its words, and its place in an array of
/// totals. Whoever uses it depends on `thiserror`.
#[macro_export]
macro_rules! reasons {
    ($(#[$about:meta])* $reasons:ident { $($(#[$doc:meta])* $name:ident = $text:literal,)* }) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
        pub enum $reasons {
            $($(#[$doc])* #[error($text)] $name,)*
        }

        impl $reasons {
            /// Every reason, in the order of the counters.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The name under which it is counted.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)*
                }
            }
        }
    };
}

reasons! {
    /// Why a datagram had no effect. Each drop is counted under its name.
    Drop {
        /// Larger than any datagram of ours.
        TooLarge = "larger than any datagram of ours",
        /// Shorter than the shortest packet.
        TooShort = "shorter than the shortest packet",
        /// Neither sealed nor a handshake under this peer's keys: junk, a scanner, or damage.
        Unrecognised = "not a packet of this peer",
        /// A handshake packet whose MAC does not hold.
        BadMac = "the MAC does not hold",
        /// A HELLO whose MAC1 was seen from another source.
        SeenElsewhere = "this HELLO was already seen from another source",
        /// An authentic packet that breaks its layout.
        Malformed = "the packet breaks its layout",
        /// A version of the link that is not spoken here.
        UnsupportedVersion = "this version of the link is not spoken here",
        /// The Noise message does not decrypt.
        BadNoise = "the handshake message does not decrypt",
        /// The cookie already made a session, which has moved on.
        CookieUsed = "this cookie has made its session",
        /// Too many new sessions from this prefix just now.
        SlowedDown = "too many new sessions from this prefix",
        /// All session slots are taken.
        SessionsFull = "all session slots are taken",
        /// Sealed for a session that is not known here.
        UnknownSession = "no such session",
        /// Sealed for a session of another node or shard; the datagram is left as it came, for handing over.
        OtherShard = "the session belongs to another shard",
        /// The AEAD tag does not hold.
        BadTag = "the tag does not hold",
        /// The packet number was seen, or is older than the window.
        Replayed = "the packet number was seen or is too old",
        /// From another address than the peer's.
        WrongSource = "not from the peer's address",
        /// A handshake packet that fits no state of ours.
        Unexpected = "this packet fits no state",
        /// A RESET whose token is not ours.
        BadReset = "the reset token is not this session's",
        /// More answers wait to be sent than there is room for.
        Overloaded = "too many answers wait to be sent",
        /// From a network that the operator has blocked; not looked at.
        Blocked = "the operator has blocked this network",
    }
}

/// Totals since start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counters {
    drops: [u64; Drop::ALL.len()],
    /// Datagrams handed in.
    pub packets_in: u64,
    /// Their bytes.
    pub bytes_in: u64,
    /// Datagrams handed out.
    pub packets_out: u64,
    /// Their bytes.
    pub bytes_out: u64,
    /// RETRY packets made.
    pub retries: u64,
    /// Handshakes completed (sessions made).
    pub handshakes: u64,
    /// HELLO_ACK packets repeated.
    pub acks_repeated: u64,
    /// Silent sessions closed because there was no room for a newcomer.
    pub gave_way: u64,
    /// RESET packets made.
    pub resets: u64,
    /// RESETs not sent because too many were asked for.
    pub resets_withheld: u64,
    /// Path challenges sent.
    pub challenges: u64,
    /// Paths that proved themselves.
    pub paths_validated: u64,
    /// Frames not queued because a session's outbox was full.
    pub frames_refused: u64,
}

impl Default for Counters {
    fn default() -> Self {
        Self {
            drops: [0; Drop::ALL.len()],
            packets_in: 0,
            bytes_in: 0,
            packets_out: 0,
            bytes_out: 0,
            retries: 0,
            handshakes: 0,
            acks_repeated: 0,
            gave_way: 0,
            resets: 0,
            resets_withheld: 0,
            challenges: 0,
            paths_validated: 0,
            frames_refused: 0,
        }
    }
}

impl Counters {
    /// How many datagrams were dropped for this reason.
    #[must_use]
    pub fn dropped(&self, reason: Drop) -> u64 {
        self.drops[reason as usize]
    }

    /// All reasons with their totals, in a fixed order.
    pub fn drops(&self) -> impl Iterator<Item = (Drop, u64)> + '_ {
        Drop::ALL.iter().map(|&reason| (reason, self.dropped(reason)))
    }

    pub(crate) fn count(&mut self, reason: Drop) {
        self.drops[reason as usize] += 1;
    }

    pub(crate) fn uncount(&mut self, reason: Drop) {
        let count = &mut self.drops[reason as usize];
        *count = count.saturating_sub(1);
    }

    pub(crate) fn received(&mut self, bytes: usize) {
        self.packets_in += 1;
        self.bytes_in += bytes as u64;
    }

    pub(crate) fn sent(&mut self, packets: usize, bytes: usize) {
        self.packets_out += packets as u64;
        self.bytes_out += bytes as u64;
    }
}
