//! A user made of the real link and nothing above it: the simplest messenger that peers can serve.
//!
//! It registers, opens a queue for each contact, leaves envelopes in contacts' queues over anonymous sessions, keeps
//! each until its peer says OK, and offers again whatever a *boot* of the peer may have forgotten. It trusts a peer that
//! holds, and never offers twice to the same boot: a peer that loses what it held shows at once (S2). What is on its
//! disk survives a crash; links do not.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use pirushka_identity::{Identity, proofs};
use pirushka_link::{Answer, Class, ClientLink, ClientLinkConfig, ClientLinkEvent, Keepalive, TicketData};
use pirushka_wire::frame::{error_code, push_class};
use pirushka_wire::time::SECOND;
use pirushka_wire::{
    BootId, DeliveryId, Deposit, DepositId, Fingerprint, Frame, Incarnation, InstanceId, InviteSecret, Now, PeerId,
    QueueId, QueueSecret, RequestId, WorkNonce,
};

use crate::checks::{Rule, Violation};
use crate::rand::Rand;
use crate::world::{Place, Surroundings, User, World};

/// How a raw user behaves.
#[derive(Debug, Clone, Copy)]
pub struct RawConfig {
    /// See [`Keepalive`].
    pub keepalive: Keepalive,
    /// Deposits under way at once, per contact.
    pub window: usize,
    /// Asked for each queue; 0 = the peer's default.
    pub quota_kib: u32,
}

impl Default for RawConfig {
    fn default() -> Self {
        Self { keepalive: Keepalive { interval_us: 25 * SECOND, poll_every: 4 }, window: 32, quota_kib: 0 }
    }
}

/// A scripted user.
pub struct RawUser {
    name: String,
    number: usize,
    place: Place,
    config: RawConfig,
    seeds: Rand,
    identity: Identity,
    instance: InstanceId,
    home: Home,
    disk: Disk,
    running: Option<Running>,
    port_next: u16,
}

#[derive(Clone)]
struct Home {
    peer_id: PeerId,
    host: String,
}

/// What survives a crash.
#[derive(Default)]
struct Disk {
    queues: BTreeMap<usize, MyQueue>,
    contacts: BTreeMap<usize, Grant>,
    outbox: Vec<Sent>,
    shown: Vec<(usize, u32)>,
    known: BTreeSet<(usize, u32)>,
}

struct MyQueue {
    queue: QueueId,
    secret: QueueSecret,
    ticket: Option<TicketData>,
}

/// What a contact gave me, so that I can write to it.
#[derive(Clone)]
struct Grant {
    home: Home,
    fingerprint: Fingerprint,
    queue: QueueId,
    secret: QueueSecret,
    ticket: Option<TicketData>,
}

struct Sent {
    to: usize,
    number: u32,
    deposit: DepositId,
    size: usize,
    held_by: Option<BootId>,
}

/// What a crash ends.
struct Running {
    home: HomeLink,
    routes: BTreeMap<usize, Route>,
}

struct HomeLink {
    wire: Wire,
    incarnation: Option<Incarnation>,
    registering: Option<RequestId>,
    listing: BTreeMap<RequestId, usize>,
    ending: Option<RequestId>,
    online: bool,
    early: Vec<(DeliveryId, u8, QueueId, Vec<u8>)>,
}

struct Route {
    wire: Wire,
    boot: Option<BootId>,
    asked: BTreeMap<RequestId, Ask>,
    wait_until: u64,
}

enum Ask {
    Deposit(usize),
    Restore,
}

/// A link, its socket, and when to try again.
struct Wire {
    link: ClientLink,
    port: u16,
    retry_at: Option<u64>,
    backoff_us: u64,
}

const BACKOFF_FIRST_US: u64 = SECOND;
const BACKOFF_MAX_US: u64 = 8 * SECOND;

