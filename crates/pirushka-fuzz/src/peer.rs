//! The peer: real client links ask it anything, and what it holds is what a plain list holds.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use pirushka_identity::{Identity, proofs};
use pirushka_link::{Answer, Class, ClientLink, ClientLinkConfig, ClientLinkEvent, Keepalive};
use pirushka_peer_core::limits::MESSAGE_OVERHEAD;
use pirushka_peer_core::{Peer, PeerConfig, PeerKey, PeerLinkConfig, PlainConfig};
use pirushka_wire::plain::{Challenge, decode_challenge};
use pirushka_wire::root::kind;
use pirushka_wire::time::{DAY, MS, SECOND};
use pirushka_wire::{
    DeliveryId, Deposit, DepositId, Frame, Frames, Incarnation, InstanceId, InviteSecret, Now, QueueId, QueueSecret,
    RequestId, Root, WorkNonce,
};

use crate::identity::person;
use crate::link::{START, later, place};
use crate::script::Script;

const SECRET: QueueSecret = QueueSecret([7; 16]);
const REQUEST: RequestId = RequestId(0);
const QUEUES: u8 = 4;

/// A peer and its clients over a network without delay.
struct Town {
    now: Now,
    peer: Peer,
    config: PeerConfig,
    lines: Vec<Line>,
    restarts: u8,
}

struct Line {
    link: ClientLink,
    at: SocketAddr,
    events: Vec<ClientLinkEvent>,
}

fn key() -> PeerKey {
    PeerKey::generate([3; 32])
}

impl Town {
    fn new(config: PeerConfig) -> Self {
        let link = PeerLinkConfig { filter_bits: 12, ..config.link.clone() };
        let config = PeerConfig { link, ..config };
        let peer = Peer::new(config.clone(), key(), [4; 32], START);
        Self { now: START, peer, config, lines: vec![], restarts: 0 }
    }

    /// A further client with a session; its number.
    fn line(&mut self) -> usize {
        let n = self.lines.len();
        let mut link = ClientLink::new(ClientLinkConfig::default(), key().peer_id(), [50 + n as u8; 32]);
        link.set_keepalive(self.now, Some(Keepalive { interval_us: 25 * SECOND, poll_every: 1 }));
        link.connect(self.now, place(1));
        self.lines.push(Line { link, at: place(10 + n as u8), events: vec![] });
        self.run(SECOND);
        assert!(self.lines[n].link.is_established());
        n
    }

    fn restart(&mut self) {
        self.restarts += 1;
        self.peer = Peer::new(self.config.clone(), key(), [100 + self.restarts; 32], self.now);
    }

    fn run(&mut self, us: u64) {
        let end = self.now.mono_us + us;
        loop {
            self.exchange();
            let deadlines = self.lines.iter().filter_map(|line| line.link.poll_timeout());
            let next = deadlines.chain(self.peer.poll_timeout()).min().unwrap_or(end).max(self.now.mono_us + 1);
            if next > end {
                break;
            }
            self.now = later(self.now, next - self.now.mono_us);
            self.peer.handle_timeout(self.now);
            self.lines.iter_mut().for_each(|line| line.link.handle_timeout(self.now));
        }
        self.now = later(self.now, end - self.now.mono_us);
    }

    fn exchange(&mut self) {
        let mut out = vec![];
        let mut is_busy = true;
        while std::mem::take(&mut is_busy) {
            for line in &mut self.lines {
                while line.link.poll_transmit(self.now, &mut out).is_some() {
                    is_busy = true;
                    let _ = self.peer.handle_datagram(self.now, line.at, &mut out);
                }
            }
            while let Some(transmit) = self.peer.poll_transmit(self.now, &mut out) {
                is_busy = true;
                if let Some(line) = self.lines.iter_mut().find(|line| line.at == transmit.to) {
                    let _ = line.link.handle_datagram(self.now, place(1), &mut out);
                }
            }
            for line in &mut self.lines {
                line.events.extend(std::iter::from_fn(|| line.link.poll_event()));
            }
        }
    }

