//! Hostile datagrams: every kind that somebody may send who is not one of the people.

use pirushka_link::{ClientLink, ClientLinkConfig};
use pirushka_wire::frame::kind as frame;
use pirushka_wire::limits::{DATAGRAM_MAX, HELLO_MAX};
use pirushka_wire::root::kind;
use pirushka_wire::{Frame, Now, Params, PeerId, RequestId, Root, Signature};
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};

use super::recording::Recording;

/// What a datagram pretends to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Random bytes, 1 to 1500 of them.
    Random,
    /// No bytes at all.
    Empty,
    /// More than any packet has, to the most that UDP carries.
    Largest,
    /// The beginning of a packet of somebody else.
    Truncated,
    /// A packet of somebody else with one to three bits the other way.
    Flipped,
    /// A packet of somebody else as it was.
    Replayed,
    /// A good HELLO for another PeerId.
    WrongKey,
    /// A bare packet whose shifts lead out of it, or fill it.
    Shifts,
    /// A bare packet of any type, signature and payload.
    Roots,
    /// A bare packet that carries frames as if they were sealed.
    Frames,
    /// A good HELLO that nothing follows. Only this one may be answered.
    HalfHandshake,
}

impl Kind {
    pub(crate) const ALL: [Self; 11] = [
        Self::Random,
        Self::Empty,
        Self::Largest,
        Self::Truncated,
        Self::Flipped,
        Self::Replayed,
        Self::WrongKey,
        Self::Shifts,
        Self::Roots,
        Self::Frames,
        Self::HalfHandshake,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Random => "random bytes",
            Self::Empty => "empty",
            Self::Largest => "too large",
            Self::Truncated => "truncated",
            Self::Flipped => "bits flipped",
            Self::Replayed => "replayed from elsewhere",
            Self::WrongKey => "HELLO for another key",
            Self::Shifts => "oversized shifts",
            Self::Roots => "bare Roots",
            Self::Frames => "bare frames",
            Self::HalfHandshake => "half handshakes",
        }
    }

    /// Whether its sender holds the address, and has said so with a MAC1 that holds.
    pub(crate) fn may_be_answered(self) -> bool {
        self == Self::HalfHandshake
    }

    /// How many of a thousand datagrams are of this kind.
    pub(crate) fn share_permille(self) -> u32 {
        match self {
            Self::Random => 200,
            Self::Empty => 20,
            Self::Largest => 20,
            Self::Truncated => 120,
            Self::Flipped => 160,
            Self::Replayed => 160,
            Self::WrongKey => 60,
            Self::Shifts => 60,
            Self::Roots => 60,
            Self::Frames => 60,
            Self::HalfHandshake => 80,
        }
    }
}

/// Every type byte that means something bare.
const TYPES: [u8; 10] = [
    kind::KEEPALIVE,
    kind::OK,
    kind::REGISTER,
    kind::CHALLENGE,
    kind::RESPONSE,
    kind::HELLO,
    kind::RETRY,
    kind::HELLO_ACK,
    kind::SEALED,
    kind::RESET,
];
/// The most that UDP over IPv4 carries.
const UDP_MAX: usize = 65_507;
/// HELLOs are made once and sent again and again, as a flooder does: each costs a key exchange to make.
const HALF_HANDSHAKES: usize = 2_048;
const WRONG_KEYS: usize = 512;

/// Makes them, all from one seed but for what was recorded.
pub(crate) struct Arsenal {
    rng: ChaCha20Rng,
    half_handshakes: Vec<Vec<u8>>,
    wrong_keys: Vec<Vec<u8>>,
}

