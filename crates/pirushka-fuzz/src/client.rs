//! The client: two people served by one peer that does as the script says, on disks that outlive every crash.
//!
//! The peer here is no [`pirushka_peer_core::Peer`]: it holds the key that the clients pinned, and beyond that it may do
//! what it likes. Left alone it is an honest peer in miniature.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::LazyLock;

use pirushka_client_core::{
    Client, ClientConfig, ContactId, ContactState, Event, IntroPolicy, Message, MessageBody, MessageId, SocketId, Table,
};
use pirushka_e2e::bundle::{Bundle, LookedUp};
use pirushka_identity::verify_register;
use pirushka_link::{PeerKey, PeerLink, PeerLinkConfig, Received, SessionHandle};
use pirushka_wire::frame::{error_code, push_class};
use pirushka_wire::time::{HOUR, MINUTE, MS, SECOND};
use pirushka_wire::{
    DeliveryId, Deposit, Fingerprint, Frame, Frames, Incarnation, Now, ObjectId, PeerAddress, QueueId, RequestId,
    WorkNonce,
};

use crate::link::{START, later, place};
use crate::script::Script;

type Disk = BTreeMap<(Table, Vec<u8>), Vec<u8>>;

/// A peer, two clients that know each other or not, and a script of what all of them do.
pub(crate) fn conversation(input: &[u8]) {
    let mut script = Script::new(input);
    let mut world = if script.u8() < 64 { World::of_strangers() } else { World::of_friends() };
    for _ in 0..40 {
        if script.is_over() {
            break;
        }
        let act = script.u8();
        if act & 0x40 == 0 {
            world.somebody_does(usize::from(act >> 7), &mut script);
        } else {
            world.peer_does(usize::from(act >> 7), &mut script);
        }
        world.run(100 * MS);
    }
    world.calm_down();
    (0..2).for_each(|n| world.people[n].crash(world.now));
}

struct World {
    now: Now,
    people: [Person; 2],
    desk: Desk,
    /// What each of them ever wrote.
    said: [BTreeSet<String>; 2],
    /// Nobody has blocked or removed the other.
    are_friends: bool,
}

struct Person {
    client: Client,
    disk: Disk,
    /// Texts of the other one on this disk, by content.
    shown: BTreeMap<[u8; 16], MessageId>,
    read: BTreeSet<String>,
    starts: u8,
}

impl World {
    fn of_strangers() -> Self {
        let people = [1, 2].map(|n| {
            let mut client = Client::create(ClientConfig::default(), [n; 32], START, "somebody").expect("a name");
            client.set_home(START, Desk::address()).expect("a home");
            client.set_intro_policy(START, IntroPolicy::Token).expect("a policy");
            client.start(START);
            Person { client, disk: Disk::new(), shown: BTreeMap::new(), read: BTreeSet::new(), starts: n }
        });
        let mut world =
            Self { now: START, people, desk: Desk::new(START), said: Default::default(), are_friends: false };
        world.run(3 * SECOND);
        world
    }

    /// The same after one has invited the other; made once, then taken from their disks.
    fn of_friends() -> Self {
        static FRIENDS: LazyLock<[Disk; 2]> = LazyLock::new(|| {
            let mut world = World::of_strangers();
            world.introduce();
            world.run(2 * MINUTE);
            for person in &world.people {
                let states: Vec<_> = person.client.contacts().iter().map(|contact| contact.state).collect();
                assert_eq!(states, [ContactState::Active], "an honest peer brings them together");
            }
            world.people.map(|person| person.disk)
        });
        let now = later(START, 10 * MINUTE);
        let people = [0, 1].map(|n| Person::load(FRIENDS[n].clone(), n as u8, now));
        let mut world = Self { now, people, desk: Desk::new(now), said: Default::default(), are_friends: true };
        world.run(3 * SECOND);
        world
    }

    fn introduce(&mut self) {
        let Ok(invite) = self.people[1].client.new_invite(self.now, "", 1, 3600, false) else { return };
        self.run(SECOND);
        let [alice, bob] = &mut self.people;
        let Some(address) = bob.client.invite_address(invite) else { return };
        let _ = alice.client.add_contact(self.now, &address, None);
    }

