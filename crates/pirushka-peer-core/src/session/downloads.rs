//! Looked-up bundles that a session is still fetching, so that a repeated question gets the same answer.

use pirushka_wire::ObjectId;
use pirushka_wire::limits::BODY_PART_MAX;

use crate::limits::{DOWNLOAD_LIFE_US, DOWNLOADS_PER_SESSION};
use crate::refusal::Refusal;

#[derive(Debug, Default)]
pub(crate) struct Downloads {
    list: Vec<Download>,
}

#[derive(Debug)]
struct Download {
    object: ObjectId,
    body: Box<[u8]>,
    until_us: u64,
}

/// A part of a body, as BODY carries it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BodyPart<'a> {
    pub(crate) offset: u32,
    pub(crate) total: u32,
    pub(crate) bytes: &'a [u8],
}

impl Downloads {
    pub(crate) fn footprint(&self) -> u64 {
        self.list.iter().map(|d| d.body.len() as u64 + 128).sum()
    }

    pub(crate) fn has(&self, object: ObjectId) -> bool {
        self.list.iter().any(|d| d.object == object)
    }

    /// Keeps a body, in the place of the oldest if there are too many.
    pub(crate) fn keep(&mut self, now_us: u64, object: ObjectId, body: Vec<u8>) {
        if self.list.len() == DOWNLOADS_PER_SESSION {
            self.list.remove(0);
        }
        self.list.push(Download { object, body: body.into(), until_us: now_us + DOWNLOAD_LIFE_US });
    }

    /// The part of a body that begins at `offset`.
    pub(crate) fn part(&self, object: ObjectId, offset: u32) -> Result<BodyPart<'_>, Refusal> {
        let download = self.list.iter().find(|d| d.object == object).ok_or(Refusal::UNKNOWN_OBJECT)?;
        let rest = download.body.get(offset as usize..).filter(|rest| !rest.is_empty() || offset == 0);
        let rest = rest.ok_or(Refusal::MALFORMED)?;
        let bytes = &rest[..rest.len().min(BODY_PART_MAX)];
        Ok(BodyPart { offset, total: download.body.len() as u32, bytes })
    }

    pub(crate) fn forget_old(&mut self, now_us: u64) {
        self.list.retain(|d| d.until_us > now_us);
    }

    pub(crate) fn next_us(&self) -> Option<u64> {
        self.list.iter().map(|d| d.until_us).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_fetched_part_by_part_until_it_is_forgotten() {
        let body: Vec<u8> = (0..2500u32).map(|i| i as u8).collect();
        let mut downloads = Downloads::default();
        downloads.keep(0, ObjectId(7), body.clone());
        let mut got: Vec<u8> = vec![];
        while got.len() < body.len() {
            let part = downloads.part(ObjectId(7), got.len() as u32).unwrap();
            assert_eq!(part.total, 2500);
            got.extend(part.bytes);
        }
        assert_eq!(got, body);
        assert_eq!(downloads.part(ObjectId(7), 2500), Err(Refusal::MALFORMED));
        assert_eq!(downloads.part(ObjectId(8), 0), Err(Refusal::UNKNOWN_OBJECT));
        downloads.forget_old(DOWNLOAD_LIFE_US);
        assert_eq!(downloads.part(ObjectId(7), 0), Err(Refusal::UNKNOWN_OBJECT));
    }

    #[test]
    fn a_further_body_takes_the_place_of_the_oldest() {
        let mut downloads = Downloads::default();
        for i in 0..5 {
            downloads.keep(0, ObjectId(i), vec![0; 1000]);
        }
        assert!(!downloads.has(ObjectId(2)) && downloads.has(ObjectId(3)) && downloads.has(ObjectId(4)));
        assert_eq!(downloads.footprint(), 2 * 1128);
    }
}
