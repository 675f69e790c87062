//! A command line that cannot be understood, explained like every other fault.

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::fault::{Exit, Fault};
use crate::lang;
use crate::out::clean;

/// What `error` says, or `None` if it is no error but a wish for help or the version.
#[must_use]
pub fn explain(error: &clap::Error, arguments: &[OsString]) -> Option<Fault> {
    let given = |kind| context(error, kind).unwrap_or_default();
    let why = match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => return None,
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand | ErrorKind::MissingSubcommand => {
            lang::text("usage.missing_verb", &[])
        }
        ErrorKind::UnknownArgument => lang::text("usage.unknown", &[("given", &given(ContextKind::InvalidArg))]),
        ErrorKind::InvalidSubcommand => {
            lang::text("usage.unknown_command", &[("given", &given(ContextKind::InvalidSubcommand))])
        }
        ErrorKind::MissingRequiredArgument => {
            lang::text("usage.missing", &[("given", &given(ContextKind::InvalidArg))])
        }
        ErrorKind::ArgumentConflict => lang::text(
            "usage.conflict",
            &[("given", &given(ContextKind::InvalidArg)), ("other", &given(ContextKind::PriorArg))],
        ),
        ErrorKind::InvalidValue if given(ContextKind::InvalidValue).is_empty() => {
            lang::text("usage.no_value", &[("name", &given(ContextKind::InvalidArg))])
        }
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => value(error, &given),
        _ => clean(error.to_string().lines().next().unwrap_or_default().trim_start_matches("error: ")),
    };
    let suggestion = context(error, ContextKind::SuggestedSubcommand)
        .or_else(|| context(error, ContextKind::SuggestedArg))
        .or_else(|| context(error, ContextKind::SuggestedValue));
    let fix = match suggestion {
        Some(suggestion) => lang::text("usage.did_you_mean", &[("suggestion", &suggestion)]),
        None => format!("{} --help", path(arguments)),
    };
    Some(Fault { code: "usage", exit: Exit::Usage, what: lang::text("usage.what", &[]), why, fix })
}

fn value(error: &clap::Error, given: &impl Fn(ContextKind) -> String) -> String {
    let reason = std::error::Error::source(error).map(|source| clean(&source.to_string()));
    let valid = given(ContextKind::ValidValue);
    let reason = match reason {
        Some(reason) => reason,
        None => lang::text("usage.one_of", &[("valid", &valid)]),
    };
    lang::text(
        "usage.value",
        &[("given", &given(ContextKind::InvalidValue)), ("name", &given(ContextKind::InvalidArg)), ("reason", &reason)],
    )
}

/// `pirushka contact add`: the commands among the arguments.
fn path(arguments: &[OsString]) -> String {
    let tree = crate::args::command();
    let mut command = &tree;
    let mut path = String::from("pirushka");
    for word in arguments.iter().skip(1).filter_map(|word| word.to_str()) {
        if let Some(sub) = command.get_subcommands().find(|sub| sub.get_name() == word) {
            command = sub;
            path = format!("{path} {word}");
        }
    }
    path
}

fn context(error: &clap::Error, kind: ContextKind) -> Option<String> {
    match error.get(kind)? {
        ContextValue::String(text) => Some(clean(text)),
        ContextValue::Strings(texts) => Some(texts.iter().map(|text| clean(text)).collect::<Vec<_>>().join(", ")),
        ContextValue::StyledStr(text) => Some(clean(&text.to_string())),
        ContextValue::Number(number) => Some(number.to_string()),
        _ => None,
    }
}
