//! The arguments of `send` and `recv`.

use std::time::Duration;

use clap::builder::PossibleValue;
use clap::{Args, ValueEnum, ValueHint};

use super::value::duration;

/// `pirushka send`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pirushka send bob \"see you at nine\"
  git log -1 | pirushka send bob -
  pirushka send bob \"are you there?\" --wait read --timeout 2m
The states: queued = on your disk; held = in the memory of your friend's peer;
delivered = on your friend's disk; read. A message stays on your disk until
your friend's device has confirmed it.")]
pub struct Send {
    /// Name, fingerprint or address of a contact
    #[arg(value_name = "TO")]
    pub to: String,
    /// The text; - or nothing reads it from stdin; one that begins with - needs -- before it
    #[arg(value_name = "TEXT")]
    pub text: Option<String>,
    /// Wait until the message is that far; if the time runs out, exit 7 (the message stays in the outbox)
    #[arg(long, value_name = "STATE", value_enum)]
    pub wait: Option<WaitFor>,
    /// How long to wait; otherwise as the settings say (30s)
    #[arg(long, value_name = "TIME", value_parser = duration())]
    pub timeout: Option<Duration>,
}

/// How far a message is to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum WaitFor {
    #[allow(missing_docs)]
    Queued,
    #[allow(missing_docs)]
    Held,
    #[allow(missing_docs)]
    Delivered,
    #[allow(missing_docs)]
    Read,
}

impl ValueEnum for WaitFor {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Queued, Self::Held, Self::Delivered, Self::Read]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(match self {
            Self::Queued => "queued",
            Self::Held => "held",
            Self::Delivered => "delivered",
            Self::Read => "read",
        }))
    }
}

/// `pirushka recv`
#[derive(Debug, Args)]
#[command(after_help = "\
With --exec each message goes to `sh -c CMD`: PIRUSHKA_FROM,
PIRUSHKA_FINGERPRINT and PIRUSHKA_TEXT are set, the JSON object is on stdin,
and the message counts as read only if the command exits with 0.")]
pub struct Recv {
    /// Go on until Ctrl-C
    #[arg(long, short = 'f')]
    pub follow: bool,
    /// Only from this contact
    #[arg(long, value_name = "NAME")]
    pub from: Option<String>,
    /// Run this for every message
    #[arg(long, value_name = "CMD", value_hint = ValueHint::CommandString)]
    pub exec: Option<String>,
    /// Ring the terminal's bell for each message, unless its conversation is muted
    #[arg(long)]
    pub bell: bool,
    /// End when nothing has come for this long
    #[arg(long, value_name = "TIME", value_parser = duration())]
    pub timeout: Option<Duration>,
}
