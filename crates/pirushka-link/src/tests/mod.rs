//! A client and a peer, one virtual clock, one lossy link; and the attacks of `spec/threats.md` that belong to the link.

mod congestion;
mod exchange;
mod memory;
mod storm;
mod t02_stolen_key;
mod t03_wrong_peer;
mod t04_off_path;
mod t05_replays;
mod t06_bit_flips;
mod t09_resourced;
mod t10_amplification;
mod t11_spoofed_hellos;
mod t12_cookies;
mod t13_reset_loops;
mod t39_uniform_bytes;
mod t40_silence;

use std::collections::BTreeMap;
use std::net::SocketAddr;

use pirushka_wire::time::{MS, SECOND};
use pirushka_wire::{
    DeliveryId, Frame, Frames, Incarnation, InstanceId, InviteSecret, Now, ObjectId, PeerId, QueueId, RequestId,
    WorkNonce,
};
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};

use crate::{
    ClientLink, ClientLinkConfig, ClientLinkEvent, Drop, PeerKey, PeerLink, PeerLinkConfig, PeerLinkEvent, Received,
    SessionHandle,
};

pub(crate) const PEER: &str = "203.0.113.1:7117";
pub(crate) const HOME: &str = "192.0.2.10:40000";
pub(crate) const AWAY: &str = "198.51.100.20:50000";
pub(crate) const MALLORY: &str = "198.18.0.66:6666";

pub(crate) fn at(address: &str) -> SocketAddr {
    address.parse().unwrap()
}

/// A datagram on its way, or one that has been seen.
#[derive(Debug, Clone)]
pub(crate) struct Datagram {
    pub(crate) from: SocketAddr,
    pub(crate) to: SocketAddr,
    pub(crate) bytes: Vec<u8>,
}

/// The two machines and the link between them.
pub(crate) struct Pair {
    pub(crate) now: Now,
    pub(crate) client: ClientLink,
    pub(crate) peer: PeerLink,
    /// Where the client's socket seems to be.
    pub(crate) client_addr: SocketAddr,
    pub(crate) latency_us: u64,
    /// Of a thousand datagrams so many are lost.
    pub(crate) loss_permille: u32,
    /// Everything sent, whether it arrived or not.
    pub(crate) seen: Vec<Datagram>,
    pub(crate) events: Vec<ClientLinkEvent>,
    pub(crate) peer_events: Vec<PeerLinkEvent>,
    pub(crate) session: Option<SessionHandle>,
    pub(crate) drops: Vec<Drop>,
    /// Sent to an address where neither of the two is.
    pub(crate) elsewhere: Vec<Datagram>,
    later: BTreeMap<(u64, u32), SessionHandle>,
    wire: BTreeMap<(u64, u64), Datagram>,
    sequence: u64,
    rng: ChaCha20Rng,
}

pub(crate) fn key() -> PeerKey {
    PeerKey::generate([7; 32])
}

impl Pair {
    pub(crate) fn new() -> Self {
        Self::with(ClientLinkConfig::default(), PeerLinkConfig::default())
    }

    pub(crate) fn with(client: ClientLinkConfig, peer: PeerLinkConfig) -> Self {
        Self::with_peer_id(client, peer, key().peer_id())
    }

    pub(crate) fn with_peer_id(client: ClientLinkConfig, peer: PeerLinkConfig, peer_id: PeerId) -> Self {
        let now = Now { mono_us: 1_000 * SECOND, wall_ms: 1_800_000_000_000 };
        let peer = PeerLinkConfig { filter_bits: 16, ..peer };
        Self {
            now,
            client: ClientLink::new(client, peer_id, [1; 32]),
            peer: PeerLink::new(peer, key(), [2; 32], now),
            client_addr: at(HOME),
            latency_us: 20 * MS,
            loss_permille: 0,
            seen: vec![],
            events: vec![],
            peer_events: vec![],
            session: None,
            drops: vec![],
            elsewhere: vec![],
            later: BTreeMap::new(),
            wire: BTreeMap::new(),
            sequence: 0,
            rng: ChaCha20Rng::from_seed([3; 32]),
        }
    }

