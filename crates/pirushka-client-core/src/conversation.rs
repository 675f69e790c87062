//! What a person sets about one conversation: whether it may disturb, and how long its messages stay.
//!
//! Muting is a matter of this side alone. How long messages stay holds for both, so whoever changes it tells the other
//! (content `expire`), and a line in the conversation says who it was. Changes are numbered: the highest number counts,
//! and of two changes made at once that of the smaller fingerprint, so both sides end with the same. Who hears of an older
//! setting than his own, as from somebody whose disk was brought back from a backup, says his own again.

use std::collections::BTreeMap;

use pirushka_e2e::content::{Body, Expire};
use pirushka_wire::Now;

use crate::api::{ContactId, DamagedRow, Event, Message, MessageBody, MessageId, Misuse, Table};
use crate::client::Client;
use crate::limits::EXPIRE_MAX_S;
use crate::outbox::ItemKind;
use crate::rows::decode;

/// The settings of a conversation, as they lie on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, minicbor::Encode, minicbor::Decode)]
pub(crate) struct ConversationRow {
    /// Unix milliseconds; 0 = not muted.
    #[n(0)]
    pub(crate) muted_until_ms: u64,
    /// 0 = messages stay.
    #[n(1)]
    pub(crate) expire_s: u64,
    /// Of the setting in force; 0 = never set.
    #[n(2)]
    pub(crate) version: u64,
    /// Who set it.
    #[n(3)]
    pub(crate) by_me: bool,
}

impl Client {
    /// Lets a conversation disturb nobody until this moment, Unix milliseconds; 0 ends that. Messages come all the same.
    ///
    /// # Errors
    /// [`Misuse::NoSuchContact`].
    pub fn mute(&mut self, now: Now, id: ContactId, until_ms: u64) -> Result<(), Misuse> {
        let contact = self.contacts.get_mut(&id).ok_or(Misuse::NoSuchContact)?;
        contact.conversation.muted_until_ms = until_ms;
        self.save_conversation(id);
        self.events.push_back(Event::Contact(id));
        self.turn(now);
        Ok(())
    }

    /// Lets messages of both sides, from now on, disappear so many seconds after they were seen; 0: lets them stay. The
    /// contact is told. Gives the line in the conversation, if it was not so already.
    ///
    /// # Errors
    /// [`Misuse::ExpiryTooLong`], [`Misuse::NoSuchContact`], the contact is blocked or not accepted.
    pub fn set_expiry(&mut self, now: Now, id: ContactId, after_s: u64) -> Result<Option<MessageId>, Misuse> {
        if after_s > EXPIRE_MAX_S {
            return Err(Misuse::ExpiryTooLong);
        }
        self.writable(id)?;
        let contact = self.contacts.get_mut(&id).ok_or(Misuse::NoSuchContact)?;
        let settings = &mut contact.conversation;
        if settings.expire_s == after_s {
            return Ok(None);
        }
        (settings.expire_s, settings.by_me) = (after_s, true);
        settings.version = settings.version.saturating_add(1);
        self.save_conversation(id);
        let message = self.profile.take_messages(1);
        let row = self.tell_expiry(now, id, Some(message)).ok_or(Misuse::NoSuchContact)?;
        self.writes.put_row(Table::Message, message.0.to_be_bytes(), &row);
        self.events.push_back(Event::Contact(id));
        self.turn(now);
        Ok(Some(message))
    }

    /// The contact set how long messages stay. Gives that, if it counts.
    pub(crate) fn take_expiry(&mut self, now: Now, id: ContactId, expire: &Expire) -> Option<u64> {
        let mine = self.identity.fingerprint();
        let contact = self.contacts.get_mut(&id)?;
        let theirs_first = contact.fingerprint() < mine;
        let settings = &mut contact.conversation;
        if expire.version < settings.version {
            self.tell_expiry(now, id, None);
            return None;
        }
        let counts = expire.version > settings.version || (settings.by_me && theirs_first);
        if !counts {
            return None;
        }
        let after_s = expire.after_s.min(EXPIRE_MAX_S);
        let changed = settings.expire_s != after_s;
        (settings.expire_s, settings.version, settings.by_me) = (after_s, expire.version, false);
        self.save_conversation(id);
        self.events.push_back(Event::Contact(id));
        changed.then_some(after_s)
    }

    /// The contact may have lost what it knew: it is told how long messages stay, if that was ever set.
    pub(crate) fn repeat_expiry(&mut self, now: Now, id: ContactId) {
        if self.contacts.get(&id).is_some_and(|contact| contact.conversation.version > 0) {
            self.tell_expiry(now, id, None);
        }
    }

    fn tell_expiry(&mut self, now: Now, id: ContactId, message: Option<MessageId>) -> Option<Message> {
        let settings = self.contacts.get(&id)?.conversation;
        let body = Body::Expire(Expire { after_s: settings.expire_s, version: settings.version });
        let (seq, content) = self.enqueue(now, id, ItemKind::Content, Some(body), message)?;
        let body = MessageBody::Expire { after_s: settings.expire_s };
        Some(Message::mine(now, id, message.unwrap_or(MessageId(0)), (content, seq), body))
    }

    fn save_conversation(&mut self, id: ContactId) {
        let Some(contact) = self.contacts.get(&id) else { return };
        self.writes.put_row(Table::Conversation, id.0.to_be_bytes(), &contact.conversation);
    }

    pub(crate) fn load_conversations(
        &mut self,
        settings: BTreeMap<Vec<u8>, Vec<u8>>,
        vanishing: BTreeMap<Vec<u8>, Vec<u8>>,
    ) -> Result<(), DamagedRow> {
        for (key, value) in settings {
            let damaged = DamagedRow(Table::Conversation);
            let id = key.try_into().map(u32::from_be_bytes).map_err(|_| damaged)?;
            let contact = self.contacts.get_mut(&ContactId(id)).ok_or(damaged)?;
            contact.conversation = decode(Table::Conversation, &value)?;
        }
        for (key, value) in vanishing {
            let id = key.try_into().map(u64::from_be_bytes).map_err(|_| DamagedRow(Table::Vanishing))?;
            self.vanishing.insert(MessageId(id), decode(Table::Vanishing, &value)?);
        }
        Ok(())
    }
}
