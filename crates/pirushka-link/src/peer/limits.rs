//! Limits per source prefix (/24, /56): they slow the making of sessions down, they never refuse a prefix for good.
//!
//! Each prefix has a token bucket, deep enough for an office or a carrier's NAT full of clients after a restart. A
//! prefix with very many live or unfinished sessions refills at an eighth. A HELLO that finds no token is dropped; the
//! client repeats it. The table has a fixed size; prefixes that share a slot (the hash is keyed) share its tokens.

use std::net::{IpAddr, SocketAddr};

use pirushka_wire::time::SECOND;

use super::PeerLinkConfig;

const SLOTS: u16 = 1 << 13;

/// All prefixes.
pub(crate) struct PrefixLimits {
    key: [u8; 32],
    rate: u32,
    burst: u32,
    live_max: u32,
    unfinished_max: u32,
    slots: Vec<Slot>,
}

/// Where a session counts; always below [`SLOTS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PrefixSlot(u16);

#[derive(Debug, Clone, Copy)]
struct Slot {
    bucket: Bucket,
    live: u32,
    unfinished: u32,
}

impl PrefixLimits {
    pub(crate) fn new(config: &PeerLinkConfig, key: [u8; 32]) -> Self {
        let slot = Slot { bucket: Bucket::full(config.prefix_burst), live: 0, unfinished: 0 };
        Self {
            key,
            rate: config.prefix_rate,
            burst: config.prefix_burst,
            live_max: config.prefix_live,
            unfinished_max: config.prefix_unfinished,
            slots: vec![slot; usize::from(SLOTS)],
        }
    }

    /// Other limits from now on.
    pub(crate) fn set_limits(&mut self, config: &PeerLinkConfig) {
        (self.rate, self.burst) = (config.prefix_rate, config.prefix_burst);
        (self.live_max, self.unfinished_max) = (config.prefix_live, config.prefix_unfinished);
    }

    /// Takes a token for a new session.
    pub(crate) fn may_begin(&mut self, now_us: u64, source: SocketAddr) -> bool {
        let (live_max, unfinished_max, rate, burst) = (self.live_max, self.unfinished_max, self.rate, self.burst);
        let index = self.index(source);
        let slot = &mut self.slots[usize::from(index.0)];
        let is_crowded = slot.live >= live_max || slot.unfinished >= unfinished_max;
        let (rate, burst) = if is_crowded { ((rate / 8).max(1), (burst / 8).max(1)) } else { (rate, burst) };
        slot.bucket.take(now_us, rate, burst)
    }

    /// A session was made. Returns the slot it counts in, to be given back when it ends, wherever its client is then.
    pub(crate) fn begun(&mut self, source: SocketAddr) -> PrefixSlot {
        let index = self.index(source);
        let slot = &mut self.slots[usize::from(index.0)];
        slot.live += 1;
        slot.unfinished += 1;
        index
    }

    /// Its first sealed packet came.
    pub(crate) fn finished(&mut self, index: PrefixSlot) {
        let slot = &mut self.slots[usize::from(index.0)];
        slot.unfinished = slot.unfinished.saturating_sub(1);
    }

    /// It is gone.
    pub(crate) fn ended(&mut self, index: PrefixSlot, was_unfinished: bool) {
        let slot = &mut self.slots[usize::from(index.0)];
        slot.live = slot.live.saturating_sub(1);
        slot.unfinished = slot.unfinished.saturating_sub(u32::from(was_unfinished));
    }

    fn index(&self, source: SocketAddr) -> PrefixSlot {
        let hash = blake3::keyed_hash(&self.key, &prefix(source));
        let [a, b, ..] = *hash.as_bytes();
        PrefixSlot(u16::from_le_bytes([a, b]) % SLOTS)
    }
}

impl std::fmt::Debug for PrefixLimits {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PrefixLimits").finish_non_exhaustive()
    }
}

/// /24 or /56, with the family.
fn prefix(source: SocketAddr) -> [u8; 8] {
    let mut out = [0; 8];
    match source.ip().to_canonical() {
        IpAddr::V4(v4) => out[..3].copy_from_slice(&v4.octets()[..3]),
        IpAddr::V6(v6) => {
            out[0] = 6;
            out[1..].copy_from_slice(&v6.octets()[..7]);
        }
    }
    out[7] ^= u8::from(source.is_ipv4());
    out
}

/// A token bucket: tokens in millionths, so that any rate per second refills evenly.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bucket {
    tokens_u: u64,
    at_us: u64,
}

impl Bucket {
    pub(crate) fn full(burst: u32) -> Self {
        Self { tokens_u: u64::from(burst) * SECOND, at_us: 0 }
    }

    /// Takes one token if there is one.
    pub(crate) fn take(&mut self, now_us: u64, rate_per_s: u32, burst: u32) -> bool {
        let refill = now_us.saturating_sub(self.at_us).saturating_mul(u64::from(rate_per_s));
        self.at_us = now_us;
        self.tokens_u = self.tokens_u.saturating_add(refill).min(u64::from(burst) * SECOND);
        let Some(left) = self.tokens_u.checked_sub(SECOND) else { return false };
        self.tokens_u = left;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_gives_its_burst_and_then_its_rate() {
        let mut bucket = Bucket::full(10);
        assert_eq!((0..20).filter(|_| bucket.take(0, 5, 10)).count(), 10);
        assert_eq!((0..20).filter(|_| bucket.take(SECOND, 5, 10)).count(), 5);
        assert_eq!((0..20).filter(|_| bucket.take(100 * SECOND, 5, 10)).count(), 10);
    }

    #[test]
    fn prefixes_are_24_bits_of_v4_and_56_of_v6() {
        let p = |s: &str| prefix(s.parse().unwrap());
        assert_eq!(p("192.0.2.1:1"), p("192.0.2.200:9"));
        assert_ne!(p("192.0.2.1:1"), p("192.0.3.1:1"));
        assert_eq!(p("[2001:db8:1:100::1]:1"), p("[2001:db8:1:1ff::9]:1"));
        assert_ne!(p("[2001:db8:1:100::1]:1"), p("[2001:db8:1:200::1]:1"));
    }
}
