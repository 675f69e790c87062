//! The key file: the only thing that a peer ever keeps on disk.
//!
//! Layout, two lines of text: `secret = ` and 64 hexadecimal digits, `peer = ` and the base32 PeerId that belongs to it.
//! The second line is what tells a damaged file from a good one, since any 32 bytes are a secret key. The file is made
//! at the first start, complete or not at all, and never written again.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER_PERMISSIVE;
use pirushka_peer_core::PeerKey;
use zeroize::Zeroizing;

use crate::failure::Failure;
use crate::regular;

/// Name of the key file in the data folder.
pub const KEY_NAME: &str = "key";
/// More than the layout needs, little enough to be read blindly.
const FILE_MAX: u64 = 1024;

/// The key, read or just made.
#[derive(Debug)]
pub(crate) struct KeyFile {
    /// The key.
    pub(crate) key: PeerKey,
    /// Where it is.
    pub(crate) path: PathBuf,
    /// Whether it was made just now.
    pub(crate) is_new: bool,
}

/// Reads the key of `data_dir`; makes folder and key when there are none.
///
/// # Errors
/// A damaged file, one that others can read, a folder that others can write to, or what the system says. Whatever is
/// there is left as it is.
pub(crate) fn read_or_create(data_dir: &Path) -> Result<KeyFile, Failure> {
    create_folder(data_dir)?;
    let path = data_dir.join(KEY_NAME);
    let mut is_new = false;
    if !exists(&path)? {
        is_new = create(data_dir, &path).map_err(|error| refused("key.not_created", &path, "create", &error))?;
    }
    let key = read(&path)?;
    Ok(KeyFile { key, path, is_new })
}

fn exists(path: &Path) -> Result<bool, Failure> {
    // A link that leads nowhere exists, and is not replaced.
    match path.symlink_metadata() {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(refused("key.unreadable", path, "read", &error)),
    }
}

fn create_folder(dir: &Path) -> Result<(), Failure> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(dir).map_err(|error| {
        let is_no_folder = error.kind() == io::ErrorKind::AlreadyExists;
        let cause = if is_no_folder { "it is there and no folder".to_owned() } else { error.to_string() };
        Failure::configuration(
            "data_dir.not_created",
            format!("cannot use the data folder {}", dir.display()),
            cause,
            "name a folder that this user may write to: pirushkad --data-dir DIR",
        )
    })?;
    check_folder(dir)
}

#[cfg(unix)]
fn check_folder(dir: &Path) -> Result<(), Failure> {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    let metadata = std::fs::metadata(dir).map_err(|error| refused("data_dir.unreadable", dir, "read", &error))?;
    let owner = metadata.uid();
    if owner != 0 && owner != rustix::process::geteuid().as_raw() {
        return Err(Failure::configuration(
            "data_dir.owned_by_another",
            format!("the data folder {} is not safe", dir.display()),
            format!("it belongs to another user (number {owner}), who could replace the key"),
            "start as the user who owns the data folder, or name another one: pirushkad --data-dir DIR",
        ));
    }
    let mode = metadata.permissions().mode() & 0o7777;
    if mode & 0o022 == 0 {
        return Ok(());
    }
    Err(Failure::configuration(
        "data_dir.writable_by_others",
        format!("the data folder {} is not safe", dir.display()),
        format!("others may write to it (mode {mode:04o}) and could replace the key"),
        remedy_for_wide(dir, mode),
    ))
}

/// What to do about a folder that others may write to. One with the sticky bit, as /tmp is, is meant for everybody.
pub(crate) fn remedy_for_wide(dir: &Path, mode: u32) -> String {
    match mode & 0o1000 {
        0 => format!("chmod go-w {}", dir.display()),
        _ => format!("take a folder below it: pirushkad --data-dir {}", dir.join("pirushkad").display()),
    }
}

#[cfg(not(unix))]
fn check_folder(_: &Path) -> Result<(), Failure> {
    Ok(())
}

/// Writes a new key beside the place, then puts it there whole. `false`: somebody else was faster.
fn create(dir: &Path, path: &Path) -> io::Result<bool> {
    let mut seed = Zeroizing::new([0; 32]);
    getrandom::fill(seed.as_mut()).map_err(io::Error::other)?;
    let mut unique = [0; 8];
    getrandom::fill(&mut unique).map_err(io::Error::other)?;
    let beside = dir.join(format!(".{KEY_NAME}.{}", HEXLOWER_PERMISSIVE.encode(&unique)));
    let written = write(&beside, &PeerKey::generate(*seed)).and_then(|()| publish(&beside, path));
    let _ = std::fs::remove_file(&beside);
    let is_ours = written?;
    // The folder's entry as well, where the system can do that.
    let _ = File::open(dir).and_then(|dir| dir.sync_all());
    Ok(is_ours)
}

