//! What a peer keeps instead of secrets: the hashes that open queues and intro inboxes, and the ticket by which a
//! contact brings a queue back after the peer forgot it.

use pirushka_wire::{Fingerprint, IntroToken, InviteSecret, QueueId, QueueSecret};
use subtle::ConstantTimeEq;

/// What the peer compares a contact's secret with: BLAKE3 KDF, context "pirushka 2026 queue secret".
#[must_use]
pub fn queue_secret_hash(secret: &QueueSecret) -> [u8; 32] {
    blake3::derive_key("pirushka 2026 queue secret", &secret.0)
}

/// What the peer compares an invite's token with: BLAKE3 KDF, context "pirushka 2026 intro token".
#[must_use]
pub fn token_hash(token: &IntroToken) -> [u8; 32] {
    blake3::derive_key("pirushka 2026 intro token", &token.0)
}

/// The statement "this queue of this user existed here, with this quota, until then", which a peer authenticates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TicketClaim {
    /// Whose queue it is.
    pub fingerprint: Fingerprint,
    #[allow(missing_docs)]
    pub queue: QueueId,
    /// See [`queue_secret_hash`].
    pub secret_hash: [u8; 32],
    /// In KiB.
    pub quota_kib: u32,
    /// Unix seconds.
    pub expiry: u64,
}

/// The ticket: the first 16 bytes of keyed BLAKE3 over
/// `fingerprint[32] | queue[16] | secret hash[32] | quota u32 | expiry u64`.
///
/// `key` is derived from the peer's static key (context "pirushka 2026 ticket"), which outlives its restarts.
#[must_use]
pub fn ticket(key: &[u8; 32], claim: &TicketClaim) -> [u8; 16] {
    mac(key, claim).as_bytes().first_chunk().copied().unwrap_or_default()
}

/// Whether the ticket is this peer's; compared in constant time.
#[must_use]
pub fn ticket_holds(key: &[u8; 32], claim: &TicketClaim, presented: &[u8; 16]) -> bool {
    ticket(key, claim).ct_eq(presented).into()
}

/// The invite secret of a private peer: the first 15 bytes of keyed BLAKE3 over `generation u32`.
///
/// `key` is derived from the peer's static key (context "pirushka 2026 invite secret"), so nothing but that key is kept,
/// and a new generation is a new secret.
#[must_use]
pub fn invite_secret(key: &[u8; 32], generation: u32) -> InviteSecret {
    let hash = blake3::keyed_hash(key, &generation.to_be_bytes());
    InviteSecret(hash.as_bytes().first_chunk().copied().unwrap_or_default())
}

/// Whether the secret is that generation's; compared in constant time.
#[must_use]
pub fn invite_secret_holds(key: &[u8; 32], generation: u32, presented: &InviteSecret) -> bool {
    invite_secret(key, generation).0.ct_eq(&presented.0).into()
}

fn mac(key: &[u8; 32], claim: &TicketClaim) -> blake3::Hash {
    blake3::Hasher::new_keyed(key)
        .update(&claim.fingerprint.0)
        .update(&claim.queue.0)
        .update(&claim.secret_hash)
        .update(&claim.quota_kib.to_be_bytes())
        .update(&claim.expiry.to_be_bytes())
        .finalize()
}
