//! The verbs: what a person asks of its client. Each is done when its rows are committed; what follows on the network
//! follows by itself.

use std::collections::BTreeMap;

use pirushka_e2e::content::{Body, FIRST_TEXT_MAX, Profile, Text};
use pirushka_identity::IntroPolicy;
use pirushka_wire::{Address, Now, PeerAddress};

use crate::api::{
    ContactId, ContactState, Event, Failure, Message, MessageBody, MessageId, MessageState, Misuse, Table,
};
use crate::client::{Client, Owner};
use crate::contact::{Contact, ContactRow};
use crate::invite::InviteRow;
use crate::limits::{INVITES_MAX, RECEIVED_RANGES_MAX, TEXT_MAX, WORK_BITS_MAX};
use crate::names::checked_name;
use crate::outbox::ItemKind;
use crate::rows::encode;
use crate::timers::Timer;

impl Client {
    /// Changes how I call myself; contacts are told.
    ///
    /// # Errors
    /// [`Misuse::BadName`].
    pub fn rename_me(&mut self, now: Now, name: &str) -> Result<(), Misuse> {
        self.profile.name = checked_name(name)?;
        self.profile.save(&mut self.writes);
        for id in self.active_contacts() {
            let profile = Profile { name: self.profile.name.clone() };
            self.enqueue(now, id, ItemKind::Content, Some(Body::Profile(profile)), None);
        }
        self.turn(now);
        Ok(())
    }

    /// Makes an invite for `uses` people, good for `expiry_s` seconds. With `ask`, each of them must be accepted by hand.
    ///
    /// # Errors
    /// [`Misuse::NoHome`], [`Misuse::TooManyInvites`], [`Misuse::TakesNobody`].
    pub fn new_invite(&mut self, now: Now, label: &str, uses: u16, expiry_s: u64, ask: bool) -> Result<u32, Misuse> {
        if self.homes.is_empty() {
            return Err(Misuse::NoHome);
        }
        if self.profile.policy() == IntroPolicy::Closed {
            return Err(Misuse::TakesNobody);
        }
        let open = self.invites.values().filter(|invite| invite.is_open(now.wall_s())).count();
        if open >= INVITES_MAX {
            return Err(Misuse::TooManyInvites(open));
        }
        let id = self.profile.take_invite();
        self.profile.save(&mut self.writes);
        let label = crate::contents::cleaned(label);
        let expiry_s = now.wall_s().saturating_add(expiry_s);
        let invite = InviteRow { id, token: self.random(), label, expiry_s, uses_left: uses, ask };
        invite.save(&mut self.writes);
        self.invites.insert(id, invite);
        self.announce_invite(now, id);
        self.turn(now);
        Ok(id)
    }

    /// Says who may introduce itself to me: nobody, whoever has an invite, or whoever does so much work as well.
    ///
    /// # Errors
    /// [`Misuse::BadBits`].
    pub fn set_intro_policy(&mut self, now: Now, policy: IntroPolicy) -> Result<(), Misuse> {
        if let IntroPolicy::Work { bits } = policy
            && !(2..=WORK_BITS_MAX).contains(&bits)
        {
            return Err(Misuse::BadBits(bits));
        }
        if self.profile.policy() != policy {
            self.profile.intro_policy = Some(policy.to_byte());
            self.profile.save(&mut self.writes);
            self.announce_policy(now);
            self.settle_homes = true;
        }
        self.turn(now);
        Ok(())
    }

    /// Takes an invite back. While the peer is down this holds all the same: the next registration's list is complete.
    ///
    /// # Errors
    /// [`Misuse::NoSuchInvite`].
    pub fn revoke_invite(&mut self, now: Now, id: u32) -> Result<(), Misuse> {
        let invite = self.invites.remove(&id).ok_or(Misuse::NoSuchInvite)?;
        invite.delete(&mut self.writes);
        self.withdraw_invite(now, invite.token_hash());
        self.turn(now);
        Ok(())
    }

