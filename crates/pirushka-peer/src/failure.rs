//! What went wrong, why, and what to do about it: the one error that people and programs get to see.

use std::fmt;
use std::process::ExitCode;

use serde::Deserialize as _;

use crate::config::Fault;

/// What an exit code means; the same numbers as the `pirushka` program's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Something that nobody thought of.
    Unexpected = 1,
    /// The command line makes no sense.
    Usage = 2,
    /// The configuration or the key is wrong, or the address cannot be listened on.
    Configuration = 3,
    /// Nothing answers.
    Network = 5,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// One failure, complete: a stable code for programs, three sentences for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Never changes once published, for example `config.unknown_key`.
    pub code: &'static str,
    /// What the process ends with.
    pub exit: Exit,
    /// What happened.
    pub what: String,
    /// Why.
    pub cause: String,
    /// What to do, with the command where there is one.
    pub remedy: String,
    /// Of a configuration that is not valid: its faults one by one, for programs. `cause` says the same.
    pub faults: Vec<Fault>,
}

impl Failure {
    pub(crate) fn new(
        code: &'static str,
        exit: Exit,
        what: impl Into<String>,
        cause: impl fmt::Display,
        remedy: impl Into<String>,
    ) -> Self {
        let (what, cause, remedy) = (what.into(), cause.to_string(), remedy.into());
        Self { code, exit, what, cause, remedy, faults: Vec::new() }
    }

    /// A failure of the configuration, the key or the socket.
    pub(crate) fn configuration(
        code: &'static str,
        what: impl Into<String>,
        cause: impl fmt::Display,
        remedy: impl Into<String>,
    ) -> Self {
        Self::new(code, Exit::Configuration, what, cause, remedy)
    }

    /// A failure that nobody thought of.
    pub(crate) fn unexpected(what: impl Into<String>, cause: impl fmt::Display) -> Self {
        let remedy = "try again; if it happens again, it is worth a bug report";
        Self::new("unexpected", Exit::Unexpected, what, cause, remedy)
    }

    /// Reads [`Self::to_json`]; `None` if it is no failure.
    pub(crate) fn from_json(json: &serde_json::Value) -> Option<Self> {
        let text = |field: &str| json.get(field)?.as_str().map(ToOwned::to_owned);
        let exit = match json.get("exit")?.as_u64()? {
            2 => Exit::Usage,
            3 => Exit::Configuration,
            5 => Exit::Network,
            _ => Exit::Unexpected,
        };
        if text("event")? != "error" {
            return None;
        }
        // One per process, which ends with it.
        let code = text("code")?.leak();
        let faults = json.get("faults").and_then(|faults| Vec::deserialize(faults).ok()).unwrap_or_default();
        Some(Self { faults, ..Self::new(code, exit, text("what")?, text("cause")?, text("remedy")?) })
    }

    /// As one line for programs.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        let Self { code, exit, what, cause, remedy, faults } = self;
        let mut json = serde_json::json!({
            "v": 1, "event": "error", "code": code, "exit": *exit as u8, "what": what, "cause": cause, "remedy": remedy,
        });
        if !faults.is_empty() {
            json["faults"] = faults.iter().map(Fault::to_json).collect();
        }
        json
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { code: _, exit: _, what, cause, remedy, faults: _ } = self;
        write!(f, "error:  {what}\ncause:  {cause}\nremedy: {remedy}")
    }
}

impl std::error::Error for Failure {}
