//! Cookies: proof that a HELLO's source receives, without keeping anything for it.
//!
//! `epoch u32 (60 s of wall-clock time) | keyed hash(epoch secret, ip | port | client session id | noise message 1)[..20]`
//! with epoch secret = keyed hash(KDF(static key), epoch): the same on every node behind a name. A cookie is good in its
//! epoch and the next (and the one before, for nodes whose clocks differ). One cookie makes one session, so used ones
//! are remembered until they are stale; that memory grows only with sessions really made.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use pirushka_wire::handshake::{COOKIE_LEN, NOISE_1_LEN};
use pirushka_wire::{Now, SessionId};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use crate::keys::PeerKey;
use crate::mac1::truncate;
use crate::peer::SessionHandle;

const EPOCH_S: u64 = 60;

/// A cookie as it travels.
pub(crate) type Cookie = [u8; COOKIE_LEN];

/// What a cookie is bound to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CookieScope<'a> {
    pub(crate) source: &'a [u8; 18],
    pub(crate) client_session: SessionId,
    pub(crate) noise: &'a [u8; NOISE_1_LEN],
}

/// Bakes cookies and knows its own.
pub(crate) struct CookieJar {
    key: Zeroizing<[u8; 32]>,
    used: BTreeMap<(u32, [u8; 16]), SessionHandle>,
}

impl CookieJar {
    pub(crate) fn new(key: &PeerKey) -> Self {
        Self { key: Zeroizing::new(key.derive("pirushka 2026 cookie")), used: BTreeMap::new() }
    }

    /// A cookie of this minute.
    pub(crate) fn bake(&self, now: Now, scope: CookieScope<'_>) -> Cookie {
        self.bake_in(epoch(now), scope)
    }

    /// Whether the cookie is ours, for this scope, and not stale.
    pub(crate) fn is_good(&self, now: Now, cookie: &Cookie, scope: CookieScope<'_>) -> bool {
        let baked = epoch_of(cookie);
        baked.abs_diff(epoch(now)) <= 1 && bool::from(self.bake_in(baked, scope).ct_eq(cookie))
    }

    /// The session that this cookie has made.
    pub(crate) fn used_for(&self, cookie: &Cookie) -> Option<SessionHandle> {
        self.used.get(&name(cookie)).copied()
    }

    /// Remembers that it made one, and forgets those that no longer are good anyway.
    pub(crate) fn spend(&mut self, now: Now, cookie: &Cookie, session: SessionHandle) {
        let epoch = epoch(now);
        while let Some(oldest) = self.used.first_entry().filter(|e| e.key().0.saturating_add(2) < epoch) {
            oldest.remove();
        }
        while let Some(newest) = self.used.last_entry().filter(|e| e.key().0 > epoch.saturating_add(2)) {
            newest.remove();
        }
        self.used.insert(name(cookie), session);
    }

    #[cfg(test)]
    pub(crate) fn used_count(&self) -> usize {
        self.used.len()
    }

    fn bake_in(&self, epoch: u32, scope: CookieScope<'_>) -> Cookie {
        let secret = blake3::keyed_hash(&self.key, &epoch.to_be_bytes());
        let mut hasher = blake3::Hasher::new_keyed(secret.as_bytes());
        hasher.update(scope.source).update(&scope.client_session.0).update(scope.noise);
        let mac: [u8; 20] = truncate(hasher.finalize());
        let mut cookie = [0; COOKIE_LEN];
        cookie[..4].copy_from_slice(&epoch.to_be_bytes());
        cookie[4..].copy_from_slice(&mac);
        cookie
    }
}

impl std::fmt::Debug for CookieJar {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { key: _, used } = self;
        f.debug_struct("CookieJar").field("used", &used.len()).finish_non_exhaustive()
    }
}

/// `ip[16] (v4 mapped) | port u16`: an address as bytes.
pub(crate) fn address_bytes(address: SocketAddr) -> [u8; 18] {
    let ip = match address.ip() {
        std::net::IpAddr::V4(v4) => v4.to_ipv6_mapped(),
        std::net::IpAddr::V6(v6) => v6,
    };
    let mut out = [0; 18];
    out[..16].copy_from_slice(&ip.octets());
    out[16..].copy_from_slice(&address.port().to_be_bytes());
    out
}

fn epoch(now: Now) -> u32 {
    (now.wall_s() / EPOCH_S) as u32
}

fn epoch_of(cookie: &Cookie) -> u32 {
    let [a, b, c, d, ..] = *cookie;
    u32::from_be_bytes([a, b, c, d])
}

fn name(cookie: &Cookie) -> (u32, [u8; 16]) {
    let mut mac = [0; 16];
    mac.copy_from_slice(&cookie[4..20]);
    (epoch_of(cookie), mac)
}