    fn somebody_does(&mut self, n: usize, script: &mut Script<'_>) {
        let (now, act) = (self.now, script.u8() % 32);
        match act {
            0 => return self.people[n].crash(now),
            1 => return self.run(u64::from(script.u16() % 2000) * SECOND),
            2 => return self.people[n].client.network_changed(now),
            3 => return self.introduce(),
            _ => {}
        }
        self.are_friends &= !matches!(act, 7 | 11);
        let person = &mut self.people[n];
        let Some(contact) = person.client.contacts().first().map(|contact| contact.id) else { return };
        let client = &mut person.client;
        match act {
            4 => drop(client.set_expiry(now, contact, u64::from(script.u8()) * 10)),
            5 => drop(client.rerun_code(now, contact)),
            6 => drop(client.confirm_code(now, contact, script.flag())),
            7 => drop(client.block(now, contact)),
            8 => drop(client.unblock(now, contact)),
            9 => person.sees_everything(now, contact),
            10 => drop(client.accept(now, contact)),
            11 => drop(client.remove(now, contact)),
            12 => drop(client.rename_me(now, &format!("name {}", script.u8()))),
            _ => {
                let text = format!("{}{}", self.said[n].len(), "!".repeat(usize::from(script.u8()) * 20));
                if client.send_text(now, contact, &text).is_ok() {
                    self.said[n].insert(text);
                }
            }
        }
    }

    fn peer_does(&mut self, n: usize, script: &mut Script<'_>) {
        let name = self.people[n].client.fingerprint();
        let session = self.desk.here.iter().rev().find(|(_, who)| **who == name).map(|(session, _)| *session);
        let other = self.desk.seen.iter().copied().nth(script.below(self.desk.seen.len().max(1)));
        let Some(session) = session.filter(|_| script.u8() < 200).or(other) else { return };
        let desk = &mut self.desk;
        let delivery = DeliveryId(u64::from(script.u8()));
        match script.u8() % 8 {
            0 | 1 if !desk.left.is_empty() => {
                let (queue, mut envelope) = desk.left[script.below(desk.left.len())].clone();
                if script.flag() {
                    script.damage(&mut envelope);
                }
                desk.push(session, delivery, push_class::CONTACT, queue, &envelope);
            }
            2 if !desk.intros.is_empty() => {
                let mut body = desk.intros[script.below(desk.intros.len())].1.clone();
                if script.flag() {
                    script.damage(&mut body);
                }
                desk.push(session, delivery, push_class::INTRO, QueueId::default(), &body);
            }
            3 => {
                let (id, parts, part, length) = (script.u8(), script.u8() % 9, script.u8() % 9, script.below(40));
                let body = [&[id; 16][..], &[parts, part], script.bytes(length)].concat();
                desk.push(session, delivery, push_class::INTRO, QueueId::default(), &body);
            }
            4 => (desk.refuses, desk.refusal) = (script.u8() % 8, u16::from(script.u8() % 16)),
            5 if script.flag() => desk.restart(self.now, script.u8()),
            5 => desk.link.close_with_notice(session),
            6 => desk.bodies.values_mut().for_each(|body| {
                script.damage(body);
            }),
            _ => {
                let length = script.below(200);
                for frame in Frames::new(script.bytes(length)).flatten() {
                    desk.link.send(session, &frame);
                }
            }
        }
    }

    /// The peer is restarted and honest from now on: friends get everything that they ever wrote to each other.
    fn calm_down(&mut self) {
        self.desk.refuses = 0;
        self.desk.restart(self.now, 200);
        self.run(5 * MINUTE);
        let lacks = |world: &Self, n: usize| world.said[n].iter().any(|text| !world.people[1 - n].read.contains(text));
        for hour in 0.. {
            if !self.are_friends || !(lacks(self, 0) || lacks(self, 1)) {
                break;
            }
            assert!(hour < 8, "a text does not arrive: {:?} {:?}", self.said, self.people.each_ref().map(|p| &p.read));
            self.run(HOUR);
        }
    }

