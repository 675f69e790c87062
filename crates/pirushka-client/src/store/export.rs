//! Everything of one moment, for a backup: the reader's connection stays in one snapshot of the log.

use pirushka_client_core::{Message, Table};

use super::reader::{Parts, Reader, newest_cursor};
use super::{damaged, named};
use crate::error::{Error, Result};

/// What comes, in this order.
pub enum Exported {
    /// First: the number of the newest change.
    Begin {
        #[allow(missing_docs)]
        cursor: u64,
    },
    /// Every row that a client is loaded from.
    Row(Table, Vec<u8>, Vec<u8>),
    /// Every row of a conversation, as it is now.
    Message(Message),
}

impl Reader {
    /// Gives everything to `take`, as it was at one moment, whatever is written meanwhile.
    ///
    /// # Errors
    /// [`crate::Code::Damaged`], and what `take` gives.
    pub fn export(&self, mut take: impl FnMut(Exported) -> Result<()>) -> Result<()> {
        let failed = |e: rusqlite::Error| named(&self.path, &e);
        let snapshot = self.connection.unchecked_transaction().map_err(failed)?;
        take(Exported::Begin { cursor: newest_cursor(&snapshot).map_err(failed)? })?;
        self.each(
            "SELECT tbl, key, value FROM row ORDER BY tbl, key",
            |row| {
                let (number, key, value) = (row.get::<_, u8>(0)?, row.get(1)?, row.get(2)?);
                Ok((Table::ALL.into_iter().find(|table| *table as u8 == number), key, value))
            },
            |(table, key, value)| {
                let table = table.ok_or_else(|| damaged(&self.path, "a row of an unknown table"))?;
                take(Exported::Row(table, key, value))
            },
        )?;
        self.each(
            "SELECT value, state, seen FROM message ORDER BY id",
            |row| Parts::of(row, 0),
            |parts| take(Exported::Message(self.message_of(&parts)?)),
        )?;
        snapshot.finish().map_err(failed)
    }

    fn each<T>(
        &self,
        sql: &str,
        read: impl Fn(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
        mut take: impl FnMut(T) -> Result<()>,
    ) -> Result<()> {
        let failed = |e: rusqlite::Error| -> Error { named(&self.path, &e) };
        let mut statement = self.connection.prepare_cached(sql).map_err(failed)?;
        let mut rows = statement.query([]).map_err(failed)?;
        while let Some(row) = rows.next().map_err(failed)? {
            take(read(row).map_err(failed)?)?;
        }
        Ok(())
    }
}
