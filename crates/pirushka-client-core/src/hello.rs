//! The first content to a contact: my CARD, my queues for its answers, the first step of the six digits.
//!
//! It goes out in one of three ways. To a stranger: with a Welcome through the intro inbox of its peer, after a look-up
//! of its bundle. As an answer to such a hello: through the contact's queue, behind the commit that retires the prekey.
//! And with a Welcome through the contact's queue, when an old session can no longer be read.

use pirushka_e2e::Session;
use pirushka_e2e::bundle::{Bundle, BundleError, LookedUp};
use pirushka_e2e::content::{Body, Content, Hello};
use pirushka_e2e::intro::Intro;
use pirushka_e2e::session::next_number;
use pirushka_identity::{Card, IntroPolicy, intro_id};
use pirushka_wire::time::SECOND;
use pirushka_wire::{Now, PeerId, QueueId};
use zeroize::Zeroizing;

use crate::api::{AddingTrouble, ContactId, Event, Warning};
use crate::client::Client;
use crate::contact::Contact;
use crate::home::Home;
use crate::home_row::HomeId;
use crate::limits::SESSIONS_MAX;
use crate::outbox::{CopyRow, Item, ItemKind, NO_QUEUE, PartRow, SealedRow};
use crate::queue::QueueRow;
use crate::timers::Timer;

/// One-time packages in a bundle: 2.7 KB of the peer's RAM each, and a private part kept here for a month.
const ONE_TIME_PACKAGES: usize = 2;
/// In the bundles at home peers behind the first, which few strangers come to.
const ONE_TIME_PACKAGES_BEHIND: usize = 1;
/// An introduction that nobody answered is made anew after a day, since the peer holds it no longer, and then after two
/// days, four, eight: whichever of the sessions the person answers in must still be there.
const INTRO_LIFE_MS: u64 = 24 * 3600 * 1000;

impl Client {
    /// What a home peer hands out to those who look me up. No two get the same one-time packages.
    pub(crate) fn publishable_bundle(&mut self, now: Now, card: &Card, first: bool) -> Vec<u8> {
        let Self { packages, identity, rng, .. } = self;
        let one_time = if first { ONE_TIME_PACKAGES } else { ONE_TIME_PACKAGES_BEHIND };
        let published = packages.publish(identity, rng, now.wall_s(), one_time);
        self.save_packages();
        let Ok(published) = published else {
            self.count("key packages could not be made");
            return vec![];
        };
        let one_time = published.one_time.iter().map(Vec::as_slice).collect();
        let bundle = Bundle { card: &card.encode(), last_resort: &published.last_resort, one_time };
        // A card and three packages are well below the limit of a long body.
        bundle.encode().unwrap_or_default()
    }

    pub(crate) fn save_packages(&mut self) {
        for (key, value) in self.packages.take_writes() {
            match value {
                Some(value) => self.writes.put(crate::api::Table::KeyPackage, key, value),
                None => self.writes.delete(crate::api::Table::KeyPackage, key),
            }
        }
    }

    /// My queue for this contact at a home peer, opened if there is none.
    pub(crate) fn ensure_queue(&mut self, now: Now, id: ContactId, home: HomeId) -> Option<QueueId> {
        let contact = self.contacts.get_mut(&id)?;
        if let Some(&queue) = contact.queues.get(&home) {
            return Some(queue);
        }
        let row = QueueRow::new(id, home, &mut self.rng);
        let queue = row.queue();
        row.save(&mut self.writes);
        self.queues.insert(queue, row);
        contact.queues.insert(home, queue);
        contact.ticket_wait_us = Some(now.after_us(self.config.ticket_wait_us));
        self.announce_queue(now, queue);
        Some(queue)
    }

    /// A queue for this contact at each of my homes that I do not leave.
    pub(crate) fn ensure_queues(&mut self, now: Now, id: ContactId) {
        let staying = |home: &&Home| home.row.leaving_ms.is_none();
        for home in self.homes.values().filter(staying).map(|home| home.row.id).collect::<Vec<_>>() {
            self.ensure_queue(now, id, home);
        }
    }

