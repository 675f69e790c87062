//! What the plain profile did, and what it refused and why. Totals only; nothing here names anybody.

pirushka_link::reasons! {
    /// Why a bare packet had no effect. Each is counted under its name.
    PlainDrop {
        /// Not the payload, or not the signature field, that its type asks for.
        Malformed = "the packet has not the shape of its type",
        /// The timestamp is more than two minutes from this machine's clock.
        Stale = "the timestamp is more than 120 s from this clock",
        /// This statement of this person came before.
        Replayed = "this was said before",
        /// As many statements are remembered as there is room for.
        SeenFull = "no room to remember one more statement",
        /// As many signatures were checked lately as may be, for this source or in all.
        SlowedDown = "too many signatures to check",
        /// More answers wait to be sent than there is room for.
        Overloaded = "too many answers wait to be sent",
        /// The certificate breaks a rule.
        BadCertificate = "the certificate is not a user's",
        /// The signature does not hold.
        BadSignature = "the signature does not hold",
        /// Not made by this peer for this address and person, or too long ago.
        BadChallenge = "not a challenge of this peer for this address and person",
        /// As many people are registered as there is room for.
        TableFull = "as many people are registered as there is room for",
        /// As many people of this source prefix are registered as may be.
        PrefixFull = "as many people of this prefix are registered as may be",
        /// A keepalive from an address where nobody is registered.
        UnknownSource = "nobody is registered at this address",
    }
}

/// Totals of the plain profile since start; all zero while it is off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PlainStats {
    /// People whose address is proven, now.
    pub users: u64,
    /// REGISTER packets answered.
    pub registrations: u64,
    /// Addresses proven by RESPONSE.
    pub proven: u64,
    /// KEEPALIVE packets that came from a proven address.
    pub keepalives: u64,
    /// Registrations that ended because nothing was heard.
    pub expired: u64,
    /// Datagrams handed out.
    pub packets_out: u64,
    /// Their bytes.
    pub bytes_out: u64,
    pub(super) drops: [u64; PlainDrop::ALL.len()],
}

impl PlainStats {
    /// How many packets were refused for this reason.
    #[must_use]
    pub fn dropped(&self, reason: PlainDrop) -> u64 {
        self.drops[reason as usize]
    }

    /// All reasons with their totals, in a fixed order.
    pub fn drops(&self) -> impl Iterator<Item = (PlainDrop, u64)> + '_ {
        PlainDrop::ALL.iter().map(|&reason| (reason, self.dropped(reason)))
    }

    pub(super) fn count(&mut self, reason: PlainDrop) {
        self.drops[reason as usize] += 1;
    }
}
