//! The veil: takes every constant byte off the wire for those who do not hold the address. Not a security layer.
//!
//! ```text
//! sealed:    tag[16] | mark[4] | number and session[16] masked | ciphertext
//!            mask = ChaCha20 block, nonce = first 12 bytes of the tag
//!            mark = first four bytes of the header XOR keyed BLAKE3(tag | the masked 16 bytes)
//! handshake: salt[8] | packet XOR keyed BLAKE3 XOF(salt)        fresh salt at each send
//! ```
//! The mark makes a header all of one piece: whoever does not hold the address cannot change a bit of a recorded packet
//! and still have it recognised, and so cannot try other session ids until one is answered with RESET.
//!
//! The receiver looks at the mark first (a sealed packet is the common case), then at 64 bytes of the XOF, then drops:
//! junk costs a receive and two short hashes. Without the veil a packet is bare Root and the same two questions are
//! asked of its plain bytes.

use chacha20::ChaCha20;
use chacha20::cipher::{KeyIvInit as _, StreamCipher as _};
use pirushka_wire::limits::{DATAGRAM_MAX, HELLO_MAX, SEALED_OVERHEAD};
use pirushka_wire::root::kind;
use pirushka_wire::{Params, PeerId};

use crate::counters::Drop;

/// Bytes of a handshake packet's salt.
pub(crate) const SALT_LEN: usize = 8;
/// `params | type | signature length | timestamp | session id`: the header of a sealed packet without its tag.
pub(crate) const HEADER_LEN: usize = 20;

/// A datagram whose veil is off, not yet believed.
pub(crate) enum Unveiled<'d> {
    Sealed {
        tag: [u8; 16],
        header: [u8; HEADER_LEN],
        ciphertext: &'d mut [u8],
    },
    /// A bare Root packet of one of the handshake's types.
    Handshake(&'d mut [u8]),
}

/// Puts the veil on and takes it off.
#[derive(Clone)]
pub(crate) struct Veil {
    mask: [u8; 32],
    mark: [u8; 32],
    cover: [u8; 32],
    on: bool,
}

impl Veil {
    pub(crate) fn new(peer_id: PeerId, on: bool) -> Self {
        Self {
            mask: blake3::derive_key("pirushka 2026 veil sealed", &peer_id.0),
            mark: blake3::derive_key("pirushka 2026 veil mark", &peer_id.0),
            cover: blake3::derive_key("pirushka 2026 veil handshake", &peer_id.0),
            on,
        }
    }

    /// What the veil adds to a handshake packet.
    pub(crate) fn handshake_overhead(&self) -> usize {
        if self.on { SALT_LEN } else { 0 }
    }

    /// Appends a sealed packet's head; the ciphertext follows it.
    pub(crate) fn write_sealed_head(&self, tag: &[u8; 16], header: &[u8; HEADER_LEN], out: &mut [u8]) {
        if self.on {
            let mut masked = *header;
            self.mask(tag, &mut masked);
            self.mark(tag, &mut masked);
            out[..16].copy_from_slice(tag);
            out[16..SEALED_OVERHEAD].copy_from_slice(&masked);
        } else {
            out[..4].copy_from_slice(&header[..4]);
            out[4..20].copy_from_slice(tag);
            out[20..SEALED_OVERHEAD].copy_from_slice(&header[4..]);
        }
    }

    /// Appends a handshake packet, under `salt` if veiled.
    pub(crate) fn write_handshake(&self, packet: &[u8], salt: [u8; SALT_LEN], out: &mut Vec<u8>) {
        if self.on {
            out.extend(salt);
        }
        let at = out.len();
        out.extend(packet);
        if self.on {
            self.cover(&salt, &mut out[at..]);
        }
    }

