//! What is left for a contact at one of its peers, and what the peer answers.

use pirushka_identity::{Card, IntroPolicy, WorkClaim};
use pirushka_link::{Answer, Class};
use pirushka_wire::frame::{deposit_flags, error_code};
use pirushka_wire::planted::{self, Bug};
use pirushka_wire::time::{MINUTE, MS, SECOND};
use pirushka_wire::{Deposit, DepositId, Frame, IntroId, Now, PeerId, QueueId, QueueSecret, RequestId};

use crate::api::{AddingTrouble, ContactId, Event, MessageState, Table};
use crate::client::Client;
use crate::contact::Contact;
use crate::limits::DEPOSITS_MAX;
use crate::outbox::{HeldAt, Item, ItemKind, PartState};
use crate::route::Asked;
use crate::rows::encode;
use crate::timers::Timer;
use crate::work::Foreman;

impl Client {
    /// Offers every idle part of the items that are due at this peer, as far as the window goes.
    pub(crate) fn offer_items(&mut self, now: Now, id: ContactId, peer: PeerId) {
        let (bits_due, work_bits_max) = (self.bits_for(id, peer), self.config.work_bits_max);
        let Self { contacts, rng, writes, timers, events, next_work, .. } = self;
        let foreman = &mut Foreman { events, next_work };
        let Some(contact) = contacts.get_mut(&id) else { return };
        let fingerprint = contact.fingerprint();
        let token = contact.token().unwrap_or_default();
        let grant = contact.grant_at(peer).cloned();
        let Contact { outbox, volatile, routes, .. } = contact;
        let Some(route) = routes.get_mut(&peer).filter(|route| route.dial.is_up()) else { return };
        if now.mono_us < route.paused_until_us {
            return timers.set_earlier(Timer::Contact(id), route.paused_until_us);
        }
        let mut room = DEPOSITS_MAX.saturating_sub(route.deposits());
        let receipts = volatile.iter_mut().map(|item| (item, true));
        for (item, is_receipt) in receipts.chain(outbox.values_mut().map(|item| (item, false))) {
            if room == 0 {
                break;
            }
            if item.offer_us > now.mono_us || item.is_asked_elsewhere(peer) {
                continue;
            }
            let kind = item.row.kind;
            if kind != ItemKind::Intro && grant.is_none() {
                continue;
            }
            let Some((copy, is_new)) = item.copy_for(grant.as_ref(), rng) else { continue };
            let copy = copy.clone();
            if is_new && !is_receipt {
                item.save(writes);
            }
            let total = copy.parts.len();
            // What the peer held once it may hold still, and then asks for nothing.
            let may_hold = item.offers > 0 && route.bits_asked == 0;
            let bits = if kind == ItemKind::Intro && !may_hold { bits_due } else { 0 };
            if bits > work_bits_max {
                continue;
            }
            let intro = IntroId(copy.parts.first().map_or([0; 16], |part| part.deposit));
            let claim = |binding: &_| WorkClaim::introduction(binding, &fingerprint, total as u8, &intro);
            let Some(work) = route.work_for(item.row.id, claim, bits, foreman) else { continue };
            if item.is_held_at(peer, None) {
                item.forget_offer_at(peer);
            }
            let about = (item.row.id, item.row.content);
            for ((n, part), state) in copy.parts.iter().enumerate().zip(item.offer_at(peer, total)) {
                if room == 0 || *state != PartState::Idle {
                    continue;
                }
                let deposit = match (&grant, kind) {
                    (_, ItemKind::Intro) => Deposit::Intro {
                        fingerprint,
                        intro,
                        parts: total as u8,
                        index: n as u8,
                        token,
                        work,
                        part: &part.bytes,
                    },
                    (Some(grant), _) => {
                        contact_deposit(grant.queue(), grant.secret(), DepositId(part.deposit), total, &part.bytes)
                    }
                    (None, _) => continue,
                };
                let frame = Frame::Deposit { request: RequestId(0), deposit };
                let request = route.dial.link.request(now, &frame, Class::Bulk);
                let asked = if is_receipt {
                    Asked::Receipt { content: about.1, part: n }
                } else {
                    Asked::Part { item: about.0, part: n }
                };
                route.asked.insert(request, asked);
                *state = PartState::Asked(request);
                room -= 1;
            }
        }
        route.used_us = now.mono_us;
    }

    pub(crate) fn route_answer(&mut self, now: Now, id: ContactId, peer: PeerId, asked: Asked, answer: Answer) {
        match asked {
            Asked::Part { item, part } => self.part_answered(now, id, peer, item, part, &answer),
            Asked::Receipt { content, part } => self.receipt_answered(now, id, peer, content, part, &answer),
            Asked::Lookup => self.lookup_answered(now, id, peer, answer),
            Asked::Restore => {
                if let Some(route) = self.contacts.get_mut(&id).and_then(|c| c.routes.get_mut(&peer)) {
                    if answer == Answer::Ok {
                        route.paused_until_us = 0;
                        route.pauses = 0;
                    } else {
                        route.refused = true;
                    }
                }
            }
        }
    }

