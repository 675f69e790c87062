//! `completions`, `man`, `version`: what the program says about itself.

use std::path::Path;

use crate::args;
use crate::fault::{Fault, Outcome};
use crate::lang;
use crate::out::Out;

/// Prints the completions for `shell`.
pub fn completions(out: Out, shell: clap_complete::Shell) {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut args::command(), "pirushka", &mut script);
    out.file("completions", &String::from_utf8_lossy(&script));
}

/// Prints the main manual page, or writes all of them into `folder`.
///
/// # Errors
/// The folder cannot be written to.
pub fn man(out: Out, folder: Option<&Path>) -> Outcome {
    let Some(folder) = folder else {
        let mut page = Vec::new();
        clap_mangen::Man::new(args::command()).render(&mut page).map_err(Fault::unexpected)?;
        out.file("man", &String::from_utf8_lossy(&page));
        return Ok(());
    };
    let failed = |error: std::io::Error| crate::files::cannot_write(folder, &error);
    std::fs::create_dir_all(folder).map_err(failed)?;
    clap_mangen::generate_to(args::command(), folder).map_err(failed)?;
    let shown = folder.display().to_string();
    let fields = serde_json::json!({ "folder": shown });
    out.record_or_say("man", &fields, || lang::text("man.written", &[("path", &shown)]));
    Ok(())
}

/// Prints the version of the program.
pub fn version(out: Out) {
    let version = env!("CARGO_PKG_VERSION");
    if out.json {
        out.record("version", &serde_json::json!({ "version": version }));
    } else {
        out.say(format!("pirushka {version}"));
    }
}