    /// Takes the veil off a datagram that must go in direction `from`. The bytes stay as they came unless the answer
    /// is a handshake packet.
    pub(crate) fn unveil<'d>(&self, from: Params, datagram: &'d mut [u8]) -> Result<Unveiled<'d>, Drop> {
        if datagram.len() > DATAGRAM_MAX {
            return Err(Drop::TooLarge);
        }
        if datagram.len() < SEALED_OVERHEAD {
            return Err(Drop::TooShort);
        }
        if let Some((tag, header)) = self.sealed_head(from, datagram) {
            return Ok(Unveiled::Sealed { tag, header, ciphertext: &mut datagram[SEALED_OVERHEAD..] });
        }
        self.unveil_handshake(from, datagram)
    }

    fn unveil_handshake<'d>(&self, from: Params, datagram: &'d mut [u8]) -> Result<Unveiled<'d>, Drop> {
        let overhead = self.handshake_overhead();
        let (salt, packet) = datagram.split_at_mut(overhead);
        if packet.len() > HELLO_MAX {
            return Err(Drop::Unrecognised);
        }
        let mut start = [0; 64];
        let n = packet.len().min(start.len());
        start[..n].copy_from_slice(&packet[..n]);
        if let Ok(salt) = <[u8; SALT_LEN]>::try_from(&*salt) {
            self.cover(&salt, &mut start[..n]);
        }
        if !is_handshake_head(from, &start) {
            return Err(Drop::Unrecognised);
        }
        if let Ok(salt) = <[u8; SALT_LEN]>::try_from(&*salt) {
            self.cover(&salt, packet);
        }
        Ok(Unveiled::Handshake(packet))
    }

    /// Tag and header, if the datagram begins as a sealed packet does.
    fn sealed_head(&self, from: Params, datagram: &[u8]) -> Option<([u8; 16], [u8; HEADER_LEN])> {
        let (mut tag, mut header) = ([0; 16], [0; HEADER_LEN]);
        if self.on {
            tag.copy_from_slice(&datagram[..16]);
            header.copy_from_slice(&datagram[16..SEALED_OVERHEAD]);
            self.mark(&tag, &mut header);
        } else {
            header[..4].copy_from_slice(&datagram[..4]);
            tag.copy_from_slice(&datagram[4..20]);
            header[4..].copy_from_slice(&datagram[20..SEALED_OVERHEAD]);
        }
        if header[..4] != [from.direction(), kind::SEALED, 0, 16] {
            return None;
        }
        if self.on {
            self.mask(&tag, &mut header);
        }
        Some((tag, header))
    }

    /// Masks number and session id, or unmasks them.
    fn mask(&self, tag: &[u8; 16], header: &mut [u8; HEADER_LEN]) {
        let mut nonce = [0; 12];
        nonce.copy_from_slice(&tag[..12]);
        ChaCha20::new(&self.mask.into(), &nonce.into()).apply_keystream(&mut header[4..]);
    }

    /// Puts the mark over the header's first bytes, or takes it off, while the rest is masked.
    fn mark(&self, tag: &[u8; 16], header: &mut [u8; HEADER_LEN]) {
        let (head, masked) = header.split_at_mut(4);
        let mut input = [0; 32];
        input[..16].copy_from_slice(tag);
        input[16..].copy_from_slice(masked);
        let mark = blake3::keyed_hash(&self.mark, &input);
        head.iter_mut().zip(mark.as_bytes()).for_each(|(byte, mark)| *byte ^= mark);
    }

    fn cover(&self, salt: &[u8; SALT_LEN], packet: &mut [u8]) {
        let mut stream = [0; HELLO_MAX];
        let n = packet.len().min(HELLO_MAX);
        blake3::Hasher::new_keyed(&self.cover).update(salt).finalize_xof().fill(&mut stream[..n]);
        for (byte, mask) in packet.iter_mut().zip(&stream) {
            *byte ^= mask;
        }
    }
}

impl std::fmt::Debug for Veil {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { mask: _, mark: _, cover: _, on } = self;
        f.debug_struct("Veil").field("on", on).finish_non_exhaustive()
    }
}

/// Whether bytes begin like a handshake packet in direction `from`: params, a known type, its signature length.
fn is_handshake_head(from: Params, start: &[u8; 64]) -> bool {
    let signature: u8 = match start[1] {
        kind::HELLO if from == Params::TO_PEER => 16,
        kind::RETRY if from == Params::FROM_PEER => 16,
        kind::HELLO_ACK | kind::RESET if from == Params::FROM_PEER => 0,
        _ => return false,
    };
    start[0] == from.direction() && start[2..4] == [0, signature]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_head_comes_back_with_and_without_the_veil() {
        for on in [true, false] {
            let veil = Veil::new(PeerId([1; 32]), on);
            let mut header = [7; HEADER_LEN];
            header[..4].copy_from_slice(&[Params::TO_PEER.direction(), kind::SEALED, 0, 16]);
            let mut datagram = vec![0; SEALED_OVERHEAD + 5];
            veil.write_sealed_head(&[9; 16], &header, &mut datagram);
            match veil.unveil(Params::TO_PEER, &mut datagram) {
                Ok(Unveiled::Sealed { tag, header: back, ciphertext }) => {
                    assert_eq!((tag, back, ciphertext.len()), ([9; 16], header, 5));
                }
                _ => panic!("not recognised"),
            }
            assert!(matches!(veil.unveil(Params::FROM_PEER, &mut datagram), Err(Drop::Unrecognised)));
        }
    }

    #[test]
    fn a_handshake_packet_comes_back_and_looks_different_under_another_salt() {
        let veil = Veil::new(PeerId([1; 32]), true);
        let mut packet = vec![Params::TO_PEER.direction(), kind::HELLO, 0, 16];
        packet.resize(200, 0x55);
        let (mut a, mut b) = (vec![], vec![]);
        veil.write_handshake(&packet, [1; 8], &mut a);
        veil.write_handshake(&packet, [2; 8], &mut b);
        assert_ne!(a[8..40], b[8..40]);
        assert!(matches!(veil.unveil(Params::TO_PEER, &mut a), Ok(Unveiled::Handshake(back)) if *back == *packet));
        let other = Veil::new(PeerId([2; 32]), true);
        assert!(matches!(other.unveil(Params::TO_PEER, &mut b), Err(Drop::Unrecognised)));
    }
}
