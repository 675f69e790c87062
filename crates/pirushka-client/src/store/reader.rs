//! What faces ask: conversations, unread, changes since a cursor. Reads beside the writer, never blocks it.

use std::path::{Path, PathBuf};

use pirushka_client_core::{ContactId, DamagedRow, Message, MessageId, MessageState};
use rusqlite::{Connection, OptionalExtension, Params};

use super::{Change, damaged, named, open};
use crate::error::Result;
use crate::key::StoreKey;

/// A connection that only reads.
pub struct Reader {
    pub(super) connection: Connection,
    pub(super) path: PathBuf,
}

/// A conversation, as listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chat {
    #[allow(missing_docs)]
    pub contact: ContactId,
    /// Incoming rows not seen, gaps not counted.
    pub unread: u64,
    /// The newest row.
    pub last: Message,
}

/// A stretch of a conversation, oldest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    #[allow(missing_docs)]
    pub messages: Vec<Message>,
    /// Whether there are more: a page may end before the wished number of rows.
    pub more: bool,
}

/// A page with more than this, bytes, ends early.
const PAGE_BYTES: usize = crate::engine::protocol::LINE_MAX;

pub(super) fn newest_cursor(connection: &Connection) -> rusqlite::Result<u64> {
    let sql = "SELECT max(coalesce((SELECT max(change) FROM message), 0),
                          coalesce((SELECT value FROM meta WHERE name = 'cursor_floor'), 0))";
    connection.prepare_cached(sql)?.query_row([], |row| row.get::<_, i64>(0)).map(i64::cast_unsigned)
}

impl Reader {
    pub(crate) fn open(path: &Path, key: &StoreKey) -> Result<Self> {
        Ok(Self { connection: open::readable(path, key)?, path: path.to_owned() })
    }

    /// The number of the newest change.
    ///
    /// # Errors
    /// [`crate::Code::Damaged`], as of every query.
    pub fn cursor(&self) -> Result<u64> {
        newest_cursor(&self.connection).map_err(|e| named(&self.path, &e))
    }

