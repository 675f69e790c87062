//! A profile from a backup, whole or not at all.
//!
//! The whole file is read and found sound before anything is made. Then the profile is built beside its place, like a new
//! one, with a store key of its own; one that stands there already is moved aside, never deleted.

use std::path::{Path, PathBuf};

use pirushka_client_core::{Client, ClientConfig, Write};
use serde::{Deserialize, Serialize};

use super::check::{Part, walk};
use super::format::damaged;
use crate::clock::Clock;
use crate::driver::seed;
use crate::engine::answer::identity;
use crate::error::{Code, Error, Result};
use crate::init::{Building, Protection, exists, sync, wish};
use crate::key::KeyHeader;
use crate::lock::ProfileLock;
use crate::profile::{Profile, private_dir};
use crate::store::{Store, put};
use crate::view::IdentityView;

/// Messages written in one transaction.
const BATCH: usize = 500;

/// How to restore.
pub struct RestoreOptions {
    /// How the new store's key shall be kept.
    pub protection: Protection,
    /// Whether a profile that is there may be moved aside.
    pub replace: bool,
}

/// What was restored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restored {
    #[allow(missing_docs)]
    pub identity: IdentityView,
    #[allow(missing_docs)]
    pub contacts: usize,
    /// Rows of conversations.
    pub messages: u64,
    /// When the backup was made, Unix milliseconds.
    pub created_ms: u64,
    /// `keyring`, `file` or `passphrase`.
    pub protection: String,
    /// Where the profile that stood there before is now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aside: Option<PathBuf>,
}

/// Makes `profile` from the backup `path`. `typed` is the secret as a person types it. No engine may run.
///
/// # Errors
/// As [`super::check`]; [`Code::ProfileExists`], [`Code::ProfileLocked`], [`Code::DiskFull`]. Nothing was changed.
pub async fn restore(profile: &Profile, path: &Path, typed: &str, options: RestoreOptions) -> Result<Restored> {
    let (profile, path, typed) = (profile.clone(), path.to_owned(), zeroize::Zeroizing::new(typed.to_owned()));
    let making = tokio::task::spawn_blocking(move || make(&profile, &path, &typed, options));
    making.await.unwrap_or_else(|_| Err(Error::new(Code::Unexpected, "restoring was broken off")))
}

fn make(profile: &Profile, path: &Path, typed: &str, options: RestoreOptions) -> Result<Restored> {
    let there = profile.dir().exists();
    if there && !options.replace {
        return Err(exists(profile).with_remedy("add --yes to move it aside, or restore beside it with --profile NAME"));
    }
    // Held until the old one is moved: nobody may write to it meanwhile.
    let lock = if there { Some(ProfileLock::take(profile)?) } else { None };
    let building = Building::beside(profile)?;
    let made = fill(&building.0, path, typed, options.protection)?;
    let aside = match lock {
        Some(lock) => Some(replace(building, profile, lock)?),
        None => {
            building.becomes(profile)?;
            None
        }
    };
    Ok(Restored { aside, ..made })
}

fn fill(dir: &Path, path: &Path, typed: &str, protection: Protection) -> Result<Restored> {
    let mut rows = Vec::new();
    let (about, messages) = walk(path, typed, |part| {
        if let Part::Row(table, key, value) = part
            && table.is_backed_up()
        {
            rows.push((table, key, value));
        }
        Ok(())
    })?;
    let now = Clock::new().now();
    let loaded = rows.iter().filter(|(table, _, _)| table.is_loaded()).cloned();
    let restored = Client::restore(ClientConfig::default(), seed()?, now, loaded);
    let mut client = restored.map_err(|e| damaged(&format!("it does not hold a whole profile: {e}")))?;
    let (header, key) = KeyHeader::create(dir, wish(protection)?)?;
    let mut store = Store::create(&dir.join("store.db"), &key)?;
    store.go_on_from(about.cursor);
    let rows = rows.into_iter().map(|(table, key, value)| Write { table, key, value: Some(value) });
    store.commit(&rows.collect::<Vec<_>>())?;
    store.commit(&client.take_writes())?;
    client.committed();
    let mut batch = Vec::with_capacity(BATCH);
    walk(path, typed, |part| {
        if let Part::Message(message) = part {
            batch.push(put(&message));
        }
        if batch.len() == BATCH {
            store.commit(&std::mem::take(&mut batch))?;
        }
        Ok(())
    })?;
    store.commit(&batch)?;
    store.check()?;
    Ok(Restored {
        identity: identity(&client),
        contacts: client.contacts().len(),
        messages,
        created_ms: about.created_ms,
        protection: header.kind().name().to_owned(),
        aside: None,
    })
}

