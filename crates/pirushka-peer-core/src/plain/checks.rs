//! How many signatures of strangers are checked: a check costs some 60 µs of the thread that serves the sealed users.
//!
//! Token buckets of a second's depth or two: one for all, and one for each source prefix, refilled at an eighth, in a
//! table of fixed size (prefixes that share a place share its tokens). Forged sources can use up what is there for all;
//! that costs plain registrations, which the clients repeat, and nobody else.

use pirushka_wire::Now;
use pirushka_wire::time::SECOND;

use crate::store::Source;

/// Seconds of refill that a bucket holds.
pub(super) const BURST_S: u64 = 2;
const PLACES: usize = 1024;

pub(super) struct Checks {
    rate: u64,
    all: Bucket,
    places: Vec<Bucket>,
}

impl Checks {
    pub(super) fn new(per_s: u32) -> Self {
        Self { rate: u64::from(per_s), all: Bucket::default(), places: vec![Bucket::default(); PLACES] }
    }

    /// Takes one check, if there is one for this source and for all.
    pub(super) fn allows(&mut self, now: Now, source: Source) -> bool {
        let place = &mut self.places[source.0 as usize % PLACES];
        place.take(now.mono_us, (self.rate / 8).max(1)) && self.all.take(now.mono_us, self.rate)
    }
}

/// What was taken, in millionths of a check, and when it was last looked at.
#[derive(Debug, Clone, Copy, Default)]
struct Bucket {
    taken_u: u64,
    at_us: u64,
}

impl Bucket {
    fn take(&mut self, now_us: u64, rate: u64) -> bool {
        let refill = now_us.saturating_sub(self.at_us).saturating_mul(rate);
        self.at_us = now_us;
        self.taken_u = self.taken_u.saturating_sub(refill);
        let may = self.taken_u + SECOND <= rate * BURST_S * SECOND;
        self.taken_u += if may { SECOND } else { 0 };
        may
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(mono_us: u64) -> Now {
        Now { mono_us, wall_ms: 0 }
    }

    #[test]
    fn one_source_gets_an_eighth_and_all_together_the_whole() {
        let mut checks = Checks::new(80);
        let of_one = (0..1_000).filter(|_| checks.allows(at(0), Source(1))).count();
        let of_all = (2..1_000).filter(|&n| checks.allows(at(0), Source(n))).count();
        assert_eq!((of_one, of_one + of_all), (20, 160));
        let later = (0..1_000).filter(|_| checks.allows(at(SECOND), Source(1))).count();
        assert_eq!(later, 10);
    }
}
