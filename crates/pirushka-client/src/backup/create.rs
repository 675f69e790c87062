//! Rows of one moment into a file.
//!
//! The reader's connection sees one snapshot of the write-ahead log from its first row to its last, whatever the engine
//! writes meanwhile, and holds nobody up. The file is written beside its place, synced, read back whole, and only then
//! gets its name.

use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use super::check::{self, BackupInfo};
use super::format::Sealer;
use super::{About, Record, Secret};
use crate::error::{Code, Error, Result};
use crate::init::sync;
use crate::profile::private_file;
use crate::rubbish::{hold, sweep};
use crate::store::{Exported, Reader};

/// Whose profile it is.
pub(crate) struct Whose {
    pub(crate) name: String,
    pub(crate) fingerprint: [u8; 32],
    pub(crate) contacts: u64,
}

/// Makes the backup `path`, which must not exist unless `replace`. `typed` is the secret as a person would type it.
pub(crate) fn create(
    reader: &Reader,
    whose: Whose,
    path: &Path,
    (secret, typed): (&Secret, &str),
    replace: bool,
) -> Result<BackupInfo> {
    if !replace && path.exists() {
        return Err(exists(path));
    }
    let part = Part::beside(path)?;
    let failed = |e| cannot_write(path, &e);
    let file = private_file().write(true).create_new(true).open(&part.0).map_err(failed)?;
    let _held = hold(&part.0);
    let file = write(reader, whose, BufWriter::new(file), secret)?;
    file.sync_all().map_err(failed)?;
    let info = check::check(&part.0, typed)?;
    part.name(path, replace)?;
    Ok(info)
}

fn write(reader: &Reader, whose: Whose, file: BufWriter<File>, secret: &Secret) -> Result<File> {
    let Whose { name, fingerprint, contacts } = whose;
    let mut sealer = Sealer::begin(file, secret)?;
    let mut counts = (0, 0);
    reader.export(|exported| {
        let record = match exported {
            Exported::Begin { cursor } => Record::About(About {
                created_ms: crate::clock::Clock::new().now().wall_ms,
                name: name.clone(),
                fingerprint,
                contacts,
                cursor,
                program: env!("CARGO_PKG_VERSION").to_owned(),
            }),
            Exported::Row(table, key, value) if table.is_backed_up() => {
                counts.0 += 1;
                Record::Row { table: table as u8, key, value }
            }
            Exported::Row(..) => return Ok(()),
            Exported::Message(message) => {
                counts.1 += 1;
                Record::Message { value: encoded(&message)? }
            }
        };
        sealer.record(&encoded(&record)?)
    })?;
    sealer.record(&encoded(&Record::End { rows: counts.0, messages: counts.1 })?)?;
    let (file, _) = sealer.finish()?;
    file.into_inner().map_err(|e| Error::io(Code::Config, "writing the backup", e.error()))
}

fn encoded<T: minicbor::Encode<()>>(value: &T) -> Result<Vec<u8>> {
    minicbor::to_vec(value).map_err(|e| Error::new(Code::Unexpected, format!("a row cannot be written: {e}")))
}

/// The place of a backup is the person's choice and no part of the profile.
fn cannot_write(path: &Path, error: &std::io::Error) -> Error {
    let error = Error::io(Code::BadInput, format_args!("writing the backup {}", path.display()), error);
    if error.code == Code::DiskFull {
        return error.with_remedy("make room there, or write the backup to another disk");
    }
    error.with_remedy("name a folder that exists and that you may write to")
}

fn exists(path: &Path) -> Error {
    Error::new(Code::BadInput, format!("{} exists already", path.display())).with_remedy("choose another name")
}

/// Where a file stands.
fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// The file while it is written; goes away unless it gets its name.
struct Part(PathBuf);

impl Part {
    fn beside(path: &Path) -> Result<Self> {
        let mut random = [0; 6];
        getrandom::fill(&mut random).map_err(|e| Error::new(Code::Unexpected, format!("no random bytes: {e}")))?;
        let name = path.file_name().ok_or_else(|| Error::new(Code::BadInput, "a backup needs a file name"))?;
        let prefix = format!(".{}.", name.to_string_lossy());
        let suffix = data_encoding::HEXLOWER.encode(&random);
        let part = Self(path.with_file_name(format!("{prefix}{suffix}.part")));
        let is_part = |name: &str| {
            let random = name.strip_prefix(&prefix).and_then(|rest| rest.strip_suffix(".part"));
            random.is_some_and(|digits| digits.len() == suffix.len() && digits.bytes().all(|b| b.is_ascii_hexdigit()))
        };
        // Of the same backup, by a process that was killed.
        sweep(folder(path), is_part);
        Ok(part)
    }

    fn name(self, path: &Path, replace: bool) -> Result<()> {
        self.rename(path, replace)?;
        sync(folder(path)).map_err(|e| cannot_write(path, &e))
    }

    fn rename(&self, path: &Path, replace: bool) -> Result<()> {
        let failed = |e| cannot_write(path, &e);
        if replace {
            return std::fs::rename(&self.0, path).map_err(failed);
        }
        match renamed_beside(&self.0, path) {
            Ok(()) => return Ok(()),
            Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => return Err(exists(path)),
            // This file system cannot.
            Err(_) => {}
        }
        // A link does not replace; where the file system has none, nobody but us writes here as a rule.
        match std::fs::hard_link(&self.0, path) {
            Ok(()) => Ok(()),
            Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => Err(exists(path)),
            Err(_) if path.exists() => Err(exists(path)),
            Err(_) => std::fs::rename(&self.0, path).map_err(failed),
        }
    }
}

/// Renames, but replaces nothing: in one step, so that no second name is left where it is the last.
#[cfg(any(target_os = "linux", target_vendor = "apple"))]
fn renamed_beside(from: &Path, to: &Path) -> std::io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    Ok(renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE)?)
}

#[cfg(not(any(target_os = "linux", target_vendor = "apple")))]
fn renamed_beside(_: &Path, _: &Path) -> std::io::Result<()> {
    Err(std::io::ErrorKind::Unsupported.into())
}

impl Drop for Part {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}