    /// Introduces myself to the person at this address. Who was not reached yet is introduced to again when the address
    /// brings another invite.
    ///
    /// # Errors
    /// [`Misuse::NoHome`], [`Misuse::OwnAddress`], [`Misuse::AlreadyContact`], [`Misuse::Blocked`], a bad or taken name.
    pub fn add_contact(&mut self, now: Now, address: &Address, name: Option<&str>) -> Result<ContactId, Misuse> {
        self.add_contact_saying(now, address, name, None)
    }

    /// The same with a first text, which travels with the introduction: at most 1 KiB.
    ///
    /// # Errors
    /// As above, and [`Misuse::EmptyText`], [`Misuse::FirstTextTooLong`].
    pub fn add_contact_saying(
        &mut self,
        now: Now,
        address: &Address,
        name: Option<&str>,
        text: Option<&str>,
    ) -> Result<ContactId, Misuse> {
        match text.map(str::len) {
            Some(0) => return Err(Misuse::EmptyText),
            Some(bytes) if bytes > FIRST_TEXT_MAX => return Err(Misuse::FirstTextTooLong(bytes)),
            Some(_) | None => {}
        }
        if self.homes.is_empty() {
            return Err(Misuse::NoHome);
        }
        if address.fingerprint == self.identity.fingerprint() {
            return Err(Misuse::OwnAddress);
        }
        if let Some(id) = self.introduce_again(now, address, name)? {
            if let Some(text) = text {
                self.send_text(now, id, text)?;
            }
            return Ok(id);
        }
        if let Some(contact) = self.by_fingerprint.get(&address.fingerprint).and_then(|id| self.contacts.get(id)) {
            let name = contact.row.name.clone();
            return Err(match contact.row.state {
                ContactState::Blocked => Misuse::Blocked(name),
                ContactState::Adding | ContactState::Request | ContactState::Active => Misuse::AlreadyContact(name),
            });
        }
        let chosen = match name {
            Some(name) => self.unused_name(name, None)?,
            None => self.free_name("contact"),
        };
        let id = self.profile.take_contact();
        self.profile.save(&mut self.writes);
        let mut contact = Contact::new(id, chosen, address.fingerprint, ContactState::Adding, now.wall_ms);
        contact.row.unnamed = name.is_none();
        contact.recall(&self.memory_of(&address.fingerprint));
        contact.row.peer = address.peer().map(|peer| peer.to_string());
        contact.row.token = address.token.map(|token| token.0);
        contact.changed = true;
        if address.peer_id.is_none() {
            contact.row.keyless = Some((address.host.as_str().to_owned(), address.port));
        }
        self.contacts.insert(id, contact);
        self.by_fingerprint.insert(address.fingerprint, id);
        self.remember(address.fingerprint, |memory| (memory.blocked, memory.refused) = (false, None));
        self.greet(now, id, ItemKind::Intro);
        text.into_iter().for_each(|text| self.say_with_hello(now, id, text));
        self.ask_peer_key(id);
        self.events.push_back(Event::Contact(id));
        self.turn(now);
        Ok(id)
    }

    /// Puts a text in the hello that was just queued; it is a message like any other.
    fn say_with_hello(&mut self, now: Now, id: ContactId, text: &str) {
        let message = self.profile.take_messages(1);
        self.profile.save(&mut self.writes);
        let hello = self.contacts.get_mut(&id).and_then(|contact| contact.outbox.values_mut().last());
        let Some(item) = hello else { return };
        (item.row.text, item.row.message) = (Some(text.to_owned()), Some(message));
        item.save(&mut self.writes);
        let (content, seq) = (item.row.content, item.row.seq);
        self.put_mine(Message::mine(now, id, message, (content, seq), MessageBody::Text(text.to_owned())));
    }

    /// Keeps a row of mine.
    fn put_mine(&mut self, row: Message) {
        self.writes.put_row(Table::Message, row.id.0.to_be_bytes(), &row);
    }

