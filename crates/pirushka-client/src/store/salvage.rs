//! What can still be read of a damaged store.
//!
//! Each page carries its own authentication code, so a damaged one takes its rows along and no others. A walk through a
//! table stops at such a page. It is walked from the front and from behind, and in between begun anew at every key that
//! may be there; what lies on sound pages is found, whatever stands between.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use pirushka_client_core::{Message, Table};
use rusqlite::{Connection, Params, params};

use super::{Row, named, open, reader, schema};
use crate::error::Result;
use crate::key::StoreKey;

/// How many keys are tried between two sound stretches of a table; more of them are tried at even distances.
const TRIES: u128 = 4096;
/// How many are tried first.
const FIRST_TRIES: u128 = 128;
/// Keys are compared as numbers of so many bytes.
const WIDTH: usize = 16;

/// A copy of a damaged store, opened to be read.
pub(crate) struct Ruins {
    copy: PathBuf,
    key: StoreKey,
    /// Made anew when it has met a damaged page: SQLCipher gives nothing more through the one that did.
    connection: RefCell<Connection>,
}

/// What was read.
pub(crate) struct Saved {
    /// Rows that a client is loaded from, without what opens messages.
    pub(crate) rows: Vec<Row>,
    /// Tables of which rows may be missing: their pages could not all be read.
    pub(crate) torn: BTreeSet<Table>,
    pub(crate) messages: Vec<Message>,
    /// How many messages there were, if that can still be told.
    pub(crate) messages_before: Option<u64>,
    /// The number of the newest change that was read.
    pub(crate) cursor: u64,
    pub(crate) pages: u64,
    /// Pages that are missing or whose code does not fit.
    pub(crate) pages_damaged: u64,
}

impl Ruins {
    /// Opens a copy: reading in it may change its log.
    ///
    /// # Errors
    /// The first page does not open, so nothing does; or it is a store of a newer version.
    pub(crate) fn open(copy: &Path, key: &StoreKey) -> Result<Self> {
        open::must_be_whole(copy)?;
        let connection = open::in_ruins(copy, key)?;
        schema::version(&connection, copy)?;
        // Codes are checked in the file alone; what the log holds of its pages is newer, and may be whole.
        let _ = connection.query_row("PRAGMA wal_checkpoint(FULL)", [], |_| Ok(()));
        // The tables must be known; that they are whole is not asked.
        let known =
            connection.prepare("SELECT tbl FROM row").and_then(|_| connection.prepare("SELECT id FROM message"));
        known.map(drop).map_err(|e| named(copy, &e))?;
        Ok(Self { copy: copy.to_owned(), key: key.clone(), connection: RefCell::new(connection) })
    }

    /// Reads everything that can be read.
    pub(crate) fn read(&self) -> Saved {
        let messages_before = self.count();
        let (pages, pages_damaged) = self.pages();
        // What two walks leave out lies between two damaged pages.
        let is_torn = pages_damaged > 1;
        // Without the row that holds the identity nothing else is of use.
        let (mut rows, mut torn) = (Vec::new(), BTreeSet::new());
        if self.rows(Table::Profile, is_torn).found.is_empty() {
            return Saved { rows, torn, messages: Vec::new(), messages_before, cursor: 0, pages, pages_damaged };
        }
        for table in Table::ALL.into_iter().filter(|table| table.is_backed_up() && table.is_loaded()) {
            let read = self.rows(table, is_torn);
            rows.extend(read.found.into_iter().map(|(key, value)| (table, key, value)));
            torn.extend((!read.is_whole).then_some(table));
        }
        let found = self.messages(is_torn).found;
        let cursor = found.values().map(|(_, change)| *change).max().unwrap_or(0);
        let messages = found.into_values().map(|(message, _)| message).collect();
        Saved { rows, torn, messages, messages_before, cursor, pages, pages_damaged }
    }

    /// The rows of one table.
    fn rows(&self, table: Table, is_torn: bool) -> Legible<Vec<u8>> {
        let read = |row: &rusqlite::Row<'_>| Ok((row.get::<_, Vec<u8>>(0)?, Some(row.get::<_, Vec<u8>>(1)?)));
        let walk = |from: &[u8], to: &[u8], order: Order, found: &mut BTreeMap<Vec<u8>, Vec<u8>>| {
            let sql = match order {
                Order::Forward => "SELECT key, value FROM row WHERE tbl = ?1 AND key >= ?2 AND key < ?3 ORDER BY key",
                Order::Backward => {
                    "SELECT key, value FROM row WHERE tbl = ?1 AND key >= ?2 AND key < ?3 ORDER BY key DESC"
                }
            };
            self.walk(sql, params![table as u8, from, to], read, found)
        };
        all(walk, is_torn)
    }

