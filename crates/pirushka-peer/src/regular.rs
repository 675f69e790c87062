//! Files that somebody names and that are read whole: regular ones only, so that no pipe or device keeps anybody waiting.

use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::path::Path;

/// Opens a regular file, or a link to one, for reading.
///
/// # Errors
/// What the system says, or what it is instead of a file.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    // Before it is opened, since opening a device may do something to it.
    check(&std::fs::metadata(path)?)?;
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, rustix::fs::OFlags::NONBLOCK.bits().cast_signed());
    let file = options.open(path)?;
    // And then, since another one may have got the name meanwhile.
    check(&file.metadata()?)?;
    Ok(file)
}

fn check(metadata: &Metadata) -> io::Result<()> {
    if metadata.is_file() {
        return Ok(());
    }
    Err(io::Error::other(if metadata.is_dir() { "it is a folder" } else { kind(metadata) }))
}

#[cfg(unix)]
fn kind(metadata: &Metadata) -> &'static str {
    use std::os::unix::fs::FileTypeExt as _;
    let kind = metadata.file_type();
    if kind.is_fifo() {
        "it is a pipe; only a regular file is read, since it is read again later"
    } else if kind.is_socket() {
        "it is a socket and no regular file"
    } else {
        "it is a device and no regular file"
    }
}

#[cfg(not(unix))]
fn kind(_: &Metadata) -> &'static str {
    "it is no regular file"
}
