//! The link: forged handshake packets by somebody who holds the address, and two machines in any weather.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;

use pirushka_link::{
    Answer, Class, ClientLink, ClientLinkConfig, ClientLinkEvent, Keepalive, PeerKey, PeerLink, PeerLinkConfig,
    Received, SessionHandle,
};
use pirushka_wire::handshake::{COOKIE_LEN, Hello, NOISE_1_LEN, Retry};
use pirushka_wire::root::kind;
use pirushka_wire::time::{MS, SECOND};
use pirushka_wire::{
    DeliveryId, Frame, Frames, Incarnation, Now, ObjectId, Params, QueueId, RequestId, Root, SessionId, Signature,
};

use crate::script::Script;

pub(crate) const START: Now = Now { mono_us: 1_000 * SECOND, wall_ms: 1_800_000_000_000 };

/// Where the machines are, and where a stranger is.
pub(crate) fn place(n: u8) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, n], 7117))
}

const PEER: u8 = 1;
const HOME: u8 = 2;
const AWAY: u8 = 3;
const MALLORY: u8 = 66;

fn key() -> PeerKey {
    PeerKey::generate([7; 32])
}

fn peer_link(seed: u8, now: Now) -> PeerLink {
    PeerLink::new(PeerLinkConfig { filter_bits: 12, ..PeerLinkConfig::default() }, key(), [seed; 32], now)
}

/// Whoever holds the address writes handshake packets as `spec/packets.md` says. Without a Noise key there is never a
/// session, and nobody gets more bytes than it sent.
pub(crate) fn handshake(input: &[u8]) {
    let mut script = Script::new(input);
    let (mut now, mut peer) = (START, peer_link(2, START));
    let mut client = ClientLink::new(ClientLinkConfig::default(), key().peer_id(), [1; 32]);
    client.connect(now, place(PEER));
    let (mut received, mut sent) = (BTreeMap::<SocketAddr, usize>::new(), BTreeMap::<SocketAddr, usize>::new());
    let (mut out, mut cookie, mut hello_mac) = (vec![], [0; COOKIE_LEN], [0; 16]);
    for _ in 0..32 {
        if script.is_over() {
            break;
        }
        let act = script.u8();
        if act & 3 == 3 {
            now = later(now, u64::from(script.u16()) * MS);
            peer.handle_timeout(now);
            client.handle_timeout(now);
        } else if act & 1 == 0 {
            let from = place(MALLORY + (act >> 7));
            let mut datagram = forged(&mut script, Params::TO_PEER, &cookie, &[]);
            *received.entry(from).or_default() += datagram.len();
            let is_refused = peer.handle_datagram(now, from, &mut datagram).is_err();
            let before = sent.values().sum::<usize>();
            while let Some(transmit) = peer.poll_transmit(now, &mut out) {
                *sent.entry(transmit.to).or_default() += out.len();
                cookie = cookie_of(&out).unwrap_or(cookie);
            }
            assert!(!is_refused || sent.values().sum::<usize>() == before, "what is refused is refused in silence");
        } else {
            let mut datagram = forged(&mut script, Params::FROM_PEER, &cookie, &hello_mac);
            let _ = client.handle_datagram(now, place(PEER), &mut datagram);
        }
        while client.poll_transmit(now, &mut out).is_some() {
            if let Some(packet) = uncovered(&out).filter(|packet| packet[1] == kind::HELLO) {
                hello_mac.copy_from_slice(&packet[4..20]);
            }
        }
        assert!(!client.is_established() && peer.session_count() == 0, "a session without its key");
        for (to, bytes) in &sent {
            assert!(bytes <= received.get(to).unwrap_or(&0), "{bytes} bytes for less, to {to}");
        }
    }
}

/// A packet with a good MAC under a good veil, or nearly; or any bytes.
fn forged(script: &mut Script<'_>, direction: Params, cookie: &[u8; COOKIE_LEN], context: &[u8]) -> Vec<u8> {
    let how = script.u8();
    if how & 7 == 0 {
        let length = script.below(1300);
        return script.bytes(length).to_vec();
    }
    let to_peer = direction == Params::TO_PEER;
    let kind = if to_peer { kind::HELLO } else { script.pick(&[kind::RETRY, kind::HELLO_ACK, kind::RESET]) };
    let client_session = SessionId(script.array());
    let mut payload = vec![];
    match kind {
        kind::HELLO => {
            let cookie = (how & 8 != 0).then_some(cookie);
            let noise: [u8; NOISE_1_LEN] = [script.u8(); NOISE_1_LEN];
            Hello { version: 1 + how / 192, flags: script.u8(), client_session, cookie, noise: &noise }
                .encode(&mut payload);
        }
        kind::RETRY => Retry { client_session, cookie }.encode(&mut payload),
        _ => payload.extend(client_session.0),
    }
    let length = script.below(600);
    payload.extend(script.bytes(length));
    if how & 16 != 0 {
        payload.resize(payload.len().max(script.below(600)), 0);
    }
    let tag = [0; 16];
    let signature = if matches!(kind, kind::HELLO | kind::RETRY) { Signature::Tag(&tag) } else { Signature::Absent };
    let mut packet = vec![];
    Root { params: direction, kind, signature, timestamp: script.u64(), payload: &payload }.encode(&mut packet);
    if how & 32 != 0 {
        script.damage(&mut packet);
    }
    if packet.len() >= 20 && signature != Signature::Absent {
        packet[4..20].fill(0);
        let mac_key = blake3::derive_key("pirushka 2026 handshake mac", &key().peer_id().0);
        let mac = blake3::Hasher::new_keyed(&mac_key).update(&packet).update(context).finalize();
        packet[4..20].copy_from_slice(&mac.as_bytes()[..16]);
    }
    covered(script.array(), &packet)
}

