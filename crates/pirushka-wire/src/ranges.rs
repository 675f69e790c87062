//! Sets of numbers as ranges: compact on the wire, compact in memory.

use crate::cursor::{Reader, UnexpectedEnd};
use crate::limits::RANGES_MAX;

/// A borrowed list of ranges: `n u8 | { first u64, count u32 } x n`. Decoded lazily; a list that lies is refused whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ranges<'a>(&'a [u8]);

const ITEM: usize = 12;

impl<'a> Ranges<'a> {
    /// Takes a list from the front of `r`.
    pub fn decode(r: &mut Reader<'a>) -> Result<Self, UnexpectedEnd> {
        let n = usize::from(r.u8()?);
        if n > RANGES_MAX {
            return Err(UnexpectedEnd);
        }
        r.bytes(n * ITEM).map(Self)
    }

    /// Appends the list as it was decoded.
    pub fn encode(self, out: &mut Vec<u8>) {
        out.push((self.0.len() / ITEM) as u8);
        out.extend(self.0);
    }

    /// Each range as inclusive `(first, last)`. Empty ranges and those that overflow are skipped.
    pub fn iter(self) -> impl Iterator<Item = (u64, u64)> + 'a {
        self.0.as_chunks::<ITEM>().0.iter().filter_map(|c| {
            let mut r = Reader::new(c);
            let first = r.u64().ok()?;
            let count = u64::from(r.u32().ok()?);
            Some((first, first.checked_add(count.checked_sub(1)?)?))
        })
    }
}

/// A set of `u64`, kept as disjoint, ordered, inclusive ranges.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RangeSet(Vec<(u64, u64)>);

impl RangeSet {
    /// The empty set.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one number; tells whether it is new.
    pub fn insert(&mut self, n: u64) -> bool {
        let at = self.0.partition_point(|&(_, last)| last < n);
        if self.0.get(at).is_some_and(|&(first, _)| first <= n) {
            return false;
        }
        let joins_left = at > 0 && self.0[at - 1].1 + 1 == n;
        let joins_right = self.0.get(at).is_some_and(|&(first, _)| n + 1 == first);
        match (joins_left, joins_right) {
            (true, true) => {
                self.0[at - 1].1 = self.0[at].1;
                self.0.remove(at);
            }
            (true, false) => self.0[at - 1].1 = n,
            (false, true) => self.0[at].0 = n,
            (false, false) => self.0.insert(at, (n, n)),
        }
        true
    }

    /// Adds `first..=last`.
    pub fn insert_range(&mut self, first: u64, last: u64) {
        if first > last {
            return;
        }
        let from = self.0.partition_point(|&(_, l)| l.saturating_add(1) < first);
        let to = self.0.partition_point(|&(f, _)| f <= last.saturating_add(1));
        let low = self.0.get(from).filter(|_| from < to).map_or(first, |r| r.0.min(first));
        let high = if from < to { self.0[to - 1].1.max(last) } else { last };
        self.0.splice(from..to, [(low, high)]);
    }

    /// Whether the number is in the set.
    #[must_use]
    pub fn contains(&self, n: u64) -> bool {
        let at = self.0.partition_point(|&(_, last)| last < n);
        self.0.get(at).is_some_and(|&(first, _)| first <= n)
    }

    /// The ranges, ascending, inclusive.
    pub fn iter(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.0.iter().copied()
    }

    /// Whether nothing is in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many ranges it takes.
    #[must_use]
    pub fn range_count(&self) -> usize {
        self.0.len()
    }

    /// Takes up to `n` of the lowest ranges out.
    pub fn take_ranges(&mut self, n: usize) -> Self {
        let n = n.min(self.0.len());
        Self(self.0.drain(..n).collect())
    }

    /// Forgets the lowest ranges until at most `n` are left.
    pub fn keep_highest(&mut self, n: usize) {
        let excess = self.0.len().saturating_sub(n);
        self.0.drain(..excess);
    }

    /// Appends `n u8 | { first u64, count u32 } x n`, at most [`RANGES_MAX`] ranges; longer ranges are cut in pieces.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let at = out.len();
        out.push(0);
        let mut n = 0;
        for &(mut first, last) in &self.0 {
            loop {
                if n == RANGES_MAX {
                    break;
                }
                let count = (last - first).saturating_add(1).min(u64::from(u32::MAX));
                out.extend(first.to_be_bytes());
                out.extend(u32::try_from(count).unwrap_or(u32::MAX).to_be_bytes());
                n += 1;
                match first.checked_add(count) {
                    Some(next) if next <= last => first = next,
                    _ => break,
                }
            }
        }
        out[at] = u8::try_from(n).unwrap_or(u8::MAX);
    }
}

impl FromIterator<u64> for RangeSet {
    fn from_iter<T: IntoIterator<Item = u64>>(iter: T) -> Self {
        let mut set = Self::new();
        for n in iter {
            set.insert(n);
        }
        set
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn a_range_set_agrees_with_a_plain_set(ops in prop::collection::vec((0u64..200, 0u64..12, any::<bool>()), 0..80)) {
            let (mut set, mut model) = (RangeSet::new(), BTreeSet::new());
            for (first, len, single) in ops {
                if single {
                    prop_assert_eq!(set.insert(first), model.insert(first));
                } else {
                    set.insert_range(first, first + len);
                    model.extend(first..=first + len);
                }
            }
            let listed: BTreeSet<u64> = set.iter().flat_map(|(a, b)| a..=b).collect();
            prop_assert_eq!(&listed, &model);
            prop_assert!(set.iter().zip(set.iter().skip(1)).all(|(a, b)| a.1 + 1 < b.0));
            if set.range_count() <= RANGES_MAX {
                let mut bytes = vec![];
                set.encode(&mut bytes);
                let back = Ranges::decode(&mut Reader::new(&bytes)).unwrap();
                prop_assert_eq!(back.iter().collect::<Vec<_>>(), set.iter().collect::<Vec<_>>());
            }
        }
    }
}