    /// Asks, and waits for the answer; other events stay.
    fn ask(&mut self, n: usize, frame: &Frame<'_>) -> Answer {
        let request = self.lines[n].link.request(self.now, frame, Class::Control);
        for _ in 0..40 {
            self.run(SECOND / 20);
            let events = &mut self.lines[n].events;
            let is_it =
                |e: &ClientLinkEvent| matches!(e, ClientLinkEvent::Answered { request: r, .. } if *r == request);
            if let Some(at) = events.iter().position(is_it)
                && let ClientLinkEvent::Answered { answer, .. } = events.remove(at)
            {
                return answer;
            }
        }
        panic!("no answer to {frame:?}");
    }

    fn register(&mut self, n: usize, who: &Identity) -> Option<Incarnation> {
        let binding = *self.lines[n].link.binding()?;
        let root = who.register_packet(key().peer_id(), &binding, self.now.wall_s());
        let (instance, invite, work) = (InstanceId([1; 16]), InviteSecret::NONE, WorkNonce(0));
        match self.ask(n, &Frame::Register { request: REQUEST, instance, invite, work, root: &root }) {
            Answer::Mailbox { incarnation } => Some(incarnation),
            Answer::Error { .. } => None,
            other => panic!("{other:?}"),
        }
    }

    fn open(&mut self, n: usize, queue: u8) {
        let (queue, secret_hash) = (QueueId([queue; 16]), proofs::queue_secret_hash(&SECRET));
        let answer = self.ask(n, &Frame::QueueSet { request: REQUEST, queue, secret_hash, quota_kib: 0 });
        assert!(matches!(answer, Answer::Ticket(_)), "{answer:?}");
    }
}

/// What should be held, as a list that is searched from end to end.
#[derive(Default)]
struct Model {
    open: BTreeSet<u8>,
    held: Vec<Held>,
    /// Acknowledged within a minute: their deposit ids are still known.
    acked: BTreeSet<(u8, u8)>,
    next: u64,
}

#[derive(Clone, Copy)]
struct Held {
    delivery: u64,
    queue: u8,
    deposit: u8,
    is_bulk: bool,
    cost: u64,
}

impl Model {
    fn sum(&self, of: impl Fn(&Held) -> bool) -> (u64, usize) {
        let held = self.held.iter().filter(|held| of(held));
        (held.clone().map(|held| held.cost).sum(), held.count())
    }

    fn is_within(&self, config: &PeerConfig) -> bool {
        let (bytes, messages) = (u64::from(config.queue_bytes), usize::from(config.queue_messages));
        let queue_is = |queue| {
            let (all, bulk) = (self.sum(|h| h.queue == queue), self.sum(|h| h.queue == queue && h.is_bulk));
            all.0 <= bytes && all.1 <= messages && bulk.0 <= bytes / 2 && bulk.1 <= messages / 2
        };
        let beyond = |q| self.sum(|h| h.queue == q && !h.is_bulk).0.saturating_sub(config.queue_reserve_bytes.into());
        let bulk = self.sum(|h| h.is_bulk).0;
        let shared = (0..QUEUES).map(beyond).sum::<u64>() + bulk;
        (0..QUEUES).all(queue_is) && shared <= config.user_bytes.into() && bulk <= u64::from(config.user_bytes) / 2
    }

    /// Whether it should be taken, or is there already.
    fn deposit(&mut self, queue: u8, deposit: u8, is_bulk: bool, len: usize, config: &PeerConfig) -> bool {
        if !self.open.contains(&queue) {
            return false;
        }
        if self.held.iter().any(|h| (h.queue, h.deposit) == (queue, deposit)) || self.acked.contains(&(queue, deposit))
        {
            return true;
        }
        self.next += 1;
        self.held.push(Held { delivery: self.next, queue, deposit, is_bulk, cost: len as u64 + MESSAGE_OVERHEAD });
        let is_within = self.is_within(config);
        if !is_within {
            self.held.pop();
            self.next -= 1;
        }
        is_within
    }

    fn acknowledge(&mut self, first: u64, last: u64) {
        let is_acked = |h: &Held| (first..=last).contains(&h.delivery);
        self.acked.extend(self.held.iter().filter(|h| is_acked(h)).map(|h| (h.queue, h.deposit)));
        self.held.retain(|h| !is_acked(h));
    }

    fn keep(&mut self, queues: &BTreeSet<u8>) {
        self.open.retain(|queue| queues.contains(queue));
        self.held.retain(|held| queues.contains(&held.queue));
    }
}

