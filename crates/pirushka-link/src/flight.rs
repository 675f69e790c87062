//! What is sent and not yet answered.

use std::collections::BTreeMap;

/// Keeps track of things in flight.
#[derive(Debug, Clone, Default)]
pub struct Flight<K: Ord + Copy> {
    entries: BTreeMap<K, u64>,
}

impl<K: Ord + Copy> Flight<K> {
    /// Nothing in flight.
    #[must_use]
    pub fn new() -> Self {
        Self { entries: BTreeMap::new() }
    }

    /// `key` was sent (again) and counts `bytes` against the window.
    pub fn sent(&mut self, now_us: u64, key: K, bytes: usize) {
        let _ = bytes;
        self.entries.insert(key, now_us);
    }

    /// `key` was answered. False when it was not known.
    pub fn acked(&mut self, now_us: u64, key: K) -> bool {
        let _ = now_us;
        self.entries.remove(&key).is_some()
    }

    /// `key` no longer matters, answered or not. False when it was not known.
    pub fn forget(&mut self, key: K) -> bool {
        self.entries.remove(&key).is_some()
    }

    /// Keys that are taken for lost since the last call, oldest first: send them again.
    pub fn lost(&mut self, now_us: u64) -> Vec<K> {
        let _ = now_us;
        vec![]
    }

    /// Whether the congestion window has room for `bytes` more.
    #[must_use]
    pub fn may_send(&self, bytes: usize) -> bool {
        let _ = bytes;
        true
    }

    /// When [`Self::lost`] may have something (µs).
    #[must_use]
    pub fn deadline(&self) -> Option<u64> {
        None
    }

    /// Smoothed round trip (µs), once there is a sample.
    #[must_use]
    pub fn rtt_us(&self) -> Option<u64> {
        None
    }

    /// The present retransmission timeout (µs).
    #[must_use]
    pub fn rto_us(&self) -> u64 {
        1_000_000
    }

    /// Whether `key` is being tracked.
    #[must_use]
    pub fn contains(&self, key: K) -> bool {
        self.entries.contains_key(&key)
    }

    /// How many keys are tracked.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Forgets everything in flight; the round trip time and the window stay.
    pub fn clear(&mut self) {
        self.entries.clear();
    }
}
