//! One input's writes, in one transaction, each message with its place in the order of changes.

use std::collections::BTreeSet;

use pirushka_client_core::{ContactId, Message, MessageBody, MessageState, Table, Write};
use rusqlite::{OptionalExtension, Transaction, TransactionBehavior, params};

use super::{Change, Store, damaged, named, words};
use crate::error::{Error, Result};

const PUT: &str = "INSERT INTO row (tbl, key, value) VALUES (?1, ?2, ?3)
    ON CONFLICT (tbl, key) DO UPDATE SET value = excluded.value";
const DELETE: &str = "DELETE FROM row WHERE tbl = ?1 AND key = ?2";
const PUT_MESSAGE: &str = "INSERT INTO message
    (id, contact, outgoing, stored_ms, kind, text, state, seen, born, change, value)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?9, ?10)
    ON CONFLICT (id) DO UPDATE SET contact = excluded.contact, outgoing = excluded.outgoing,
    stored_ms = excluded.stored_ms, text = excluded.text, state = excluded.state,
    seen = iif(kind = 1 AND excluded.kind = 1, seen, excluded.seen),
    born = iif(kind = 1 AND excluded.kind <> 1, excluded.born, born), kind = excluded.kind,
    change = excluded.change, value = excluded.value
    RETURNING born";
const PUT_WORDS: &str = "INSERT OR REPLACE INTO word (rowid, text) VALUES (?1, ?2)";
const SET_STATE: &str = "UPDATE message SET state = ?2, change = ?3 WHERE id = ?1 RETURNING born, value, state, seen";
const SET_SEEN: &str = "UPDATE message SET seen = 1 WHERE contact = ?1 AND id <= ?2 AND seen = 0 AND outgoing = 0";
const FLOOR: &str = "INSERT INTO meta (name, value) VALUES ('cursor_floor', ?1)
    ON CONFLICT (name) DO UPDATE SET value = excluded.value";

impl Store {
    /// Makes all of `writes` durable, or none of them.
    ///
    /// # Errors
    /// [`crate::Code::DiskFull`], [`crate::Code::Damaged`]; the store is as it was before.
    pub fn commit(&mut self, writes: &[Write]) -> Result<Vec<Change>> {
        if writes.is_empty() {
            return Ok(Vec::new());
        }
        #[cfg(test)]
        if self.refuse.load(std::sync::atomic::Ordering::SeqCst) {
            return Err(Error::new(crate::Code::DiskFull, "no room, says the test"));
        }
        #[cfg(test)]
        match self.room.load(std::sync::atomic::Ordering::SeqCst) {
            0 => self.limit_pages(1 << 30),
            pages => self.limit_pages(pages),
        }
        let failed = |e| named(&self.path, &e);
        let mut cursor = self.cursor;
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
        let mut changes = Vec::new();
        for write in writes {
            let outcome = match write.table {
                Table::Message => apply_message(&transaction, write, &mut cursor, &mut changes),
                Table::MessageState => apply_state(&transaction, write, &mut cursor, &mut changes),
                Table::SeenUpTo => apply_seen(&transaction, write, &mut changes),
                _ => apply(&transaction, write).map_err(Failure::Sql),
            };
            outcome.map_err(|e| e.named(&self.path))?;
        }
        transaction.commit().map_err(failed)?;
        let before = std::mem::replace(&mut self.cursor, cursor);
        for change in &mut changes {
            change.is_new = change.born > before;
        }
        Ok(changes)
    }

    /// Deletes the conversations of all contacts but those in `keep`.
    ///
    /// # Errors
    /// As [`Store::commit`].
    pub fn keep_conversations(&mut self, keep: &BTreeSet<ContactId>) -> Result<()> {
        let failed = |e| named(&self.path, &e);
        let present: Vec<u32> = {
            let mut statement =
                self.connection.prepare_cached("SELECT DISTINCT contact FROM message").map_err(failed)?;
            let rows = statement.query_map([], |row| row.get(0)).map_err(failed)?;
            rows.collect::<std::result::Result<_, _>>().map_err(failed)?
        };
        for contact in present.into_iter().map(ContactId).filter(|contact| !keep.contains(contact)) {
            self.purge(contact)?;
        }
        Ok(())
    }

    /// Empties the write-ahead log, so that what was deleted does not stay there until others write over it.
    pub fn forget(&self) {
        // A reader in the middle of something holds it up; the next time goes further.
        let emptied = self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        if let Err(error) = emptied {
            tracing::debug!(%error, "emptying the log");
        }
    }

    /// Deletes the conversation of a contact that was removed.
    ///
    /// # Errors
    /// As [`Store::commit`].
    pub fn purge(&mut self, contact: ContactId) -> Result<()> {
        let failed = |e| named(&self.path, &e);
        let cursor = self.cursor;
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
        keep_floor(&transaction, cursor).map_err(failed)?;
        transaction.execute("DELETE FROM message WHERE contact = ?1", [contact.0]).map_err(failed)?;
        transaction.commit().map_err(failed)?;
        self.forget();
        Ok(())
    }
}

