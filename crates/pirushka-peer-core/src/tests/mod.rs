//! The whole peer, reached through real client links, over a network without delay and in virtual time.

mod delivery;
mod noise;
mod plain;
mod pressure;
mod registration;
mod strangers;

use std::collections::VecDeque;
use std::net::SocketAddr;

use pirushka_identity::{Identity, WorkClaim, intro_id, proofs};
use pirushka_link::{Answer, Class, ClientLink, ClientLinkConfig, ClientLinkEvent, PeerKey, TicketData};
use pirushka_wire::time::SECOND;
use pirushka_wire::{
    Deposit, DepositId, Fingerprint, Frame, Incarnation, InstanceId, IntroId, IntroToken, InviteSecret, Now, ObjectId,
    QueueId, QueueSecret, RequestId, WorkNonce,
};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;

use crate::{Peer, PeerConfig};

const SECRET: QueueSecret = QueueSecret([7; 16]);
const TOKEN: IntroToken = IntroToken([9; 16]);
const PEER_ADDRESS: &str = "192.0.2.1:7117";
const NO_REQUEST: RequestId = RequestId(0);

struct World {
    now: Now,
    peer: Peer,
    key: PeerKey,
    clients: Vec<Client>,
    /// Decides which datagrams of the peer are lost: client, running number.
    loses: fn(usize, u64) -> bool,
    sent: u64,
}

struct Client {
    link: ClientLink,
    address: SocketAddr,
    /// Whether its packets get through, in either direction.
    is_connected: bool,
    events: VecDeque<ClientLinkEvent>,
}

impl World {
    fn new(config: PeerConfig) -> Self {
        let now = Now { mono_us: 1_000_000_000, wall_ms: 1_700_000_000_000 };
        let key = PeerKey::generate([3; 32]);
        let peer = Peer::new(config, key.clone(), [4; 32], now);
        Self { now, peer, key, clients: vec![], loses: |_, _| false, sent: 0 }
    }

    fn restart(&mut self, config: PeerConfig) {
        self.peer = Peer::new(config, self.key.clone(), [5; 32], self.now);
    }

    /// A client with an established session.
    fn client(&mut self) -> usize {
        assert!(self.may_connect());
        let n = self.clients.len() - 1;
        self.events(n);
        n
    }

    /// A further client; whether it has a session after a second.
    fn may_connect(&mut self) -> bool {
        let n = self.clients.len();
        let mut link = ClientLink::new(ClientLinkConfig::default(), self.key.peer_id(), [n as u8 + 50; 32]);
        link.connect(self.now, PEER_ADDRESS.parse().unwrap());
        let address = SocketAddr::from(([198, 51, 100 + n as u8, 7], 5000));
        self.clients.push(Client { link, address, is_connected: true, events: VecDeque::new() });
        self.run(SECOND);
        self.clients[n].link.is_established()
    }

    /// Lets time pass; everything that is due happens on the way.
    fn run(&mut self, us: u64) {
        let end = self.now.mono_us + us;
        loop {
            self.exchange();
            let clients = self.clients.iter().filter_map(|c| c.link.poll_timeout());
            let next = clients.chain(self.peer.poll_timeout()).min().unwrap_or(end);
            let next = next.max(self.now.mono_us + 1);
            if next > end {
                break;
            }
            self.advance_to(next);
            self.peer.handle_timeout(self.now);
            for client in &mut self.clients {
                client.link.handle_timeout(self.now);
            }
        }
        self.advance_to(end);
    }

    fn advance_to(&mut self, mono_us: u64) {
        self.now.wall_ms += mono_us / 1000 - self.now.mono_us / 1000;
        self.now.mono_us = mono_us;
    }

