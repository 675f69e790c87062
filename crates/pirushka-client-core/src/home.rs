//! My session with one home peer: register, tell it who may write to me, take in what it holds. Each of my homes has one,
//! with a socket, a keepalive and a memory of its restarts of its own; [`crate::homes`] chooses which peers they are.
//!
//! Order after each registration, since the peer's RAM may be new: the bundle, my policy, all queues, all invites, then LIST_END,
//! which makes the list authoritative: what is not on it (a blocked contact's queue, a revoked invite) is closed.
//! Pushed messages are acknowledged after their rows are on disk, because no packet leaves before the commit.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;

use pirushka_identity::{Card, WorkClaim};
use pirushka_link::{Answer, Class, ClientLinkEvent, Keepalive, LostReason};
use pirushka_wire::frame::{body_kind, error_code, push_class};
use pirushka_wire::limits::BODY_PART_MAX;
use pirushka_wire::planted::{self, Bug};
use pirushka_wire::time::{HOUR, MINUTE, MS, SECOND};
use pirushka_wire::{
    BootId, DeliveryId, Frame, HomeAddress, Incarnation, InstanceId, InviteSecret, Now, ObjectId, QueueId, RangeSet,
    RequestId, WorkNonce,
};

use crate::api::{Event, HomeState, Warning};
use crate::changes::Changes;
use crate::client::{Client, Owner};
use crate::dial::{Dial, Phase, Verdict};
use crate::home_row::{HomeId, HomeRow};
use crate::limits::RECEIVED_RANGES_MAX;
use crate::probe::KeepaliveProbe;
use crate::relocate::Trial;
use crate::timers::Timer;
use crate::work::{Foreman, Work};

/// How often a home peer gets a new bundle.
const REFRESH_US: u64 = 6 * HOUR;
/// The first pause before a list is named again of which something found no room.
const LIST_AGAIN_US: u64 = MINUTE;

/// What a request to the home peer was about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    Register,
    Queue(QueueId),
    /// Something else of the list: the policy, an invite.
    Listed,
    /// Nothing depends on the answer.
    Other,
}

pub(crate) struct Home {
    pub(crate) row: HomeRow,
    pub(crate) dial: Dial,
    /// Another address of it that is being tried.
    pub(crate) trial: Option<Trial>,
    /// What lets me in at a private peer.
    pub(crate) invite: Option<InviteSecret>,
    /// What the peer asks of newcomers.
    pub(crate) work: Option<Work>,
    pub(crate) state: HomeState,
    /// Since when it is in that state, Unix milliseconds; 0 = since the client was loaded.
    pub(crate) since_ms: u64,
    /// What it said last of what it holds for me: messages, and when it said so.
    pub(crate) holds: Option<(u32, u64)>,
    pub(crate) probe: KeepaliveProbe,
    pub(crate) observed: Option<SocketAddr>,
    pub(crate) keepalive_us: u64,
    pub(crate) incarnation: Option<Incarnation>,
    /// Taken in within this incarnation.
    taken: RangeSet,
    /// Taken in before the incarnation was known.
    unacknowledged: VecDeque<DeliveryId>,
    pub(crate) asked: BTreeMap<RequestId, Asked>,
    changes: Changes<Asked>,
    /// Requests of the list that are not answered yet; LIST_END follows the last. Others are not waited for, and must not
    /// be taken for these: the end of a list that is not whole closes queues.
    list_open: BTreeSet<RequestId>,
    /// The peer had no memory for something of the list: it is named again.
    pub(crate) list_refused: bool,
    /// After so long.
    list_pause_us: u64,
    next_object: u32,
}

impl Home {
    pub(crate) fn is_registered(&self) -> bool {
        self.incarnation.is_some()
    }

    /// Whether this address says nothing new: the same peer at the same host, and no other invite secret.
    pub(crate) fn is_like(&self, address: &HomeAddress) -> bool {
        self.dial.peer == address.peer && (address.invite.is_none() || address.invite == self.invite)
    }

