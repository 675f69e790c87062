//! Where each field of a bare packet stands, for people who look at packets. Programs read [`Root`].

use std::ops::Range;

use crate::plain::{self, CHALLENGE_LEN};
use crate::root::{Root, RootError, kind};

/// A field and its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// As the seed's text calls it.
    pub name: &'static str,
    /// Where it stands in the datagram.
    pub bytes: Range<usize>,
}

/// All fields of a packet in their order, empty ones left out; together they are the packet.
///
/// # Errors
/// As [`Root::decode`].
pub fn fields(packet: &[u8]) -> Result<Vec<Field>, RootError> {
    let root = Root::decode(packet)?;
    let shift = Root::shift_of(packet);
    let junk = usize::from(shift.unwrap_or(0));
    let signature = packet.len() - usize::from(shift.is_some()) - 12 - 4 * junk - root.payload.len();
    let mut fields = Fields { at: 0, found: vec![] };
    fields.next("params", 1);
    fields.next("shift length", usize::from(shift.is_some()));
    fields.next("type", 1);
    for (name, length) in [("signature length", 2), ("signature", signature), ("timestamp", 8)] {
        fields.next("shift", junk);
        fields.next(name, length);
    }
    fields.next("shift", junk);
    fields.payload(&root);
    Ok(fields.found)
}

/// What a type is called.
#[must_use]
pub fn name_of(packet_kind: u8) -> Option<&'static str> {
    match packet_kind {
        kind::KEEPALIVE => Some("KEEPALIVE"),
        kind::OK => Some("OK"),
        kind::REGISTER => Some("REGISTER"),
        kind::CHALLENGE => Some("CHALLENGE"),
        kind::RESPONSE => Some("RESPONSE"),
        _ => None,
    }
}

struct Fields {
    at: usize,
    found: Vec<Field>,
}

impl Fields {
    fn next(&mut self, name: &'static str, length: usize) {
        if length > 0 {
            self.found.push(Field { name, bytes: self.at..self.at + length });
            self.at += length;
        }
    }

    fn payload(&mut self, root: &Root<'_>) {
        let challenge = match root.kind {
            kind::CHALLENGE if plain::decode_challenge(root.payload).is_ok() => CHALLENGE_LEN,
            kind::RESPONSE if plain::decode_response(root.payload).is_ok() => CHALLENGE_LEN,
            kind::REGISTER if plain::decode_register(root.payload).is_ok() => 0,
            _ => return self.next("payload", root.payload.len()),
        };
        self.next("challenge", challenge);
        let rest = root.payload.len() - challenge;
        if rest > 0 {
            self.next("cert length", 2);
            self.next("cert", rest - 2);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::root::{Params, Signature};
    use proptest::prelude::*;

    #[test]
    fn a_shifted_registration_is_shown_field_by_field() {
        let payload = [0, 3, 7, 7, 7];
        let root = Root {
            params: Params::TO_PEER,
            kind: kind::REGISTER,
            signature: Signature::Ed25519(&[9; 64]),
            timestamp: 5,
            payload: &payload,
        };
        let mut packet = vec![];
        root.encode_shifted(2, &mut |_| {}, &mut packet).unwrap();
        let shown: Vec<_> =
            fields(&packet).unwrap().into_iter().map(|f| (f.name, f.bytes.start, f.bytes.len())).collect();
        let expected = [
            ("params", 0, 1),
            ("shift length", 1, 1),
            ("type", 2, 1),
            ("shift", 3, 2),
            ("signature length", 5, 2),
            ("shift", 7, 2),
            ("signature", 9, 64),
            ("shift", 73, 2),
            ("timestamp", 75, 8),
            ("shift", 83, 2),
            ("cert length", 85, 2),
            ("cert", 87, 3),
        ];
        assert_eq!(shown, expected);
    }

    proptest! {
        #[test]
        fn the_fields_are_the_packet_without_gaps_and_no_bytes_panic(
            head in prop::sample::select(vec![&[2u8, 2][..], &[1, 0x13], &[6, 1, 0x14], &[2, 0, 0, 16], &[]]),
            rest in prop::collection::vec(any::<u8>(), 0..300),
        ) {
            let packet = [head, &rest].concat();
            if let Ok(fields) = fields(&packet) {
                let ends: Vec<usize> = fields.iter().map(|field| field.bytes.end).collect();
                let starts: Vec<usize> = fields.iter().map(|field| field.bytes.start).collect();
                prop_assert_eq!(&starts[1..], &ends[..ends.len() - 1]);
                prop_assert_eq!((starts[0], ends[ends.len() - 1]), (0, packet.len()));
            }
        }
    }
}
