//! What went wrong, why, and the command that mends it; and the exit code that goes with it.

use std::io::Write as _;

use owo_colors::OwoColorize as _;

use crate::lang;

/// How this process ends (design: the exit codes of the command line).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// A fault of the program or of the system.
    Unexpected = 1,
    /// The command line is wrong.
    Usage = 2,
    /// Configuration, or an address that cannot be bound.
    Config = 3,
    /// The profile is missing, locked or damaged, or the passphrase is wrong.
    Profile = 4,
    /// The network, and which part of it.
    Network = 5,
    /// Quota, blocked, closed.
    Refused = 6,
    /// The wait ran out; the message is safe in the outbox.
    WaitRanOut = 7,
    /// Something that may be an attack.
    Security = 8,
    /// No such contact or message.
    NotFound = 9,
    /// Ctrl-C.
    Interrupted = 130,
}

/// An error as a person meets it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// A stable word for programs, such as `no_such_contact`.
    pub code: &'static str,
    #[allow(missing_docs)]
    pub exit: Exit,
    /// What happened.
    pub what: String,
    /// Why.
    pub why: String,
    /// What to do about it: a command where there is one.
    pub fix: String,
}

/// What every command returns.
pub type Outcome<T = ()> = Result<T, Fault>;

impl Fault {
    /// The fault `key` (`fault.<code>`) of the catalogue, with `arguments` filled into its three sentences.
    #[must_use]
    pub fn new(exit: Exit, key: &'static str, arguments: &[(&str, &str)]) -> Self {
        let part = |part: &str| lang::text(&format!("{key}.{part}"), arguments);
        let code = key.strip_prefix("fault.").unwrap_or(key);
        Self { code, exit, what: part("what"), why: part("why"), fix: part("fix") }
    }

    /// Something that the program did not foresee, in the words of whoever met it.
    #[must_use]
    pub fn unexpected(reason: impl std::fmt::Display) -> Self {
        Self::new(Exit::Unexpected, "fault.unexpected", &[("reason", &crate::out::clean(&reason.to_string()))])
    }

    /// stdout takes nothing any more, and not because its reader left.
    #[must_use]
    pub fn cannot_print(error: &std::io::Error) -> Self {
        Self::new(Exit::Unexpected, "fault.cannot_print", &[("reason", &error.to_string())])
    }

    /// Prints it on stderr: three lines for people, one object for programs.
    pub fn print(&self, json: bool) {
        let mut stderr = anstream::stderr();
        let _ = if json {
            let fields = serde_json::json!({
                "code": self.code, "exit": self.exit as u8, "what": self.what, "why": self.why, "fix": self.fix,
            });
            writeln!(stderr, "{}", crate::out::record("error", &fields))
        } else {
            let heading = lang::text("ui.error", &[]);
            write!(stderr, "{} {}\n  {}\n", heading.red().bold(), self.what, self.why).and_then(|()| {
                self.fix.lines().try_for_each(|line| writeln!(stderr, "  {} {}", "→".green().bold(), line))
            })
        };
    }
}
