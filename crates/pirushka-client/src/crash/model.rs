//! What a store should hold after so many steps: the naive model, and the seeded steps that writer and judge agree on.

use std::collections::BTreeMap;

use pirushka_client_core::{ContactId, Message, MessageState, Table, Write};

use crate::store::samples::text;
use crate::store::{Exported, Reader, Row, Store, put};

/// Numbers that are the same for the same seed (splitmix64).
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(super) fn below(&mut self, limit: u64) -> u64 {
        self.roll() % limit.max(1)
    }
}

/// What the engine does to its store.
pub(super) enum Step {
    Commit(Vec<Write>),
    Purge(ContactId),
    /// A checkpoint that empties the log.
    Forget,
    /// The store is closed, which is a checkpoint too, and opened again.
    Reopen,
}

/// Everything in a store.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Content {
    rows: BTreeMap<(Table, Vec<u8>), Vec<u8>>,
    messages: BTreeMap<u64, Message>,
    cursor: u64,
}

impl Content {
    /// What a reader sees of one moment.
    pub(super) fn of(reader: &Reader) -> crate::Result<Self> {
        let mut content = Self::default();
        reader.export(|exported| {
            match exported {
                Exported::Begin { cursor } => content.cursor = cursor,
                Exported::Row(table, key, value) => drop(content.rows.insert((table, key), value)),
                Exported::Message(message) => drop(content.messages.insert(message.id.0, message)),
            }
            Ok(())
        })?;
        Ok(content)
    }

    /// The ids of its messages.
    pub(super) fn ids(&self) -> impl Iterator<Item = u64> {
        self.messages.keys().copied()
    }

    /// The rows that a client is loaded from, in the order in which a store gives them.
    pub(super) fn loaded(&self) -> Vec<Row> {
        self.rows.iter().map(|((table, key), value)| (*table, key.clone(), value.clone())).collect()
    }

    fn apply(&mut self, write: &Write) {
        let id = || u64::from_be_bytes(write.key.as_slice().try_into().expect("eight bytes"));
        match (write.table, &write.value) {
            (Table::Message, None) => drop(self.messages.remove(&id())),
            (Table::Message, Some(value)) => {
                let message = Message::from_row(value).expect("a message");
                self.cursor += 1;
                self.messages.insert(id(), message);
            }
            (Table::MessageState, Some(value)) => {
                if let Some(message) = self.messages.get_mut(&id()) {
                    message.state = MessageState::from_row(value).expect("a state");
                    self.cursor += 1;
                }
            }
            (Table::SeenUpTo, Some(value)) => {
                let contact = u32::from_be_bytes(write.key.as_slice().try_into().expect("four bytes"));
                let last = u64::from_be_bytes(value.as_slice().try_into().expect("eight bytes"));
                let seen = self.messages.range_mut(..=last).map(|(_, message)| message);
                seen.filter(|m| m.contact.0 == contact && !m.outgoing).for_each(|message| message.seen = true);
            }
            (_, Some(value)) => drop(self.rows.insert((write.table, write.key.clone()), value.clone())),
            (_, None) => drop(self.rows.remove(&(write.table, write.key.clone()))),
        }
    }
}

/// The store of one seed after some of its steps.
#[derive(Clone)]
pub(super) struct Model {
    seed: u64,
    pub(super) step: u64,
    pub(super) content: Content,
}

const CONTACTS: u64 = 3;

impl Model {
    pub(super) fn new(seed: u64) -> Self {
        Self { seed, step: 0, content: Content::default() }
    }

    /// After `step` steps.
    pub(super) fn at(seed: u64, step: u64) -> Self {
        let mut model = Self::new(seed);
        while model.step < step {
            model.advance();
        }
        model
    }