    /// A contact that has had my hello introduces itself anew: it has removed me, and knows neither me nor my queue.
    pub(crate) fn greet_again(&mut self, id: ContactId) {
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        let is_hello = |item: &Item| {
            item.row.body.is_empty()
                || Content::decode(&item.row.body).is_ok_and(|content| matches!(content.body, Body::Hello(_)))
        };
        let under_way = contact.outbox.values().filter(|item| item.row.kind != ItemKind::Commit).any(is_hello);
        if !under_way {
            contact.row.greeted = false;
        }
    }

    /// Answers a contact's hello with mine, unless mine is under way.
    pub(crate) fn answer_hello(&mut self, now: Now, id: ContactId) {
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        if contact.row.state == crate::api::ContactState::Request {
            return;
        }
        if contact.row.greeted {
            // We introduced ourselves to each other: what still waits at the intro inbox can take the queue now.
            for item in contact.outbox.values_mut().filter(|item| item.row.kind == ItemKind::Intro) {
                item.row.kind = ItemKind::Content;
                item.unseal();
                item.save(&mut self.writes);
            }
            return;
        }
        self.greet(now, id, ItemKind::Content);
    }

    /// Puts my hello in the outbox, to be composed when the queue's ticket is there.
    pub(crate) fn greet(&mut self, now: Now, id: ContactId, kind: ItemKind) {
        self.ensure_queues(now, id);
        let mut kind = kind;
        if let Some(contact) = self.contacts.get_mut(&id) {
            contact.row.greeted = true;
            contact.changed = true;
            // After a restore there is no session to say it in.
            if kind == ItemKind::Content && contact.row.sessions.is_empty() {
                kind = ItemKind::Welcome;
            }
        }
        self.enqueue(now, id, kind, None, None);
    }

    /// Moves the hello on: wait for the ticket, compose, look up, seal. Also tells the contact of a newer ticket or CARD.
    pub(crate) fn progress_hello(&mut self, now: Now, id: ContactId) {
        let Some(contact) = self.contacts.get(&id) else { return };
        if contact.queues.is_empty() {
            return;
        }
        let hello = contact.outbox.values().find(|item| item.row.kind != ItemKind::Commit && item.row.body.is_empty());
        let uncomposed = hello.map(|item| item.row.id);
        if let Some(item) = uncomposed {
            if self.must_wait_for_ticket(now, id) {
                return;
            }
            self.compose_hello(now, id, item);
        }
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        let life_ms = INTRO_LIFE_MS << contact.sessions.len().saturating_sub(1).min(SESSIONS_MAX);
        let expired = |s: &SealedRow| now.wall_ms.saturating_sub(s.sealed_ms) > life_ms;
        for item in contact.outbox.values_mut().filter(|item| item.row.kind == ItemKind::Intro) {
            if item.row.sealed.as_ref().is_some_and(expired) && item.is_settled() {
                item.unseal();
            }
        }
        let wants_bundle = contact
            .outbox
            .values()
            .any(|item| matches!(item.row.kind, ItemKind::Intro | ItemKind::Welcome) && item.row.sealed.is_none());
        if wants_bundle && let Some(peer) = self.reach(now, id) {
            self.look_up(now, id, peer);
        }
        self.refresh_grants(now, id);
    }

    /// Whether one of my homes that answer may give a ticket in a moment.
    fn must_wait_for_ticket(&mut self, now: Now, id: ContactId) -> bool {
        let Some(contact) = self.contacts.get_mut(&id) else { return true };
        let ticket = |queue: &QueueId| self.queues.get(queue).is_some_and(|row| row.ticket.is_some());
        let answers = |home: &HomeId| self.homes.get(home).is_some_and(|home| home.is_registered());
        let has_ticket = contact.queues.values().any(ticket)
            && contact.queues.iter().all(|(home, queue)| ticket(queue) || !answers(home));
        let wait = *contact.ticket_wait_us.get_or_insert_with(|| now.after_us(self.config.ticket_wait_us));
        if has_ticket || now.mono_us >= wait {
            return false;
        }
        self.timers.set_earlier(Timer::Contact(id), wait);
        true
    }

