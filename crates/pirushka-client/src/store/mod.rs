//! The encrypted store: one SQLCipher file that holds the rows of a profile.
//!
//! | file | what |
//! |---|---|
//! | [`schema`] | tables, and how an older store becomes a newer one |
//! | [`open`] | key, pragmas, and telling a wrong key from damage |
//! | [`commit`] | one input's writes, in one transaction, each message with its place in the order of changes |
//! | [`reader`] | what faces ask: conversations, unread, changes since a cursor |
//! | `export` | everything of one moment, for a backup |
//! | `salvage` | what can still be read of a damaged store |
//! | `search`, `words` | texts by what stands in them, over all conversations |
//!
//! Durability: write-ahead log with `synchronous = FULL`, so a commit that returned survives a power cut; a crash at any
//! other moment leaves the state before the transaction. Only the process that holds the profile's lock writes.

mod commit;
mod export;
mod open;
mod reader;
mod salvage;
mod schema;
mod search;
mod words;

use std::path::{Path, PathBuf};

use pirushka_client_core::{Message, Table, Write};
use rusqlite::Connection;

use crate::error::{Code, Error, Result};
use crate::key::StoreKey;
use crate::profile::{command, owner};

pub use export::Exported;
pub use reader::{Chat, Page, Reader};
pub(crate) use salvage::{Ruins, Saved};
pub use search::{Found, Hit};
pub use words::{Piece, indexed, shown_of};

/// A row of any table but [`Table::Message`].
pub type Row = (Table, Vec<u8>, Vec<u8>);

/// A message as a change of the store.
pub(crate) fn put(message: &Message) -> Write {
    Write { table: Table::Message, key: message.id.0.to_be_bytes().to_vec(), value: minicbor::to_vec(message).ok() }
}

/// The store as its one owner has it.
pub struct Store {
    connection: Connection,
    path: PathBuf,
    key: StoreKey,
    /// The number of the newest change of a conversation.
    cursor: u64,
    /// Makes every commit fail, as a full disk would.
    #[cfg(test)]
    pub(crate) refuse: std::sync::Arc<std::sync::atomic::AtomicBool>,
    /// So many pages a commit finds on the disk, and no more; 0: as many as it likes.
    #[cfg(test)]
    pub(crate) room: std::sync::Arc<std::sync::atomic::AtomicU32>,
}

/// A message that a commit inserted or changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Its place in the order of changes; grows by one with each.
    pub cursor: u64,
    /// The change that inserted the message.
    pub born: u64,
    /// Whether this transaction (or, of a reader, the asked-for stretch) inserted it.
    pub is_new: bool,
    #[allow(missing_docs)]
    pub message: Message,
}

impl Store {
    /// Makes a new store. The file must not exist.
    ///
    /// # Errors
    /// [`Code::Config`] or [`Code::DiskFull`].
    pub fn create(path: &Path, key: &StoreKey) -> Result<Self> {
        let failed = |e| Error::io(Code::Config, format_args!("making the store {}", path.display()), &e);
        crate::profile::private_file().write(true).create_new(true).open(path).map_err(failed)?;
        let connection = open::writable(path, key)?;
        schema::create(&connection).map_err(|e| named(path, &e))?;
        Ok(Self {
            connection,
            path: path.to_owned(),
            key: key.clone(),
            cursor: 0,
            #[cfg(test)]
            refuse: Default::default(),
            #[cfg(test)]
            room: Default::default(),
        })
    }

    /// Opens a store, and brings an older one up to this version in one transaction.
    ///
    /// # Errors
    /// [`Code::WrongKey`], [`Code::Damaged`], [`Code::NewerStore`], [`Code::DiskFull`]. Nothing was changed.
    pub fn open(path: &Path, key: &StoreKey) -> Result<Self> {
        if !path.is_file() {
            return Err(Error::new(Code::Damaged, format!("the store {} is missing", path.display()))
                .with_remedy(crate::profile::way_back(path)));
        }
        open::must_be_whole(path)?;
        let mut connection = open::writable(path, key)?;
        schema::bring_up_to_date(&mut connection, path)?;
        let cursor = reader::newest_cursor(&connection).map_err(|e| named(path, &e))?;
        Ok(Self {
            connection,
            path: path.to_owned(),
            key: key.clone(),
            cursor,
            #[cfg(test)]
            refuse: Default::default(),
            #[cfg(test)]
            room: Default::default(),
        })
    }

