//! Introductions that come in: put the parts together, join the session, learn who it is, and ask the person, or accept
//! by itself whom an invite lets in.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use pirushka_e2e::Session;
use pirushka_e2e::content::{Body, Content, Hello};
use pirushka_e2e::intro::{Intro, IntroPart, IntroReassembly};
use pirushka_e2e::session::Opened;
use pirushka_identity::{Card, IntroPolicy};
use pirushka_wire::{IntroId, Now};

use crate::api::{ContactId, ContactState, Event, Table};
use crate::client::Client;
use crate::contact::Contact;
use crate::home_row::HomeId;
use crate::limits::{CONTACTS_MAX, REQUESTS_MAX};

/// How many finished introductions are remembered: their parts may come again.
const DONE_MAX: usize = 64;

/// Introductions of which parts are missing. The parts are on disk, so that the peer can forget each at once: a peer
/// whose window is full of parts that wait for each other would never send the last. What one home pushes is not mixed
/// with what another does: a bad one could spoil what the good one brings.
#[derive(Debug, Default)]
pub(crate) struct Intros {
    by_home: BTreeMap<HomeId, FromHome>,
    done: VecDeque<IntroId>,
}

#[derive(Debug, Default)]
struct FromHome {
    reassembly: IntroReassembly,
    /// Number of parts of each that is unfinished.
    open: BTreeMap<IntroId, u8>,
}

impl Intros {
    /// A part that was on disk.
    pub(crate) fn load(&mut self, key: &[u8], bytes: &[u8]) -> Option<()> {
        let (home, rest) = key.split_first_chunk::<4>()?;
        let (intro, rest) = rest.split_first_chunk::<16>()?;
        let &[n, i] = rest else { return None };
        let part = IntroPart { intro: IntroId(*intro), n, i, bytes };
        let from = self.by_home.entry(HomeId(u32::from_be_bytes(*home))).or_default();
        from.open.insert(part.intro, part.n);
        from.reassembly.insert(&part).ok().map(drop)
    }

    #[cfg(test)]
    pub(crate) fn is_done(&self, intro: IntroId) -> bool {
        self.done.contains(&intro)
    }
}

/// The length of a key in earlier versions.
pub(crate) const INTRO_KEY_WITHOUT_HOME: usize = 18;

/// `home u32 | intro id[16] | n u8 | i u8`
fn part_key(home: HomeId, intro: IntroId, n: u8, i: u8) -> Vec<u8> {
    let mut key = home.0.to_be_bytes().to_vec();
    key.extend(intro.0);
    key.extend([n, i]);
    key
}

impl Client {
    /// One part of an introduction.
    pub(crate) fn take_intro_part(&mut self, now: Now, home: HomeId, body: &[u8]) {
        let Ok(part) = IntroPart::decode(body) else { return self.count("introduction part that does not decode") };
        if self.intros.done.contains(&part.intro) {
            return;
        }
        // Where parts do not fit each other or their name, one is not what its author sent, and nobody knows which. They
        // may come again, or from a better peer.
        let from = self.intros.by_home.entry(home).or_default();
        if from.reassembly.contradicts(&part) {
            from.reassembly.forget(&part.intro);
            self.forget_closed_intros();
            self.count("introduction part that contradicts earlier ones");
        }
        let from = self.intros.by_home.entry(home).or_default();
        if from.reassembly.is_altered(&part) {
            from.reassembly.forget(&part.intro);
            self.forget_closed_intros();
            return self.count("introduction that is not what its name says");
        }
        let from = self.intros.by_home.entry(home).or_default();
        from.open.insert(part.intro, part.n);
        let whole = from.reassembly.insert(&part);
        self.writes.put(Table::Intro, part_key(home, part.intro, part.n, part.i), part.bytes.to_vec());
        if !matches!(whole, Ok(None)) {
            self.intros.done.push_back(part.intro);
            let excess = self.intros.done.len().saturating_sub(DONE_MAX);
            self.intros.done.drain(..excess);
        }
        match whole {
            Ok(None) => {}
            Ok(Some(intro)) => self.take_intro(now, &intro),
            Err(_) => self.count("introduction that does not decode"),
        }
        self.forget_closed_intros();
    }

    /// Nothing more is expected of a home that I have left.
    pub(crate) fn forget_intros_of(&mut self, home: HomeId) {
        if let Some(from) = self.intros.by_home.get_mut(&home) {
            from.reassembly = IntroReassembly::default();
            self.forget_closed_intros();
            self.intros.by_home.remove(&home);
        }
    }

    /// Deletes the parts of what is finished or was displaced.
    fn forget_closed_intros(&mut self) {
        let Intros { by_home, done } = &mut self.intros;
        for (&home, FromHome { reassembly, open }) in by_home {
            done.iter().for_each(|intro| reassembly.forget(intro));
            let unfinished: BTreeSet<IntroId> = reassembly.unfinished().collect();
            for (&intro, &n) in open.iter().filter(|(intro, _)| !unfinished.contains(*intro)) {
                (0..n).for_each(|i| self.writes.delete(Table::Intro, part_key(home, intro, n, i)));
            }
            open.retain(|intro, _| unfinished.contains(intro));
        }
    }

