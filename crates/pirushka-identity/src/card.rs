//! CARD: under a person's signature, where that person is reached and who may knock.
//!
//! ```text
//! "DCSC1-CARD\0" | version u8 | certificate length u16 | certificate |
//! n u8 | { host length u8 | host | port u16 | peer id[32] } x n | intro policy u8 | seq u64 | not after u64 | signature[64]
//! ```
//! The signature covers everything before it.

use pirushka_wire::{Fingerprint, Host, PeerAddress, PeerId, Reader, UnexpectedEnd};

use crate::certificate::{Certificate, CertificateError};
use crate::identity::Identity;

const CONTEXT: &[u8; 11] = b"DCSC1-CARD\0";
const VERSION: u8 = 1;
/// The most home peers in a card.
pub const HOMES_MAX: usize = 4;
/// How far two clocks may differ before a card counts as expired, in seconds.
pub const CARD_SKEW_S: u64 = 48 * 3600;

/// Why bytes are not a card.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CardError {
    /// Fields are missing, or something stands behind the signature.
    #[error("the card is cut short or has something behind it")]
    Layout,
    /// Not a card at all.
    #[error("the bytes are not a card")]
    NotACard,
    /// From a later version.
    #[error("the card has version {0}; this program knows version {VERSION}")]
    Version(u8),
    /// The certificate is faulty.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// The card is somebody else's.
    #[error("the card belongs to another fingerprint than expected")]
    WrongPerson,
    /// The certificate's key did not sign it.
    #[error("the card's signature does not hold")]
    BadSignature,
    /// None, or more than four.
    #[error("the card names {0} home peers; expected 1 to {HOMES_MAX}")]
    Homes(u8),
    /// A host that is no host, not in its canonical form, or with port 0.
    #[error("a home peer in the card has an impossible host or port")]
    Host,
}

impl From<UnexpectedEnd> for CardError {
    fn from(_: UnexpectedEnd) -> Self {
        Self::Layout
    }
}

/// Who may introduce itself. One byte: 0, 1, or the number of bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IntroPolicy {
    /// 0: nobody.
    Closed,
    /// 1: whoever holds an invite.
    Token,
    /// 2 to 255: whoever holds an invite, or did this many leading zero bits of work.
    Work {
        /// At least 2.
        bits: u8,
    },
}

impl IntroPolicy {
    /// As it stands in a card and in the frame INTRO_POLICY.
    #[must_use]
    pub fn from_byte(byte: u8) -> Self {
        match byte {
            0 => Self::Closed,
            1 => Self::Token,
            bits => Self::Work { bits },
        }
    }

    /// The same, back.
    #[must_use]
    pub fn to_byte(self) -> u8 {
        match self {
            Self::Closed => 0,
            Self::Token => 1,
            Self::Work { bits } => bits.max(2),
        }
    }
}

/// A verified card. There is no other kind: what does not verify does not become one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Card {
    certificate: Certificate,
    homes: Vec<PeerAddress>,
    intro_policy: IntroPolicy,
    seq: u64,
    not_after_s: u64,
    signature: [u8; 64],
}

impl Card {
    pub(crate) fn signed(
        identity: &Identity,
        homes: Vec<PeerAddress>,
        intro_policy: IntroPolicy,
        seq: u64,
        not_after_s: u64,
    ) -> Self {
        assert!((1..=HOMES_MAX).contains(&homes.len()), "a card names 1 to {HOMES_MAX} home peers");
        let intro_policy = IntroPolicy::from_byte(intro_policy.to_byte());
        let certificate = identity.certificate().clone();
        let mut card = Self { certificate, homes, intro_policy, seq, not_after_s, signature: [0; 64] };
        card.signature = identity.sign(&card.signed_part());
        card
    }

