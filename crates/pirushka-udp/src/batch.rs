//! The memory that datagrams are received into, used again and again.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use quinn_udp::RecvMeta;

use crate::socket::{UdpSocket, canonical};

/// Bytes of a slot where the kernel glues datagrams together: the most that it hands over in one piece.
const SLOT_GLUED: usize = 65_535;
/// Bytes of a slot where it does not: more than any datagram that the protocol knows.
const SLOT_SINGLE: usize = 2_048;

/// A datagram that has come.
#[derive(Debug)]
pub struct Arrival<'b> {
    /// Who sent it.
    pub remote: SocketAddr,
    /// To which address of this machine, where the system tells.
    pub local: Option<IpAddr>,
    /// It.
    pub bytes: &'b mut [u8],
}

/// Room for what one system call receives. Made once per thread and reused.
///
/// Memory: at most 1 MiB where the system glues datagrams together, else 32 KiB; pages that no datagram has reached
/// yet are not resident.
pub struct Batch {
    storage: Box<[u8]>,
    slot_len: usize,
    metas: [RecvMeta; Self::SLOTS],
    filled: usize,
}

impl Batch {
    /// The most pieces that one call receives.
    pub const SLOTS: usize = if quinn_udp::BATCH_SIZE < 16 { quinn_udp::BATCH_SIZE } else { 16 };

    /// Room that fits what `socket` may hand over.
    #[must_use]
    pub fn for_socket(socket: &UdpSocket) -> Self {
        let slot_len = if socket.glues() { SLOT_GLUED } else { SLOT_SINGLE };
        Self {
            storage: vec![0; slot_len * Self::SLOTS].into_boxed_slice(),
            slot_len,
            metas: [RecvMeta::default(); Self::SLOTS],
            filled: 0,
        }
    }

    /// The datagrams of the last [`UdpSocket::receive`], with where each came from. Empty datagrams are left out.
    pub fn datagrams(&mut self) -> impl Iterator<Item = (SocketAddr, &mut [u8])> {
        self.arrivals().map(|Arrival { remote, bytes, .. }| (remote, bytes))
    }

    /// As [`Batch::datagrams`], with the address of this machine that each was sent to.
    pub fn arrivals(&mut self) -> impl Iterator<Item = Arrival<'_>> {
        let Self { storage, slot_len, metas, filled } = self;
        let pieces = storage.chunks_exact_mut(*slot_len).zip(metas.iter()).take(*filled);
        pieces.filter(|(_, meta)| meta.len > 0).flat_map(|(slot, meta)| {
            let (remote, local) = (canonical(meta.addr), meta.dst_ip.map(|ip| ip.to_canonical()));
            let stride = if meta.stride == 0 { meta.len } else { meta.stride };
            slot[..meta.len].chunks_mut(stride).map(move |bytes| Arrival { remote, local, bytes })
        })
    }

    pub(crate) fn fill(
        &mut self,
        receive: impl FnOnce(&mut [std::io::IoSliceMut<'_>], &mut [RecvMeta]) -> std::io::Result<usize>,
    ) -> std::io::Result<()> {
        self.filled = 0;
        let mut slots = self.storage.chunks_exact_mut(self.slot_len);
        let mut slices: [_; Self::SLOTS] =
            std::array::from_fn(|_| std::io::IoSliceMut::new(slots.next().unwrap_or_default()));
        self.filled = receive(&mut slices, &mut self.metas)?.min(Self::SLOTS);
        Ok(())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.filled == 0
    }
}

impl fmt::Debug for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { storage: _, slot_len, metas: _, filled } = self;
        f.debug_struct("Batch").field("slot_len", slot_len).field("filled", filled).finish_non_exhaustive()
    }
}
