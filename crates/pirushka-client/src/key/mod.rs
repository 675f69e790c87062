//! The store's key: 32 random or derived bytes, and the header that says where they come from.
//!
//! `key.toml` stands beside the store and holds no secret: which kind of protection, its parameters, and eight bytes
//! that tell a wrong passphrase from a damaged store (`blake3::derive_key("pirushka 2026 store key check", key)[..8]`;
//! whoever has the disk can test a guess against the store itself, so they give nothing away).

mod file;
mod keyring;
mod passphrase;

use std::io::Write;
use std::path::Path;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::error::{Code, Error, Result};
use crate::profile::{Profile, private_file};

pub use passphrase::Argon2id;

/// The version of the header.
const HEADER_VERSION: u32 = 1;

/// The key of the store. Never printed, zeroised when dropped.
#[derive(Clone)]
pub struct StoreKey(Zeroizing<[u8; 32]>);

impl std::fmt::Debug for StoreKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("StoreKey(..)")
    }
}

impl StoreKey {
    fn random() -> Result<Self> {
        let mut bytes = Zeroizing::new([0; 32]);
        getrandom::fill(bytes.as_mut())
            .map_err(|e| Error::new(Code::Unexpected, format!("the system gives no random bytes: {e}")))?;
        Ok(Self(bytes))
    }

    #[cfg(test)]
    pub(crate) fn for_tests(byte: u8) -> Self {
        Self(Zeroizing::new([byte; 32]))
    }

    pub(crate) fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    fn check(&self) -> String {
        let hash = blake3::derive_key("pirushka 2026 store key check", self.0.as_ref());
        data_encoding::HEXLOWER.encode(&hash[..8])
    }
}

/// How the key is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// In the keyring of the system.
    Keyring,
    /// In the file `store.key`.
    File,
    /// Derived from a passphrase.
    Passphrase,
}

impl Kind {
    /// Its name: `keyring`, `file`, `passphrase`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Keyring => "keyring",
            Self::File => "file",
            Self::Passphrase => "passphrase",
        }
    }

    /// What it means for whoever relies on it.
    #[must_use]
    pub fn note(self) -> &'static str {
        match self {
            Self::Keyring => "the key is in your system's keyring: whoever can log in as you can read the messages",
            Self::File => "the key is in a file that only you may read: whoever has this disk can read the messages",
            Self::Passphrase => "the key is made from your passphrase: without it the messages are lost",
        }
    }
}

/// What stands in `key.toml`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyHeader {
    v: u32,
    protection: Kind,
    check: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    argon2id: Option<Argon2id>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    keyring_account: Option<String>,
}

/// Which protection to make.
pub(crate) enum Wish {
    Auto,
    File,
    Keyring,
    Passphrase(Zeroizing<String>),
}

impl KeyHeader {
    /// Makes a key and writes its header (and its file) into `dir`.
    pub(crate) fn create(dir: &Path, wish: Wish) -> Result<(Self, StoreKey)> {
        let (header, key) = match wish {
            Wish::Auto => match in_keyring() {
                Ok(made) => made,
                Err(_) => in_file(dir)?,
            },
            Wish::File => in_file(dir)?,
            Wish::Keyring => in_keyring()?,
            Wish::Passphrase(passphrase) => from_passphrase(&passphrase)?,
        };
        header.write(&dir.join("key.toml"))?;
        Ok((header, key))
    }

    /// Reads the header of a profile.
    ///
    /// # Errors
    /// [`Code::NoProfile`] without one, [`Code::NewerStore`], [`Code::Damaged`].
    pub fn read(profile: &Profile) -> Result<Self> {
        profile.must_exist()?;
        let path = profile.key_header_path();
        let text = crate::regular::read_to_string(&path)
            .map_err(|e| Error::io(Code::Damaged, format_args!("reading {}", path.display()), &e))?;
        Self::parse(&text, &path)
    }

    fn parse(text: &str, path: &Path) -> Result<Self> {
        #[derive(Deserialize)]
        struct Version {
            v: u32,
        }
        let damaged = |what: String| {
            Error::new(Code::Damaged, format!("the key header {} is damaged: {what}", path.display()))
                .with_remedy(crate::profile::way_back(path))
        };
        let version: Version = toml::from_str(text).map_err(|e| damaged(e.to_string()))?;
        if version.v > HEADER_VERSION {
            return Err(newer(path));
        }
        let header: Self = toml::from_str(text).map_err(|e| damaged(e.to_string()))?;
        match (header.protection, &header.argon2id, &header.keyring_account) {
            (Kind::Passphrase, Some(parameters), _) => parameters.check().map_err(damaged)?,
            (Kind::Passphrase, None, _) => return Err(damaged("[argon2id] is missing".into())),
            (Kind::Keyring, _, None) => return Err(damaged("keyring_account is missing".into())),
            (Kind::Keyring, _, Some(_)) | (Kind::File, _, _) => {}
        }
        Ok(header)
    }

