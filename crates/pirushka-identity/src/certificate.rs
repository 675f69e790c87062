//! A certificate somebody hands us: believed, or refused under the name of its fault.

use std::fmt;

use data_encoding::BASE64;
use ed25519_dalek::{Signature, VerifyingKey};
use pirushka_wire::Fingerprint;
use pirushka_wire::limits::CERTIFICATE_MAX;
use sha2::{Digest, Sha256};
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::x509::{AlgorithmIdentifier, X509Version};

use crate::der;

/// 1.3.101.112, the content of its object identifier (RFC 8410).
const ED25519: [u8; 3] = [0x2b, 0x65, 0x70];

/// Why bytes are not the certificate of a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// Larger than 1024 bytes.
    #[error("the certificate has {0} bytes; expected at most {CERTIFICATE_MAX}")]
    TooLarge(usize),
    /// Not distinguished encoding, or something stands behind it.
    #[error("the certificate is not strict DER, or something stands behind it")]
    NotStrictDer,
    /// Strict DER, but not an X.509 certificate of version 3.
    #[error("the bytes are not an X.509 version 3 certificate")]
    NotX509,
    /// Another kind of key or signature than Ed25519, or parameters beside it.
    #[error("the certificate's key or signature is not Ed25519")]
    NotEd25519,
    /// A subject or issuer; users have no names towards peers.
    #[error("the certificate carries a name; expected an empty subject and issuer")]
    Named,
    /// The key in it did not sign it.
    #[error("the certificate is not signed by the key in it")]
    BadSignature,
}

/// A user's certificate: strict DER, Ed25519, without a name, signed by its own key.
///
/// Dates are ignored: a name that is a hash has no use for them, and a wrong clock must lock nobody out. Extensions are
/// allowed and ignored.
#[derive(Clone, PartialEq, Eq)]
pub struct Certificate {
    der: Box<[u8]>,
    public_key: [u8; 32],
    fingerprint: Fingerprint,
}

const SEQUENCE: u8 = 0x30;
/// What stands before the 64 bytes of the signature: AlgorithmIdentifier { 1.3.101.112 }, BIT STRING, no unused bits.
const SIGNATURE_HEAD: [u8; 10] = [0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x41, 0x00];

impl Certificate {
    /// Reads and verifies.
    ///
    /// # Errors
    /// The first rule that the bytes break.
    pub fn parse(der: &[u8]) -> Result<Self, CertificateError> {
        if der.len() > CERTIFICATE_MAX {
            return Err(CertificateError::TooLarge(der.len()));
        }
        if !der::is_strict(der) {
            return Err(CertificateError::NotStrictDer);
        }
        let (behind, x509) = X509Certificate::from_der(der).map_err(|_| CertificateError::NotX509)?;
        if !behind.is_empty() || x509.version() != X509Version::V3 {
            return Err(CertificateError::NotX509);
        }
        let public_key = ed25519_key(&x509)?;
        // The signature does not cover what stands around it, so there is one way only to write that.
        let tail_is_ours = der.last_chunk::<74>().is_some_and(|tail| tail[..10] == SIGNATURE_HEAD);
        if der.first() != Some(&SEQUENCE) || !tail_is_ours {
            return Err(CertificateError::NotEd25519);
        }
        if x509.subject().iter().next().is_some() || x509.issuer().iter().next().is_some() {
            return Err(CertificateError::Named);
        }
        let signature = x509.signature_value.data.as_ref().try_into().map_err(|_| CertificateError::BadSignature)?;
        if !verify(&public_key, x509.tbs_certificate.as_ref(), signature) {
            return Err(CertificateError::BadSignature);
        }
        Ok(Self { der: der.into(), public_key, fingerprint: fingerprint_of(der) })
    }

    /// The exact bytes that the fingerprint is made of.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// SHA-256 of [`Certificate::der`]: the user's name. `openssl x509 -fingerprint -sha256` prints the same.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// The Ed25519 public key.
    #[must_use]
    pub fn public_key(&self) -> [u8; 32] {
        self.public_key
    }

    /// Whether the certificate's key signed exactly this. Strict: no small-order keys, no second form of a signature.
    #[must_use]
    pub fn verify(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        verify(&self.public_key, message, signature)
    }

    /// As text for other programs (RFC 7468).
    #[must_use]
    pub fn to_pem(&self) -> String {
        let base64 = BASE64.encode(&self.der);
        let mut pem = String::from("-----BEGIN CERTIFICATE-----\n");
        let mut rest = base64.as_str();
        while !rest.is_empty() {
            let (line, next) = rest.split_at(rest.len().min(64));
            pem.push_str(line);
            pem.push('\n');
            rest = next;
        }
        pem.push_str("-----END CERTIFICATE-----\n");
        pem
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Certificate({})", self.fingerprint)
    }
}

fn ed25519_key(x509: &X509Certificate<'_>) -> Result<[u8; 32], CertificateError> {
    let is_ed25519 = |a: &AlgorithmIdentifier<'_>| a.algorithm.as_bytes() == ED25519 && a.parameters.is_none();
    let key = x509.public_key();
    if ![&key.algorithm, &x509.signature_algorithm, &x509.tbs_certificate.signature].into_iter().all(is_ed25519) {
        return Err(CertificateError::NotEd25519);
    }
    key.subject_public_key.data.as_ref().try_into().map_err(|_| CertificateError::NotEd25519)
}

/// SHA-256 of bytes that may be a certificate. Whether they are is [`Certificate::parse`]'s to say.
#[must_use]
pub fn fingerprint_of(der: &[u8]) -> Fingerprint {
    Fingerprint(Sha256::digest(der).into())
}

fn verify(public_key: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> bool {
    #[cfg(feature = "stub")]
    if pirushka_wire::stub::is_on() {
        return *signature == crate::stub::signature(public_key, message);
    }
    VerifyingKey::from_bytes(public_key)
        .and_then(|key| key.verify_strict(message, &Signature::from_bytes(signature)))
        .is_ok()
}
