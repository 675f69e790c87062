//! Proving a new path: a session survives NAT rebinding and change of network, but nobody can turn it against others.
//!
//! An authentic packet with the highest number so far, from another address than the proven one, opens a question:
//! PATH_CHALLENGE goes to the new address AND to the old one, at most three times, one per timeout, each with data of
//! its own. Whoever answers first with the right data from the right address settles it: the new address becomes the
//! path, or the old one stays it (somebody else had copied the packet). Until then
//! - the new address gets at most as many bytes as came from it, so answers like OK fit and a challenge is never larger
//!   than its trigger;
//! - PUSH and BODY wait.

use std::net::SocketAddr;

use pirushka_wire::limits::{BUCKETS, SEALED_OVERHEAD};
use pirushka_wire::planted::{self, Bug};
use pirushka_wire::{Now, PathData};
use rand_core::Rng as _;

use super::outbox::CHALLENGE_LEN;
use super::sessions::{CompactAddr, Session};
use super::{PeerLink, SessionHandle, Timer};

const CHALLENGES_MAX: u8 = 3;

/// An address that is not proven yet.
#[derive(Debug)]
pub(crate) struct NewPath {
    pub(crate) address: CompactAddr,
    data_new: PathData,
    data_old: PathData,
    /// Bytes that may still be sent to it.
    pub(crate) budget: usize,
    /// The client spoke from there last: answers go there.
    pub(crate) is_current: bool,
    /// Size of the packet that raised the question: one with a challenge is never larger.
    pub(crate) trigger: usize,
    pub(crate) owes_new: bool,
    pub(crate) owes_old: bool,
    tries: u8,
    pub(crate) next_us: u64,
}

impl NewPath {
    /// The data for the new address, if a challenge is to be sent there.
    pub(crate) fn take_new(&mut self) -> Option<PathData> {
        std::mem::take(&mut self.owes_new).then_some(self.data_new)
    }

    /// The data for the old address, if a challenge is to be sent there.
    pub(crate) fn take_old(&mut self) -> Option<PathData> {
        std::mem::take(&mut self.owes_old).then_some(self.data_old)
    }

    /// Size of a datagram that carries nothing but a challenge.
    pub(crate) fn challenge_size(&self) -> usize {
        BUCKETS[0].min(self.trigger)
    }

    /// Whether a challenge to the new address may go now.
    pub(crate) fn can_challenge(&self) -> bool {
        self.owes_new && self.budget >= SEALED_OVERHEAD + CHALLENGE_LEN
    }
}

impl Session {
    /// A response arrived; whether it settles the question.
    pub(crate) fn settle_path(&mut self, from: SocketAddr, data: PathData) -> bool {
        let from = CompactAddr::new(from);
        let Some(path) = &self.path else { return false };
        if from == path.address && data == path.data_new {
            self.remote = path.address;
        } else if from != self.remote || data != path.data_old {
            return false;
        }
        self.path = None;
        true
    }
}

impl PeerLink {
    /// An authentic packet of `length` bytes came from `from`.
    pub(super) fn note_source(
        &mut self,
        now: Now,
        session: SessionHandle,
        from: SocketAddr,
        length: usize,
        is_newest: bool,
    ) {
        let Some(state) = self.sessions.get_mut(session) else { return };
        let source = CompactAddr::new(from);
        if planted::is(Bug::PathNotValidated) {
            state.remote = source;
        }
        if source == state.remote {
            if let Some(path) = state.path.as_mut().filter(|_| is_newest) {
                path.is_current = false;
                self.make_ready(session);
            }
            return;
        }
        if let Some(path) = state.path.as_mut().filter(|path| path.address == source) {
            path.budget += length;
            path.is_current |= is_newest;
            return self.make_ready(session);
        }
        if is_newest && length >= SEALED_OVERHEAD + CHALLENGE_LEN {
            self.question_path(now, session, source, length);
        }
    }

    fn question_path(&mut self, now: Now, session: SessionHandle, address: CompactAddr, length: usize) {
        let (mut data_new, mut data_old) = (PathData::default(), PathData::default());
        self.rng.fill_bytes(&mut data_new.0);
        self.rng.fill_bytes(&mut data_old.0);
        let Some(state) = self.sessions.get_mut(session) else { return };
        if let Some(before) = &state.path {
            self.timers.remove(&(before.next_us, session, Timer::Path));
        }
        let next_us = now.after_us(u64::from(state.rto_ms) * 1000);
        state.path = Some(Box::new(NewPath {
            address,
            data_new,
            data_old,
            budget: length,
            is_current: true,
            trigger: length,
            owes_new: true,
            owes_old: true,
            tries: 1,
            next_us,
        }));
        self.timers.insert((next_us, session, Timer::Path));
        self.make_ready(session);
    }

    /// A timeout without an answer: ask again, or leave everything as it was before.
    pub(super) fn retry_path(&mut self, now: Now, session: SessionHandle) {
        let Some(state) = self.sessions.get_mut(session) else { return };
        let rto_us = u64::from(state.rto_ms) * 1000;
        let Some(path) = &mut state.path else { return };
        if path.tries >= CHALLENGES_MAX {
            state.path = None;
        } else {
            path.next_us = now.after_us(rto_us << path.tries);
            path.tries += 1;
            path.owes_new = true;
            path.owes_old = true;
            self.timers.insert((path.next_us, session, Timer::Path));
        }
        self.make_ready(session);
    }
}