    /// Takes the next step, which depends on the seed and on the steps before.
    pub(super) fn advance(&mut self) -> Step {
        self.step += 1;
        let mut dice = Dice(self.seed ^ self.step.wrapping_mul(0x5851_f42d_4c95_7f2d));
        match dice.below(40) {
            0 => {
                let contact = ContactId(dice.below(CONTACTS) as u32);
                self.content.messages.retain(|_, message| message.contact != contact);
                Step::Purge(contact)
            }
            1 => Step::Forget,
            2 => Step::Reopen,
            kind => {
                let mut writes = vec![row(Table::Profile, b"", Some(&self.step.to_be_bytes()))];
                self.apply(&writes[0].clone());
                // The large ones make the log so long that a commit does a checkpoint.
                for n in 0..if kind < 6 { 60 } else { dice.below(8) } {
                    let write = self.write(n, kind < 6, &mut dice);
                    self.apply(&write);
                    writes.push(write);
                }
                Step::Commit(writes)
            }
        }
    }

    fn apply(&mut self, write: &Write) {
        self.content.apply(write);
    }

    /// One write of those that talking makes.
    fn write(&self, n: u64, is_large: bool, dice: &mut Dice) -> Write {
        let filling = |length: u64, dice: &mut Dice| vec![dice.roll() as u8; length as usize];
        if is_large {
            let length = dice.below(20_000);
            return row(Table::Part, &[dice.below(200) as u8], Some(&filling(length, dice)));
        }
        let id = self.step * 64 + n;
        match dice.below(10) {
            0..=3 => self.text(id, dice),
            4 => match self.any_message(dice) {
                Some(old) => {
                    let state = [MessageState::Queued, MessageState::Delivered, MessageState::Read];
                    let state = minicbor::to_vec(state[dice.below(3) as usize]).expect("a state");
                    row(Table::MessageState, &old.to_be_bytes(), Some(&state))
                }
                None => self.text(id, dice),
            },
            5 => {
                let contact = (dice.below(CONTACTS) as u32).to_be_bytes();
                row(Table::SeenUpTo, &contact, Some(&(id - dice.below(200).min(id)).to_be_bytes()))
            }
            6 => match self.any_message(dice) {
                Some(old) => row(Table::Message, &old.to_be_bytes(), None),
                None => self.text(id, dice),
            },
            7 => row(Table::Session, &[dice.below(8) as u8], Some(&filling(1500, dice))),
            8 => row(Table::Outbox, &id.to_be_bytes(), Some(&filling(700, dice))),
            _ => {
                let oldest = self.content.rows.keys().find(|(table, _)| *table == Table::Outbox);
                row(Table::Outbox, oldest.map_or(&[][..], |(_, key)| key), None)
            }
        }
    }

    fn text(&self, id: u64, dice: &mut Dice) -> Write {
        let length = if dice.below(20) == 0 { 20_000 } else { dice.below(200) };
        let outgoing = dice.below(2) == 0;
        let state = if outgoing { MessageState::Queued } else { MessageState::Received };
        let body = format!("text{id} {}", "y".repeat(length as usize));
        put(&Message { outgoing, state, ..text(id, dice.below(CONTACTS) as u32, &body) })
    }

    fn any_message(&self, dice: &mut Dice) -> Option<u64> {
        let from = dice.below(self.step * 64);
        self.content.messages.range(from..).chain(&self.content.messages).map(|(id, _)| *id).next()
    }

    /// Whether a store that is opened holds exactly this, is sound, and finds words.
    pub(super) fn is_in(&self, store: &Store) -> bool {
        let reader = store.reader().expect("a reader");
        let content = Content::of(&reader).expect("it reads");
        if content != self.content {
            return false;
        }
        assert_eq!(store.load().expect("it loads"), self.content.loaded());
        assert_eq!(store.cursor(), self.content.cursor);
        let unread = self.content.messages.values().filter(|message| !message.seen && !message.outgoing).count();
        assert_eq!(reader.unread().expect("a number"), unread as u64);
        if let Some(id) = self.content.messages.keys().last() {
            let found = reader.search(&format!("text{id}"), None, None, 5).expect("it searches");
            assert_eq!(found.hits.iter().map(|hit| hit.message.id.0).collect::<Vec<_>>(), [*id]);
        }
        store.check().expect("sound pages and tables");
        true
    }
}

fn row(table: Table, key: &[u8], value: Option<&[u8]>) -> Write {
    Write { table, key: key.to_vec(), value: value.map(<[u8]>::to_vec) }
}
