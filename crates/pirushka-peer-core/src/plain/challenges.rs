//! Challenges: proof that a plain client receives where it says it is, without keeping anything for it.
//!
//! `epoch u32 (60 s) | keyed hash(epoch, ip, port, fingerprint)[..28]`. The key is this run's own, and so is the clock:
//! a challenge is good for one to two minutes, for one address and one person, at this run of this peer.

use std::net::{IpAddr, SocketAddr};

use pirushka_wire::plain::Challenge;
use pirushka_wire::time::MINUTE;
use pirushka_wire::{Fingerprint, Now};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

/// Makes challenges and knows its own.
pub(super) struct Challenges {
    key: Zeroizing<[u8; 32]>,
}

impl Challenges {
    pub(super) fn new(key: [u8; 32]) -> Self {
        Self { key: Zeroizing::new(key) }
    }

    /// A challenge of this minute.
    pub(super) fn make(&self, now: Now, remote: SocketAddr, fingerprint: &Fingerprint) -> Challenge {
        self.make_in(epoch(now), remote, fingerprint)
    }

    /// Whether the challenge is ours, for this address and person, and of this minute or the one before.
    pub(super) fn is_good(&self, now: Now, challenge: &Challenge, remote: SocketAddr, signer: &Fingerprint) -> bool {
        let [a, b, c, d, ..] = challenge.0;
        let made = u32::from_be_bytes([a, b, c, d]);
        let is_recent = epoch(now).checked_sub(made).is_some_and(|age| age <= 1);
        is_recent && bool::from(self.make_in(made, remote, signer).0.ct_eq(&challenge.0))
    }

    fn make_in(&self, epoch: u32, remote: SocketAddr, fingerprint: &Fingerprint) -> Challenge {
        let ip = match remote.ip() {
            IpAddr::V4(v4) => v4.to_ipv6_mapped(),
            IpAddr::V6(v6) => v6,
        };
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        hasher.update(&epoch.to_be_bytes()).update(&ip.octets()).update(&remote.port().to_be_bytes());
        hasher.update(&fingerprint.0);
        let mut challenge = [0; 32];
        challenge[..4].copy_from_slice(&epoch.to_be_bytes());
        challenge[4..].copy_from_slice(&hasher.finalize().as_bytes()[..28]);
        Challenge(challenge)
    }
}

fn epoch(now: Now) -> u32 {
    (now.mono_us / MINUTE) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenge_is_good_for_its_address_person_and_minute_alone() {
        let challenges = Challenges::new([1; 32]);
        let at = |mono_us| Now { mono_us, wall_ms: 0 };
        let (here, elsewhere) = ("192.0.2.1:5".parse().unwrap(), "192.0.2.1:6".parse().unwrap());
        let (bob, eve) = (Fingerprint([2; 32]), Fingerprint([3; 32]));
        let challenge = challenges.make(at(10 * MINUTE), here, &bob);
        assert!(challenges.is_good(at(10 * MINUTE), &challenge, here, &bob));
        assert!(challenges.is_good(at(12 * MINUTE - 1), &challenge, here, &bob));
        assert!(!challenges.is_good(at(12 * MINUTE), &challenge, here, &bob), "too late");
        assert!(!challenges.is_good(at(9 * MINUTE), &challenge, here, &bob), "before it was made");
        assert!(!challenges.is_good(at(10 * MINUTE), &challenge, elsewhere, &bob));
        assert!(!challenges.is_good(at(10 * MINUTE), &challenge, here, &eve));
        assert!(!Challenges::new([4; 32]).is_good(at(10 * MINUTE), &challenge, here, &bob));
        for byte in 0..32 {
            let mut other = challenge;
            other.0[byte] ^= 1;
            assert!(!challenges.is_good(at(10 * MINUTE), &other, here, &bob), "byte {byte}");
        }
    }
}