impl RawUser {
    /// Adds a user served by a peer; it starts at once. Tells its number.
    pub fn add(world: &mut World<Self>, name: &str, home: usize, config: RawConfig) -> usize {
        let (place, seeds) = world.add_place(pirushka_netsim::NatConfig::new);
        Self::add_at(world, name, home, config, place, seeds)
    }

    /// The same at a given place.
    pub fn add_at(
        world: &mut World<Self>,
        name: &str,
        home: usize,
        config: RawConfig,
        place: Place,
        mut seeds: Rand,
    ) -> usize {
        let peer = &world.peers[home];
        let home = Home { peer_id: peer.peer_id(), host: peer.host.clone() };
        let number = world.users.len();
        let (identity, instance) = (Identity::generate(seeds.rng()), InstanceId(seeds.bytes()));
        let mut user = Self {
            name: name.to_owned(),
            number,
            place,
            config,
            seeds,
            identity,
            instance,
            home,
            disk: Disk::default(),
            running: None,
            port_next: 30_000,
        };
        user.start();
        world.users.push(user);
        number
    }

    /// The user's name.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        self.identity.fingerprint()
    }

    /// Leaves a message for a contact; `size` is that of its envelope.
    pub fn send(&mut self, to: usize, size: usize) -> u32 {
        let number = self.disk.outbox.len() as u32;
        self.disk.outbox.push(Sent { to, number, deposit: DepositId(self.seeds.bytes()), size, held_by: None });
        number
    }

    /// What was shown: sender and number, in this order.
    #[must_use]
    pub fn shown(&self) -> &[(usize, u32)] {
        &self.disk.shown
    }

    /// How many of my messages no boot has taken yet.
    #[must_use]
    pub fn unheld(&self) -> usize {
        self.disk.outbox.iter().filter(|sent| sent.held_by.is_none()).count()
    }

    /// Whether it is registered and its queues are set.
    #[must_use]
    pub fn is_online(&self) -> bool {
        self.running.as_ref().is_some_and(|running| running.home.online)
    }

    /// Whether its process is dead.
    #[must_use]
    pub fn is_crashed(&self) -> bool {
        self.running.is_none()
    }

    /// kill -9.
    pub fn crash(&mut self) {
        self.running = None;
    }

    /// Starts (again) from what is on disk.
    pub fn start(&mut self) {
        let wire = self.wire(self.home.peer_id);
        self.running = Some(Running {
            home: HomeLink {
                wire,
                incarnation: None,
                registering: None,
                listing: BTreeMap::new(),
                ending: None,
                online: false,
                early: vec![],
            },
            routes: BTreeMap::new(),
        });
    }

    /// Makes two users contacts of each other, as if they had met.
    pub fn introduce(world: &mut World<Self>, a: usize, b: usize) {
        for (owner, writer) in [(a, b), (b, a)] {
            let user = &mut world.users[owner];
            let (queue, secret) = (QueueId(user.seeds.bytes()), QueueSecret(user.seeds.bytes()));
            user.disk.queues.insert(writer, MyQueue { queue, secret, ticket: None });
            let grant = Grant { home: user.home.clone(), fingerprint: user.fingerprint(), queue, secret, ticket: None };
            world.users[writer].disk.contacts.insert(owner, grant);
            // Its list of queues is out of date now: it registers again.
            world.users[owner].start();
        }
    }

    /// Gives every contact the tickets that belong to its queues, as if by messages.
    pub fn share_tickets(world: &mut World<Self>) {
        for owner in 0..world.users.len() {
            let tickets: Vec<_> = world.users[owner].disk.queues.iter().map(|(w, q)| (*w, q.ticket)).collect();
            for (writer, ticket) in tickets {
                if let Some(grant) = world.users[writer].disk.contacts.get_mut(&owner) {
                    grant.ticket = ticket.or(grant.ticket);
                }
            }
        }
    }

    /// What a boot that still runs called held and a recipient who is online does not have (S2). To be asked when
    /// nothing moves any more.
    #[must_use]
    pub fn lost_while_held(world: &World<Self>) -> Vec<String> {
        let mut lost = vec![];
        for user in &world.users {
            for sent in &user.disk.outbox {
                let recipient = &world.users[sent.to];
                let boot = world.peers.iter().find(|p| p.peer_id() == recipient.home.peer_id).and_then(|p| p.boot());
                let has = recipient.disk.known.contains(&(user.number, sent.number));
                if sent.held_by.is_some() && sent.held_by == boot && !has && recipient.is_online() {
                    lost.push(format!("{} to {}, number {}", user.name, recipient.name, sent.number));
                }
            }
        }
        lost
    }

    /// Whether everything that anybody sent has been shown.
    #[must_use]
    pub fn all_shown(world: &World<Self>) -> bool {
        world.users.iter().all(|user| {
            user.disk.outbox.iter().all(|s| world.users[s.to].disk.known.contains(&(user.number, s.number)))
        })
    }

    fn wire(&mut self, peer_id: PeerId) -> Wire {
        self.port_next += 1;
        let link = ClientLink::new(ClientLinkConfig::default(), peer_id, self.seeds.seed32());
        Wire { link, port: self.port_next, retry_at: Some(0), backoff_us: BACKOFF_FIRST_US }
    }

    fn open_routes(&mut self) {
        let wanted: BTreeSet<usize> = self.disk.outbox.iter().map(|sent| sent.to).collect();
        for to in wanted {
            let open = self.running.as_ref().is_none_or(|running| running.routes.contains_key(&to));
            let Some(grant) = self.disk.contacts.get(&to).filter(|_| !open) else { continue };
            let wire = self.wire(grant.home.peer_id);
            let route = Route { wire, boot: None, asked: BTreeMap::new(), wait_until: 0 };
            if let Some(running) = &mut self.running {
                running.routes.insert(to, route);
            }
        }
    }

    fn home_event(&mut self, now: Now, event: ClientLinkEvent, around: &mut Surroundings<'_>) {
        let Some(Running { home, .. }) = &mut self.running else { return };
        match event {
            ClientLinkEvent::Established { binding, .. } => {
                home.wire.backoff_us = BACKOFF_FIRST_US;
                let root = self.identity.register_packet(self.home.peer_id, &binding, now.wall_s());
                let (instance, invite, work) = (self.instance, InviteSecret::NONE, WorkNonce(0));
                let frame = Frame::Register { request: RequestId(0), instance, invite, work, root: &root };
                home.registering = Some(home.wire.link.request(now, &frame, Class::Control));
            }
            ClientLinkEvent::Answered { request, answer: Answer::Mailbox { incarnation } }
                if home.registering == Some(request) =>
            {
                home.incarnation = Some(incarnation);
                for (contact, mine) in &self.disk.queues {
                    let secret_hash = proofs::queue_secret_hash(&mine.secret);
                    let (queue, quota_kib) = (mine.queue, self.config.quota_kib);
                    let frame = Frame::QueueSet { request: RequestId(0), queue, secret_hash, quota_kib };
                    home.listing.insert(home.wire.link.request(now, &frame, Class::Control), *contact);
                }
                self.end_list_when_set(now);
                self.take_early(now, around);
            }
            ClientLinkEvent::Answered { request, answer: Answer::Ticket(ticket) } => {
                if let Some(contact) = home.listing.remove(&request)
                    && let Some(mine) = self.disk.queues.get_mut(&contact)
                {
                    mine.ticket = Some(ticket);
                }
                self.end_list_when_set(now);
            }
            ClientLinkEvent::Answered { request, answer: Answer::Ok } => {
                if home.ending == Some(request) {
                    home.online = true;
                    home.wire.link.set_keepalive(now, Some(self.config.keepalive));
                    around.trace.event(around.net_us, &self.name, format_args!("is online"));
                }
            }
            ClientLinkEvent::Answered { answer, .. } => {
                around.trace.event(around.net_us, &self.name, format_args!("is refused by its peer: {answer:?}"));
                home.reset(now);
            }
            ClientLinkEvent::Pushed { delivery, class, queue, body } => match home.incarnation {
                Some(_) => self.take(now, delivery, class, queue, &body, around),
                None => home.early.push((delivery, class, queue, body)),
            },
            ClientLinkEvent::Polled { .. } | ClientLinkEvent::Quiet => {}
            ClientLinkEvent::Superseded => {
                let what = format!("{} is told that another copy registered", self.name);
                around.violations.push(Violation { rule: Rule::S4, at_us: around.net_us, what });
            }
            ClientLinkEvent::Lost { reason } => {
                around.trace.event(around.net_us, &self.name, format_args!("lost its peer: {reason:?}"));
                home.reset(now);
            }
        }
    }

    fn end_list_when_set(&mut self, now: Now) {
        let Some(Running { home, .. }) = &mut self.running else { return };
        if home.listing.is_empty() && home.ending.is_none() {
            let frame = Frame::ListEnd { request: RequestId(0) };
            home.ending = Some(home.wire.link.request(now, &frame, Class::Control));
        }
    }

    fn take_early(&mut self, now: Now, around: &mut Surroundings<'_>) {
        let early = self.running.as_mut().map(|running| std::mem::take(&mut running.home.early)).unwrap_or_default();
        for (delivery, class, queue, body) in early {
            self.take(now, delivery, class, queue, &body, around);
        }
    }

    fn take(
        &mut self,
        _now: Now,
        delivery: DeliveryId,
        class: u8,
        queue: QueueId,
        body: &[u8],
        around: &mut Surroundings<'_>,
    ) {
        let from = self.disk.queues.iter().find(|(_, mine)| mine.queue == queue).map(|(contact, _)| *contact);
        let number = body.first_chunk::<12>().map(|head| u32::from_be_bytes([head[8], head[9], head[10], head[11]]));
        let genuine = match (from, number) {
            (Some(from), Some(number)) if class == push_class::CONTACT => {
                (body == envelope(from, self.number, number, body.len())).then_some((from, number))
            }
            _ => None,
        };
        let Some((from, number)) = genuine else {
            let what = format!("{} was pushed something that nobody sent to it", self.name);
            around.violations.push(Violation { rule: Rule::S1, at_us: around.net_us, what });
            return;
        };
        if self.disk.known.insert((from, number)) {
            self.disk.shown.push((from, number));
            around.trace.event(around.net_us, &self.name, format_args!("shows number {number} of user {from}"));
        }
        if let Some(Running { home, .. }) = &mut self.running
            && let Some(incarnation) = home.incarnation
        {
            home.wire.link.acknowledge(incarnation, delivery);
        }
    }

    fn route_event(&mut self, now: Now, to: usize, event: ClientLinkEvent, around: &mut Surroundings<'_>) {
        let Some(route) = self.running.as_mut().and_then(|running| running.routes.get_mut(&to)) else { return };
        match event {
            ClientLinkEvent::Established { welcome, .. } => {
                route.wire.backoff_us = BACKOFF_FIRST_US;
                route.boot = Some(welcome.boot);
                route.wire.link.set_keepalive(now, Some(Keepalive { poll_every: 1, ..self.config.keepalive }));
            }
            ClientLinkEvent::Answered { request, answer } => match (route.asked.remove(&request), answer) {
                (Some(Ask::Deposit(at)), Answer::Ok) => {
                    self.disk.outbox[at].held_by = route.boot;
                    let number = self.disk.outbox[at].number;
                    around.trace.event(around.net_us, &self.name, format_args!("knows number {number} to {to} held"));
                }
                (Some(Ask::Deposit(_)), Answer::Error { code: error_code::UNKNOWN_QUEUE, .. }) => {
                    route.wait_until = now.after_us(5 * SECOND);
                    let restoring = route.asked.values().any(|ask| matches!(ask, Ask::Restore));
                    if let Some(grant) = self.disk.contacts.get(&to).filter(|_| !restoring)
                        && let Some(ticket) = grant.ticket
                    {
                        let frame = Frame::QueueRestore {
                            request: RequestId(0),
                            fingerprint: grant.fingerprint,
                            queue: grant.queue,
                            secret_hash: proofs::queue_secret_hash(&grant.secret),
                            quota_kib: ticket.quota_kib,
                            expiry: ticket.expiry,
                            mac: ticket.mac,
                        };
                        route.asked.insert(route.wire.link.request(now, &frame, Class::Control), Ask::Restore);
                    }
                }
                (Some(Ask::Deposit(_)), Answer::Error { retry_after_ms, .. }) => {
                    route.wait_until = now.after_us(u64::from(retry_after_ms.clamp(500, 60_000)) * 1000);
                }
                (Some(Ask::Restore), Answer::Ok) => {
                    route.wait_until = 0;
                    around.trace.event(around.net_us, &self.name, format_args!("brought the queue of {to} back"));
                }
                (_, answer) => {
                    around.trace.event(around.net_us, &self.name, format_args!("is answered {answer:?}"));
                }
            },
            ClientLinkEvent::Pushed { .. }
            | ClientLinkEvent::Superseded
            | ClientLinkEvent::Polled { .. }
            | ClientLinkEvent::Quiet => {}
            ClientLinkEvent::Lost { reason } => {
                around.trace.event(around.net_us, &self.name, format_args!("lost the peer of user {to}: {reason:?}"));
                route.boot = None;
                route.asked.clear();
                route.wire.retry(now);
            }
        }
    }

    /// Offers whatever the present boots of contacts' peers have not taken.
    fn offer(&mut self, now: Now) {
        let Some(running) = &mut self.running else { return };
        for (to, route) in &mut running.routes {
            let Some(grant) = self.disk.contacts.get(to) else { continue };
            if route.boot.is_none() || route.wait_until > now.mono_us {
                continue;
            }
            let under_way: BTreeSet<usize> = route.asked.values().filter_map(Ask::deposit).collect();
            let room = self.config.window.saturating_sub(under_way.len());
            let waiting = self
                .disk
                .outbox
                .iter()
                .enumerate()
                .filter(|(at, sent)| sent.to == *to && sent.held_by != route.boot && !under_way.contains(at));
            for (at, sent) in waiting.take(room) {
                let envelope = envelope(self.number, sent.to, sent.number, sent.size);
                let deposit = Deposit::Contact {
                    queue: grant.queue,
                    secret: grant.secret,
                    deposit: sent.deposit,
                    flags: 0,
                    envelope: &envelope,
                };
                let frame = Frame::Deposit { request: RequestId(0), deposit };
                route.asked.insert(route.wire.link.request(now, &frame, Class::Bulk), Ask::Deposit(at));
            }
        }
    }
}

