//! Keys: the peer's static one, and those that everybody who holds the address can derive.

use std::sync::Arc;

use aws_lc_rs::agreement::{PrivateKey, X25519};
use pirushka_wire::PeerId;
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};
use zeroize::Zeroizing;

/// A peer's static X25519 key: the only thing a peer ever keeps on disk.
#[derive(Clone)]
pub struct PeerKey {
    secret: Zeroizing<[u8; 32]>,
    peer_id: PeerId,
    /// Taken apart once: doing it for each handshake costs as much as an agreement. Never written to.
    parsed: Option<Arc<PrivateKey>>,
}

impl PeerKey {
    /// The key with these secret bytes.
    #[must_use]
    pub fn from_bytes(secret: [u8; 32]) -> Self {
        let secret = Zeroizing::new(secret);
        let (parsed, public) = parse(&secret);
        Self { secret, peer_id: PeerId(public), parsed }
    }

    /// A new key from 32 random bytes.
    #[must_use]
    pub fn generate(seed: [u8; 32]) -> Self {
        let mut secret = [0; 32];
        ChaCha20Rng::from_seed(seed).fill_bytes(&mut secret);
        Self::from_bytes(secret)
    }

    /// The secret bytes, for the key file.
    #[must_use]
    pub fn to_bytes(&self) -> Zeroizing<[u8; 32]> {
        self.secret.clone()
    }

    /// The public key, which is the peer's name.
    #[must_use]
    pub fn peer_id(&self) -> PeerId {
        self.peer_id
    }

    /// As the handshake uses it.
    pub(crate) fn parsed(&self) -> Option<Arc<PrivateKey>> {
        self.parsed.clone()
    }

    /// A key for one purpose. Contexts read "pirushka 2026 <purpose>".
    #[must_use]
    pub fn derive(&self, context: &str) -> [u8; 32] {
        blake3::derive_key(context, self.secret.as_slice())
    }
}

impl std::fmt::Debug for PeerKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { secret: _, peer_id, parsed: _ } = self;
        f.debug_struct("PeerKey").field("peer_id", peer_id).finish_non_exhaustive()
    }
}

/// An X25519 secret ready for use, and its public key.
pub(crate) fn parse(secret: &[u8; 32]) -> (Option<Arc<PrivateKey>>, [u8; 32]) {
    #[cfg(feature = "stub")]
    if pirushka_wire::stub::is_on() {
        return (None, crate::stub::public(secret));
    }
    let mut public = [0; 32];
    // Any 32 bytes are an X25519 secret, so this never fails; if it did, the key would match nothing.
    let parsed = PrivateKey::from_private_key(&X25519, secret).ok();
    if let Some(computed) = parsed.as_ref().and_then(|key| key.compute_public_key().ok()) {
        public.copy_from_slice(computed.as_ref());
    }
    (parsed.map(Arc::new), public)
}