    fn part_answered(&mut self, now: Now, id: ContactId, peer: PeerId, item: u64, part: usize, answer: &Answer) {
        let config = self.config;
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        let Some(route) = contact.routes.get_mut(&peer) else { return };
        let boot = route.boot.unwrap_or_default();
        let Some(item) = contact.outbox.get_mut(&item) else { return };
        let Some(state) = item.part_at(peer, part).filter(|state| matches!(state, PartState::Asked(_))) else { return };
        match answer {
            Answer::Ok => {
                route.pauses = 0;
                route.refused = false;
                *state = PartState::Held(boot);
                if item.is_held_at(peer, Some(boot)) {
                    let until_ms = now.wall_ms + route.hold_ms;
                    item.offers += 1;
                    item.offered_us = now.mono_us;
                    // A peer that says it holds nothing for long is not to be asked without end.
                    let hold_us = route.hold_ms.saturating_mul(MS).max(config.reoffer_first_us);
                    item.offer_us = now.after_us(item.pause_us(&config).min(hold_us));
                    if planted::is(Bug::OutboxFreedAtOk) {
                        let gone = item.row.id;
                        item.delete(&mut self.writes);
                        contact.outbox.remove(&gone);
                        return;
                    }
                    let before = item.held.replace(HeldAt { peer, until_ms });
                    let is_news = before.is_none_or(|before| before.peer != peer);
                    if is_news && let Some(message) = item.row.message {
                        let state = MessageState::Held { until_ms, peer: Some(peer.0) };
                        self.writes.put(Table::MessageState, message.0.to_be_bytes(), encode(&state));
                        self.events.push_back(Event::MessageState { contact: id, id: message, state });
                    }
                }
            }
            Answer::Error { code, retry_after_ms } => {
                *state = PartState::Idle;
                // The peer forgets the parts of an introduction that is not whole within a minute: where one is refused,
                // what it took before is offered again.
                if item.row.kind == ItemKind::Intro {
                    item.forget_held_parts(peer);
                }
                let (code, retry_after_ms, item) = (*code, *retry_after_ms, item.row.id);
                if !self.more_work_asked(id, peer, item, code, retry_after_ms) {
                    self.deposit_refused(now, id, peer, code, retry_after_ms);
                }
            }
            _ => *state = PartState::Idle,
        }
    }

    /// Bits of work that an introduction to this person needs at this peer now; more than are done for anybody is trouble.
    fn bits_for(&mut self, id: ContactId, peer: PeerId) -> u8 {
        let Some(contact) = self.contacts.get(&id).filter(|contact| contact.introduces()) else { return 0 };
        let Some(route) = contact.routes.get(&peer) else { return 0 };
        let by_policy = match contact.card().map(Card::intro_policy) {
            Some(IntroPolicy::Work { bits }) if contact.token().is_none() => bits.max(route.difficulty),
            Some(IntroPolicy::Work { .. } | IntroPolicy::Token | IntroPolicy::Closed) | None => 0,
        };
        let bits = by_policy.max(route.bits_asked);
        if bits > self.config.work_bits_max {
            self.adding_trouble(id, AddingTrouble::WorkTooHard);
        }
        bits
    }

    /// Whether an introduction was refused for want of work that is to be done now. One that had it and finds no slot
    /// tries with more the next time.
    fn more_work_asked(&mut self, id: ContactId, peer: PeerId, item: u64, code: u16, bits: u32) -> bool {
        let Some(route) = self.contacts.get_mut(&id).and_then(|c| c.routes.get_mut(&peer)) else { return false };
        let done = route.work.get(&item).map_or(0, |work| work.bits);
        match code {
            error_code::WORK_NEEDED => {
                route.bits_asked = u8::try_from(bits).unwrap_or(u8::MAX).max(route.bits_asked);
                self.dirty.insert(id);
                // A peer that asks again for what it was given is not believed at once.
                route.bits_asked > done
            }
            error_code::FULL if (1..self.config.work_bits_max).contains(&done) => {
                route.bits_asked = route.bits_asked.max(done + 1);
                false
            }
            _ => false,
        }
    }

    fn receipt_answered(
        &mut self,
        now: Now,
        id: ContactId,
        peer: PeerId,
        content: [u8; 16],
        part: usize,
        answer: &Answer,
    ) {
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        let Some(at) = contact.volatile.iter().position(|item| item.row.content == content) else { return };
        match answer {
            Answer::Error { code, retry_after_ms } => {
                let item: &mut Item = &mut contact.volatile[at];
                if let Some(state) = item.part_at(peer, part) {
                    *state = PartState::Idle;
                }
                let (code, retry_after_ms) = (*code, *retry_after_ms);
                self.deposit_refused(now, id, peer, code, retry_after_ms);
            }
            _ => drop(contact.volatile.remove(at)),
        }
    }

    fn deposit_refused(&mut self, now: Now, id: ContactId, peer: PeerId, code: u16, retry_after_ms: u32) {
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        let restore = contact.grant_at(peer).and_then(|g| {
            let ticket = g.ticket.as_ref().filter(|t| t.expiry > now.wall_s())?;
            Some((g.queue(), g.secret(), ticket.clone()))
        });
        let fingerprint = contact.fingerprint();
        let Some(route) = contact.routes.get_mut(&peer) else { return };
        // "Slow down" is about me; with the ticket the queue may be back in a moment. Else another peer may take it.
        route.refused |= code != error_code::SLOW_DOWN && code != error_code::UNKNOWN_QUEUE;
        if code == error_code::UNKNOWN_QUEUE {
            match restore.filter(|_| !route.restored) {
                Some((queue, secret, ticket)) => {
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
                None => route.refused |= !route.is_restoring(),
            }
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
            error_code::INTRO_REFUSED => {
                let invited = self.contacts.get(&id).is_some_and(|c| c.token().is_some());
                let trouble = if invited { AddingTrouble::IntroRefused } else { AddingTrouble::InviteOnly };
                self.adding_trouble(id, trouble);
            }
            error_code::UNKNOWN_USER => self.adding_trouble(id, AddingTrouble::UnknownUser),
            error_code::FULL => self.adding_trouble(id, AddingTrouble::InboxFull),
            _ => {}
        }
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
