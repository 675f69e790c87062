//! `init`: a new profile, whole or not at all.
//!
//! Everything is made in a directory beside the place where it will stand, and then moved there by one rename. A crash
//! before leaves a directory `.new-*`, which the next one removes, and no profile; two inits at once make one profile.

use std::path::Path;
use std::str::FromStr;

use pirushka_client_core::{Client, ClientConfig};
use pirushka_identity::Identity;
use pirushka_wire::HomeAddress;
use zeroize::Zeroizing;

use crate::clock::Clock;
use crate::driver::seed;
use crate::engine::answer::{bad_address, identity};
use crate::error::{Code, Error, Result};
use crate::key::{KeyHeader, Wish};
use crate::profile::{Profile, private_dir};
use crate::rubbish::{self, hold};
use crate::store::Store;
use crate::view::IdentityView;

/// How the store's key shall be kept.
pub enum Protection {
    /// The keyring of the system if it answers, else a key file.
    Auto,
    /// A file that only this user may read. Who has the disk has the messages.
    KeyFile,
    /// The keyring of the system.
    Keyring,
    /// A passphrase, asked at each start of the engine.
    Passphrase(Zeroizing<String>),
}

/// What a new profile is made of.
pub struct InitOptions {
    /// As I call myself.
    pub name: String,
    /// The address of my peer, `host[:port]?k=...`.
    pub home: Option<String>,
    #[allow(missing_docs)]
    pub protection: Protection,
}

/// What `init` made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Initialized {
    #[allow(missing_docs)]
    pub identity: IdentityView,
    /// `keyring`, `file` or `passphrase`.
    pub protection: String,
    /// What that means, in one line.
    pub protection_note: String,
}

/// Makes a profile. Nothing is left behind if it fails.
///
/// # Errors
/// [`Code::ProfileExists`], [`Code::BadInput`] for a bad name or address, [`Code::DiskFull`] and [`Code::Config`].
pub async fn init(profile: &Profile, options: InitOptions) -> Result<Initialized> {
    let profile = profile.clone();
    let making = tokio::task::spawn_blocking(move || make(&profile, options));
    making.await.unwrap_or_else(|_| Err(Error::new(Code::Unexpected, "making the profile was broken off")))
}

fn make(profile: &Profile, options: InitOptions) -> Result<Initialized> {
    make_as(profile, options, None)
}

/// A profile of a new identity, or of one that there is already.
pub(crate) fn make_as(profile: &Profile, options: InitOptions, who: Option<Identity>) -> Result<Initialized> {
    if profile.exists() {
        return Err(exists(profile));
    }
    profile.must_not_lack_its_header()?;
    let home = options.home.as_deref().map(HomeAddress::from_str).transpose().map_err(bad_address)?;
    let wish = wish(options.protection)?;
    let building = Building::beside(profile)?;
    let initialized = fill(&building.0, wish, &options.name, home, who)?;
    building.becomes(profile)?;
    Ok(initialized)
}

/// A wish for a key, from what a person asked for.
pub(crate) fn wish(protection: Protection) -> Result<Wish> {
    match protection {
        Protection::Auto => Ok(Wish::Auto),
        Protection::KeyFile => Ok(Wish::File),
        Protection::Keyring => Ok(Wish::Keyring),
        Protection::Passphrase(passphrase) if passphrase.is_empty() => {
            Err(Error::new(Code::BadInput, "the passphrase is empty"))
        }
        Protection::Passphrase(passphrase) => Ok(Wish::Passphrase(passphrase)),
    }
}

fn fill(dir: &Path, wish: Wish, name: &str, home: Option<HomeAddress>, who: Option<Identity>) -> Result<Initialized> {
    let now = Clock::new().now();
    let config = ClientConfig::default();
    let mut client = match who {
        None => Client::create(config, seed()?, now, name)?,
        Some(who) => Client::create_as(config, seed()?, now, name, who)?,
    };
    let (header, key) = KeyHeader::create(dir, wish)?;
    let mut store = Store::create(&dir.join("store.db"), &key)?;
    if let Some(home) = home {
        client.set_home(now, home)?;
    }
    store.commit(&client.take_writes())?;
    client.committed();
    let kind = header.kind();
    Ok(Initialized {
        identity: identity(&client),
        protection: kind.name().to_owned(),
        protection_note: kind.note().to_owned(),
    })
}

pub(crate) fn exists(profile: &Profile) -> Error {
    Error::new(Code::ProfileExists, format!("the profile \"{}\" exists already", profile.name()))
        .with_remedy("`pirushka status` shows it; `--profile NAME` makes another one beside it")
}

/// A directory that goes away unless it was moved.
pub(crate) struct Building(
    pub(crate) std::path::PathBuf,
    /// Held, so that nobody takes it for rubbish.
    #[expect(dead_code)]
    Option<std::fs::File>,
);

impl Building {
    /// A new directory, empty, for this user only. What others left half made goes away.
    pub(crate) fn beside(profile: &Profile) -> Result<Self> {
        let failed = |e: std::io::Error| making(profile, &e);
        private_dir(profile.root()).map_err(failed)?;
        let suffix = data_encoding::HEXLOWER.encode(&seed()?[..8]);
        let dir = profile.root().join(format!(".new-{suffix}"));
        // One at a time, so that no directory is swept between its making and its being held.
        let turn = std::fs::File::open(profile.root()).and_then(|root| root.lock().map(|()| root));
        if turn.is_ok() {
            sweep(profile.root());
        }
        private_dir(&dir).map_err(failed)?;
        let held = hold(&dir);
        Ok(Self(dir, held))
    }

    /// Moves it to where the profile stands.
    pub(crate) fn becomes(self, profile: &Profile) -> Result<()> {
        sync(&self.0).map_err(|e| making(profile, &e))?;
        match std::fs::rename(&self.0, profile.dir()) {
            Ok(()) => sync(profile.root()).map_err(|e| making(profile, &e)),
            Err(_) if profile.exists() => Err(exists(profile)),
            Err(e) => Err(making(profile, &e).with_remedy(format!("is {} empty?", profile.dir().display()))),
        }
    }
}

/// Removes what nobody makes any more, or what somebody was removing.
pub(crate) fn sweep(root: &Path) {
    rubbish::sweep(root, |name| name.starts_with(".new-") || name.starts_with(".gone-"));
}

fn making(profile: &Profile, error: &std::io::Error) -> Error {
    Error::io(Code::Config, format_args!("making {}", profile.dir().display()), error)
}

impl Drop for Building {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A rename is durable when its directory is.
#[cfg(unix)]
pub(crate) fn sync(dir: &Path) -> std::io::Result<()> {
    std::fs::File::open(dir)?.sync_all()
}

#[cfg(not(unix))]
pub(crate) fn sync(_: &Path) -> std::io::Result<()> {
    Ok(())
}
