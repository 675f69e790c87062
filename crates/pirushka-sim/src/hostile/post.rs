//! What was left for people, and when it is pushed.

use std::collections::{BTreeMap, BTreeSet};

use pirushka_wire::frame::push_class;
use pirushka_wire::time::SECOND;
use pirushka_wire::{DeliveryId, Fingerprint, Frame, Now, QueueId};

/// A message as it was left.
#[derive(Clone)]
pub(super) struct Letter {
    pub(super) to: Fingerprint,
    /// Nothing for an introduction.
    pub(super) queue: Option<QueueId>,
    /// What tells it from others.
    name: Vec<u8>,
    pub(super) body: Vec<u8>,
}

impl Letter {
    pub(super) fn new(to: Fingerprint, queue: Option<QueueId>, name: Vec<u8>, body: Vec<u8>) -> Self {
        Self { to, queue, name, body }
    }
}

/// Until it is acknowledged, a message is pushed again and again.
const REPEAT_US: u64 = 2 * SECOND;

#[derive(Default)]
pub(super) struct Post {
    known: BTreeSet<(Option<QueueId>, Vec<u8>)>,
    waiting: BTreeMap<u64, (u64, Letter)>,
    last: u64,
}

impl Post {
    /// Whether it was never left before; it counts as taken from now on.
    pub(super) fn is_new(&mut self, letter: &Letter) -> bool {
        self.known.insert((letter.queue, letter.name.clone()))
    }

    /// How many were taken.
    pub(super) fn taken(&self) -> u64 {
        self.known.len() as u64
    }

    pub(super) fn put(&mut self, due_us: u64, letter: Letter) {
        self.last += 1;
        self.waiting.insert(self.last, (due_us, letter));
    }

    pub(super) fn waiting(&self, user: &Fingerprint) -> u32 {
        self.waiting.values().filter(|(_, letter)| letter.to == *user).count() as u32
    }

    pub(super) fn acknowledged(&mut self, user: &Fingerprint, first: u64, last: u64) {
        self.waiting.retain(|n, (_, letter)| !(first..=last).contains(n) || letter.to != *user);
    }

    /// Pushes what is due to whoever can be reached; when something is due next.
    pub(super) fn push_due(&mut self, now: Now, mut push: impl FnMut(&Fingerprint, &Frame<'_>) -> bool) -> Option<u64> {
        let mut next = None;
        for (n, (due_us, letter)) in &mut self.waiting {
            if *due_us <= now.mono_us {
                let class = if letter.queue.is_some() { push_class::CONTACT } else { push_class::INTRO };
                let queue = letter.queue.unwrap_or(QueueId([0; 16]));
                let frame = Frame::Push { delivery: DeliveryId(*n), class, queue, body: &letter.body };
                if !push(&letter.to, &frame) {
                    // Whoever is not here will be heard when he comes.
                    continue;
                }
                *due_us = now.after_us(REPEAT_US);
            }
            next = Some(next.map_or(*due_us, |next: u64| next.min(*due_us)));
        }
        next
    }
}
