//! The table of sessions: a slab with generations, and a map from the id on the wire to the slot. Never iterated as a whole.
//!
//! An idle session costs its box (see the test below), a
//! slot of 16 bytes, a map entry of 17 and a timer of 24, each times the slack of its container.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::net::{Ipv6Addr, SocketAddr};

use pirushka_wire::{Now, Params, SessionId};

use super::SessionHandle;
use super::limits::PrefixSlot;
use super::outbox::{Outbox, SpareOutboxes};
use super::path::NewPath;
use crate::cookie::address_bytes;
use crate::replay::ReplayWindow;
use crate::sealed::{Header, OpenKey, SealKey};
use crate::veil::Veil;

/// Everything about one session.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) own: SessionId,
    pub(crate) client: SessionId,
    pub(crate) seal: SealKey,
    pub(crate) open: OpenKey,
    pub(crate) binding: [u8; 32],
    pub(crate) window: ReplayWindow,
    pub(crate) next_number: u64,
    pub(crate) opened_us: u64,
    pub(crate) last_heard_us: u64,
    /// When its entry in the timer table is due.
    pub(crate) end_us: u64,
    /// The proven address.
    pub(crate) remote: CompactAddr,
    /// From the handshake: how long an answer may take (ms).
    pub(crate) rto_ms: u16,
    pub(crate) prefix: PrefixSlot,
    /// A sealed packet has come.
    pub(crate) is_confirmed: bool,
    pub(crate) is_registered: bool,
    /// Stands in the queue of those that have something to send.
    pub(crate) is_ready: bool,
    /// An address that is not proven yet.
    pub(crate) path: Option<Box<NewPath>>,
    pub(crate) outbox: Option<Box<Outbox>>,
    /// HELLO_ACK, unveiled, until the first sealed packet.
    pub(crate) hello_ack: Option<Box<[u8]>>,
}

impl Session {
    /// The outbox; if there is none, one of those that others have left.
    pub(crate) fn outbox(&mut self, spare: &mut SpareOutboxes) -> &mut Outbox {
        self.outbox.get_or_insert_with(|| spare.take())
    }

    /// Bytes that the outbox takes.
    pub(crate) fn outbox_weight(&self) -> usize {
        self.outbox.as_ref().map_or(0, |outbox| outbox.weight())
    }

    pub(crate) fn outbox_bytes(&self) -> usize {
        self.outbox.as_ref().map_or(0, |outbox| outbox.bytes())
    }

    /// The first sealed packet: the handshake is over.
    pub(crate) fn confirm(&mut self, now: Now) {
        self.is_confirmed = true;
        self.hello_ack = None;
        let rtt_ms = now.mono_us.saturating_sub(self.opened_us) / 1000;
        self.rto_ms = (3 * rtt_ms).clamp(200, 3_000) as u16;
    }

    /// Appends one datagram for the client.
    pub(crate) fn seal_packet(&mut self, veil: &Veil, frames: &[u8], size: usize, out: &mut Vec<u8>) {
        let header = Header { params: Params::FROM_PEER, number: self.next_number, receiver: self.client };
        self.next_number += 1;
        self.seal.seal(veil, header, frames, size, out);
    }
}

/// A socket address in 18 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CompactAddr([u8; 18]);

impl CompactAddr {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self(address_bytes(address))
    }

    pub(crate) fn get(self) -> SocketAddr {
        let (mut ip, mut port) = ([0; 16], [0; 2]);
        ip.copy_from_slice(&self.0[..16]);
        port.copy_from_slice(&self.0[16..]);
        SocketAddr::new(Ipv6Addr::from(ip).to_canonical(), u16::from_be_bytes(port))
    }
}

/// All sessions.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    slots: Vec<Slot>,
    free: Vec<u32>,
    by_id: HashMap<u64, u32, BuildHasherDefault<IdHasher>>,
}

#[derive(Debug)]
struct Slot {
    generation: u32,
    session: Option<Box<Session>>,
}

impl Sessions {
    pub(crate) fn len(&self) -> usize {
        self.by_id.len()
    }

    /// How many slots there are, taken or not.
    pub(crate) fn slots(&self) -> usize {
        self.slots.len()
    }

    /// The session in a slot.
    pub(crate) fn at(&self, index: usize) -> Option<(SessionHandle, &Session)> {
        let slot = self.slots.get(index)?;
        let handle = SessionHandle { index: u32::try_from(index).ok()?, generation: slot.generation };
        Some((handle, slot.session.as_deref()?))
    }

    pub(crate) fn find(&self, id: SessionId) -> Option<SessionHandle> {
        let index = *self.by_id.get(&u64::from_be_bytes(id.0))?;
        let slot = self.slots.get(index as usize)?;
        Some(SessionHandle { index, generation: slot.generation })
    }

    pub(crate) fn get(&self, handle: SessionHandle) -> Option<&Session> {
        let slot = self.slots.get(handle.index as usize)?;
        slot.session.as_deref().filter(|_| slot.generation == handle.generation)
    }

    pub(crate) fn get_mut(&mut self, handle: SessionHandle) -> Option<&mut Session> {
        let slot = self.slots.get_mut(handle.index as usize)?;
        slot.session.as_deref_mut().filter(|_| slot.generation == handle.generation)
    }

    /// The caller has made sure that the id is not taken.
    pub(crate) fn insert(&mut self, session: Session) -> SessionHandle {
        let index = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot { generation: 0, session: None });
            (self.slots.len() - 1) as u32
        });
        self.by_id.insert(u64::from_be_bytes(session.own.0), index);
        let slot = &mut self.slots[index as usize];
        slot.session = Some(Box::new(session));
        SessionHandle { index, generation: slot.generation }
    }

    pub(crate) fn remove(&mut self, handle: SessionHandle) -> Option<Box<Session>> {
        let slot = self.slots.get_mut(handle.index as usize).filter(|slot| slot.generation == handle.generation)?;
        let session = slot.session.take()?;
        slot.generation = slot.generation.wrapping_add(1);
        self.by_id.remove(&u64::from_be_bytes(session.own.0));
        if self.by_id.capacity() > 1024 && self.by_id.capacity() > 4 * self.by_id.len() {
            self.by_id.shrink_to(self.by_id.len());
        }
        self.free.push(handle.index);
        Some(session)
    }
}

/// Session ids are ours and random for the most part: spreading their bits is all that is needed.
#[derive(Debug, Default)]
pub(crate) struct IdHasher(u64);

impl Hasher for IdHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(self.0.rotate_left(8) ^ u64::from(*byte));
        }
    }

    fn write_u64(&mut self, n: u64) {
        let spread = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = spread ^ (spread >> 32);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_idle_session_takes_less_than_400_bytes() {
        // Box with its allocator header, slot and map entry at twice their size for slack, timer at one and a half.
        let map_entry = size_of::<(u64, u32)>() + 1;
        let timer = size_of::<(u64, SessionHandle, u8)>();
        let total = size_of::<Session>() + 8 + 2 * (size_of::<Slot>() + map_entry) + timer * 3 / 2;
        assert!(total < 400, "{total} bytes, of which the session {}", size_of::<Session>());
    }
}
