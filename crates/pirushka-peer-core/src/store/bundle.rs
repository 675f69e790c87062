//! A user's bundle: what strangers need for a first message. Opaque to the peer but for its outer shape,
//! `card_len u16 | card | last_resort_len u16 | last_resort | n u8 | { len u16 | one-time package } x n`.

use pirushka_wire::{Reader, UnexpectedEnd};

use crate::limits::BUNDLE_OVERHEAD;

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Bundle {
    card: Box<[u8]>,
    last_resort: Box<[u8]>,
    one_time: Vec<Box<[u8]>>,
}

impl Bundle {
    /// Reads a published bundle and keeps at most `one_time_max` of its one-time packages.
    pub(crate) fn parse(bytes: &[u8], one_time_max: u8) -> Result<Self, UnexpectedEnd> {
        let mut r = Reader::new(bytes);
        let (card, last_resort) = (sized(&mut r)?.into(), sized(&mut r)?.into());
        let mut one_time = Vec::new();
        for i in 0..r.u8()? {
            let package = sized(&mut r)?;
            if i < one_time_max {
                one_time.push(package.into());
            }
        }
        if r.is_empty() { Ok(Self { card, last_resort, one_time }) } else { Err(UnexpectedEnd) }
    }

    pub(crate) fn footprint(&self) -> u64 {
        let one_time: usize = self.one_time.iter().map(|p| p.len() + 32).sum();
        (self.card.len() + self.last_resort.len() + one_time) as u64 + BUNDLE_OVERHEAD
    }

    /// What a looker-up gets, `card_len u16 | card | package_len u16 | package`, and whether the package is a one-time
    /// one, which is then gone.
    pub(crate) fn hand_out(&mut self, one_time: bool) -> (Vec<u8>, bool) {
        let taken = if one_time { self.one_time.pop() } else { None };
        let package = taken.as_ref().unwrap_or(&self.last_resort);
        let mut body = Vec::with_capacity(4 + self.card.len() + package.len());
        for part in [&self.card, package] {
            // Both were read from behind a u16.
            body.extend((part.len() as u16).to_be_bytes());
            body.extend(&**part);
        }
        (body, taken.is_some())
    }
}

fn sized<'a>(r: &mut Reader<'a>) -> Result<&'a [u8], UnexpectedEnd> {
    let length = r.u16()?;
    r.bytes(usize::from(length))
}

#[cfg(test)]
pub(crate) fn bundle_bytes(card: &[u8], last_resort: &[u8], one_time: &[&[u8]]) -> Vec<u8> {
    let mut out = vec![];
    for part in [card, last_resort] {
        out.extend((part.len() as u16).to_be_bytes());
        out.extend(part);
    }
    out.push(one_time.len() as u8);
    for part in one_time {
        out.extend((part.len() as u16).to_be_bytes());
        out.extend(*part);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn one_time_packages_are_handed_out_once_and_then_the_last_resort() {
        let mut bundle = Bundle::parse(&bundle_bytes(b"card", b"last", &[b"one", b"two"]), 2).unwrap();
        let mut packages = vec![];
        for _ in 0..4 {
            let (body, one_time) = bundle.hand_out(true);
            assert_eq!(body[..6], *b"\0\x04card");
            packages.push((body[8..].to_vec(), one_time));
        }
        let of = |text: &[u8], one_time| (text.to_vec(), one_time);
        assert_eq!(packages, [of(b"two", true), of(b"one", true), of(b"last", false), of(b"last", false)]);
    }

    #[test]
    fn packages_beyond_the_operators_number_are_not_kept() {
        let mut bundle = Bundle::parse(&bundle_bytes(b"card", b"last", &[b"one", b"two", b"six"]), 1).unwrap();
        assert!(bundle.hand_out(true).1);
        assert!(!bundle.hand_out(true).1);
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_bundle_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            if let Ok(mut bundle) = Bundle::parse(&bytes, 2) {
                prop_assert!(bundle.footprint() <= bytes.len() as u64 + 64 + BUNDLE_OVERHEAD);
                bundle.hand_out(true);
            }
        }
    }
}
