//! A client from nothing, and a client from its rows.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use pirushka_e2e::envelope::Part;
use pirushka_e2e::packages::KeyPackages;
use pirushka_identity::Identity;
use pirushka_wire::planted::{self, Bug};
use pirushka_wire::{Fingerprint, Now};
use rand_core::Rng;

use crate::api::{ContactId, DamagedRow, Misuse, Table};
use crate::client::{Client, rng_from};
use crate::config::ClientConfig;
use crate::contact::{Contact, ContactRow};
use crate::home_row::{HomeId, HomeRow};
use crate::intro::{INTRO_KEY_WITHOUT_HOME, Intros};
use crate::invite::InviteRow;
use crate::memory::MemoryRow;
use crate::names::checked_name;
use crate::outbox::{Item, ItemKind, ItemRow};
use crate::profile::{self, ProfileRow};
use crate::queue::QueueRow;
use crate::receive::PartRow;
use crate::rows::{WriteSet, decode};
use crate::timers::Timers;

/// Why rows do not make a client.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// There is no profile row.
    #[error("the store holds no profile")]
    NoProfile,
    /// Written by a later version.
    #[error("the store was written by a newer version (format {0}); this program knows format {known}", known = profile::VERSION)]
    NewerVersion(u32),
    /// The key and the certificate do not belong together.
    #[error("the stored key and certificate do not belong together")]
    Identity,
    /// A row is not what this program wrote.
    #[error(transparent)]
    Damaged(#[from] DamagedRow),
}

impl Client {
    /// A new profile with a new identity. Take and commit its writes like after any input.
    ///
    /// # Errors
    /// [`Misuse::BadName`]; an empty name is allowed.
    pub fn create(config: ClientConfig, seed: [u8; 32], now: Now, name: &str) -> Result<Self, Misuse> {
        let name = if name.is_empty() { String::new() } else { checked_name(name)? };
        let identity = Identity::generate(&mut rng_from(seed));
        Self::create_as(config, seed, now, &name, identity)
    }

    /// A new profile of somebody who has an identity already, but nothing else of it.
    ///
    /// # Errors
    /// As [`Client::create`].
    pub fn create_as(
        config: ClientConfig,
        seed: [u8; 32],
        now: Now,
        name: &str,
        identity: Identity,
    ) -> Result<Self, Misuse> {
        let name = if name.is_empty() { String::new() } else { checked_name(name)? };
        let mut rng = rng_from(seed);
        // What the identity may have been made from is not given out again.
        let mut instance = [0; 32];
        rng.fill_bytes(&mut instance);
        let mut instance = [0; 16];
        rng.fill_bytes(&mut instance);
        let profile = ProfileRow::new(&identity, instance, &name);
        let mut client = Self::empty(config, rng, identity, profile);
        client.profile.card_seq = now.wall_ms;
        client.profile.save(&mut client.writes);
        Ok(client)
    }