/// Deposits, acknowledgements, queues that come and go, a user who comes and goes, restarts: always exactly what the
/// list says is held, and in the end all of it is pushed.
pub(crate) fn mailbox(input: &[u8]) {
    let mut script = Script::new(input);
    let config = PeerConfig {
        queue_bytes: 9 * 1024,
        queue_messages: 12,
        queue_reserve_bytes: 2 * 1024,
        user_bytes: 12 * 1024,
        user_life_min_s: (DAY / SECOND) as u32,
        ram_bytes: 8 << 20,
        ..PeerConfig::default()
    };
    let (mut town, mut model, bob) = (Town::new(config.clone()), Model::default(), person(0));
    let (mut sender, mut home) = (town.line(), town.line());
    let mut incarnation = town.register(home, bob).expect("there is room");
    for _ in 0..60 {
        if script.is_over() {
            break;
        }
        match script.u8() % 16 {
            0..=7 => {
                let (queue, deposit, how) = (script.u8() % QUEUES, script.u8() % 60, script.u8());
                let envelope = vec![deposit; [320, 576, 1088][usize::from(how) % 3]];
                let flags = how >> 7;
                let mut id = [queue; 16];
                id[0] = deposit;
                let to = Deposit::Contact {
                    queue: QueueId([queue; 16]),
                    secret: SECRET,
                    deposit: DepositId(id),
                    flags,
                    envelope: &envelope,
                };
                let answer = town.ask(sender, &Frame::Deposit { request: REQUEST, deposit: to });
                let expected = model.deposit(queue, deposit, flags == 1, envelope.len(), &config);
                assert_eq!(answer == Answer::Ok, expected, "{answer:?}");
            }
            8 | 9 => {
                let first = u64::from(script.u8() % 80);
                let last = first + u64::from(script.u8() % 12);
                (first..=last).for_each(|id| town.lines[home].link.acknowledge(incarnation, DeliveryId(id)));
                model.acknowledge(first, last);
            }
            10 => {
                let queue = script.u8() % QUEUES;
                town.open(home, queue);
                model.open.insert(queue);
            }
            11 => {
                let queue = script.u8() % QUEUES;
                let answer = town.ask(home, &Frame::QueueDrop { request: REQUEST, queue: QueueId([queue; 16]) });
                assert_eq!(answer, Answer::Ok);
                model.keep(&model.open.iter().copied().filter(|open| *open != queue).collect());
            }
            12 => {
                town.run(70 * SECOND);
                model.acked.clear();
            }
            13 | 14 => {
                let (list, is_whole) = (script.u8(), script.flag());
                town.lines[home].link.close(town.now);
                town.run(SECOND);
                home = town.line();
                assert_eq!(town.register(home, bob), Some(incarnation), "the same life of the mailbox");
                let list: BTreeSet<u8> = (0..QUEUES).filter(|queue| list >> queue & 1 == 1).collect();
                list.iter().for_each(|queue| town.open(home, *queue));
                model.open.extend(&list);
                if is_whole {
                    assert_eq!(town.ask(home, &Frame::ListEnd { request: REQUEST }), Answer::Ok);
                    model.keep(&list);
                }
            }
            _ => {
                town.restart();
                model = Model::default();
                (sender, home) = (town.line(), town.line());
                incarnation = town.register(home, bob).expect("there is room");
            }
        }
        let Answer::Status(status) = town.ask(home, &Frame::Poll { request: REQUEST }) else { panic!("no status") };
        let (bytes, messages) = model.sum(|_| true);
        assert_eq!((u64::from(status.messages), status.bytes), (messages as u64, bytes));
    }
    let mut left: BTreeMap<u64, (QueueId, u8)> =
        model.held.iter().map(|held| (held.delivery, (QueueId([held.queue; 16]), held.deposit))).collect();
    for _ in 0..30 {
        town.run(SECOND);
        let line = &mut town.lines[home];
        for event in line.events.drain(..) {
            if let ClientLinkEvent::Pushed { delivery, queue, body, .. } = event {
                assert!(left.remove(&delivery.0).is_none_or(|held| held == (queue, body[0])));
                line.link.acknowledge(incarnation, delivery);
            }
        }
    }
    assert!(left.is_empty(), "never pushed: {left:?}");
}

