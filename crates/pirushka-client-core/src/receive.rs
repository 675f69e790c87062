//! What a contact left in its queue: envelope, parts, MLS message, content. Each step either ends in rows that are
//! written before the peer is told to forget, or is refused by name.

use pirushka_e2e::chunks::Outcome;
use pirushka_e2e::content::{Body, Content};
use pirushka_e2e::envelope::{self, Part, kind};
use pirushka_e2e::session::{OpenError, Opened, peek};
use pirushka_wire::planted::{self, Bug};
use pirushka_wire::time::MS;
use pirushka_wire::{Now, QueueId};

use crate::api::{ContactId, ContactState, Table};
use crate::client::Client;
use crate::contact::pending_key;
use crate::limits::{UNREADABLE_BYTES_MAX, UNREADABLE_MAX};
use crate::outbox::{Item, ItemKind};

/// A part of a long message, until the others are there.
#[derive(minicbor::Encode, minicbor::Decode)]
pub(crate) struct PartRow {
    #[n(0)]
    pub(crate) kind: u8,
    #[n(1)]
    pub(crate) n: u16,
    #[n(2)]
    #[cbor(with = "minicbor::bytes")]
    pub(crate) bytes: Vec<u8>,
}

/// `contact u32 | message id[8] | i u16`
pub(crate) fn part_key(contact: ContactId, message_id: &[u8; 8], i: u16) -> Vec<u8> {
    let mut key = contact.0.to_be_bytes().to_vec();
    key.extend(message_id);
    key.extend(i.to_be_bytes());
    key
}

impl Client {
    /// An envelope from one of my queues. Whatever becomes of it, the peer may forget it then.
    pub(crate) fn take_envelope(&mut self, now: Now, queue: QueueId, envelope: &[u8]) {
        let Some(row) = self.queues.get(&queue) else { return self.count("envelope for a queue that is not mine") };
        let id = row.contact;
        let opened = envelope::open(&queue, &row.seal_key, envelope);
        let blocked = self.contacts.get(&id).is_none_or(|c| c.row.state == ContactState::Blocked);
        match opened {
            Ok(_) if blocked => self.count("envelope from a blocked contact"),
            Ok(part) => self.take_part(now, id, part),
            Err(_) => self.count("envelope that does not open"),
        }
    }

    fn take_part(&mut self, now: Now, id: ContactId, part: Part) {
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        let (key, row) =
            (part_key(id, &part.message_id, part.i), PartRow { kind: part.kind, n: part.n, bytes: part.bytes.clone() });
        match contact.reassembly.insert(part) {
            Outcome::Whole { kind, message_id, message } => {
                for i in 0..row.n {
                    self.writes.delete(Table::Part, part_key(id, &message_id, i));
                }
                self.take_message(now, id, kind, message);
            }
            Outcome::Waiting { evicted } => {
                self.writes.put_row(Table::Part, key, &row);
                for (message_id, i) in evicted.iter().flat_map(|m| (0..envelope::PARTS_MAX).map(move |i| (m, i))) {
                    self.writes.delete(Table::Part, part_key(id, message_id, i));
                }
            }
            // Whatever is offered again lacks a receipt.
            Outcome::Duplicate => self.owe_receipt(now, id),
            Outcome::Contradiction => self.count("part that contradicts earlier ones"),
        }
    }

    fn take_message(&mut self, now: Now, id: ContactId, kind: u8, message: Vec<u8>) {
        match kind {
            kind::MLS => self.take_mls(now, id, message, true),
            kind::WELCOME => self.take_welcome(now, id, &message),
            _ => self.count("message of an unknown kind"),
        }
        self.dirty.insert(id);
    }

    /// Opens one MLS message. What waits for a commit or a Welcome is kept, if `keep`.
    fn take_mls(&mut self, now: Now, id: ContactId, bytes: Vec<u8>, keep: bool) {
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        let Some(about) = peek(&bytes) else { return self.count("message that is not MLS") };
        let number = about.name.number();
        let Some(session) = contact.sessions.get_mut(&number).filter(|s| s.name() == about.name) else {
            if contact.knows_group(&about.name.0) {
                return self.count("message of a session that is over");
            }
            self.note_unreadable(now, id);
            return self.keep_pending(id, bytes, keep);
        };
        match session.open(&bytes) {
            Ok(Opened::Application { epoch, plaintext }) => {
                let plaintext = zeroize::Zeroizing::new(plaintext);
                self.opened(now, id, number, epoch);
                self.take_content(now, id, &plaintext);
            }
            Ok(Opened::Committed { epoch }) => {
                contact.row.epoch_ms = now.wall_ms;
                contact.row.epoch_messages = 0;
                self.opened(now, id, number, epoch);
                self.owe_receipt(now, id);
                self.retry_pending(now, id);
            }
            Err(OpenError::Duplicate | OpenError::StaleCommit) => self.owe_receipt(now, id),
            Err(OpenError::UnknownEpoch { future: true }) => {
                // Commits come before what follows them, but after a roll-back of this disk none will come.
                self.note_unreadable(now, id);
                self.keep_pending(id, bytes, keep);
            }
            Err(OpenError::UnknownEpoch { future: false } | OpenError::GenerationTooOld) => {
                // The sender encrypts it again when it offers it next.
                self.count("message too old to open");
            }
            Err(OpenError::OutOfTurn) => self.count("commit out of turn"),
            Err(OpenError::HasProposals) => self.count("proposal"),
            Err(OpenError::NoPath) => self.count("commit without a path"),
            Err(_) => {
                self.count("message that does not open");
                self.note_unreadable(now, id);
            }
        }
    }

