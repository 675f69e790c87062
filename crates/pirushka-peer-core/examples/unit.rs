//! What the unit of work costs the core, without any system call: `cargo run --release -p pirushka-peer-core --example
//! unit`. Envelopes are left by senders with four texts on their way, pushed to one of many recipients, acknowledged.
//!
//! With `--texts N` it does that much and prints nothing: `tools/instructions` counts so what a text costs.
#![allow(clippy::disallowed_methods, clippy::print_stdout, reason = "an example that measures needs a clock")]

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use pirushka_identity::{Identity, proofs};
use pirushka_link::{BareSession, Class, ClientLink, ClientLinkConfig, ClientLinkEvent, ClientVeil, PeerKey};
use pirushka_peer_core::{Peer, PeerConfig};
use pirushka_wire::{
    Deposit, DepositId, Frame, Frames, Incarnation, InstanceId, InviteSecret, Now, QueueId, QueueSecret, RangeSet,
    Ranges, Reader, RequestId, WorkNonce,
};
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};

const SENDERS: u32 = 64;
const RECIPIENTS: u32 = 1000;
const IN_FLIGHT: usize = 4;
const SECRET: QueueSecret = QueueSecret([2; 16]);
/// Datagrams that one system call brings.
const BATCH: usize = 16;

fn main() {
    let mut arguments = std::env::args().skip_while(|argument| argument != "--texts").skip(1);
    let mut town = Town::new(320);
    if let Some(texts) = arguments.next() {
        return town.run(texts.parse().expect("a number of texts"));
    }
    town.run(100_000);
    for _ in 0..5 {
        (town.in_time, town.out_time) = (Duration::ZERO, Duration::ZERO);
        let before = town.counts();
        town.run(300_000);
        let after = town.counts();
        let per = |time: Duration| time.as_nanos() as f64 / 300_000.0;
        println!(
            "{:6.0} ns per text ({:.0} in, {:.0} out), {:.2} datagrams in, {:.2} out",
            per(town.in_time + town.out_time),
            per(town.in_time),
            per(town.out_time),
            (after.0 - before.0) as f64 / 300_000.0,
            (after.1 - before.1) as f64 / 300_000.0,
        );
    }
}

struct Client {
    session: BareSession,
    incarnation: Incarnation,
    taken: RangeSet,
    free: usize,
    next: u32,
}

struct Town {
    peer: Peer,
    clients: Vec<Client>,
    veil: ClientVeil,
    rng: ChaCha20Rng,
    now: Now,
    envelope: Vec<u8>,
    /// To the peer.
    wire: VecDeque<(SocketAddr, Vec<u8>)>,
    by_address: BTreeMap<SocketAddr, usize>,
    in_time: Duration,
    out_time: Duration,
}

fn address(i: u32) -> SocketAddr {
    let [.., b, c] = i.to_be_bytes();
    SocketAddr::from(([127, 64 | b, c, 1], 4000))
}

fn queue_of(i: u32) -> QueueId {
    let mut id = [7; 16];
    id[1..5].copy_from_slice(&i.to_be_bytes());
    QueueId(id)
}

impl Town {
    fn new(envelope: usize) -> Self {
        let now = Now { mono_us: 1_000_000, wall_ms: 1_800_000_000_000 };
        let config = PeerConfig { ram_bytes: 8 << 30, ..PeerConfig::default() };
        let mut peer = Peer::new(config, PeerKey::generate([1; 32]), [2; 32], now);
        let (mut clients, mut veil, mut by_address) = (vec![], None, BTreeMap::new());
        for i in 0..SENDERS + RECIPIENTS {
            let (client, its_veil) = join(&mut peer, now, i);
            by_address.insert(address(i), clients.len());
            clients.push(client);
            veil = Some(its_veil);
        }
        Self {
            peer,
            clients,
            veil: veil.expect("somebody joined"),
            rng: ChaCha20Rng::seed_from_u64(3),
            now,
            envelope: vec![9; envelope],
            wire: VecDeque::new(),
            by_address,
            in_time: Duration::ZERO,
            out_time: Duration::ZERO,
        }
    }

    fn counts(&self) -> (u64, u64) {
        let counters = self.peer.link_counters();
        (counters.packets_in, counters.packets_out)
    }

    fn run(&mut self, texts: u64) {
        let goal = self.peer.stats().delivered + texts;
        let mut out = vec![];
        while self.peer.stats().delivered < goal {
            (0..SENDERS as usize).for_each(|sender| self.write(sender));
            while !self.wire.is_empty() {
                self.now.mono_us += 50;
                let some: Vec<_> = self.wire.drain(..self.wire.len().min(BATCH)).collect();
                let begin = Instant::now();
                for (from, mut datagram) in some {
                    self.peer.handle_datagram(self.now, from, &mut datagram).expect("a good datagram");
                }
                if self.peer.poll_timeout().is_some_and(|at_us| at_us <= self.now.mono_us) {
                    self.peer.handle_timeout(self.now);
                }
                self.in_time += begin.elapsed();
                let mut told = vec![];
                let begin = Instant::now();
                while let Some(transmit) = self.peer.poll_transmit(self.now, &mut out) {
                    told.push((transmit.to, out.clone()));
                }
                self.out_time += begin.elapsed();
                told.into_iter().for_each(|(to, datagram)| self.hear(to, datagram));
            }
        }
    }

