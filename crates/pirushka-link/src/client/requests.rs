//! Questions and their answers: each is sent until it is answered, each is answered once.
//!
//! Control questions go at once; bulk ones wait for room in the congestion window. LATER is a question whose answer is
//! meant to take long: it is kept out of the flight (it would spoil the round trip time) and repeated only after its
//! delay and a timeout.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use pirushka_wire::frame::kind;
use pirushka_wire::limits::PLAINTEXT_MAX;
use pirushka_wire::planted::{self, Bug};
use pirushka_wire::time::SECOND;
use pirushka_wire::{Frame, Now, RequestId};

use super::Class;
use crate::flight::Flight;

/// All questions of a session.
#[derive(Debug, Default)]
pub(crate) struct Requests {
    next_id: u32,
    all: BTreeMap<u32, Request>,
    control: VecDeque<u32>,
    bulk: VecDeque<u32>,
    flight: Flight<u32>,
    /// LATERs on their way, by the moment at which they are repeated.
    later: BTreeSet<(u64, u32)>,
    /// Since when something that should have been answered is not, and nothing else was heard either.
    silent_since: Option<u64>,
}

#[derive(Debug)]
struct Request {
    frame: Vec<u8>,
    class: Class,
    asker: Asker,
    answer_kind: u8,
    /// `Some` for LATER: how long the answer may take.
    patience_us: Option<u64>,
    /// When a LATER is repeated.
    repeat_us: u64,
}

/// On whose behalf a question is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asker {
    Owner,
    Link,
}

impl Requests {
    /// Queues a question.
    pub(crate) fn add(&mut self, frame: &Frame<'_>, class: Class, by_link: bool) -> RequestId {
        self.next_id = self.next_id.wrapping_add(1);
        let id = self.next_id;
        let mut bytes = vec![];
        frame.encode(&mut bytes);
        // `type u8 | length u16 | request id u32 | ...`
        if let Some(field) = bytes.get_mut(3..7) {
            field.copy_from_slice(&id.to_be_bytes());
        }
        let patience_us = match frame {
            Frame::Later { delay_s, .. } => Some(u64::from(*delay_s) * SECOND),
            _ => None,
        };
        let request = Request {
            frame: bytes,
            class,
            asker: if by_link { Asker::Link } else { Asker::Owner },
            answer_kind: answer_kind(frame),
            patience_us,
            repeat_us: 0,
        };
        self.all.insert(id, request);
        self.queue(class).push_back(id);
        RequestId(id)
    }

    /// Forgets a question, just added, that fits no packet and would stand in the way of all others.
    pub(crate) fn drop_oversized(&mut self, id: RequestId) -> bool {
        if self.frame_len(id.0) <= PLAINTEXT_MAX {
            return false;
        }
        if let Some(request) = self.all.remove(&id.0) {
            self.queue(request.class).pop_back();
        }
        true
    }

    /// Forgets a question, answered or not.
    pub(crate) fn cancel(&mut self, id: RequestId) {
        let Some(request) = self.all.remove(&id.0) else { return };
        self.later.remove(&(request.repeat_us, id.0));
        self.flight.forget(id.0);
        self.queue(request.class).retain(|other| *other != id.0);
    }

    /// How many are unanswered.
    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    pub(crate) fn rtt_us(&self) -> Option<u64> {
        self.flight.rtt_us()
    }

    pub(crate) fn sample_rtt(&mut self, us: u64) {
        self.flight.sample_rtt(us);
    }

    /// Forgets all questions; what is known about the round trip stays, and ids go on.
    pub(crate) fn clear(&mut self) {
        self.all.clear();
        self.control.clear();
        self.bulk.clear();
        self.later.clear();
        self.flight.clear();
        self.silent_since = None;
    }

    /// Bytes of frames that could go now.
    pub(crate) fn pending_bytes(&self) -> usize {
        let sum = |queue: &VecDeque<u32>| queue.iter().take(64).map(|id| self.frame_len(*id)).sum::<usize>();
        let bulk = if self.bulk_may_go() { sum(&self.bulk) } else { 0 };
        sum(&self.control) + bulk
    }