    /// A message of this session and epoch was authentic: the other side is there, and has my earlier commits.
    fn opened(&mut self, now: Now, id: ContactId, number: u64, epoch: u64) {
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        contact.mark_usable(number);
        contact.unreadable = None;
        contact.heard_us = now.mono_us;
        contact.row.epoch_messages += 1;
        contact.row.active_ms = now.wall_ms;
        contact.changed = true;
        self.drop_confirmed_commits(id, number, epoch);
    }

    /// Something shows that the other side has reached this epoch: the commits that led there have arrived.
    pub(crate) fn drop_confirmed_commits(&mut self, id: ContactId, number: u64, epoch: u64) {
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        let confirmed = |item: &&Item| {
            item.row.kind == ItemKind::Commit
                && item.row.sealed.as_ref().is_some_and(|s| s.session == number && s.epoch < epoch)
        };
        let done: Vec<u64> = contact.outbox.values().filter(confirmed).map(|item| item.row.id).collect();
        for item in done.into_iter().filter_map(|item| contact.outbox.remove(&item)) {
            item.delete(&mut self.writes);
        }
    }

    /// A content of this contact, opened and authentic.
    pub(crate) fn take_content(&mut self, now: Now, id: ContactId, plaintext: &[u8]) {
        let Ok(content) = Content::decode(plaintext) else { return self.count("content that does not decode") };
        if content.seq == u64::MAX {
            return self.count("content with a number that has no successor");
        }
        if let Some(receipts) = &content.receipts {
            self.take_receipts(now, id, receipts);
        }
        self.dirty.insert(id);
        self.resume_routes(now, id);
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        if content.seq == 0 {
            return self.take_unsequenced(id, &content.body);
        }
        contact.note_jump(content.jump);
        let is_new = contact.receive(content.seq) || planted::is(Bug::ShownTwice);
        if contact.row.state != ContactState::Request {
            self.owe_receipt(now, id);
        }
        if is_new {
            let seq = content.seq;
            self.take_body(now, id, content);
            self.shrink_gap(now, id, seq);
            self.advance_display(now, id);
        } else if let Body::Hello(hello) = &content.body {
            // It may have been written anew because its author has moved.
            self.learn_homes(id, content.seq, Some(&hello.card), hello.grants());
        }
    }

    pub(crate) fn keep_pending(&mut self, id: ContactId, bytes: Vec<u8>, keep: bool) {
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        if !keep || contact.pending.values().any(|other| *other == bytes) {
            return;
        }
        let held: usize = contact.pending.values().map(Vec::len).sum();
        if contact.pending.len() >= UNREADABLE_MAX || held.saturating_add(bytes.len()) > UNREADABLE_BYTES_MAX {
            return self.count("unreadable message beyond the limit");
        }
        let arrival = contact.pending.last_key_value().map_or(0, |(n, _)| n + 1);
        self.writes.put(Table::Pending, pending_key(id, arrival), bytes.clone());
        contact.pending.insert(arrival, bytes);
    }

    /// Something changed that may make waiting messages readable.
    pub(crate) fn retry_pending(&mut self, now: Now, id: ContactId) {
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        for (arrival, bytes) in std::mem::take(&mut contact.pending) {
            self.writes.delete(Table::Pending, pending_key(id, arrival));
            self.take_mls(now, id, bytes, true);
        }
    }

    pub(crate) fn note_unreadable(&mut self, now: Now, id: ContactId) {
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        let (since, count) = contact.unreadable.unwrap_or((now.mono_us, 0));
        contact.unreadable = Some((since, count + 1));
        let look_at = since.saturating_add(self.config.unreadable_us).saturating_add(MS);
        self.timers.set_earlier(crate::timers::Timer::Contact(id), look_at);
    }
}
