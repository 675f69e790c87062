//! Payloads of the plain profile, the seed's own bare packets (facts 8 to 11; `spec/plain.md`).
//!
//! ```text
//! KEEPALIVE 0x00   nothing
//! OK        0x01   nothing
//! REGISTER  0x02   [cert length u16][cert]
//! CHALLENGE 0x13   [challenge 32]
//! RESPONSE  0x14   [challenge 32][cert length u16][cert]
//! ```

use crate::cursor::{Reader, UnexpectedEnd};

/// Bytes of a challenge.
pub const CHALLENGE_LEN: usize = 32;

/// A number that only whoever receives at an address can know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Challenge(pub [u8; CHALLENGE_LEN]);

/// `[cert length u16][cert]` and nothing behind it (fact 8): the certificate.
pub fn decode_register(payload: &[u8]) -> Result<&[u8], UnexpectedEnd> {
    let mut r = Reader::new(payload);
    let length = usize::from(r.u16()?);
    let certificate = r.bytes(length)?;
    if r.is_empty() { Ok(certificate) } else { Err(UnexpectedEnd) }
}

/// Appends `[cert length u16][cert]`.
///
/// # Panics
/// When the certificate has more than 65535 bytes; ours have 1024 at most.
pub fn encode_register(certificate: &[u8], out: &mut Vec<u8>) {
    let length = u16::try_from(certificate.len()).expect("a certificate has at most 1024 bytes");
    out.extend(length.to_be_bytes());
    out.extend(certificate);
}

/// `[challenge 32]` and nothing behind it.
pub fn decode_challenge(payload: &[u8]) -> Result<Challenge, UnexpectedEnd> {
    payload.try_into().map(Challenge).map_err(|_| UnexpectedEnd)
}

/// `[challenge 32][cert length u16][cert]` and nothing behind it: the challenge and the certificate.
pub fn decode_response(payload: &[u8]) -> Result<(Challenge, &[u8]), UnexpectedEnd> {
    let mut r = Reader::new(payload);
    let challenge = Challenge(r.array()?);
    Ok((challenge, decode_register(r.rest())?))
}

/// Appends `[challenge 32][cert length u16][cert]`.
///
/// # Panics
/// As [`encode_register`].
pub fn encode_response(challenge: &Challenge, certificate: &[u8], out: &mut Vec<u8>) {
    out.extend(challenge.0);
    encode_register(certificate, out);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_registration_is_a_certificate_behind_its_length_and_nothing_else() {
        assert_eq!(decode_register(&[0, 2, 7, 8]), Ok(&[7, 8][..]));
        for wrong in [&[][..], &[0], &[0, 2, 7], &[0, 2, 7, 8, 9]] {
            assert_eq!(decode_register(wrong), Err(UnexpectedEnd), "{wrong:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_decode_or_are_refused_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = (decode_register(&bytes), decode_challenge(&bytes), decode_response(&bytes));
        }

        #[test]
        fn what_is_encoded_decodes_to_itself(bytes in any::<[u8; 32]>(), certificate in prop::collection::vec(any::<u8>(), 0..1025)) {
            let (challenge, mut payload) = (Challenge(bytes), vec![]);
            encode_response(&challenge, &certificate, &mut payload);
            prop_assert_eq!(decode_response(&payload), Ok((challenge, &certificate[..])));
            prop_assert_eq!(decode_register(&payload[32..]), Ok(&certificate[..]));
            prop_assert_eq!(decode_challenge(&payload[..32]), Ok(challenge));
        }
    }
}
