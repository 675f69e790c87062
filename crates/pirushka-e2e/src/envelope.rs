//! The envelope: what a peer holds of a message. It tells the peer a size out of three, and nothing else.
//!
//! ```text
//! envelope   salt[8] | AES-256-GCM(key, plaintext) with tag[16]              320, 576 or 1088 bytes
//! key        BLAKE3 derive_key("pirushka 2026 envelope", seal key[32] | salt), nonce 0, AAD = queue id[16]
//! plaintext  kind u8 | message id[8] | n u16 | i u16 | length u16 | part | zeros
//! ```
//! The seal key belongs to the queue and is never shown to the peer, so the envelope hides the session, the epoch, the
//! kind, the true length, and which chunks belong together. What it carries is ciphertext already; a salt that repeats
//! by chance (64 bits) would show metadata of two envelopes, no content.
//!
//! A longer message is cut into at most [`PARTS_MAX`] parts of one random message id; [`crate::chunks`] joins them.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use pirushka_wire::limits::ENVELOPES;
use pirushka_wire::{QueueId, Reader};
use rand_chacha::ChaCha20Rng;
use rand_core::Rng;
use zeroize::Zeroizing;

const CONTEXT: &str = "pirushka 2026 envelope";
const SALT: usize = 8;
const TAG: usize = 16;
const HEADER: usize = 1 + 8 + 2 + 2 + 2;
const OVERHEAD: usize = SALT + TAG + HEADER;

/// What a part of the largest envelope carries.
pub const PART_MAX: usize = ENVELOPES[2] - OVERHEAD;
/// The most parts of one message; beyond that a text travels as an attachment.
pub const PARTS_MAX: u16 = 128;
/// The longest message.
pub const MESSAGE_MAX: usize = PARTS_MAX as usize * PART_MAX;

/// What a message inside envelopes is. Unknown kinds are passed on and kept by the client until it is newer.
pub mod kind {
    /// An MLS private message.
    pub const MLS: u8 = 1;
    /// A Welcome and a first message, as [`crate::intro::Intro`] lays them out: a new session over a contact queue.
    pub const WELCOME: u8 = 2;
}

/// One part of a message, out of one envelope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// See [`kind`].
    pub kind: u8,
    /// The same in all parts.
    pub message_id: [u8; 8],
    /// How many parts there are, 1 to [`PARTS_MAX`].
    pub n: u16,
    /// Which one this is, from 0.
    pub i: u16,
    /// At most [`PART_MAX`] bytes.
    pub bytes: Vec<u8>,
}

/// Why an envelope cannot be made or opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    /// Not 320, 576 or 1088 bytes.
    #[error("an envelope of {0} bytes; expected 320, 576 or 1088")]
    Size(usize),
    /// Another queue's key, or a changed byte.
    #[error("the envelope does not decrypt with the key of its queue")]
    Sealed,
    /// Whoever holds the key put nonsense inside.
    #[error("the part inside the envelope is malformed")]
    Malformed,
    /// To be sent as an attachment.
    #[error("a message of {0} bytes; at most {MESSAGE_MAX} fit")]
    TooLong(usize),
}

/// Cuts and seals a message. All parts but the last are in the largest envelopes.
pub fn seal_parts(
    queue: &QueueId,
    seal_key: &[u8; 32],
    kind: u8,
    message: &[u8],
    rng: &mut ChaCha20Rng,
) -> Result<Vec<Vec<u8>>, EnvelopeError> {
    if message.len() > MESSAGE_MAX {
        return Err(EnvelopeError::TooLong(message.len()));
    }
    let mut message_id = [0; 8];
    rng.fill_bytes(&mut message_id);
    let n = message.len().div_ceil(PART_MAX).max(1);
    let part = |i: usize| message.get(i * PART_MAX..message.len().min((i + 1) * PART_MAX)).unwrap_or_default();
    let number = |x: usize| u16::try_from(x).map_err(|_| EnvelopeError::TooLong(message.len()));
    (0..n).map(|i| seal(queue, seal_key, (kind, message_id, number(n)?, number(i)?), part(i), rng)).collect()
}

fn seal(
    queue: &QueueId,
    seal_key: &[u8; 32],
    (kind, message_id, n, i): (u8, [u8; 8], u16, u16),
    part: &[u8],
    rng: &mut ChaCha20Rng,
) -> Result<Vec<u8>, EnvelopeError> {
    let too_long = EnvelopeError::TooLong(part.len());
    let size = ENVELOPES.into_iter().find(|size| part.len() + OVERHEAD <= *size).ok_or(too_long)?;
    let length = u16::try_from(part.len()).map_err(|_| too_long)?;
    let mut salt = [0; SALT];
    rng.fill_bytes(&mut salt);
    let mut out = Vec::with_capacity(size);
    out.extend(salt);
    out.push(kind);
    out.extend(message_id);
    out.extend(n.to_be_bytes());
    out.extend(i.to_be_bytes());
    out.extend(length.to_be_bytes());
    out.extend(part);
    out.resize(size - TAG, 0);
    let plaintext = out.get_mut(SALT..).ok_or(too_long)?;
    let tag = key(seal_key, &salt)
        .seal_in_place_separate_tag(Nonce::assume_unique_for_key([0; 12]), Aad::from(queue.0), plaintext)
        .map_err(|_| EnvelopeError::Sealed)?;
    out.extend(tag.as_ref());
    Ok(out)
}

