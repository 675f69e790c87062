//! What a process that was killed has left half made or half removed, and how the next one knows that nobody works on it.
//!
//! Who makes something holds the system's lock on it until it has its name. The lock goes away with the process, so that
//! whatever can be locked is rubbish.

use std::fs::File;
use std::path::Path;

/// Locks what is being made: a file, or a folder where the system can lock those.
pub(crate) fn hold(path: &Path) -> Option<File> {
    let file = File::open(path).ok()?;
    file.try_lock().ok()?;
    Some(file)
}

/// Removes from `folder` what `is_ours` knows by its name and nobody holds.
pub(crate) fn sweep(folder: &Path, is_ours: impl Fn(&str) -> bool) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if !entry.file_name().to_str().is_some_and(&is_ours) || path.is_symlink() {
            continue;
        }
        let Some(_held) = hold(&path) else { continue };
        // What cannot be removed is met again the next time.
        let _ = if path.is_dir() { std::fs::remove_dir_all(&path) } else { std::fs::remove_file(&path) };
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn what_somebody_holds_stays_and_what_nobody_holds_goes() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for name in [".new-held", ".new-left", "kept"] {
            std::fs::create_dir(at(name)).unwrap();
            std::fs::write(at(name).join("file"), "x").unwrap();
        }
        std::os::unix::fs::symlink(at("kept"), at(".new-link")).unwrap();
        let held = hold(&at(".new-held")).unwrap();
        sweep(folder.path(), |name| name.starts_with(".new-"));
        assert!(at(".new-held/file").exists() && !at(".new-left").exists());
        assert!(at("kept/file").exists() && at(".new-link").exists());
        drop(held);
        sweep(folder.path(), |name| name.starts_with(".new-"));
        assert!(!at(".new-held").exists());
    }
}