fn covered(salt: [u8; 8], packet: &[u8]) -> Vec<u8> {
    let cover = blake3::derive_key("pirushka 2026 veil handshake", &key().peer_id().0);
    let mut stream = vec![0; packet.len()];
    blake3::Hasher::new_keyed(&cover).update(&salt).finalize_xof().fill(&mut stream);
    let hidden = packet.iter().zip(stream).map(|(byte, mask)| byte ^ mask);
    salt.into_iter().chain(hidden).collect()
}

fn uncovered(datagram: &[u8]) -> Option<Vec<u8>> {
    let (salt, packet) = datagram.split_first_chunk()?;
    Some(covered(*salt, packet)[8..].to_vec()).filter(|packet| packet.len() >= 20)
}

fn cookie_of(datagram: &[u8]) -> Option<[u8; COOKIE_LEN]> {
    let packet = uncovered(datagram)?;
    let root = Root::decode(&packet).ok().filter(|root| root.kind == kind::RETRY)?;
    Retry::decode(root.payload).ok().map(|retry| *retry.cookie)
}

pub(crate) fn later(now: Now, us: u64) -> Now {
    Now { mono_us: now.mono_us + us, wall_ms: now.wall_ms + us / 1000 }
}

#[derive(Clone)]
struct Datagram {
    from: SocketAddr,
    to: SocketAddr,
    bytes: Vec<u8>,
}

/// The two machines, the wire between them, and what was asked: whether it is answered.
struct Storm {
    now: Now,
    client: ClientLink,
    client_at: SocketAddr,
    peer: PeerLink,
    session: Option<SessionHandle>,
    wire: VecDeque<(u64, Datagram)>,
    seen: Vec<Datagram>,
    /// Which of the next datagrams are lost, bit by bit.
    losses: u64,
    asked: BTreeMap<RequestId, bool>,
    to_mallory: usize,
    from_mallory: usize,
}

/// Loss, roaming, replays, damage, restarts and questions: each question is answered at most once, all of them once the
/// weather has cleared, and no stranger ever gets more than it sent.
pub(crate) fn storm(input: &[u8]) {
    let mut script = Script::new(input);
    let mut storm = Storm::new(script.flag());
    storm.run(SECOND);
    for n in 0..100 {
        if script.is_over() {
            break;
        }
        storm.act(&mut script, n);
        storm.read_events();
    }
    storm.losses = 0;
    for _ in 0..12 {
        storm.run(10 * SECOND);
        storm.read_events();
    }
    assert!(storm.client.is_established());
    assert!(storm.asked.values().all(|answered| *answered), "a question without an answer");
    let session = storm.session.expect("something was asked");
    assert_eq!(storm.peer.remote(session), Some(storm.client_at));
}

impl Storm {
    fn new(keeps_alive_by_polls: bool) -> Self {
        let mut client = ClientLink::new(ClientLinkConfig::default(), key().peer_id(), [1; 32]);
        client.connect(START, place(PEER));
        let poll_every = if keeps_alive_by_polls { 1 } else { 2 };
        client.set_keepalive(START, Some(Keepalive { interval_us: 25 * SECOND, poll_every }));
        Self {
            now: START,
            client,
            client_at: place(HOME),
            peer: peer_link(2, START),
            session: None,
            wire: VecDeque::new(),
            seen: vec![],
            losses: 0,
            asked: BTreeMap::new(),
            to_mallory: 0,
            from_mallory: 0,
        }
    }