    /// The rows of conversations, each with the number of its last change.
    fn messages(&self, is_torn: bool) -> Legible<(Message, u64)> {
        let read = |row: &rusqlite::Row<'_>| {
            let key = row.get::<_, i64>(3)?.to_be_bytes().to_vec();
            let (value, state, seen): (Vec<u8>, Vec<u8>, bool) = (row.get(0)?, row.get(1)?, row.get(2)?);
            let change = row.get::<_, i64>(4)?.cast_unsigned();
            // A row that is none is as lost as one that cannot be read.
            Ok((key, reader::assemble(&value, &state, seen).ok().map(|message| (message, change))))
        };
        let walk = |from: &[u8], to: &[u8], order: Order, found: &mut BTreeMap<Vec<u8>, (Message, u64)>| {
            let sql = match order {
                Order::Forward => {
                    "SELECT value, state, seen, id, change FROM message WHERE id >= ?1 AND id < ?2 ORDER BY id"
                }
                Order::Backward => {
                    "SELECT value, state, seen, id, change FROM message WHERE id >= ?1 AND id < ?2 ORDER BY id DESC"
                }
            };
            self.walk(sql, [row_id(from), row_id(to)], read, found)
        };
        all(walk, is_torn)
    }

    /// Puts the rows of a query into `found` until they end or cannot be read.
    fn walk<T>(
        &self,
        sql: &str,
        parameters: impl Params,
        read: impl Fn(&rusqlite::Row<'_>) -> rusqlite::Result<(Vec<u8>, Option<T>)>,
        found: &mut BTreeMap<Vec<u8>, T>,
    ) -> Walk {
        let mut last = None;
        let walked = (|| -> rusqlite::Result<()> {
            let connection = self.connection.borrow();
            let mut statement = connection.prepare_cached(sql)?;
            let mut rows = statement.query(parameters)?;
            while let Some(row) = rows.next()? {
                let (key, value) = read(row)?;
                last = Some(key.clone());
                value.into_iter().for_each(|value| drop(found.insert(key.clone(), value)));
            }
            Ok(())
        })();
        if walked.is_err() {
            self.renew();
        }
        Walk { last, is_over: walked.is_ok() }
    }

    /// Goes on with another connection.
    fn renew(&self) {
        // It could be opened before, and nobody has changed it.
        if let Ok(anew) = open::in_ruins(&self.copy, &self.key) {
            self.connection.replace(anew);
        }
    }

    /// How many messages there were, by the index of conversations, which lies on pages of its own.
    fn count(&self) -> Option<u64> {
        let sql = "SELECT count(*) FROM message INDEXED BY message_contact";
        let count = self.connection.borrow().query_row(sql, [], |row| row.get::<_, i64>(0));
        if count.is_err() {
            self.renew();
        }
        count.ok().map(i64::cast_unsigned)
    }

    /// How many pages there are, and how many of them are damaged or missing.
    fn pages(&self) -> (u64, u64) {
        let connection = self.connection.borrow();
        let pages = connection.query_row("PRAGMA page_count", [], |row| row.get::<_, i64>(0)).unwrap_or(0);
        let findings = || -> rusqlite::Result<u64> {
            let mut statement = connection.prepare("PRAGMA cipher_integrity_check")?;
            let found = statement.query_map([], |_| Ok(()))?.count();
            Ok(found as u64)
        };
        (pages.cast_unsigned(), findings().unwrap_or(0))
    }
}

#[derive(Clone, Copy)]
enum Order {
    Forward,
    Backward,
}

/// How far a walk came.
struct Walk {
    /// The key of the last row that was read.
    last: Option<Vec<u8>>,
    /// Whether it reached its end, and was not stopped by a damaged page.
    is_over: bool,
}

/// What of a table can be read.
struct Legible<T> {
    found: BTreeMap<Vec<u8>, T>,
    /// Whether no page of it was met that cannot be read.
    is_whole: bool,
}