    /// Asks, or lets it wait for another change of the same thing.
    fn ask(&mut self, now: Now, frame: &Frame<'_>, class: Class, about: Asked) -> Option<RequestId> {
        if self.changes.hold_back(frame, about) {
            return None;
        }
        let request = self.dial.link.request(now, frame, class);
        self.changes.sent(frame, request);
        self.asked.insert(request, about);
        Some(request)
    }

    /// What a request was about that is answered now. What waited for it is said.
    fn take_asked(&mut self, now: Now, request: RequestId) -> Option<Asked> {
        if let Some((frame, about)) = self.changes.answered(request) {
            self.ask(now, &frame, Class::Control, about);
        }
        self.asked.remove(&request)
    }

    /// Asks for something that LIST_END waits for.
    fn ask_for_list(&mut self, now: Now, frame: &Frame<'_>, about: Asked) {
        let request = self.ask(now, frame, Class::Bulk, about);
        self.list_open.extend(request);
    }

    fn forget_session(&mut self) {
        self.incarnation = None;
        self.work = None;
        self.taken = RangeSet::new();
        self.unacknowledged.clear();
        self.asked.clear();
        self.changes.clear();
        self.list_open.clear();
        self.list_refused = false;
        self.list_pause_us = LIST_AGAIN_US;
    }
}

impl Client {
    /// A session with the peer of this row, not begun yet.
    pub(crate) fn open_home(&mut self, row: HomeRow) {
        let Ok(HomeAddress { peer, invite }) = row.address.parse() else { return };
        let id = row.id;
        let dial = self.home_dial(Owner::Home(id), peer);
        let home = Home {
            row,
            dial,
            trial: None,
            invite,
            work: None,
            state: HomeState::Connecting,
            since_ms: 0,
            holds: None,
            probe: KeepaliveProbe::default(),
            observed: None,
            keepalive_us: self.config.keepalive_us,
            incarnation: None,
            taken: RangeSet::new(),
            unacknowledged: VecDeque::new(),
            asked: BTreeMap::new(),
            changes: Changes::default(),
            list_open: BTreeSet::new(),
            list_refused: false,
            list_pause_us: LIST_AGAIN_US,
            next_object: 1,
        };
        self.homes.insert(id, home);
        self.open_trial(id);
    }

    /// Ends the session with a home peer; what lies on disk about it stays.
    pub(crate) fn close_home(&mut self, now: Now, id: HomeId) {
        self.finish_probing(now, id);
        self.end_trial(now, id);
        let Some(home) = self.homes.remove(&id) else { return };
        self.timers.clear(Timer::Home(id));
        self.timers.clear(Timer::Probe(id));
        self.part(now, Owner::Home(id), home.dial);
    }

    pub(crate) fn wake_home(&mut self, now: Now, id: HomeId) {
        self.asking(Owner::Home(id), |client, ask| {
            ((), client.homes.get_mut(&id).and_then(|home| home.dial.wake(now, ask)))
        });
    }

    pub(crate) fn wake_home_now(&mut self, now: Now, id: HomeId) {
        self.asking(Owner::Home(id), |client, ask| {
            ((), client.homes.get_mut(&id).and_then(|home| home.dial.wake_now(now, ask)))
        });
    }

    pub(crate) fn home_resolved(&mut self, now: Now, id: HomeId, addresses: Vec<SocketAddr>) {
        let Some(home) = self.homes.get_mut(&id) else { return };
        let verdict = home.dial.resolved(now, addresses, &mut self.rng);
        self.home_verdict(now, id, verdict);
    }

    pub(crate) fn home_timer(&mut self, now: Now, id: HomeId) {
        let Some(home) = self.homes.get(&id) else { return };
        if home.is_registered() {
            self.timers.set(Timer::Home(id), now.after_us(REFRESH_US));
            self.refresh(now, id);
        } else {
            self.wake_home(now, id);
        }
        self.settle_homes = true;
    }