    /// Connected, nothing under way.
    pub(crate) fn established() -> Self {
        let mut pair = Self::new();
        pair.connect();
        pair
    }

    pub(crate) fn connect(&mut self) {
        self.client.connect(self.now, at(PEER));
        self.run(SECOND);
        assert!(self.client.is_established(), "drops: {:?}", self.drops);
    }

    pub(crate) fn session(&self) -> SessionHandle {
        self.session.expect("a sealed packet has arrived")
    }

    /// Lets both live for so long.
    pub(crate) fn run(&mut self, us: u64) {
        let end = self.now.mono_us + us;
        loop {
            self.flush();
            let wire = self.wire.first_key_value().map(|(&(at, _), _)| at);
            let later = self.later.first_key_value().map(|(&(at, _), _)| at);
            let next = [wire, later, self.client.poll_timeout(), self.peer.poll_timeout()].into_iter().flatten().min();
            match next.filter(|&next| next <= end) {
                None => break,
                Some(next) => self.advance_to(next.max(self.now.mono_us + 1)),
            }
        }
        self.advance_to(end);
        self.flush();
    }

    fn advance_to(&mut self, us: u64) {
        self.now.wall_ms += us / MS - self.now.mono_us / MS;
        self.now.mono_us = us;
        self.client.handle_timeout(self.now);
        self.peer.handle_timeout(self.now);
        while let Some((&(at, id), &session)) = self.later.first_key_value().filter(|((at, _), _)| *at <= us) {
            self.later.remove(&(at, id));
            self.peer.send_ok(session, RequestId(id));
        }
        while self.wire.first_key_value().is_some_and(|((at, _), _)| *at <= us) {
            let (_, datagram) = self.wire.pop_first().unwrap();
            self.deliver(datagram);
        }
    }

    /// Hands a datagram to whoever is at its address.
    pub(crate) fn deliver(&mut self, mut datagram: Datagram) {
        if datagram.to == at(PEER) {
            self.deliver_to_peer(datagram.from, &mut datagram.bytes);
        } else if datagram.to == self.client_addr {
            if let Err(drop) = self.client.handle_datagram(self.now, datagram.from, &mut datagram.bytes) {
                self.drops.push(drop);
            }
        } else {
            self.elsewhere.push(datagram);
        }
    }

    /// As from `from`, now.
    pub(crate) fn inject_to_peer(&mut self, from: &str, bytes: &[u8]) {
        self.deliver_to_peer(at(from), &mut bytes.to_vec());
    }

    fn deliver_to_peer(&mut self, from: SocketAddr, bytes: &mut [u8]) {
        match self.peer.handle_datagram(self.now, from, bytes) {
            Ok(Received::Handled) => {}
            Ok(Received::Frames { session, plaintext }) => {
                self.session = Some(session);
                let plaintext = plaintext.to_vec();
                for frame in Frames::new(&plaintext).flatten() {
                    self.serve(session, &frame);
                }
            }
            Err(drop) => self.drops.push(drop),
        }
    }

    /// A peer's owner in miniature.
    fn serve(&mut self, session: SessionHandle, frame: &Frame<'_>) {
        match *frame {
            Frame::Register { request, .. } => {
                self.peer.set_registered(session, true);
                self.peer.send(session, &Frame::Mailbox { request, incarnation: Incarnation([8; 8]) });
                self.peer.send_ok(session, request);
            }
            Frame::Poll { request } => {
                let boot = self.peer.boot();
                self.peer.send(session, &Frame::Status { request, boot, messages: 0, bytes: 0, oldest_s: 0 });
            }
            Frame::Lookup { request, .. } => {
                let object = ObjectId(request.0);
                self.peer.send(session, &Frame::Body { request, object, offset: 0, total: 900, part: &[1; 900] });
            }
            Frame::PathResponse { data } => self.peer.path_response(self.now, session, data),
            Frame::Close => self.peer.close(session),
            Frame::Later { request, delay_s } => {
                self.later.insert((self.now.after_us(u64::from(delay_s) * SECOND), request.0), session);
            }
            _ => {
                if let Some(request) = frame.request() {
                    self.peer.send_ok(session, request);
                }
            }
        }
    }

