//! The client as one machine: it dispatches inputs to the operations and collects their outputs, nothing more.
//!
//! # Driving it
//! 1. Feed one input or several: a datagram, a timeout, an answer of the DNS, a command.
//! 2. [`Client::take_writes`]; commit them in ONE transaction; [`Client::committed`]. If the transaction fails, drop the
//!    client and [`Client::load`] it again: memory never runs ahead of the disk in a way that anybody else sees, because
//!    packets and events wait for the commit.
//! 3. Drain [`Client::poll_event`] and [`Client::poll_transmit`].
//! 4. Sleep until [`Client::poll_timeout`] or the next input.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;

use pirushka_e2e::packages::KeyPackages;
use pirushka_identity::Identity;
use pirushka_link::{ClientLink, ClientLinkConfig};
use pirushka_wire::{Fingerprint, Now, PeerAddress, PeerId, QueueId};
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};

use crate::api::{ContactId, Event, QueryId, SocketId, Transmit, Write};
use crate::config::ClientConfig;
use crate::contact::Contact;
use crate::dial::{Asker, Dial, Retry};
use crate::home::Home;
use crate::home_row::HomeId;
use crate::intro::Intros;
use crate::invite::InviteRow;
use crate::profile::ProfileRow;
use crate::queue::QueueRow;
use crate::rows::WriteSet;
use crate::timers::{Timer, Timers};
use crate::vanish::Vanishing;

/// Whose a socket or a question is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Owner {
    Home(HomeId),
    /// The way to a home peer at an address that is being tried.
    Trial(HomeId),
    /// The way to one of a contact's peers.
    Route(ContactId, PeerId),
    /// The key of a contact's peer.
    Key(ContactId),
    Probe(HomeId),
}

/// A person's client. See the module's text for how to drive it.
pub struct Client {
    pub(crate) config: ClientConfig,
    pub(crate) rng: ChaCha20Rng,
    pub(crate) identity: Identity,
    pub(crate) profile: ProfileRow,
    pub(crate) writes: WriteSet,
    pub(crate) events: VecDeque<Event>,
    pub(crate) timers: Timers,
    pub(crate) contacts: BTreeMap<ContactId, Contact>,
    pub(crate) by_fingerprint: BTreeMap<Fingerprint, ContactId>,
    pub(crate) homes: BTreeMap<HomeId, Home>,
    /// A home that I leave may be left for good now.
    pub(crate) settle_homes: bool,
    pub(crate) queues: BTreeMap<QueueId, QueueRow>,
    pub(crate) invites: BTreeMap<u32, InviteRow>,
    pub(crate) packages: KeyPackages,
    pub(crate) memory: BTreeMap<Fingerprint, crate::memory::MemoryRow>,
    pub(crate) intros: Intros,
    pub(crate) vanishing: Vanishing,
    /// Contacts to look at before the next output.
    pub(crate) dirty: BTreeSet<ContactId>,
    /// Links that still have to say CLOSE.
    pub(crate) parting: Vec<(SocketId, ClientLink)>,
    pub(crate) next_query: u32,
    pub(crate) queries: BTreeMap<QueryId, Owner>,
    pub(crate) sockets: BTreeMap<SocketId, Owner>,
    pub(crate) next_socket: u32,
    pub(crate) next_work: u32,
    pub(crate) started: bool,
    /// What came in that could not be used, by reason.
    pub(crate) refused: BTreeMap<&'static str, u64>,
}

impl Client {
    /// Begins to talk: registers at the home peers, and offers what waits in the outbox.
    pub fn start(&mut self, now: Now) {
        self.started = true;
        self.settle_homes = true;
        for home in self.homes.keys().copied().collect::<Vec<_>>() {
            self.wake_home(now, home);
            self.wake_trial(now, home, false);
        }
        self.tell_contacts(now);
        for contact in self.contacts.keys().copied().collect::<Vec<_>>() {
            self.ask_peer_key(contact);
            self.watch_gap(now, contact);
            self.dirty.insert(contact);
        }
        self.vanish_due(now);
        self.turn(now);
    }

    /// Says goodbye to every peer, so that nobody takes me for reachable. Commit and drain the packets as after any
    /// input; then the client is silent until it is loaded again.
    pub fn stop(&mut self, now: Now) {
        for home in self.homes.keys().copied().collect::<Vec<_>>() {
            self.close_home(now, home);
        }
        for contact in self.contacts.keys().copied().collect::<Vec<_>>() {
            self.close_routes(now, contact);
        }
        self.dirty.clear();
    }

    /// A datagram came in at a socket.
    pub fn handle_datagram(&mut self, now: Now, socket: SocketId, remote: SocketAddr, datagram: &mut [u8]) {
        let Some(&owner) = self.sockets.get(&socket) else { return };
        if let Some(link) = self.link(owner) {
            // A packet that the link refuses is counted there and changes nothing here.
            let _ = link.handle_datagram(now, remote, datagram);
        }
        self.drain_link(now, owner);
        self.turn(now);
    }

