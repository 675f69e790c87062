//! The arguments of `chat`.

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::PossibleValue;
use clap::{Args, Subcommand, ValueEnum, ValueHint};

use super::Who;
use super::value::{duration_or_off, some_duration, whole};

/// `pirushka chat`
#[derive(Debug, Subcommand)]
pub enum Chat {
    /// All conversations, the newest first
    List,
    /// What was said
    History {
        #[command(flatten)]
        #[allow(missing_docs)]
        who: Who,
        /// How many of the last messages
        #[arg(long, short = 'n', default_value_t = 50, value_name = "N", value_parser = whole::<u32>(1, 100_000))]
        last: u32,
        /// Those around this message instead: its number, as `search` shows it
        #[arg(long, value_name = "ID", value_parser = whole::<u64>(0, u64::MAX))]
        around: Option<u64>,
    },
    /// Write a conversation, or all of them, out of the encrypted store
    #[command(after_help = "\
Examples:
  pirushka chat export bob --output bob.txt
  pirushka chat export --all --format json --output everything.jsonl
The file can be read by you alone (mode 0600), but it is not encrypted, and
messages that disappear do not disappear from it. An existing file is replaced
only with --yes.")]
    Export(Export),
    /// Keep a conversation quiet: messages come, but nothing rings
    #[command(after_help = "\
Examples:
  pirushka chat mute bob             until you unmute it
  pirushka chat mute bob --for 8h
  pirushka chat mute bob --off
Messages of a muted conversation arrive and are shown as always; there is no
bell and no notification.")]
    Mute {
        #[command(flatten)]
        #[allow(missing_docs)]
        who: Who,
        /// For so long: 30m, 8h, 7d
        #[arg(long = "for", value_name = "TIME", value_parser = some_duration(), conflicts_with = "off")]
        time: Option<Duration>,
        /// Let it ring again
        #[arg(long)]
        off: bool,
    },
    /// Let messages of both sides disappear some time after they were seen
    #[command(after_help = "\
Examples:
  pirushka chat expire bob 7d
  pirushka chat expire bob off
It holds for messages written from now on, and for both of you; your friend
sees who set it. On your friend's side the time begins when a message is seen,
on yours when it has been delivered. An older version of the program keeps
them.")]
    Expire {
        #[command(flatten)]
        #[allow(missing_docs)]
        who: Who,
        /// 30s, 12h, 7d; or off
        #[arg(value_name = "TIME", value_parser = duration_or_off())]
        time: Duration,
    },
}

/// `pirushka chat export`
#[derive(Debug, Args)]
pub struct Export {
    /// Name, fingerprint or address of a contact
    #[arg(value_name = "NAME", required_unless_present = "all", conflicts_with = "all")]
    pub name: Option<String>,
    /// All conversations
    #[arg(long)]
    pub all: bool,
    /// What it is to be read by; otherwise text, or json where --json is given and no file
    #[arg(long, value_name = "FORMAT", value_enum)]
    pub format: Option<Format>,
    /// Where to; without it, to stdout
    #[arg(long, short = 'o', value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub output: Option<PathBuf>,
    /// Replace an existing file without asking
    #[arg(long, short = 'y')]
    pub yes: bool,
}

/// How a conversation is written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Lines for people.
    Text,
    /// One object per line, as `--json` prints them.
    Json,
    /// A page for a browser.
    Html,
}

impl ValueEnum for Format {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Text, Self::Json, Self::Html]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.name()))
    }
}

impl Format {
    /// As it is typed.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json => "json",
            Self::Html => "html",
        }
    }
}