    /// Reads and verifies; `expected` is the person whose card it must be, where that is known.
    ///
    /// Whether it is fresh is another question, see [`Card::is_fresh`].
    ///
    /// # Errors
    /// The first rule that the bytes break.
    pub fn decode_verified(bytes: &[u8], expected: Option<&Fingerprint>) -> Result<Self, CardError> {
        let mut r = Reader::new(bytes);
        if r.bytes(CONTEXT.len()).is_ok_and(|context| context != CONTEXT) {
            return Err(CardError::NotACard);
        }
        let mut r = Reader::new(bytes.get(CONTEXT.len()..).ok_or(CardError::Layout)?);
        let version = r.u8()?;
        if version != VERSION {
            return Err(CardError::Version(version));
        }
        let length = usize::from(r.u16()?);
        let certificate = Certificate::parse(r.bytes(length)?)?;
        if expected.is_some_and(|expected| *expected != certificate.fingerprint()) {
            return Err(CardError::WrongPerson);
        }
        let homes = homes(&mut r)?;
        let intro_policy = IntroPolicy::from_byte(r.u8()?);
        let (seq, not_after_s, signature) = (r.u64()?, r.u64()?, r.array()?);
        if !r.is_empty() {
            return Err(CardError::Layout);
        }
        let signed_part = &bytes[..bytes.len() - signature.len()];
        if !certificate.verify(signed_part, &signature) {
            return Err(CardError::BadSignature);
        }
        Ok(Self { certificate, homes, intro_policy, seq, not_after_s, signature })
    }

    /// The bytes, signature included.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = self.signed_part();
        out.extend(self.signature);
        out
    }

    /// Whose card it is.
    #[must_use]
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// Whose card it is, by name.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        self.certificate.fingerprint()
    }

    /// The peers that serve this person, to be tried in this order; 1 to 4.
    #[must_use]
    pub fn homes(&self) -> &[PeerAddress] {
        &self.homes
    }

    /// Who may introduce itself.
    #[must_use]
    pub fn intro_policy(&self) -> IntroPolicy {
        self.intro_policy
    }

    /// Only grows; of two cards the higher one counts.
    #[must_use]
    pub fn seq(&self) -> u64 {
        self.seq
    }

    /// Unix seconds. Later than this, strangers must not rely on the card; contacts may.
    #[must_use]
    pub fn not_after_s(&self) -> u64 {
        self.not_after_s
    }

    /// Whether a stranger may still rely on it, clocks being allowed to differ by [`CARD_SKEW_S`].
    #[must_use]
    pub fn is_fresh(&self, unix_s: u64) -> bool {
        unix_s <= self.not_after_s.saturating_add(CARD_SKEW_S)
    }

    fn signed_part(&self) -> Vec<u8> {
        let der = self.certificate.der();
        let mut out = CONTEXT.to_vec();
        out.push(VERSION);
        out.extend((der.len() as u16).to_be_bytes());
        out.extend(der);
        out.push(self.homes.len() as u8);
        for home in &self.homes {
            let host = home.host.as_str();
            out.push(host.len() as u8);
            out.extend(host.as_bytes());
            out.extend(home.port.to_be_bytes());
            out.extend(home.peer_id.0);
        }
        out.push(self.intro_policy.to_byte());
        out.extend(self.seq.to_be_bytes());
        out.extend(self.not_after_s.to_be_bytes());
        out
    }
}

fn homes(r: &mut Reader<'_>) -> Result<Vec<PeerAddress>, CardError> {
    let n = r.u8()?;
    if !(1..=HOMES_MAX).contains(&usize::from(n)) {
        return Err(CardError::Homes(n));
    }
    (0..n).map(|_| home(r)).collect()
}

fn home(r: &mut Reader<'_>) -> Result<PeerAddress, CardError> {
    let length = usize::from(r.u8()?);
    let text = std::str::from_utf8(r.bytes(length)?).map_err(|_| CardError::Host)?;
    let host: Host = text.parse().map_err(|_| CardError::Host)?;
    let (port, peer_id) = (r.u16()?, PeerId(r.array()?));
    if host.as_str() != text || port == 0 {
        return Err(CardError::Host);
    }
    Ok(PeerAddress { host, port, peer_id })
}
