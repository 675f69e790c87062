//! From outboxes to datagrams. Sessions take turns, one train each; within a train all datagrams are equally long.

use pirushka_wire::Now;
use pirushka_wire::limits::{BUCKETS, DATAGRAM_MAX, PLAINTEXT_MAX, SEALED_OVERHEAD};

use super::outbox::{CHALLENGE_LEN, put_challenge};
use super::sessions::{CompactAddr, Session};
use super::{PeerLink, SessionHandle, Transmit};
use crate::bucket::draw_train;
use crate::sealed::NUMBER_LIMIT;

impl PeerLink {
    /// Clears `out`, puts a datagram (or a train of equal ones) into it and says where it goes.
    pub fn poll_transmit(&mut self, _now: Now, out: &mut Vec<u8>) -> Option<Transmit> {
        out.clear();
        if let Some((to, datagram)) = self.answers.pop_front() {
            out.extend(datagram);
            self.counters.sent(1, out.len());
            return Some(Transmit { to, segment: None });
        }
        while let Some(session) = self.ready.pop_front() {
            let Some(state) = self.sessions.get_mut(session) else { continue };
            state.is_ready = false;
            let before = state.outbox_weight();
            let transmit = self.transmit_for(session, out);
            self.give_outbox_back(session);
            let after = self.sessions.get(session).map_or(0, Session::outbox_weight);
            self.outboxes = self.outboxes + after - before;
            let Some(transmit) = transmit else { continue };
            let packets = transmit.segment.map_or(1, |segment| out.len().div_ceil(segment));
            self.counters.sent(packets, out.len());
            self.make_ready(session);
            return Some(transmit);
        }
        None
    }

    /// An outbox in which nothing waits any more is another's, wherever its last frame went.
    fn give_outbox_back(&mut self, session: SessionHandle) {
        let state = self.sessions.get_mut(session);
        if let Some(outbox) = state.and_then(|state| state.outbox.take_if(|outbox| outbox.is_empty())) {
            self.spare.keep(outbox);
        }
    }

    fn transmit_for(&mut self, session: SessionHandle, out: &mut Vec<u8>) -> Option<Transmit> {
        let state = self.sessions.get(session)?;
        if state.next_number + self.config.train_max as u64 >= NUMBER_LIMIT {
            return None;
        }
        match &state.path {
            None => self.train(session, out),
            Some(path) if path.owes_old => self.challenge_old(session, out),
            Some(path) if path.is_current => self.answer_new_path(session, out),
            Some(path) if path.can_challenge() => self.challenge_new(session, out),
            Some(_) => self.answer_old_path(session, out),
        }
    }

    /// The common case: everything that waits, to the proven address.
    fn train(&mut self, session: SessionHandle, out: &mut Vec<u8>) -> Option<Transmit> {
        let state = self.sessions.get_mut(session)?;
        let to = state.remote.get();
        let mut outbox = state.outbox.take_if(|outbox| !outbox.is_empty())?;
        let mut size = usize::from(outbox.train);
        // A train under way keeps its size, unless more came since and the size does not hold it.
        if size < outbox.bytes() + SEALED_OVERHEAD && size < BUCKETS[BUCKETS.len() - 1] {
            size = draw_train(outbox.bytes(), &mut self.rng);
            outbox.train = size as u16;
        }
        let room = PLAINTEXT_MAX.min(size - SEALED_OVERHEAD);
        let mut packets = 0;
        let frames = &mut self.frames;
        while packets < self.config.train_max.max(1) && !outbox.is_empty() {
            frames.clear();
            outbox.fill(room, true, frames);
            debug_assert!(!frames.is_empty(), "every queued frame fits a packet");
            state.seal_packet(&self.veil, frames, size, out);
            packets += 1;
        }
        state.outbox = Some(outbox);
        Some(Transmit { to, segment: (packets > 1).then_some(size) })
    }

    fn challenge_old(&mut self, session: SessionHandle, out: &mut Vec<u8>) -> Option<Transmit> {
        let state = self.sessions.get_mut(session)?;
        let path = state.path.as_mut()?;
        let (data, size) = (path.take_old()?, path.challenge_size());
        let mut frames = vec![];
        put_challenge(data, &mut frames);
        state.seal_packet(&self.veil, &frames, size, out);
        self.counters.challenges += 1;
        Some(Transmit { to: state.remote.get(), segment: None })
    }

    fn challenge_new(&mut self, session: SessionHandle, out: &mut Vec<u8>) -> Option<Transmit> {
        let state = self.sessions.get_mut(session)?;
        let path = state.path.as_mut()?;
        let data = path.take_new()?;
        let mut frames = vec![];
        put_challenge(data, &mut frames);
        let size = path.challenge_size().min(path.budget);
        self.counters.challenges += 1;
        self.send_in_budget(session, &frames, size, out)
    }

    /// Challenge and small answers, in one packet if possible, within the budget.
    fn answer_new_path(&mut self, session: SessionHandle, out: &mut Vec<u8>) -> Option<Transmit> {
        let state = self.sessions.get_mut(session)?;
        let path = state.path.as_mut()?;
        let mut budget = path.budget.min(DATAGRAM_MAX);
        let mut frames = vec![];
        if path.can_challenge()
            && let Some(data) = path.take_new()
        {
            put_challenge(data, &mut frames);
            self.counters.challenges += 1;
            budget = budget.min(path.trigger);
        }
        let room = PLAINTEXT_MAX.min(budget.saturating_sub(SEALED_OVERHEAD)).saturating_sub(frames.len());
        debug_assert!(frames.is_empty() || frames.len() == CHALLENGE_LEN);
        if let Some(outbox) = &mut state.outbox {
            outbox.fill(room, false, &mut frames);
        }
        if frames.is_empty() {
            return None;
        }
        let size = draw_train(frames.len(), &mut self.rng).min(budget);
        self.send_in_budget(session, &frames, size, out)
    }

    /// The client spoke from the old address again: small answers go there.
    fn answer_old_path(&mut self, session: SessionHandle, out: &mut Vec<u8>) -> Option<Transmit> {
        let state = self.sessions.get_mut(session)?;
        let mut frames = vec![];
        state.outbox.as_mut()?.fill(PLAINTEXT_MAX, false, &mut frames);
        if frames.is_empty() {
            return None;
        }
        let size = draw_train(frames.len(), &mut self.rng);
        state.seal_packet(&self.veil, &frames, size, out);
        Some(Transmit { to: state.remote.get(), segment: None })
    }

    fn send_in_budget(
        &mut self,
        session: SessionHandle,
        frames: &[u8],
        size: usize,
        out: &mut Vec<u8>,
    ) -> Option<Transmit> {
        let state = self.sessions.get_mut(session)?;
        state.seal_packet(&self.veil, frames, size, out);
        let path = state.path.as_mut()?;
        path.budget = path.budget.saturating_sub(out.len());
        Some(Transmit { to: CompactAddr::get(path.address), segment: None })
    }
}
