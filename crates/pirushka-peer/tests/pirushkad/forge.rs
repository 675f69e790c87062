//! What somebody can make who holds the address and nothing else: veil and MAC1, written once more from `spec/link.md`.

use chacha20::ChaCha20;
use chacha20::cipher::{KeyIvInit as _, StreamCipher as _};
use pirushka_wire::handshake::Hello;
use pirushka_wire::root::kind;
use pirushka_wire::{Params, PeerId, Root, SessionId, Signature};

/// Root up to a tag's end, and where the tag stands.
const TAG: std::ops::Range<usize> = 4..20;

pub(crate) struct Forger {
    peer_id: PeerId,
}

impl Forger {
    pub(crate) fn of(peer_id: PeerId) -> Self {
        Self { peer_id }
    }

    /// A handshake packet under the veil; `salt` makes each look different.
    pub(crate) fn veiled(&self, packet: &[u8], salt: u64) -> Vec<u8> {
        let salt = salt.to_be_bytes();
        let mut stream = vec![0; packet.len()];
        let mut xof = blake3::Hasher::new_keyed(&self.key("pirushka 2026 veil handshake"));
        xof.update(&salt).finalize_xof().fill(&mut stream);
        let covered = packet.iter().zip(&stream).map(|(byte, mask)| byte ^ mask);
        salt.iter().copied().chain(covered).collect()
    }

    /// A bare handshake packet, from a datagram.
    pub(crate) fn unveiled(&self, datagram: &[u8]) -> Vec<u8> {
        let (salt, packet) = datagram.split_first_chunk().expect("a salt");
        self.veiled(packet, u64::from_be_bytes(*salt)).split_off(8)
    }

    /// A HELLO of `length` bytes with a MAC1 that holds.
    pub(crate) fn hello(&self, hello: &Hello<'_>, length: usize, salt: u64) -> Vec<u8> {
        let mut payload = vec![];
        hello.encode(&mut payload);
        let mut packet = vec![];
        let signature = Signature::Tag(&[0; 16]);
        Root { params: Params::TO_PEER, kind: kind::HELLO, signature, timestamp: 0, payload: &payload }
            .encode(&mut packet);
        packet.resize(length, 0x5a);
        self.veiled(&self.with_mac(packet), salt)
    }

    /// The same packet with a MAC1 that holds.
    pub(crate) fn with_mac(&self, mut packet: Vec<u8>) -> Vec<u8> {
        packet[TAG].fill(0);
        let mac = blake3::keyed_hash(&self.key("pirushka 2026 handshake mac"), &packet);
        packet[TAG].copy_from_slice(&mac.as_bytes()[..16]);
        packet
    }

    /// A packet that says it is sealed for this session; whoever has the session's key sees that it is not.
    pub(crate) fn sealed(&self, from: Params, number: u64, receiver: SessionId, size: usize) -> Vec<u8> {
        let mut datagram: Vec<u8> = (0..size).map(|i| (i as u64 * 31).wrapping_add(number) as u8).collect();
        datagram[16..20].copy_from_slice(&[from.direction(), kind::SEALED, 0, 16]);
        datagram[20..28].copy_from_slice(&number.to_be_bytes());
        datagram[28..36].copy_from_slice(&receiver.0);
        self.mask(&mut datagram);
        self.mark(&mut datagram);
        datagram
    }

    /// Which session a recorded packet is sealed for, if it is sealed at all.
    pub(crate) fn receiver(&self, recorded: &[u8]) -> Option<SessionId> {
        let mut datagram = recorded.get(..36)?.to_vec();
        self.mark(&mut datagram);
        self.mask(&mut datagram);
        (datagram[17..20] == [kind::SEALED, 0, 16]).then(|| SessionId(datagram[28..36].try_into().unwrap()))
    }

    fn mask(&self, datagram: &mut [u8]) {
        let (tag, rest) = datagram.split_at_mut(16);
        let nonce: [u8; 12] = tag[..12].try_into().unwrap();
        ChaCha20::new(&self.key("pirushka 2026 veil sealed").into(), &nonce.into()).apply_keystream(&mut rest[4..20]);
    }

    fn mark(&self, datagram: &mut [u8]) {
        let covered = [&datagram[..16], &datagram[20..36]].concat();
        let mark = blake3::keyed_hash(&self.key("pirushka 2026 veil mark"), &covered);
        datagram[16..20].iter_mut().zip(mark.as_bytes()).for_each(|(byte, mark)| *byte ^= mark);
    }

    fn key(&self, of: &str) -> [u8; 32] {
        blake3::derive_key(of, &self.peer_id.0)
    }
}
