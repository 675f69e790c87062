//! The command line: every noun, verb and flag, with its help.

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{PossibleValue, ValueParser};
use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum, ValueHint};
use pirushka_wire::{Address, PeerAddress};

use crate::lang::{self, Lang};

/// The whole command line.
#[derive(Debug, Parser)]
#[command(
    name = "pirushka",
    bin_name = "pirushka",
    about = "A private messenger without a central account: you write to the peer that serves your friend",
    version,
    disable_version_flag = true,
    disable_help_subcommand = true,
    propagate_version = false,
    max_term_width = 100,
    after_help = AFTER_HELP
)]
pub struct Cli {
    #[command(flatten)]
    #[allow(missing_docs)]
    pub global: Global,
    /// Nothing: what stands, and the most useful next commands.
    #[command(subcommand)]
    pub command: Option<Command>,
}

const AFTER_HELP: &str = "\
Start here:
  pirushka demo                          see it work on this computer, in under 20 seconds
  pirushka init --peer ADDRESS           your identity and your peer
  pirushka invite new                    an address that lets one friend in
  pirushka contact add ADDRESS           the same from the other side
  pirushka send NAME \"hello\"

Exit codes: 0 done, 1 unexpected, 2 usage, 3 configuration, 4 profile locked or damaged,
5 network, 6 refused, 7 wait ran out (the message is safe), 8 security stop, 9 no such
contact or message, 130 Ctrl-C.";

/// Flags that every command takes.
#[derive(Debug, Clone, Args)]
pub struct Global {
    /// Which profile (identity, contacts, messages) to use
    #[arg(long, global = true, env = "PIRUSHKA_PROFILE", value_name = "NAME", help_heading = "Everywhere")]
    pub profile: Option<String>,
    /// One JSON object per line with "v":1; fields are only ever added
    #[arg(long, global = true, help_heading = "Everywhere")]
    pub json: bool,
    /// Do the work inside this process; neither join nor start an engine
    #[arg(long, global = true, help_heading = "Everywhere")]
    pub no_engine: bool,
    /// Language of the output: en or ru; otherwise as LC_ALL, LC_MESSAGES or LANG say
    #[arg(long, global = true, value_name = "LANG", help_heading = "Everywhere")]
    pub lang: Option<Lang>,
    /// Read the passphrase of the profile from the first line of this file
    #[arg(long, global = true, env = "PIRUSHKA_PASSPHRASE_FILE", value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Everywhere")]
    pub passphrase_file: Option<PathBuf>,
}

/// Nouns and everyday verbs.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make your identity, and say which peer serves you
    Init(Init),
    /// Who you are: fingerprint, address, certificate
    #[command(subcommand)]
    Id(Id),
    /// Addresses that let people in: one use, with an expiry, revocable
    #[command(subcommand)]
    Invite(Invite),
    /// The people you write to
    #[command(subcommand)]
    Contact(Contact),
    /// Write to a contact
    Send(Send),
    /// Show what has come in, and mark it as read
    Recv(Recv),
    /// Conversations
    #[command(subcommand)]
    Chat(Chat),
    /// What stands: you, your peer, unread and waiting messages
    Status,
    /// The peer that serves you
    #[command(subcommand)]
    Peer(Peer),
    /// The process that keeps you reachable; the first command starts it by itself
    #[command(subcommand)]
    Engine(Engine),
    /// Two peers and two people on this computer, step by step, with measured times
    Demo(Demo),
    /// Completions for a shell, to stdout
    Completions {
        #[allow(missing_docs)]
        #[arg(value_name = "SHELL")]
        shell: clap_complete::Shell,
    },
    /// The manual: one page to stdout, or all pages into a folder
    Man {
        /// Where to write the pages
        #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
        dir: Option<PathBuf>,
    },
    /// The version of this program
    Version,
}

/// `pirushka init`
#[derive(Debug, Args)]
#[command(after_help = "\
Without --passphrase the key to your data lies in the keyring of your system if that answers, else in a file
that only your user can read. Running it again changes only what you name.")]
pub struct Init {
    /// What you call yourself; others see it when you meet
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// The peer that serves you: what `pirushkad address` prints
    #[arg(long, value_name = "ADDRESS", value_parser = peer_address())]
    pub peer: Option<PeerAddress>,
    /// Protect the data with a passphrase, asked for now
    #[arg(long, conflicts_with = "key_file")]
    pub passphrase: bool,
    /// Keep the key in a file of mode 0600 even if there is a keyring
    #[arg(long)]
    pub key_file: bool,
}

