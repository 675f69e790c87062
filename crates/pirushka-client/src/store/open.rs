//! A connection with key and pragmas, and telling a wrong key from damage.

use std::path::Path;

use rusqlite::{Connection, OpenFlags};
use zeroize::Zeroizing;

use super::named;
use crate::error::{Code, Error, Result};
use crate::key::StoreKey;

/// The size of a page, bytes; the first one is there from the moment a store is made.
const PAGE: u64 = 4096;

/// Refuses a file that has lost its first page before anything opens it: SQLite would take an empty one for new and
/// throw the log beside it away, which may hold the last commits.
pub(super) fn must_be_whole(path: &Path) -> Result<()> {
    match std::fs::metadata(path) {
        // Not even its salt is whole, so that nothing of it can be salvaged.
        Ok(meta) if meta.len() < PAGE => Err(super::damaged(path, &format!("it has only {} bytes", meta.len()))
            .with_remedy(crate::profile::way_back(path))),
        Ok(_) => Ok(()),
        Err(e) => Err(Error::io(Code::Config, format_args!("reading the store {}", path.display()), &e)),
    }
}

pub(super) fn writable(path: &Path, key: &StoreKey) -> Result<Connection> {
    let connection = keyed(path, key, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    let pragmas = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;
                   PRAGMA temp_store = MEMORY; PRAGMA secure_delete = ON; PRAGMA wal_autocheckpoint = 1000;";
    connection.execute_batch(pragmas).map_err(|e| named(path, &e))?;
    Ok(connection)
}

pub(super) fn readable(path: &Path, key: &StoreKey) -> Result<Connection> {
    // Opened for writing all the same: a reader of a write-ahead log must be able to make its index.
    let connection = keyed(path, key, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.execute_batch("PRAGMA query_only = ON; PRAGMA temp_store = MEMORY;").map_err(|e| named(path, &e))?;
    Ok(connection)
}

/// Of a damaged store, in a copy: also one that is shorter than it should be.
pub(super) fn in_ruins(path: &Path, key: &StoreKey) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = keyed_with(path, key, flags, "PRAGMA writable_schema = ON;")?;
    connection.execute_batch("PRAGMA query_only = ON; PRAGMA temp_store = MEMORY;").map_err(|e| named(path, &e))?;
    // Leaving it changes nothing, either.
    let kept = connection.set_db_config(rusqlite::config::DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true);
    kept.map_err(|e| named(path, &e))?;
    Ok(connection)
}

fn keyed(path: &Path, key: &StoreKey, flags: OpenFlags) -> Result<Connection> {
    keyed_with(path, key, flags, "")
}

fn keyed_with(path: &Path, key: &StoreKey, flags: OpenFlags, first: &str) -> Result<Connection> {
    let failed = |e: rusqlite::Error| named(path, &e);
    let connection = Connection::open_with_flags(path, flags).map_err(failed)?;
    // SQLCipher would write to stderr, where faces speak to people.
    connection.execute_batch("PRAGMA cipher_log_level = NONE;").map_err(failed)?;
    let digits = Zeroizing::new(data_encoding::HEXLOWER.encode(key.bytes()));
    let pragma = Zeroizing::new(format!("PRAGMA key = \"x'{}'\";", *digits));
    connection.execute_batch(&pragma).and_then(|()| connection.execute_batch(first)).map_err(failed)?;
    connection.set_prepared_statement_cache_capacity(64);
    connection.busy_timeout(std::time::Duration::from_secs(2)).map_err(failed)?;
    match connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(())) {
        Ok(()) => Ok(connection),
        Err(e) if e.sqlite_error_code() == Some(rusqlite::ErrorCode::NotADatabase) => Err(unreadable(path)),
        Err(e) => Err(failed(e)),
    }
}

/// The first page does not open. The key header has vouched for the key where one was used, so it is most likely damage.
fn unreadable(path: &Path) -> Error {
    Error::new(
        Code::WrongKey,
        format!("the store {} does not open with this key: it is another profile's, or damaged", path.display()),
    )
    .with_remedy(crate::profile::way_back(path))
}