    fn run(&mut self, us: u64) {
        let end = self.now.mono_us + us;
        for steps in 0.. {
            assert!(steps < 200_000, "time does not go on");
            self.exchange();
            let deadlines = self.people.iter().filter_map(|person| person.client.poll_timeout());
            let next = deadlines.chain(self.desk.link.poll_timeout()).min().unwrap_or(end).max(self.now.mono_us + 1);
            if next > end {
                break;
            }
            self.now = later(self.now, next - self.now.mono_us);
            self.desk.link.handle_timeout(self.now);
            self.people.iter_mut().for_each(|person| person.client.handle_timeout(self.now));
        }
        self.now = later(self.now, end - self.now.mono_us);
    }

    fn exchange(&mut self) {
        let mut out = vec![];
        let mut is_busy = true;
        while std::mem::take(&mut is_busy) {
            for n in 0..2 {
                self.people[n].settle(self.now, &self.said[1 - n]);
                while let Some(transmit) = self.people[n].client.poll_transmit(self.now, &mut out) {
                    is_busy = true;
                    self.desk.take(self.now, socket_address(n, transmit.socket), &mut out);
                }
            }
            while let Some(transmit) = self.desk.link.poll_transmit(self.now, &mut out) {
                is_busy = true;
                let (n, socket) = (usize::from(transmit.to.port() & 1), SocketId(u32::from(transmit.to.port() >> 1)));
                self.people[n].client.handle_datagram(self.now, socket, place(1), &mut out);
            }
            while self.desk.link.poll_event().is_some() {}
        }
    }
}

fn socket_address(n: usize, socket: SocketId) -> SocketAddr {
    SocketAddr::new(place(10).ip(), (socket.0 as u16) << 1 | n as u16)
}

impl Person {
    fn load(disk: Disk, starts: u8, now: Now) -> Self {
        let rows = disk.iter().filter(|((table, _), _)| table.is_loaded());
        let rows = rows.map(|((table, key), value)| (*table, key.clone(), value.clone()));
        let mut client =
            Client::load(ClientConfig::default(), [60 + starts; 32], now, rows).expect("loads what it wrote");
        client.start(now);
        Self { client, disk, shown: BTreeMap::new(), read: BTreeSet::new(), starts }
    }

    /// What is not on the disk is lost.
    fn crash(&mut self, now: Now) {
        let again = Self::load(self.disk.clone(), self.starts.wrapping_add(2), now);
        (self.client, self.starts) = (again.client, again.starts);
    }

    /// Commits, and does what the client asks for, until it asks for nothing more.
    fn settle(&mut self, now: Now, said_to_me: &BTreeSet<String>) {
        loop {
            for write in self.client.take_writes() {
                let Some(value) = write.value else {
                    self.disk.remove(&(write.table, write.key));
                    continue;
                };
                if write.table == Table::Message {
                    self.check(&Message::from_row(&value).expect("a row of a message"), said_to_me);
                }
                self.disk.insert((write.table, write.key), value);
            }
            self.client.committed();
            match self.client.poll_event() {
                None => break,
                Some(Event::Resolve { query, .. }) => self.client.handle_resolved(now, query, vec![place(1)]),
                Some(Event::ResolveKey { query, .. }) => self.client.handle_peer_key(now, query, None),
                Some(Event::Work { id, .. }) => self.client.handle_work(now, id, WorkNonce(1)),
                Some(_) => {}
            }
        }
        let rows = |table: Table| self.disk.range((table, vec![])..).take_while(|((t, _), _)| *t == table).count();
        assert!(rows(Table::Pending) <= 64 && rows(Table::Part) <= 2048 && rows(Table::Intro) <= 16 * 8);
    }

    /// A peer cannot forge a text, change it, or have it shown twice.
    fn check(&mut self, message: &Message, said_to_me: &BTreeSet<String>) {
        let MessageBody::Text(text) = &message.body else { return };
        if !message.outgoing {
            assert!(said_to_me.contains(text), "nobody wrote {text:?}");
            let shown = *self.shown.entry(message.content).or_insert(message.id);
            assert_eq!(shown, message.id, "{text:?} stands in two places");
            self.read.insert(text.clone());
        }
    }

    fn sees_everything(&mut self, now: Now, contact: ContactId) {
        let last = self.disk.keys().rev().find(|(table, _)| *table == Table::Message);
        if let Some(id) = last.and_then(|(_, key)| key.as_slice().try_into().ok()) {
            drop(self.client.mark_seen(now, contact, MessageId(u64::from_be_bytes(id))));
        }
    }
}

