//! End-to-end receipts: what came, what was seen. Cumulative, riding on whatever is sent; alone only when nothing else
//! is. Never receipted themselves, never kept: a duplicate calls for a fresh one.

use std::collections::BTreeSet;

use pirushka_e2e::content::Receipts;
use pirushka_wire::planted::{self, Bug};
use pirushka_wire::time::SECOND;
use pirushka_wire::{Now, RangeSet};

use crate::api::{ContactId, Event, MessageId, MessageState, Table};
use crate::client::Client;
use crate::contact::Contact;
use crate::limits::{RECEIPT_RANGES_MAX, RECEIVED_RANGES_MAX, UNREAD_MAX};
use crate::outbox::{Item, ItemKind};
use crate::rows::encode;
use crate::timers::Timer;

impl Contact {
    /// What to tell the contact about its messages.
    pub(crate) fn receipts(&self) -> Receipts {
        let mut delivered = highest(&self.received);
        if planted::is(Bug::ReceiptForWhatIsMissing)
            && let Some((first, last)) = delivered.iter().reduce(|all, next| (all.0, next.1))
        {
            delivered.insert_range(first, last);
        }
        Receipts { delivered, read: highest(&self.seen) }
    }

    /// Notes that a content came; tells whether it is new.
    pub(crate) fn receive(&mut self, seq: u64) -> bool {
        let new = self.received.insert(seq);
        self.received.keep_highest(RECEIVED_RANGES_MAX);
        self.changed |= new;
        new
    }
}

impl Client {
    /// A receipt leaves soon, with or without company.
    pub(crate) fn owe_receipt(&mut self, now: Now, id: ContactId) {
        let due = now.after_us(self.config.receipt_delay_us);
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        contact.receipt_due_us = Some(contact.receipt_due_us.map_or(due, |old| old.min(due)));
        if due > now.mono_us {
            self.timers.set_earlier(Timer::Contact(id), due);
        }
        self.dirty.insert(id);
    }

    /// The contact has these contents of mine: they leave the outbox (S3).
    pub(crate) fn take_receipts(&mut self, now: Now, id: ContactId, receipts: &Receipts) {
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        let (mut news, mut reached, mut card) = (vec![], vec![], None);
        if contact.row.jump.is_some_and(|(_, behind)| receipts.delivered.contains(behind)) {
            contact.row.jump = None;
            contact.changed = true;
        }
        let confirmed = |seq: u64| seq > 0 && receipts.delivered.contains(seq);
        let done: Vec<u64> = contact.outbox.values().filter(|i| confirmed(i.row.seq)).map(|i| i.row.id).collect();
        for item in done.into_iter().filter_map(|item| contact.outbox.remove(&item)) {
            item.delete(&mut self.writes);
            contact.changed = true;
            card = card.max(item.row.card);
            let only_ciphertext = item.row.sealed.as_ref().filter(|_| !item.row.resealed);
            reached.extend(only_ciphertext.map(|s| (s.session, s.epoch)));
            if let Some(message) = item.row.message {
                contact.row.unread.push((item.row.seq, message));
                news.push((message, MessageState::Delivered));
            }
        }
        let excess = contact.row.unread.len().saturating_sub(UNREAD_MAX);
        contact.row.unread.drain(..excess);
        let read: Vec<MessageId> = (contact.row.unread.iter())
            .filter(|(seq, _)| receipts.read.contains(*seq))
            .map(|&(_, message)| message)
            .collect();
        if !read.is_empty() {
            contact.row.unread.retain(|(seq, _)| !receipts.read.contains(*seq));
            contact.changed = true;
        }
        news.extend(read.into_iter().map(|message| (message, MessageState::Read)));
        for (message, state) in news {
            self.writes.put(Table::MessageState, message.0.to_be_bytes(), encode(&state));
            self.events.push_back(Event::MessageState { contact: id, id: message, state });
            self.vanish_from(now, message);
        }
        card.into_iter().for_each(|seq| self.note_card_known(id, seq));
        for (session, epoch) in reached {
            self.drop_confirmed_commits(id, session, epoch);
        }
        self.drop_useless_commits(id);
        self.hurry_offers(now, id);
    }

    /// A commit of a session that is no longer written in, and behind which nothing waits, need not arrive.
    fn drop_useless_commits(&mut self, id: ContactId) {
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        let Some((current, _)) = contact.current_session() else { return };
        let session = |item: &Item| item.row.sealed.as_ref().map(|s| s.session);
        let needed: BTreeSet<u64> = (contact.outbox.values())
            .filter(|item| item.row.kind != ItemKind::Commit)
            .filter_map(session)
            .chain([current])
            .collect();
        let useless = |item: &&Item| {
            item.row.kind == ItemKind::Commit && session(item).is_some_and(|number| !needed.contains(&number))
        };
        let gone: Vec<u64> = contact.outbox.values().filter(useless).map(|item| item.row.id).collect();
        for item in gone.into_iter().filter_map(|item| contact.outbox.remove(&item)) {
            item.delete(&mut self.writes);
        }
    }

    /// The contact is there now: what it has not confirmed is offered again soon rather than at the end of a long
    /// pause, but not while the receipt of the last offer may still be on its way.
    fn hurry_offers(&mut self, now: Now, id: ContactId) {
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        let patience = 10 * SECOND;
        let mut next = u64::MAX;
        for item in contact.outbox.values_mut().filter(|item| item.offers > 0) {
            item.offer_us = item.offer_us.min(now.mono_us.max(item.offered_us.saturating_add(patience)));
            next = next.min(item.offer_us);
        }
        if next != u64::MAX {
            self.timers.set_earlier(Timer::Contact(id), next);
        }
    }

    /// The contact's peer was restarted and has lost what it held: everything unconfirmed is offered again at once.
    pub(crate) fn offer_again(&mut self, id: ContactId) {
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        for item in contact.outbox.values_mut().filter(|item| item.offers > 0) {
            item.offer_us = 0;
        }
        self.dirty.insert(id);
    }
}

fn highest(set: &RangeSet) -> RangeSet {
    let mut set = set.clone();
    set.keep_highest(RECEIPT_RANGES_MAX);
    set
}