    fn write(&mut self, sender: usize) {
        while self.clients[sender].free > 0 {
            let client = &mut self.clients[sender];
            client.free -= 1;
            client.next += 1;
            let mut id = [0; 16];
            id[..4].copy_from_slice(&(sender as u32).to_be_bytes());
            id[4..8].copy_from_slice(&client.next.to_be_bytes());
            let queue = queue_of(SENDERS + self.rng.next_u32() % RECIPIENTS);
            let (deposit, envelope) = (DepositId(id), self.envelope.as_slice());
            let deposit = Deposit::Contact { queue, secret: SECRET, deposit, flags: 0, envelope };
            let mut frames = vec![];
            Frame::Deposit { request: RequestId(client.next), deposit }.encode(&mut frames);
            self.send(sender, &frames);
        }
    }

    fn send(&mut self, client: usize, frames: &[u8]) {
        let mut out = vec![];
        let size = BareSession::draw_size(frames.len(), &mut self.rng);
        self.clients[client].session.seal(&self.veil, frames, size, &mut out);
        self.wire.push_back((address(client as u32), out));
    }

    fn hear(&mut self, to: SocketAddr, mut datagram: Vec<u8>) {
        let number = self.by_address[&to];
        let client = &mut self.clients[number];
        let plaintext = client.session.open(&self.veil, &mut datagram).expect("a good answer");
        for frame in Frames::new(plaintext) {
            match frame.expect("good frames") {
                Frame::Ok { requests } => {
                    client.free += requests.iter().map(|(a, b)| (b - a + 1) as usize).sum::<usize>()
                }
                Frame::Push { delivery, .. } => drop(client.taken.insert(delivery.0)),
                other => panic!("{other:?}"),
            }
        }
        if !client.taken.is_empty() {
            let mut list = vec![];
            std::mem::take(&mut client.taken).encode(&mut list);
            let deliveries = Ranges::decode(&mut Reader::new(&list)).expect("good ranges");
            let mut frames = vec![];
            Frame::Ack { incarnation: client.incarnation, deliveries }.encode(&mut frames);
            self.send(number, &frames);
        }
    }
}

/// A session, and for recipients a registration and a queue.
fn join(peer: &mut Peer, now: Now, i: u32) -> (Client, ClientVeil) {
    let mut seed = [9; 32];
    seed[..4].copy_from_slice(&i.to_be_bytes());
    let mut link = ClientLink::new(ClientLinkConfig { junk: 0, ..ClientLinkConfig::default() }, peer.peer_id(), seed);
    link.connect(now, SocketAddr::from(([127, 0, 0, 1], 7117)));
    let mut incarnation = Incarnation::default();
    talk(peer, &mut link, now, i);
    if i >= SENDERS {
        let identity = Identity::generate(&mut ChaCha20Rng::from_seed(seed));
        let root = identity.register_packet(peer.peer_id(), link.binding().expect("a session"), now.wall_s());
        let request = RequestId(0);
        let (instance, invite, work) = (InstanceId([3; 16]), InviteSecret::NONE, WorkNonce(0));
        link.request(now, &Frame::Register { request, instance, invite, work, root: &root }, Class::Control);
        incarnation = talk(peer, &mut link, now, i);
        let secret_hash = proofs::queue_secret_hash(&SECRET);
        link.request(now, &Frame::QueueSet { request, queue: queue_of(i), secret_hash, quota_kib: 0 }, Class::Control);
        talk(peer, &mut link, now, i);
        link.request(now, &Frame::ListEnd { request }, Class::Control);
        talk(peer, &mut link, now, i);
    }
    let (session, veil) = link.into_bare().expect("a session");
    (
        Client { session, incarnation, taken: RangeSet::new(), free: if i < SENDERS { IN_FLIGHT } else { 0 }, next: 0 },
        veil,
    )
}

/// Until both are silent.
fn talk(peer: &mut Peer, link: &mut ClientLink, now: Now, i: u32) -> Incarnation {
    let (mut out, mut incarnation) = (vec![], Incarnation::default());
    loop {
        let mut is_silent = true;
        while link.poll_transmit(now, &mut out).is_some() {
            is_silent = false;
            peer.handle_datagram(now, address(i), &mut out).expect("a good datagram");
        }
        while peer.poll_transmit(now, &mut out).is_some() {
            is_silent = false;
            let _ = link.handle_datagram(now, SocketAddr::from(([127, 0, 0, 1], 7117)), &mut out);
        }
        while let Some(event) = link.poll_event() {
            if let ClientLinkEvent::Answered { answer: pirushka_link::Answer::Mailbox { incarnation: its }, .. } = event
            {
                incarnation = its;
            }
        }
        if is_silent {
            return incarnation;
        }
    }
}
