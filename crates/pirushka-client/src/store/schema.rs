//! The tables, and how an older store becomes a newer one.
//!
//! `application_id` says that a file is ours, `user_version` which of the steps below it has been through. A step is
//! never changed once released; a newer layout is one more step.

use std::path::Path;

use rusqlite::Connection;

use super::{damaged, named};
use crate::error::Result;

/// "PIRU".
const APPLICATION_ID: i32 = 0x5049_5255;

/// What brings a store from version `index` to `index + 1`.
const STEPS: &[&str] = &[
    // 1. `row`: what a client is loaded from; values are the core's. `message`: conversations, with the columns that
    //    queries need beside the core's value, and with state and seen as they are now (the value keeps the first). `born` and `change` number the changes of all conversations: the first
    //    and the last of this row. `meta`: the store's own; `cursor_floor` keeps numbers from being used twice when the
    //    newest row goes.
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
];

/// The version that this program writes.
pub(super) const VERSION: usize = STEPS.len();

pub(super) fn create(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch(&format!("BEGIN IMMEDIATE; PRAGMA application_id = {APPLICATION_ID};"))?;
    for step in STEPS {
        connection.execute_batch(step)?;
    }
    connection.execute_batch(&format!("PRAGMA user_version = {VERSION}; COMMIT;"))
}

pub(super) fn bring_up_to_date(connection: &mut Connection, path: &Path) -> Result<()> {
    let failed = |e: rusqlite::Error| named(path, &e);
    let number = |pragma: &str| connection.query_row(pragma, [], |row| row.get::<_, i64>(0)).map_err(failed);
    if number("PRAGMA application_id")? != i64::from(APPLICATION_ID) {
        return Err(damaged(path, "it is empty, or not a store of pirushka"));
    }
    let version = usize::try_from(number("PRAGMA user_version")?).unwrap_or(0);
    if version > VERSION {
        return Err(crate::key::newer(path));
    }
    if version == 0 {
        return Err(damaged(path, "it has no version"));
    }
    if version == VERSION {
        return Ok(());
    }
    let transaction = connection.transaction().map_err(failed)?;
    for step in &STEPS[version..] {
        transaction.execute_batch(step).map_err(failed)?;
    }
    transaction.execute_batch(&format!("PRAGMA user_version = {VERSION}")).map_err(failed)?;
    transaction.commit().map_err(failed)
}
