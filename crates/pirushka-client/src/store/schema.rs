//! The tables, and how an older store becomes a newer one.
//!
//! `application_id` says that a file is ours, `user_version` which of the steps below it has been through. A step is
//! never changed once released; a newer layout is one more step.

use std::path::Path;

use rusqlite::Connection;

use super::{damaged, named, words};
use crate::error::Result;

/// "PIRU".
const APPLICATION_ID: i32 = 0x5049_5255;

/// What brings a store from version `index` to `index + 1`: statements, and what only this program can do behind them.
struct Step {
    sql: &'static str,
    fill: fn(&Connection) -> rusqlite::Result<()>,
}

/// Statements that say everything.
const fn plain(sql: &'static str) -> Step {
    Step { sql, fill: |_| Ok(()) }
}

const STEPS: &[Step] = &[
    // 1. `row`: what a client is loaded from; values are the core's. `message`: conversations, with the columns that
    //    queries need beside the core's value, and with state and seen as they are now (the value keeps the first). `born` and `change` number the changes of all conversations: the first
    //    and the last of this row. `meta`: the store's own; `cursor_floor` keeps numbers from being used twice when the
    //    newest row goes.
    plain(
        "CREATE TABLE row (
         tbl INTEGER NOT NULL, key BLOB NOT NULL, value BLOB NOT NULL, PRIMARY KEY (tbl, key)
     ) WITHOUT ROWID;
     CREATE TABLE message (
         id INTEGER PRIMARY KEY, contact INTEGER NOT NULL, outgoing INTEGER NOT NULL, stored_ms INTEGER NOT NULL,
         kind INTEGER NOT NULL, text TEXT, state BLOB NOT NULL, seen INTEGER NOT NULL, born INTEGER NOT NULL,
         change INTEGER NOT NULL, value BLOB NOT NULL
     );
     CREATE INDEX message_contact ON message (contact, id);
     CREATE UNIQUE INDEX message_change ON message (change);
     CREATE INDEX message_unseen ON message (contact, born) WHERE seen = 0 AND outgoing = 0;
     CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;",
    ),
    // 2. `word`: the texts of `message` as `words` folds them, for searching. The tokenizer only splits at spaces: cutting
    //    into words is done here, in one place for texts and questions. What is deleted is gone from the index's pages too.
    Step {
        sql: "CREATE VIRTUAL TABLE word USING fts5 (text, tokenize = 'ascii', columnsize = 0);
     INSERT INTO word (word, rank) VALUES ('secure-delete', 1);
     CREATE TRIGGER message_gone AFTER DELETE ON message BEGIN DELETE FROM word WHERE rowid = old.id; END;",
        fill: index_everything,
    },
];

/// The version that this program writes.
pub(super) const VERSION: usize = STEPS.len();

pub(super) fn create(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch(&format!("BEGIN IMMEDIATE; PRAGMA application_id = {APPLICATION_ID};"))?;
    for step in STEPS {
        connection.execute_batch(step.sql)?;
    }
    connection.execute_batch(&format!("PRAGMA user_version = {VERSION}; COMMIT;"))
}

/// Refuses what is no store, or one of a newer version; gives its version.
pub(super) fn version(connection: &Connection, path: &Path) -> Result<usize> {
    let failed = |e: rusqlite::Error| named(path, &e);
    let number = |pragma: &str| connection.query_row(pragma, [], |row| row.get::<_, i64>(0)).map_err(failed);
    if number("PRAGMA application_id")? != i64::from(APPLICATION_ID) {
        return Err(damaged(path, "it is empty, or not a store of pirushka"));
    }
    match usize::try_from(number("PRAGMA user_version")?).unwrap_or(0) {
        version if version > VERSION => Err(crate::key::newer(path)),
        0 => Err(damaged(path, "it has no version")),
        version => Ok(version),
    }
}

pub(super) fn bring_up_to_date(connection: &mut Connection, path: &Path) -> Result<()> {
    let failed = |e: rusqlite::Error| named(path, &e);
    let version = version(connection, path)?;
    if version == VERSION {
        return Ok(());
    }
    let transaction = connection.transaction().map_err(failed)?;
    for step in &STEPS[version..] {
        transaction.execute_batch(step.sql).and_then(|()| (step.fill)(&transaction)).map_err(failed)?;
    }
    transaction.execute_batch(&format!("PRAGMA user_version = {VERSION}")).map_err(failed)?;
    transaction.commit().map_err(failed)
}

/// Puts what an older version stored into the index.
fn index_everything(connection: &Connection) -> rusqlite::Result<()> {
    let mut texts = connection.prepare("SELECT id, text FROM message WHERE kind = 0")?;
    let mut texts = texts.query([])?;
    let mut put = connection.prepare("INSERT INTO word (rowid, text) VALUES (?1, ?2)")?;
    while let Some(row) = texts.next()? {
        put.execute((row.get::<_, i64>(0)?, words::indexed(row.get_ref(1)?.as_str()?)))?;
    }
    Ok(())
}