/// `pirushka id`
#[derive(Debug, Subcommand)]
pub enum Id {
    /// Your fingerprint, your address, your peer
    Show {
        /// The certificate, PEM, nothing else (openssl x509 reads it)
        #[arg(long)]
        certificate: bool,
    },
    /// Your address as a QR code
    Qr,
}

/// `pirushka invite`
#[derive(Debug, Subcommand)]
pub enum Invite {
    /// A new address to hand to somebody
    #[command(after_help = "\
Example:
  pirushka invite new --label \"for Bob\"
Whoever has the address can introduce themselves to you, as often as --uses says and until it expires.")]
    New {
        /// A note for yourself
        #[arg(long, default_value = "", value_name = "TEXT", hide_default_value = true)]
        label: String,
        /// How many people it lets in
        #[arg(long, default_value_t = 1, value_name = "N", value_parser = whole::<u16>(1, 1000))]
        uses: u16,
        /// How long it is good: 30m, 12h, 7d
        #[arg(long, default_value = "7d", value_name = "TIME", value_parser = duration())]
        expires: Duration,
        /// Ask before whoever comes by it becomes a contact
        #[arg(long)]
        ask: bool,
        /// Show it as a QR code too
        #[arg(long)]
        qr: bool,
    },
    /// Those that are still good
    List,
    /// Make one useless
    Revoke {
        /// The number that `invite list` shows
        #[arg(value_name = "ID", value_parser = whole::<u32>(0, u32::MAX.into()))]
        id: u32,
    },
}

/// `pirushka contact`
#[derive(Debug, Subcommand)]
pub enum Contact {
    /// Introduce yourself to the person behind an address
    Add {
        /// What your friend's `invite new` printed
        #[arg(value_name = "ADDRESS", value_parser = address())]
        address: Address,
        /// What you call this person
        #[arg(long, value_name = "NAME")]
        name: Option<String>,
        /// Do not wait for the answer
        #[arg(long)]
        no_wait: bool,
    },
    /// Everybody you know
    List,
    /// One person: fingerprint, code, peer
    Show(Who),
    /// Say yes to somebody who introduced themselves
    Accept(Who),
    /// Say no to somebody who introduced themselves
    Refuse(WhoSure),
    /// Call somebody otherwise
    Rename {
        #[command(flatten)]
        #[allow(missing_docs)]
        who: Who,
        /// The new name
        #[arg(value_name = "NEW")]
        new: String,
    },
    /// Compare the code with the person, over the phone or face to face
    #[command(after_help = "\
Without a flag it shows the six digits. Read them to each other on another channel, then say
  pirushka contact verify NAME --matches     or     --differs
With --digits --matches you confirm the 60 digits instead. With --scanned you give what a QR reader read from
the other screen.")]
    Verify(Verify),
    /// Take nothing more from somebody
    Block(WhoSure),
    /// Take messages from somebody again
    Unblock(Who),
    /// Forget somebody and the conversation
    Remove(WhoSure),
}

/// A contact by name, fingerprint or address.
#[derive(Debug, Args)]
pub struct Who {
    /// Name, fingerprint or address of a contact
    #[arg(value_name = "NAME")]
    pub name: String,
}

/// A contact, and whether one is sure.
#[derive(Debug, Args)]
pub struct WhoSure {
    /// Name, fingerprint or address of a contact
    #[arg(value_name = "NAME")]
    pub name: String,
    /// Do not ask
    #[arg(long, short = 'y')]
    pub yes: bool,
}

/// `pirushka contact verify`
#[derive(Debug, Args)]
pub struct Verify {
    #[command(flatten)]
    #[allow(missing_docs)]
    pub who: Who,
    /// You have compared it, and it is equal
    #[arg(long, conflicts_with_all = ["differs", "qr"])]
    pub matches: bool,
    /// You have compared it, and it differs
    #[arg(long, conflicts_with = "qr")]
    pub differs: bool,
    /// Show your own QR code, for the other to scan
    #[arg(long)]
    pub qr: bool,
    /// The 60 digits instead of the six: two rows of 30
    #[arg(long)]
    pub digits: bool,
    /// What the QR code on the other screen says
    #[arg(long, value_name = "TEXT", conflicts_with_all = ["matches", "differs", "qr", "digits", "again"])]
    pub scanned: Option<String>,
    /// Make a new six-digit code (at most three times with one person)
    #[arg(long, conflicts_with_all = ["matches", "differs", "qr", "digits"])]
    pub again: bool,
}

/// `pirushka send`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pirushka send bob \"see you at nine\"
  git log -1 | pirushka send bob -
  pirushka send bob \"are you there?\" --wait read --timeout 2m
