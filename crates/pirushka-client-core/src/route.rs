//! The way to one contact's peer: an anonymous session with a socket of its own, opened when there is something to
//! leave there and closed when idle. Never the session in which I am registered, even at the same peer.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use pirushka_link::{Answer, Class, ClientLinkEvent};
use pirushka_wire::frame::{deposit_flags, error_code};
use pirushka_wire::time::{MINUTE, MS, SECOND};
use pirushka_wire::{BootId, Deposit, DepositId, Frame, Now, ObjectId, PeerAddress, QueueId, QueueSecret, RequestId};

use crate::api::{AddingTrouble, ContactId, ContactState, Event, MessageState, Table, Warning};
use crate::client::{Client, Owner};
use crate::contact::Contact;
use crate::dial::{Dial, Phase, Retry, Verdict};
use crate::limits::{DEPOSITS_MAX, ROUTES_MAX};
use crate::outbox::{Item, ItemKind, PartState};
use crate::rows::encode;
use crate::timers::Timer;

/// What a request to a contact's peer was about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
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
    boot: Option<BootId>,
    hold_ms: u64,
    asked: BTreeMap<RequestId, Asked>,
    lookup: Option<Lookup>,
    looking_up: bool,
    /// No deposits before this moment: the peer said full, slow down, or unknown queue.
    paused_until_us: u64,
    pauses: u32,
    /// The ticket was tried in this session.
    restored: bool,
    used_us: u64,
}

impl Route {
    fn requests(&self) -> usize {
        self.asked.len()
    }

    fn deposits(&self) -> usize {
        self.asked.values().filter(|a| matches!(a, Asked::Part { .. } | Asked::Receipt { .. })).count()
    }

    fn forget_session(&mut self) {
        self.asked.clear();
        self.lookup = None;
        self.looking_up = false;
        self.restored = false;
    }
}

impl Client {
    /// Makes sure that the contact's peer is being reached; tells whether it is.
    pub(crate) fn open_route(&mut self, now: Now, id: ContactId) -> bool {
        let Some(contact) = self.contacts.get_mut(&id) else { return false };
        let Some(peer) = contact.peer() else { return false };
        let moved = contact.route.as_ref().is_some_and(|route| route.dial.peer != peer);
        if moved {
            self.close_route(now, id);
        }
        if self.contacts.get(&id).is_some_and(|c| c.route.is_none()) {
            if self.routes_open() >= ROUTES_MAX && !self.give_up_a_route(now) {
                self.timers.set_earlier(Timer::Contact(id), now.after_us(SECOND));
                return false;
            }
            self.add_route(now, id, peer);
        }
        self.asking(Owner::Route(id), |client, ask| {
            let route = client.contacts.get_mut(&id).and_then(|c| c.route.as_mut());
            ((), route.and_then(|route| route.dial.wake(now, ask)))
        });
        let Some(route) = self.contacts.get_mut(&id).and_then(|c| c.route.as_mut()) else { return false };
        if let Some(until_us) = route.dial.waiting_until() {
            self.timers.set_earlier(Timer::Contact(id), until_us);
        }
        route.used_us = now.mono_us;
        route.dial.is_up()
    }

    pub(crate) fn close_route(&mut self, now: Now, id: ContactId) {
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        let Some(mut route) = contact.route.take() else { return };
        forget_requests(contact);
        route.dial.link.close(now);
        self.parting.push((route.dial.socket, route.dial.link));
        self.sockets.remove(&route.dial.socket);
        self.queries.retain(|_, owner| *owner != Owner::Route(id));
    }

    /// Closes the route when nothing was asked through it for a while; says when to look again.
    pub(crate) fn rest_route(&mut self, now: Now, id: ContactId) {
        let Some(route) = self.contacts.get(&id).and_then(|c| c.route.as_ref()) else { return };
        if route.requests() > 0 || matches!(route.dial.phase(), Phase::Resolving(_) | Phase::Greeting) {
            return;
        }
        let idle_at = route.used_us.saturating_add(self.config.route_idle_us);
        if now.mono_us < idle_at {
            self.timers.set_earlier(Timer::Contact(id), idle_at);
        } else if !matches!(route.dial.phase(), Phase::Waiting { .. }) {
            self.close_route(now, id);
        }
    }

