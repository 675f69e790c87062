//! Random choices of the simulator; every one comes from the run's seed.

use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};

/// A source of choices. [`Rand::fork`] gives independent ones, so that a choice more in one place changes no other.
#[derive(Debug, Clone)]
pub struct Rand(ChaCha20Rng);

impl Rand {
    /// The choices of this seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(ChaCha20Rng::seed_from_u64(seed))
    }

    /// An independent source.
    pub fn fork(&mut self) -> Self {
        Self(ChaCha20Rng::from_seed(self.seed32()))
    }

    /// 32 random bytes, as cores want them.
    pub fn seed32(&mut self) -> [u8; 32] {
        self.bytes()
    }

    /// Random bytes.
    pub fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut out = [0; N];
        self.0.fill_bytes(&mut out);
        out
    }

    /// 64 random bits.
    pub fn u64(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// One of `0..bound`; 0 for an empty range.
    pub fn below(&mut self, bound: u64) -> u64 {
        if bound == 0 { 0 } else { self.0.next_u64() % bound }
    }

    /// One of `from..=to`.
    pub fn between(&mut self, from: u64, to: u64) -> u64 {
        from + self.below(to.saturating_sub(from) + 1)
    }

    /// True in `percent` of 100 cases.
    pub fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// A fraction from 0 to `max`.
    pub fn up_to(&mut self, max: f64) -> f64 {
        max * (self.below(1 << 20) as f64 / f64::from(1 << 20))
    }

    /// One of several.
    pub fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len() as u64) as usize]
    }

    /// The generator itself, for cores that take one.
    pub fn rng(&mut self) -> &mut ChaCha20Rng {
        &mut self.0
    }
}
