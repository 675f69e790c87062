//! Messages that disappear: which, when, and their going.
//!
//! A text carries its own time, so what was written under an earlier setting keeps to that one. The time counts, on the
//! recipient's side, from the moment when the person has seen the text; on the sender's side from its end-to-end receipt,
//! or from being given up: a text that may have to be offered again cannot go. What nobody has seen stays.
//! Moments are by the wall clock and lie on disk, so the time goes on while no program runs; what is due at the start
//! goes at the start.

use std::collections::{BTreeMap, BTreeSet};

use pirushka_wire::Now;
use pirushka_wire::time::HOUR;

use crate::api::{ContactId, Event, MessageId, Table};
use crate::client::Client;
use crate::timers::Timer;

/// A message that disappears.
#[derive(Debug, Clone, Copy, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub(crate) struct VanishRow {
    #[n(0)]
    pub(crate) contact: ContactId,
    #[n(1)]
    pub(crate) outgoing: bool,
    #[n(2)]
    pub(crate) after_s: u64,
    /// Unix milliseconds; 0: its time has not begun.
    #[n(3)]
    pub(crate) due_ms: u64,
}

/// All of them; those whose time has begun also by moment.
#[derive(Debug, Default)]
pub(crate) struct Vanishing {
    rows: BTreeMap<MessageId, VanishRow>,
    due: BTreeSet<(u64, MessageId)>,
}

impl Vanishing {
    pub(crate) fn insert(&mut self, id: MessageId, row: VanishRow) {
        self.remove(id);
        self.rows.insert(id, row);
        if row.due_ms > 0 {
            self.due.insert((row.due_ms, id));
        }
    }

    fn remove(&mut self, id: MessageId) -> Option<VanishRow> {
        let row = self.rows.remove(&id)?;
        self.due.remove(&(row.due_ms, id));
        Some(row)
    }
}

impl Client {
    /// A message has been stored that stays for so long; 0: for ever.
    pub(crate) fn will_vanish(&mut self, contact: ContactId, id: MessageId, after_s: u64, outgoing: bool) {
        if after_s > 0 {
            self.keep_vanishing(id, VanishRow { contact, outgoing, after_s, due_ms: 0 });
        }
    }

    /// The time of a message of mine begins.
    pub(crate) fn vanish_from(&mut self, now: Now, id: MessageId) {
        let waiting = self.vanishing.rows.get(&id).copied().filter(|row| row.due_ms == 0);
        if let Some(row) = waiting {
            let due_ms = now.wall_ms.saturating_add(row.after_s.saturating_mul(1000)).max(1);
            self.keep_vanishing(id, VanishRow { due_ms, ..row });
            self.watch_vanishing(now);
        }
    }

    /// The time of a contact's messages up to this one begins: the person has seen them.
    pub(crate) fn vanish_after_seen(&mut self, now: Now, contact: ContactId, up_to: MessageId) {
        let seen = self.vanishing.rows.range(..=up_to).filter(|(_, row)| row.contact == contact && !row.outgoing);
        for id in seen.map(|(&id, _)| id).collect::<Vec<_>>() {
            self.vanish_from(now, id);
        }
    }

    /// Lets go what is due.
    pub(crate) fn vanish_due(&mut self, now: Now) {
        while let Some(&(due_ms, id)) = self.vanishing.due.first()
            && due_ms <= now.wall_ms
        {
            let Some(row) = self.vanishing.remove(id) else { break };
            self.writes.delete(Table::Message, id.0.to_be_bytes());
            self.writes.delete(Table::Vanishing, id.0.to_be_bytes());
            self.events.push_back(Event::MessageGone { contact: row.contact, id });
        }
        self.watch_vanishing(now);
    }

    /// The contact is gone, and its conversation with it.
    pub(crate) fn forget_vanishing(&mut self, contact: ContactId) {
        let its = self.vanishing.rows.iter().filter(|(_, row)| row.contact == contact).map(|(&id, _)| id);
        for id in its.collect::<Vec<_>>() {
            self.vanishing.remove(id);
            self.writes.delete(Table::Vanishing, id.0.to_be_bytes());
        }
    }

    fn keep_vanishing(&mut self, id: MessageId, row: VanishRow) {
        self.vanishing.insert(id, row);
        self.writes.put_row(Table::Vanishing, id.0.to_be_bytes(), &row);
    }

    /// Wakes at the next moment, and at the latest in an hour: the wall clock may have been set, or the machine slept.
    fn watch_vanishing(&mut self, now: Now) {
        match self.vanishing.due.first() {
            Some(&(due_ms, _)) => {
                let wait_us = due_ms.saturating_sub(now.wall_ms).saturating_mul(1000).min(HOUR);
                self.timers.set(Timer::Vanish, now.after_us(wait_us));
            }
            None => self.timers.clear(Timer::Vanish),
        }
    }
}
