//! A profile from a backup, whole or not at all.
//!
//! The whole file is read and found sound before anything is made. Then the profile is built beside its place, like a new
//! one, with a store key of its own; one that stands there already is moved aside, never deleted.

use std::path::{Path, PathBuf};

use pirushka_client_core::{Client, ClientConfig, Table, Write};
use serde::{Deserialize, Serialize};

use super::check::{Part, walk};
use super::format::damaged;
use crate::clock::Clock;
use crate::driver::seed;
use crate::engine::answer::identity;
use crate::error::{Code, Error, Result};
use crate::init::{Building, Protection, exists, wish};
use crate::key::KeyHeader;
use crate::lock::ProfileLock;
use crate::profile::{Profile, private_dir};
use crate::store::Store;
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
    let aside = there.then(|| move_aside(profile)).transpose()?;
    drop(lock);
    put_in_place(building, profile, aside.as_deref())?;
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
            let key = message.id.0.to_be_bytes().to_vec();
            batch.push(Write { table: Table::Message, key, value: minicbor::to_vec(&message).ok() });
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

/// Moves a profile's directory to a name that is none of a profile.
pub(crate) fn move_aside(profile: &Profile) -> Result<PathBuf> {
    let stamp = Clock::new().now().wall_ms;
    let aside = profile.root().join(format!(".old-{}-{stamp}", profile.name()));
    let failed = |e| Error::io(Code::Config, format_args!("moving {} aside", profile.dir().display()), &e);
    private_dir(profile.root()).and_then(|()| std::fs::rename(profile.dir(), &aside)).map_err(failed)?;
    Ok(aside)
}

/// Puts what was built where the profile stood that was moved `aside`. Where that fails the old one comes back, or the
/// error names where it lies.
pub(crate) fn put_in_place(building: Building, profile: &Profile, aside: Option<&Path>) -> Result<()> {
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
        let aside = move_aside(&profile).unwrap();
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
    fn what_was_built_takes_its_place_and_the_old_one_stays_aside() {
        let (_home, profile, aside, building) = halfway();
        put_in_place(building, &profile, Some(&aside)).unwrap();
        assert_eq!(std::fs::read_to_string(profile.dir().join("key.toml")).unwrap(), "new");
        assert_eq!(std::fs::read_to_string(aside.join("key.toml")).unwrap(), "old");
    }
}