    /// A whole introduction from the intro inbox.
    fn take_intro(&mut self, now: Now, intro: &Intro) {
        let Some((session, content, hello)) = self.join(now, intro) else { return };
        let fingerprint = session.contact();
        let Ok(about) = Content::decode(&content) else { return };
        if let Some(&id) = self.by_fingerprint.get(&fingerprint) {
            self.note_hello(id, &about);
            return self.adopt_known(now, id, session, &content);
        }
        let memory = self.memory_of(&fingerprint);
        if memory.blocked {
            return self.count("introduction of somebody blocked");
        }
        if memory.hello == Some(about.id) {
            return self.count("introduction of somebody who was turned away or removed");
        }
        let invite = self.invites.values().find(|invite| Some(invite.token()) == hello.token).map(|invite| invite.id);
        match (self.profile.policy(), invite) {
            (IntroPolicy::Closed, _) => return self.count("introduction while nobody is taken"),
            (IntroPolicy::Token, None) => return self.count("introduction by an invite that was taken back"),
            (IntroPolicy::Token, Some(_)) | (IntroPolicy::Work { .. }, _) => {}
        }
        if memory.refused.is_some_and(|since| invite.is_none_or(|invite| invite < since)) {
            return self.count("introduction of somebody who was refused");
        }
        let auto = self.use_invite(now, &hello);
        let requests = self.contacts.values().filter(|c| c.row.state == ContactState::Request).count();
        if self.contacts.len() >= CONTACTS_MAX || (!auto && requests >= REQUESTS_MAX) {
            return self.count("introduction beyond the limit");
        }
        let id = self.profile.take_contact();
        self.profile.save(&mut self.writes);
        let name = self.free_name(&hello.name);
        let state = if auto { ContactState::Active } else { ContactState::Request };
        let mut contact = Contact::new(id, name, fingerprint, state, now.wall_ms);
        contact.recall(&memory);
        contact.row.hello = Some(about.id);
        self.contacts.insert(id, contact);
        self.by_fingerprint.insert(fingerprint, id);
        self.events.push_back(Event::Contact(id));
        self.adopt_known(now, id, session, &content);
    }

    /// A contact, or whom I am adding, introduces itself.
    fn note_hello(&mut self, id: ContactId, content: &Content) {
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        if contact.row.state == ContactState::Blocked || contact.row.hello.replace(content.id) == Some(content.id) {
            return;
        }
        contact.changed = true;
        if !contact.received.contains(content.seq) {
            self.greet_again(id);
        }
    }

    /// A Welcome that came through a contact's queue: the contact began a new session.
    pub(crate) fn take_welcome(&mut self, now: Now, id: ContactId, bytes: &[u8]) {
        let Ok(intro) = Intro::decode(bytes) else { return self.count("Welcome that does not decode") };
        let Some((session, content, _)) = self.join(now, &intro) else {
            // Offered again after its receipt was lost; or made for keys that I lost, when both were restored at once.
            self.note_unreadable(now, id);
            return self.owe_receipt(now, id);
        };
        if self.contacts.get(&id).is_none_or(|c| c.fingerprint() != session.contact()) {
            return self.count("Welcome of somebody else in a contact's queue");
        }
        // Who begins a new session may have lost what it knew, as after a restore from a backup: it is told again.
        if let Ok(about) = Content::decode(&content) {
            self.note_hello(id, &about);
        }
        self.adopt_known(now, id, session, &content);
        self.repeat_expiry(now, id);
    }

    fn adopt_known(&mut self, now: Now, id: ContactId, session: Session, content: &[u8]) {
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        if contact.row.state == ContactState::Blocked {
            return self.count("introduction of somebody blocked");
        }
        if contact.knows_group(&session.name().0) {
            self.count("Welcome that was played again");
            return self.owe_receipt(now, id);
        }
        if contact.sessions.contains_key(&session.name().number()) {
            return self.count("Welcome with a number that is taken");
        }
        contact.adopt_session(session, true, &mut self.writes);
        contact.row.epoch_ms = now.wall_ms;
        contact.row.epoch_messages = 0;
        contact.unreadable = None;
        self.take_content(now, id, content);
        self.retry_pending(now, id);
        self.dirty.insert(id);
    }

    /// Joins the session of an introduction and opens its first message; `None` when anything about it does not hold.
    fn join(&mut self, now: Now, intro: &Intro) -> Option<(Session, Vec<u8>, Hello)> {
        let Self { identity, packages, .. } = self;
        let joined = Session::join(identity, packages, &intro.welcome, now.wall_s());
        self.save_packages();
        let Ok(mut joined) = joined else {
            self.count("Welcome that cannot be joined");
            return None;
        };
        let first = joined.session.open(&intro.first);
        let checked = (|| {
            let Ok(Opened::Application { plaintext, .. }) = first else { return None };
            let content = Content::decode(&plaintext).ok()?;
            let Body::Hello(hello) = content.body else { return None };
            let card = Card::decode_verified(&hello.card, Some(&joined.fingerprint)).ok()?;
            joined.session.check_certificate(card.certificate()).ok()?;
            Some((plaintext, *hello))
        })();
        let Some((plaintext, hello)) = checked else {
            self.count("introduction whose first message does not hold");
            return None;
        };
        Some((joined.session, plaintext, hello))
    }

    /// Whether an invite lets the newcomer in without asking; it is used up by one.
    fn use_invite(&mut self, now: Now, hello: &Hello) -> bool {
        let Some(token) = hello.token else { return false };
        let Some(invite) = self.invites.values_mut().find(|i| i.token() == token && i.is_open(now.wall_s())) else {
            return false;
        };
        invite.uses_left -= 1;
        let (id, ask, hash) = (invite.id, invite.ask, invite.token_hash());
        let is_open = invite.is_open(now.wall_s());
        invite.save(&mut self.writes);
        // It was used at one home peer, and counts at all.
        if is_open {
            self.announce_invite(now, id)
        } else {
            self.withdraw_invite(now, hash)
        }
        !ask
    }
}
