//! `pirushkad status`: what the running peer holds and has done.

use std::io;
use std::path::Path;

use crate::cli::data_dir;
use crate::config::Config;
use crate::control;
use crate::failure::{Exit, Failure};
use crate::status::Status;
use crate::{operator, output};

/// The code of a failure that means: there is no peer.
pub(super) const NOBODY_ANSWERS: &str = "status.nobody_answers";

/// Prints the running peer's totals.
pub(crate) fn status(config: &Config, json: bool) -> Result<(), Failure> {
    let status = running(&data_dir(config)?)?;
    if json {
        let line = serde_json::to_string(&status).map_err(|error| Failure::unexpected("cannot write JSON", error))?;
        output::data(line);
    } else {
        output::data(&status);
    }
    Ok(())
}

/// What the peer that runs with this data folder says.
pub(crate) fn running(data_dir: &Path) -> Result<Status, Failure> {
    ask(data_dir, "status")
}

/// The answer of the peer that runs with this data folder; if it refuses, its own words why.
pub(crate) fn ask<T: serde::de::DeserializeOwned>(data_dir: &Path, question: &str) -> Result<T, Failure> {
    let answer = control::ask(&control::socket_path(data_dir), question).map_err(|error| nobody(data_dir, &error))?;
    if let Some(failure) = serde_json::from_str(&answer).ok().as_ref().and_then(Failure::from_json) {
        return Err(failure);
    }
    serde_json::from_str(&answer).map_err(|error| {
        let remedy = "ask again; if the program was updated meanwhile, restart the peer";
        let what = "the running peer's answer is not understood";
        Failure::new("status.not_understood", Exit::Network, what, error, remedy)
    })
}

fn nobody(data_dir: &Path, error: &io::Error) -> Failure {
    if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) {
        return operator::busy();
    }
    if error.kind() == io::ErrorKind::PermissionDenied {
        let what = format!("nobody answers in {}", data_dir.display());
        let cause = "the folder or the peer belongs to another user";
        let remedy = "ask as that user (sudo -u pirushkad pirushkad status), or as root";
        return Failure::new(NOBODY_ANSWERS, Exit::Network, what, cause, remedy);
    }
    let cause = match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => "no peer runs with this data folder".into(),
        io::ErrorKind::Unsupported => "this system has no unix sockets".into(),
        _ => error.to_string(),
    };
    Failure::new(
        NOBODY_ANSWERS,
        Exit::Network,
        format!("nobody answers in {}", data_dir.display()),
        cause,
        "start the peer (pirushkad), or name its folder: pirushkad status --data-dir DIR",
    )
}