impl User for RawUser {
    fn name(&self) -> &str {
        &self.name
    }

    fn place(&self) -> Place {
        self.place
    }

    fn is_dead(&self) -> bool {
        self.running.is_none()
    }

    fn is_served_by(&self, peer: PeerId) -> bool {
        self.home.peer_id == peer
    }

    fn handle_datagram(&mut self, now: Now, port: u16, remote: SocketAddr, datagram: &mut [u8]) {
        let Some(running) = &mut self.running else { return };
        for wire in running.wires() {
            if wire.port == port {
                let _ = wire.link.handle_datagram(now, remote, datagram);
                return;
            }
        }
    }

    fn handle_timeout(&mut self, now: Now) {
        let Some(running) = &mut self.running else { return };
        for wire in running.wires() {
            if wire.link.poll_timeout().is_some_and(|at| at <= now.mono_us) {
                wire.link.handle_timeout(now);
            }
        }
        for route in running.routes.values_mut() {
            if route.wait_until <= now.mono_us {
                route.wait_until = 0;
            }
        }
    }

    fn poll_timeout(&self) -> Option<u64> {
        let running = self.running.as_ref()?;
        let wires = running.routes.values().map(|route| &route.wire).chain([&running.home.wire]);
        let links = wires.flat_map(|wire| [wire.link.poll_timeout(), wire.retry_at]).flatten();
        let waits = running.routes.values().map(|route| route.wait_until).filter(|&at| at > 0);
        links.chain(waits).min()
    }