    pub(crate) fn route_resolved(&mut self, now: Now, id: ContactId, addresses: Vec<SocketAddr>) {
        let found = !addresses.is_empty();
        let Some(route) = self.contacts.get_mut(&id).and_then(|c| c.route.as_mut()) else { return };
        let verdict = route.dial.resolved(now, addresses, &mut self.rng);
        let trouble = if found { AddingTrouble::PeerUnavailable } else { AddingTrouble::NoAddress };
        self.route_verdict(id, verdict, trouble);
    }

    pub(crate) fn route_event(&mut self, now: Now, id: ContactId, event: ClientLinkEvent) {
        match event {
            ClientLinkEvent::Established { welcome, binding: _ } => {
                self.route_up(now, id, welcome.boot, u64::from(welcome.terms.hold_s) * 1000);
            }
            ClientLinkEvent::Answered { request, answer } => {
                let route = self.contacts.get_mut(&id).and_then(|c| c.route.as_mut());
                if let Some(asked) = route.and_then(|route| route.asked.remove(&request)) {
                    self.route_answer(now, id, asked, answer);
                }
            }
            ClientLinkEvent::Lost { reason } => {
                if let Some(contact) = self.contacts.get_mut(&id) {
                    contact.route.iter_mut().for_each(Route::forget_session);
                    forget_requests(contact);
                }
                let verdict = self.asking(Owner::Route(id), |client, ask| {
                    let Self { contacts, rng, .. } = client;
                    let route = contacts.get_mut(&id).and_then(|c| c.route.as_mut());
                    route.map_or((Verdict::Retrying, None), |route| route.dial.lost(now, reason, ask, rng))
                });
                self.route_verdict(id, verdict, AddingTrouble::PeerUnavailable);
            }
            ClientLinkEvent::Pushed { .. } | ClientLinkEvent::Polled { .. } | ClientLinkEvent::Superseded => {}
        }
        self.dirty.insert(id);
    }

