//! Questions, only ever to a person at a terminal.

use std::io::{BufRead as _, IsTerminal as _, Write as _};

use crate::fault::{Exit, Fault, Outcome};
use crate::lang;

/// Whether somebody sits in front of it.
#[must_use]
pub fn somebody_is_there() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

/// Goes on only if `yes` was given or a person says so.
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
#[must_use]
pub fn agrees(question: &str) -> bool {
    let answer = line(&format!("{question} [{}] ", lang::text("ui.yes_no", &[])));
    matches!(answer.to_lowercase().as_str(), "y" | "yes" | "д" | "да")
}

fn line(prompt: &str) -> String {
    let _ = write!(anstream::stderr(), "{prompt}");
    let mut answer = String::new();
    let _ = std::io::stdin().lock().read_line(&mut answer);
    answer.trim().to_owned()
}

/// A new passphrase, typed twice.
///
/// # Errors
/// Nobody is there, they differ, or it is empty.
pub fn new_passphrase() -> Outcome<String> {
    let first = passphrase("ui.new_passphrase")?;
    if first.is_empty() {
        return Err(Fault::new(Exit::Profile, "fault.empty_passphrase", &[]));
    }
    if first != passphrase("ui.passphrase_again")? {
        return Err(Fault::new(Exit::Profile, "fault.passphrases_differ", &[]));
    }
    Ok(first)
}

/// The passphrase of the profile.
///
/// # Errors
/// Nobody is there.
pub fn known_passphrase() -> Outcome<String> {
    passphrase("ui.passphrase")
}

fn passphrase(key: &str) -> Outcome<String> {
    if !somebody_is_there() {
        return Err(Fault::new(Exit::Profile, "fault.passphrase_needed", &[]));
    }
    rpassword::prompt_password(lang::text(key, &[])).map_err(Fault::unexpected)
}
