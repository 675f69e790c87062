//! RESET: "I do not know this session, I was restarted".
//!
//! `session id[8] | token[16]`, the token being a keyed hash of the id under the static key, told to the client in
//! HELLO_ACK. So that nobody can use it to collect tokens, to find peers by replaying what it recorded, or to make two
//! machines talk for ever, it is sent only
//! - by the node and shard that the id names, for ids not older than 24 h (the id carries its hour);
//! - to the IP (IPv6: the /64) that the session was made from (the id carries two bytes of a keyed hash of it): a client
//!   that has moved since learns of the restart by its requests staying unanswered;
//! - for datagrams of at least 128 bytes, being shorter than that itself;
//! - so many times per second, and never for an id that is live.
//!
//! A session id is `node u8 | shard u8 | hour u8 | random[3] | source check[2]`.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use pirushka_wire::root::kind;
use pirushka_wire::{Now, Params, Root, SessionId, Signature};
use rand_core::Rng as _;
use zeroize::Zeroizing;

use super::limits::Bucket;
use super::{PeerLink, PeerLinkConfig};
use crate::keys::PeerKey;
use crate::mac1::truncate;

/// A datagram shorter than this is not answered.
const TRIGGER_MIN: usize = 128;
/// Root 12, session id 8, token 16; junk up to below [`TRIGGER_MIN`].
const RESET_LEN: usize = 36;
const PADDING_MAX: usize = 64;
const AGE_MAX_H: u8 = 24;

const _: () = assert!(RESET_LEN + PADDING_MAX + crate::veil::SALT_LEN < TRIGGER_MIN);

/// Tokens and the rate at which they are given away.
#[derive(Debug)]
pub(crate) struct Resets {
    key: ResetKey,
    node: u8,
    shard: u8,
    rate: u32,
    bucket: Bucket,
}

struct ResetKey(Zeroizing<[u8; 32]>);

impl std::fmt::Debug for ResetKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ResetKey(..)")
    }
}

impl Resets {
    /// Other limits from now on.
    pub(crate) fn set_limits(&mut self, config: &PeerLinkConfig) {
        self.rate = config.resets_per_s;
    }

    pub(crate) fn new(config: &PeerLinkConfig, key: &PeerKey) -> Self {
        Self {
            key: ResetKey(Zeroizing::new(key.derive("pirushka 2026 reset"))),
            node: config.node,
            shard: config.shard,
            rate: config.resets_per_s,
            bucket: Bucket::full(config.resets_per_s),
        }
    }

    /// The token of a session.
    pub(crate) fn token(&self, id: SessionId) -> [u8; 16] {
        truncate(blake3::keyed_hash(&self.key.0, &id.0))
    }

    /// A session id for a client at `source`, with this randomness in it.
    pub(crate) fn session_id(&self, now: Now, source: SocketAddr, random: [u8; 3]) -> SessionId {
        let mut id = [self.node, self.shard, hour(now), random[0], random[1], random[2], 0, 0];
        let check = self.source_check(&id, source);
        id[6..].copy_from_slice(&check);
        SessionId(id)
    }

    fn is_made_for(&self, id: SessionId, source: SocketAddr) -> bool {
        id.0[6..] == self.source_check(&id.0, source)
    }

    fn source_check(&self, id: &[u8; 8], source: SocketAddr) -> [u8; 2] {
        let network = match source.ip().to_canonical() {
            IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
            IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64).octets(),
        };
        let hash = blake3::Hasher::new_keyed(&self.key.0).update(&id[..6]).update(&network).finalize();
        truncate(hash)
    }

    /// Whether the id names this node and shard.
    pub(crate) fn is_ours(&self, id: SessionId) -> bool {
        id.0[..2] == [self.node, self.shard]
    }
}

impl PeerLink {
    /// A sealed packet came for a session that is not known.
    pub(super) fn answer_with_reset(&mut self, now: Now, remote: SocketAddr, length: usize, id: SessionId) {
        let age_h = hour(now).wrapping_sub(id.0[2]);
        if length < TRIGGER_MIN || age_h >= AGE_MAX_H || !self.resets.is_made_for(id, remote) {
            return;
        }
        let rate = self.resets.rate;
        if !self.resets.bucket.take(now.mono_us, rate, rate) {
            self.counters.resets_withheld += 1;
            return;
        }
        let mut payload = id.0.to_vec();
        payload.extend(self.resets.token(id));
        payload.resize(payload.len() + self.rng.next_u32() as usize % (PADDING_MAX + 1), 0);
        let mut packet = vec![];
        let signature = Signature::Absent;
        Root { params: Params::FROM_PEER, kind: kind::RESET, signature, timestamp: 0, payload: &payload }
            .encode(&mut packet);
        if self.answer(remote, &packet).is_ok() {
            self.counters.resets += 1;
        }
    }
}

/// The hour that a session id carries.
fn hour(now: Now) -> u8 {
    (now.wall_s() / 3600) as u8
}
