//! Where memory is short: what may still wait, and who gives way to a newcomer.
//!
//! The owner says how much more sessions may take ([`PeerLink::set_room`]). It is used up here as it is taken, so nothing
//! passes it until the owner has counted again.

use pirushka_wire::Now;
use pirushka_wire::time::SECOND;

use super::handshake::ANSWERS_MAX;
use super::{CloseReason, PeerLink};

/// Slots that are looked at for sessions that may give way, each time that something finds no room.
const WAY_SLOTS: usize = 16;
/// Such searches per second.
pub(super) const WAYS_PER_S: u32 = 200;
/// A session that is not registered may give way after such a silence: who wants it back makes another in a round trip.
const SILENCE_US: u64 = 15 * SECOND;
/// A registered one may when two of the longest keepalives (112 s) have not come.
const REGISTERED_SILENCE_US: u64 = 240 * SECOND;
/// With less room than this nothing waits for the proof of a path: an outbox may come with buffers of half of it.
const WAITING_ROOM_MIN: u64 = 8 * 1024;

/// How many bytes of frames may wait for the proof of a path when sessions may take `room` bytes more. They wait for
/// seconds, and whoever asks for proofs may be anybody; buffers may take twice what is in them. All of it is asked for or
/// pushed again.
pub(super) fn waiting_max(room: u64) -> usize {
    if room < WAITING_ROOM_MIN { 0 } else { usize::try_from(room / 4).unwrap_or(usize::MAX) }
}

impl PeerLink {
    /// How many bytes sessions and what waits in them may take beyond what they take now. Where it is too little, new
    /// sessions are dropped as if there were no slots, and what waits for the proof of a path is held to what there is.
    pub fn set_room(&mut self, bytes: u64) {
        self.room = bytes;
    }

    /// Sessions want `bytes` more than there is room for: some that nobody would miss give way, if there are any among the
    /// next few slots. So many times a second at most, and a few slots at a time: a flood costs little, and whoever finds
    /// no room asks again anyway.
    pub fn make_way(&mut self, now: Now, bytes: u64) {
        if self.answers.len() >= ANSWERS_MAX || !self.ways.take(now.mono_us, WAYS_PER_S, WAYS_PER_S) {
            return;
        }
        let mut freed = 0;
        for _ in 0..WAY_SLOTS {
            self.way = if self.way + 1 < self.sessions.slots() { self.way + 1 } else { 0 };
            let Some((session, state)) = self.sessions.at(self.way) else { continue };
            let patience_us = if state.is_registered { REGISTERED_SILENCE_US } else { SILENCE_US };
            if now.mono_us.saturating_sub(state.last_heard_us) < patience_us {
                continue;
            }
            freed += Self::SESSION_BYTES + state.outbox_weight() as u64;
            self.counters.gave_way += 1;
            if state.is_confirmed {
                self.say_close(session);
                self.end(session, CloseReason::Idle);
            } else {
                self.end(session, CloseReason::Unfinished);
            }
            if freed >= bytes {
                return;
            }
        }
    }
}