    /// A fresh invite for somebody who has not answered: the introduction goes out anew with it. A name that is given
    /// with it is the contact's from now on.
    fn introduce_again(
        &mut self,
        now: Now,
        address: &Address,
        name: Option<&str>,
    ) -> Result<Option<ContactId>, Misuse> {
        let known = self.by_fingerprint.get(&address.fingerprint).and_then(|id| self.contacts.get(id));
        let Some(contact) = known.filter(|contact| contact.row.state == ContactState::Adding) else { return Ok(None) };
        let Some(token) = address.token.filter(|token| contact.row.token != Some(token.0)) else { return Ok(None) };
        let id = contact.id();
        let chosen = name.map(|name| self.unused_name(name, Some(id))).transpose()?;
        let Some(contact) = self.contacts.get_mut(&id) else { return Ok(None) };
        if let Some(chosen) = chosen {
            (contact.row.name, contact.row.unnamed) = (chosen, false);
        }
        contact.row.token = Some(token.0);
        if let Some(peer) = address.peer() {
            contact.row.peer = Some(peer.to_string());
        }
        contact.trouble = None;
        contact.changed = true;
        for item in contact.outbox.values_mut().filter(|item| item.row.kind == ItemKind::Intro) {
            item.change_hello(|hello| hello.token = Some(token));
            item.save(&mut self.writes);
        }
        self.close_routes(now, id);
        self.dirty.insert(id);
        self.events.push_back(Event::Contact(id));
        self.turn(now);
        Ok(Some(id))
    }

    /// Lets a request in.
    ///
    /// # Errors
    /// [`Misuse::NoSuchContact`], [`Misuse::NotARequest`].
    pub fn accept(&mut self, now: Now, id: ContactId) -> Result<(), Misuse> {
        let contact = self.request(id)?;
        contact.row.state = ContactState::Active;
        contact.changed = true;
        let first = contact.row.first.take();
        self.events.push_back(Event::Contact(id));
        first.into_iter().for_each(|text| self.display(now, id, text));
        self.advance_display(now, id);
        self.owe_receipt(now, id);
        self.answer_hello(now, id);
        self.turn(now);
        Ok(())
    }

    /// Turns a request away; it is not told, and does not become a request again unless I hand it a new invite, or add it.
    ///
    /// # Errors
    /// [`Misuse::NoSuchContact`], [`Misuse::NotARequest`].
    pub fn refuse(&mut self, now: Now, id: ContactId) -> Result<(), Misuse> {
        let fingerprint = self.request(id)?.fingerprint();
        let next_invite = self.profile.next_invite;
        self.remember(fingerprint, |memory| memory.refused = Some(next_invite));
        self.remove(now, id)
    }

    /// Changes how I call a contact.
    ///
    /// # Errors
    /// [`Misuse::NoSuchContact`], [`Misuse::BadName`], [`Misuse::NameTaken`].
    pub fn rename(&mut self, now: Now, id: ContactId, name: &str) -> Result<(), Misuse> {
        let name = self.unused_name(name, Some(id))?;
        let contact = self.contacts.get_mut(&id).ok_or(Misuse::NoSuchContact)?;
        contact.row.name = name;
        contact.row.unnamed = false;
        contact.changed = true;
        self.events.push_back(Event::Contact(id));
        self.turn(now);
        Ok(())
    }

    /// Takes nothing more from a contact: its queue is closed, and stays closed whatever becomes of the peer.
    ///
    /// # Errors
    /// [`Misuse::NoSuchContact`].
    pub fn block(&mut self, now: Now, id: ContactId) -> Result<(), Misuse> {
        let contact = self.contacts.get_mut(&id).ok_or(Misuse::NoSuchContact)?;
        contact.row.state = ContactState::Blocked;
        contact.changed = true;
        let fingerprint = contact.fingerprint();
        self.remember(fingerprint, |memory| memory.blocked = true);
        self.close_queues(now, id);
        self.fail_outbox(now, id);
        self.events.push_back(Event::Contact(id));
        self.dirty.insert(id);
        self.turn(now);
        Ok(())
    }

