//! Looking after one contact: compose what waits, seal it, offer it, and say when to look again.

use std::mem;

use pirushka_e2e::content::{Body, Content};
use pirushka_e2e::session::policy::{EpochUse, needs_commit};
use pirushka_identity::Identity;
use pirushka_wire::Now;
use rand_chacha::ChaCha20Rng;
use zeroize::Zeroizing;

use crate::api::{ContactId, ContactState};
use crate::client::Client;
use crate::contact::Contact;
use crate::outbox::{Item, ItemKind, ItemRow, SealedRow};
use crate::timers::Timer;

/// More than this many messages behind in the ratchet, an unconfirmed content is encrypted anew (128 can be skipped).
const STALE_GENERATIONS: u32 = 64;
/// More than this many epochs behind, likewise (three past epochs can be read).
const STALE_EPOCHS: u64 = 1;

impl Client {
    /// Does everything that can be done for a contact now.
    pub(crate) fn drive_contact(&mut self, now: Now, id: ContactId) {
        let Some(contact) = self.contacts.get(&id) else { return };
        match contact.row.state {
            ContactState::Blocked | ContactState::Request => self.close_routes(now, id),
            ContactState::Adding | ContactState::Active => {
                self.progress_hello(now, id);
                self.tell_homes_if_due(now, id);
                self.renew_if_unreadable(now, id);
                self.commit_if_due(now, id);
                self.seal_items(now, id);
                self.receipt_if_due(now, id);
                self.offer_if_due(now, id);
                self.rest_routes(now, id);
            }
        }
        self.save_contact(id);
    }

    /// Writes what changed about a contact and its sessions.
    pub(crate) fn save_contact(&mut self, id: ContactId) {
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        contact.save_sessions(&mut self.writes);
        if contact.changed {
            contact.save(&mut self.writes);
        }
    }

    /// Puts a content in the outbox; it is on disk with the next commit.
    pub(crate) fn enqueue(
        &mut self,
        now: Now,
        id: ContactId,
        kind: ItemKind,
        body: Option<Body>,
        message: Option<crate::api::MessageId>,
    ) -> Option<(u64, [u8; 16])> {
        let content = self.random();
        let item_id = self.profile.take_item();
        self.profile.save(&mut self.writes);
        let contact = self.contacts.get_mut(&id)?;
        let seq = contact.take_seq(now.wall_ms);
        // Callers keep to the limits; what does not fit them would be refused here rather than sent.
        let encode =
            |body| Content { id: content, seq, jump: None, time_ms: now.wall_ms, receipts: None, body }.encode();
        let body = body.map(encode).transpose().ok()?.unwrap_or_default();
        let row = ItemRow { seq, body, message, ..ItemRow::new(item_id, id, kind, content, now.wall_ms) };
        let item = Item::new(row);
        item.save(&mut self.writes);
        contact.outbox.insert(item_id, item);
        self.dirty.insert(id);
        Some((seq, content))
    }

    /// New keys for the session, when they are due and it is our turn; otherwise the other side is asked, once an epoch.
    fn commit_if_due(&mut self, now: Now, id: ContactId) {
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        if contact.row.grants.is_empty() {
            return;
        }
        let (epoch_ms, messages, active_ms) = (contact.row.epoch_ms, contact.row.epoch_messages, contact.row.active_ms);
        let wanted = contact.row.commit_wanted;
        let asked_in = contact.row.commit_asked_in;
        let Some((number, session)) = contact.current_session() else { return };
        let (epoch, may_commit) = (session.epoch(), session.may_commit());
        // The joiner's first answer commits and retires the prekey.
        let first_answer = epoch == 1 && may_commit;
        let usage = EpochUse {
            since_s: epoch_ms / 1000,
            messages,
            offline_s: now.wall_ms.saturating_sub(active_ms) / 1000,
            unreceipted_earlier: false,
        };
        let due = first_answer || wanted || needs_commit(now.wall_s(), &usage);
        if !due {
            return;
        }
        if !may_commit {
            if asked_in != Some(epoch) && epoch > 1 {
                contact.row.commit_asked_in = Some(epoch);
                self.enqueue(now, id, ItemKind::Content, Some(Body::PleaseCommit), None);
            }
            return;
        }
        let unreceipted =
            |item: &Item| item.row.sealed.as_ref().is_some_and(|s| s.session == number && s.epoch < epoch);
        if contact.outbox.values().any(unreceipted) {
            return;
        }
        let Self { contacts, identity, rng, .. } = self;
        let Some((_, session)) = contacts.get_mut(&id).and_then(Contact::current_session) else { return };
        match session.commit(identity, rng) {
            Ok(bytes) => self.enqueue_commit(now, id, bytes, number, epoch),
            Err(_) => self.count("commit failed"),
        }
    }

