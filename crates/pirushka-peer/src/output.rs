//! Where words go: data to stdout, advice to stderr, and nothing breaks when nobody reads.

use std::io::{IsTerminal, Write};

use owo_colors::OwoColorize;

use crate::failure::Failure;

/// A line of data.
pub(crate) fn data(line: impl std::fmt::Display) {
    let mut out = std::io::stdout().lock();
    // Whoever started us may have stopped reading; that is no reason to stop serving.
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// A line of data in colours, which are taken off where they would not be seen.
pub(crate) fn styled(line: impl std::fmt::Display) {
    let _ = writeln!(anstream::stdout().lock(), "{line}");
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
