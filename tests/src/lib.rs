//! Helpers of the integration tests.

use std::io::Write;

/// Says that a test cannot run on this machine and why. `./test` counts these and prints them at its end.
pub fn skipped(test: &str, why: &str) {
    eprintln!("skipped: {test}: {why}");
    let Some(path) = std::env::var_os("PIRUSHKA_SKIPPED") else { return };
    let listed = std::fs::OpenOptions::new().append(true).create(true).open(path);
    // Best effort: the note above is in the test's output in any case.
    let _ = listed.and_then(|mut file| writeln!(file, "{test}: {why}"));
}
