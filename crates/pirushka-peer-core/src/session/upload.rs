//! A long body on its way in: put together from its parts, applied when it is whole.

use pirushka_wire::limits::{BODY_MAX, BODY_PART_MAX};
use pirushka_wire::{ObjectId, RangeSet};

use crate::refusal::Refusal;

/// One PUT frame.
#[derive(Debug, Clone, Copy)]
pub(crate) struct UploadPart<'a> {
    pub(crate) object: ObjectId,
    pub(crate) offset: u32,
    pub(crate) total: u32,
    pub(crate) kind: u8,
    pub(crate) bytes: &'a [u8],
}

#[derive(Debug)]
pub(crate) struct Upload {
    object: ObjectId,
    kind: u8,
    total: usize,
    body: Vec<u8>,
    /// Which bytes have come.
    come: RangeSet,
    pub(crate) deadline_us: u64,
}

impl UploadPart<'_> {
    /// Whether the part makes sense at all.
    pub(crate) fn check(&self) -> Result<(), Refusal> {
        if self.total as usize > BODY_MAX {
            return Err(Refusal::TOO_LARGE);
        }
        let ends = u64::from(self.offset) + self.bytes.len() as u64;
        let fits = !self.bytes.is_empty() && self.bytes.len() <= BODY_PART_MAX && ends <= u64::from(self.total);
        if fits { Ok(()) } else { Err(Refusal::MALFORMED) }
    }
}

impl Upload {
    /// What an upload of this size will count.
    pub(crate) fn cost(total: u32) -> u64 {
        u64::from(total) + 128
    }

    /// Begins with a checked part.
    pub(crate) fn new(part: &UploadPart<'_>, deadline_us: u64) -> Self {
        let total = part.total as usize;
        let body = vec![0; total];
        Self { object: part.object, kind: part.kind, total, body, come: RangeSet::new(), deadline_us }
    }

    pub(crate) fn footprint(&self) -> u64 {
        Self::cost(self.total as u32)
    }

    /// Whether the part belongs to this body.
    pub(crate) fn continues(&self, part: &UploadPart<'_>) -> bool {
        self.object == part.object && self.kind == part.kind && self.total == part.total as usize
    }

    /// Takes a checked part; whether the body is whole now.
    pub(crate) fn take(&mut self, part: &UploadPart<'_>) -> bool {
        let at = part.offset as usize;
        if let Some(room) = self.body.get_mut(at..at + part.bytes.len()) {
            room.copy_from_slice(part.bytes);
            self.come.insert_range(at as u64, (at + part.bytes.len() - 1) as u64);
        }
        self.come.range_count() == 1 && self.come.contains(0) && self.come.contains(self.total as u64 - 1)
    }

    pub(crate) fn body(&self) -> &[u8] {
        &self.body
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn part(offset: u32, total: u32, bytes: &[u8]) -> UploadPart<'_> {
        UploadPart { object: ObjectId(1), offset, total, kind: 1, bytes }
    }

    #[test]
    fn parts_beyond_the_end_or_larger_than_a_part_are_refused() {
        assert_eq!(part(0, BODY_MAX as u32 + 1, b"x").check(), Err(Refusal::TOO_LARGE));
        assert_eq!(part(3, 4, b"xy").check(), Err(Refusal::MALFORMED));
        assert_eq!(part(0, 4, b"").check(), Err(Refusal::MALFORMED));
        assert_eq!(part(u32::MAX, 4, b"x").check(), Err(Refusal::MALFORMED));
        assert_eq!(part(0, 4000, &[0; BODY_PART_MAX + 1]).check(), Err(Refusal::MALFORMED));
        assert_eq!(part(2, 4, b"xy").check(), Ok(()));
    }

    proptest! {
        #[test]
        fn a_body_is_whole_exactly_when_all_its_bytes_have_come(order in Just((0usize..7).collect::<Vec<_>>()).prop_shuffle()) {
            let body: Vec<u8> = (0..6500u32).map(|i| (i * 7) as u8).collect();
            let chunks: Vec<&[u8]> = body.chunks(1000).collect();
            let mut upload = Upload::new(&part(0, 6500, b""), 0);
            for (n, &i) in order.iter().enumerate() {
                let whole = upload.take(&part(i as u32 * 1000, 6500, chunks[i]));
                prop_assert_eq!(whole, n == 6);
                prop_assert_eq!(upload.take(&part(i as u32 * 1000, 6500, chunks[i])), n == 6);
            }
            prop_assert_eq!(upload.body(), &body[..]);
        }
    }
}
