//! The command line: every noun, verb and flag, with its help. A noun has a file.

mod backup;
mod chat;
mod config;
mod contact;
mod engine;
mod identity;
mod invite;
mod lab;
mod message;
mod net;
mod peer;
mod profile;
mod rpc;
mod search;
mod value;

use std::path::PathBuf;

use clap::{Args, CommandFactory, Parser, Subcommand, ValueHint};

use crate::lang::{self, Lang};

pub use backup::Backup;
pub use chat::{Chat, Export, Format};
pub use config::Config;
pub use contact::{Contact, Verify, Who, WhoSure};
pub use engine::{Demo, Engine};
pub use identity::{Id, Init};
pub use invite::{Invite, Strangers};
pub use lab::{Lab, LabRegister};
pub use message::{Recv, Send, WaitFor};
pub use net::Net;
pub use peer::Peer;
pub use profile::Profile;
pub use rpc::Rpc;
pub use search::Search;

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

Exit codes: 0 done, 1 unexpected, 2 usage, 3 configuration, 4 profile locked or
damaged, 5 network, 6 refused, 7 wait ran out (the message is safe), 8 security
stop, 9 no such contact or message, 130 Ctrl-C.";

/// Flags that every command takes.
#[derive(Debug, Clone, Args)]
pub struct Global {
    /// Which profile (identity, contacts, messages) to use; otherwise as PIRUSHKA_PROFILE or the settings say
    #[arg(long, global = true, value_name = "NAME", help_heading = "Everywhere")]
    pub profile: Option<String>,
    /// One JSON object per line with "v":1; fields are only ever added
    #[arg(long, global = true, help_heading = "Everywhere")]
    pub json: bool,
    /// Do the work inside this process; neither join nor start an engine
    #[arg(long, global = true, help_heading = "Everywhere")]
    pub no_engine: bool,
    /// Language of the output: en or ru; otherwise as the settings, LC_ALL, LC_MESSAGES or LANG say
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
    /// Find what was said, over all conversations
    Search(Search),
    /// What stands: you, your peer, unread and waiting messages
    Status,
    /// Everything of yours in one encrypted file, and back
    #[command(subcommand)]
    Backup(Backup),
    /// The peer that serves you
    #[command(subcommand)]
    Peer(Peer),
    /// Why nothing comes or goes
    #[command(subcommand)]
    Net(Net),
    /// Several identities side by side: which there are
    #[command(subcommand)]
    Profile(Profile),
    /// Settings: what they are, where they come from, and how to change them
    #[command(subcommand)]
    Config(Config),
    /// JSON-RPC 2.0 for bots and other programs, on stdin and stdout or at a socket
    Rpc(Rpc),
    /// The process that keeps you reachable; the first command starts it by itself
    #[command(subcommand)]
    Engine(Engine),
    /// The seed's own wire in the clear, for study
    #[command(subcommand)]
    Lab(Lab),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_tree_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn what_stands_below_a_help_fits_a_terminal_of_eighty_columns() {
        fn walk(command: &clap::Command) {
            let below = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            for line in below.lines() {
                assert!(line.chars().count() <= 90, "{}: {line}", command.get_name());
                assert!(line.starts_with(' ') || line.chars().count() <= 80, "{}: {line}", command.get_name());
            }
            command.get_subcommands().for_each(walk);
        }
        walk(&Cli::command());
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
