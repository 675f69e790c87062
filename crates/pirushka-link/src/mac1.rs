//! MAC1: whoever cannot compute it does not hold the address and gets no answer at all.
//!
//! MAC1 covers the whole HELLO, its own field zeroed, under KDF(PeerId). RETRY carries a MAC under the same key over
//! itself and the HELLO's MAC1, so that only somebody who saw that HELLO can answer it. A MAC1 seen from another source
//! within 1 to 2 h is not answered either: an observer cannot find peers by replaying what it recorded. That memory is
//! two Bloom filters of fixed size; when a flood fills one early, it rotates early, and the memory shortens instead of
//! growing or refusing.

use pirushka_wire::PeerId;
use pirushka_wire::time::HOUR;
use subtle::ConstantTimeEq as _;

/// Where the signature field of a Root packet with a tag stands.
const FIELD: std::ops::Range<usize> = 4..20;

/// The key that everybody who holds the address can derive.
#[derive(Clone)]
pub(crate) struct MacKey([u8; 32]);

impl MacKey {
    pub(crate) fn new(peer_id: PeerId) -> Self {
        Self(blake3::derive_key("pirushka 2026 handshake mac", &peer_id.0))
    }

    /// Fills the signature field of a HELLO; returns the MAC.
    pub(crate) fn sign_hello(&self, packet: &mut [u8]) -> [u8; 16] {
        self.sign(packet, &[])
    }

    /// The MAC of a HELLO, if it holds.
    pub(crate) fn verify_hello(&self, packet: &[u8]) -> Option<[u8; 16]> {
        self.verify(packet, &[])
    }

    /// Fills the signature field of a RETRY.
    pub(crate) fn sign_retry(&self, packet: &mut [u8], hello: &[u8; 16]) {
        self.sign(packet, hello);
    }

    /// Whether a RETRY answers the HELLO with this MAC.
    pub(crate) fn verify_retry(&self, packet: &[u8], hello: &[u8; 16]) -> bool {
        self.verify(packet, hello).is_some()
    }

    fn sign(&self, packet: &mut [u8], context: &[u8]) -> [u8; 16] {
        let mac = self.compute(packet, context);
        packet[FIELD].copy_from_slice(&mac);
        mac
    }

    fn verify(&self, packet: &[u8], context: &[u8]) -> Option<[u8; 16]> {
        let found: [u8; 16] = packet.get(FIELD)?.try_into().ok()?;
        bool::from(self.compute(packet, context).ct_eq(&found)).then_some(found)
    }

    fn compute(&self, packet: &[u8], context: &[u8]) -> [u8; 16] {
        let mut hasher = blake3::Hasher::new_keyed(&self.0);
        hasher.update(&packet[..FIELD.start]).update(&[0; 16]).update(&packet[FIELD.end..]).update(context);
        truncate(hasher.finalize())
    }
}

impl std::fmt::Debug for MacKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MacKey(..)")
    }
}

pub(crate) fn truncate<const N: usize>(hash: blake3::Hash) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(&hash.as_bytes()[..N]);
    out
}

/// Remembers for 1 to 2 h which MAC1 came from where, in constant memory.
pub(crate) struct SeenMacs {
    key: [u8; 32],
    bits: u8,
    young: Filter,
    old: Filter,
    rotate_at_us: u64,
}

/// Bits set per remembered thing; with ten bits of filter for each thing about 1 % are false alarms.
const PROBES: usize = 4;
const BITS_PER_ENTRY: usize = 10;
const ROTATION_US: u64 = HOUR;

impl SeenMacs {
    pub(crate) fn new(key: [u8; 32], bits: u8, now_us: u64) -> Self {
        let bits = bits.clamp(10, 32);
        Self { key, bits, young: Filter::new(bits), old: Filter::new(bits), rotate_at_us: now_us + ROTATION_US }
    }

    /// Notes that this MAC came from `source`; false if it was seen before from elsewhere only.
    pub(crate) fn note(&mut self, now_us: u64, mac: &[u8; 16], source: &[u8; 18]) -> bool {
        self.rotate(now_us);
        let anywhere = self.positions(mac, &[]);
        let here = self.positions(mac, source);
        let seen = |positions| self.young.contains(positions) || self.old.contains(positions);
        if seen(&anywhere) && !seen(&here) {
            return false;
        }
        self.young.insert(&anywhere);
        self.young.insert(&here);
        true
    }

    fn rotate(&mut self, now_us: u64) {
        let full = self.young.entries * BITS_PER_ENTRY >= 1 << self.bits;
        if now_us >= self.rotate_at_us || full {
            self.old = std::mem::replace(&mut self.young, Filter::new(self.bits));
            self.rotate_at_us = now_us + ROTATION_US;
        }
    }

    fn positions(&self, mac: &[u8; 16], source: &[u8]) -> [usize; PROBES] {
        let hash = blake3::Hasher::new_keyed(&self.key).update(mac).update(source).finalize();
        let (chunks, _) = hash.as_bytes().as_chunks::<8>();
        std::array::from_fn(|i| (u64::from_le_bytes(chunks[i]) & ((1 << self.bits) - 1)) as usize)
    }
}

impl std::fmt::Debug for SeenMacs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { key: _, bits, young, old, rotate_at_us: _ } = self;
        write!(f, "SeenMacs({} + {} of 2^{bits} bits)", young.entries, old.entries)
    }
}

struct Filter {
    words: Vec<u64>,
    entries: usize,
}

impl Filter {
    fn new(bits: u8) -> Self {
        Self { words: vec![0; (1 << bits) / 64], entries: 0 }
    }

    fn contains(&self, positions: &[usize; PROBES]) -> bool {
        positions.iter().all(|p| self.words[p / 64] & (1 << (p % 64)) != 0)
    }

    fn insert(&mut self, positions: &[usize; PROBES]) {
        if !self.contains(positions) {
            self.entries += 1;
        }
        for p in positions {
            self.words[p / 64] |= 1 << (p % 64);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mac_seen_here_may_come_again_but_not_from_elsewhere_until_two_rotations() {
        let mut seen = SeenMacs::new([1; 32], 16, 0);
        assert!(seen.note(0, &[5; 16], &[1; 18]));
        assert!(seen.note(1, &[5; 16], &[1; 18]));
        assert!(!seen.note(2, &[5; 16], &[2; 18]));
        assert!(!seen.note(HOUR + 1, &[5; 16], &[2; 18]));
        assert!(seen.note(2 * HOUR + 2, &[5; 16], &[2; 18]));
    }

    #[test]
    fn a_flood_shortens_the_memory_but_refuses_hardly_anybody() {
        let mut seen = SeenMacs::new([1; 32], 16, 0);
        let refused = (0..100_000u128).filter(|i| !seen.note(0, &i.to_be_bytes(), &[3; 18])).count();
        assert!(refused < 2_000, "{refused} refused");
        assert_eq!(seen.young.words.len(), (1 << 16) / 64);
    }
}
