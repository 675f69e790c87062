//! The command line of Pirushka: arguments in, lines out, and nothing that a library could do.
//!
//! A command is parsed ([`args`]), carried out by the engine of the profile (`pirushka_client::Handle`), and its result
//! is printed ([`out`]) in the language of the person ([`lang`]) or as JSON. What goes wrong is a [`fault::Fault`]:
//! what happened, why, and the command that mends it. No command asks anything unless a person sits at a terminal.
//!
//! [`demo`] is a person's first five minutes in twenty seconds: two peers and two people as processes of their own.

pub mod args;
pub mod ask;
pub mod fault;
pub mod lang;
pub mod out;
pub mod usage;

mod commands {
    pub(crate) mod paper;
}

use std::ffi::OsString;
use std::process::ExitCode;

use clap::FromArgMatches as _;

use args::{Cli, Command};
use fault::{Fault, Outcome};
use lang::Lang;
use out::Out;

/// Runs the program with these arguments (the first is its own name) and says how it ended.
pub fn main_from_args(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    lang::set(asked_language(&arguments).unwrap_or_else(lang::from_environment));
    let json = arguments.iter().take_while(|argument| *argument != "--").any(|argument| argument == "--json");
    match parse(&arguments) {
        Ok(Some(cli)) => finish(json, run(cli)),
        Ok(None) => ExitCode::SUCCESS,
        Err(fault) => finish(json, Err(fault)),
    }
}

fn finish(json: bool, outcome: Outcome) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            fault.print(json);
            ExitCode::from(fault.exit as u8)
        }
    }
}

/// The parsed command line; `None` if it only asked for help, which is printed.
fn parse(arguments: &[OsString]) -> Outcome<Option<Cli>> {
    let parsed = args::command().try_get_matches_from(arguments).and_then(|matches| Cli::from_arg_matches(&matches));
    match parsed {
        Ok(cli) => Ok(Some(cli)),
        Err(error) => match usage::explain(&error) {
            Some(fault) => Err(fault),
            None => {
                let _ = error.print();
                Ok(None)
            }
        },
    }
}

/// `--lang` is needed before the arguments are parsed, since help and usage errors are in that language too.
fn asked_language(arguments: &[OsString]) -> Option<Lang> {
    let mut words = arguments.iter().filter_map(|word| word.to_str()).take_while(|word| *word != "--");
    let value = words.find_map(|word| match word.strip_prefix("--lang") {
        Some("") => Some(None),
        Some(rest) => rest.strip_prefix('=').map(Some),
        None => None,
    })?;
    let value = value.or_else(|| words.next())?;
    clap::ValueEnum::from_str(value, true).ok()
}

fn run(cli: Cli) -> Outcome {
    let out = Out { json: cli.global.json };
    match cli.command {
        Some(Command::Completions { shell }) => {
            commands::paper::completions(shell);
            Ok(())
        }
        Some(Command::Man { dir }) => commands::paper::man(out, dir.as_deref()),
        Some(Command::Version) => {
            commands::paper::version(out);
            Ok(())
        }
        _ => Err(Fault::unexpected("not wired yet")),
    }
}