/// The peer. What it holds for people is forgotten when it is restarted; what it has seen, never.
struct Desk {
    link: PeerLink,
    /// Registered sessions.
    here: BTreeMap<SessionHandle, Fingerprint>,
    /// All sessions that ever said something.
    seen: BTreeSet<SessionHandle>,
    owners: BTreeMap<QueueId, Fingerprint>,
    held: BTreeMap<u64, (QueueId, Vec<u8>)>,
    next: u64,
    left: Vec<(QueueId, Vec<u8>)>,
    intros: Vec<(Fingerprint, Vec<u8>)>,
    bodies: BTreeMap<Fingerprint, Vec<u8>>,
    uploads: BTreeMap<(SessionHandle, ObjectId), Vec<u8>>,
    /// So many of the next questions are refused, with this code.
    refuses: u8,
    refusal: u16,
}

impl Desk {
    fn key() -> PeerKey {
        PeerKey::generate([8; 32])
    }

    fn address() -> PeerAddress {
        // This is a host.
        PeerAddress { host: "peer.example".parse().expect("a host"), port: 7117, peer_id: Self::key().peer_id() }
    }

    fn new(now: Now) -> Self {
        let config = PeerLinkConfig { filter_bits: 12, ..PeerLinkConfig::default() };
        Self {
            link: PeerLink::new(config, Self::key(), [9; 32], now),
            here: BTreeMap::new(),
            seen: BTreeSet::new(),
            owners: BTreeMap::new(),
            held: BTreeMap::new(),
            next: 1,
            left: vec![],
            intros: vec![],
            bodies: BTreeMap::new(),
            uploads: BTreeMap::new(),
            refuses: 0,
            refusal: 0,
        }
    }

    fn restart(&mut self, now: Now, seed: u8) {
        let config = PeerLinkConfig { filter_bits: 12, ..PeerLinkConfig::default() };
        self.link = PeerLink::new(config, Self::key(), [seed; 32], now);
        self.here.clear();
        self.seen.clear();
        self.owners.clear();
        self.held.clear();
        self.uploads.clear();
    }

    fn take(&mut self, now: Now, from: SocketAddr, datagram: &mut [u8]) {
        let Ok(Received::Frames { session, plaintext }) = self.link.handle_datagram(now, from, datagram) else {
            return;
        };
        self.seen.insert(session);
        let plaintext = plaintext.to_vec();
        for frame in Frames::new(&plaintext).flatten() {
            match frame.request().filter(|_| self.refuses > 0) {
                Some(request) => {
                    self.refuses -= 1;
                    self.link.send(session, &Frame::Error { request, code: self.refusal, retry_after_ms: 0 });
                }
                None => self.serve(now, session, &frame),
            }
        }
    }

    fn serve(&mut self, now: Now, session: SessionHandle, frame: &Frame<'_>) {
        match *frame {
            Frame::Register { request, root, .. } => self.register(session, request, root),
            Frame::Poll { request } => {
                let (boot, messages) = (self.link.boot(), self.held.len() as u32);
                self.link.send(session, &Frame::Status { request, boot, messages, bytes: 0, oldest_s: 0 });
                self.push_all(session);
            }
            Frame::QueueSet { request, queue, quota_kib, .. } => {
                self.owners.extend(self.here.get(&session).map(|who| (queue, *who)));
                let expiry = now.wall_s() + 1_000_000;
                self.link.send(session, &Frame::Ticket { request, quota_kib, expiry, mac: [1; 16] });
            }
            Frame::QueueRestore { request, fingerprint, queue, .. } => {
                self.owners.insert(queue, fingerprint);
                self.link.send_ok(session, request);
            }
            Frame::Deposit { request, deposit } => {
                self.deposit(&deposit);
                self.link.send_ok(session, request);
            }
            Frame::Ack { deliveries, .. } => {
                let is_acked = |id: u64| deliveries.iter().any(|(first, last)| (first..=last).contains(&id));
                self.held.retain(|id, _| !is_acked(*id));
            }
            Frame::Put { request, object, total, part, .. } => self.put(session, request, object, total, part),
            Frame::Lookup { request, fingerprint } => self.look_up(session, request, &fingerprint, 0),
            Frame::Fetch { request, offset, .. } => {
                let asked =
                    self.uploads.get(&(session, ObjectId(u32::MAX))).and_then(|name| name.as_slice().try_into().ok());
                self.look_up(session, request, &Fingerprint(asked.unwrap_or_default()), offset);
            }
            Frame::PathResponse { data } => self.link.path_response(now, session, data),
            Frame::Close => {
                self.link.close(session);
                self.here.remove(&session);
                self.seen.remove(&session);
            }
            _ => frame.request().into_iter().for_each(|request| self.link.send_ok(session, request)),
        }
    }