/// Any questions by a user, by a second one and by a stranger, in any order: each is answered, and memory stays within
/// its bound.
pub(crate) fn questions(input: &[u8]) {
    let mut script = Script::new(input);
    let ram_bytes = if script.flag() { 64 << 10 } else { 1 << 20 };
    let mut town = Town::new(PeerConfig { ram_bytes, prefixes_max: 64, ..PeerConfig::default() });
    for n in 0..3 {
        if n == 0 || town.peer.stats().pressure_percent < 70 {
            let line = town.line();
            if n < 2 {
                town.register(line, person(n));
            }
        }
    }
    town.open(0, 1);
    for _ in 0..24 {
        if script.is_over() {
            break;
        }
        let n = script.below(town.lines.len());
        match script.u8() % 8 {
            0 => town.run(u64::from(script.u8()) * SECOND),
            1 => town.lines[n].link.acknowledge(Incarnation(script.array()), DeliveryId(script.u8().into())),
            2 if script.u8() < 32 => town.restart(),
            _ => {
                let length = script.below(160);
                for frame in Frames::new(script.bytes(length)).flatten().filter(|frame| frame.request().is_some()) {
                    town.lines[n].link.request(town.now, &frame, Class::Control);
                }
            }
        }
        town.run(50 * MS);
        let stats = town.peer.stats();
        assert!(stats.bytes_held <= stats.ram_bytes, "{} bytes held, {} allowed", stats.bytes_held, stats.ram_bytes);
    }
    town.run(200 * SECOND);
    for line in town.lines.iter().filter(|line| line.link.is_established()) {
        assert_eq!(line.link.in_flight(), 0, "a question without an answer");
    }
}

/// The seed's bare packets: whoever counts as being somewhere has answered, from there, what was sent there; and no
/// packet is answered with more bytes than it has.
pub(crate) fn plain(input: &[u8]) {
    let mut script = Script::new(input);
    let plain = PlainConfig { is_enabled: true, users_max: 3, ..PlainConfig::default() };
    let link = PeerLinkConfig { filter_bits: 10, ..PeerLinkConfig::default() };
    let config = PeerConfig { plain, link, ..PeerConfig::default() };
    let (mut now, mut peer) = (START, Peer::new(config, key(), [4; 32], START));
    let (mut challenges, mut out) = (Vec::<(SocketAddr, Challenge)>::new(), vec![]);
    for _ in 0..40 {
        if script.is_over() {
            break;
        }
        let (act, who, from) = (script.u8(), person(script.below(4)), place(20 + script.u8() % 3));
        let seen = (!challenges.is_empty()).then(|| challenges[script.below(challenges.len())]);
        let (mut packet, mut answers) = (vec![], None);
        let shift = script.flag().then(|| script.u8() % 32);
        let said = match (act % 4, seen) {
            (0, _) => {
                now = later(now, u64::from(script.u16()) * 10 * MS);
                peer.handle_timeout(now);
                continue;
            }
            (1 | 2, Some((to, challenge))) => {
                answers = Some((to, challenge));
                who.plain_response(&challenge, now.wall_s())
            }
            _ => who.plain_register(now.wall_s() + u64::from(script.u8()) / 8),
        };
        match shift {
            None => said.root().encode(&mut packet),
            Some(n) => said.root().encode_shifted(n, &mut |gap| gap.fill(n), &mut packet).expect("it fits"),
        }
        let is_damaged = act & 64 != 0 && script.damage(&mut packet);
        let before: Vec<_> = (0..4).map(|n| peer.plain_remote(&person(n).fingerprint())).collect();
        let (length, mut sent) = (packet.len(), 0);
        let _ = peer.handle_datagram(now, from, &mut packet);
        while let Some(transmit) = peer.poll_transmit(now, &mut out) {
            assert_eq!(transmit.to, from);
            sent += out.len();
            let root = Root::decode(&out).expect("a bare packet");
            if root.kind == kind::CHALLENGE {
                challenges.push((from, decode_challenge(root.payload).expect("a challenge")));
            }
        }
        assert!(sent <= length, "{sent} bytes answer {length}");
        for (n, before) in before.into_iter().enumerate() {
            let now_at = peer.plain_remote(&person(n).fingerprint());
            if now_at.is_some() && now_at != before {
                assert_eq!(now_at, Some(from));
                assert!(answers.is_some_and(|(to, _)| to == from), "moved without having been asked there");
                assert_eq!(person(n).fingerprint(), who.fingerprint());
                assert!(!is_damaged || shift.is_some(), "only what fills the gaps is not signed");
            }
        }
    }
}