    /// Puts on the wire what both want to send.
    pub(crate) fn flush(&mut self) {
        let mut out = vec![];
        while let Some(to) = self.client.poll_transmit(self.now, &mut out) {
            self.put(Datagram { from: self.client_addr, to, bytes: out.clone() });
        }
        while let Some(transmit) = self.peer.poll_transmit(self.now, &mut out) {
            let segment = transmit.segment.unwrap_or(out.len());
            for bytes in out.chunks(segment) {
                self.put(Datagram { from: at(PEER), to: transmit.to, bytes: bytes.to_vec() });
            }
        }
        self.events.extend(std::iter::from_fn(|| self.client.poll_event()));
        self.peer_events.extend(std::iter::from_fn(|| self.peer.poll_event()));
    }

    fn put(&mut self, datagram: Datagram) {
        assert!(datagram.bytes.len() <= 1200);
        self.seen.push(datagram.clone());
        if self.rng.next_u32() % 1000 >= self.loss_permille {
            self.sequence += 1;
            self.wire.insert((self.now.after_us(self.latency_us), self.sequence), datagram);
        }
    }

    /// What the peer has sent since the last call, drained from the machine rather than put on the wire.
    pub(crate) fn take_peer_output(&mut self) -> Vec<Datagram> {
        let (mut out, mut all) = (vec![], vec![]);
        while let Some(transmit) = self.peer.poll_transmit(self.now, &mut out) {
            all.push(Datagram { from: at(PEER), to: transmit.to, bytes: out.clone() });
        }
        all
    }

    /// The same for the client.
    pub(crate) fn take_client_output(&mut self) -> Vec<Datagram> {
        let (mut out, mut all) = (vec![], vec![]);
        while let Some(to) = self.client.poll_transmit(self.now, &mut out) {
            all.push(Datagram { from: self.client_addr, to, bytes: out.clone() });
        }
        all
    }

    /// The client's own name for its session, which an attacker off the path cannot know.
    pub(crate) fn client_session_id(&self) -> pirushka_wire::SessionId {
        self.client.session_id().unwrap()
    }

    pub(crate) fn answers(&self) -> usize {
        self.events.iter().filter(|e| matches!(e, ClientLinkEvent::Answered { .. })).count()
    }

    pub(crate) fn pushes(&self) -> usize {
        self.events.iter().filter(|e| matches!(e, ClientLinkEvent::Pushed { .. })).count()
    }

    pub(crate) fn push(&mut self, delivery: u64) {
        let session = self.session();
        self.peer.send(session, &push(delivery));
    }
}

pub(crate) fn register() -> Frame<'static> {
    registration(&[5; 300])
}

pub(crate) fn registration(root: &[u8]) -> Frame<'_> {
    let (instance, invite, work) = (InstanceId([9; 16]), InviteSecret::NONE, WorkNonce(0));
    Frame::Register { request: RequestId(0), instance, invite, work, root }
}

pub(crate) fn poll() -> Frame<'static> {
    Frame::Poll { request: RequestId(0) }
}

pub(crate) fn push(delivery: u64) -> Frame<'static> {
    Frame::Push { delivery: DeliveryId(delivery), class: 0, queue: QueueId([1; 16]), body: &[2; 320] }
}

/// Something that is answered with OK and is large.
pub(crate) fn put(size: usize) -> Frame<'static> {
    static BYTES: [u8; 1024] = [3; 1024];
    Frame::Put { request: RequestId(0), object: ObjectId(1), offset: 0, total: 1, kind: 1, part: &BYTES[..size] }
}