fn write(path: &Path, key: &PeerKey) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    let hex = Zeroizing::new(HEXLOWER_PERMISSIVE.encode(key.to_bytes().as_slice()));
    let text = Zeroizing::new(format!("secret = {}\npeer = {}\n", hex.as_str(), key.peer_id()));
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// Gives the file its name unless the name is taken.
fn publish(beside: &Path, path: &Path) -> io::Result<bool> {
    match std::fs::hard_link(beside, path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        // File systems without hard links; two first starts at the same moment are then the operator's risk.
        Err(_) if !path.exists() => std::fs::rename(beside, path).map(|()| true),
        Err(error) => Err(error),
    }
}

/// Reads the key in `path`, which is there.
///
/// # Errors
/// As [`read_or_create`].
pub(crate) fn read(path: &Path) -> Result<PeerKey, Failure> {
    let unreadable = |error: io::Error| refused("key.unreadable", path, "read", &error);
    let file = regular::open(path).map_err(unreadable)?;
    check_mode(path, &file.metadata().map_err(unreadable)?)?;
    // Room for all of it at once: growing would leave pieces of the secret in freed memory.
    let mut bytes = Zeroizing::new(Vec::with_capacity(FILE_MAX as usize + 1));
    file.take(FILE_MAX).read_to_end(&mut bytes).map_err(unreadable)?;
    parse(&bytes).map_err(|fault| {
        Failure::configuration(
            "key.damaged",
            format!("the key file {} is damaged", path.display()),
            fault,
            format!(
                "put your copy of it back. Without one: mv {0} {0}.damaged and start again; the peer then has a new \
                 key, and all its users need its new address",
                path.display()
            ),
        )
    })
}

#[cfg(unix)]
fn check_mode(path: &Path, metadata: &std::fs::Metadata) -> Result<(), Failure> {
    use std::os::unix::fs::PermissionsExt;
    let mode = metadata.permissions().mode() & 0o7777;
    if mode & 0o077 == 0 {
        return Ok(());
    }
    Err(Failure::configuration(
        "key.readable_by_others",
        format!("the key file {} is not safe", path.display()),
        format!("others may read it (mode {mode:04o}), and whoever has the key can pretend to be this peer"),
        format!("chmod 600 {}", path.display()),
    ))
}

#[cfg(not(unix))]
fn check_mode(_: &Path, _: &std::fs::Metadata) -> Result<(), Failure> {
    Ok(())
}

fn parse(bytes: &[u8]) -> Result<PeerKey, &'static str> {
    let text = std::str::from_utf8(bytes).map_err(|_| "it is not text")?;
    let mut lines = text.lines();
    let hex =
        lines.next().and_then(|line| line.strip_prefix("secret = ")).ok_or("the line \"secret = ...\" is missing")?;
    let peer =
        lines.next().and_then(|line| line.strip_prefix("peer = ")).ok_or("the line \"peer = ...\" is missing")?;
    if lines.next().is_some() {
        return Err("there is more in it than two lines");
    }
    let mut secret = Zeroizing::new([0; 32]);
    if hex.len() != 64 {
        return Err("the secret does not have 64 hexadecimal digits");
    }
    HEXLOWER_PERMISSIVE
        .decode_mut(hex.as_bytes(), secret.as_mut())
        .map_err(|_| "the secret has something in it that is not a hexadecimal digit")?;
    let key = PeerKey::from_bytes(*secret);
    if key.peer_id().to_base32() != peer {
        return Err("its two lines do not belong together");
    }
    Ok(key)
}

