//! Where a profile lives: its store, its key header, its lock and its engine's socket.
//!
//! | what | `PIRUSHKA_HOME` set | else |
//! |---|---|---|
//! | store, key header, lock | `$PIRUSHKA_HOME/profiles/NAME/` | `$XDG_DATA_HOME/pirushka/profiles/NAME/` |
//! | engine socket | `$PIRUSHKA_HOME/run/NAME.sock` | `$XDG_RUNTIME_DIR/pirushka/NAME.sock` |
//!
//! The name of a unix socket has at most 107 bytes. Where the path above is longer, or there is no runtime directory,
//! the socket stands in a directory of this user below the system's directory for temporary files, named by a hash.

use std::fs::{DirBuilder, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use etcetera::BaseStrategy;

use crate::error::{Code, Error, Result};

/// The profile when none is named.
pub const DEFAULT_PROFILE: &str = "default";

/// The longest path that `sockaddr_un` takes on every system we run on (macOS: 104 with its zero byte).
const SOCKET_PATH_MAX: usize = 103;

/// One profile: one identity, one store, one engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    name: String,
    root: PathBuf,
    dir: PathBuf,
    socket: PathBuf,
}

impl Profile {
    /// The profile called `name` (or [`DEFAULT_PROFILE`]), by the environment. Touches no file.
    ///
    /// # Errors
    /// [`Code::BadInput`] for a name that cannot be a profile's, [`Code::Config`] where there is no home directory.
    pub fn resolve(name: Option<&str>) -> Result<Self> {
        match std::env::var_os("PIRUSHKA_HOME").filter(|home| !home.is_empty()) {
            Some(home) => Self::at(Path::new(&home), name),
            None => Self::by_xdg(name),
        }
    }

    /// The profile called `name` with everything below the directory `home`.
    ///
    /// # Errors
    /// As [`Profile::resolve`].
    pub fn at(home: &Path, name: Option<&str>) -> Result<Self> {
        let name = checked(name)?;
        let home = std::path::absolute(home)
            .map_err(|e| Error::io(Code::Config, format_args!("PIRUSHKA_HOME ({})", home.display()), &e))?;
        let root = home.join("profiles");
        let socket = short_enough(home.join("run").join(format!("{name}.sock")));
        Ok(Self { dir: root.join(&name), root, socket, name })
    }

    fn by_xdg(name: Option<&str>) -> Result<Self> {
        let name = checked(name)?;
        let base = etcetera::choose_base_strategy().map_err(|_| {
            Error::new(Code::Config, "this user has no home directory")
                .with_remedy("set PIRUSHKA_HOME to a directory of yours")
        })?;
        let root = base.data_dir().join("pirushka").join("profiles");
        let dir = root.join(&name);
        let socket = match base.runtime_dir() {
            Some(runtime) => short_enough(runtime.join("pirushka").join(format!("{name}.sock"))),
            None => elsewhere(&dir),
        };
        Ok(Self { dir, root, socket, name })
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The directory of store, key header and lock.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The directory that holds all profiles.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The encrypted store.
    #[must_use]
    pub fn store_path(&self) -> PathBuf {
        self.dir.join("store.db")
    }

    /// What the store's key is made from; see [`crate::key`].
    #[must_use]
    pub fn key_header_path(&self) -> PathBuf {
        self.dir.join("key.toml")
    }

    /// Held by the one process that owns the store.
    #[must_use]
    pub fn lock_path(&self) -> PathBuf {
        self.dir.join("lock")
    }

    /// What the engine writes when it has no terminal.
    #[must_use]
    pub fn log_path(&self) -> PathBuf {
        self.dir.join("engine.log")
    }

    /// Where the engine listens.
    #[must_use]
    pub fn socket_path(&self) -> &Path {
        &self.socket
    }

    /// Whether `init` has been done.
    #[must_use]
    pub fn exists(&self) -> bool {
        self.key_header_path().exists()
    }

    /// A store without its key header is a profile that lost a file, not one that never was.
    pub(crate) fn must_not_lack_its_header(&self) -> Result<()> {
        // The store first: a profile comes with one rename, so whoever sees its store finds its header too.
        if !self.store_path().exists() || self.exists() {
            return Ok(());
        }
        Err(Error::new(Code::KeyMissing, format!("{} is missing beside the store", self.key_header_path().display()))
            .with_remedy(way_back(&self.key_header_path())))
    }

    /// Stops a command that needs a profile.
    ///
    /// # Errors
    /// [`Code::NoProfile`]; [`Code::KeyMissing`] when the store stands there without `key.toml`.
    pub fn must_exist(&self) -> Result<()> {
        if self.exists() {
            return Ok(());
        }
        self.must_not_lack_its_header()?;
        Err(Error::new(Code::NoProfile, format!("there is no profile \"{}\" in {}", self.name, self.root.display()))
            .with_remedy(format!("`{}` makes one", command(&self.name, "init"))))
    }
}

/// What a person types to run `verb` with the profile called `name`.
pub(crate) fn command(name: &str, verb: &str) -> String {
    if name == DEFAULT_PROFILE { format!("pirushka {verb}") } else { format!("pirushka --profile {name} {verb}") }
}

/// The profile whose directory holds `file`.
pub(crate) fn owner(file: &Path) -> &str {
    file.parent().and_then(Path::file_name).and_then(|name| name.to_str()).unwrap_or(DEFAULT_PROFILE)
}

/// What to do when `file` of a profile is gone or does not fit: nothing else that this program wrote brings it back.
pub(crate) fn way_back(file: &Path) -> String {
    let (name, shown) = (owner(file), file.file_name().unwrap_or_default().display());
    let restore = command(name, "backup restore FILE --yes");
    let (import, init) = (command(name, "id import FILE"), command(name, "init"));
    format!(
        "put {shown} back if you have a copy; else `{restore}`; without a backup `pirushka profile remove {name} --yes`, then `{import}` or `{init}`"
    )
}

pub(crate) fn checked(name: Option<&str>) -> Result<String> {
    let name = name.unwrap_or(DEFAULT_PROFILE);
    let fits = (1..=32).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_')
        && !name.starts_with('-');
    if fits {
        return Ok(name.to_owned());
    }
    let shown: String = name.chars().take(40).collect();
    Err(Error::new(
        Code::BadInput,
        format!("\"{shown}\" cannot be the name of a profile: 1 to 32 of a-z, 0-9, - and _, not beginning with -"),
    ))
}

fn short_enough(path: PathBuf) -> PathBuf {
    if path.as_os_str().len() <= SOCKET_PATH_MAX { path } else { elsewhere(&path) }
}

fn elsewhere(named_after: &Path) -> PathBuf {
    let hash = blake3::derive_key("pirushka 2026 engine socket name", named_after.as_os_str().as_encoded_bytes());
    let file = format!("{}.sock", data_encoding::HEXLOWER.encode(&hash[..10]));
    std::env::temp_dir().join(format!("pirushka-{}", user())).join(file)
}

#[cfg(unix)]
fn user() -> String {
    rustix::process::getuid().as_raw().to_string()
}

#[cfg(not(unix))]
fn user() -> String {
    "user".into()
}

/// Makes a directory and its parents; the last one for this user only (0700).
pub(crate) fn private_dir(path: &Path) -> io::Result<()> {
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent)?;
    }
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    match builder.create(path) {
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => keep_private(path),
        other => other,
    }
}

