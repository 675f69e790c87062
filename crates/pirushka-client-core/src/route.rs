//! The way to one of a contact's peers: an anonymous session with a socket of its own, opened when there is something to
//! leave there and closed when idle. Never the session in which I am registered, even at the same peer.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use pirushka_identity::WorkClaim;
use pirushka_link::{Answer, Class, ClientLinkEvent};
use pirushka_wire::frame::error_code;
use pirushka_wire::time::{MINUTE, SECOND};
use pirushka_wire::{BootId, Frame, Now, ObjectId, PeerAddress, PeerId, RequestId, WorkNonce};

use crate::api::{AddingTrouble, ContactId, ContactState, Event, MessageState, Table, Warning};
use crate::client::{Client, Owner};
use crate::contact::Contact;
use crate::dial::{Dial, Phase, Retry, Verdict};
use crate::limits::ROUTES_MAX;
use crate::rows::encode;
use crate::timers::Timer;
use crate::work::{Foreman, Work};

/// What a request to a contact's peer was about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    /// One part of an item of the outbox.
    Part {
        item: u64,
        part: usize,
    },
    /// One part of a bare receipt, by its content id.
    Receipt {
        content: [u8; 16],
        part: usize,
    },
    Lookup,
    Restore,
}

/// A bundle coming in part by part.
struct Lookup {
    object: ObjectId,
    total: usize,
    bytes: Vec<u8>,
}

pub(crate) struct Route {
    pub(crate) dial: Dial,
    pub(crate) boot: Option<BootId>,
    pub(crate) hold_ms: u64,
    pub(crate) asked: BTreeMap<RequestId, Asked>,
    lookup: Option<Lookup>,
    looking_up: bool,
    /// No deposits before this moment: the peer said full, slow down, or unknown queue.
    pub(crate) paused_until_us: u64,
    pub(crate) pauses: u32,
    /// The pause is for something that another peer may not refuse.
    pub(crate) refused: bool,
    /// The ticket was tried in this session.
    pub(crate) restored: bool,
    /// It was found unavailable, and has not answered since.
    pub(crate) failed: bool,
    /// Bits of work that this peer asks of strangers at least, and what it asked of me.
    pub(crate) difficulty: u8,
    pub(crate) bits_asked: u8,
    /// Work for introductions, by item.
    pub(crate) work: BTreeMap<u64, Work>,
    pub(crate) used_us: u64,
}

impl Route {
    pub(crate) fn requests(&self) -> usize {
        self.asked.len()
    }

    pub(crate) fn deposits(&self) -> usize {
        self.asked.values().filter(|a| matches!(a, Asked::Part { .. } | Asked::Receipt { .. })).count()
    }

    /// Whether another peer is to be tried rather than this one.
    pub(crate) fn refuses(&self, now: Now) -> bool {
        self.refused && now.mono_us < self.paused_until_us
    }

    pub(crate) fn is_restoring(&self) -> bool {
        self.asked.values().any(|asked| *asked == Asked::Restore)
    }

    fn forget_requests(&mut self) {
        for request in std::mem::take(&mut self.asked).into_keys() {
            self.dial.link.cancel(request);
        }
        self.lookup = None;
        self.looking_up = false;
    }

    fn forget_session(&mut self) {
        self.forget_requests();
        self.restored = false;
        self.bits_asked = 0;
        self.work.clear();
    }

    /// The work that lets an introduction in: 0 when none is needed (or none is known to be), `None` when it has to be
    /// waited for.
    pub(crate) fn work_for(
        &mut self,
        item: u64,
        claim: impl Fn(&[u8; 32]) -> WorkClaim,
        bits: u8,
        foreman: &mut Foreman<'_>,
    ) -> Option<WorkNonce> {
        if bits == 0 {
            return Some(WorkNonce(0));
        }
        let claim = claim(self.dial.link.binding()?);
        let work = self.work.get(&item).filter(|work| work.claim == claim && work.bits >= bits);
        match work {
            Some(work) => work.done(),
            None => {
                self.work.insert(item, foreman.ask(claim, bits));
                None
            }
        }
    }
}