fn apply(transaction: &Transaction<'_>, write: &Write) -> rusqlite::Result<()> {
    let table = write.table as u8;
    match &write.value {
        Some(value) => transaction.prepare_cached(PUT)?.execute(params![table, write.key, value])?,
        None => transaction.prepare_cached(DELETE)?.execute(params![table, write.key])?,
    };
    Ok(())
}

enum Failure {
    Sql(rusqlite::Error),
    Row(String),
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
}

impl Failure {
    fn named(&self, path: &std::path::Path) -> Error {
        match self {
            Self::Sql(error) => named(path, error),
            Self::Row(what) => damaged(path, what),
        }
    }
}

fn apply_message(
    transaction: &Transaction<'_>,
    write: &Write,
    cursor: &mut u64,
    changes: &mut Vec<Change>,
) -> std::result::Result<(), Failure> {
    let Some(value) = &write.value else {
        keep_floor(transaction, *cursor)?;
        transaction.prepare_cached("DELETE FROM message WHERE id = ?1")?.execute([row_id(&write.key)?])?;
        return Ok(());
    };
    let message = Message::from_row(value).map_err(|e| Failure::Row(e.to_string()))?;
    *cursor += 1;
    let number = sql(*cursor);
    let (kind, text) = match &message.body {
        MessageBody::Text(text) => (0, Some(text.as_str())),
        MessageBody::Gap { .. } => (1, None),
        MessageBody::NeedsNewerVersion { .. } => (2, None),
        MessageBody::Expire { .. } => (3, None),
    };
    let born: i64 = transaction.prepare_cached(PUT_MESSAGE)?.query_row(
        params![
            row_id(&write.key)?,
            message.contact.0,
            message.outgoing,
            sql(message.stored_ms),
            kind,
            text,
            minicbor::to_vec(message.state).unwrap_or_default(),
            message.seen,
            number,
            value
        ],
        |row| row.get(0),
    )?;
    if let Some(text) = text {
        transaction.prepare_cached(PUT_WORDS)?.execute(params![row_id(&write.key)?, words::indexed(text)])?;
    }
    told(changes, Change { cursor: *cursor, born: born.cast_unsigned(), is_new: false, message });
    Ok(())
}

fn apply_state(
    transaction: &Transaction<'_>,
    write: &Write,
    cursor: &mut u64,
    changes: &mut Vec<Change>,
) -> std::result::Result<(), Failure> {
    // A state that goes away says nothing: the message's row goes with it.
    let Some(value) = &write.value else { return Ok(()) };
    MessageState::from_row(value).map_err(|e| Failure::Row(e.to_string()))?;
    let number = *cursor + 1;
    let row = transaction
        .prepare_cached(SET_STATE)?
        .query_row(params![row_id(&write.key)?, value, sql(number)], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?, row.get::<_, Vec<u8>>(2)?, row.get::<_, bool>(3)?))
        })
        .optional()?;
    let Some((born, value, state, seen)) = row else { return Ok(()) };
    *cursor = number;
    let message = super::reader::assemble(&value, &state, seen).map_err(|e| Failure::Row(e.to_string()))?;
    told(changes, Change { cursor: number, born: born.cast_unsigned(), is_new: false, message });
    Ok(())
}

fn apply_seen(
    transaction: &Transaction<'_>,
    write: &Write,
    changes: &mut [Change],
) -> std::result::Result<(), Failure> {
    let Some(up_to) = &write.value else { return Ok(()) };
    let Ok(contact) = <[u8; 4]>::try_from(write.key.as_slice()).map(u32::from_be_bytes) else {
        return Err(Failure::Row(format!("a contact id of {} bytes", write.key.len())));
    };
    let up_to = row_id(up_to)?;
    transaction.prepare_cached(SET_SEEN)?.execute(params![contact, up_to])?;
    for change in changes.iter_mut().filter(|c| c.message.contact.0 == contact && sql(c.message.id.0) <= up_to) {
        change.message.seen = true;
    }
    Ok(())
}

/// A row written twice by one transaction is told once, as it is in the end.
fn told(changes: &mut Vec<Change>, change: Change) {
    changes.retain(|earlier| earlier.message.id != change.message.id);
    changes.push(change);
}

/// Message ids stand in keys as eight bytes, big-endian.
fn row_id(key: &[u8]) -> std::result::Result<i64, Failure> {
    let id = <[u8; 8]>::try_from(key).map(u64::from_be_bytes).ok().and_then(|id| i64::try_from(id).ok());
    id.ok_or_else(|| Failure::Row(format!("a message id of {} bytes", key.len())))
}

/// Numbers above 2^63 come only from a hostile remote's clock or sequence; the column is for ordering, the row's value
/// keeps the number.
fn sql(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn keep_floor(transaction: &Transaction<'_>, cursor: u64) -> rusqlite::Result<()> {
    transaction.prepare_cached(FLOOR)?.execute([sql(cursor)]).map(drop)
}