/// A directory that was there must be this user's, and becomes closed to others.
#[cfg(unix)]
fn keep_private(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    let meta = std::fs::symlink_metadata(path)?;
    if !meta.is_dir() {
        return Err(io::Error::new(io::ErrorKind::NotADirectory, "it is not a directory"));
    }
    if meta.uid() != rustix::process::getuid().as_raw() {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, "it belongs to another user"));
    }
    if meta.permissions().mode() & 0o077 != 0 {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o700))?;
    }
    Ok(())
}

#[cfg(not(unix))]
fn keep_private(_: &Path) -> io::Result<()> {
    Ok(())
}

/// How to open a file that only this user may read (0600 when it is made).
pub(crate) fn private_file() -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_home_holds_everything_of_a_profile() {
        let profile = Profile::at(Path::new("/h"), Some("bob")).unwrap();
        assert_eq!(profile.store_path(), Path::new("/h/profiles/bob/store.db"));
        assert_eq!(profile.socket_path(), Path::new("/h/run/bob.sock"));
    }

    #[test]
    fn a_long_home_moves_the_socket_where_its_name_fits() {
        let long = PathBuf::from(format!("/{}", "x".repeat(120)));
        let profile = Profile::at(&long, None).unwrap();
        assert!(profile.socket_path().as_os_str().len() <= SOCKET_PATH_MAX);
        let other = Profile::at(&long.join("y"), None).unwrap();
        assert_ne!(profile.socket_path(), other.socket_path());
    }

    #[test]
    fn names_that_would_leave_the_directory_are_refused() {
        for bad in ["", "..", "a/b", "A", "-x", "a b", "\u{0}", &"x".repeat(33)] {
            assert_eq!(Profile::at(Path::new("/h"), Some(bad)).unwrap_err().code, Code::BadInput, "{bad:?}");
        }
    }

    #[test]
    fn a_store_whose_key_header_is_gone_is_no_missing_profile() {
        let temp = tempfile::tempdir().unwrap();
        let profile = Profile::at(temp.path(), None).unwrap();
        assert_eq!(profile.must_exist().unwrap_err().code, Code::NoProfile);
        private_dir(profile.dir()).unwrap();
        std::fs::write(profile.store_path(), b"x").unwrap();
        let error = profile.must_exist().unwrap_err();
        assert_eq!(error.code, Code::KeyMissing);
        assert!(error.message.contains("key.toml"));
    }

    #[cfg(unix)]
    #[test]
    fn a_directory_open_to_others_is_closed() {
        use std::os::unix::fs::PermissionsExt;
        let temp = tempfile::tempdir().unwrap();
        let dir = temp.path().join("a/b");
        std::fs::create_dir_all(&dir).unwrap();
        std::fs::set_permissions(&dir, std::fs::Permissions::from_mode(0o755)).unwrap();
        private_dir(&dir).unwrap();
        assert_eq!(std::fs::metadata(&dir).unwrap().permissions().mode() & 0o777, 0o700);
    }
}