impl Client {
    /// Makes sure that this peer of a contact is being reached; tells whether it is.
    pub(crate) fn open_route(&mut self, now: Now, id: ContactId, peer: &PeerAddress) -> bool {
        let Some(contact) = self.contacts.get(&id) else { return false };
        if !contact.routes.contains_key(&peer.peer_id) {
            if self.routes_open() >= ROUTES_MAX && !self.give_up_a_route(now) {
                self.timers.set_earlier(Timer::Contact(id), now.after_us(SECOND));
                return false;
            }
            self.add_route(now, id, peer.clone());
        }
        self.wake_route(now, id, peer.peer_id);
        let route = self.contacts.get(&id).and_then(|c| c.routes.get(&peer.peer_id));
        let Some(route) = route else { return false };
        if let Some(until_us) = route.dial.waiting_until() {
            self.timers.set_earlier(Timer::Contact(id), until_us);
        }
        route.dial.is_up()
    }

    pub(crate) fn close_routes(&mut self, now: Now, id: ContactId) {
        let Some(contact) = self.contacts.get(&id) else { return };
        for peer in contact.routes.keys().copied().collect::<Vec<_>>() {
            self.close_route(now, id, peer);
        }
    }

    pub(crate) fn close_route(&mut self, now: Now, id: ContactId, peer: PeerId) {
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        let Some(route) = contact.routes.remove(&peer) else { return };
        forget_requests(contact, peer);
        self.part(now, Owner::Route(id, peer), route.dial);
    }

    /// Closes routes through which nothing was asked for a while; says when to look again.
    pub(crate) fn rest_routes(&mut self, now: Now, id: ContactId) {
        let Some(contact) = self.contacts.get(&id) else { return };
        let mut idle = vec![];
        for (&peer, route) in &contact.routes {
            if route.requests() > 0 || matches!(route.dial.phase(), Phase::Resolving(_) | Phase::Greeting) {
                continue;
            }
            // Who closes what it was asked to leave alone forgets that it was asked, and asks again at once. What is
            // to be done when the pause is over has set its own bell.
            let idle_at = route.used_us.saturating_add(self.config.route_idle_us).max(route.paused_until_us);
            if now.mono_us < idle_at {
                self.timers.set_earlier(Timer::Contact(id), idle_at);
            } else if !matches!(route.dial.phase(), Phase::Waiting { .. }) {
                idle.push(peer);
            }
        }
        idle.into_iter().for_each(|peer| self.close_route(now, id, peer));
        self.try_earlier_peer(now, id);
    }

    pub(crate) fn route_resolved(&mut self, now: Now, id: ContactId, peer: PeerId, addresses: Vec<SocketAddr>) {
        let found = !addresses.is_empty();
        let Some(route) = self.contacts.get_mut(&id).and_then(|c| c.routes.get_mut(&peer)) else { return };
        let verdict = route.dial.resolved(now, addresses, &mut self.rng);
        let trouble = if found { AddingTrouble::PeerUnavailable } else { AddingTrouble::NoAddress };
        self.route_verdict(id, peer, verdict, trouble);
    }

    pub(crate) fn route_event(&mut self, now: Now, id: ContactId, peer: PeerId, event: ClientLinkEvent) {
        match event {
            ClientLinkEvent::Established { welcome, binding: _ } => {
                if let Some(route) = self.contacts.get_mut(&id).and_then(|c| c.routes.get_mut(&peer)) {
                    route.difficulty = welcome.terms.intro_difficulty;
                }
                self.route_up(now, id, peer, welcome.boot, u64::from(welcome.terms.hold_s) * 1000);
            }
            ClientLinkEvent::Answered { request, answer } => {
                let route = self.contacts.get_mut(&id).and_then(|c| c.routes.get_mut(&peer));
                if let Some(asked) = route.and_then(|route| route.asked.remove(&request)) {
                    self.route_answer(now, id, peer, asked, answer);
                }
            }
            ClientLinkEvent::Lost { reason } => {
                if let Some(contact) = self.contacts.get_mut(&id) {
                    contact.routes.get_mut(&peer).into_iter().for_each(Route::forget_session);
                    forget_requests(contact, peer);
                }
                let verdict = self.asking(Owner::Route(id, peer), |client, ask| {
                    let Self { contacts, rng, .. } = client;
                    let route = contacts.get_mut(&id).and_then(|c| c.routes.get_mut(&peer));
                    route.map_or((Verdict::Retrying, None), |route| route.dial.lost(now, reason, ask, rng))
                });
                self.route_verdict(id, peer, verdict, AddingTrouble::PeerUnavailable);
            }
            ClientLinkEvent::Quiet => self.route_quiet(id, peer),
            ClientLinkEvent::Pushed { .. } | ClientLinkEvent::Polled { .. } | ClientLinkEvent::Superseded => {}
        }
        self.dirty.insert(id);
    }

