//! `init`: a new profile, whole or not at all.
//!
//! Everything is made in a directory beside the place where it will stand, and then moved there by one rename. A crash
//! before leaves a directory `.new-*` and no profile; two inits at once make one profile.

use std::path::Path;
use std::str::FromStr;

use pirushka_client_core::{Client, ClientConfig};
use pirushka_wire::HomeAddress;
use zeroize::Zeroizing;

use crate::clock::Clock;
use crate::driver::seed;
use crate::engine::answer::{bad_address, identity};
use crate::error::{Code, Error, Result};
use crate::key::{KeyHeader, Wish};
use crate::profile::{Profile, private_dir};
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
    if profile.exists() {
        return Err(exists(profile));
    }
    profile.must_not_lack_its_header()?;
    let home = options.home.as_deref().map(HomeAddress::from_str).transpose().map_err(bad_address)?;
    let wish = match options.protection {
        Protection::Auto => Wish::Auto,
        Protection::KeyFile => Wish::File,
        Protection::Keyring => Wish::Keyring,
        Protection::Passphrase(passphrase) if passphrase.is_empty() => {
            return Err(Error::new(Code::BadInput, "the passphrase is empty"));
        }
        Protection::Passphrase(passphrase) => Wish::Passphrase(passphrase),
    };
    let failed = |e: std::io::Error| Error::io(Code::Config, format_args!("making {}", profile.dir().display()), &e);
    private_dir(profile.root()).map_err(failed)?;
    let suffix = data_encoding::HEXLOWER.encode(&seed()?[..8]);
    let building = Building(profile.root().join(format!(".new-{suffix}")));
    private_dir(&building.0).map_err(failed)?;
    let initialized = fill(&building.0, wish, &options.name, home)?;
    match std::fs::rename(&building.0, profile.dir()) {
        Ok(()) => sync(profile.root()).map_err(failed)?,
        Err(_) if profile.exists() => return Err(exists(profile)),
        Err(e) => return Err(failed(e).with_remedy(format!("is {} empty?", profile.dir().display()))),
    }
    Ok(initialized)
}

fn fill(dir: &Path, wish: Wish, name: &str, home: Option<HomeAddress>) -> Result<Initialized> {
    let now = Clock::new().now();
    let mut client = Client::create(ClientConfig::default(), seed()?, now, name)?;
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

fn exists(profile: &Profile) -> Error {
    Error::new(Code::ProfileExists, format!("the profile \"{}\" exists already", profile.name()))
        .with_remedy("`pirushka status` shows it; `--profile NAME` makes another one beside it")
}

/// A directory that goes away unless it was moved.
struct Building(std::path::PathBuf);

impl Drop for Building {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A rename is durable when its directory is.
#[cfg(unix)]
fn sync(dir: &Path) -> std::io::Result<()> {
    std::fs::File::open(dir)?.sync_all()
}

#[cfg(not(unix))]
fn sync(_: &Path) -> std::io::Result<()> {
    Ok(())
}
