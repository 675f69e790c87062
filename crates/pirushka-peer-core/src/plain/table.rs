//! `map[sha256 client fingerprint] ClientData` (facts 8, 9): who is registered in the plain profile, and at which address.
//!
//! An entry is made only for an address that has answered a challenge, so forged sources make none. One address holds
//! one person, the one who proved it last; one prefix at most `prefix_users_max`; all together `users_max`. When there is
//! no room a newcomer is refused: nobody who is here is pushed out. Silence ends an entry.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use pirushka_identity::Certificate;
use pirushka_wire::{Fingerprint, Now};

use super::config::PlainConfig;
use super::stats::PlainDrop;
use crate::store::Source;
use crate::timers::Timers;

/// The seed's ClientData.
#[derive(Debug)]
struct ClientData {
    /// Kept as fact 9 says. Nothing reads it in this profile, where nobody writes to anybody.
    #[allow(dead_code)]
    certificate: Certificate,
    remote: SocketAddr,
    source: Source,
    heard_us: u64,
}

/// All registrations.
#[derive(Debug)]
pub(super) struct Table {
    users_max: usize,
    prefix_users_max: usize,
    silence_us: u64,
    users: BTreeMap<Fingerprint, ClientData>,
    by_remote: BTreeMap<SocketAddr, Fingerprint>,
    by_source: BTreeMap<Source, usize>,
    timers: Timers<Fingerprint>,
}

impl Table {
    pub(super) fn new(config: &PlainConfig) -> Self {
        Self {
            users_max: config.users_max as usize,
            prefix_users_max: config.prefix_users_max as usize,
            silence_us: config.silence_us,
            users: BTreeMap::new(),
            by_remote: BTreeMap::new(),
            by_source: BTreeMap::new(),
            timers: Timers::default(),
        }
    }

    /// Where this person was last proven to be.
    pub(super) fn remote(&self, fingerprint: &Fingerprint) -> Option<SocketAddr> {
        self.users.get(fingerprint).map(|user| user.remote)
    }

    pub(super) fn len(&self) -> usize {
        self.users.len()
    }

    /// Whether this person could be written down at this address.
    pub(super) fn has_room(&self, who: &Fingerprint, remote: SocketAddr, source: Source) -> Result<(), PlainDrop> {
        let mut in_prefix = self.by_source.get(&source).copied().unwrap_or(0);
        let mut in_all = self.users.len();
        // What this entry would replace leaves room: the person's own, and another's at the same address.
        let replaced = [self.users.get(who), self.by_remote.get(&remote).and_then(|other| self.users.get(other))];
        let [own, other] = replaced;
        let other = other.filter(|other| own.is_none_or(|own| own.remote != other.remote));
        for entry in [own, other].into_iter().flatten() {
            in_all -= 1;
            in_prefix -= usize::from(entry.source == source);
        }
        match () {
            () if in_all >= self.users_max => Err(PlainDrop::TableFull),
            () if in_prefix >= self.prefix_users_max => Err(PlainDrop::PrefixFull),
            () => Ok(()),
        }
    }

    /// Writes down who is where; the address is proven, and there is room.
    pub(super) fn insert(&mut self, now: Now, remote: SocketAddr, source: Source, certificate: Certificate) {
        let fingerprint = certificate.fingerprint();
        self.remove(&fingerprint);
        if let Some(other) = self.by_remote.get(&remote).copied() {
            self.remove(&other);
        }
        self.by_remote.insert(remote, fingerprint);
        *self.by_source.entry(source).or_default() += 1;
        self.timers.arm(fingerprint, now.after_us(self.silence_us));
        self.users.insert(fingerprint, ClientData { certificate, remote, source, heard_us: now.mono_us });
    }

    /// Something came from this address; whether anybody is registered there.
    pub(super) fn heard(&mut self, now: Now, remote: SocketAddr) -> bool {
        let user = self.by_remote.get(&remote).and_then(|fingerprint| self.users.get_mut(fingerprint));
        user.map(|user| user.heard_us = now.mono_us).is_some()
    }

    pub(super) fn next_us(&self) -> Option<u64> {
        self.timers.next()
    }

    /// Ends what has been silent too long; says how many.
    pub(super) fn expire(&mut self, now: Now) -> u64 {
        let mut ended = 0;
        while let Some(fingerprint) = self.timers.pop_due(now.mono_us) {
            let Some(user) = self.users.get(&fingerprint) else { continue };
            let end_us = user.heard_us.saturating_add(self.silence_us);
            if end_us > now.mono_us {
                self.timers.arm(fingerprint, end_us);
            } else {
                self.remove(&fingerprint);
                ended += 1;
            }
        }
        ended
    }

    fn remove(&mut self, fingerprint: &Fingerprint) {
        let Some(user) = self.users.remove(fingerprint) else { return };
        self.by_remote.remove(&user.remote);
        self.timers.disarm(*fingerprint);
        if let Some(count) = self.by_source.get_mut(&user.source) {
            *count -= 1;
            if *count == 0 {
                self.by_source.remove(&user.source);
            }
        }
    }

    /// Checks what must hold after every input.
    #[cfg(test)]
    pub(super) fn check(&self) {
        assert!(self.users.len() <= self.users_max);
        assert_eq!(self.by_remote.len(), self.users.len());
        assert_eq!(self.by_source.values().sum::<usize>(), self.users.len());
        assert!(self.by_source.values().all(|&count| (1..=self.prefix_users_max).contains(&count)));
        assert!(self.users.iter().all(|(name, user)| self.by_remote.get(&user.remote) == Some(name)));
    }
}
