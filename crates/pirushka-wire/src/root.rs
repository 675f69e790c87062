//! *Root*, the outer header of every packet (facts 6, 18, 19; `spec/packets.md`).
//!
//! ```text
//! [params 1][type 1][signature length 2][signature][timestamp 8][payload]
//! [params 1][shift 1][type 1][junk][signature length 2][junk][signature][junk][timestamp 8][junk][payload]   with shifts
//! ```

use crate::cursor::{Reader, UnexpectedEnd};
use crate::limits::DATAGRAM_MAX;

/// The first byte: who speaks to whom, and whether the header uses shifts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Params(u8);

impl Params {
    const SHIFTS: u8 = 0x04;
    /// From a client to a peer.
    pub const TO_PEER: Self = Self(0x02);
    /// From a peer to a client.
    pub const FROM_PEER: Self = Self(0x01);

    /// Bits 0 and 1: sender is a peer, receiver is a peer. The part that a signature covers.
    #[must_use]
    pub fn direction(self) -> u8 {
        self.0 & 0x03
    }
}

/// Packet types that stand in Root's `type` byte outside a sealed packet.
pub mod kind {
    /// The seed's type 0, bare in the plain profile only: holds a NAT's hole open.
    pub const KEEPALIVE: u8 = 0x00;
    /// The seed's type 1, bare in the plain profile only: done.
    pub const OK: u8 = 0x01;
    /// Registration, the seed's type 2.
    pub const REGISTER: u8 = 0x02;
    /// Plain profile: show that you receive where you say you are.
    pub const CHALLENGE: u8 = 0x13;
    /// Plain profile: I do.
    pub const RESPONSE: u8 = 0x14;
    /// Opens a session.
    pub const HELLO: u8 = 0x10;
    /// Proves the source of a HELLO.
    pub const RETRY: u8 = 0x11;
    /// Completes the handshake.
    pub const HELLO_ACK: u8 = 0x12;
    /// Carries frames.
    pub const SEALED: u8 = 0x20;
    /// "I do not know this session."
    pub const RESET: u8 = 0x21;
}

/// The signature field; its length says which kind it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signature<'a> {
    /// Length 0.
    Absent,
    /// Length 16: an AEAD tag or a MAC.
    Tag(&'a [u8; 16]),
    /// Length 64: Ed25519 by the certificate's key.
    Ed25519(&'a [u8; 64]),
}

impl Signature<'_> {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Absent => &[],
            Self::Tag(tag) => *tag,
            Self::Ed25519(signature) => *signature,
        }
    }
}

/// Why bytes are not a Root packet. Each rejected packet is counted under one of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RootError {
    /// Larger than any datagram of ours.
    #[error("the packet is larger than {DATAGRAM_MAX} bytes")]
    TooLarge,
    /// Fields are missing.
    #[error("the packet ends inside its header")]
    Truncated,
    /// A params bit that means nothing.
    #[error("params {0:#04x} has an unknown bit")]
    UnknownParams(u8),
    /// Neither 0, 16 nor 64.
    #[error("signature length {0} is neither 0, 16 nor 64")]
    SignatureLength(u16),
}

impl From<UnexpectedEnd> for RootError {
    fn from(_: UnexpectedEnd) -> Self {
        Self::Truncated
    }
}

/// One packet, taken apart but not yet believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Root<'a> {
    /// Direction bits; the shift bit is not part of the meaning.
    pub params: Params,
    /// Packet type, see [`kind`].
    pub kind: u8,
    /// Signature field.
    pub signature: Signature<'a>,
    /// Unix seconds in signed packets, packet number in sealed ones, 0 elsewhere.
    pub timestamp: u64,
    /// What the type says.
    pub payload: &'a [u8],
}

impl<'a> Root<'a> {
    /// Takes a packet apart, with or without shifts.
    pub fn decode(packet: &'a [u8]) -> Result<Self, RootError> {
        if packet.len() > DATAGRAM_MAX {
            return Err(RootError::TooLarge);
        }
        let mut r = Reader::new(packet);
        let params = r.u8()?;
        if params & !0x07 != 0 {
            return Err(RootError::UnknownParams(params));
        }
        let shift = if params & Params::SHIFTS == 0 { 0 } else { usize::from(r.u8()?) };
        let kind = r.u8()?;
        r.bytes(shift)?;
        let length = r.u16()?;
        r.bytes(shift)?;
        let signature = match length {
            0 => Signature::Absent,
            16 => Signature::Tag(r.array_ref()?),
            64 => Signature::Ed25519(r.array_ref()?),
            other => return Err(RootError::SignatureLength(other)),
        };
        r.bytes(shift)?;
        let timestamp = r.u64()?;
        r.bytes(shift)?;
        Ok(Self { params: Params(params & 0x03), kind, signature, timestamp, payload: r.rest() })
    }

