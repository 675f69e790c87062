//! Every byte of a backup read: what is in it, and that nothing is missing.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use pirushka_client_core::{Message, Table};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::format::{Header, Opener, damaged};
use super::secret::SecretKind;
use super::{About, Record};
use crate::error::{Code, Error, Result};

/// What is in a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BackupInfo {
    /// When it was made, Unix milliseconds.
    pub created_ms: u64,
    /// As its owner calls himself.
    pub name: String,
    /// 64 hexadecimal digits.
    pub fingerprint: String,
    #[allow(missing_docs)]
    pub contacts: u64,
    /// Rows of conversations.
    pub messages: u64,
    /// The size of the file.
    pub bytes: u64,
    /// The version of the program that made it.
    pub program: String,
}

/// Which kind of secret a file wants.
///
/// # Errors
/// It cannot be read, or is no backup.
pub fn wants(path: &Path) -> Result<SecretKind> {
    Ok(Header::read(&mut open(path)?)?.kind)
}

/// Reads all of a backup. `typed` is the secret as a person types it.
///
/// # Errors
/// [`Code::BackupSecret`], [`Code::BackupDamaged`], [`Code::BackupTruncated`], [`Code::NewerStore`].
pub fn check(path: &Path, typed: &str) -> Result<BackupInfo> {
    let (about, messages) = walk(path, typed, |_| Ok(()))?;
    let bytes = std::fs::metadata(path).map_or(0, |meta| meta.len());
    Ok(info(about, messages, bytes))
}

/// The same for a file in memory, with the key that Argon2id makes of the secret: for those who try many files, and have
/// no second to spend on each.
///
/// # Errors
/// As [`check`].
pub fn check_unlocked(mut file: &[u8], key: &[u8; 32]) -> Result<BackupInfo> {
    let bytes = file.len() as u64;
    let header = Header::read(&mut file)?;
    let (about, messages) = records(Opener::unlocked(file, &header, key)?, |_| Ok(()))?;
    Ok(info(about, messages, bytes))
}

fn info(about: About, messages: u64, bytes: u64) -> BackupInfo {
    let About { created_ms, name, fingerprint, contacts, cursor: _, program } = about;
    let fingerprint = data_encoding::HEXLOWER.encode(&fingerprint);
    BackupInfo { created_ms, name, fingerprint, contacts, messages, bytes, program }
}

/// What a backup is made of.
pub(super) enum Part {
    Row(Table, Vec<u8>, Vec<u8>),
    Message(Message),
}

/// Gives every row and message to `take`; in the end, whose backup it is and how many messages there were.
pub(super) fn walk(path: &Path, typed: &str, take: impl FnMut(Part) -> Result<()>) -> Result<(About, u64)> {
    let mut file = open(path)?;
    let header = Header::read(&mut file)?;
    records(Opener::begin(file, &header, typed)?, take)
}

fn records<R: Read>(mut opener: Opener<R>, mut take: impl FnMut(Part) -> Result<()>) -> Result<(About, u64)> {
    let mut about = None;
    let mut counts = (0, 0);
    loop {
        let record = opener.record()?.ok_or_else(|| damaged("its last record is missing"))?;
        let record = minicbor::decode(&record).map_err(|e| damaged(&format!("a record cannot be read: {e}")))?;
        match (record, &about) {
            (Record::About(first), None) => about = Some(first),
            (Record::Row { table, key, value }, Some(_)) => {
                counts.0 += 1;
                let table = Table::ALL.into_iter().find(|known| *known as u8 == table);
                let table = table.ok_or_else(|| damaged("a row of an unknown table"))?;
                take(Part::Row(table, key, value))?;
            }
            (Record::Message { value }, Some(_)) => {
                counts.1 += 1;
                take(Part::Message(Message::from_row(&value).map_err(|e| damaged(&e.to_string()))?))?;
            }
            (Record::End { rows, messages }, Some(about)) if (rows, messages) == counts => {
                return match opener.record()? {
                    None => Ok((about.clone(), messages)),
                    Some(_) => Err(damaged("something stands behind its end")),
                };
            }
            _ => return Err(damaged("its records are not in order")),
        }
    }
}

fn open(path: &Path) -> Result<BufReader<File>> {
    let file = File::open(path).map_err(|e| {
        Error::new(Code::BadInput, format!("the backup {} cannot be read: {e}", path.display()))
            .with_remedy("check the name of the file")
    })?;
    Ok(BufReader::new(file))
}