    /// Takes messages again: the contact gets a new queue. A stranger's request is a request again.
    ///
    /// # Errors
    /// [`Misuse::NoSuchContact`].
    pub fn unblock(&mut self, now: Now, id: ContactId) -> Result<(), Misuse> {
        let contact = self.contacts.get_mut(&id).ok_or(Misuse::NoSuchContact)?;
        if contact.row.state != ContactState::Blocked {
            return Ok(());
        }
        // Who was neither accepted nor added asks again; who has not answered yet is still to be reached.
        let (state, kind) = match (contact.row.greeted, contact.row.grants.is_empty()) {
            (false, _) => (ContactState::Request, None),
            (true, true) => (ContactState::Adding, Some(ItemKind::Intro)),
            (true, false) => (ContactState::Active, Some(ItemKind::Content)),
        };
        contact.row.state = state;
        contact.changed = true;
        let fingerprint = contact.fingerprint();
        self.remember(fingerprint, |memory| memory.blocked = false);
        self.events.push_back(Event::Contact(id));
        kind.into_iter().for_each(|kind| self.greet(now, id, kind));
        self.turn(now);
        Ok(())
    }

    /// Forgets a contact and what waits for it. Its conversation is the shell's to delete, on [`Event::Contact`].
    ///
    /// # Errors
    /// [`Misuse::NoSuchContact`].
    pub fn remove(&mut self, now: Now, id: ContactId) -> Result<(), Misuse> {
        if !self.contacts.contains_key(&id) {
            return Err(Misuse::NoSuchContact);
        }
        self.close_queues(now, id);
        self.close_routes(now, id);
        if let Some(mut contact) = self.contacts.remove(&id) {
            self.by_fingerprint.remove(&contact.fingerprint());
            contact.delete(&mut self.writes);
            self.forget_vanishing(id);
            let ContactRow { next_seq, number, hello, .. } = contact.row;
            self.remember(contact.fingerprint(), |memory| {
                (memory.next_seq, memory.number) = (next_seq, number);
                memory.hello = hello.or(memory.hello);
            });
        }
        for timer in [Timer::Contact(id), Timer::Gap(id), Timer::Key(id)] {
            self.timers.clear(timer);
        }
        self.dirty.remove(&id);
        self.events.push_back(Event::Contact(id));
        self.turn(now);
        Ok(())
    }

    /// Writes to a contact. The text is safe when the rows are committed, whatever happens then.
    ///
    /// # Errors
    /// The text is empty or longer than 64 KiB, there is no such contact, it is blocked or not accepted.
    pub fn send_text(&mut self, now: Now, id: ContactId, text: &str) -> Result<MessageId, Misuse> {
        if text.is_empty() {
            return Err(Misuse::EmptyText);
        }
        if text.len() > TEXT_MAX {
            return Err(Misuse::TextTooLong(text.len()));
        }
        self.writable(id)?;
        let message = self.profile.take_messages(1);
        let expire_s = self.contacts.get(&id).map_or(0, |contact| contact.conversation.expire_s);
        let expires = (expire_s > 0).then_some(expire_s);
        let body = Body::Text(Text { text: text.to_owned(), reply_to: None, expire_s: expires });
        let (seq, content) =
            self.enqueue(now, id, ItemKind::Content, Some(body), Some(message)).ok_or(Misuse::NoSuchContact)?;
        self.put_mine(Message::mine(now, id, message, (content, seq), MessageBody::Text(text.to_owned())));
        self.will_vanish(id, message, expire_s, true);
        self.turn(now);
        Ok(message)
    }

    /// The person has seen a contact's messages up to this one; the contact is told.
    ///
    /// # Errors
    /// [`Misuse::NoSuchContact`].
    pub fn mark_seen(&mut self, now: Now, id: ContactId, up_to: MessageId) -> Result<(), Misuse> {
        self.contacts.get(&id).ok_or(Misuse::NoSuchContact)?;
        self.vanish_after_seen(now, id, up_to);
        let contact = self.contacts.get_mut(&id).ok_or(Misuse::NoSuchContact)?;
        let seen: Vec<u64> = contact.row.unseen.iter().filter(|(m, _)| *m <= up_to).map(|&(_, seq)| seq).collect();
        if seen.is_empty() {
            return Ok(());
        }
        contact.row.unseen.retain(|(m, _)| *m > up_to);
        if self.config.read_receipts {
            for seq in seen {
                contact.seen.insert(seq);
            }
        }
        contact.seen.keep_highest(RECEIVED_RANGES_MAX);
        contact.changed = true;
        self.writes.put(Table::SeenUpTo, id.0.to_be_bytes(), up_to.0.to_be_bytes().to_vec());
        if self.contacts.get(&id).is_some_and(|c| c.row.state == ContactState::Active) {
            self.owe_receipt(now, id);
        }
        self.turn(now);
        Ok(())
    }

