//! What is signed in the plain profile: the seed's bare registration (facts 8, 18), and our answer to a challenge.
//!
//! REGISTER is signed as fact 18 says, over timestamp and payload alone. That leaves type, peer and path open to
//! splicing, so it makes nothing true by itself: RESPONSE does, whose signature covers all of them and the challenge.
//! A plain client knows no PeerId, so there the destination is zeros, which no sealed packet has.
//!
//! What fact 18 signs begins with the top byte of a time in seconds, which is zero; everything else that this key signs
//! begins with letters or a label's length. So neither can be taken for the other.

use pirushka_wire::plain::{Challenge, decode_register, decode_response, encode_register, encode_response};
use pirushka_wire::root::kind;
use pirushka_wire::{Fingerprint, Params, Root, Signature};

use crate::certificate::{Certificate, CertificateError};
use crate::identity::Identity;
use crate::register::root_signature_input;

/// Why a plain packet says nothing of anybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PlainError {
    /// The payload is not what its type says, or the signature field has another length than 64.
    #[error("the packet has not the shape of its type")]
    Shape,
    /// The certificate is faulty.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// Signed by somebody else, or something else.
    #[error("the signature does not hold")]
    BadSignature,
}

/// What fact 18 says a signature covers: `timestamp u64 | payload`.
#[must_use]
pub fn plain_signature_input(timestamp: u64, payload: &[u8]) -> Vec<u8> {
    let mut input = timestamp.to_be_bytes().to_vec();
    input.extend(payload);
    input
}

impl Identity {
    /// The seed's registration as a packet of its own: REGISTER, in the clear, good at any peer for two minutes.
    ///
    /// To be sent unshifted as it is, or with shifts; these are not covered.
    #[must_use]
    pub fn plain_register(&self, unix_s: u64) -> PlainPacket {
        let mut payload = vec![];
        encode_register(self.certificate().der(), &mut payload);
        let signature = self.sign(&plain_signature_input(unix_s, &payload));
        PlainPacket { kind: kind::REGISTER, signature, timestamp: unix_s, payload }
    }

    /// The answer to a peer's challenge: RESPONSE, good at the address that was challenged alone.
    #[must_use]
    pub fn plain_response(&self, challenge: &Challenge, unix_s: u64) -> PlainPacket {
        let mut payload = vec![];
        encode_response(challenge, self.certificate().der(), &mut payload);
        let signature = self.sign(&response_input(&self.fingerprint(), challenge, unix_s, &payload));
        PlainPacket { kind: kind::RESPONSE, signature, timestamp: unix_s, payload }
    }
}

/// A signed packet of the plain profile that owns its parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlainPacket {
    kind: u8,
    signature: [u8; 64],
    timestamp: u64,
    payload: Vec<u8>,
}

impl PlainPacket {
    /// As Root, to be encoded with or without shifts.
    #[must_use]
    pub fn root(&self) -> Root<'_> {
        Root {
            params: Params::TO_PEER,
            kind: self.kind,
            signature: Signature::Ed25519(&self.signature),
            timestamp: self.timestamp,
            payload: &self.payload,
        }
    }
}

/// Who signed this REGISTER. That it is fresh and new is for the caller to find out.
///
/// # Errors
/// The first rule that the packet breaks.
pub fn verify_plain_register(root: &Root<'_>) -> Result<Certificate, PlainError> {
    let Signature::Ed25519(signature) = root.signature else { return Err(PlainError::Shape) };
    let certificate = Certificate::parse(decode_register(root.payload).map_err(|_| PlainError::Shape)?)?;
    let holds = certificate.verify(&plain_signature_input(root.timestamp, root.payload), signature);
    if holds { Ok(certificate) } else { Err(PlainError::BadSignature) }
}

/// Who signed this RESPONSE. That the challenge is one's own is for the caller to find out, before.
///
/// # Errors
/// The first rule that the packet breaks.
pub fn verify_plain_response(root: &Root<'_>) -> Result<Certificate, PlainError> {
    let Signature::Ed25519(signature) = root.signature else { return Err(PlainError::Shape) };
    let (challenge, der) = decode_response(root.payload).map_err(|_| PlainError::Shape)?;
    let certificate = Certificate::parse(der)?;
    let input = response_input(&certificate.fingerprint(), &challenge, root.timestamp, root.payload);
    if certificate.verify(&input, signature) { Ok(certificate) } else { Err(PlainError::BadSignature) }
}

fn response_input(signer: &Fingerprint, challenge: &Challenge, timestamp: u64, payload: &[u8]) -> Vec<u8> {
    root_signature_input(Params::TO_PEER, kind::RESPONSE, signer, &[0; 32], &challenge.0, timestamp, payload)
}

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha20Rng;
    use rand_chacha::rand_core::SeedableRng;

    use super::*;

    const CHALLENGE: Challenge = Challenge([0xc4; 32]);

    fn person(seed: u8) -> Identity {
        Identity::generate(&mut ChaCha20Rng::from_seed([seed; 32]))
    }

    #[test]
    fn fact_18_the_signature_covers_timestamp_and_payload_and_nothing_else() {
        let bob = person(1);
        let packet = bob.plain_register(1_700_000_000);
        let root = packet.root();
        let Signature::Ed25519(signature) = root.signature else { panic!("unsigned") };
        let covered = [&1_700_000_000u64.to_be_bytes()[..], &195u16.to_be_bytes(), bob.certificate().der()].concat();
        assert!(bob.certificate().verify(&covered, signature));
        assert_eq!(verify_plain_register(&root).map(|c| c.fingerprint()), Ok(bob.fingerprint()));
        let elsewhere = Root { params: Params::FROM_PEER, kind: 9, ..root };
        assert!(verify_plain_register(&elsewhere).is_ok(), "as the seed says: type and direction are not covered");
    }

    #[test]
    fn neither_signature_is_good_for_the_other_packet_or_for_another_challenge_time_or_person() {
        let (bob, eve) = (person(1), person(2));
        let (register, response) = (bob.plain_register(7), bob.plain_response(&CHALLENGE, 7));
        assert!(verify_plain_response(&response.root()).is_ok());
        let (register, response) = (register.root(), response.root());
        let with = |root: Root<'_>, payload: &[u8]| verify_plain_response(&Root { payload, ..root });
        let mut other = response.payload.to_vec();
        other[0] ^= 1;
        assert_eq!(with(response, &other), Err(PlainError::BadSignature));
        assert_eq!(with(Root { timestamp: 8, ..response }, response.payload), Err(PlainError::BadSignature));
        assert_eq!(
            with(Root { signature: register.signature, ..response }, response.payload),
            Err(PlainError::BadSignature)
        );
        let mut foreign = vec![];
        encode_response(&CHALLENGE, eve.certificate().der(), &mut foreign);
        assert_eq!(with(response, &foreign), Err(PlainError::BadSignature));
        let stolen = Root { signature: response.signature, ..register };
        assert_eq!(verify_plain_register(&stolen), Err(PlainError::BadSignature));
        assert_eq!(verify_plain_register(&Root { signature: Signature::Absent, ..register }), Err(PlainError::Shape));
    }
}