    fn act(&mut self, script: &mut Script<'_>, n: u8) {
        match script.u8() % 16 {
            0..=3 if self.client.is_established() => {
                let class = if script.flag() { Class::Bulk } else { Class::Control };
                let part = vec![1; script.below(1024) + 1];
                let put = Frame::Put {
                    request: RequestId(0),
                    object: ObjectId(1),
                    offset: 0,
                    total: 1,
                    kind: 1,
                    part: &part,
                };
                self.asked.insert(self.client.request(self.now, &put, class), false);
            }
            4 | 5 => {
                if let Some(session) = self.session.filter(|session| self.peer.can_push(self.now, *session)) {
                    let (delivery, queue) = (DeliveryId(n.into()), QueueId([1; 16]));
                    self.peer.send(session, &Frame::Push { delivery, class: 0, queue, body: &[2; 320] });
                }
            }
            6 => {
                self.client_at = place(if script.flag() { HOME } else { AWAY });
                self.client.path_changed(self.now);
            }
            7 => self.losses = script.u64(),
            8 | 9 => {
                let Some(mut datagram) = self.any_seen(script) else { return };
                if script.flag() && datagram.to == place(PEER) {
                    datagram.from = place(MALLORY);
                }
                self.deliver(datagram);
            }
            10 | 11 => {
                let Some(mut datagram) = self.any_seen(script) else { return };
                script.damage(&mut datagram.bytes);
                self.deliver(datagram);
            }
            12 => {
                self.peer = peer_link(10 + n, self.now);
                self.session = None;
            }
            _ => self.run(u64::from(script.u16() % 5000) * MS),
        }
        self.flush();
    }

    fn any_seen(&self, script: &mut Script<'_>) -> Option<Datagram> {
        let sound = self.seen.get(script.below(self.seen.len().max(1)))?;
        Some(sound.clone()).filter(|datagram| datagram.to != place(MALLORY))
    }

    fn run(&mut self, us: u64) {
        let end = self.now.mono_us + us;
        loop {
            self.flush();
            let wire = self.wire.front().map(|(at, _)| *at);
            let next = [wire, self.client.poll_timeout(), self.peer.poll_timeout()].into_iter().flatten().min();
            let Some(next) = next.filter(|next| *next <= end) else { break };
            self.now = later(self.now, next.saturating_sub(self.now.mono_us).max(1));
            self.client.handle_timeout(self.now);
            self.peer.handle_timeout(self.now);
            while self.wire.front().is_some_and(|(at, _)| *at <= self.now.mono_us) {
                let (_, datagram) = self.wire.pop_front().expect("the one just seen");
                self.deliver(datagram);
            }
        }
        self.now = later(self.now, end.saturating_sub(self.now.mono_us));
        self.flush();
    }

    fn deliver(&mut self, mut datagram: Datagram) {
        if datagram.to == place(PEER) {
            if datagram.from == place(MALLORY) {
                self.from_mallory += datagram.bytes.len();
            }
            let received = self.peer.handle_datagram(self.now, datagram.from, &mut datagram.bytes);
            let Ok(Received::Frames { session, plaintext }) = received else { return };
            self.session = Some(session);
            let plaintext = plaintext.to_vec();
            for frame in Frames::new(&plaintext).flatten() {
                self.serve(session, &frame);
            }
        } else if datagram.to == self.client_at {
            let _ = self.client.handle_datagram(self.now, datagram.from, &mut datagram.bytes);
        }
    }

    fn serve(&mut self, session: SessionHandle, frame: &Frame<'_>) {
        match *frame {
            Frame::Poll { request } => {
                let boot = self.peer.boot();
                self.peer.send(session, &Frame::Status { request, boot, messages: 0, bytes: 0, oldest_s: 0 });
            }
            Frame::PathResponse { data } => self.peer.path_response(self.now, session, data),
            _ => frame.request().into_iter().for_each(|request| self.peer.send_ok(session, request)),
        }
    }

    fn flush(&mut self) {
        let mut out = vec![];
        while let Some(to) = self.client.poll_transmit(self.now, &mut out) {
            self.put(Datagram { from: self.client_at, to, bytes: out.clone() });
        }
        while let Some(transmit) = self.peer.poll_transmit(self.now, &mut out) {
            self.put(Datagram { from: place(PEER), to: transmit.to, bytes: out.clone() });
        }
        while self.peer.poll_event().is_some() {}
    }

    fn put(&mut self, datagram: Datagram) {
        assert!(datagram.bytes.len() <= 1200);
        if datagram.to == place(MALLORY) {
            self.to_mallory += datagram.bytes.len();
            assert!(self.to_mallory <= self.from_mallory, "{} bytes for {}", self.to_mallory, self.from_mallory);
        }
        self.seen.push(datagram.clone());
        if self.losses & 1 == 0 {
            self.wire.push_back((self.now.after_us(20 * MS), datagram));
        }
        self.losses = self.losses.rotate_right(1);
    }

    fn read_events(&mut self) {
        while let Some(event) = self.client.poll_event() {
            match event {
                ClientLinkEvent::Answered { request, answer } => {
                    assert_eq!(answer, Answer::Ok);
                    assert_eq!(self.asked.insert(request, true), Some(false), "answered twice or never asked");
                }
                ClientLinkEvent::Lost { .. } => {
                    self.asked.retain(|_, answered| *answered);
                    self.client.connect(self.now, place(PEER));
                }
                ClientLinkEvent::Pushed { delivery, .. } => {
                    self.client.acknowledge(Incarnation([0; 8]), delivery);
                }
                _ => {}
            }
        }
    }
}