    /// A profile as it lies on disk: all rows of the tables for which [`Table::is_loaded`]. Silent until
    /// [`Client::start`].
    ///
    /// # Errors
    /// [`LoadError`] names what is wrong; nothing is changed.
    pub fn load(
        config: ClientConfig,
        seed: [u8; 32],
        now: Now,
        rows: impl IntoIterator<Item = (Table, Vec<u8>, Vec<u8>)>,
    ) -> Result<Self, LoadError> {
        let mut tables: BTreeMap<Table, BTreeMap<Vec<u8>, Vec<u8>>> = BTreeMap::new();
        for (table, key, value) in rows {
            tables.entry(table).or_default().insert(key, value);
        }
        let mut table = |table| tables.remove(&table).unwrap_or_default();
        let profile = table(Table::Profile).remove(profile::KEY).ok_or(LoadError::NoProfile)?;
        let profile: ProfileRow = decode(Table::Profile, &profile)?;
        if profile.version > profile::VERSION {
            return Err(LoadError::NewerVersion(profile.version));
        }
        let identity = Identity::from_parts(&profile.secret, &profile.certificate).map_err(|_| LoadError::Identity)?;
        let mut client = Self::empty(config, rng_from(seed), identity, profile);
        client.packages = KeyPackages::load(table(Table::KeyPackage)).map_err(|_| DamagedRow(Table::KeyPackage))?;
        client.load_contacts(table(Table::Contact), table(Table::Session))?;
        client.load_outbox(now, table(Table::Outbox))?;
        client.load_parts(table(Table::Part), table(Table::Pending))?;
        client.load_homes(table(Table::Home))?;
        client.load_queues(table(Table::Queue))?;
        for value in table(Table::Invite).values() {
            let row: InviteRow = decode(Table::Invite, value)?;
            client.invites.insert(row.id, row);
        }
        for (key, value) in table(Table::Memory) {
            let key = key.try_into().map_err(|_| DamagedRow(Table::Memory))?;
            let row: MemoryRow = decode(Table::Memory, &value)?;
            client.memory.insert(Fingerprint(key), row);
        }
        for (key, value) in table(Table::Intro) {
            if key.len() == INTRO_KEY_WITHOUT_HOME {
                // As earlier versions kept them. Whoever knocks is patient, and offers them again.
                client.writes.delete(Table::Intro, key);
                continue;
            }
            client.intros.load(&key, &value).ok_or(DamagedRow(Table::Intro))?;
        }
        client.load_conversations(table(Table::Conversation), table(Table::Vanishing))?;
        client.drop_half_begun_sessions();
        Ok(client)
    }

    fn empty(config: ClientConfig, rng: rand_chacha::ChaCha20Rng, identity: Identity, profile: ProfileRow) -> Self {
        Self {
            config,
            rng,
            identity,
            profile,
            writes: WriteSet::default(),
            events: VecDeque::new(),
            timers: Timers::default(),
            contacts: BTreeMap::new(),
            by_fingerprint: BTreeMap::new(),
            homes: BTreeMap::new(),
            settle_homes: false,
            queues: BTreeMap::new(),
            invites: BTreeMap::new(),
            packages: KeyPackages::new(),
            memory: BTreeMap::new(),
            intros: Intros::default(),
            vanishing: crate::vanish::Vanishing::default(),
            dirty: BTreeSet::new(),
            parting: vec![],
            next_query: 1,
            queries: BTreeMap::new(),
            sockets: BTreeMap::new(),
            next_socket: 1,
            next_work: 1,
            started: false,
            refused: BTreeMap::new(),
        }
    }

    /// Home peers. In format 1 they stand in the profile's row.
    fn load_homes(&mut self, rows: BTreeMap<Vec<u8>, Vec<u8>>) -> Result<(), DamagedRow> {
        let Self { profile, writes, .. } = self;
        let mut homes: Vec<HomeRow> = vec![];
        for value in rows.values() {
            homes.push(decode(Table::Home, value)?);
        }
        if profile.version == 1 {
            for (rank, home) in profile.homes_of_format_1().iter().enumerate() {
                let boot = profile.last_boot.take();
                let row = HomeRow { last_boot: boot, ..HomeRow::new(profile.take_home(), home, rank as u32, true) };
                row.save(writes);
                homes.push(row);
            }
            profile.homes = profile.told_homes().iter().map(ToString::to_string).collect();
            profile.version = profile::VERSION;
            profile.save(writes);
        }
        homes.into_iter().for_each(|row| self.open_home(row));
        Ok(())
    }

    /// My queues. In format 1 they say nothing of a home: there was one.
    fn load_queues(&mut self, rows: BTreeMap<Vec<u8>, Vec<u8>>) -> Result<(), DamagedRow> {
        let first = self.home_order().first().copied().unwrap_or_default();
        for value in rows.values() {
            let mut row: QueueRow = decode(Table::Queue, value)?;
            if row.home == HomeId::default() {
                row.home = first;
                row.save(&mut self.writes);
            }
            if let Some(contact) = self.contacts.get_mut(&row.contact) {
                contact.queues.insert(row.home, row.queue());
            }
            self.queues.insert(row.queue(), row);
        }
        Ok(())
    }