    /// How the key is kept.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.protection
    }

    /// Fetches the key. `ask` is called only for a passphrase.
    pub(crate) fn unlock(&self, profile: &Profile, ask: Option<crate::handle::AskPassphrase>) -> Result<StoreKey> {
        let key = match (self.protection, &self.argon2id, &self.keyring_account) {
            (Kind::Passphrase, Some(parameters), _) => parameters.derive(asked(ask)?.as_bytes())?,
            (Kind::Keyring, _, Some(account)) => keyring::fetch(account)?,
            _ => file::read(&profile.dir().join(file::NAME))?,
        };
        if key.check() == self.check {
            return Ok(key);
        }
        Err(match self.protection {
            Kind::Passphrase => Error::new(Code::WrongKey, "the passphrase is wrong").with_remedy("try again"),
            Kind::Keyring => Error::new(Code::WrongKey, "the keyring holds another key than this store's")
                .with_remedy("bring the keyring's entry \"pirushka\" back; nothing was changed"),
            Kind::File => Error::new(Code::WrongKey, "the key file is not this store's")
                .with_remedy(crate::profile::way_back(&profile.dir().join(file::NAME))),
        })
    }

    fn write(&self, path: &Path) -> Result<()> {
        let failed = |e| Error::io(Code::Config, format_args!("writing {}", path.display()), &e);
        let text = toml::to_string(self).map_err(|e| Error::new(Code::Unexpected, e.to_string()))?;
        let mut file = private_file().write(true).create_new(true).open(path).map_err(failed)?;
        file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)
    }
}

/// Copies header and key file of a profile's directory into another one.
pub(crate) fn copy(from: &Path, to: &Path) -> Result<()> {
    for name in ["key.toml", file::NAME] {
        let (from, to) = (from.join(name), to.join(name));
        if from.exists() {
            let failed = |e| Error::io(Code::Config, format_args!("writing {}", to.display()), &e);
            std::fs::copy(&from, &to).and_then(|_| std::fs::File::open(&to)?.sync_all()).map_err(failed)?;
        }
    }
    Ok(())
}

pub(crate) fn asked(ask: Option<crate::handle::AskPassphrase>) -> Result<Zeroizing<String>> {
    let needed = || {
        Error::new(Code::PassphraseNeeded, "the store is protected by a passphrase, and none was given")
            .with_remedy("run the command in a terminal, or hand the passphrase over with --passphrase-file")
    };
    let passphrase = ask.ok_or_else(needed)?()
        .map_err(|e| Error::new(Code::PassphraseNeeded, format!("no passphrase could be read: {e}")))?;
    if passphrase.is_empty() { Err(needed()) } else { Ok(passphrase) }
}

fn in_file(dir: &Path) -> Result<(KeyHeader, StoreKey)> {
    let key = StoreKey::random()?;
    file::write(&dir.join(file::NAME), &key)?;
    Ok((header(Kind::File, &key), key))
}

fn in_keyring() -> Result<(KeyHeader, StoreKey)> {
    let key = StoreKey::random()?;
    let account = data_encoding::HEXLOWER.encode(&StoreKey::random()?.0[..8]);
    keyring::keep(&account, &key)?;
    Ok((KeyHeader { keyring_account: Some(account), ..header(Kind::Keyring, &key) }, key))
}

fn from_passphrase(passphrase: &str) -> Result<(KeyHeader, StoreKey)> {
    let parameters = Argon2id::fresh()?;
    let key = parameters.derive(passphrase.as_bytes())?;
    Ok((KeyHeader { argon2id: Some(parameters), ..header(Kind::Passphrase, &key) }, key))
}

fn header(protection: Kind, key: &StoreKey) -> KeyHeader {
    KeyHeader { v: HEADER_VERSION, protection, check: key.check(), argon2id: None, keyring_account: None }
}