    /// The moment that [`Client::poll_timeout`] named has come, or any other.
    pub fn handle_timeout(&mut self, now: Now) {
        for owner in self.sockets.values().copied().collect::<Vec<_>>() {
            if let Some(link) = self.link(owner)
                && link.poll_timeout().is_some_and(|at| at <= now.mono_us)
            {
                link.handle_timeout(now);
                self.drain_link(now, owner);
            }
        }
        while let Some(timer) = self.timers.pop_due(now.mono_us) {
            match timer {
                Timer::Contact(contact) => drop(self.dirty.insert(contact)),
                Timer::Gap(contact) => self.show_gap(now, contact),
                Timer::Key(contact) => self.ask_peer_key(contact),
                Timer::Home(home) => self.home_timer(now, home),
                Timer::Trial(home) => self.wake_trial(now, home, false),
                Timer::Probe(home) => self.probe_timer(now, home),
                Timer::Vanish => self.vanish_due(now),
            }
        }
        self.turn(now);
    }

    /// The answer to [`Event::Resolve`]; empty when the name has no address.
    pub fn handle_resolved(&mut self, now: Now, query: QueryId, addresses: Vec<SocketAddr>) {
        match self.queries.remove(&query) {
            Some(Owner::Home(home)) => self.home_resolved(now, home, addresses),
            Some(Owner::Trial(home)) => self.trial_resolved(now, home, addresses),
            Some(Owner::Route(contact, peer)) => self.route_resolved(now, contact, peer, addresses),
            Some(Owner::Key(_) | Owner::Probe(_)) | None => {}
        }
        self.turn(now);
    }

    /// The answer to [`Event::ResolveKey`].
    pub fn handle_peer_key(&mut self, now: Now, query: QueryId, key: Option<PeerId>) {
        if let Some(Owner::Key(contact)) = self.queries.remove(&query) {
            self.peer_key_found(now, contact, key);
        }
        self.turn(now);
    }

    /// The machine's network has changed: say something at once, so that peers learn the new path.
    pub fn network_changed(&mut self, now: Now) {
        for id in self.homes.keys().copied().collect::<Vec<_>>() {
            if let Some(home) = self.homes.get_mut(&id) {
                home.dial.link.path_changed(now);
            }
            self.wake_home_now(now, id);
            self.wake_trial(now, id, true);
        }
        self.forget_keepalive(now);
        for contact in self.contacts.keys().copied().collect::<Vec<_>>() {
            self.wake_routes_now(now, contact);
        }
        self.turn(now);
    }

    /// The changes since the last call. Commit them all, or none.
    pub fn take_writes(&mut self) -> Vec<Write> {
        debug_assert!(!self.started || self.contacts.values().all(|c| !c.changed), "a change is left out");
        self.writes.take()
    }

    /// What [`Client::take_writes`] gave is on disk.
    pub fn committed(&mut self) {
        self.writes.committed();
    }

    /// Something to do or to show. Nothing while writes are open.
    pub fn poll_event(&mut self) -> Option<Event> {
        if self.writes.is_pending() { None } else { self.events.pop_front() }
    }

    /// One datagram, written to `out` (cleared first). Nothing while writes are open.
    pub fn poll_transmit(&mut self, now: Now, out: &mut Vec<u8>) -> Option<Transmit> {
        if self.writes.is_pending() || !self.started {
            return None;
        }
        if let Some(farewell) = self.say_farewell(now, out) {
            return Some(farewell);
        }
        let Self { sockets, homes, contacts, .. } = self;
        sockets.iter().find_map(|(&socket, &owner)| {
            out.clear();
            let to = link_of(owner, homes, contacts)?.poll_transmit(now, out)?;
            Some(Transmit { socket, to })
        })
    }

    fn say_farewell(&mut self, now: Now, out: &mut Vec<u8>) -> Option<Transmit> {
        while let Some((socket, link)) = self.parting.last_mut() {
            let socket = *socket;
            out.clear();
            if let Some(to) = link.poll_transmit(now, out) {
                return Some(Transmit { socket, to });
            }
            self.parting.pop();
            self.events.push_back(Event::CloseSocket { socket });
        }
        None
    }