    /// Says again what the peer may no longer know: the list, if something of it was refused, or else the bundle. Not both:
    /// each bundle has new packages, and whoever makes many forgets those that others have already.
    fn refresh(&mut self, now: Now, id: HomeId) {
        let Some(home) = self.homes.get_mut(&id) else { return };
        let is_late = home.list_pause_us >= REFRESH_US;
        let refused = std::mem::take(&mut home.list_refused);
        if refused {
            home.list_pause_us = home.list_pause_us.saturating_mul(2).min(REFRESH_US);
            self.publish_list(now, id);
        }
        if !refused || is_late {
            self.publish_bundle(now, id);
        }
    }

    pub(crate) fn home_event(&mut self, now: Now, id: HomeId, event: ClientLinkEvent) {
        let Some(home) = self.homes.get_mut(&id) else { return };
        match event {
            ClientLinkEvent::Established { welcome, binding } => {
                home.dial.established(now);
                home.observed = Some(welcome.observed);
                self.register(now, id, &binding, WorkNonce(0));
                self.note_boot(now, id, welcome.boot);
            }
            ClientLinkEvent::Answered { request, answer } => {
                if let Some(asked) = home.take_asked(now, request) {
                    self.home_answer(now, id, asked, answer);
                    self.list_progress(now, id, request);
                }
            }
            ClientLinkEvent::Pushed { delivery, class, queue, mut body } => {
                self.pushed(now, id, delivery, class, queue, &mut body);
            }
            ClientLinkEvent::Polled { status } => {
                home.holds = Some((status.messages, now.wall_ms));
                self.settle_homes = true;
            }
            ClientLinkEvent::Superseded => self.home_superseded(now, id),
            // The verdict follows, or an answer.
            ClientLinkEvent::Quiet => {}
            ClientLinkEvent::Lost { reason } => self.home_lost(now, id, reason),
        }
    }

    /// Opens or changes one queue at its home peer, if that listens.
    pub(crate) fn announce_queue(&mut self, now: Now, queue: QueueId) {
        let Some(row) = self.queues.get(&queue) else { return };
        let Some(home) = self.homes.get_mut(&row.home).filter(|home| home.is_registered()) else { return };
        home.ask(now, &row.frame(), Class::Control, Asked::Queue(queue));
    }

    pub(crate) fn withdraw_queue(&mut self, now: Now, home: HomeId, queue: QueueId) {
        let Some(home) = self.homes.get_mut(&home).filter(|home| home.is_registered()) else { return };
        home.ask(now, &Frame::QueueDrop { request: RequestId(0), queue }, Class::Control, Asked::Other);
    }

    pub(crate) fn announce_invite(&mut self, now: Now, id: u32) {
        let Some(invite) = self.invites.get(&id).filter(|invite| invite.is_open(now.wall_s())) else { return };
        let frame = invite.frame();
        self.ask_homes(now, &frame, Asked::Other);
    }

    /// Who may knock without an invite.
    pub(crate) fn announce_policy(&mut self, now: Now) {
        let frame = self.policy_frame();
        self.ask_homes(now, &frame, Asked::Other);
        for id in self.homes.keys().copied().collect::<Vec<_>>() {
            if self.homes.get(&id).is_some_and(Home::is_registered) {
                self.publish_bundle(now, id);
            }
        }
    }