    fn load_contacts(
        &mut self,
        contacts: BTreeMap<Vec<u8>, Vec<u8>>,
        sessions: BTreeMap<Vec<u8>, Vec<u8>>,
    ) -> Result<(), DamagedRow> {
        for value in contacts.values() {
            let row: ContactRow = decode(Table::Contact, value)?;
            let mut contact = Contact::from_row(row);
            contact.resumed = true;
            self.by_fingerprint.insert(contact.fingerprint(), contact.id());
            self.contacts.insert(contact.id(), contact);
        }
        let mut grouped: BTreeMap<(ContactId, u64), BTreeMap<Vec<u8>, Vec<u8>>> = BTreeMap::new();
        for (key, value) in sessions {
            let (contact, number, rest) = split_key(&key).ok_or(DamagedRow(Table::Session))?;
            grouped.entry((contact, number)).or_default().insert(rest.to_vec(), value);
        }
        for ((contact, number), rows) in grouped {
            let contact = self.contacts.get_mut(&contact).ok_or(DamagedRow(Table::Session))?;
            contact.load_session(number, rows)?;
        }
        Ok(())
    }

    /// Everything in the outbox is offered again soon: what became of earlier offers is not known.
    fn load_outbox(&mut self, now: Now, rows: BTreeMap<Vec<u8>, Vec<u8>>) -> Result<(), DamagedRow> {
        for value in rows.values() {
            let row: ItemRow = decode(Table::Outbox, value)?;
            let contact = self.contacts.get_mut(&row.contact).ok_or(DamagedRow(Table::Outbox))?;
            let mut item = Item::new(row);
            item.offer_us = if planted::is(Bug::OutboxNotLoaded) { u64::MAX } else { now.mono_us };
            contact.outbox.insert(item.row.id, item);
        }
        Ok(())
    }

    fn load_parts(
        &mut self,
        parts: BTreeMap<Vec<u8>, Vec<u8>>,
        pending: BTreeMap<Vec<u8>, Vec<u8>>,
    ) -> Result<(), DamagedRow> {
        for (key, value) in parts {
            let damaged = DamagedRow(Table::Part);
            let row: PartRow = decode(Table::Part, &value)?;
            let (contact, message_id, rest) = split_key(&key).ok_or(damaged)?;
            let i = u16::from_be_bytes(rest.try_into().map_err(|_| damaged)?);
            let contact = self.contacts.get_mut(&contact).ok_or(damaged)?;
            let message_id = message_id.to_be_bytes();
            contact.reassembly.insert(Part { kind: row.kind, message_id, n: row.n, i, bytes: row.bytes });
        }
        for (key, value) in pending {
            let (contact, arrival, _) = split_key(&key).ok_or(DamagedRow(Table::Pending))?;
            let contact = self.contacts.get_mut(&contact).ok_or(DamagedRow(Table::Pending))?;
            contact.pending.insert(arrival, value);
        }
        Ok(())
    }

    /// A session whose Welcome was not sealed before the crash will never be known to the other side.
    fn drop_half_begun_sessions(&mut self) {
        let Self { contacts, writes, .. } = self;
        for contact in contacts.values_mut() {
            let unsealed = contact.outbox.values().filter(|item| {
                matches!(item.row.kind, ItemKind::Intro | ItemKind::Welcome) && item.row.sealed.is_none()
            });
            // What was sealed once and is to be sealed anew may have been delivered as it was.
            let resealed: Vec<bool> = unsealed.map(|item| item.row.resealed).collect();
            if resealed.is_empty() || resealed.contains(&true) {
                continue;
            }
            let sealed: BTreeSet<u64> =
                contact.outbox.values().filter_map(|i| i.row.sealed.as_ref()).map(|s| s.session).collect();
            let half: Vec<u64> = (contact.row.sessions.iter())
                .filter(|s| !s.usable && !sealed.contains(&s.number))
                .map(|s| s.number)
                .collect();
            for number in half {
                contact.drop_session(number, writes);
                contact.save(writes);
            }
        }
    }
}

/// `contact u32 | u64 | rest`
fn split_key(key: &[u8]) -> Option<(ContactId, u64, &[u8])> {
    let (contact, rest) = key.split_first_chunk::<4>()?;
    let (number, rest) = rest.split_first_chunk::<8>()?;
    Some((ContactId(u32::from_be_bytes(*contact)), u64::from_be_bytes(*number), rest))
}