/// Puts what was built where the profile stands, and the profile aside; gives where that is. At every moment one of them
/// stands there, where the system can exchange two directories.
pub(crate) fn replace(building: Building, profile: &Profile, lock: ProfileLock) -> Result<PathBuf> {
    let aside = aside(profile);
    if exchanged(&building, &aside, profile).is_ok() {
        return Ok(aside);
    }
    move_aside(profile, &aside)?;
    drop(lock);
    put_in_place(building, profile, Some(&aside))?;
    Ok(aside)
}

/// A name that is none of a profile.
fn aside(profile: &Profile) -> PathBuf {
    profile.root().join(format!(".old-{}-{}", profile.name(), Clock::new().now().wall_ms))
}

/// What was built gets the name aside first: under its own, the old profile would be rubbish if the second step, which
/// exchanges the two, were the last.
#[cfg(any(target_os = "linux", target_vendor = "apple"))]
fn exchanged(building: &Building, aside: &Path, profile: &Profile) -> std::io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    sync(&building.0)?;
    std::fs::rename(&building.0, aside)?;
    if let Err(error) = renameat_with(CWD, aside, CWD, profile.dir(), RenameFlags::EXCHANGE) {
        std::fs::rename(aside, &building.0)?;
        return Err(error.into());
    }
    sync(profile.root())
}

#[cfg(not(any(target_os = "linux", target_vendor = "apple")))]
fn exchanged(_: &Building, _: &Path, _: &Profile) -> std::io::Result<()> {
    Err(std::io::ErrorKind::Unsupported.into())
}

/// Moves a profile's directory there.
fn move_aside(profile: &Profile, aside: &Path) -> Result<()> {
    let failed = |e| Error::io(Code::Config, format_args!("moving {} aside", profile.dir().display()), &e);
    private_dir(profile.root()).and_then(|()| std::fs::rename(profile.dir(), aside)).map_err(failed)
}

/// Puts what was built where the profile stood that was moved `aside`. Where that fails the old one comes back, or the
/// error names where it lies.
fn put_in_place(building: Building, profile: &Profile, aside: Option<&Path>) -> Result<()> {
    let Err(error) = building.becomes(profile) else { return Ok(()) };
    let Some(aside) = aside else { return Err(error) };
    // Where something stands in its place already, it cannot go back.
    if !profile.dir().exists() && std::fs::rename(aside, profile.dir()).is_ok() {
        return Err(error);
    }
    let (aside, place) = (aside.display(), profile.dir().display());
    Err(error.with_remedy(format!("the profile that stood there before is in {aside}; move it back to {place}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A profile's folder that was moved aside, and another one that was built for its place.
    fn halfway() -> (tempfile::TempDir, Profile, PathBuf, Building) {
        let home = tempfile::tempdir().unwrap();
        let profile = Profile::at(home.path(), None).unwrap();
        std::fs::create_dir_all(profile.dir()).unwrap();
        std::fs::write(profile.dir().join("key.toml"), "old").unwrap();
        let aside = aside(&profile);
        move_aside(&profile, &aside).unwrap();
        let building = Building::beside(&profile).unwrap();
        std::fs::write(building.0.join("key.toml"), "new").unwrap();
        (home, profile, aside, building)
    }

    #[test]
    fn when_the_new_profile_cannot_take_its_place_the_old_one_comes_back() {
        let (_home, profile, aside, building) = halfway();
        std::fs::remove_dir_all(&building.0).unwrap();
        put_in_place(building, &profile, Some(&aside)).unwrap_err();
        assert_eq!(std::fs::read_to_string(profile.dir().join("key.toml")).unwrap(), "old");
        assert!(!aside.exists());
    }

    #[test]
    fn where_something_else_took_its_place_it_is_told_where_the_old_one_lies() {
        let (_home, profile, aside, building) = halfway();
        std::fs::create_dir_all(profile.dir().join("somebody else's")).unwrap();
        let error = put_in_place(building, &profile, Some(&aside)).unwrap_err();
        assert!(error.remedy.unwrap().contains(&aside.display().to_string()));
        assert_eq!(std::fs::read_to_string(aside.join("key.toml")).unwrap(), "old");
        assert!(profile.dir().join("somebody else's").exists());
    }

    #[test]
    fn where_two_directories_cannot_be_exchanged_nothing_has_changed() {
        let (_home, profile, aside, building) = halfway();
        let elsewhere = aside.with_file_name(".old-elsewhere");
        // Nothing stands in the profile's place that could be exchanged.
        exchanged(&building, &elsewhere, &profile).unwrap_err();
        assert!(!elsewhere.exists() && building.0.join("key.toml").exists());
    }

    #[test]
    fn what_was_built_takes_its_place_and_the_old_one_stays_aside() {
        let (_home, profile, aside, building) = halfway();
        put_in_place(building, &profile, Some(&aside)).unwrap();
        assert_eq!(std::fs::read_to_string(profile.dir().join("key.toml")).unwrap(), "new");
        assert_eq!(std::fs::read_to_string(aside.join("key.toml")).unwrap(), "old");
    }
}
