//! A session without its memory: seals and opens, and nothing else.

use std::fmt;

use pirushka_wire::{Params, SessionId};
use rand_core::Rng;

use super::session::Session;
use crate::bucket::draw_train;
use crate::counters::Drop;
use crate::sealed::{Header, OpenKey, SealKey};
use crate::veil::{Unveiled, Veil};

/// What [`super::ClientLink::into_bare`] leaves of a session: keys and numbers. Nothing is repeated, nothing times out, replays
/// are not noticed. For load generators and tests, which count what is lost instead of mending it.
pub struct BareSession {
    binding: [u8; 32],
    own: SessionId,
    peer: SessionId,
    seal: SealKey,
    open: OpenKey,
    next_number: u64,
}

impl BareSession {
    pub(super) fn of(session: Session) -> Self {
        let Session { welcome, binding, own, seal, open, next_number, .. } = session;
        Self { binding, own, peer: welcome.peer_session, seal, open, next_number }
    }

    /// The handshake hash of the session: what a registration is bound to.
    #[must_use]
    pub fn binding(&self) -> &[u8; 32] {
        &self.binding
    }

    /// The size that datagrams with so many bytes of frames get: a bucket and its jitter.
    #[must_use]
    pub fn draw_size(frame_bytes: usize, rng: &mut impl Rng) -> usize {
        draw_train(frame_bytes, rng)
    }

    /// Appends one datagram of `size` bytes (more if the frames need it). `veil` is that of the session's peer.
    pub fn seal(&mut self, veil: &ClientVeil, frames: &[u8], size: usize, out: &mut Vec<u8>) {
        let header = Header { params: Params::TO_PEER, number: self.next_number, receiver: self.peer };
        self.next_number += 1;
        self.seal.seal(&veil.0, header, frames, size, out);
    }

    /// The frames of a datagram, decrypted in place.
    ///
    /// # Errors
    /// The reason why it is not one of this session.
    pub fn open<'d>(&self, veil: &ClientVeil, datagram: &'d mut [u8]) -> Result<&'d [u8], Drop> {
        match veil.0.unveil(Params::FROM_PEER, datagram)? {
            Unveiled::Sealed { tag, header, ciphertext } => {
                if Header::decode(Params::FROM_PEER, &header).receiver != self.own {
                    return Err(Drop::UnknownSession);
                }
                Ok(self.open.open(&header, &tag, ciphertext)?)
            }
            Unveiled::Handshake(_) => Err(Drop::Unexpected),
        }
    }
}

impl fmt::Debug for BareSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BareSession").finish_non_exhaustive()
    }
}

/// The veil of everything between a peer and its clients; the same for all sessions.
#[derive(Debug, Clone)]
pub struct ClientVeil(pub(super) Veil);