    fn register(&mut self, session: SessionHandle, request: RequestId, root: &[u8]) {
        let Some(binding) = self.link.binding(session) else { return };
        let person = verify_register(root, Self::key().peer_id(), binding).expect("an honest client");
        self.here.insert(session, person.fingerprint());
        self.link.set_registered(session, true);
        let incarnation = Incarnation(self.link.boot().0);
        self.link.send(session, &Frame::Mailbox { request, incarnation });
        self.link.send_ok(session, request);
        self.push_all(session);
    }

    fn deposit(&mut self, deposit: &Deposit<'_>) {
        let (queue, body, owner) = match *deposit {
            Deposit::Contact { queue, envelope, .. } => {
                self.left.push((queue, envelope.to_vec()));
                (queue, envelope.to_vec(), self.owners.get(&queue).copied())
            }
            Deposit::Intro { fingerprint, intro, parts, index, part, .. } => {
                let body = [&intro.0[..], &[parts, index], part].concat();
                self.intros.push((fingerprint, body.clone()));
                // The queue of introductions is zeros: whose they are is kept beside.
                (QueueId::default(), body, Some(fingerprint))
            }
        };
        let id = self.next;
        self.next += 1;
        self.held.insert(id, (queue, body.clone()));
        let session = self.here.iter().rev().find(|(_, who)| Some(**who) == owner).map(|(session, _)| *session);
        if let Some(session) = session {
            let class = if queue == QueueId::default() { push_class::INTRO } else { push_class::CONTACT };
            self.push(session, DeliveryId(id), class, queue, &body);
        }
    }

    fn push_all(&mut self, session: SessionHandle) {
        let Some(who) = self.here.get(&session).copied() else { return };
        let is_theirs = |(_, (queue, _)): &(&u64, &(QueueId, Vec<u8>))| self.owners.get(queue) == Some(&who);
        let held: Vec<_> = self.held.iter().filter(is_theirs).take(20).map(|(id, it)| (*id, it.clone())).collect();
        for (id, (queue, body)) in held {
            self.push(session, DeliveryId(id), push_class::CONTACT, queue, &body);
        }
    }

    fn push(&mut self, session: SessionHandle, delivery: DeliveryId, class: u8, queue: QueueId, body: &[u8]) {
        if body.len() <= 1100 {
            self.link.send(session, &Frame::Push { delivery, class, queue, body });
        }
    }

    /// Parts come in their order: nothing is lost here.
    fn put(&mut self, session: SessionHandle, request: RequestId, object: ObjectId, total: u32, part: &[u8]) {
        let body = self.uploads.entry((session, object)).or_default();
        body.extend(part);
        if body.len() >= total as usize {
            let whole = self.uploads.remove(&(session, object)).unwrap_or_default();
            self.bodies.extend(self.here.get(&session).map(|who| (*who, whole)));
        }
        self.link.send_ok(session, request);
    }

    fn look_up(&mut self, session: SessionHandle, request: RequestId, who: &Fingerprint, offset: u32) {
        // Which body a session fetches from is kept under an id that no client draws.
        self.uploads.insert((session, ObjectId(u32::MAX)), who.0.to_vec());
        let bundle = self.bodies.get(who).and_then(|body| Bundle::decode(body).ok());
        let answer = bundle.and_then(|it| LookedUp { card: it.card, package: it.last_resort }.encode().ok());
        let Some(body) = answer else {
            return self
                .link
                .send(session, &Frame::Error { request, code: error_code::UNKNOWN_USER, retry_after_ms: 0 });
        };
        let from = body.len().min(offset as usize);
        let part = &body[from..body.len().min(from + 1024)];
        let (object, total) = (ObjectId(1), body.len() as u32);
        self.link.send(session, &Frame::Body { request, object, offset, total, part });
    }
}
