//! What an operator may change of the plain profile, with defaults and what each costs at worst.

/// Limits of the plain profile. Nothing of it takes memory while it is off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlainConfig {
    /// Whether bare packets are understood at all. Default false: they get silence, as everything that is not sealed.
    pub is_enabled: bool,
    /// People registered at the same time. Default 10 000: about 8 MB, 16 MB if all certificates are as large as may be.
    pub users_max: u32,
    /// Of these, from one source prefix (/24, /56). Default 1 000.
    pub prefix_users_max: u32,
    /// A registration from which nothing is heard for so long ends, in µs. Default 10 min, five keepalives of the seed's
    /// "couple of minutes".
    pub silence_us: u64,
    /// Signatures of strangers that are checked per second in the long run, an eighth of it for one source prefix.
    /// Default 100: 1 % of a core. What was said in the last four minutes is remembered: 240 times this, about 100 bytes
    /// each, 2.4 MB.
    pub checks_per_s: u32,
}

impl Default for PlainConfig {
    fn default() -> Self {
        Self {
            is_enabled: false,
            users_max: 10_000,
            prefix_users_max: 1_000,
            silence_us: 600_000_000,
            checks_per_s: 100,
        }
    }
}
