//! What a content of a contact does here, kind by kind.

use pirushka_e2e::content::{Body, Content, QueueGrant};
use pirushka_identity::Card;
use pirushka_wire::Now;

use crate::api::{ContactId, ContactState, Event, MessageBody};
use crate::client::Client;
use crate::contact::WaitingRow;
use crate::limits::{EXPIRE_MAX_S, NAME_MAX};

impl Client {
    /// A content with a place in the contact's sequence, seen for the first time.
    pub(crate) fn take_body(&mut self, now: Now, id: ContactId, content: Content) {
        let Content { id: content_id, seq, time_ms, body, receipts: _, jump: _ } = content;
        let waiting = |body, expire_s| WaitingRow { seq, content: content_id, sent_ms: time_ms, body, expire_s };
        match body {
            Body::Text(text) => {
                let expire_s = text.expire_s.unwrap_or(0).min(EXPIRE_MAX_S);
                self.display(now, id, waiting(MessageBody::Text(text.text), expire_s));
            }
            Body::Expire(expire) => {
                if let Some(after_s) = self.take_expiry(now, id, &expire) {
                    self.display(now, id, waiting(MessageBody::Expire { after_s }, 0));
                }
            }
            Body::Unknown { kind, raw } => {
                self.display(now, id, waiting(MessageBody::NeedsNewerVersion { kind: u32::from(kind), raw }, 0));
            }
            Body::Hello(hello) => {
                self.begin_display(id, seq);
                self.learn_homes(id, seq, Some(&hello.card), hello.grants());
                self.learn_name(id, seq, &hello.name);
                hello.sas.iter().for_each(|step| self.take_code_step(now, id, step));
                let text = hello.text.filter(|text| !text.is_empty());
                text.into_iter().for_each(|text| self.take_first_text(now, id, waiting(MessageBody::Text(text), 0)));
                self.answer_hello(now, id);
            }
            Body::Grant(grant) => self.learn_homes(id, seq, None, std::iter::once(&grant)),
            Body::Card(news) => self.learn_homes(id, seq, Some(&news.card), news.grants.iter()),
            Body::Sas(step) => self.take_code_step(now, id, &step),
            Body::Profile(profile) => self.learn_name(id, seq, &profile.name),
            Body::PleaseCommit => {
                if let Some(contact) = self.contacts.get_mut(&id) {
                    contact.row.commit_wanted = true;
                    contact.changed = true;
                }
            }
            Body::Receipt | Body::OfferAgain => {}
        }
    }

    /// A text that came with a hello: of a stranger it waits for the person's answer.
    fn take_first_text(&mut self, now: Now, id: ContactId, text: WaitingRow) {
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        if contact.row.state == ContactState::Request {
            contact.row.first = Some(text);
            contact.changed = true;
            return self.events.push_back(Event::Contact(id));
        }
        self.display(now, id, text);
    }

    /// A content without a place: only its receipts count, and the wish to have everything offered again.
    pub(crate) fn take_unsequenced(&mut self, id: ContactId, body: &Body) {
        if matches!(body, Body::OfferAgain) {
            self.offer_again(id);
        }
    }

    /// Where the contact is reached now. A newer CARD replaces an older one, never the other way round; it is signed
    /// under the fingerprint, so it vouches for the peers it names.
    pub(crate) fn learn_homes<'a>(
        &mut self,
        id: ContactId,
        seq: u64,
        card: Option<&[u8]>,
        grants: impl Iterator<Item = &'a QueueGrant>,
    ) {
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        let fingerprint = contact.fingerprint();
        match card.map(|bytes| Card::decode_verified(bytes, Some(&fingerprint))) {
            Some(Ok(card)) => {
                let moved = contact.card().is_some_and(|old| old.homes() != card.homes());
                if contact.learn_card(card) {
                    contact.row.card_seq = contact.row.card_seq.max(seq);
                    if moved {
                        self.events.push_back(Event::Contact(id));
                    }
                }
            }
            Some(Err(_)) => return self.count("CARD that is not the contact's"),
            None => {}
        }
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        contact.learn_grants(seq, grants);
        if contact.row.state == ContactState::Adding && !contact.row.grants.is_empty() {
            contact.row.state = ContactState::Active;
            contact.row.token = None;
            contact.trouble = None;
            self.events.push_back(Event::Contact(id));
        }
        self.dirty.insert(id);
    }

    fn learn_name(&mut self, id: ContactId, seq: u64, name: &str) {
        let claimed = cleaned(name);
        let free = self.free_name(&claimed);
        let Some(contact) = self.contacts.get_mut(&id).filter(|contact| contact.row.name_seq < seq) else { return };
        contact.row.name_seq = seq;
        contact.changed = true;
        if contact.row.unnamed && !claimed.is_empty() {
            contact.row.name = free;
            contact.row.unnamed = false;
        }
        if contact.row.claimed_name != claimed {
            contact.row.claimed_name = claimed;
            self.events.push_back(Event::Contact(id));
        }
    }
}

/// A name as somebody else wrote it, cut to what can be shown: nothing invisible (controls, bidi
/// overrides, characters without width), not too long.
pub(crate) fn cleaned(name: &str) -> String {
    let shown = |c: &char| {
        !c.is_control()
            && !matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    let kept: String = name.chars().filter(shown).take(NAME_MAX).collect();
    kept.trim().to_owned()
}
