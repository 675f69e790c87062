//! A command line that cannot be understood, explained like every other failure.

use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::failure::{Exit, Failure};

/// What `error` says, or `None` if it is no error but a wish for help or the version.
pub(crate) fn explain(error: &clap::Error) -> Option<Failure> {
    let cause = match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => return None,
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand | ErrorKind::MissingSubcommand => {
            "the command is not complete: what to do with it is missing".into()
        }
        ErrorKind::UnknownArgument => {
            format!("there is no option or argument \"{}\" here", given(error, ContextKind::InvalidArg))
        }
        ErrorKind::InvalidSubcommand => {
            format!("there is no command \"{}\"", given(error, ContextKind::InvalidSubcommand))
        }
        ErrorKind::ValueValidation => value(error),
        ErrorKind::MissingRequiredArgument => {
            format!("there is something missing: {}", given(error, ContextKind::InvalidArg))
        }
        // The first line of the rest is a whole sentence.
        _ => {
            let text = error.to_string();
            text.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned()
        }
    };
    let suggestion = [ContextKind::SuggestedSubcommand, ContextKind::SuggestedArg, ContextKind::SuggestedValue]
        .into_iter()
        .map(|kind| given(error, kind))
        .find(|suggestion| !suggestion.is_empty());
    let remedy = match suggestion {
        Some(suggestion) => format!("did you mean \"{suggestion}\"? `pirushkad --help` lists what there is"),
        None => "`pirushkad --help` lists what there is".into(),
    };
    let what = "the command line cannot be understood";
    Some(Failure::new("usage", Exit::Usage, what, clean(&cause), clean(&remedy)))
}

fn value(error: &clap::Error) -> String {
    let reason = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
    format!("{}: {reason}", given(error, ContextKind::InvalidArg))
}

fn given(error: &clap::Error, kind: ContextKind) -> String {
    match error.get(kind) {
        Some(ContextValue::String(text)) => text.clone(),
        Some(ContextValue::Strings(texts)) => texts.join(", "),
        Some(ContextValue::StyledStr(text)) => text.to_string(),
        _ => String::new(),
    }
}

/// One line, without anything that moves a terminal's cursor.
fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
