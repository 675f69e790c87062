//! `pirushkad doctor`: what keeps a peer from serving well, each cause with its remedy.
//!
//! `probe.rs` looks at the machine and gathers [`Facts`]; the judges in `judge/` are functions from facts to a
//! [`Finding`] and look at nothing, so that every cause has a test with made-up facts.
//!
//! | file | idea |
//! |---|---|
//! | `probe.rs`, `system.rs` | facts: of files and sockets; of the system |
//! | `knock.rs` | a real handshake at an address |
//! | `names.rs` | what the DNS says of a host |
//! | `judge/` | one file for each thing that can be wrong |

mod judge;
mod knock;
mod names;
mod probe;
mod system;

use std::fmt;

use owo_colors::OwoColorize;

pub(crate) use judge::findings;
pub(crate) use probe::probe;

/// How a check came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// As it should be.
    Fine,
    /// It serves, less well or less safely than it could.
    Warning,
    /// It does not serve, or not for long, or not safely.
    Problem,
    /// The question makes no sense here, or nobody can tell.
    NotApplicable,
}

impl Verdict {
    /// The name for programs.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Fine => "ok",
            Self::Warning => "warning",
            Self::Problem => "problem",
            Self::NotApplicable => "not_applicable",
        }
    }
}

/// What one check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    /// Which check; a stable name.
    pub(crate) check: &'static str,
    /// How it came out.
    pub(crate) verdict: Verdict,
    /// What is so.
    pub(crate) what: String,
    /// Why that matters; empty when it is fine.
    pub(crate) why: String,
    /// What to do; empty when there is nothing to do.
    pub(crate) fix: String,
}

impl Finding {
    fn fine(check: &'static str, what: impl Into<String>) -> Self {
        Self { check, verdict: Verdict::Fine, what: what.into(), why: String::new(), fix: String::new() }
    }

    fn not_applicable(check: &'static str, what: impl Into<String>) -> Self {
        Self { verdict: Verdict::NotApplicable, ..Self::fine(check, what) }
    }

    fn warning(check: &'static str, what: impl Into<String>, why: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { check, verdict: Verdict::Warning, what: what.into(), why: why.into(), fix: fix.into() }
    }

    fn problem(check: &'static str, what: impl Into<String>, why: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { verdict: Verdict::Problem, ..Self::warning(check, what, why, fix) }
    }

    /// As one line for programs.
    pub(crate) fn to_json(&self) -> serde_json::Value {
        let Self { check, verdict, what, why, fix } = self;
        serde_json::json!({
            "v": 1, "event": "check", "check": check, "verdict": verdict.name(), "what": what, "why": why, "fix": fix,
        })
    }
}

/// For people; colours are taken off by the stream where nobody wants them.
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { check, verdict, what, why, fix } = self;
        match verdict {
            Verdict::Fine => write!(f, "{:<8}", "ok".green())?,
            Verdict::Warning => write!(f, "{:<8}", "warning".yellow())?,
            Verdict::Problem => write!(f, "{:<8}", "problem".red())?,
            Verdict::NotApplicable => write!(f, "{:<8}", "-")?,
        }
        write!(f, " {check:<14} {what}")?;
        for (title, text) in [("why", why), ("do", fix)] {
            for (number, line) in text.lines().enumerate() {
                let title = if number == 0 { title } else { "" };
                write!(f, "\n         {title:>14} {line}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_says_what_why_and_what_to_do() {
        let finding = Finding::problem("port", "it is taken", "by another", "stop it\nor move");
        let shown = anstream::adapter::strip_str(&finding.to_string()).to_string();
        insta::assert_snapshot!(shown, @r"
        problem  port           it is taken
                            why by another
                             do stop it
                                or move
        ");
        assert_eq!(finding.to_json()["verdict"], "problem");
        assert_eq!(Finding::fine("x", "good").to_string().lines().count(), 1);
    }
}