    /// A second connection that only reads; it sees every commit that has returned.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn reader(&self) -> Result<Reader> {
        Reader::open(&self.path, &self.key)
    }

    /// All rows that a client is loaded from, in the order of table and key.
    ///
    /// # Errors
    /// [`Code::Damaged`].
    pub fn load(&self) -> Result<Vec<Row>> {
        let failed = |e| named(&self.path, &e);
        let mut statement =
            self.connection.prepare_cached("SELECT tbl, key, value FROM row ORDER BY tbl, key").map_err(failed)?;
        let rows =
            statement.query_map([], |row| Ok((row.get::<_, u8>(0)?, row.get(1)?, row.get(2)?))).map_err(failed)?;
        rows.map(|row| {
            let (number, key, value) = row.map_err(failed)?;
            let table = Table::ALL.into_iter().find(|t| *t as u8 == number);
            let table = table.ok_or_else(|| damaged(&self.path, &format!("a row of an unknown table {number}")))?;
            Ok((table, key, value))
        })
        .collect()
    }

    /// Numbers of changes go on behind this one, as in the store that a backup was made of.
    pub fn go_on_from(&mut self, cursor: u64) {
        self.cursor = self.cursor.max(cursor);
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The number of the newest change of a conversation.
    #[must_use]
    pub fn cursor(&self) -> u64 {
        self.cursor
    }

    /// Reads every page and checks its authentication code. What the log holds is brought into the file before: a page
    /// that a checkpoint wrote in part, when the power was cut, is whole in the log.
    ///
    /// # Errors
    /// [`Code::Damaged`] with the first finding.
    pub fn check(&self) -> Result<()> {
        let failed = |e| named(&self.path, &e);
        self.connection.query_row("PRAGMA wal_checkpoint(FULL)", [], |_| Ok(())).map_err(failed)?;
        for pragma in ["PRAGMA cipher_integrity_check", "PRAGMA integrity_check"] {
            let mut statement = self.connection.prepare(pragma).map_err(failed)?;
            let found: Vec<String> = statement
                .query_map([], |row| row.get(0))
                .map_err(failed)?
                .collect::<std::result::Result<_, _>>()
                .map_err(failed)?;
            if let Some(first) = found.iter().find(|line| *line != "ok") {
                return Err(damaged(&self.path, first));
            }
        }
        Ok(())
    }

    /// Makes it a store of the first version again.
    #[cfg(test)]
    pub(crate) fn make_old(&self) {
        let old = "DROP TRIGGER message_gone; DROP TABLE word; PRAGMA user_version = 1";
        self.connection.execute_batch(old).unwrap();
    }

    /// Lets the store grow to so many pages and no further, as a full disk would.
    #[cfg(test)]
    pub(crate) fn limit_pages(&self, pages: u32) {
        self.connection.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(())).unwrap();
    }
}

/// The error of a person's for what SQLite says.
fn named(path: &Path, error: &rusqlite::Error) -> Error {
    use rusqlite::ErrorCode as E;
    let store = path.display();
    match error.sqlite_error_code() {
        Some(E::DiskFull) => Error::new(Code::DiskFull, format!("no room on the disk for {store}"))
            .with_remedy("free some space; nothing that was stored is lost, and what waits is tried again"),
        Some(E::NotADatabase | E::DatabaseCorrupt) => damaged(path, &error.to_string()),
        Some(E::ReadOnly | E::PermissionDenied | E::CannotOpen) => {
            Error::new(Code::NotWritable, format!("the store {store} cannot be written: {error}"))
                .with_remedy(format!("check who owns {store} and its directory"))
        }
        Some(E::DatabaseBusy | E::DatabaseLocked) => {
            Error::new(Code::ProfileLocked, format!("another process uses the store {store}"))
                .with_remedy(format!("`{}` ends a running engine", command(owner(path), "engine stop")))
        }
        Some(E::SystemIoFailure) => Error::new(Code::Damaged, format!("the disk fails at {store}: {error}"))
            .with_remedy(format!("check the disk; then `{}`", command(owner(path), "backup restore FILE --yes"))),
        _ if matches!(
            error,
            rusqlite::Error::InvalidColumnType(..) | rusqlite::Error::FromSqlConversionFailure(..)
        ) =>
        {
            damaged(path, &error.to_string())
        }
        _ => Error::new(Code::Unexpected, format!("the store {store}: {error}")),
    }
}

fn damaged(path: &Path, what: &str) -> Error {
    Error::new(Code::Damaged, format!("the store {} is damaged: {what}", path.display()))
        .with_remedy(salvage_or_restore(path))
}

/// What to do with a store that does not read: take over what does, or bring a backup back.
pub(crate) fn salvage_or_restore(path: &Path) -> String {
    let name = owner(path);
    let (salvage, restore) = (command(name, "profile salvage"), command(name, "backup restore FILE --yes"));
    format!("`{restore}` brings a backup back; `{salvage}` saves what can still be read; nothing was changed")
}

#[cfg(test)]
pub(crate) mod samples;
#[cfg(test)]
mod tests;
