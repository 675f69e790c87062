//! The engine: the one process that owns a profile, and how faces find it.

pub mod protocol;

use crate::error::{Code, Error, Result};
use crate::handle::AskPassphrase;
use crate::profile::Profile;

/// Runs the engine of `profile` in this process until it is stopped (`engine stop`, SIGTERM, SIGINT).
///
/// # Errors
/// As [`crate::Handle::join_or_start`].
pub async fn run(profile: &Profile, passphrase: Option<AskPassphrase>) -> Result<()> {
    let _ = (profile, passphrase);
    Err(Error::new(Code::Unexpected, "not finished yet"))
}

/// What the hidden command `engine run --background` does: takes the passphrase from stdin, leaves the terminal, tells
/// its parent on stdout that it is ready or why not, and runs until it has been idle for ten minutes.
///
/// # Errors
/// As [`run`]; the parent has been told already.
pub async fn run_in_background(profile: &Profile) -> Result<()> {
    let _ = profile;
    Err(Error::new(Code::Unexpected, "not finished yet"))
}
