//! Random bytes for one MLS operation, all of them from the caller's generator.

use std::sync::atomic::{AtomicU64, Ordering};

use openmls_traits::random::OpenMlsRand;
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};
use zeroize::Zeroizing;

/// Draw number `n` is BLAKE3 in output mode, keyed by the seed, over `n`. An atomic counter instead of a generator
/// behind a lock, because openmls wants its providers shareable between threads although nobody shares them.
pub(crate) struct Source {
    /// `None` where an operation has no business drawing at all.
    seed: Option<Zeroizing<[u8; 32]>>,
    draws: AtomicU64,
}

/// An operation that should need no randomness asked for some.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this operation has no randomness")]
pub(crate) struct NoRandomness;

impl Source {
    /// Takes 32 bytes from `rng` once; everything else follows from them.
    pub(crate) fn from_rng(rng: &mut ChaCha20Rng) -> Self {
        let mut seed = Zeroizing::new([0; 32]);
        rng.fill_bytes(&mut *seed);
        Self { seed: Some(seed), draws: AtomicU64::new(0) }
    }

    /// For reading and for checking.
    pub(crate) fn none() -> Self {
        Self { seed: None, draws: AtomicU64::new(0) }
    }

    /// A second, independent source.
    pub(crate) fn split(&self) -> Self {
        let mut seed = Zeroizing::new([0; 32]);
        let seed = self.fill(&mut *seed).is_ok().then_some(seed);
        Self { seed, draws: AtomicU64::new(0) }
    }

    pub(crate) fn fill(&self, out: &mut [u8]) -> Result<(), NoRandomness> {
        let seed = self.seed.as_ref().ok_or(NoRandomness)?;
        let draw = self.draws.fetch_add(1, Ordering::Relaxed);
        blake3::Hasher::new_keyed(seed).update(&draw.to_be_bytes()).finalize_xof().fill(out);
        Ok(())
    }

    /// A generator of its own for interfaces that want one.
    pub(crate) fn generator(&self) -> Result<ChaCha20Rng, NoRandomness> {
        let mut seed = Zeroizing::new([0; 32]);
        self.fill(&mut *seed)?;
        Ok(ChaCha20Rng::from_seed(*seed))
    }
}

impl OpenMlsRand for Source {
    type Error = NoRandomness;

    fn random_array<const N: usize>(&self) -> Result<[u8; N], NoRandomness> {
        let mut out = [0; N];
        self.fill(&mut out)?;
        Ok(out)
    }

    fn random_vec(&self, len: usize) -> Result<Vec<u8>, NoRandomness> {
        let mut out = vec![0; len];
        self.fill(&mut out)?;
        Ok(out)
    }
}
