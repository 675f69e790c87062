//! One process owns a store: whoever holds the lock on the profile's lock file.
//!
//! The lock is the system's, not the file's existence: it goes away with the process, however that ends.

use std::fs::{File, TryLockError};
use std::io::{Read, Seek, Write};

use crate::error::{Code, Error, Result};
use crate::profile::{Profile, command, private_file};

/// Held while this process owns the profile.
#[derive(Debug)]
pub(crate) struct ProfileLock {
    _file: File,
}

impl ProfileLock {
    /// Takes the lock without waiting.
    ///
    /// # Errors
    /// [`Code::ProfileLocked`] while another process holds it.
    pub(crate) fn take(profile: &Profile) -> Result<Self> {
        let path = profile.lock_path();
        let failed = |e| Error::io(Code::Config, format_args!("locking {}", path.display()), &e);
        let mut file =
            private_file().read(true).write(true).create(true).truncate(false).open(&path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(held_by_another(profile, &mut file)),
            Err(TryLockError::Error(e)) => return Err(failed(e)),
        }
        // The number only helps a person; a failure to write it harms nothing.
        let _ = file.set_len(0).and_then(|()| file.rewind()).and_then(|()| writeln!(file, "{}", std::process::id()));
        Ok(Self { _file: file })
    }
}

fn held_by_another(profile: &Profile, file: &mut File) -> Error {
    let mut owner = String::new();
    let _ = file.take(20).read_to_string(&mut owner);
    let owner = owner.trim();
    let owner = if owner.is_empty() { "another process".to_owned() } else { format!("process {owner}") };
    Error::new(Code::ProfileLocked, format!("{owner} owns the profile \"{}\"", profile.name()))
        .with_remedy(format!("`{}` ends a running engine", command(profile.name(), "engine stop")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_owner_is_told_who_the_first_is() {
        let home = tempfile::tempdir().unwrap();
        let profile = Profile::at(home.path(), None).unwrap();
        crate::profile::private_dir(profile.dir()).unwrap();
        let first = ProfileLock::take(&profile).unwrap();
        let error = ProfileLock::take(&profile).unwrap_err();
        assert_eq!(error.code, Code::ProfileLocked);
        assert!(error.message.contains(&std::process::id().to_string()), "{error}");
        drop(first);
        ProfileLock::take(&profile).unwrap();
    }
}
