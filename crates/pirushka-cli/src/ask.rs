//! Questions, only ever to a person at a terminal.

use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::path::Path;

use zeroize::Zeroizing;

use crate::fault::{Exit, Fault, Outcome};
use crate::lang;
use crate::trouble::reason;

/// Whether somebody sits in front of it.
#[must_use]
pub fn somebody_is_there() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

/// Goes on only if `yes` was given or a person says so; `command` is what says yes at once.
///
/// # Errors
/// Nobody is there to be asked, or the person said no.
pub fn sure(yes: bool, question: &str, command: &str) -> Outcome {
    if yes {
        return Ok(());
    }
    if !somebody_is_there() {
        return Err(Fault::new(Exit::Usage, "fault.not_confirmed", &[("command", command)]));
    }
    if agrees(question) { Ok(()) } else { Err(Fault::new(Exit::Refused, "fault.said_no", &[])) }
}

/// Asks a yes-or-no question. Anything but yes is no.
fn agrees(question: &str) -> bool {
    let _ = write!(anstream::stderr(), "{question} [{}] ", lang::text("ui.yes_no", &[]));
    let mut answer = String::new();
    let _ = std::io::stdin().lock().read_line(&mut answer);
    matches!(answer.trim().to_lowercase().as_str(), "y" | "yes" | "д" | "да")
}

/// Asks for a passphrase without showing it; `key` names the prompt.
///
/// # Errors
/// The terminal went away.
pub fn passphrase(key: &str) -> std::io::Result<Zeroizing<String>> {
    rpassword::prompt_password(lang::text(key, &[])).map(Zeroizing::new)
}

/// A new passphrase, typed twice; `command` is what does the same without a terminal.
///
/// # Errors
/// Nobody is there, they differ, or it is empty.
pub fn new_passphrase(command: &str) -> Outcome<Zeroizing<String>> {
    if !somebody_is_there() {
        return Err(Fault::new(Exit::Config, "fault.no_terminal", &[("command", command)]));
    }
    let first = checked(passphrase("ui.new_passphrase").map_err(Fault::unexpected)?)?;
    let again = passphrase("ui.passphrase_again").map_err(Fault::unexpected)?;
    if first == again { Ok(first) } else { Err(Fault::new(Exit::Profile, "fault.passphrases_differ", &[])) }
}

/// Refuses an empty passphrase.
///
/// # Errors
/// It is empty.
pub fn checked(passphrase: Zeroizing<String>) -> Outcome<Zeroizing<String>> {
    if passphrase.is_empty() { Err(Fault::new(Exit::Profile, "fault.empty_passphrase", &[])) } else { Ok(passphrase) }
}

/// A file that cannot be read.
#[must_use]
pub fn unreadable(path: &Path, error: &std::io::Error) -> Fault {
    let arguments = [("path", &*path.display().to_string()), ("reason", &*reason(&error.to_string()))];
    Fault::new(Exit::Config, "fault.cannot_read", &arguments)
}
