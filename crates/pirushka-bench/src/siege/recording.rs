//! What somebody on the path has recorded of real people: the attacker's raw material.
//!
//! A packet is of use once it has certainly arrived: one that is new to the peer, from another source, is a client that
//! roams, and rightly asked for a proof. So a packet becomes old before it is handed out, and none is kept of a session
//! that is over. Fixed size; what is new takes the place of what is old.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};

const PACKETS: usize = 512;
const HELLOS: usize = 256;
/// Longer than any question stays unrepeated.
const AGE: Duration = Duration::from_secs(1);

/// Filled by the people's sockets, read by the attacker.
#[derive(Debug)]
pub(crate) struct Recording(Mutex<Inner>);

#[derive(Debug)]
struct Inner {
    rng: ChaCha20Rng,
    sealed: Vec<(Instant, Vec<u8>)>,
    hellos: Vec<(Instant, Vec<u8>)>,
    skip: u32,
}

impl Recording {
    pub(crate) fn new(seed: u64) -> Self {
        let rng = ChaCha20Rng::seed_from_u64(seed ^ 0x7265_636f);
        Self(Mutex::new(Inner { rng, sealed: vec![], hellos: vec![], skip: 0 }))
    }

    /// A packet of a handshake has been sent, junk before it included.
    pub(crate) fn note_greeting(&self, packet: &[u8]) {
        let mut inner = self.inner();
        let Inner { rng, hellos, .. } = &mut *inner;
        put(rng, hellos, HELLOS, packet);
    }

    /// A packet of a session that goes on has been sent. One in several is kept.
    pub(crate) fn note_sealed(&self, packet: &[u8]) {
        let mut inner = self.inner();
        let Inner { rng, sealed, skip, .. } = &mut *inner;
        *skip = skip.wrapping_add(1);
        if skip.is_multiple_of(8) || sealed.len() < PACKETS {
            put(rng, sealed, PACKETS, packet);
        }
    }

    /// Copies a recorded packet to `out`: a HELLO for one draw in four, else a sealed one. `false`: none is old enough.
    pub(crate) fn draw(&self, draw: u32, out: &mut Vec<u8>) -> bool {
        let inner = self.inner();
        let from = if draw.is_multiple_of(4) { &inner.hellos } else { &inner.sealed };
        let old = |packet: &&(Instant, Vec<u8>)| packet.0.elapsed() >= AGE;
        let Some((_, packet)) = from.get((draw / 4) as usize % from.len().max(1)).filter(old) else { return false };
        out.clear();
        out.extend(packet);
        true
    }

    fn inner(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

fn put(rng: &mut ChaCha20Rng, into: &mut Vec<(Instant, Vec<u8>)>, most: usize, packet: &[u8]) {
    let packet = (Instant::now(), packet.to_vec());
    if into.len() < most {
        into.push(packet);
    } else {
        into[rng.next_u32() as usize % most] = packet;
    }
}