/// Opens one envelope.
pub fn open(queue: &QueueId, seal_key: &[u8; 32], envelope: &[u8]) -> Result<Part, EnvelopeError> {
    if !ENVELOPES.contains(&envelope.len()) {
        return Err(EnvelopeError::Size(envelope.len()));
    }
    let (salt, sealed) = envelope.split_first_chunk::<SALT>().ok_or(EnvelopeError::Size(envelope.len()))?;
    let mut sealed = sealed.to_vec();
    let plaintext = key(seal_key, salt)
        .open_in_place(Nonce::assume_unique_for_key([0; 12]), Aad::from(queue.0), &mut sealed)
        .map_err(|_| EnvelopeError::Sealed)?;
    parse(plaintext).ok_or(EnvelopeError::Malformed)
}

fn parse(plaintext: &[u8]) -> Option<Part> {
    let mut r = Reader::new(plaintext);
    let (kind, message_id) = (r.u8().ok()?, r.array().ok()?);
    let (n, i, length) = (r.u16().ok()?, r.u16().ok()?, r.u16().ok()?);
    let bytes = r.bytes(usize::from(length)).ok()?.to_vec();
    let padded_with_zeros = r.rest().iter().all(|byte| *byte == 0);
    let sound = (1..=PARTS_MAX).contains(&n) && i < n && padded_with_zeros;
    sound.then_some(Part { kind, message_id, n, i, bytes })
}

fn key(seal_key: &[u8; 32], salt: &[u8; SALT]) -> LessSafeKey {
    let mut material = Zeroizing::new([0; 32 + SALT]);
    material[..32].copy_from_slice(seal_key);
    material[32..].copy_from_slice(salt);
    let key = Zeroizing::new(blake3::derive_key(CONTEXT, &*material));
    // 32 bytes are what AES-256 takes; there is no other way to fail.
    LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &*key).expect("a key of 32 bytes"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand_core::SeedableRng;

    use super::*;

    const QUEUE: QueueId = QueueId([3; 16]);
    const KEY: [u8; 32] = [4; 32];

    fn rng() -> ChaCha20Rng {
        ChaCha20Rng::from_seed([1; 32])
    }

    #[test]
    fn a_message_takes_the_smallest_envelope_that_holds_it() {
        for (message, sizes) in [
            (0, vec![320]),
            (320 - OVERHEAD, vec![320]),
            (321 - OVERHEAD, vec![576]),
            (577 - OVERHEAD, vec![1088]),
            (PART_MAX, vec![1088]),
            (PART_MAX + 1, vec![1088, 320]),
            (2 * PART_MAX + 300, vec![1088, 1088, 576]),
        ] {
            let sealed = seal_parts(&QUEUE, &KEY, kind::MLS, &vec![7; message], &mut rng()).unwrap();
            assert_eq!(sealed.iter().map(Vec::len).collect::<Vec<_>>(), sizes, "{message} bytes");
            let parts: Vec<_> = sealed.iter().map(|e| open(&QUEUE, &KEY, e).unwrap()).collect();
            assert_eq!(parts.iter().map(|p| p.bytes.len()).sum::<usize>(), message);
            assert!(parts.iter().enumerate().all(|(i, p)| p.i as usize == i && p.n as usize == sizes.len()));
        }
    }

    #[test]
    fn a_text_of_64_kib_fits_and_what_is_longer_than_128_parts_is_refused() {
        const { assert!(MESSAGE_MAX > 64 * 1024 + 1024) };
        let too_long = vec![0; MESSAGE_MAX + 1];
        assert_eq!(
            seal_parts(&QUEUE, &KEY, kind::MLS, &too_long, &mut rng()),
            Err(EnvelopeError::TooLong(MESSAGE_MAX + 1))
        );
    }

    #[test]
    fn another_queue_another_key_or_a_changed_byte_opens_nothing() {
        let sealed = seal_parts(&QUEUE, &KEY, kind::MLS, b"hello", &mut rng()).unwrap().remove(0);
        assert_eq!(open(&QueueId([9; 16]), &KEY, &sealed), Err(EnvelopeError::Sealed));
        assert_eq!(open(&QUEUE, &[9; 32], &sealed), Err(EnvelopeError::Sealed));
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert_eq!(open(&QUEUE, &KEY, &changed), Err(EnvelopeError::Sealed), "byte {at}");
        }
        assert_eq!(open(&QUEUE, &KEY, &sealed[1..]), Err(EnvelopeError::Size(319)));
    }

    #[test]
    fn t20_a_part_that_lies_about_itself_is_refused() {
        for (header, why) in
            [((1, [0; 8], 0, 0), "n = 0"), ((1, [0; 8], 129, 0), "n > 128"), ((1, [0; 8], 2, 2), "i = n")]
        {
            let sealed = seal(&QUEUE, &KEY, header, b"x", &mut rng()).unwrap();
            assert_eq!(open(&QUEUE, &KEY, &sealed), Err(EnvelopeError::Malformed), "{why}");
        }
    }

    proptest! {
        #[test]
        fn whatever_stands_inside_is_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..1100)) {
            let _ = parse(&bytes);
            let _ = open(&QUEUE, &KEY, &bytes);
        }
    }
}
