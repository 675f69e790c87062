//! Proof of work: what makes knocking at a stranger's door, or at a peer that is short of memory, cost the one who knocks.
//!
//! ```text
//! key   = KDF("pirushka 2026 intro work";    binding[32] | recipient's fingerprint[32] | n u8 | intro id[16])
//!       | KDF("pirushka 2026 register work"; binding[32] | own fingerprint[32])
//! bits  = leading zero bits of keyed BLAKE3(key; nonce u64)
//! ```
//! The binding is the handshake hash of the session, so work is good in that session only, and cannot be done ahead. An
//! introduction that is let in by work has the [`intro_id`] of its parts, so the work covers all of them although the
//! peer checks it on the first.

use pirushka_wire::{Fingerprint, IntroId, WorkNonce};

/// Names an introduction by everything in it: the first 16 bytes of
/// `KDF("pirushka 2026 introduction"; n u8 | { length u16 | part } x n)`.
#[must_use]
pub fn intro_id<P: AsRef<[u8]>>(parts: &[P]) -> IntroId {
    let mut hasher = blake3::Hasher::new_derive_key("pirushka 2026 introduction");
    hasher.update(&[parts.len() as u8]);
    for part in parts {
        let part = part.as_ref();
        hasher.update(&(part.len() as u16).to_be_bytes()).update(part);
    }
    IntroId(hasher.finalize().as_bytes().first_chunk().copied().unwrap_or_default())
}

/// What work is to be done for. Whoever has the parts of it can make it; it is no secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WorkClaim {
    key: [u8; 32],
}

impl WorkClaim {
    /// To introduce oneself: `parts` parts under one id, to this person, in this session.
    #[must_use]
    pub fn introduction(binding: &[u8; 32], recipient: &Fingerprint, parts: u8, intro: &IntroId) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key("pirushka 2026 intro work");
        hasher.update(binding).update(&recipient.0).update(&[parts]).update(&intro.0);
        Self { key: *hasher.finalize().as_bytes() }
    }

    /// To become a user of a peer, in this session.
    #[must_use]
    pub fn registration(binding: &[u8; 32], own: &Fingerprint) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key("pirushka 2026 register work");
        hasher.update(binding).update(&own.0);
        Self { key: *hasher.finalize().as_bytes() }
    }

    /// How many bits of work this nonce proves: an attempt more in 2^bits has so many. The nonce 0 proves nothing.
    #[must_use]
    pub fn bits(&self, nonce: WorkNonce) -> u8 {
        if nonce == WorkNonce::default() {
            return 0;
        }
        let hash = blake3::keyed_hash(&self.key, &nonce.0.to_be_bytes());
        // Nobody does 2^64 attempts: what stands behind the first word is not looked at.
        hash.as_bytes().first_chunk().map_or(0, |word| u64::from_be_bytes(*word).leading_zeros() as u8)
    }

    /// Tries `tries` nonces from `from` on. About 2^bits tries are needed: see the example `work` for what a try costs.
    #[must_use]
    pub fn solve(&self, bits: u8, from: u64, tries: u64) -> Option<WorkNonce> {
        (0..tries).map(|n| WorkNonce(from.wrapping_add(n))).find(|nonce| self.bits(*nonce) >= bits.max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTRO: IntroId = IntroId([4; 16]);

    fn claim(binding: u8, recipient: u8, parts: u8, intro: IntroId) -> WorkClaim {
        WorkClaim::introduction(&[binding; 32], &Fingerprint([recipient; 32]), parts, &intro)
    }

    #[test]
    fn a_solution_has_the_bits_that_were_asked_and_is_found_where_it_was_looked_for() {
        let claim = claim(1, 2, 3, INTRO);
        let nonce = claim.solve(12, 7_000, 1 << 20).unwrap();
        assert!(claim.bits(nonce) >= 12 && nonce.0 >= 7_000);
        assert_eq!(claim.solve(12, nonce.0, 1), Some(nonce));
        assert_eq!(claim.solve(64, 1, 100), None);
    }

    #[test]
    fn t19_work_for_another_session_person_count_or_introduction_proves_nothing_here() {
        let mine = claim(1, 2, 3, INTRO);
        let nonce = mine.solve(16, 1, 1 << 24).unwrap();
        let others = [
            claim(9, 2, 3, INTRO),
            claim(1, 9, 3, INTRO),
            claim(1, 2, 9, INTRO),
            claim(1, 2, 3, IntroId([9; 16])),
            WorkClaim::registration(&[1; 32], &Fingerprint([2; 32])),
        ];
        for other in others {
            assert!(other.bits(nonce) < 16, "{other:?}");
        }
    }

    #[test]
    fn the_nonce_0_proves_nothing() {
        assert_eq!(claim(1, 2, 3, INTRO).bits(WorkNonce(0)), 0);
        assert_ne!(claim(1, 2, 3, INTRO).solve(0, 0, 10), Some(WorkNonce(0)));
    }

    #[test]
    fn an_introductions_id_depends_on_every_byte_and_on_where_it_is_cut() {
        let id = intro_id(&[b"ab".as_slice(), b"c"]);
        assert_eq!(id, intro_id(&[b"ab".as_slice(), b"c"]));
        for other in [&[b"a".as_slice(), b"bc"][..], &[b"abc"], &[b"ab", b"d"], &[b"ab", b"c", b""]] {
            assert_ne!(id, intro_id(other));
        }
    }
}