    /// Length of a packet's shifts, if its first byte says that it has any.
    #[must_use]
    pub fn shift_of(packet: &[u8]) -> Option<u8> {
        match packet {
            [params, shift, ..] if params & Params::SHIFTS != 0 => Some(*shift),
            _ => None,
        }
    }

    /// Appends the packet without shifts.
    pub fn encode(&self, out: &mut Vec<u8>) {
        self.put(out, None, &mut |_| {});
    }

    /// Appends the packet with `shift` junk bytes before each later field; `junk` fills each stretch.
    ///
    /// # Errors
    /// [`RootError::TooLarge`] when the result would not fit a datagram; nothing is appended then.
    pub fn encode_shifted(
        &self,
        shift: u8,
        junk: &mut dyn FnMut(&mut [u8]),
        out: &mut Vec<u8>,
    ) -> Result<(), RootError> {
        let size = 13 + 4 * usize::from(shift) + self.signature.bytes().len() + self.payload.len();
        if size > DATAGRAM_MAX {
            return Err(RootError::TooLarge);
        }
        self.put(out, Some(shift), junk);
        Ok(())
    }

    fn put(&self, out: &mut Vec<u8>, shift: Option<u8>, junk: &mut dyn FnMut(&mut [u8])) {
        let mut gap = |out: &mut Vec<u8>| {
            let at = out.len();
            out.resize(at + usize::from(shift.unwrap_or(0)), 0);
            junk(&mut out[at..]);
        };
        match shift {
            None => out.push(self.params.0),
            Some(n) => out.extend([self.params.0 | Params::SHIFTS, n]),
        }
        out.push(self.kind);
        gap(out);
        let signature = self.signature.bytes();
        out.extend((signature.len() as u16).to_be_bytes());
        gap(out);
        out.extend(signature);
        gap(out);
        out.extend(self.timestamp.to_be_bytes());
        gap(out);
        out.extend(self.payload);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sample<'a>(signature: Signature<'a>, payload: &'a [u8]) -> Root<'a> {
        Root { params: Params::TO_PEER, kind: kind::REGISTER, signature, timestamp: 1_700_000_000, payload }
    }

    #[test]
    fn fact_18_the_layout_of_root_is_what_stands_in_the_bytes() {
        let mut out = vec![];
        sample(Signature::Tag(&[7; 16]), b"hi").encode(&mut out);
        let mut expected = vec![0x02, 0x02, 0x00, 0x10];
        expected.extend([7; 16]);
        expected.extend(1_700_000_000u64.to_be_bytes());
        expected.extend(b"hi");
        assert_eq!(out, expected);
    }

    #[test]
    fn fact_19_shifts_are_junk_before_each_later_field() {
        let mut out = vec![];
        sample(Signature::Absent, b"hi").encode_shifted(2, &mut |gap| gap.fill(0xee), &mut out).unwrap();
        let mut expected = vec![0x06, 2, 0x02, 0xee, 0xee, 0, 0, 0xee, 0xee, 0xee, 0xee];
        expected.extend(1_700_000_000u64.to_be_bytes());
        expected.extend([0xee, 0xee]);
        expected.extend(b"hi");
        assert_eq!(out, expected);
    }

    #[test]
    fn unknown_params_bits_and_signature_lengths_are_named() {
        assert_eq!(Root::decode(&[0x08, 0, 0, 0]), Err(RootError::UnknownParams(0x08)));
        assert_eq!(Root::decode(&[0x02, 0, 0, 5, 0, 0]), Err(RootError::SignatureLength(5)));
        assert_eq!(Root::decode(&[0x02, 0, 0]), Err(RootError::Truncated));
        assert_eq!(Root::decode(&[0; 1201]), Err(RootError::TooLarge));
    }

    proptest! {
        #[test]
        fn any_bytes_decode_or_are_refused_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..1300)) {
            let _ = Root::decode(&bytes);
        }

        #[test]
        fn what_is_encoded_decodes_to_itself(shift in any::<u8>(), tag in any::<[u8; 16]>(), payload in prop::collection::vec(any::<u8>(), 0..100)) {
            let packet = sample(Signature::Tag(&tag), &payload);
            let (mut plain, mut shifted) = (vec![], vec![]);
            packet.encode(&mut plain);
            prop_assert_eq!(Root::decode(&plain), Ok(packet));
            match packet.encode_shifted(shift, &mut |gap| gap.fill(0x5a), &mut shifted) {
                Ok(()) => {
                    prop_assert_eq!(Root::decode(&shifted), Ok(packet));
                    prop_assert_eq!((Root::shift_of(&plain), Root::shift_of(&shifted)), (None, Some(shift)));
                }
                Err(e) => { prop_assert_eq!(e, RootError::TooLarge); prop_assert!(shifted.is_empty()); }
            }
        }
    }
}
