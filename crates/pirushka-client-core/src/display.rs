//! The order in which a contact's messages are shown: the order in which they were sent.
//!
//! A message that came early waits for the ones before it, at most 10 s. Then a gap is shown, with places kept for what
//! is missing; a late message takes its place there and the marker shrinks, until nothing is missing. Everything is on
//! disk from the moment it came: waiting concerns only the showing.

use pirushka_wire::Now;
use pirushka_wire::planted::{self, Bug};

use crate::api::{ContactId, Event, Message, MessageBody, MessageId, MessageState, Table};
use crate::client::Client;
use crate::contact::{Contact, GapRow, WaitingRow};
use crate::limits::{GAP_WIDTH_MAX, GAPS_MAX, JUMPS_MAX, UNSEEN_MAX, WAITING_MAX};
use crate::timers::Timer;

impl Client {
    /// Takes in something to show. Its number is in `received` already.
    pub(crate) fn display(&mut self, now: Now, id: ContactId, text: WaitingRow) {
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        contact.changed = true;
        if text.seq < contact.row.display_next {
            self.show_late(now, id, text);
            return;
        }
        if planted::is(Bug::ShownInOrderOfArrival) {
            let place = self.profile.take_messages(1);
            self.profile.save(&mut self.writes);
            return self.show(now, id, place, text);
        }
        contact.row.waiting.push(text);
        if contact.row.waiting.len() > WAITING_MAX {
            self.show_gap(now, id);
        }
    }

    /// A contact's sequence begins with its hello; what stood before it was said to one whom I have removed since.
    pub(crate) fn begin_display(&mut self, id: ContactId, seq: u64) {
        let Some(contact) = self.contacts.get_mut(&id).filter(|contact| contact.row.display_next == 1) else { return };
        contact.row.display_next = seq;
        contact.changed = true;
    }

    /// Shows what is next in order, and starts or stops the wait for what is missing.
    pub(crate) fn advance_display(&mut self, now: Now, id: ContactId) {
        loop {
            let Some(contact) = self.contacts.get_mut(&id) else { return };
            let next = contact.row.display_next;
            if let Some(at) = contact.row.waiting.iter().position(|w| w.seq == next) {
                contact.row.display_next += 1;
                contact.changed = true;
                let text = contact.row.waiting.swap_remove(at);
                let place = self.profile.take_messages(1);
                if !planted::is(Bug::PlaceNotSaved) {
                    self.profile.save(&mut self.writes);
                }
                self.show(now, id, place, text);
            } else if !contact.pass_what_is_not_shown() && !contact.jump_display() {
                break;
            }
        }
        self.watch_gap(now, id);
    }

    /// The wait is over: marks the gap and goes on behind it.
    pub(crate) fn show_gap(&mut self, now: Now, id: ContactId) {
        // What was shown and how far the display has come are one change, and go to the disk together.
        self.dirty.insert(id);
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        contact.gap_due_us = None;
        let first_seq = contact.row.display_next;
        let Some(next_seq) = contact.row.waiting.iter().map(|w| w.seq).min().filter(|&seq| seq > first_seq) else {
            return;
        };
        while self.contacts.get(&id).is_some_and(|contact| contact.row.display_next < next_seq) {
            self.mark_stretch(now, id, next_seq);
        }
        self.advance_display(now, id);
    }

    /// Marks what is missing up to the next jump that is known of, at most up to a number, and goes on behind that.
    fn mark_stretch(&mut self, now: Now, id: ContactId, next_seq: u64) {
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        let first_seq = contact.row.display_next;
        let (last_seq, behind) = contact.stretch(first_seq, next_seq);
        let missing = missing_in(contact, first_seq, last_seq);
        contact.row.display_next = behind;
        contact.changed = true;
        if missing == 0 {
            return;
        }
        let marker = self.profile.take_messages(1 + GapRow::places(first_seq, last_seq));
        self.profile.save(&mut self.writes);
        contact.row.gaps.push(GapRow { first_seq, last_seq, marker, anchors: None, given: None });
        let excess = contact.row.gaps.len().saturating_sub(GAPS_MAX);
        contact.row.gaps.drain(..excess);
        self.mark_gap(now, id, marker, first_seq, missing);
    }

    /// Something waits for what is missing: not for ever.
    pub(crate) fn watch_gap(&mut self, now: Now, id: ContactId) {
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        if contact.row.waiting.is_empty() {
            contact.gap_due_us = None;
            self.timers.clear(Timer::Gap(id));
        } else if contact.gap_due_us.is_none() {
            let due = now.after_us(self.config.gap_wait_us);
            contact.gap_due_us = Some(due);
            self.timers.set(Timer::Gap(id), due);
        }
    }

    fn show_late(&mut self, now: Now, id: ContactId, text: WaitingRow) {
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        let kept = contact.row.gaps.iter_mut().find(|gap| gap.holds(text.seq)).and_then(|gap| gap.place_of(text.seq));
        let place = kept.unwrap_or_else(|| self.profile.take_messages(1));
        self.profile.save(&mut self.writes);
        self.show(now, id, place, text);
    }

