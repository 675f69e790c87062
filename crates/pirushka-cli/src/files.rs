//! Files that a command makes for a person: private, whole or not at all, and never in the place of another unasked.

use std::io::Write as _;
use std::path::Path;

use crate::ask;
use crate::fault::{Exit, Fault, Outcome};
use crate::lang::text;
use crate::trouble::reason;

/// Asks before a file is replaced.
///
/// # Errors
/// It exists, and nobody said that it may go.
pub fn may_write(path: &Path, yes: bool, command: &str) -> Outcome {
    if !path.exists() {
        return Ok(());
    }
    let shown = path.display().to_string();
    if !yes && !ask::somebody_is_there() {
        return Err(Fault::new(Exit::Config, "fault.file_exists", &[("path", &shown)]));
    }
    ask::sure(yes, &text("ui.replace_file", &[("path", &shown)]), command)
}

/// Writes a file that only this user can read: first under another name, then moved into place.
///
/// # Errors
/// The folder cannot be written to, or has no room.
pub fn write_private(path: &Path, write: impl FnOnce(&mut dyn std::io::Write) -> Outcome) -> Outcome {
    let failed = |error: std::io::Error| cannot_write(path, &error);
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // Made with mode 0600.
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
    let mut buffered = std::io::BufWriter::new(file.as_file_mut());
    write(&mut buffered)?;
    buffered.flush().map_err(failed)?;
    drop(buffered);
    file.as_file().sync_all().map_err(failed)?;
    file.persist(path).map_err(|error| failed(error.error))?;
    Ok(())
}

/// A file that cannot be written.
#[must_use]
pub fn cannot_write(path: &Path, error: &std::io::Error) -> Fault {
    let arguments = [("path", &*path.display().to_string()), ("reason", &*reason(&error.to_string()))];
    Fault::new(Exit::Config, "fault.cannot_write", &arguments)
}