The states: queued = on your disk; held = in the memory of your friend's peer; delivered = on your friend's disk;
read. A message stays on your disk until your friend's device has confirmed it.")]
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
    /// How long to wait
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = duration())]
    pub timeout: Duration,
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
With --exec each message goes to `sh -c CMD`: PIRUSHKA_FROM, PIRUSHKA_FINGERPRINT and PIRUSHKA_TEXT are set, the JSON
object is on stdin, and the message counts as read only if the command exits with 0.")]
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
    /// End when nothing has come for this long
    #[arg(long, value_name = "TIME", value_parser = duration())]
    pub timeout: Option<Duration>,
}

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
    },
}

/// `pirushka peer`
#[derive(Debug, Subcommand)]
pub enum Peer {
    /// Which peer serves you, and whether it answers
    Show,
    /// Try a peer: name, packets, key and version, one after the other
    Check {
        /// What `pirushkad address` prints; without it, your own peer
        #[arg(value_name = "ADDRESS", value_parser = peer_address())]
        address: Option<PeerAddress>,
        /// How long to wait for the answer
        #[arg(long, value_name = "TIME", default_value = "5s", value_parser = duration())]
        timeout: Duration,
    },
    /// Let another peer serve you
    Set {
        /// What `pirushkad address` prints
        #[arg(value_name = "ADDRESS", value_parser = peer_address())]
        address: PeerAddress,
    },
}

/// `pirushka engine`
#[derive(Debug, Subcommand)]
pub enum Engine {
    /// Run it here, in the foreground, until Ctrl-C
    Run {
        /// As the first command starts it: ends after ten idle minutes
        #[arg(long, hide = true)]
        background: bool,
    },
    /// End the one that runs
    Stop,
}

/// `pirushka demo`
#[derive(Debug, Args)]
pub struct Demo {
    /// Keep the folder with the profiles and logs, and say where it is
    #[arg(long)]
    pub keep: bool,
}

/// The command tree with one-line helps in the language of the person.
#[must_use]
pub fn command() -> clap::Command {
    let command = Cli::command();
    if lang::current() == Lang::En { command } else { translated(command, "help") }
}

/// Replaces the one-liners of `command` and all below it by `help.<path>` of the catalogue.
fn translated(command: clap::Command, key: &str) -> clap::Command {
    let names: Vec<String> =
        command.get_subcommands().filter(|sub| !sub.is_hide_set()).map(|sub| sub.get_name().to_owned()).collect();
    let command = match lang::lookup(key) {
        Some(text) => command.about(text),
        None => command,
    };
    names
        .iter()
        .fold(command, |command, name| command.mut_subcommand(name, |sub| translated(sub, &format!("{key}.{name}"))))
}

fn address() -> ValueParser {
    ValueParser::from(|text: &str| text.parse::<Address>().map_err(|e| lang::address_error(&e)))
}

fn peer_address() -> ValueParser {
    ValueParser::from(|text: &str| text.parse::<PeerAddress>().map_err(|e| lang::address_error(&e)))
}

/// A whole number from `least` to `most`.
fn whole<N: TryFrom<u64> + Clone + std::marker::Send + Sync + 'static>(least: u64, most: u64) -> ValueParser {
    ValueParser::from(move |text: &str| {
        let number = text.parse::<u64>().ok().filter(|number| (least..=most).contains(number));
        let bounds = [("least", &*least.to_string()), ("most", &*most.to_string())];
        number.and_then(|number| N::try_from(number).ok()).ok_or_else(|| lang::text("usage.number", &bounds))
    })
}

fn duration() -> ValueParser {
    ValueParser::from(|text: &str| parse_duration(text).ok_or_else(|| lang::text("usage.duration", &[("given", text)])))
}

/// Reads `250ms`, `30s`, `5m`, `12h`, `7d`; at most 366 days.
#[must_use]
pub fn parse_duration(text: &str) -> Option<Duration> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().ok()?;
    let millis = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    let total = number.checked_mul(millis).filter(|&ms| ms <= 366 * 86_400_000)?;
    Some(Duration::from_millis(total))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_tree_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn durations_need_a_unit() {
        assert_eq!(parse_duration("7d"), Some(Duration::from_secs(7 * 86400)));
        assert_eq!(parse_duration("250ms"), Some(Duration::from_millis(250)));
        for wrong in ["", "7", "d", "-1s", "7 d", "1.5h", "99999999999999999999s", "367d", "18446744073709551615d"] {
            assert_eq!(parse_duration(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn every_visible_command_has_a_russian_line() {
        fn walk(command: &clap::Command, key: &str) {
            assert!(lang::lookup_in(Lang::Ru, key).is_some(), "ru.toml lacks {key}");
            for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set()) {
                walk(sub, &format!("{key}.{}", sub.get_name()));
            }
        }
        walk(&Cli::command(), "help");
    }
}