/// Everything that `walk` finds; where a table is torn at several places, begun anew behind every damaged page.
fn all<T>(walk: impl Fn(&[u8], &[u8], Order, &mut BTreeMap<Vec<u8>, T>) -> Walk, is_torn: bool) -> Legible<T> {
    let mut found = BTreeMap::new();
    let end = [0xff; WIDTH + 1];
    let from_front = walk(&[], &end, Order::Forward, &mut found);
    if from_front.is_over {
        return Legible { found, is_whole: true };
    }
    let from_behind = walk(&[], &end, Order::Backward, &mut found);
    if !is_torn {
        return Legible { found, is_whole: false };
    }
    let front = from_front.last.as_deref().map_or(0, number);
    let unit = unit(&found);
    let behind = match &from_behind.last {
        Some(key) => number(key),
        None if unit > 1 => front.saturating_add(TRIES.saturating_mul(unit)),
        None => u128::MAX,
    };
    // From the beginning of the key space where the first page of the table is lost.
    let begin = if from_front.last.is_some() { front.saturating_add(unit) } else { 0 };
    let mut walk_all = |tries: u128| {
        let step = (behind.saturating_sub(begin) / tries).max(unit);
        let mut at = begin;
        while at < behind {
            let walked = walk(&key(at), &key(behind), Order::Forward, &mut found);
            if walked.is_over {
                break;
            }
            let reached = walked.last.as_deref().map_or(at, number);
            let Some(next) = reached.checked_add(step) else { break };
            at = next;
        }
        !found.is_empty()
    };
    // Where nothing answers at a few keys, what stands above all of them is lost, and the others need not be tried.
    if walk_all(FIRST_TRIES) {
        walk_all(TRIES);
    }
    Legible { found, is_whole: false }
}

/// The least distance of two keys: keys of up to eight bytes are counted up, others are random.
fn unit<T>(found: &BTreeMap<Vec<u8>, T>) -> u128 {
    let len = found.keys().map(Vec::len).max().unwrap_or(8);
    if len <= 8 { 1 << (8 * (WIDTH - len)) } else { 1 }
}

/// A key as a number: its first bytes.
fn number(key: &[u8]) -> u128 {
    let mut bytes = [0; WIDTH];
    let len = key.len().min(WIDTH);
    bytes[..len].copy_from_slice(&key[..len]);
    u128::from_be_bytes(bytes)
}

/// The least key of that number: a shorter one stands before all that go on from it.
fn key(number: u128) -> Vec<u8> {
    let bytes = number.to_be_bytes();
    let len = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    bytes[..len].to_vec()
}

/// The message id that begins a key.
fn row_id(key: &[u8]) -> i64 {
    i64::try_from(number(key) >> 64).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_numbers_have_the_same_order() {
        for (less, more) in [(&[][..], &[0][..]), (&[1], &[1, 1]), (&[0, 255], &[1]), (&[7; 16], &[8])] {
            assert!(number(less) <= number(more), "{less:?} {more:?}");
        }
        assert_eq!(key(number(&[1, 2, 0, 0])), [1, 2]);
        assert_eq!(row_id(&key(number(&5_i64.to_be_bytes()))), 5);
    }

    #[test]
    fn what_lies_between_damaged_stretches_is_found() {
        // Every second stretch of ten keys is lost; a walk stops where it would enter one.
        let lost = |n: u32| (n / 10) % 2 == 1;
        let walk = |from: &[u8], to: &[u8], order: Order, found: &mut BTreeMap<Vec<u8>, u32>| -> Walk {
            let mut keys: Vec<u32> = (0..1000_u32).filter(|n| (from..to).contains(&&n.to_be_bytes()[..])).collect();
            if matches!(order, Order::Backward) {
                keys.reverse();
            }
            let mut last = None;
            for n in keys {
                if lost(n) {
                    return Walk { last, is_over: false };
                }
                found.insert(n.to_be_bytes().to_vec(), n);
                last = Some(n.to_be_bytes().to_vec());
            }
            Walk { last, is_over: true }
        };
        assert_eq!(
            all(walk, true).found.into_values().collect::<Vec<_>>(),
            (0..1000).filter(|n| !lost(*n)).collect::<Vec<_>>()
        );
    }
}
