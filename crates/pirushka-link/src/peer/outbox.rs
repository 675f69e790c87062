//! What waits to be sent in one session. Exists only while there is something.
//!
//! OKs are kept as ranges. Other answers go in the order in which they were queued. PUSH and BODY are kept apart,
//! because they wait while a new path is unproven.

use pirushka_wire::frame::kind;
use pirushka_wire::limits::{PLAINTEXT_MAX, RANGES_MAX};
use pirushka_wire::{Frame, PathData, RangeSet, Ranges, Reader, RequestId};

/// OKs whose ranges are more than this are refused; whoever asked will ask again.
const OK_RANGES_MAX: usize = 1024;
/// Size of a PATH_CHALLENGE frame.
pub(crate) const CHALLENGE_LEN: usize = 11;

/// Frames and OKs.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    oks: RangeSet,
    small: Queue,
    large: Queue,
    /// Size of the datagrams of the train under way; 0 = none.
    pub(crate) train: u16,
}

impl Outbox {
    /// Queues a frame unless `max` bytes wait already, or it could never fit a packet.
    pub(crate) fn push(&mut self, frame: &Frame<'_>, max: usize) -> bool {
        if self.bytes() >= max {
            return false;
        }
        match frame.kind() {
            kind::PUSH | kind::BODY => self.large.push(frame),
            _ => self.small.push(frame),
        }
    }

    pub(crate) fn push_ok(&mut self, request: RequestId) -> bool {
        if self.oks.range_count() >= OK_RANGES_MAX {
            return false;
        }
        self.oks.insert(u64::from(request.0));
        true
    }

    /// Bytes that wait.
    pub(crate) fn bytes(&self) -> usize {
        let ranges = self.oks.range_count();
        let ok_frames = ranges.div_ceil(RANGES_MAX);
        self.small.len() + self.large.len() + 12 * ranges + 4 * ok_frames
    }

    /// Bytes that this takes, as its buffers are now.
    pub(crate) fn weight(&self) -> usize {
        size_of::<Self>() + self.small.bytes.capacity() + self.large.bytes.capacity() + 32 * self.oks.range_count()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.bytes() == 0
    }

    fn is_small(&self) -> bool {
        self.weight() <= SPARE_WEIGHT_MAX
    }

    /// Moves what fits into `room` bytes; with `large` also PUSH and BODY.
    pub(crate) fn fill(&mut self, room: usize, large: bool, frames: &mut Vec<u8>) {
        let end = frames.len() + room;
        self.small.fill(end, frames);
        self.fill_oks(end, frames);
        if large {
            self.large.fill(end, frames);
        }
    }

    fn fill_oks(&mut self, end: usize, frames: &mut Vec<u8>) {
        while !self.oks.is_empty() {
            let room = end.saturating_sub(frames.len());
            let n = room.saturating_sub(4) / 12;
            if n == 0 {
                return;
            }
            let taken = self.oks.take_ranges(n.min(RANGES_MAX));
            let mut list = vec![];
            taken.encode(&mut list);
            if let Ok(requests) = Ranges::decode(&mut Reader::new(&list)) {
                Frame::Ok { requests }.encode(frames);
            }
        }
    }
}

/// Empty outboxes with their buffers, for the next that has something to say: most are needed for one packet only.
#[derive(Debug, Default)]
#[allow(clippy::vec_box, reason = "they are moved between here and sessions, as boxes")]
pub(crate) struct SpareOutboxes(Vec<Box<Outbox>>);

/// So many are kept, of at most so many bytes each.
const SPARE_MAX: usize = 64;
const SPARE_WEIGHT_MAX: usize = 4 * 1024;

impl SpareOutboxes {
    pub(crate) fn take(&mut self) -> Box<Outbox> {
        self.0.pop().unwrap_or_default()
    }

    /// Keeps an empty outbox, unless there are enough or it is large.
    pub(crate) fn keep(&mut self, mut outbox: Box<Outbox>) {
        if self.0.len() < SPARE_MAX && outbox.is_small() {
            outbox.train = 0;
            self.0.push(outbox);
        }
    }
}

/// Encoded frames, one after the other.
#[derive(Debug, Default)]
struct Queue {
    bytes: Vec<u8>,
    /// What is before this has been sent.
    start: usize,
}

impl Queue {
    fn push(&mut self, frame: &Frame<'_>) -> bool {
        if self.start > 4096 && self.start * 2 > self.bytes.len() {
            self.bytes.drain(..self.start);
            self.start = 0;
        }
        let at = self.bytes.len();
        // A keepalive would not be told from filling.
        if !matches!(frame, Frame::Keepalive) {
            frame.encode(&mut self.bytes);
        }
        let fits = self.bytes.len() - at <= PLAINTEXT_MAX;
        if !fits {
            self.bytes.truncate(at);
        }
        fits
    }

    fn len(&self) -> usize {
        self.bytes.len() - self.start
    }

    fn fill(&mut self, end: usize, frames: &mut Vec<u8>) {
        while let Some(frame) = self.first().filter(|frame| frames.len() + frame.len() <= end) {
            frames.extend(frame);
            self.start += frame.len();
        }
        if self.start == self.bytes.len() {
            self.bytes.clear();
            self.start = 0;
        }
    }

    fn first(&self) -> Option<&[u8]> {
        let rest = &self.bytes[self.start..];
        let length = rest.get(1..3)?;
        let length = usize::from(u16::from_be_bytes([length[0], length[1]]));
        rest.get(..3 + length)
    }
}

/// Appends a PATH_CHALLENGE frame.
pub(crate) fn put_challenge(data: PathData, frames: &mut Vec<u8>) {
    Frame::PathChallenge { data }.encode(frames);
}