    /// Appends frames that fit into `room` bytes and notes them as sent.
    pub(crate) fn fill(&mut self, now: Now, mut room: usize, out: &mut Vec<u8>) {
        for class in [Class::Control, Class::Bulk] {
            while let Some(&id) = self.queue(class).front() {
                let length = self.frame_len(id);
                if length > room || (class == Class::Bulk && !self.flight.may_send(length)) {
                    break;
                }
                self.queue(class).pop_front();
                room -= length;
                self.send(now, id, out);
            }
        }
    }

    /// Any authentic packet came.
    pub(crate) fn heard(&mut self, now: Now) {
        if self.silent_since.is_some() {
            self.silent_since = self.is_owed_an_answer(now).then_some(now.mono_us);
        }
    }

    /// An answer of this kind came. `None`: nobody waits for it (any more), or not for this kind.
    pub(crate) fn answered(&mut self, now: Now, id: RequestId, kind: u8) -> Option<Asker> {
        let request = self.all.get(&id.0)?;
        if kind != kind::ERROR && kind != request.answer_kind {
            return None;
        }
        self.later.remove(&(request.repeat_us, id.0));
        self.flight.acked(now.mono_us, id.0);
        let request = self.all.remove(&id.0)?;
        if !self.is_owed_an_answer(now) {
            self.silent_since = None;
        }
        Some(request.asker)
    }

    /// Unanswered ids in an inclusive range, which may be absurdly wide.
    pub(crate) fn ids_between(&self, first: u64, last: u64) -> Vec<RequestId> {
        let (Ok(first), last) = (u32::try_from(first), u32::try_from(last).unwrap_or(u32::MAX)) else { return vec![] };
        self.all.range(first..=last.max(first)).map(|(&id, _)| RequestId(id)).collect()
    }

    /// Queues again what is taken for lost.
    pub(crate) fn handle_timeout(&mut self, now: Now) {
        for id in self.flight.lost(now.mono_us).into_iter().rev() {
            if planted::is(Bug::RequestNotRepeated) {
                continue;
            }
            self.queue_first(id);
        }
        while let Some(&(at, id)) = self.later.first().filter(|(at, _)| *at <= now.mono_us) {
            self.later.remove(&(at, id));
            self.silent_since.get_or_insert(now.mono_us);
            self.queue_first(id);
        }
    }

    pub(crate) fn deadline(&self) -> Option<u64> {
        let later = self.later.first().map(|(at, _)| *at);
        self.flight.deadline().into_iter().chain(later).min()
    }

    /// Since when nothing was heard although something should have been answered.
    pub(crate) fn silent_since(&self) -> Option<u64> {
        self.silent_since
    }

    fn send(&mut self, now: Now, id: u32, out: &mut Vec<u8>) {
        let Some(request) = self.all.get_mut(&id) else { return };
        out.extend(&request.frame);
        match request.patience_us {
            None => {
                self.flight.sent(now.mono_us, id, request.frame.len());
                self.silent_since.get_or_insert(now.mono_us);
            }
            Some(patience_us) => {
                request.repeat_us = now.after_us(patience_us + self.flight.rto_us());
                self.later.insert((request.repeat_us, id));
            }
        }
    }

    fn is_owed_an_answer(&self, now: Now) -> bool {
        let overdue = |r: &Request| r.patience_us.is_some() && r.repeat_us != 0 && r.repeat_us <= now.mono_us;
        !self.flight.is_empty() || self.all.values().any(overdue)
    }

    fn bulk_may_go(&self) -> bool {
        self.bulk.front().is_some_and(|id| self.flight.may_send(self.frame_len(*id)))
    }

    fn frame_len(&self, id: u32) -> usize {
        self.all.get(&id).map_or(0, |request| request.frame.len())
    }

    fn queue_first(&mut self, id: u32) {
        if let Some(class) = self.all.get(&id).map(|request| request.class) {
            self.queue(class).push_front(id);
        }
    }

    fn queue(&mut self, class: Class) -> &mut VecDeque<u32> {
        match class {
            Class::Control => &mut self.control,
            Class::Bulk => &mut self.bulk,
        }
    }
}

/// The frame that answers a question, errors apart.
fn answer_kind(frame: &Frame<'_>) -> u8 {
    match frame.kind() {
        kind::REGISTER => kind::MAILBOX,
        kind::POLL => kind::STATUS,
        kind::LOOKUP | kind::FETCH => kind::BODY,
        kind::QUEUE_SET => kind::TICKET,
        _ => kind::OK,
    }
}
