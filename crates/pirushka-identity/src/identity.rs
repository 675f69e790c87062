//! The owner of the signing key, and the making of its certificate.

use std::fmt;

use ed25519_dalek::{Signer, SigningKey};
use pirushka_wire::{Fingerprint, PeerAddress, PeerId};
use rand_core::CryptoRng;
use rcgen::{CertificateParams, DistinguishedName, PublicKeyData, SerialNumber, SignatureAlgorithm, date_time_ymd};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::card::{Card, IntroPolicy};
use crate::certificate::{Certificate, CertificateError};
use crate::register;

/// Why a secret and a certificate are not an identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// The certificate alone is already wrong.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// The certificate belongs to another key.
    #[error("the certificate does not belong to the secret key")]
    KeyMismatch,
}

/// A person: the signing key and its certificate. The key leaves only by [`Identity::secret_bytes`], and is overwritten
/// when the identity is dropped.
pub struct Identity {
    key: SigningKey,
    certificate: Certificate,
}

impl Identity {
    /// Makes a new person from 32 bytes of `rng`: the same bytes, the same certificate.
    #[must_use]
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        let mut seed = Zeroizing::new([0; 32]);
        rng.fill_bytes(&mut *seed);
        let key = SigningKey::from_bytes(&seed);
        let certificate = self_signed(&key);
        Self { key, certificate }
    }

    /// Puts a stored person together again.
    ///
    /// # Errors
    /// When the certificate is faulty or belongs to another key.
    pub fn from_parts(secret: &[u8; 32], certificate_der: &[u8]) -> Result<Self, IdentityError> {
        let key = SigningKey::from_bytes(secret);
        let certificate = Certificate::parse(certificate_der)?;
        if certificate.public_key() != key.verifying_key().to_bytes() {
            return Err(IdentityError::KeyMismatch);
        }
        Ok(Self { key, certificate })
    }

    /// The secret, for the encrypted store and nothing else.
    #[must_use]
    pub fn secret_bytes(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.key.to_bytes())
    }

    /// The certificate, which anybody may see.
    #[must_use]
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// The person's name.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        self.certificate.fingerprint()
    }

    /// Signs. That the message can mean only one thing (domain separation) is the caller's affair.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        sign(&self.key, message)
    }

    /// The seed's registration: a complete Root packet of type 2, signed for this peer and this session alone.
    ///
    /// `binding` is the handshake hash of the session that will carry it; `unix_s` is informative, nobody checks it.
    #[must_use]
    pub fn register_packet(&self, peer: PeerId, binding: &[u8; 32], unix_s: u64) -> Vec<u8> {
        register::signed_packet(self, peer, binding, unix_s)
    }

    /// Says under signature where this person is reached.
    ///
    /// `seq` must grow with every card; `not_after_s` is in Unix seconds.
    ///
    /// # Panics
    /// When there are no homes or more than [`crate::HOMES_MAX`]: the caller decides how many peers serve it.
    #[must_use]
    pub fn sign_card(&self, homes: Vec<PeerAddress>, intro_policy: IntroPolicy, seq: u64, not_after_s: u64) -> Card {
        Card::signed(self, homes, intro_policy, seq, not_after_s)
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key: _, certificate } = self;
        write!(f, "Identity({})", certificate.fingerprint())
    }
}

/// Lets `rcgen` sign with our key, so that the secret is not copied into another library.
struct Ed25519<'a> {
    key: &'a SigningKey,
    public: [u8; 32],
}

impl PublicKeyData for Ed25519<'_> {
    fn der_bytes(&self) -> &[u8] {
        &self.public
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &rcgen::PKCS_ED25519
    }
}

impl rcgen::SigningKey for Ed25519<'_> {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        Ok(sign(self.key, message).to_vec())
    }
}

fn sign(key: &SigningKey, message: &[u8]) -> [u8; 64] {
    #[cfg(feature = "stub")]
    if pirushka_wire::stub::is_on() {
        return crate::stub::signature(&key.verifying_key().to_bytes(), message);
    }
    key.sign(message).to_bytes()
}

/// Empty name and the years 1975 to 4096 whoever makes it and when, so nothing in it tells of its maker. 195 bytes.
fn self_signed(key: &SigningKey) -> Certificate {
    let signer = Ed25519 { key, public: key.verifying_key().to_bytes() };
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.serial_number = Some(SerialNumber::from_slice(&serial_number(&signer.public)));
    params.not_before = date_time_ymd(1975, 1, 1);
    params.not_after = date_time_ymd(4096, 1, 1);
    // Fixed parameters and a signer that cannot fail: what comes out is what `parse` accepts, as a test shows.
    let made = params.self_signed(&signer).expect("fixed parameters are valid");
    Certificate::parse(made.der()).expect("a certificate of ours is valid")
}

/// From the key, since all our certificates share one (empty) issuer and X.509 libraries refuse a repeated pair of
/// issuer and serial number. Bits 7 and 6 are 0 and 1: positive, and always 20 bytes long (RFC 5280 section 4.1.2.2).
fn serial_number(public_key: &[u8; 32]) -> [u8; 20] {
    let hash: [u8; 32] = Sha256::digest(public_key).into();
    let mut serial = [0; 20];
    serial.copy_from_slice(&hash[..20]);
    serial[0] = serial[0] & 0x3f | 0x40;
    serial
}
