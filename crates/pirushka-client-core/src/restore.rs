//! A client from a backup: everything but the ratchets, however old.
//!
//! A backup holds who I am, whom I know and have verified, whom I blocked, what was said, what waits in the outbox, my
//! queues. It never holds what opens messages ([`Table::is_backed_up`]). So after a restore every conversation begins a
//! new session: a contact gets a Welcome through its queue, with a hello that says anew where I am reached; whom I was
//! adding gets a new introduction. In the new session the outbox is encrypted again, and the contact encrypts again
//! whatever it holds no receipt for. What was received and confirmed after the backup was made is lost here, and the
//! contact's next number shows it as a gap. My own numbers go on at the present time, as after every start, so none is
//! given twice. Verification belongs to the fingerprint, and stays.
//!
//! The profile gets a new instance id: if the one that was backed up still runs somewhere, both are told.

use pirushka_wire::Now;
use rand_core::Rng;

use crate::api::{ContactId, ContactState, Table};
use crate::client::Client;
use crate::config::ClientConfig;
use crate::load::LoadError;
use crate::outbox::ItemKind;

impl Client {
    /// A client from the rows of a backup; those of tables that do not belong in one are left out. Take and commit its
    /// writes into a new store, beside the rows given here ([`Table::is_backed_up`]), before it is started.
    ///
    /// # Errors
    /// As [`Client::load`].
    pub fn restore(
        config: ClientConfig,
        seed: [u8; 32],
        now: Now,
        rows: impl IntoIterator<Item = (Table, Vec<u8>, Vec<u8>)>,
    ) -> Result<Self, LoadError> {
        let rows = rows.into_iter().filter(|(table, _, _)| table.is_backed_up() && table.is_loaded());
        let mut client = Self::load(config, seed, now, rows)?;
        client.rng.fill_bytes(&mut client.profile.instance);
        client.profile.save(&mut client.writes);
        for id in client.contacts.keys().copied().collect::<Vec<_>>() {
            client.begin_anew(now, id);
        }
        client.turn(now);
        Ok(client)
    }

    /// Nothing of a contact's old sessions is left: its outbox waits for a new one, which begins at once where it may.
    fn begin_anew(&mut self, now: Now, id: ContactId) {
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        contact.row.sessions.clear();
        contact.row.commit_wanted = false;
        contact.row.commit_asked_in = None;
        contact.changed = true;
        // Commits and Welcomes belong to sessions that are over; a hello that waits is said anew.
        let useless = |kind| matches!(kind, ItemKind::Commit | ItemKind::Welcome | ItemKind::Intro);
        let gone: Vec<u64> = contact.outbox.values().filter(|i| useless(i.row.kind)).map(|i| i.row.id).collect();
        for item in gone.into_iter().filter_map(|item| contact.outbox.remove(&item)) {
            item.delete(&mut self.writes);
        }
        for item in contact.outbox.values_mut() {
            item.unseal();
            item.save(&mut self.writes);
        }
        match contact.row.state {
            ContactState::Active => self.greet(now, id, ItemKind::Welcome),
            ContactState::Adding => self.greet(now, id, ItemKind::Intro),
            // Whoever waits for my answer, or is let in again, gets the Welcome then.
            ContactState::Request | ContactState::Blocked => {}
        }
    }
}