    fn compose_hello(&mut self, now: Now, id: ContactId, item: u64) {
        let card = self.sign_card(now);
        let grants = self.grants_for(now, id);
        let step = self.first_code_step(id);
        let name = self.profile.name.clone();
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        let (token, jump) = (contact.token(), contact.row.jump);
        let Some(item) = contact.outbox.get_mut(&item) else { return };
        let text = item.row.text.clone();
        let mut hello = Hello { card: card.encode(), name, sas: step, token, text, ..Hello::default() };
        // What an introduction has no room for follows when the contact has answered.
        let sent = if hello.set_grants(grants) { Some(card.seq()) } else { None };
        contact.row.card_sent = contact.row.card_sent.max(sent.unwrap_or(0));
        contact.changed = true;
        let content = Content {
            id: item.row.content,
            seq: item.row.seq,
            jump,
            time_ms: item.row.created_ms,
            receipts: None,
            body: Body::Hello(Box::new(hello)),
        };
        // A hello of ours is within every limit.
        item.row.body = content.encode().unwrap_or_default();
        item.row.card = sent;
        item.save(&mut self.writes);
    }

    /// A ticket that came after the hello, or that outlives the one given by a good while, follows in a content.
    fn refresh_grants(&mut self, now: Now, id: ContactId) {
        const WORTHWHILE_S: u64 = 3 * 24 * 3600;
        let Some(contact) = self.contacts.get(&id) else { return };
        let composed = contact.row.greeted && contact.outbox.values().all(|item| !item.row.body.is_empty());
        // Whoever is to get a newer CARD gets the tickets with it.
        let told = contact.row.card_sent >= self.profile.homes_seq;
        if !composed || !told || contact.row.grants.is_empty() {
            return;
        }
        let named = |row: &&QueueRow| self.homes.get(&row.home).is_some_and(|home| home.row.is_in_card());
        let newer = |row: &&QueueRow| {
            row.ticket.as_ref().is_some_and(|t| t.expiry > row.ticket_given.saturating_add(WORTHWHILE_S))
        };
        let rows = contact.queues.values().filter_map(|queue| self.queues.get(queue));
        let due: Vec<QueueId> = rows.filter(named).filter(newer).map(QueueRow::queue).collect();
        for queue in due {
            let Some(row) = self.queues.get_mut(&queue) else { continue };
            let Some(peer) = self.homes.get(&row.home).map(|home| home.dial.peer.clone()) else { continue };
            row.given();
            row.save(&mut self.writes);
            let grant = row.grant(peer);
            self.enqueue(now, id, ItemKind::Content, Some(Body::Grant(grant)), None);
        }
    }

    /// The contact's bundle came: believe it or say why not, then begin the session and seal the hello with its Welcome.
    pub(crate) fn bundle_found(&mut self, now: Now, id: ContactId, from: PeerId, bytes: &[u8]) {
        match self.begin_session(now, id, from, bytes) {
            Ok(()) => {
                if let Some(contact) = self.contacts.get_mut(&id) {
                    contact.trouble = None;
                }
            }
            Err(trouble) => {
                self.adding_trouble(id, trouble);
                self.pause_route(now, id, from);
            }
        }
        self.dirty.insert(id);
    }

    fn begin_session(&mut self, now: Now, id: ContactId, from: PeerId, bytes: &[u8]) -> Result<(), AddingTrouble> {
        let Self { contacts, identity, rng, writes, .. } = self;
        let contact = contacts.get_mut(&id).ok_or(AddingTrouble::UnknownUser)?;
        let bundle = LookedUp::decode(bytes).map_err(|_| AddingTrouble::BundleForged)?;
        let card = bundle.verify(&contact.fingerprint(), now.wall_s()).map_err(|error| match error {
            BundleError::Expired => AddingTrouble::CardExpired,
            _ => AddingTrouble::BundleForged,
        })?;
        let serves = card.homes().iter().any(|home| home.peer_id == from);
        if !serves && contact.row.grants.is_empty() {
            // The person has moved since the address was given away: on to the peers that the signed CARD names.
            if !contact.learn_card(card) {
                return Err(AddingTrouble::BundleForged);
            }
            contact.row.peer = None;
            return Ok(());
        }
        contact.may_knock(card.intro_policy())?;
        let number = next_number(contact.row.number, now.wall_ms, &identity.fingerprint(), &contact.fingerprint());
        let begun = Session::initiate(identity, rng, card.certificate(), bundle.package, number);
        let (session, welcome) = begun.map_err(|_| AddingTrouble::BundleForged)?;
        contact.learn_card(card);
        // Over the queue the Welcome arrives as surely as everything else; through the intro inbox it may be refused.
        let renewal = contact.outbox.values().any(|item| item.row.kind == ItemKind::Welcome);
        contact.adopt_session(session, renewal, writes);
        contact.row.epoch_ms = now.wall_ms;
        contact.row.epoch_messages = 0;
        self.seal_with_welcome(now, id, number, &welcome);
        Ok(())
    }