    /// All conversations, the one with the newest row first.
    ///
    /// # Errors
    /// As [`Reader::cursor`].
    pub fn chats(&self) -> Result<Vec<Chat>> {
        let sql = "SELECT m.value, m.state, m.seen, (SELECT count(*) FROM message AS u
                       WHERE u.contact = m.contact AND u.seen = 0 AND u.outgoing = 0 AND u.kind <> 1)
                   FROM (SELECT max(id) AS id FROM message GROUP BY contact) AS newest
                   JOIN message AS m ON m.id = newest.id ORDER BY m.stored_ms DESC, m.id DESC";
        let rows = self.rows(sql, [], |row| Ok((Parts::of(row, 0)?, row.get::<_, i64>(3)?)))?;
        rows.into_iter()
            .map(|(parts, unread)| {
                let last = self.message_of(&parts)?;
                Ok(Chat { contact: last.contact, unread: unread.cast_unsigned(), last })
            })
            .collect()
    }

    /// Incoming rows not seen, gaps not counted.
    ///
    /// # Errors
    /// As [`Reader::cursor`].
    pub fn unread(&self) -> Result<u64> {
        let sql = "SELECT count(*) FROM message WHERE seen = 0 AND outgoing = 0 AND kind <> 1";
        let rows = self.rows(sql, [], |row| row.get::<_, i64>(0))?;
        Ok(rows.first().copied().unwrap_or(0).cast_unsigned())
    }

    /// One message.
    ///
    /// # Errors
    /// As [`Reader::cursor`].
    pub fn message(&self, id: MessageId) -> Result<Option<Message>> {
        let Ok(id) = i64::try_from(id.0) else { return Ok(None) };
        let found = self
            .connection
            .prepare_cached("SELECT value, state, seen FROM message WHERE id = ?1")
            .and_then(|mut statement| statement.query_row([id], |row| Parts::of(row, 0)).optional())
            .map_err(|e| named(&self.path, &e))?;
        found.map(|parts| self.message_of(&parts)).transpose()
    }

    /// At most `limit` rows of a conversation before the id `before`, or the newest; fewer of long ones.
    ///
    /// # Errors
    /// As [`Reader::cursor`].
    pub fn history(&self, contact: ContactId, before: Option<MessageId>, limit: u32) -> Result<Page> {
        let before = before.and_then(|id| i64::try_from(id.0).ok()).unwrap_or(i64::MAX);
        let sql = "SELECT value, state, seen FROM message WHERE contact = ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3";
        let mut page = self.page(sql, (contact.0, before, i64::from(limit) + 1), limit)?;
        page.messages.reverse();
        Ok(page)
    }

    /// At most `limit` rows of a conversation behind the id `after`; fewer of long ones.
    ///
    /// # Errors
    /// As [`Reader::cursor`].
    pub fn history_after(&self, contact: ContactId, after: MessageId, limit: u32) -> Result<Page> {
        let after = i64::try_from(after.0).unwrap_or(i64::MAX);
        let sql = "SELECT value, state, seen FROM message WHERE contact = ?1 AND id > ?2 ORDER BY id LIMIT ?3";
        self.page(sql, (contact.0, after, i64::from(limit) + 1), limit)
    }

    /// At most `limit` rows of a conversation with the row `id` in the middle: half of them before it; fewer of long ones.
    ///
    /// # Errors
    /// As [`Reader::cursor`].
    pub fn around(&self, contact: ContactId, id: MessageId, limit: u32) -> Result<Page> {
        let mut page = self.history(contact, Some(id), limit / 2)?;
        let from = i64::try_from(id.0).unwrap_or(i64::MAX);
        let left = limit - u32::try_from(page.messages.len()).unwrap_or(limit);
        let sql = "SELECT value, state, seen FROM message WHERE contact = ?1 AND id >= ?2 ORDER BY id LIMIT ?3";
        page.messages.extend(self.page(sql, (contact.0, from, left), left)?.messages);
        Ok(page)
    }

    /// At most `limit` changes after `cursor`, in order; a message that changed several times comes once, at its last.
    ///
    /// # Errors
    /// As [`Reader::cursor`].
    pub fn changes(&self, cursor: u64, limit: u32) -> Result<Vec<Change>> {
        let sql = "SELECT change, born, value, state, seen FROM message WHERE change > ?1 ORDER BY change LIMIT ?2";
        self.change_rows(cursor, sql, (i64::try_from(cursor).unwrap_or(i64::MAX), limit))
    }

    /// At most `limit` incoming messages that the person has not seen, of those born after `born` and up to `until`.
    ///
    /// # Errors
    /// As [`Reader::cursor`].
    pub fn unseen(&self, born: u64, until: u64, limit: u32) -> Result<Vec<Change>> {
        let sql = "SELECT change, born, value, state, seen FROM message
                   WHERE seen = 0 AND outgoing = 0 AND born > ?1 AND born <= ?2 ORDER BY born LIMIT ?3";
        let bounds = (i64::try_from(born).unwrap_or(i64::MAX), i64::try_from(until).unwrap_or(i64::MAX), limit);
        self.change_rows(born, sql, bounds)
    }

    fn change_rows(&self, since: u64, sql: &str, parameters: impl Params) -> Result<Vec<Change>> {
        let rows =
            self.rows(sql, parameters, |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, Parts::of(row, 2)?)))?;
        rows.into_iter()
            .map(|(cursor, born, parts)| {
                let message = self.message_of(&parts)?;
                let (cursor, born) = (cursor.cast_unsigned(), born.cast_unsigned());
                Ok(Change { cursor, born, is_new: born > since, message })
            })
            .collect()
    }

    fn page(&self, sql: &str, parameters: impl Params, limit: u32) -> Result<Page> {
        let (rows, more) = self.first_rows(sql, parameters, limit)?;
        let messages = rows.iter().map(|parts| self.message_of(parts)).collect::<Result<_>>()?;
        Ok(Page { messages, more })
    }

    /// The first rows, at most `limit` and (but for the first) no more than [`PAGE_BYTES`] of them; whether there are more.
    pub(super) fn first_rows(&self, sql: &str, parameters: impl Params, limit: u32) -> Result<(Vec<Parts>, bool)> {
        let read = || -> rusqlite::Result<(Vec<Parts>, bool)> {
            let mut statement = self.connection.prepare_cached(sql)?;
            let mut found = statement.query(parameters)?;
            let (mut rows, mut bytes) = (Vec::new(), 0);
            while let Some(row) = found.next()? {
                let parts = Parts::of(row, 0)?;
                bytes += parts.value.len();
                if rows.len() == limit as usize || (!rows.is_empty() && bytes > PAGE_BYTES) {
                    return Ok((rows, true));
                }
                rows.push(parts);
            }
            Ok((rows, false))
        };
        read().map_err(|e| named(&self.path, &e))
    }

    pub(super) fn rows<T>(
        &self,
        sql: &str,
        parameters: impl Params,
        map: impl FnMut(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>> {
        let all = || -> rusqlite::Result<Vec<T>> {
            self.connection.prepare_cached(sql)?.query_map(parameters, map)?.collect()
        };
        all().map_err(|e| named(&self.path, &e))
    }

    pub(super) fn message_of(&self, parts: &Parts) -> Result<Message> {
        assemble(&parts.value, &parts.state, parts.seen).map_err(|e| damaged(&self.path, &e.to_string()))
    }
}

/// The columns that a message is read from.
pub(super) struct Parts {
    value: Vec<u8>,
    state: Vec<u8>,
    seen: bool,
}

impl Parts {
    pub(super) fn of(row: &rusqlite::Row<'_>, first: usize) -> rusqlite::Result<Self> {
        Ok(Self { value: row.get(first)?, state: row.get(first + 1)?, seen: row.get(first + 2)? })
    }
}

/// The message as it was written, with state and seen as they are.
pub(super) fn assemble(value: &[u8], state: &[u8], seen: bool) -> std::result::Result<Message, DamagedRow> {
    Ok(Message { state: MessageState::from_row(state)?, seen, ..Message::from_row(value)? })
}
