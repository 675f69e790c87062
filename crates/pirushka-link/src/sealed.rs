//! SEALED packets: frames under AES-256-GCM, padded to a bucket.
//!
//! Nonce = `0^4 | packet number`; associated data = the 20 header bytes, unmasked. Only the 32-byte keys are kept: an
//! expanded key would be 632 bytes per direction and session.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use pirushka_wire::limits::SEALED_OVERHEAD;
use pirushka_wire::root::kind;
use pirushka_wire::{Params, SessionId};
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::counters;
use crate::veil::{HEADER_LEN, Veil};

/// A session ends before a packet has this number.
pub(crate) const NUMBER_LIMIT: u64 = 1 << 48;

/// The key of the sending direction.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub(crate) struct SealKey([u8; 32]);

/// The key of the receiving direction.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub(crate) struct OpenKey([u8; 32]);

/// What the header of a sealed packet says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) params: Params,
    pub(crate) number: u64,
    pub(crate) receiver: SessionId,
}

impl Header {
    /// Takes apart what the veil gave; the first four bytes were already checked there.
    pub(crate) fn decode(params: Params, bytes: &[u8; HEADER_LEN]) -> Self {
        let (mut number, mut receiver) = ([0; 8], [0; 8]);
        number.copy_from_slice(&bytes[4..12]);
        receiver.copy_from_slice(&bytes[12..]);
        Self { params, number: u64::from_be_bytes(number), receiver: SessionId(receiver) }
    }

    fn encode(&self) -> [u8; HEADER_LEN] {
        let mut out = [0; HEADER_LEN];
        out[..4].copy_from_slice(&[self.params.direction(), kind::SEALED, 0, 16]);
        out[4..12].copy_from_slice(&self.number.to_be_bytes());
        out[12..].copy_from_slice(&self.receiver.0);
        out
    }
}

impl SealKey {
    pub(crate) fn new(key: [u8; 32]) -> Self {
        Self(key)
    }

    /// Appends one datagram of `size` bytes (more if the frames need it): `frames`, zeros, all sealed.
    pub(crate) fn seal(&self, veil: &Veil, header: Header, frames: &[u8], size: usize, out: &mut Vec<u8>) {
        let at = out.len();
        out.resize(at + SEALED_OVERHEAD, 0);
        out.extend(frames);
        out.resize((at + size).max(out.len()), 0);
        let bytes = header.encode();
        let (head, text) = out[at..].split_at_mut(SEALED_OVERHEAD);
        // Sealing fails only for texts beyond 64 GiB.
        let tag = expand(&self.0)
            .seal_in_place_separate_tag(nonce(header.number), Aad::from(&bytes), text)
            .expect("a datagram is a short text");
        let mut tag_bytes = [0; 16];
        tag_bytes.copy_from_slice(tag.as_ref());
        veil.write_sealed_head(&tag_bytes, &bytes, head);
    }
}

impl OpenKey {
    pub(crate) fn new(key: [u8; 32]) -> Self {
        Self(key)
    }

    /// Decrypts in place.
    pub(crate) fn open<'d>(
        &self,
        header: &[u8; HEADER_LEN],
        tag: &[u8; 16],
        ciphertext: &'d mut [u8],
    ) -> Result<&'d mut [u8], counters::Drop> {
        let number = Header::decode(Params::TO_PEER, header).number;
        expand(&self.0)
            .open_in_place_separate_tag(nonce(number), Aad::from(header), tag, ciphertext)
            .map_err(|_| counters::Drop::BadTag)
    }
}

impl std::fmt::Debug for SealKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SealKey(..)")
    }
}

impl std::fmt::Debug for OpenKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OpenKey(..)")
    }
}

fn expand(key: &[u8; 32]) -> LessSafeKey {
    // AES-256-GCM takes any 32 bytes.
    LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).expect("32 bytes are an AES-256 key"))
}

fn nonce(number: u64) -> Nonce {
    let mut bytes = [0; 12];
    bytes[4..].copy_from_slice(&number.to_be_bytes());
    Nonce::assume_unique_for_key(bytes)
}