    /// This peer of the contact's may be dead. What was asked of it is not waited for, if there is another to ask; should
    /// it have taken something after all, that is a copy of what its recipient gets elsewhere.
    fn route_quiet(&mut self, id: ContactId, peer: PeerId) {
        let Some(contact) = self.contacts.get_mut(&id).filter(|contact| contact.peers().len() > 1) else { return };
        contact.routes.get_mut(&peer).into_iter().for_each(Route::forget_requests);
        forget_requests(contact, peer);
    }

    /// Asks this peer for the contact's bundle unless that is under way.
    pub(crate) fn look_up(&mut self, now: Now, id: ContactId, peer: PeerId) {
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        let fingerprint = contact.fingerprint();
        let Some(route) = contact.routes.get_mut(&peer).filter(|route| route.dial.is_up()) else { return };
        if route.looking_up || now.mono_us < route.paused_until_us {
            let until = route.paused_until_us;
            if !route.looking_up {
                self.timers.set_earlier(Timer::Contact(id), until);
            }
            return;
        }
        route.looking_up = true;
        let frame = Frame::Lookup { request: RequestId(0), fingerprint };
        let request = route.dial.link.request(now, &frame, Class::Control);
        route.asked.insert(request, Asked::Lookup);
    }

    /// Closes a route whose peer does not answer, or one that rests, so that others get their turn.
    fn give_up_a_route(&mut self, now: Now) -> bool {
        let idle = |route: &Route| route.dial.is_up() && route.requests() == 0;
        let routes = self.contacts.iter().flat_map(|(&id, c)| c.routes.iter().map(move |(&peer, r)| (id, peer, r)));
        let spare = routes.filter(|(_, _, route)| route.dial.waiting_until().is_some() || idle(route));
        let spare = spare.min_by_key(|(_, _, route)| route.used_us).map(|(id, peer, _)| (id, peer));
        let Some((id, peer)) = spare else { return false };
        self.close_route(now, id, peer);
        true
    }

    fn routes_open(&self) -> usize {
        self.contacts.values().map(|c| c.routes.len()).sum()
    }

    fn add_route(&mut self, now: Now, id: ContactId, peer: PeerAddress) {
        let peer_id = peer.peer_id;
        let (socket, link) = self.new_link(Owner::Route(id, peer_id), peer_id);
        let retry = Retry { first_us: self.config.retry_first_us, max_us: 10 * self.config.retry_max_us };
        let route = Route {
            dial: Dial::new(peer, socket, link, retry),
            boot: None,
            hold_ms: 0,
            asked: BTreeMap::new(),
            lookup: None,
            looking_up: false,
            paused_until_us: 0,
            pauses: 0,
            refused: false,
            restored: false,
            failed: false,
            difficulty: 0,
            bits_asked: 0,
            work: BTreeMap::new(),
            used_us: now.mono_us,
        };
        if let Some(contact) = self.contacts.get_mut(&id) {
            contact.routes.insert(peer_id, route);
        }
    }

    /// The session stands. What was held in another boot is gone: it is queued again and offered at once.
    fn route_up(&mut self, now: Now, id: ContactId, peer: PeerId, boot: BootId, hold_ms: u64) {
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        let Some(route) = contact.routes.get_mut(&peer) else { return };
        route.dial.established(now);
        route.boot = Some(boot);
        route.hold_ms = hold_ms;
        route.failed = false;
        for item in contact.outbox.values_mut().filter(|item| item.is_lost_at(peer, boot)) {
            item.forget_offer_at(peer);
            item.offer_us = 0;
            if item.held.take_if(|held| held.peer == peer).is_some()
                && let Some(message) = item.row.message
            {
                let state = MessageState::Queued;
                self.writes.put(Table::MessageState, message.0.to_be_bytes(), encode(&state));
                self.events.push_back(Event::MessageState { contact: id, id: message, state });
            }
        }
    }

    /// "Unavailable": what only this peer holds is offered to the next one, if there is one, since nobody knows whether
    /// it will ever be back.
    fn route_verdict(&mut self, id: ContactId, peer: PeerId, verdict: Verdict, trouble: AddingTrouble) {
        if verdict != Verdict::Unavailable {
            return;
        }
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        if let Some(route) = contact.routes.get_mut(&peer) {
            route.failed = true;
        }
        let peers = contact.peers();
        if peers.len() > 1 {
            for item in contact.outbox.values_mut() {
                if item.is_held_at(peer, None) && !item.is_held_elsewhere(peer) {
                    item.offer_us = 0;
                }
            }
        }
        let failed = |peer: &PeerAddress| contact.routes.get(&peer.peer_id).is_some_and(|route| route.failed);
        if peers.iter().all(failed) {
            self.adding_trouble(id, trouble);
        }
        self.dirty.insert(id);
    }