impl Arsenal {
    pub(crate) fn new(seed: u64, peer_id: PeerId) -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let half_handshakes = (0..HALF_HANDSHAKES).map(|_| hello(&mut rng, peer_id)).collect();
        let wrong_keys = (0..WRONG_KEYS).map(|_| hello_for_somebody_else(&mut rng)).collect();
        Self { rng, half_handshakes, wrong_keys }
    }

    pub(crate) fn draw(&mut self) -> u32 {
        self.rng.next_u32()
    }

    /// What kind the next datagram is.
    pub(crate) fn kind(&mut self) -> Kind {
        let mut at = self.rng.next_u32() % 1000;
        for kind in Kind::ALL {
            match at.checked_sub(kind.share_permille()) {
                None => return kind,
                Some(rest) => at = rest,
            }
        }
        Kind::Random
    }

    /// Writes a datagram of this kind, to be sent by the socket of this number. `false`: nothing is recorded yet.
    pub(crate) fn make(&mut self, kind: Kind, socket: usize, recording: &Recording, out: &mut Vec<u8>) -> bool {
        out.clear();
        match kind {
            Kind::Random => self.random(1500, out),
            Kind::Empty => {}
            Kind::Largest => self.largest(out),
            Kind::Truncated => return recording.draw(self.rng.next_u32(), out) && self.truncate(out),
            Kind::Flipped => return recording.draw(self.rng.next_u32(), out) && self.flip(out),
            Kind::Replayed => return recording.draw(self.rng.next_u32(), out),
            Kind::WrongKey => out.extend(&self.wrong_keys[self.rng.next_u32() as usize % WRONG_KEYS]),
            Kind::Shifts => self.shifts(out),
            Kind::Roots => self.root(out),
            Kind::Frames => self.frames(out),
            Kind::HalfHandshake => {
                // Each of them always from the same source: elsewhere it would be a replay.
                let turn = self.rng.next_u32() as usize % (HALF_HANDSHAKES / super::attacker::SOCKETS);
                out.extend(&self.half_handshakes[turn * super::attacker::SOCKETS + socket]);
            }
        }
        true
    }

    fn random(&mut self, most: usize, out: &mut Vec<u8>) {
        out.resize(1 + self.rng.next_u32() as usize % most, 0);
        self.rng.fill_bytes(out);
    }

    fn largest(&mut self, out: &mut Vec<u8>) {
        let size = match self.rng.next_u32() % 16 {
            0 => UDP_MAX,
            1 => DATAGRAM_MAX + 1 + self.rng.next_u32() as usize % (UDP_MAX - DATAGRAM_MAX),
            _ => DATAGRAM_MAX + 1 + self.rng.next_u32() as usize % 272,
        };
        out.resize(size, 0);
        self.rng.fill_bytes(&mut out[..DATAGRAM_MAX]);
    }

    fn truncate(&mut self, out: &mut Vec<u8>) -> bool {
        out.truncate(1 + self.rng.next_u32() as usize % (out.len() - 1));
        true
    }

    fn flip(&mut self, out: &mut [u8]) -> bool {
        for _ in 0..=self.rng.next_u32() % 3 {
            let bit = self.rng.next_u32() as usize % (out.len() * 8);
            out[bit / 8] ^= 1 << (bit % 8);
        }
        true
    }

    fn shifts(&mut self, out: &mut Vec<u8>) {
        let shift = 64 + (self.rng.next_u32() % 192) as u8;
        let fits = self.rng.next_u32().is_multiple_of(2);
        self.random(if fits { DATAGRAM_MAX } else { 4 * usize::from(shift) }, out);
        let head = [Params::TO_PEER.direction() | 0x04, shift, self.any_type()];
        let length = out.len().min(head.len());
        out[..length].copy_from_slice(&head[..length]);
    }

    fn root(&mut self, out: &mut Vec<u8>) {
        let (mut tag, mut signed, mut payload) = ([0; 16], [0; 64], vec![]);
        self.rng.fill_bytes(&mut tag);
        self.rng.fill_bytes(&mut signed);
        self.random(1000, &mut payload);
        let signature = match self.rng.next_u32() % 3 {
            0 => Signature::Absent,
            1 => Signature::Tag(&tag),
            _ => Signature::Ed25519(&signed),
        };
        let params = if self.rng.next_u32().is_multiple_of(4) { Params::FROM_PEER } else { Params::TO_PEER };
        Root { params, kind: self.any_type(), signature, timestamp: self.rng.next_u64(), payload: &payload }
            .encode(out);
    }

    fn frames(&mut self, out: &mut Vec<u8>) {
        let (mut frames, mut tag) = (vec![], [0; 16]);
        self.rng.fill_bytes(&mut tag);
        for _ in 0..=self.rng.next_u32() % 8 {
            match self.rng.next_u32() % 3 {
                0 => Frame::Poll { request: RequestId(self.rng.next_u32()) }.encode(&mut frames),
                1 => Frame::Close.encode(&mut frames),
                _ => {
                    // A length that is believed would lead far out of the packet.
                    frames.push((self.rng.next_u32() % u32::from(frame::INTRO_POLICY + 3)) as u8);
                    frames.extend((self.rng.next_u32() as u16).to_be_bytes());
                    frames.extend(self.rng.next_u64().to_be_bytes());
                }
            }
        }
        let signature = Signature::Tag(&tag);
        Root { params: Params::TO_PEER, kind: kind::SEALED, signature, timestamp: 1, payload: &frames }.encode(out);
    }

    fn any_type(&mut self) -> u8 {
        let draw = self.rng.next_u32();
        if draw.is_multiple_of(8) { (draw >> 8) as u8 } else { TYPES[(draw >> 8) as usize % TYPES.len()] }
    }
}

fn hello_for_somebody_else(rng: &mut ChaCha20Rng) -> Vec<u8> {
    let mut name = [0; 32];
    rng.fill_bytes(&mut name);
    hello(rng, PeerId(name))
}

/// The first HELLO of a client that never goes on.
fn hello(rng: &mut ChaCha20Rng, peer_id: PeerId) -> Vec<u8> {
    let (mut seed, mut out) = ([0; 32], Vec::with_capacity(HELLO_MAX));
    rng.fill_bytes(&mut seed);
    let mut link = ClientLink::new(ClientLinkConfig { junk: 0, ..Default::default() }, peer_id, seed);
    let now = Now { mono_us: 0, wall_ms: 0 };
    link.connect(now, std::net::SocketAddr::from(([127, 0, 0, 1], 7117)));
    link.poll_transmit(now, &mut out);
    out
}
