//! How often a source did something within the hour, for a bounded number of sources.

use std::collections::{BTreeMap, VecDeque};

use crate::limits::HOURLY_OVERHEAD;
use crate::store::sources::Source;

/// Counts per source in windows that begin with the source's first event.
#[derive(Debug)]
pub(crate) struct Hourly {
    window_us: u64,
    sources_max: usize,
    counts: BTreeMap<Source, (u64, u32)>,
    /// Windows in the order in which they began.
    begun: VecDeque<(u64, Source)>,
}

/// All sources beyond `sources_max` share one account.
const OTHERS: Source = Source(0);

impl Hourly {
    pub(crate) fn new(window_us: u64, sources_max: u32) -> Self {
        Self { window_us, sources_max: sources_max as usize, counts: BTreeMap::new(), begun: VecDeque::new() }
    }

    /// Whether the source may do it once more.
    pub(crate) fn allows(&mut self, now_us: u64, source: Source, limit: u32) -> bool {
        self.forget(now_us);
        let source = self.account(source);
        self.counts.get(&source).is_none_or(|(_, count)| *count < limit)
    }

    /// Counts one.
    pub(crate) fn count(&mut self, now_us: u64, source: Source) {
        self.forget(now_us);
        let source = self.account(source);
        let entry = self.counts.entry(source).or_insert_with(|| {
            self.begun.push_back((now_us, source));
            (now_us, 0)
        });
        entry.1 = entry.1.saturating_add(1);
    }

    /// Another size of the table from now on; what is in it stays until its hour is over.
    pub(crate) fn set_sources_max(&mut self, sources_max: u32) {
        self.sources_max = sources_max as usize;
    }

    /// Sources in the table.
    pub(crate) fn len(&self) -> usize {
        self.counts.len()
    }

    /// Its size.
    pub(crate) fn sources_max(&self) -> usize {
        self.sources_max
    }

    /// What the table takes.
    pub(crate) fn footprint(&self) -> u64 {
        self.counts.len() as u64 * HOURLY_OVERHEAD
    }

    fn account(&self, source: Source) -> Source {
        let full = self.counts.len() >= self.sources_max && !self.counts.contains_key(&source);
        if full { OTHERS } else { source }
    }

    fn forget(&mut self, now_us: u64) {
        while let Some(&(began, source)) = self.begun.front().filter(|(began, _)| began + self.window_us <= now_us) {
            debug_assert_eq!(self.counts.get(&source).map(|c| c.0), Some(began));
            self.counts.remove(&source);
            self.begun.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_limited_within_its_hour_and_others_are_not() {
        let mut hourly = Hourly::new(100, 10);
        for _ in 0..3 {
            assert!(hourly.allows(5, Source(1), 3));
            hourly.count(5, Source(1));
        }
        assert!(!hourly.allows(104, Source(1), 3));
        assert!(hourly.allows(104, Source(2), 3));
        assert!(hourly.allows(105, Source(1), 3));
    }

    #[test]
    fn sources_beyond_the_table_share_one_account() {
        let mut hourly = Hourly::new(100, 2);
        for source in 1..=3 {
            hourly.count(0, Source(source));
        }
        assert!(!hourly.allows(0, Source(77), 1));
        assert!(hourly.counts.len() <= 3);
    }
}