fn refused(code: &'static str, path: &Path, verb: &str, error: &io::Error) -> Failure {
    Failure::configuration(
        code,
        format!("cannot {verb} {}", path.display()),
        error,
        "start as the user who owns the data folder, or name another one: pirushkad --data-dir DIR",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_in_the_place_of_the_folder_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        std::fs::write(&file, "x").unwrap();
        let failure = read_or_create(&file).unwrap_err();
        assert_eq!((failure.code, failure.cause.as_str()), ("data_dir.not_created", "it is there and no folder"));
    }

    #[test]
    fn the_first_start_makes_a_key_and_later_ones_find_it() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path().join("deep").join("inside");
        let first = read_or_create(&dir).unwrap();
        let second = read_or_create(&dir).unwrap();
        assert!(first.is_new && !second.is_new);
        assert_eq!(first.key.peer_id(), second.key.peer_id());
        let names: Vec<_> = std::fs::read_dir(&dir).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, [KEY_NAME]);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
            assert_eq!((mode(&dir), mode(&first.path)), (0o700, 0o600));
        }
    }

    #[test]
    fn two_first_starts_at_once_agree_on_one_key() {
        let dir = tempfile::tempdir().unwrap();
        let ids: Vec<_> = std::thread::scope(|scope| {
            let starts: Vec<_> = (0..8).map(|_| scope.spawn(|| read_or_create(dir.path()))).collect();
            starts.into_iter().map(|start| start.join().unwrap().unwrap().key.peer_id()).collect()
        });
        assert!(ids.iter().all(|id| *id == ids[0]));
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_damaged_key_is_named_and_left_as_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let good = read_or_create(dir.path()).unwrap();
        let text = std::fs::read_to_string(&good.path).unwrap();
        let flipped = if &text[9..10] == "0" {
            text.replacen("= 0", "= 1", 1)
        } else {
            format!("{}0{}", &text[..9], &text[10..])
        };
        let faults = [
            ("", "the line \"secret = ...\" is missing"),
            (&text[..40], "the line \"peer = ...\" is missing"),
            (&text[..90], "its two lines do not belong together"),
            (&flipped, "its two lines do not belong together"),
            (&text.replacen("secret = ", "secret = zz", 1), "the secret does not have 64 hexadecimal digits"),
            (&format!("{text}more\n"), "there is more in it than two lines"),
        ];
        for (damaged, cause) in faults {
            std::fs::write(&good.path, damaged).unwrap();
            let failure = read_or_create(dir.path()).unwrap_err();
            assert_eq!((failure.code, failure.cause.as_str()), ("key.damaged", cause));
            assert_eq!(std::fs::read_to_string(&good.path).unwrap(), damaged);
        }
        std::fs::write(&good.path, [0xff; 2000]).unwrap();
        assert_eq!(read_or_create(dir.path()).unwrap_err().cause, "it is not text");
    }

    #[cfg(unix)]
    #[test]
    fn a_folder_that_belongs_to_another_user_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let good = read_or_create(dir.path()).unwrap();
        if std::os::unix::fs::chown(dir.path(), Some(4321), None).is_err() {
            skipped("a folder that belongs to another user: only root can make one");
            return;
        }
        assert_eq!(read_or_create(dir.path()).unwrap_err().code, "data_dir.owned_by_another");
        std::os::unix::fs::chown(dir.path(), Some(rustix::process::geteuid().as_raw()), None).unwrap();
        assert_eq!(read_or_create(dir.path()).unwrap().key.peer_id(), good.key.peer_id());
    }

    /// Counts a test that cannot run here, where `./test` looks.
    #[cfg(unix)]
    fn skipped(what: &str) {
        eprintln!("skipped: {what}");
        if let Some(list) = std::env::var_os("PIRUSHKA_SKIPPED") {
            let mut list = OpenOptions::new().create(true).append(true).open(list).unwrap();
            writeln!(list, "{what}").unwrap();
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_key_that_others_can_read_and_a_folder_that_they_can_write_to_are_refused() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let good = read_or_create(dir.path()).unwrap();
        let chmod = |path: &Path, mode| std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
        for mode in [0o640, 0o604, 0o666] {
            chmod(&good.path, mode);
            assert_eq!(read_or_create(dir.path()).unwrap_err().code, "key.readable_by_others");
        }
        chmod(&good.path, 0o400);
        assert!(read_or_create(dir.path()).is_ok());
        chmod(dir.path(), 0o777);
        let wide = read_or_create(dir.path()).unwrap_err();
        assert_eq!(
            (wide.code, wide.remedy),
            ("data_dir.writable_by_others", format!("chmod go-w {}", dir.path().display()))
        );
        chmod(dir.path(), 0o1777);
        let shared = read_or_create(dir.path()).unwrap_err().remedy;
        assert!(shared.starts_with("take a folder below it") && shared.ends_with("/pirushkad"), "{shared}");
        chmod(dir.path(), 0o700);
        std::fs::remove_file(&good.path).unwrap();
        std::os::unix::fs::symlink("/does/not/exist", &good.path).unwrap();
        assert_eq!(read_or_create(dir.path()).unwrap_err().code, "key.unreadable");
    }
}
