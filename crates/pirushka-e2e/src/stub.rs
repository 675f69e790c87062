//! What stands in for MLS where [`pirushka_wire::stub`] is on: the same calls, lengths, order and refusals, and no secrecy.
//!
//! Every check is a keyed BLAKE3 of 16 bytes, so that what is damaged is found. Layouts, numbers big-endian:
//! ```text
//! package  "stub pkg" | reference 32 | fingerprint 32 | key 32 | filling | check 16
//! Welcome  "stub wel" | reference 32 | joiner 32 | fingerprint 32 | key 32 | secret 32 | name 24 | filling | check 16
//! message  "stub msg" | name 24 | epoch u64 | leaf u8 | commit u8 | generation u32 | length u32 | body | filling | check 16
//! ```
//! The body of a commit is the next epoch's secret.

mod bytes;
mod session;

pub(crate) use session::{Session, peek};

use pirushka_identity::{Certificate, Identity};
use pirushka_wire::Fingerprint;
use rand_chacha::ChaCha20Rng;
use rand_core::Rng as _;

use crate::error::E2eError;
use crate::session::check_holder;
use bytes::{check, checked, take};

/// Bytes of a real package, Welcome and commit.
const PACKAGE: usize = 2672;
const WELCOME: usize = 5491;
const COMMIT: usize = 3980;
/// What a real message adds to an empty text.
const OVERHEAD: usize = 153;

const PACKAGE_MARK: &[u8; 8] = b"stub pkg";
/// The key of checks that no session keys.
const NO_KEY: [u8; 32] = [0; 32];

/// A new package: its reference, which is its private part too, and its public part.
pub(crate) fn package(id: &Identity, rng: &mut ChaCha20Rng) -> (Vec<u8>, Vec<u8>) {
    let mut reference = [0; 32];
    rng.fill_bytes(&mut reference);
    let mut public = [&PACKAGE_MARK[..], &reference, &id.fingerprint().0, &id.certificate().public_key()[..]].concat();
    public.resize(PACKAGE - 16, 0);
    (reference.to_vec(), check(&NO_KEY, public))
}

/// Believes a package of the holder of `certificate`; gives its reference.
fn check_package(package: &[u8], certificate: &Certificate) -> Result<[u8; 32], E2eError> {
    let read = || {
        let mut rest = checked(&NO_KEY, package)?.strip_prefix(PACKAGE_MARK)?;
        Some((take(&mut rest)?, take(&mut rest)?, take(&mut rest)?))
    };
    let (reference, fingerprint, key): ([u8; 32], [u8; 32], [u8; 32]) =
        read().ok_or(E2eError::Malformed("key package"))?;
    check_holder(Fingerprint(fingerprint), &key, certificate)?;
    Ok(reference)
}