    pub(crate) fn enqueue_commit(&mut self, now: Now, id: ContactId, bytes: Vec<u8>, number: u64, epoch: u64) {
        let content = self.random();
        let item_id = self.profile.take_item();
        self.profile.save(&mut self.writes);
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        contact.row.commit_wanted = false;
        contact.row.epoch_ms = now.wall_ms;
        contact.row.epoch_messages = 0;
        contact.changed = true;
        let row = ItemRow::new(item_id, id, ItemKind::Commit, content, now.wall_ms);
        let mut item = Item::new(ItemRow { body: bytes, ..row });
        item.seal(SealedRow::new(number, epoch, 0, vec![], now.wall_ms));
        item.save(&mut self.writes);
        contact.outbox.insert(item_id, item);
    }

    /// Encrypts what waits, in order, as far as the window goes; and again what has aged too far.
    fn seal_items(&mut self, now: Now, id: ContactId) {
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        if contact.row.grants.is_empty() {
            return;
        }
        let heard_us = contact.heard_us;
        let Some((number, session)) = contact.current_session() else { return };
        let (epoch, sent) = (session.epoch(), session.sent_in_epoch());
        let stale = |item: &Item| {
            let due = item.offer_us <= now.mono_us && item.row.kind == ItemKind::Content;
            let aged = |s: &SealedRow| {
                s.session != number
                    || epoch.saturating_sub(s.epoch) > STALE_EPOCHS
                    || (s.epoch == epoch && sent.saturating_sub(s.generation) > STALE_GENERATIONS)
            };
            // The contact was heard after the last offer, and still has not confirmed it: it may have taken the ciphertext
            // for one that it knows, because this profile was brought back from an old copy.
            let unheeded = item.offers > 0 && heard_us > item.offered_us;
            due && item.is_settled() && item.row.sealed.as_ref().is_some_and(|s| unheeded || aged(s))
        };
        for item in contact.outbox.values_mut() {
            if stale(item) || (item.row.sealed.is_some() && !item.fits(&contact.row.grants)) {
                item.unseal();
            }
        }
        // Only texts count: the hello must always get through, since without my queue the contact cannot confirm a thing.
        let is_text = |item: &Item| item.row.message.is_some();
        let mut under_way = contact.outbox.values().filter(|item| item.row.sealed.is_some() && is_text(item)).count();
        let waiting = contact.outbox.values().filter(|item| item.row.sealed.is_none());
        let waiting: Vec<_> = waiting.map(|item| (item.row.id, is_text(item), item.row.card.is_some())).collect();
        let mut is_full = false;
        for (item, is_text, brings_card) in waiting {
            is_full |= is_text && under_way >= self.config.window;
            // My CARD goes past what waits: without it the contact may be unable to confirm any.
            if is_full && !brings_card {
                continue;
            }
            if !self.seal_item(now, id, item) {
                break;
            }
            under_way += usize::from(is_text);
        }
    }