    fn settle(&mut self, now: Now, around: &mut Surroundings<'_>) {
        self.open_routes();
        if let Some(running) = &mut self.running {
            running.home.wire.connect_when_due(now, around.dns.get(&self.home.host));
            for (to, route) in &mut running.routes {
                let host = self.disk.contacts.get(to).map(|grant| &grant.home.host);
                route.wire.connect_when_due(now, host.and_then(|host| around.dns.get(host)));
            }
        }
        while let Some(event) = self.running.as_mut().and_then(|running| running.home.wire.link.poll_event()) {
            self.home_event(now, event, around);
        }
        let routes: Vec<usize> = self.running.iter().flat_map(|running| running.routes.keys().copied()).collect();
        for to in routes {
            let next = |user: &mut Self| user.running.as_mut()?.routes.get_mut(&to)?.wire.link.poll_event();
            while let Some(event) = next(self) {
                self.route_event(now, to, event, around);
            }
        }
        self.offer(now);
        let Some(running) = &mut self.running else { return };
        for wire in running.wires() {
            let mut datagram = vec![];
            while let Some(to) = wire.link.poll_transmit(now, &mut datagram) {
                around.out.push((wire.port, to, std::mem::take(&mut datagram)));
            }
        }
    }

    fn path_changed(&mut self, now: Now) {
        self.running.iter_mut().flat_map(Running::wires).for_each(|wire| wire.link.path_changed(now));
    }
}

