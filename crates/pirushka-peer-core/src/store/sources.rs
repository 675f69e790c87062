//! Which introductions came from the same network, so that the largest source gives way first when memory is short.
//!
//! A source is a keyed hash of the address prefix; the key is this run's own. Of deposits in contact queues nothing of
//! the kind is kept.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

use pirushka_wire::IntroId;

use crate::limits::{PREFIX_V4_BITS, PREFIX_V6_BITS};
use crate::store::user::UserId;

/// A source prefix (/24, /56) as this run of the peer names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Source(pub(crate) u64);

impl Source {
    pub(crate) fn of(key: &[u8; 32], remote: SocketAddr) -> Self {
        let mut input = [0; 17];
        match remote.ip().to_canonical() {
            IpAddr::V4(ip) => input[1..5].copy_from_slice(&(u32::from(ip) >> (32 - PREFIX_V4_BITS)).to_be_bytes()),
            IpAddr::V6(ip) => {
                input[0] = 6;
                input[1..].copy_from_slice(&(u128::from(ip) >> (128 - PREFIX_V6_BITS)).to_be_bytes());
            }
        }
        Self(crate::store::keyed_u64(key, &input))
    }
}

/// All introductions by source, and the sources by their bytes.
#[derive(Debug, Default)]
pub(crate) struct IntroSources {
    intros: BTreeSet<(Source, UserId, IntroId)>,
    bytes: BTreeMap<Source, u64>,
    order: BTreeSet<(u64, Source)>,
}

impl IntroSources {
    /// Counts `bytes` more for an introduction.
    pub(crate) fn add(&mut self, source: Source, user: UserId, intro: IntroId, bytes: u64) {
        self.intros.insert((source, user, intro));
        self.change(source, |sum| sum + bytes);
    }

    /// Forgets an introduction, which counted `bytes` in all.
    pub(crate) fn remove(&mut self, source: Source, user: UserId, intro: IntroId, bytes: u64) {
        if self.intros.remove(&(source, user, intro)) {
            self.change(source, |sum| sum.saturating_sub(bytes));
        }
    }

    /// An introduction of the source that holds most.
    pub(crate) fn largest(&self) -> Option<(UserId, IntroId)> {
        let &(_, source) = self.order.last()?;
        let first = (source, UserId(0), IntroId([0; 16]));
        self.intros.range(first..).next().map(|&(_, user, intro)| (user, intro))
    }

    /// Introductions that wait.
    pub(crate) fn len(&self) -> usize {
        self.intros.len()
    }

    #[cfg(test)]
    pub(crate) fn by_source(&self) -> &BTreeMap<Source, u64> {
        &self.bytes
    }

    #[cfg(test)]
    pub(crate) fn bytes(&self) -> u64 {
        assert_eq!(self.order.len(), self.bytes.len());
        self.bytes.values().sum()
    }

    fn change(&mut self, source: Source, change: impl FnOnce(u64) -> u64) {
        let before = self.bytes.get(&source).copied().unwrap_or(0);
        self.order.remove(&(before, source));
        match change(before) {
            0 => drop(self.bytes.remove(&source)),
            sum => {
                self.bytes.insert(source, sum);
                self.order.insert((sum, source));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_source_that_holds_most_gives_way_first() {
        let mut sources = IntroSources::default();
        sources.add(Source(1), UserId(1), IntroId([1; 16]), 500);
        sources.add(Source(2), UserId(2), IntroId([2; 16]), 400);
        sources.add(Source(2), UserId(3), IntroId([3; 16]), 400);
        assert_eq!(sources.largest(), Some((UserId(2), IntroId([2; 16]))));
        sources.remove(Source(2), UserId(2), IntroId([2; 16]), 400);
        assert_eq!(sources.largest(), Some((UserId(1), IntroId([1; 16]))));
        sources.remove(Source(1), UserId(1), IntroId([1; 16]), 500);
        sources.remove(Source(2), UserId(3), IntroId([3; 16]), 400);
        assert_eq!(sources.largest(), None);
    }

    #[test]
    fn neighbours_are_one_source_and_strangers_are_not() {
        let of = |text: &str| Source::of(&[1; 32], text.parse().unwrap());
        assert_eq!(of("192.0.2.1:1"), of("192.0.2.250:9"));
        assert_eq!(of("192.0.2.1:1"), of("[::ffff:192.0.2.9]:1"));
        assert_ne!(of("192.0.2.1:1"), of("192.0.3.1:1"));
        assert_eq!(of("[2001:db8:0:aa01::1]:1"), of("[2001:db8:0:aaff::2]:1"));
        assert_ne!(of("[2001:db8:0:aa01::1]:1"), of("[2001:db8:0:bb01::1]:1"));
    }
}