    fn policy_frame(&self) -> Frame<'static> {
        Frame::IntroPolicy { request: RequestId(0), policy: self.profile.policy().to_byte() }
    }

    pub(crate) fn withdraw_invite(&mut self, now: Now, token_hash: [u8; 32]) {
        self.ask_homes(now, &Frame::TokenDrop { request: RequestId(0), token_hash }, Asked::Other);
    }

    /// A CARD that names my present homes, with the next sequence number.
    pub(crate) fn sign_card(&mut self, now: Now) -> Card {
        self.profile.card_seq = (self.profile.card_seq + 1).max(now.wall_ms);
        self.profile.save(&mut self.writes);
        let not_after = now.wall_s() + self.config.card_life_s;
        self.identity.sign_card(self.card_homes(), self.profile.policy(), self.profile.card_seq, not_after)
    }

    /// Asks a home peer what it holds, if it listens.
    pub(crate) fn ask_status(&mut self, now: Now, id: HomeId) {
        let Some(home) = self.homes.get_mut(&id).filter(|home| home.is_registered()) else { return };
        home.ask(now, &Frame::Poll { request: RequestId(0) }, Class::Control, Asked::Other);
    }

    fn ask_homes(&mut self, now: Now, frame: &Frame<'_>, asked: Asked) {
        for home in self.homes.values_mut().filter(|home| home.is_registered()) {
            home.ask(now, frame, Class::Control, asked);
        }
    }

    /// The work that the peer asked for is done.
    pub(crate) fn register_again(&mut self, now: Now, id: HomeId) {
        let Some(home) = self.homes.get(&id) else { return };
        if let (Some(binding), Some(work)) = (home.dial.link.binding().copied(), home.work.and_then(|w| w.done())) {
            self.register(now, id, &binding, work);
        }
    }

    fn register(&mut self, now: Now, id: HomeId, binding: &[u8; 32], work: WorkNonce) {
        let Some(home) = self.homes.get_mut(&id) else { return };
        let root = self.identity.register_packet(home.dial.peer.peer_id, binding, now.wall_s());
        let instance = InstanceId(self.profile.instance);
        let invite = home.invite.unwrap_or_default();
        let frame = Frame::Register { request: RequestId(0), instance, invite, work, root: &root };
        home.ask(now, &frame, Class::Control, Asked::Register);
    }

    pub(crate) fn home_answer(&mut self, now: Now, id: HomeId, asked: Asked, answer: Answer) {
        match (asked, answer) {
            (Asked::Register, Answer::Mailbox { incarnation }) => self.registered(now, id, incarnation),
            (Asked::Register, Answer::Error { code: error_code::INVITE_NEEDED, .. }) => {
                self.home_refused(now, id, HomeState::InviteNeeded);
            }
            (Asked::Register, Answer::Error { code: error_code::WORK_NEEDED, retry_after_ms: bits }) => {
                self.work_for_home(now, id, bits);
            }
            (Asked::Register, _) => {
                if let Some(home) = self.homes.get_mut(&id) {
                    home.dial.link.close(now);
                }
                self.home_lost(now, id, LostReason::Unreachable);
            }
            (Asked::Queue(queue), Answer::Ticket(ticket)) => {
                if let Some(row) = self.queues.get_mut(&queue) {
                    row.ticket = Some(ticket.into());
                    row.save(&mut self.writes);
                    self.dirty.insert(row.contact);
                }
            }
            (Asked::Queue(_) | Asked::Listed, Answer::Error { code: error_code::FULL, retry_after_ms }) => {
                self.list_again(now, id, u64::from(retry_after_ms) * MS);
            }
            (Asked::Queue(_) | Asked::Listed | Asked::Other, _) => {}
        }
    }

    /// The peer had no memory for something of the list. Contacts cannot bring back a queue that its owner did not name,
    /// so everything is named again after a while, which doubles.
    fn list_again(&mut self, now: Now, id: HomeId, least_us: u64) {
        let Some(home) = self.homes.get_mut(&id) else { return };
        home.list_refused = true;
        self.timers.set_earlier(Timer::Home(id), now.after_us(home.list_pause_us.max(least_us)));
    }

    /// The peer is short of memory: newcomers work. Asked in vain for the same twice, it is one that does not keep its word.
    fn work_for_home(&mut self, now: Now, id: HomeId, bits: u32) {
        let bits = u8::try_from(bits).unwrap_or(u8::MAX);
        let Self { homes, events, next_work, config, identity, .. } = self;
        let Some(home) = homes.get_mut(&id) else { return };
        let in_vain = home.work.is_some_and(|work| work.bits >= bits);
        match home.dial.link.binding() {
            Some(binding) if bits <= config.work_bits_max && !in_vain => {
                let claim = WorkClaim::registration(binding, &identity.fingerprint());
                home.work = Some(Foreman { events, next_work }.ask(claim, bits));
            }
            _ => self.home_refused(now, id, HomeState::WorkTooHard),
        }
    }

    /// Another copy of my profile gets the pushes. The peer says so with each POLL, and ends this session when that copy
    /// has gone, so that I register anew.
    fn home_superseded(&mut self, now: Now, id: HomeId) {
        let Some(home) = self.homes.get(&id).filter(|home| home.state != HomeState::Superseded) else { return };
        if home.is_registered() {
            self.set_home_state(now, id, HomeState::Superseded);
            self.events.push_back(Event::Warning(Warning::Superseded));
        }
    }

    /// The peer does not take me, and asking again at once would not help.
    fn home_refused(&mut self, now: Now, id: HomeId, state: HomeState) {
        let Some(home) = self.homes.get_mut(&id) else { return };
        home.forget_session();
        home.dial.rest(now, HOUR);
        self.timers.set(Timer::Home(id), now.after_us(HOUR));
        self.set_home_state(now, id, state);
    }

    fn registered(&mut self, now: Now, id: HomeId, incarnation: Incarnation) {
        let Some(home) = self.homes.get_mut(&id) else { return };
        home.incarnation = Some(incarnation);
        for delivery in std::mem::take(&mut home.unacknowledged) {
            home.taken.insert(delivery.0);
            home.dial.link.acknowledge(incarnation, delivery);
        }
        let keepalive = Keepalive { interval_us: home.keepalive_us, poll_every: self.config.poll_every };
        home.dial.link.set_keepalive(now, Some(keepalive));
        self.set_home_state(now, id, HomeState::Online);
        self.publish_bundle(now, id);
        self.publish_list(now, id);
        self.timers.set(Timer::Home(id), now.after_us(REFRESH_US));
        self.start_probing(now, id);
        // Contacts whose hello waited for a ticket, and those who must learn a new CARD.
        self.dirty.extend(self.contacts.keys());
    }

    pub(crate) fn publish_bundle(&mut self, now: Now, id: HomeId) {
        // Whoever knocks by my keys would be heard by the copy of me that gets the pushes, which has others.
        if self.homes.get(&id).is_none_or(|home| home.state == HomeState::Superseded) {
            return;
        }
        let card = self.sign_card(now);
        let first = self.home_order().first() == Some(&id);
        let bundle = self.publishable_bundle(now, &card, first);
        let Some(home) = self.homes.get_mut(&id) else { return };
        let object = ObjectId(home.next_object);
        home.next_object += 1;
        let total = bundle.len() as u32;
        for (n, part) in bundle.chunks(BODY_PART_MAX).enumerate() {
            let offset = (n * BODY_PART_MAX) as u32;
            let frame = Frame::Put { request: RequestId(0), object, offset, total, kind: body_kind::BUNDLE, part };
            home.ask_for_list(now, &frame, Asked::Other);
        }
    }

    fn publish_list(&mut self, now: Now, id: HomeId) {
        let (wall_s, policy) = (now.wall_s(), self.policy_frame());
        let Some(home) = self.homes.get_mut(&id) else { return };
        home.ask_for_list(now, &policy, Asked::Listed);
        let rows = self.queues.values().filter(|row| row.home == id);
        for row in rows.skip(usize::from(planted::is(Bug::QueuesNotListed))) {
            home.ask_for_list(now, &row.frame(), Asked::Queue(row.queue()));
        }
        for invite in self.invites.values().filter(|invite| invite.is_open(wall_s)) {
            home.ask_for_list(now, &invite.frame(), Asked::Listed);
        }
    }

    fn list_progress(&mut self, now: Now, id: HomeId, answered: RequestId) {
        let Some(home) = self.homes.get_mut(&id) else { return };
        if home.list_open.remove(&answered) && home.list_open.is_empty() {
            for frame in [Frame::ListEnd { request: RequestId(0) }, Frame::Poll { request: RequestId(0) }] {
                home.ask(now, &frame, Class::Control, Asked::Other);
            }
            self.home_serves(now, id);
        }
    }

    fn pushed(&mut self, now: Now, id: HomeId, delivery: DeliveryId, class: u8, queue: QueueId, body: &mut [u8]) {
        if self.homes.get(&id).is_none_or(|home| home.taken.contains(delivery.0)) {
            return self.acknowledge(id, delivery);
        }
        match class {
            push_class::CONTACT if self.queues.get(&queue).is_some_and(|row| row.home != id) => {
                self.count("envelope for a queue of another home peer");
            }
            push_class::CONTACT => self.take_envelope(now, queue, body),
            push_class::INTRO => self.take_intro_part(now, id, body),
            _ => self.count("push of an unknown class"),
        }
        self.acknowledge(id, delivery);
    }

    fn acknowledge(&mut self, id: HomeId, delivery: DeliveryId) {
        let Some(home) = self.homes.get_mut(&id) else { return };
        match home.incarnation {
            Some(incarnation) => {
                home.taken.insert(delivery.0);
                home.taken.keep_highest(RECEIVED_RANGES_MAX);
                home.dial.link.acknowledge(incarnation, delivery);
            }
            // What is pushed beyond this comes again after the registration.
            None if home.unacknowledged.len() < RECEIVED_RANGES_MAX => home.unacknowledged.push_back(delivery),
            None => {}
        }
    }

    fn home_lost(&mut self, now: Now, id: HomeId, reason: LostReason) {
        if let Some(home) = self.homes.get_mut(&id) {
            home.forget_session();
        }
        let verdict = self.asking(Owner::Home(id), |client, ask| {
            let Self { homes, rng, .. } = client;
            let home = homes.get_mut(&id);
            home.map_or((Verdict::Retrying, None), |home| home.dial.lost(now, reason, ask, rng))
        });
        self.home_verdict(now, id, verdict);
    }

    fn home_verdict(&mut self, now: Now, id: HomeId, verdict: Verdict) {
        match verdict {
            Verdict::Retrying => self.set_home_state(now, id, HomeState::Connecting),
            Verdict::Unavailable => {
                self.set_home_state(now, id, HomeState::Unavailable);
                if let Some(Phase::Waiting { until_us }) = self.homes.get(&id).map(|home| home.dial.phase()) {
                    self.timers.set(Timer::Home(id), until_us);
                }
            }
        }
    }

    fn set_home_state(&mut self, now: Now, id: HomeId, state: HomeState) {
        let Some(home) = self.homes.get_mut(&id) else { return };
        // While it stays unavailable, each new attempt is not news.
        let failing = matches!(home.state, HomeState::Unavailable | HomeState::InviteNeeded | HomeState::WorkTooHard);
        let quiet = failing && state == HomeState::Connecting;
        if home.state != state && !quiet {
            home.state = state;
            home.since_ms = now.wall_ms;
            let down_ms = match state {
                HomeState::Unavailable => home.row.down_ms.or(Some(now.wall_ms)),
                HomeState::Connecting => home.row.down_ms,
                HomeState::Online | HomeState::Superseded | HomeState::InviteNeeded | HomeState::WorkTooHard => None,
            };
            if std::mem::replace(&mut home.row.down_ms, down_ms) != down_ms {
                home.row.save(&mut self.writes);
            }
            self.settle_homes = true;
            self.events.push_back(Event::Home { peer: home.dial.peer.clone(), state });
        }
    }

    /// The home peer forgot everything: contacts whose messages were held there are asked to offer them again. Spread
    /// over time, so that peers who serve several contacts cannot link them by the moment.
    fn note_boot(&mut self, now: Now, id: HomeId, boot: BootId) {
        let Some(home) = self.homes.get_mut(&id) else { return };
        let known = home.row.last_boot.replace(boot.0);
        if known == Some(boot.0) {
            return;
        }
        if known.is_some() {
            home.row.restarts = home.row.restarts.saturating_add(1);
            home.row.restarted_ms = Some(now.wall_ms);
        }
        home.row.save(&mut self.writes);
        if known.is_none() {
            return;
        }
        for (n, contact) in self.contacts.values_mut().filter(|c| !c.row.grants.is_empty()).enumerate() {
            let due = now.after_us(n as u64 * 2 * SECOND);
            contact.ask_again = true;
            contact.receipt_due_us = Some(contact.receipt_due_us.map_or(due, |old| old.min(due)));
            self.timers.set_earlier(Timer::Contact(contact.row.id), due);
        }
    }
}