/// The error for what a newer version of this program wrote.
pub(crate) fn newer(path: &Path) -> Error {
    Error::new(Code::NewerStore, format!("{} was written by a newer version of pirushka", path.display()))
        .with_remedy("install that version; nothing was changed")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile_with(wish: Wish) -> (tempfile::TempDir, Profile, StoreKey) {
        let home = tempfile::tempdir().unwrap();
        let profile = Profile::at(home.path(), None).unwrap();
        crate::profile::private_dir(profile.dir()).unwrap();
        let (_, key) = KeyHeader::create(profile.dir(), wish).unwrap();
        (home, profile, key)
    }

    fn answer(passphrase: &str) -> Option<crate::handle::AskPassphrase> {
        let passphrase = Zeroizing::new(passphrase.to_owned());
        Some(Box::new(move || Ok(passphrase)))
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_pipe_in_the_place_of_the_header_is_refused_at_once() {
        use rustix::fs::{CWD, FileType, Mode, mknodat};
        let (_home, profile, _) = profile_with(Wish::File);
        std::fs::remove_file(profile.key_header_path()).unwrap();
        mknodat(CWD, profile.key_header_path(), FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
        let error = KeyHeader::read(&profile).unwrap_err();
        assert_eq!(error.code, Code::Damaged);
        assert!(error.message.ends_with("it is a pipe or a device, and no regular file"), "{error}");
    }

    #[test]
    fn a_key_file_gives_its_key_back_and_asks_nothing() {
        let (_home, profile, key) = profile_with(Wish::File);
        let header = KeyHeader::read(&profile).unwrap();
        assert_eq!(header.unlock(&profile, None).unwrap().bytes(), key.bytes());
    }

    #[test]
    fn a_passphrase_gives_its_key_back_and_another_one_is_named_wrong() {
        let (_home, profile, key) = profile_with(Wish::Passphrase(Zeroizing::new("correct horse".into())));
        let header = KeyHeader::read(&profile).unwrap();
        assert_eq!(header.unlock(&profile, answer("correct horse")).unwrap().bytes(), key.bytes());
        assert_eq!(header.unlock(&profile, answer("wrong horse")).unwrap_err().code, Code::WrongKey);
        assert_eq!(header.unlock(&profile, None).unwrap_err().code, Code::PassphraseNeeded);
        assert_eq!(header.unlock(&profile, answer("")).unwrap_err().code, Code::PassphraseNeeded);
    }

    #[test]
    fn a_header_holds_no_secret() {
        let (_home, profile, key) = profile_with(Wish::File);
        let text = std::fs::read_to_string(profile.key_header_path()).unwrap();
        assert!(!text.contains(&data_encoding::HEXLOWER.encode(key.bytes())));
    }

    #[test]
    fn a_lost_key_file_is_named() {
        let (_home, profile, _) = profile_with(Wish::File);
        std::fs::remove_file(profile.dir().join(file::NAME)).unwrap();
        let error = KeyHeader::read(&profile).unwrap().unlock(&profile, None).unwrap_err();
        assert_eq!(error.code, Code::KeyMissing);
    }

    #[test]
    fn headers_that_are_damaged_newer_or_greedy_are_refused_by_name() {
        let parse = |text: &str| KeyHeader::parse(text, Path::new("key.toml")).unwrap_err();
        assert_eq!(parse("").code, Code::Damaged);
        assert_eq!(parse("v = 1\nprotection = \"prayer\"\ncheck = \"\"").code, Code::Damaged);
        assert_eq!(parse("v = 1\nprotection = \"file\"\ncheck = \"\"\nextra = 1").code, Code::Damaged);
        assert_eq!(parse("v = 1\nprotection = \"passphrase\"\ncheck = \"\"").code, Code::Damaged);
        assert_eq!(parse("v = 1\nprotection = \"keyring\"\ncheck = \"\"").code, Code::Damaged);
        assert_eq!(parse("v = 2\nsomething = \"else\"").code, Code::NewerStore);
        let greedy = "v = 1\nprotection = \"passphrase\"\ncheck = \"\"\n[argon2id]\nmemory_kib = 4000000000\npasses = 3\nlanes = 1\nsalt = \"00000000000000000000000000000000\"";
        assert_eq!(parse(greedy).code, Code::Damaged);
    }

    #[cfg(unix)]
    #[test]
    fn a_key_file_that_others_may_read_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let (_home, profile, _) = profile_with(Wish::File);
        let path = profile.dir().join(file::NAME);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        let error = KeyHeader::read(&profile).unwrap().unlock(&profile, None).unwrap_err();
        assert_eq!(error.code, Code::Config);
        assert!(error.remedy.unwrap().contains("chmod 600"));
    }
}
