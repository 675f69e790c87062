//! Whether bytes are *distinguished* encoding: exactly one way to write each value, so that one certificate cannot have
//! two fingerprints.

use pirushka_wire::Reader;

const DEPTH_MAX: u8 = 12;
const CONSTRUCTED: u8 = 0x20;
const MULTI_BYTE_TAG: u8 = 0x1f;

/// Tells whether `bytes` are one value, in strict DER all the way down, and nothing behind it.
pub(crate) fn is_strict(bytes: &[u8]) -> bool {
    let mut r = Reader::new(bytes);
    value(&mut r, DEPTH_MAX).is_some() && r.is_empty()
}

fn value(r: &mut Reader<'_>, depth: u8) -> Option<()> {
    let tag = r.u8().ok()?;
    if tag & MULTI_BYTE_TAG == MULTI_BYTE_TAG {
        return None;
    }
    let length = length(r)?;
    let content = r.bytes(length).ok()?;
    if tag & CONSTRUCTED == 0 {
        return primitive_is_strict(tag, content).then_some(());
    }
    let mut inner = Reader::new(content);
    while !inner.is_empty() {
        value(&mut inner, depth.checked_sub(1)?)?;
    }
    Some(())
}

/// The shortest form only, and never the indefinite one.
fn length(r: &mut Reader<'_>) -> Option<usize> {
    match r.u8().ok()? {
        short @ 0..=0x7f => Some(usize::from(short)),
        0x81 => r.u8().ok().map(usize::from).filter(|&n| n > 0x7f),
        0x82 => r.u16().ok().map(usize::from).filter(|&n| n > 0xff),
        _ => None,
    }
}

fn primitive_is_strict(tag: u8, content: &[u8]) -> bool {
    match (tag, content) {
        // BOOLEAN
        (0x01, content) => matches!(content, [0x00 | 0xff]),
        // INTEGER: not empty, no needless leading byte
        (0x02, []) => false,
        (0x02, [0x00, second, ..]) => second & 0x80 != 0,
        (0x02, [0xff, second, ..]) => second & 0x80 == 0,
        // BIT STRING: unused bits are zero
        (0x03, []) => false,
        (0x03, [unused]) => *unused == 0,
        (0x03, [unused, .., last]) => *unused < 8 && last.trailing_zeros() >= u32::from(*unused),
        // NULL
        (0x05, content) => content.is_empty(),
        // OBJECT IDENTIFIER: every part in its shortest form, the last one finished
        (0x06, content) => {
            content.last().is_some_and(|last| last & 0x80 == 0)
                && content
                    .iter()
                    .scan(true, |starts, &b| {
                        let padded = *starts && b == 0x80;
                        *starts = b & 0x80 == 0;
                        Some(padded)
                    })
                    .all(|padded| !padded)
        }
        // SEQUENCE and SET are never primitive
        (0x10 | 0x11, _) => false,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_value_in_its_only_form_is_strict() {
        for good in [&[0x02, 1, 0][..], &[0x30, 0], &[0x30, 3, 0x02, 1, 5], &[0x05, 0], &[0x06, 3, 0x2b, 0x65, 0x70]] {
            assert!(is_strict(good), "{good:02x?}");
        }
    }

    #[test]
    fn every_second_way_to_write_a_value_is_refused() {
        let bad: [&[u8]; 12] = [
            &[],
            &[0x02, 0],                   // an empty integer
            &[0x02, 2, 0, 5],             // a padded integer
            &[0x02, 2, 0xff, 0x80],       // the same, negative
            &[0x02, 0x81, 1, 5],          // a length in two bytes that fits one
            &[0x30, 0x80, 0, 0],          // no length
            &[0x30, 0, 0],                // something behind
            &[0x01, 1, 1],                // a boolean that is neither
            &[0x03, 2, 1, 1],             // unused bits that are used
            &[0x06, 3, 0x2b, 0x80, 0x01], // a padded part of an object identifier
            &[0x1f, 1, 0],                // a tag in several bytes
            &[0x10, 0],                   // a sequence that is none
        ];
        for bytes in bad {
            assert!(!is_strict(bytes), "{bytes:02x?}");
        }
    }

    #[test]
    fn nesting_is_bounded() {
        let mut bytes = vec![0x30, 0];
        for _ in 0..40 {
            let length = bytes.len() as u8;
            bytes.splice(0..0, [0x30, length]);
        }
        assert!(!is_strict(&bytes));
    }
}