    fn exchange(&mut self) {
        let mut out = vec![];
        loop {
            let mut is_quiet = true;
            for client in &mut self.clients {
                while client.link.poll_transmit(self.now, &mut out).is_some() {
                    is_quiet = false;
                    if client.is_connected {
                        let _ = self.peer.handle_datagram(self.now, client.address, &mut out);
                    }
                }
            }
            while let Some(transmit) = self.peer.poll_transmit(self.now, &mut out) {
                is_quiet = false;
                self.sent += 1;
                let Some(n) = self.clients.iter().position(|c| c.address == transmit.to) else { continue };
                if self.clients[n].is_connected && !(self.loses)(n, self.sent) {
                    let _ = self.clients[n].link.handle_datagram(self.now, PEER_ADDRESS.parse().unwrap(), &mut out);
                }
            }
            for client in &mut self.clients {
                client.events.extend(std::iter::from_fn(|| client.link.poll_event()));
            }
            if is_quiet {
                return;
            }
        }
    }

    fn events(&mut self, n: usize) -> Vec<ClientLinkEvent> {
        self.clients[n].events.drain(..).collect()
    }

    /// Asks and gives the answer; other events stay.
    fn ask(&mut self, n: usize, frame: &Frame<'_>) -> Answer {
        let request = self.clients[n].link.request(self.now, frame, Class::Control);
        for _ in 0..40 {
            self.run(SECOND / 10);
            let is_answer =
                |e: &ClientLinkEvent| matches!(e, ClientLinkEvent::Answered { request: r, .. } if *r == request);
            let at = self.clients[n].events.iter().position(is_answer);
            if let Some(ClientLinkEvent::Answered { answer, .. }) = at.and_then(|at| self.clients[n].events.remove(at))
            {
                return answer;
            }
        }
        panic!("no answer");
    }

    fn register_packet(&self, n: usize, person: &Identity) -> Vec<u8> {
        person.register_packet(self.key.peer_id(), self.clients[n].link.binding().unwrap(), self.now.wall_s())
    }

    fn register_root(&mut self, n: usize, root: &[u8]) -> Answer {
        self.ask(n, &registration(InstanceId([1; 16]), root))
    }

    fn register(&mut self, n: usize, person: &Identity) -> Incarnation {
        let root = self.register_packet(n, person);
        match self.register_root(n, &root) {
            Answer::Mailbox { incarnation } => incarnation,
            other => panic!("{other:?}"),
        }
    }

    fn queue_set(&mut self, n: usize, queue: u8) -> TicketData {
        let secret_hash = proofs::queue_secret_hash(&SECRET);
        match self
            .ask(n, &Frame::QueueSet { request: NO_REQUEST, queue: QueueId([queue; 16]), secret_hash, quota_kib: 0 })
        {
            Answer::Ticket(ticket) => ticket,
            other => panic!("{other:?}"),
        }
    }

    fn list_end(&mut self, n: usize) {
        assert_eq!(self.ask(n, &Frame::ListEnd { request: NO_REQUEST }), Answer::Ok);
    }

    fn deposit(&mut self, n: usize, queue: u8, deposit: u8) -> Answer {
        let deposit = Deposit::Contact {
            queue: QueueId([queue; 16]),
            secret: SECRET,
            deposit: DepositId([deposit; 16]),
            flags: 0,
            envelope: &[deposit; 320],
        };
        self.ask(n, &Frame::Deposit { request: NO_REQUEST, deposit })
    }

    fn intro(&mut self, n: usize, to: Fingerprint, intro: u8, parts: u8, index: u8) -> Answer {
        let deposit = Deposit::Intro {
            fingerprint: to,
            intro: IntroId([intro; 16]),
            parts,
            index,
            token: TOKEN,
            work: WorkNonce(0),
            part: &[index; 900],
        };
        self.ask(n, &Frame::Deposit { request: NO_REQUEST, deposit })
    }

    /// Lets strangers in who do this much work.
    fn opens(&mut self, n: usize, bits: u8) {
        assert_eq!(self.ask(n, &Frame::IntroPolicy { request: NO_REQUEST, policy: bits }), Answer::Ok);
    }

    fn binding(&self, n: usize) -> [u8; 32] {
        *self.clients[n].link.binding().unwrap()
    }

    /// One part of an introduction without a token.
    fn knock(&mut self, n: usize, to: Fingerprint, parts: &[Vec<u8>], index: u8, work: WorkNonce) -> Answer {
        let deposit = Deposit::Intro {
            fingerprint: to,
            intro: intro_id(parts),
            parts: parts.len() as u8,
            index,
            token: IntroToken::default(),
            work,
            part: &parts[usize::from(index)],
        };
        self.ask(n, &Frame::Deposit { request: NO_REQUEST, deposit })
    }