    /// Notes why a first contact does not get through yet; tells it once.
    pub(crate) fn adding_trouble(&mut self, id: ContactId, reason: AddingTrouble) {
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        if contact.row.state == ContactState::Adding && contact.trouble.replace(reason) != Some(reason) {
            self.events.push_back(Event::Warning(Warning::AddingDelayed { contact: id, reason }));
        }
    }

    pub(crate) fn lookup_answered(&mut self, now: Now, id: ContactId, peer: PeerId, answer: Answer) {
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        let Some(route) = contact.routes.get_mut(&peer) else { return };
        let Answer::Body { object, offset, total, part } = answer else {
            route.looking_up = false;
            route.lookup = None;
            let code = if let Answer::Error { code, .. } = answer { code } else { error_code::REFUSED };
            return self.lookup_refused(now, id, peer, code);
        };
        let total = (total as usize).min(pirushka_wire::limits::BODY_MAX);
        let lookup = route.lookup.get_or_insert_with(|| Lookup { object, total, bytes: vec![] });
        if lookup.object != object || lookup.bytes.len() != offset as usize || part.is_empty() {
            route.looking_up = false;
            route.lookup = None;
            return self.lookup_refused(now, id, peer, error_code::REFUSED);
        }
        lookup.bytes.extend(part);
        if lookup.bytes.len() < lookup.total {
            let offset = lookup.bytes.len() as u32;
            let frame = Frame::Fetch { request: RequestId(0), object: lookup.object, offset };
            let request = route.dial.link.request(now, &frame, Class::Control);
            route.asked.insert(request, Asked::Lookup);
            return;
        }
        let bytes = std::mem::take(&mut lookup.bytes);
        route.lookup = None;
        route.looking_up = false;
        self.bundle_found(now, id, peer, &bytes);
    }

    fn lookup_refused(&mut self, now: Now, id: ContactId, peer: PeerId, code: u16) {
        let trouble = match code {
            error_code::UNKNOWN_USER => AddingTrouble::UnknownUser,
            _ => AddingTrouble::PeerUnavailable,
        };
        self.adding_trouble(id, trouble);
        self.pause_route(now, id, peer);
    }

    /// The network has changed: what did not answer may answer now.
    pub(crate) fn wake_routes_now(&mut self, now: Now, id: ContactId) {
        let Some(contact) = self.contacts.get(&id) else { return };
        for peer in contact.routes.keys().copied().collect::<Vec<_>>() {
            self.asking(Owner::Route(id, peer), |client, ask| {
                let route = client.contacts.get_mut(&id).and_then(|c| c.routes.get_mut(&peer));
                let query = route.and_then(|route| {
                    route.dial.link.path_changed(now);
                    route.failed = false;
                    route.dial.wake_now(now, ask)
                });
                ((), query)
            });
        }
        self.dirty.insert(id);
    }

    /// The contact is there, and has perhaps made room: what was refused is tried again at once.
    pub(crate) fn resume_routes(&mut self, now: Now, id: ContactId) {
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        for route in contact.routes.values_mut() {
            route.paused_until_us = route.paused_until_us.min(now.mono_us);
            route.pauses = 0;
        }
    }

    /// Asks nothing more of this peer for a while that doubles each time.
    pub(crate) fn pause_route(&mut self, now: Now, id: ContactId, peer: PeerId) {
        let Some(route) = self.contacts.get_mut(&id).and_then(|c| c.routes.get_mut(&peer)) else { return };
        route.paused_until_us = now.after_us((SECOND << route.pauses.min(12)).min(10 * MINUTE));
        route.pauses += 1;
        route.refused = true;
        self.timers.set_earlier(Timer::Contact(id), route.paused_until_us);
        self.dirty.insert(id);
    }
}

fn forget_requests(contact: &mut Contact, peer: PeerId) {
    if contact.peers().len() == 1 {
        // A receipt whose fate is unknown is not repeated there: a duplicate will call for a fresh one.
        contact.volatile.retain(|item| !item.is_asked_at(peer));
    }
    let items = contact.outbox.values_mut().chain(&mut contact.volatile);
    items.for_each(|item| item.forget_requests(peer));
}
