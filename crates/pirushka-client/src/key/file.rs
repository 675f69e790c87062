//! The key in a file of its own: 64 hexadecimal digits, readable by this user only (0600).

use std::io::Write;
use std::path::Path;

use zeroize::Zeroizing;

use super::StoreKey;
use crate::error::{Code, Error, Result};
use crate::profile::private_file;

/// Its name beside the store.
pub(super) const NAME: &str = "store.key";

pub(super) fn write(path: &Path, key: &StoreKey) -> Result<()> {
    let failed = |e| Error::io(Code::Config, format_args!("writing {}", path.display()), &e);
    let digits = Zeroizing::new(data_encoding::HEXLOWER.encode(key.bytes()));
    let mut file = private_file().write(true).create_new(true).open(path).map_err(failed)?;
    file.write_all(digits.as_bytes()).and_then(|()| file.write_all(b"\n")).map_err(failed)?;
    file.sync_all().map_err(failed)
}

pub(super) fn read(path: &Path) -> Result<StoreKey> {
    must_be_private(path)?;
    let text = match std::fs::read(path) {
        Ok(bytes) => Zeroizing::new(bytes),
        Err(e) => {
            let error = Error::io(Code::KeyMissing, format_args!("reading the store's key {}", path.display()), &e);
            return Err(error.with_remedy(crate::profile::way_back(path)));
        }
    };
    let damaged = || {
        Error::new(Code::Damaged, format!("{} is damaged: expected 64 hexadecimal digits", path.display()))
            .with_remedy(crate::profile::way_back(path))
    };
    let digits = text.strip_suffix(b"\n").unwrap_or(&text);
    let mut key = Zeroizing::new([0; 32]);
    if digits.len() != 64 {
        return Err(damaged());
    }
    data_encoding::HEXLOWER_PERMISSIVE.decode_mut(digits, key.as_mut()).map_err(|_| damaged())?;
    Ok(StoreKey(key))
}

#[cfg(unix)]
fn must_be_private(path: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let Ok(meta) = std::fs::metadata(path) else { return Ok(()) };
    if meta.permissions().mode() & 0o077 == 0 {
        return Ok(());
    }
    Err(Error::new(Code::Config, format!("other users may read the store's key {}", path.display()))
        .with_remedy(format!("chmod 600 {}", path.display())))
}

#[cfg(not(unix))]
fn must_be_private(_: &Path) -> Result<()> {
    Ok(())
}