    /// Seals one content in the current session. `false` when it cannot be sealed yet, and so nothing behind it.
    fn seal_item(&mut self, now: Now, id: ContactId, item: u64) -> bool {
        let Self { contacts, identity, rng, writes, .. } = self;
        let Some(contact) = contacts.get_mut(&id) else { return false };
        let receipts = contact.receipts();
        let Some(row) = contact.outbox.get(&item).map(|item| &item.row) else { return false };
        if row.kind != ItemKind::Content || row.body.is_empty() {
            // An introduction that is under way elsewhere holds nobody up; one that is not composed does.
            return row.kind == ItemKind::Intro;
        }
        let Ok(mut content) = Content::decode(&row.body) else { return false };
        content.receipts = Some(receipts);
        content.jump = contact.row.jump;
        let Some(sealed) = contact.seal_content(now, &content, identity, rng) else { return false };
        contact.row.epoch_messages += 1;
        contact.row.active_ms = now.wall_ms;
        contact.changed = true;
        if !contact.ask_again {
            // The receipt rode along.
            contact.receipt_due_us = None;
        }
        if let Some(item) = contact.outbox.get_mut(&item) {
            item.seal(sealed);
            item.save(writes);
        }
        true
    }

    /// A receipt that found no company leaves alone.
    fn receipt_if_due(&mut self, now: Now, id: ContactId) {
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        let Some(due) = contact.receipt_due_us else { return };
        if due > now.mono_us {
            self.timers.set_earlier(Timer::Contact(id), due);
            return;
        }
        let again = mem::take(&mut contact.ask_again);
        contact.receipt_due_us = None;
        if contact.row.grants.is_empty() {
            return;
        }
        let content: [u8; 16] = self.random();
        let Self { contacts, identity, rng, .. } = self;
        let Some(contact) = contacts.get_mut(&id) else { return };
        let body = if again { Body::OfferAgain } else { Body::Receipt };
        let receipts = Some(contact.receipts());
        let bare = Content { id: content, seq: 0, jump: None, time_ms: now.wall_ms, receipts, body };
        let Some(sealed) = contact.seal_content(now, &bare, identity, rng) else { return };
        let mut item = Item::new(ItemRow::new(0, id, ItemKind::Content, content, now.wall_ms));
        item.seal(sealed);
        // A receipt replaces the one before it unless that is on its way.
        contact.volatile.retain(|old| !old.is_settled());
        contact.volatile.push_back(item);
    }

    /// Offers what is due, and sets the clock for what is not.
    fn offer_if_due(&mut self, now: Now, id: ContactId) {
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        let mut next = u64::MAX;
        let (mut fresh, mut again) = (!contact.volatile.is_empty(), None);
        for item in contact.outbox.values_mut().filter(|item| item.row.sealed.is_some()) {
            if item.offer_us > now.mono_us {
                next = next.min(item.offer_us);
            } else if item.is_held_anywhere() && item.is_settled() {
                again = again.or(Some(item.row.id));
            } else {
                fresh |= item.is_settled() || item.is_half_offered();
            }
        }
        if next != u64::MAX {
            self.timers.set_earlier(Timer::Contact(id), next);
        }
        // Not both at once: that would open sessions with two of the contact's peers in one moment.
        let peer = match again {
            _ if fresh => self.reach(now, id),
            Some(item) => self.reach_next(now, id, item),
            None => None,
        };
        if let Some(peer) = peer {
            self.offer_items(now, id, peer);
        }
    }
}

impl Contact {
    /// Encrypts a content in the current session.
    fn seal_content(
        &mut self,
        now: Now,
        content: &Content,
        identity: &Identity,
        rng: &mut ChaCha20Rng,
    ) -> Option<SealedRow> {
        let plaintext = Zeroizing::new(content.encode().ok()?);
        let (number, session) = self.current_session()?;
        let ciphertext = session.encrypt(identity, rng, &plaintext).ok()?;
        let (epoch, generation) = (ciphertext.epoch, ciphertext.generation);
        Some(SealedRow::new(number, epoch, generation, ciphertext.bytes, now.wall_ms))
    }
}