    /// When [`Client::handle_timeout`] should be called, in monotonic microseconds.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<u64> {
        let homes = self.homes.values().map(|home| &home.dial.link);
        let probes = self.homes.values().filter_map(|home| home.probe.link());
        let trials = self.homes.values().filter_map(|home| Some(&home.trial.as_ref()?.dial.link));
        let routes = self.contacts.values().flat_map(|c| c.routes.values()).map(|route| &route.dial.link);
        let links = homes.chain(routes).chain(probes).chain(trials).filter_map(ClientLink::poll_timeout);
        links.chain(self.timers.next()).min()
    }

    /// How often something that came in could not be used, by reason.
    #[must_use]
    pub fn refused(&self) -> &BTreeMap<&'static str, u64> {
        &self.refused
    }

    pub(crate) fn count(&mut self, reason: &'static str) {
        *self.refused.entry(reason).or_default() += 1;
    }

    /// Looks at every contact that something happened to, and puts what changed about any of them in the write set: no
    /// row of a conversation may reach the disk without the state of the contact that goes with it.
    pub(crate) fn turn(&mut self, now: Now) {
        if self.started {
            self.settle_left_homes(now);
            while let Some(contact) = self.dirty.pop_first() {
                self.drive_contact(now, contact);
            }
        }
        for contact in self.contacts.values_mut().filter(|contact| contact.changed) {
            contact.save_sessions(&mut self.writes);
            contact.save(&mut self.writes);
        }
    }

    pub(crate) fn link(&mut self, owner: Owner) -> Option<&mut ClientLink> {
        link_of(owner, &mut self.homes, &mut self.contacts)
    }

    /// Hands every event of one link to its operation.
    pub(crate) fn drain_link(&mut self, now: Now, owner: Owner) {
        while let Some(event) = self.link(owner).and_then(ClientLink::poll_event) {
            match owner {
                Owner::Home(home) => self.home_event(now, home, event),
                Owner::Trial(home) => self.trial_event(now, home, event),
                Owner::Route(contact, peer) => self.route_event(now, contact, peer, event),
                Owner::Probe(home) => self.probe_event(now, home, event),
                Owner::Key(_) => {}
            }
        }
    }

    /// A new link behind a socket of its own.
    pub(crate) fn new_link(&mut self, owner: Owner, peer: PeerId) -> (SocketId, ClientLink) {
        let socket = SocketId(self.next_socket);
        self.next_socket += 1;
        self.sockets.insert(socket, owner);
        let config = ClientLinkConfig { veil: self.config.veil, ..ClientLinkConfig::default() };
        (socket, ClientLink::new(config, peer, self.seed()))
    }

    /// A way to a home peer, not begun yet.
    pub(crate) fn home_dial(&mut self, owner: Owner, peer: PeerAddress) -> Dial {
        let (socket, link) = self.new_link(owner, peer.peer_id);
        let retry = Retry { first_us: self.config.retry_first_us, max_us: self.config.retry_max_us };
        Dial::new(peer, socket, link, retry)
    }

    /// Says goodbye on a way that is given up, and forgets what was asked for it.
    pub(crate) fn part(&mut self, now: Now, owner: Owner, mut dial: Dial) {
        dial.link.close(now);
        self.sockets.remove(&dial.socket);
        self.queries.retain(|_, other| *other != owner);
        self.parting.push((dial.socket, dial.link));
    }

    pub(crate) fn seed(&mut self) -> [u8; 32] {
        self.random()
    }

    pub(crate) fn random<const N: usize>(&mut self) -> [u8; N] {
        let mut out = [0; N];
        self.rng.fill_bytes(&mut out);
        out
    }

    /// Calls `f` with what a [`crate::dial::Dial`] needs to ask, and remembers whose question it was.
    pub(crate) fn asking<T>(
        &mut self,
        owner: Owner,
        f: impl FnOnce(&mut Self, &mut Asker<'_>) -> (T, Option<QueryId>),
    ) -> T {
        let mut events = std::mem::take(&mut self.events);
        let mut next_query = self.next_query;
        let (value, query) = f(self, &mut Asker { events: &mut events, next_query: &mut next_query });
        events.append(&mut self.events);
        self.events = events;
        self.next_query = next_query;
        if let Some(query) = query {
            self.queries.insert(query, owner);
        }
        value
    }
}

pub(crate) fn rng_from(seed: [u8; 32]) -> ChaCha20Rng {
    ChaCha20Rng::from_seed(seed)
}

fn link_of<'a>(
    owner: Owner,
    homes: &'a mut BTreeMap<HomeId, Home>,
    contacts: &'a mut BTreeMap<ContactId, Contact>,
) -> Option<&'a mut ClientLink> {
    match owner {
        Owner::Home(home) => homes.get_mut(&home).map(|home| &mut home.dial.link),
        Owner::Route(contact, peer) => {
            contacts.get_mut(&contact)?.routes.get_mut(&peer).map(|route| &mut route.dial.link)
        }
        Owner::Probe(home) => homes.get_mut(&home)?.probe.link_mut(),
        Owner::Trial(home) => Some(&mut homes.get_mut(&home)?.trial.as_mut()?.dial.link),
        Owner::Key(_) => None,
    }
}