    /// Something came late, shown or not: the marker shrinks, and goes when nothing is missing.
    pub(crate) fn shrink_gap(&mut self, now: Now, id: ContactId, seq: u64) {
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        let Some(at) = contact.row.gaps.iter().position(|gap| gap.holds(seq)) else { return };
        let GapRow { first_seq, last_seq, marker, .. } = contact.row.gaps[at];
        let missing = missing_in(contact, first_seq, last_seq);
        contact.changed = true;
        if missing > GAP_WIDTH_MAX {
            // How many is as unknown as before.
            return;
        }
        if missing > 0 {
            return self.mark_gap(now, id, marker, first_seq, missing);
        }
        contact.row.gaps.remove(at);
        self.writes.delete(Table::Message, marker.0.to_be_bytes());
    }

    fn show(&mut self, now: Now, id: ContactId, place: MessageId, text: WaitingRow) {
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        contact.row.unseen.push((place, text.seq));
        let excess = contact.row.unseen.len().saturating_sub(UNSEEN_MAX);
        contact.row.unseen.drain(..excess);
        self.put_message(Message {
            id: place,
            contact: id,
            outgoing: false,
            content: text.content,
            seq: text.seq,
            sent_ms: text.sent_ms,
            stored_ms: now.wall_ms,
            state: MessageState::Received,
            body: text.body,
            seen: false,
        });
        self.will_vanish(id, place, text.expire_s, false);
    }

    fn mark_gap(&mut self, now: Now, id: ContactId, marker: MessageId, seq: u64, missing: u64) {
        // More than a gap has places is no number of messages but a jump that is not known yet: at least one is missing.
        let missing = if missing > GAP_WIDTH_MAX { 1 } else { missing };
        self.put_message(Message {
            id: marker,
            contact: id,
            outgoing: false,
            content: [0; 16],
            seq,
            sent_ms: now.wall_ms,
            stored_ms: now.wall_ms,
            state: MessageState::Received,
            body: MessageBody::Gap { missing },
            // News like a text; the store keeps that it was seen when it shrinks.
            seen: false,
        });
    }

    fn put_message(&mut self, message: Message) {
        self.writes.put_row(Table::Message, message.id.0.to_be_bytes(), &message);
        self.events.push_back(Event::Message(Box::new(message)));
    }
}

impl Contact {
    /// The contact's numbers jump: nothing ever stood in between.
    pub(crate) fn note_jump(&mut self, jump: Option<(u64, u64)>) {
        let Some((before, behind)) = jump.filter(|&(before, behind)| before < behind) else { return };
        if behind <= self.row.display_next {
            // The display has gone over it. In a gap, what never was is not missing.
            let inside = |gap: &GapRow| gap.first_seq <= before + 1 && behind <= gap.last_seq + 1;
            if before + 1 < behind && self.row.gaps.iter().any(inside) {
                self.received.insert_range(before + 1, behind - 1);
                self.changed = true;
            }
            return;
        }
        if self.received.contains(behind - 1) || self.row.jumps.contains(&(before, behind)) {
            return;
        }
        self.changed = true;
        if self.received.iter().last().is_some_and(|(_, highest)| highest == before) {
            // Everything before is here: one range goes on.
            self.received.insert_range(before + 1, behind - 1);
            return;
        }
        self.row.jumps.push((before, behind));
        let excess = self.row.jumps.len().saturating_sub(JUMPS_MAX);
        self.row.jumps.drain(..excess);
    }

    /// Goes over contents that are here and are nothing to show, a whole range at once.
    fn pass_what_is_not_shown(&mut self) -> bool {
        let next = self.row.display_next;
        let Some((_, last)) = self.received.iter().find(|&(first, last)| first <= next && next <= last) else {
            return false;
        };
        let shown_next = self.row.waiting.iter().map(|w| w.seq).filter(|&seq| seq > next).min();
        self.row.display_next = shown_next.map_or(last + 1, |seq| seq.min(last + 1));
        self.changed = true;
        true
    }

    /// Goes over a stretch in which nothing ever stood, if the display has come to one.
    fn jump_display(&mut self) -> bool {
        let next = self.row.display_next;
        let to = self.row.jumps.iter().find(|&&(previous, seq)| previous < next && next < seq).map(|&(_, seq)| seq);
        self.row.jumps.retain(|&(_, seq)| seq > next);
        let Some(to) = to else { return false };
        self.row.display_next = to;
        self.changed = true;
        true
    }

    /// From a number on: the last that may be missing before `next_seq` or the next jump, and the one to go on with.
    fn stretch(&self, first_seq: u64, next_seq: u64) -> (u64, u64) {
        let jumps = self.row.jumps.iter().filter(|&&(previous, seq)| previous >= first_seq && seq <= next_seq);
        jumps.min().copied().unwrap_or((next_seq - 1, next_seq))
    }
}

fn missing_in(contact: &crate::contact::Contact, first: u64, last: u64) -> u64 {
    let held = contact.received.iter().filter_map(|(a, b)| {
        let (a, b) = (a.max(first), b.min(last));
        b.checked_sub(a).map(|n| n + 1)
    });
    (last - first + 1).saturating_sub(held.sum())
}
