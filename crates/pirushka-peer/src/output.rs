//! Where words go: data to stdout, advice to stderr, and nothing breaks when nobody reads.

use std::io::{ErrorKind, IsTerminal, Write};
use std::sync::OnceLock;

use owo_colors::OwoColorize;

use crate::failure::{Exit, Failure};

/// Why some of the data was not written. Only that of a reader who stopped reading does not count.
static LOST: OnceLock<String> = OnceLock::new();

/// A line of data.
pub(crate) fn data(line: impl std::fmt::Display) {
    let mut out = std::io::stdout().lock();
    note(writeln!(out, "{line}").and_then(|()| out.flush()));
}

/// A line of data in colours, which are taken off where they would not be seen.
pub(crate) fn styled(line: impl std::fmt::Display) {
    let mut out = anstream::stdout().lock();
    note(writeln!(out, "{line}").and_then(|()| out.flush()));
}

/// Lost output is no reason to stop serving, so it is only remembered.
fn note(written: std::io::Result<()>) {
    if let Err(error) = written.or_else(|error| if error.kind() == ErrorKind::BrokenPipe { Ok(()) } else { Err(error) })
    {
        let _ = LOST.set(error.to_string());
    }
}

/// What a command that was there for its output has to say when not all of it was written.
pub(crate) fn lost() -> Option<Failure> {
    let cause = LOST.get()?;
    let remedy = "make room, or write somewhere else, and ask again";
    Some(Failure::new("output.lost", Exit::Unexpected, "the output could not be written", cause, remedy))
}

/// A line of advice.
pub(crate) fn advice(line: impl std::fmt::Display) {
    let _ = writeln!(anstream::stderr().lock(), "{line}");
}

/// Something that works less well than it could.
pub(crate) fn warning(line: impl std::fmt::Display) {
    advice(format_args!("{} {line}", "warning:".yellow()));
}

/// A failure, for people and, with `json`, for programs.
pub(crate) fn failure(failure: &Failure, json: bool) {
    if json {
        data(failure.to_json());
        return;
    }
    let Failure { code: _, exit: _, what, cause, remedy, faults: _ } = failure;
    advice(format_args!("{} {what}", "error: ".red()));
    advice(format_args!("cause:  {cause}\nremedy: {remedy}"));
}

/// Whether a person reads stdout.
pub(crate) fn is_terminal() -> bool {
    std::io::stdout().is_terminal()
}
