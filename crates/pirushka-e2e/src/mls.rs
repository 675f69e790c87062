//! What openmls is given to work with: our randomness, our signer, our storage, one suite, and nothing else.
//!
//! openmls asks its surroundings for a clock, an RNG and a database. It gets none of them directly: packages never
//! expire inside (`packages` keeps their age), every random byte comes from the caller's generator (`source`), and
//! storage is an ordered map in memory that remembers what changed (`rows`). Two runs with the same seed therefore give
//! the same packets.

mod crypto;
mod rows;
mod source;

pub(crate) use crypto::SUITE;
pub use rows::RowWrites;
pub(crate) use rows::{Label, Rows, StorageError, keyed, only, to_cbor};
pub(crate) use source::Source;

use openmls_traits::OpenMlsProvider;
use openmls_traits::signatures::{Signer, SignerError};
use openmls_traits::types::SignatureScheme;
use pirushka_identity::Identity;

use crypto::Crypto;

/// Lends one session's rows and one operation's randomness to openmls.
pub(crate) struct Provider<'a> {
    crypto: Crypto,
    source: Source,
    rows: &'a Rows,
}

impl<'a> Provider<'a> {
    pub(crate) fn new(rows: &'a Rows, source: Source) -> Self {
        Self { crypto: Crypto::new(source.split()), source, rows }
    }
}

impl OpenMlsProvider for Provider<'_> {
    type CryptoProvider = Crypto;
    type RandProvider = Source;
    type StorageProvider = Rows;

    fn storage(&self) -> &Rows {
        self.rows
    }

    fn crypto(&self) -> &Crypto {
        &self.crypto
    }

    fn rand(&self) -> &Source {
        &self.source
    }
}

/// Signs leaves and messages with the user's one key.
pub(crate) struct LeafSigner<'a>(pub(crate) &'a Identity);

impl Signer for LeafSigner<'_> {
    fn sign(&self, payload: &[u8]) -> Result<Vec<u8>, SignerError> {
        Ok(self.0.sign(payload).to_vec())
    }

    fn signature_scheme(&self) -> SignatureScheme {
        SignatureScheme::ED25519
    }
}