impl Running {
    fn wires(&mut self) -> impl Iterator<Item = &mut Wire> {
        self.routes.values_mut().map(|route| &mut route.wire).chain([&mut self.home.wire])
    }
}

impl HomeLink {
    fn reset(&mut self, now: Now) {
        self.incarnation = None;
        self.registering = None;
        self.listing.clear();
        self.ending = None;
        self.online = false;
        self.early.clear();
        self.wire.retry(now);
    }
}

impl Ask {
    fn deposit(&self) -> Option<usize> {
        match self {
            Self::Deposit(at) => Some(*at),
            Self::Restore => None,
        }
    }
}

impl Wire {
    fn retry(&mut self, now: Now) {
        self.retry_at = Some(now.after_us(self.backoff_us));
        self.backoff_us = (2 * self.backoff_us).min(BACKOFF_MAX_US);
    }

    fn connect_when_due(&mut self, now: Now, remote: Option<&SocketAddr>) {
        if self.retry_at.is_some_and(|at| at <= now.mono_us) {
            self.retry_at = None;
            match remote {
                Some(remote) => self.link.connect(now, *remote),
                None => self.retry(now),
            }
        }
    }
}

/// What stands in the envelope of a number: nobody else can make it up by accident.
fn envelope(from: usize, to: usize, number: u32, size: usize) -> Vec<u8> {
    let mut out = vec![0; size.max(12)];
    out[..4].copy_from_slice(&(from as u32).to_be_bytes());
    out[4..8].copy_from_slice(&(to as u32).to_be_bytes());
    out[8..12].copy_from_slice(&number.to_be_bytes());
    let head = <[u8; 12]>::try_from(&out[..12]).unwrap_or_default();
    blake3::Hasher::new().update(&head).finalize_xof().fill(&mut out[12..]);
    out
}