    /// A whole introduction, with exactly this much work; the first refusal, if any.
    fn knocks(&mut self, n: usize, to: Fingerprint, parts: &[Vec<u8>], bits: u8) -> Answer {
        let work = exactly(&self.claim(n, to, parts), bits);
        let mut answers = (0..parts.len() as u8).map(|index| self.knock(n, to, parts, index, work));
        answers.find(|answer| *answer != Answer::Ok).unwrap_or(Answer::Ok)
    }

    fn claim(&self, n: usize, to: Fingerprint, parts: &[Vec<u8>]) -> WorkClaim {
        WorkClaim::introduction(&self.binding(n), &to, parts.len() as u8, &intro_id(parts))
    }

    fn restore(&mut self, n: usize, of: Fingerprint, queue: u8, ticket: TicketData) -> Answer {
        let TicketData { quota_kib, expiry, mac } = ticket;
        let secret_hash = proofs::queue_secret_hash(&SECRET);
        let (queue, fingerprint) = (QueueId([queue; 16]), of);
        self.ask(
            n,
            &Frame::QueueRestore { request: NO_REQUEST, fingerprint, queue, secret_hash, quota_kib, expiry, mac },
        )
    }

    fn put(&mut self, n: usize, object: u32, body: &[u8]) -> Vec<Answer> {
        let total = body.len() as u32;
        let parts = body.chunks(1024).zip((0..).step_by(1024));
        let put =
            |(part, offset)| Frame::Put { request: NO_REQUEST, object: ObjectId(object), offset, total, kind: 1, part };
        let frames: Vec<_> = parts.map(put).collect();
        frames.iter().map(|frame| self.ask(n, frame)).collect()
    }

    fn look_up(&mut self, n: usize, fingerprint: Fingerprint) -> Result<Vec<u8>, Answer> {
        let mut body = vec![];
        let mut answer = self.ask(n, &Frame::Lookup { request: NO_REQUEST, fingerprint });
        loop {
            let Answer::Body { object, offset, total, part } = answer else { return Err(answer) };
            assert_eq!(offset as usize, body.len());
            body.extend(part);
            if body.len() == total as usize {
                return Ok(body);
            }
            answer = self.ask(n, &Frame::Fetch { request: NO_REQUEST, object, offset: body.len() as u32 });
        }
    }

    /// First bytes of the messages pushed since the last call.
    fn pushed(&mut self, n: usize) -> Vec<(u64, u8)> {
        let events = std::mem::take(&mut self.clients[n].events);
        let (pushes, rest): (Vec<_>, Vec<_>) =
            events.into_iter().partition(|e| matches!(e, ClientLinkEvent::Pushed { .. }));
        self.clients[n].events = rest.into();
        let first = |e| match e {
            ClientLinkEvent::Pushed { delivery, body, .. } => Some((delivery.0, body[0])),
            _ => None,
        };
        pushes.into_iter().filter_map(first).collect()
    }

    fn ack(&mut self, n: usize, incarnation: Incarnation, deliveries: impl IntoIterator<Item = u64>) {
        for delivery in deliveries {
            self.clients[n].link.acknowledge(incarnation, pirushka_wire::DeliveryId(delivery));
        }
        self.run(SECOND / 10);
    }

    fn held(&self) -> u64 {
        self.peer.stats().messages_held
    }
}

/// Work of just so many bits.
fn exactly(claim: &WorkClaim, bits: u8) -> WorkNonce {
    (1..).map(WorkNonce).find(|nonce| claim.bits(*nonce) == bits).unwrap()
}

fn registration(instance: InstanceId, root: &[u8]) -> Frame<'_> {
    Frame::Register { request: NO_REQUEST, instance, invite: InviteSecret::NONE, work: WorkNonce(0), root }
}

fn person(seed: u8) -> Identity {
    Identity::generate(&mut ChaCha20Rng::from_seed([seed; 32]))
}

fn error(answer: &Answer) -> u16 {
    match answer {
        Answer::Error { code, .. } => *code,
        other => panic!("{other:?}"),
    }
}