    /// Asks for the contact's bundle unless that is under way.
    pub(crate) fn look_up(&mut self, now: Now, id: ContactId) {
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        let fingerprint = contact.fingerprint();
        let Some(route) = contact.route.as_mut().filter(|route| route.dial.is_up()) else { return };
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

    /// Offers every idle part of the items that are due, as far as the window goes.
    pub(crate) fn offer_items(&mut self, now: Now, id: ContactId) {
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        let fingerprint = contact.fingerprint();
        let token = contact.token().unwrap_or_default();
        let grant = contact.row.grant.as_ref().map(|g| (g.queue(), g.secret()));
        let Contact { outbox, volatile, route, .. } = contact;
        let Some(route) = route.as_mut().filter(|route| route.dial.is_up()) else { return };
        if now.mono_us < route.paused_until_us {
            self.timers.set_earlier(Timer::Contact(id), route.paused_until_us);
            return;
        }
        let mut room = DEPOSITS_MAX.saturating_sub(route.deposits());
        let receipts = volatile.iter_mut().map(|item| (item, true));
        for (item, is_receipt) in receipts.chain(outbox.values_mut().map(|item| (item, false))) {
            if room == 0 || item.offer_us > now.mono_us {
                continue;
            }
            let Some(sealed) = &item.row.sealed else { continue };
            let total = sealed.parts.len();
            for (n, part) in sealed.parts.iter().enumerate() {
                if room == 0 {
                    break;
                }
                if item.parts.get(n) != Some(&PartState::Idle) {
                    continue;
                }
                let deposit = if item.row.kind == ItemKind::Intro {
                    Deposit::Intro {
                        fingerprint,
                        intro: pirushka_wire::IntroId(part.deposit),
                        parts: total as u8,
                        index: n as u8,
                        token,
                        work: pirushka_wire::WorkNonce(0),
                        part: &part.bytes,
                    }
                } else {
                    let Some((queue, secret)) = grant else { break };
                    contact_deposit(queue, secret, DepositId(part.deposit), total, &part.bytes)
                };
                let frame = Frame::Deposit { request: RequestId(0), deposit };
                let request = route.dial.link.request(now, &frame, Class::Bulk);
                let asked = if is_receipt {
                    Asked::Receipt { content: item.row.content, part: n }
                } else {
                    Asked::Part { item: item.row.id, part: n }
                };
                route.asked.insert(request, asked);
                if let Some(state) = item.parts.get_mut(n) {
                    *state = PartState::Asked(request);
                }
                room -= 1;
            }
        }
        route.used_us = now.mono_us;
    }

    /// Closes a route whose peer does not answer, or one that rests, so that others get their turn.
    fn give_up_a_route(&mut self, now: Now) -> bool {
        let idle = |route: &Route| route.dial.is_up() && route.requests() == 0;
        let routes = self.contacts.iter().filter_map(|(&id, c)| Some((id, c.route.as_ref()?)));
        let spare = routes.filter(|(_, route)| route.dial.waiting_until().is_some() || idle(route));
        let Some(id) = spare.min_by_key(|(_, route)| route.used_us).map(|(id, _)| id) else { return false };
        self.close_route(now, id);
        true
    }

    fn routes_open(&self) -> usize {
        self.contacts.values().filter(|c| c.route.is_some()).count()
    }

    fn add_route(&mut self, now: Now, id: ContactId, peer: PeerAddress) {
        let (socket, link) = self.new_link(Owner::Route(id), peer.peer_id);
        let retry = Retry { first_us: self.config.retry_first_us, max_us: 10 * self.config.retry_max_us };
        if let Some(contact) = self.contacts.get_mut(&id) {
            contact.route = Some(Route {
                dial: Dial::new(peer, socket, link, retry),
                boot: None,
                hold_ms: 0,
                asked: BTreeMap::new(),
                lookup: None,
                looking_up: false,
                paused_until_us: 0,
                pauses: 0,
                restored: false,
                used_us: now.mono_us,
            });
        }
    }

    /// The session stands. What was held in another boot is gone: it is queued again and offered at once.
    fn route_up(&mut self, now: Now, id: ContactId, boot: BootId, hold_ms: u64) {
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        let Some(route) = contact.route.as_mut() else { return };
        route.dial.established(now);
        route.boot = Some(boot);
        route.hold_ms = hold_ms;
        for item in contact.outbox.values_mut() {
            let stale = item.parts.iter().any(|p| matches!(p, PartState::Held(other) if *other != boot));
            if stale {
                item.reset_parts();
                item.offer_us = 0;
                if item.held_until_ms.take().is_some()
                    && let Some(message) = item.row.message
                {
                    let state = MessageState::Queued;
                    self.writes.put(Table::MessageState, message.0.to_be_bytes(), encode(&state));
                    self.events.push_back(Event::MessageState { contact: id, id: message, state });
                }
            }
        }
    }

    fn route_verdict(&mut self, id: ContactId, verdict: Verdict, trouble: AddingTrouble) {
        if verdict == Verdict::Unavailable {
            self.adding_trouble(id, trouble);
            self.dirty.insert(id);
        }
    }

    /// Notes why a first contact does not get through yet; tells it once.
    pub(crate) fn adding_trouble(&mut self, id: ContactId, reason: AddingTrouble) {
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        if contact.row.state == ContactState::Adding && contact.trouble.replace(reason) != Some(reason) {
            self.events.push_back(Event::Warning(Warning::AddingDelayed { contact: id, reason }));
        }
    }

    fn route_answer(&mut self, now: Now, id: ContactId, asked: Asked, answer: Answer) {
        match asked {
            Asked::Part { item, part } => self.part_answered(now, id, item, part, &answer),
            Asked::Receipt { content, part } => self.receipt_answered(now, id, content, part, &answer),
            Asked::Lookup => self.lookup_answered(now, id, answer),
            Asked::Restore => {
                if answer == Answer::Ok
                    && let Some(route) = self.contacts.get_mut(&id).and_then(|c| c.route.as_mut())
                {
                    route.paused_until_us = 0;
                    route.pauses = 0;
                }
            }
        }
    }

    fn part_answered(&mut self, now: Now, id: ContactId, item: u64, part: usize, answer: &Answer) {
        let config = self.config;
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        let Some(route) = contact.route.as_mut() else { return };
        let boot = route.boot.unwrap_or_default();
        let Some(item) = contact.outbox.get_mut(&item) else { return };
        if !matches!(item.parts.get(part), Some(PartState::Asked(_))) {
            return;
        }
        match answer {
            Answer::Ok => {
                route.pauses = 0;
                item.parts[part] = PartState::Held(boot);
                if item.is_held(boot) {
                    let until_ms = now.wall_ms + route.hold_ms;
                    item.offers += 1;
                    item.offered_us = now.mono_us;
                    // A peer that says it holds nothing for long is not to be asked without end.
                    let hold_us = route.hold_ms.saturating_mul(MS).max(config.reoffer_first_us);
                    item.offer_us = now.after_us(item.pause_us(&config).min(hold_us));
                    let is_news = item.held_until_ms.replace(until_ms).is_none();
                    if is_news && let Some(message) = item.row.message {
                        let state = MessageState::Held { until_ms };
                        self.writes.put(Table::MessageState, message.0.to_be_bytes(), encode(&state));
                        self.events.push_back(Event::MessageState { contact: id, id: message, state });
                    }
                }
            }
            Answer::Error { code, retry_after_ms } => {
                item.parts[part] = PartState::Idle;
                // The peer forgets the parts of an introduction that is not whole within a minute: where one is refused,
                // what it took before is offered again.
                if item.row.kind == ItemKind::Intro {
                    let held = item.parts.iter_mut().filter(|p| matches!(p, PartState::Held(_)));
                    held.for_each(|p| *p = PartState::Idle);
                }
                let (code, retry_after_ms) = (*code, *retry_after_ms);
                self.deposit_refused(now, id, code, retry_after_ms);
            }
            _ => item.parts[part] = PartState::Idle,
        }
    }

    fn receipt_answered(&mut self, now: Now, id: ContactId, content: [u8; 16], part: usize, answer: &Answer) {
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        let Some(at) = contact.volatile.iter().position(|item| item.row.content == content) else { return };
        match answer {
            Answer::Error { code, retry_after_ms } => {
                let item: &mut Item = &mut contact.volatile[at];
                if let Some(state) = item.parts.get_mut(part) {
                    *state = PartState::Idle;
                }
                let (code, retry_after_ms) = (*code, *retry_after_ms);
                self.deposit_refused(now, id, code, retry_after_ms);
            }
            _ => drop(contact.volatile.remove(at)),
        }
    }

    fn deposit_refused(&mut self, now: Now, id: ContactId, code: u16, retry_after_ms: u32) {
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        let restore = contact.row.grant.as_ref().and_then(|g| {
            let ticket = g.ticket.as_ref().filter(|t| t.expiry > now.wall_s())?;
            Some((g.queue(), g.secret(), ticket.clone()))
        });
        let fingerprint = contact.fingerprint();
        let Some(route) = contact.route.as_mut() else { return };
        if code == error_code::UNKNOWN_QUEUE
            && !route.restored
            && let Some((queue, secret, ticket)) = restore
        {
            route.restored = true;
            let frame = Frame::QueueRestore {
                request: RequestId(0),
                fingerprint,
                queue,
                secret_hash: pirushka_identity::proofs::queue_secret_hash(&secret),
                quota_kib: ticket.quota_kib,
                expiry: ticket.expiry,
                mac: ticket.mac,
            };
            let request = route.dial.link.request(now, &frame, Class::Control);
            route.asked.insert(request, Asked::Restore);
        }
        let told_us = (u64::from(retry_after_ms) * MS).min(self.config.reoffer_max_us);
        let doubled = (SECOND << route.pauses.min(12)).min(10 * MINUTE);
        // Several deposits of one train are refused together: that is one pause.
        if now.mono_us >= route.paused_until_us {
            route.pauses += 1;
            route.paused_until_us = now.after_us(told_us.max(doubled));
        }
        self.timers.set_earlier(Timer::Contact(id), route.paused_until_us);
        match code {
            error_code::INTRO_REFUSED => self.adding_trouble(id, AddingTrouble::IntroRefused),
            error_code::UNKNOWN_USER => self.adding_trouble(id, AddingTrouble::UnknownUser),
            error_code::FULL => self.adding_trouble(id, AddingTrouble::InboxFull),
            _ => {}
        }
    }

    fn lookup_answered(&mut self, now: Now, id: ContactId, answer: Answer) {
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        let Some(route) = contact.route.as_mut() else { return };
        let Answer::Body { object, offset, total, part } = answer else {
            route.looking_up = false;
            route.lookup = None;
            let code = if let Answer::Error { code, .. } = answer { code } else { error_code::REFUSED };
            return self.lookup_refused(now, id, code);
        };
        let total = (total as usize).min(pirushka_wire::limits::BODY_MAX);
        let lookup = route.lookup.get_or_insert_with(|| Lookup { object, total, bytes: vec![] });
        if lookup.object != object || lookup.bytes.len() != offset as usize || part.is_empty() {
            route.looking_up = false;
            route.lookup = None;
            return self.lookup_refused(now, id, error_code::REFUSED);
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
        self.bundle_found(now, id, &bytes);
    }

    fn lookup_refused(&mut self, now: Now, id: ContactId, code: u16) {
        let trouble = match code {
            error_code::UNKNOWN_USER => AddingTrouble::UnknownUser,
            _ => AddingTrouble::PeerUnavailable,
        };
        self.adding_trouble(id, trouble);
        self.pause_route(now, id);
    }

    /// The network has changed: what did not answer may answer now.
    pub(crate) fn wake_route_now(&mut self, now: Now, id: ContactId) {
        self.asking(Owner::Route(id), |client, ask| {
            let route = client.contacts.get_mut(&id).and_then(|c| c.route.as_mut());
            let query = route.and_then(|route| {
                route.dial.link.path_changed(now);
                route.dial.wake_now(now, ask)
            });
            ((), query)
        });
        self.dirty.insert(id);
    }

    /// The contact is there, and has perhaps made room: what was refused is tried again at once.
    pub(crate) fn resume_route(&mut self, now: Now, id: ContactId) {
        let Some(route) = self.contacts.get_mut(&id).and_then(|c| c.route.as_mut()) else { return };
        route.paused_until_us = route.paused_until_us.min(now.mono_us);
        route.pauses = 0;
    }

    /// Asks nothing more of this peer for a while that doubles each time.
    pub(crate) fn pause_route(&mut self, now: Now, id: ContactId) {
        let Some(route) = self.contacts.get_mut(&id).and_then(|c| c.route.as_mut()) else { return };
        route.paused_until_us = now.after_us((SECOND << route.pauses.min(12)).min(10 * MINUTE));
        route.pauses += 1;
        self.timers.set_earlier(Timer::Contact(id), route.paused_until_us);
    }
}

fn contact_deposit<'a>(
    queue: QueueId,
    secret: QueueSecret,
    deposit: DepositId,
    parts: usize,
    envelope: &'a [u8],
) -> Deposit<'a> {
    // What takes more than eight envelopes is long: it must leave room for texts, digits and commits.
    let flags = if parts > 8 { deposit_flags::BULK } else { 0 };
    Deposit::Contact { queue, secret, deposit, flags, envelope }
}

fn forget_requests(contact: &mut Contact) {
    contact.outbox.values_mut().for_each(Item::forget_requests);
    // A receipt whose fate is unknown is not repeated: a duplicate will call for a fresh one.
    contact.volatile.retain(|item| item.parts.iter().all(|p| *p == PartState::Idle));
}