    fn seal_with_welcome(&mut self, now: Now, id: ContactId, number: u64, welcome: &[u8]) {
        let Self { contacts, identity, rng, writes, .. } = self;
        let Some(contact) = contacts.get_mut(&id) else { return };
        let has_queue = !contact.row.grants.is_empty();
        let Contact { outbox, sessions, .. } = contact;
        let Some(session) = sessions.get_mut(&number) else { return };
        let waiting = outbox.values_mut().find(|item| {
            matches!(item.row.kind, ItemKind::Intro | ItemKind::Welcome)
                && item.row.sealed.is_none()
                && !item.row.body.is_empty()
        });
        let Some(item) = waiting else { return };
        let body = Zeroizing::new(item.row.body.clone());
        let Ok(first) = session.encrypt(identity, rng, &body) else { return };
        let intro = Intro { welcome: welcome.to_vec(), first: first.bytes };
        let mut sealed = SealedRow::new(number, first.epoch, first.generation, vec![], now.wall_ms);
        if item.row.kind == ItemKind::Welcome && has_queue {
            sealed.message = intro.encode().unwrap_or_default();
        } else {
            let parts = intro.parts().unwrap_or_default();
            // The id names the parts, so that work that is done for the id is done for them.
            let deposit = intro_id(&parts).0;
            let parts = parts.into_iter().map(|bytes| PartRow { deposit, bytes });
            sealed.copies.push(CopyRow { queue: NO_QUEUE, parts: parts.collect() });
        }
        item.seal(sealed);
        item.save(writes);
    }

    /// Messages that cannot be read although no commit is missing: a new session makes the conversation heal by itself.
    pub(crate) fn renew_if_unreadable(&mut self, now: Now, id: ContactId) {
        const TOO_MANY: u32 = 3;
        let interval_ms = self.config.renew_interval_us / 1000;
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        let Some((since, count)) = contact.unreadable else { return };
        let ripe = count >= TOO_MANY && now.mono_us.saturating_sub(since) >= self.config.unreadable_us;
        let rested = now.wall_ms.abs_diff(contact.row.renewed_ms) >= interval_ms;
        if !ripe || !rested || contact.row.grants.is_empty() {
            // Whatever else rang the contact's one bell in between, this is not forgotten.
            let ripe_at = since.saturating_add(self.config.unreadable_us);
            let again = if ripe { now.after_us(self.config.unreadable_us) } else { ripe_at.max(now.after_us(SECOND)) };
            if count >= TOO_MANY {
                self.timers.set_earlier(Timer::Contact(id), again);
            }
            return;
        }
        contact.unreadable = None;
        contact.row.renewed_ms = now.wall_ms;
        contact.changed = true;
        self.events.push_back(Event::Warning(Warning::SessionRenewed(id)));
        self.enqueue(now, id, ItemKind::Welcome, None, None);
    }
}

impl Contact {
    /// Whether the person behind a CARD takes introductions like mine, if one of mine is waiting.
    fn may_knock(&self, policy: IntroPolicy) -> Result<(), AddingTrouble> {
        if !self.introduces() {
            return Ok(());
        }
        match policy {
            IntroPolicy::Closed => Err(AddingTrouble::Closed),
            IntroPolicy::Token if self.token().is_none() => Err(AddingTrouble::InviteOnly),
            IntroPolicy::Token | IntroPolicy::Work { .. } => Ok(()),
        }
    }
}
