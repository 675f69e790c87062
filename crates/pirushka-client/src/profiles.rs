//! All profiles of this user: which there are, and letting go of one.

use serde::{Deserialize, Serialize};

use crate::error::{Code, Error, Result};
use crate::handle::Handle;
use crate::init::{sweep, sync};
use crate::key::KeyHeader;
use crate::lock::ProfileLock;
use crate::profile::Profile;

/// A profile in the list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProfileView {
    #[allow(missing_docs)]
    pub name: String,
    /// How its key is kept: `keyring`, `file` or `passphrase`; nothing where the header cannot be read.
    pub protection: Option<String>,
    /// Whether an engine has it open.
    pub running: bool,
    /// Whether commands use it when none is named.
    pub chosen: bool,
}

/// All profiles beside `chosen`, by name. Opens none of them.
///
/// # Errors
/// The directory cannot be read.
pub async fn list(chosen: &Profile) -> Result<Vec<ProfileView>> {
    let mut names = Vec::new();
    match std::fs::read_dir(chosen.root()) {
        Ok(entries) => names.extend(entries.flatten().filter_map(|entry| entry.file_name().into_string().ok())),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
        Err(e) => return Err(Error::io(Code::Config, format_args!("reading {}", chosen.root().display()), &e)),
    }
    names.sort();
    let mut found = Vec::new();
    for name in names {
        // What is being made, or was moved aside, has a name that no profile can have.
        let Ok(profile) = Profile::resolve(Some(&name)) else { continue };
        if !profile.exists() {
            continue;
        }
        found.push(ProfileView {
            protection: KeyHeader::read(&profile).ok().map(|header| header.kind().name().to_owned()),
            running: matches!(Handle::join(&profile).await, Ok(Some(_))),
            chosen: name == chosen.name(),
            name,
        });
    }
    Ok(found)
}

/// Deletes a profile for good. No engine may run.
///
/// # Errors
/// [`Code::NoProfile`], [`Code::ProfileLocked`], [`Code::NotWritable`].
pub fn remove(profile: &Profile) -> Result<()> {
    // Of one whose removal was broken off, too.
    sweep(profile.root());
    if !profile.dir().exists() {
        profile.must_exist()?;
    }
    let lock = ProfileLock::take(profile)?;
    let failed = |e| Error::io(Code::Config, format_args!("removing {}", profile.dir().display()), &e);
    // First the name goes, in one step: a removal that is broken off leaves no half profile behind.
    let gone = profile.root().join(format!(".gone-{}-{}", profile.name(), std::process::id()));
    std::fs::rename(profile.dir(), &gone).and_then(|()| sync(profile.root())).map_err(failed)?;
    drop(lock);
    std::fs::remove_dir_all(&gone).map_err(failed)
}
