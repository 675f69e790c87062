//! The bundle: what our peer keeps of us for strangers, and what it answers when somebody looks us up.
//!
//! ```text
//! published  card length u16 | card | last-resort length u16 | last-resort package | n u8 | { length u16 | one-time package } x n
//! looked up  card length u16 | card | length u16 | package
//! ```
//! The peer knows this outer shape and nothing else. It can withhold, but not forge: the card is signed under the
//! fingerprint, and the package's leaf by the same key. A sender refuses a bundle whose card is too old
//! ([`LookedUp::verify`]), because packages themselves never expire.

use pirushka_identity::{Card, CardError};
use pirushka_wire::limits::BODY_MAX;
use pirushka_wire::{Fingerprint, Reader, UnexpectedEnd};

/// Why a bundle cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BundleError {
    /// Fields are missing, or something stands behind the last one.
    #[error("the bundle is cut short or has something behind it")]
    Layout,
    /// More than a long body can carry, or a field longer than its length can say.
    #[error("the bundle would have {0} bytes; at most {BODY_MAX} are possible")]
    TooLarge(usize),
    /// The card is faulty or somebody else's.
    #[error(transparent)]
    Card(#[from] CardError),
    /// The card is older than 14 days and 48 hours of skew: the person's packages may be gone.
    #[error("the card has expired; the person's peer has not seen its user for two weeks")]
    Expired,
}

impl From<UnexpectedEnd> for BundleError {
    fn from(_: UnexpectedEnd) -> Self {
        Self::Layout
    }
}

/// A bundle as it is published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundle<'a> {
    /// The signed card, encoded.
    pub card: &'a [u8],
    /// The package that serves any number of times.
    pub last_resort: &'a [u8],
    /// Packages that serve once.
    pub one_time: Vec<&'a [u8]>,
}

impl<'a> Bundle<'a> {
    /// As it stands in PUT. At most 16 KiB: a card and five packages.
    pub fn encode(&self) -> Result<Vec<u8>, BundleError> {
        let mut out = vec![];
        put(&mut out, self.card)?;
        put(&mut out, self.last_resort)?;
        out.push(u8::try_from(self.one_time.len()).map_err(|_| BundleError::TooLarge(usize::MAX))?);
        self.one_time.iter().try_for_each(|package| put(&mut out, package))?;
        if out.len() > BODY_MAX { Err(BundleError::TooLarge(out.len())) } else { Ok(out) }
    }

    /// The three fields of published bytes.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, BundleError> {
        let mut r = Reader::new(bytes);
        let (card, last_resort) = (take(&mut r)?, take(&mut r)?);
        let n = r.u8()?;
        let one_time = (0..n).map(|_| take(&mut r)).collect::<Result<_, _>>()?;
        if r.is_empty() { Ok(Self { card, last_resort, one_time }) } else { Err(BundleError::Layout) }
    }
}

/// What a LOOKUP brings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LookedUp<'a> {
    /// The signed card, encoded.
    pub card: &'a [u8],
    /// A key package: a one-time one while there are some, else the last-resort one.
    pub package: &'a [u8],
}

impl<'a> LookedUp<'a> {
    /// As it stands in BODY.
    pub fn encode(&self) -> Result<Vec<u8>, BundleError> {
        let mut out = vec![];
        put(&mut out, self.card)?;
        put(&mut out, self.package)?;
        Ok(out)
    }

    /// The two fields of an answer.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, BundleError> {
        let mut r = Reader::new(bytes);
        let (card, package) = (take(&mut r)?, take(&mut r)?);
        if r.is_empty() { Ok(Self { card, package }) } else { Err(BundleError::Layout) }
    }

    /// The card, if it is `expected`'s and fresh. The package is checked by [`crate::Session::initiate`].
    pub fn verify(&self, expected: &Fingerprint, unix_s: u64) -> Result<Card, BundleError> {
        let card = Card::decode_verified(self.card, Some(expected))?;
        if card.is_fresh(unix_s) { Ok(card) } else { Err(BundleError::Expired) }
    }
}

fn put(out: &mut Vec<u8>, field: &[u8]) -> Result<(), BundleError> {
    let length = u16::try_from(field.len()).map_err(|_| BundleError::TooLarge(field.len()))?;
    out.extend(length.to_be_bytes());
    out.extend(field);
    Ok(())
}

fn take<'a>(r: &mut Reader<'a>) -> Result<&'a [u8], UnexpectedEnd> {
    let length = r.u16()?;
    r.bytes(usize::from(length))
}

#[cfg(test)]
mod tests {
    use pirushka_identity::{Identity, IntroPolicy};
    use proptest::prelude::*;
    use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};

    use super::*;

    #[test]
    fn a_bundle_comes_back_as_it_was_published() {
        let bundle = Bundle { card: b"card", last_resort: b"last", one_time: vec![b"one", b""] };
        let bytes = bundle.encode().unwrap();
        assert_eq!(bytes, b"\0\x04card\0\x04last\x02\0\x03one\0\0");
        assert_eq!(Bundle::decode(&bytes).unwrap(), bundle);
        let answer = LookedUp { card: b"card", package: b"one" };
        assert_eq!(LookedUp::decode(&answer.encode().unwrap()).unwrap(), answer);
    }

    #[test]
    fn a_bundle_beyond_a_long_body_is_refused() {
        let big = vec![0; 6000];
        let bundle = Bundle { card: b"", last_resort: &big, one_time: vec![&big, &big] };
        assert_eq!(bundle.encode(), Err(BundleError::TooLarge(18_009)));
    }

    #[test]
    fn t26_an_old_card_a_swapped_card_and_a_damaged_one_are_refused() {
        let rng = &mut ChaCha20Rng::from_seed([26; 32]);
        let (bob, mallory) = (Identity::generate(rng), Identity::generate(rng));
        let home = || vec!["peer.example?k=aebagbafaydqqcikbmga2dqpcaireeyuculbogazdinryhi6d4qa".parse().unwrap()];
        let not_after = 1_800_000_000;
        let card = bob.sign_card(home(), IntroPolicy::Token, 1, not_after).encode();
        let swapped = mallory.sign_card(home(), IntroPolicy::Token, 1, not_after).encode();
        let verify = |card: &[u8], now_s| {
            LookedUp { card, package: b"" }.verify(&bob.fingerprint(), now_s).map(|card| card.seq())
        };
        assert_eq!(verify(&card, not_after), Ok(1));
        assert_eq!(verify(&card, not_after + 48 * 3600), Ok(1));
        assert_eq!(verify(&card, not_after + 48 * 3600 + 1), Err(BundleError::Expired));
        assert_eq!(verify(&swapped, not_after), Err(BundleError::Card(CardError::WrongPerson)));
        assert!(matches!(verify(&card[..card.len() - 1], not_after), Err(BundleError::Card(_))));
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(bundle) = Bundle::decode(&bytes) {
                prop_assert_eq!(bundle.encode().unwrap(), bytes.clone());
            }
            if let Ok(answer) = LookedUp::decode(&bytes) {
                prop_assert_eq!(answer.encode().unwrap(), bytes);
            }
        }
    }
}