    pub(crate) fn peer_key_found(&mut self, now: Now, id: ContactId, key: Option<pirushka_wire::PeerId>) {
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        let Some((host, port)) = contact.row.keyless.clone() else { return };
        match (key, host.parse()) {
            (Some(peer_id), Ok(host)) => {
                contact.row.peer = Some(PeerAddress { host, port, peer_id }.to_string());
                contact.row.keyless = None;
                contact.changed = true;
                self.dirty.insert(id);
            }
            _ => {
                self.adding_trouble(id, crate::api::AddingTrouble::NoKey);
                self.timers.set(Timer::Key(id), now.after_us(10 * self.config.retry_max_us));
            }
        }
    }

    pub(crate) fn ask_peer_key(&mut self, id: ContactId) {
        let host = self.contacts.get(&id).and_then(|c| c.row.keyless.as_ref()).map(|(host, _)| host.clone());
        let Some(host) = host else { return };
        let query = crate::api::QueryId(self.next_query);
        self.next_query += 1;
        self.queries.insert(query, Owner::Key(id));
        self.events.push_back(Event::ResolveKey { query, host });
    }

    /// Whether something may be written to this person.
    pub(crate) fn writable(&self, id: ContactId) -> Result<(), Misuse> {
        let contact = self.contacts.get(&id).ok_or(Misuse::NoSuchContact)?;
        match contact.row.state {
            ContactState::Blocked => Err(Misuse::Blocked(contact.row.name.clone())),
            ContactState::Request => Err(Misuse::NotAccepted(contact.row.name.clone())),
            ContactState::Adding | ContactState::Active => Ok(()),
        }
    }

    fn request(&mut self, id: ContactId) -> Result<&mut Contact, Misuse> {
        let contact = self.contacts.get_mut(&id).ok_or(Misuse::NoSuchContact)?;
        match contact.row.state {
            ContactState::Request => Ok(contact),
            ContactState::Adding | ContactState::Active | ContactState::Blocked => {
                Err(Misuse::NotARequest(contact.row.name.clone()))
            }
        }
    }

    fn active_contacts(&self) -> Vec<ContactId> {
        let active = |c: &&Contact| c.row.state == ContactState::Active;
        self.contacts.values().filter(active).map(Contact::id).collect()
    }

    fn close_queues(&mut self, now: Now, id: ContactId) {
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        for (home, queue) in std::mem::take(&mut contact.queues) {
            if let Some(row) = self.queues.remove(&queue) {
                row.delete(&mut self.writes);
                self.withdraw_queue(now, home, queue);
            }
        }
    }

    fn fail_outbox(&mut self, now: Now, id: ContactId) {
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        contact.volatile.clear();
        // Commits stay: after an unblocking the session goes on from there, or not at all.
        let (commits, gone): (BTreeMap<_, _>, BTreeMap<_, _>) =
            (std::mem::take(&mut contact.outbox).into_iter()).partition(|(_, item)| item.row.kind == ItemKind::Commit);
        contact.outbox = commits;
        for item in gone.into_values() {
            item.delete(&mut self.writes);
            if let Some(message) = item.row.message {
                let state = MessageState::Failed { reason: Failure::ContactGone };
                self.writes.put(Table::MessageState, message.0.to_be_bytes(), encode(&state));
                self.events.push_back(Event::MessageState { contact: id, id: message, state });
                self.vanish_from(now, message);
            }
        }
    }
}
