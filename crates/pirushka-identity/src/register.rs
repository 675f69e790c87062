//! The registration (fact 8): a signed Root packet that is good for one person, one peer and one session.

use pirushka_wire::plain::{decode_register, encode_register};
use pirushka_wire::root::kind;
use pirushka_wire::{Fingerprint, Params, PeerId, Root, RootError, Signature};

use crate::certificate::{Certificate, CertificateError};
use crate::identity::Identity;

const CONTEXT: &[u8] = b"DCSC1-ROOT\0";

/// Why a registration does not register anybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RegisterError {
    /// Not a Root packet.
    #[error(transparent)]
    Root(#[from] RootError),
    /// Not from a client to a peer, or another type than 2.
    #[error("the packet is not a registration from a client to a peer")]
    NotARegistration,
    /// The signature field has another length than 64.
    #[error("the registration is not signed")]
    Unsigned,
    /// The payload is not `[cert length u16][cert]`.
    #[error("the payload is not a certificate behind its length")]
    Payload,
    /// The certificate is faulty.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// Signed by somebody else, or for another peer, session, direction, type or time.
    #[error("the signature does not hold for this peer and session")]
    BadSignature,
}

/// What an Ed25519 signature over a Root packet covers:
/// `"DCSC1-ROOT\0" | params & 3 | type | signer[32] | destination[32] | binding[32] | timestamp u64 | length u32 | payload`.
///
/// `destination` is a peer's id or a recipient's fingerprint, `binding` the handshake hash of the session that carries
/// the packet. Fact 18 covers timestamp and payload alone, which leaves all the rest open to splicing.
#[must_use]
pub fn root_signature_input(
    params: Params,
    kind: u8,
    signer: &Fingerprint,
    destination: &[u8; 32],
    binding: &[u8; 32],
    timestamp: u64,
    payload: &[u8],
) -> Vec<u8> {
    let mut input = Vec::with_capacity(CONTEXT.len() + 110 + payload.len());
    input.extend(CONTEXT);
    input.extend([params.direction(), kind]);
    input.extend(signer.0);
    input.extend(destination);
    input.extend(binding);
    input.extend(timestamp.to_be_bytes());
    input.extend((payload.len() as u32).to_be_bytes());
    input.extend(payload);
    input
}

pub(crate) fn signed_packet(identity: &Identity, peer: PeerId, binding: &[u8; 32], unix_s: u64) -> Vec<u8> {
    let mut payload = vec![];
    encode_register(identity.certificate().der(), &mut payload);
    let signed = identity.fingerprint();
    let input = root_signature_input(Params::TO_PEER, kind::REGISTER, &signed, &peer.0, binding, unix_s, &payload);
    let signature = identity.sign(&input);
    let root = Root {
        params: Params::TO_PEER,
        kind: kind::REGISTER,
        signature: Signature::Ed25519(&signature),
        timestamp: unix_s,
        payload: &payload,
    };
    let mut packet = Vec::with_capacity(76 + payload.len());
    root.encode(&mut packet);
    packet
}

/// Who registers with this packet at `peer`, within the session whose handshake hash is `binding`.
///
/// The timestamp is covered by the signature but not judged: the binding is what makes it fresh.
///
/// # Errors
/// The first rule that the packet breaks.
pub fn verify_register(root: &[u8], peer: PeerId, binding: &[u8; 32]) -> Result<Certificate, RegisterError> {
    let root = Root::decode(root)?;
    if root.params != Params::TO_PEER || root.kind != kind::REGISTER {
        return Err(RegisterError::NotARegistration);
    }
    let Signature::Ed25519(signature) = root.signature else {
        return Err(RegisterError::Unsigned);
    };
    let certificate = Certificate::parse(decode_register(root.payload).map_err(|_| RegisterError::Payload)?)?;
    let signer = certificate.fingerprint();
    let input = root_signature_input(root.params, root.kind, &signer, &peer.0, binding, root.timestamp, root.payload);
    if certificate.verify(&input, signature) { Ok(certificate) } else { Err(RegisterError::BadSignature) }
}
