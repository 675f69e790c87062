//! The command line of Pirushka: arguments in, lines out, and nothing that a library could do.
//!
//! A command is parsed ([`args`]), carried out by the engine of the profile (`pirushka_client::Handle`), and its result
//! is printed ([`out`]) in the language of the person ([`lang`]) or as JSON. What goes wrong is a [`fault::Fault`]:
//! what happened, why, and the command that mends it. No command asks anything unless a person sits at a terminal.
//!
//! [`demo`] is a person's first five minutes in twenty seconds: two peers and two people as processes of their own.

pub mod args;
pub mod ask;
pub mod commands;
pub mod context;
pub mod demo;
pub mod fault;
pub mod files;
pub mod lang;
pub mod out;
pub mod said;
pub mod trouble;
pub mod usage;
pub mod when;

use std::ffi::OsString;
use std::process::ExitCode;
use std::time::Duration;

use clap::FromArgMatches as _;

use args::{Cli, Command, Engine, Global, Id};
use context::Context;
use fault::{Exit, Fault, Outcome};
use lang::Lang;
use out::Out;

/// Runs the program with these arguments (the first is its own name) and says how it ended.
pub fn main_from_args(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    demo::stage::end_with_parent();
    if arguments.get(1).is_some_and(|word| word == PEER) {
        return pirushka_peer::main_from_args(peer_arguments(arguments));
    }
    #[cfg(unix)]
    pirushka_client::engine::no_core_dumps();
    let language = asked_language(&arguments).or_else(lang::from_settings);
    lang::set(language.unwrap_or_else(lang::from_environment));
    let json = arguments.iter().take_while(|argument| *argument != "--").any(|argument| argument == "--json");
    match parse(&arguments) {
        Ok(Some(cli)) => finish(json, run(cli)),
        Ok(None) => finish(json, Ok(())),
        Err(fault) => finish(json, Err(fault)),
    }
}

/// The hidden first word that makes this process a peer: `pirushka __peer ARGUMENTS` is `pirushkad ARGUMENTS`.
pub const PEER: &str = "__peer";

fn peer_arguments(arguments: Vec<OsString>) -> impl Iterator<Item = OsString> {
    std::iter::once("pirushkad".into()).chain(arguments.into_iter().skip(2))
}

fn finish(json: bool, outcome: Outcome) -> ExitCode {
    let outcome = match out::lost() {
        Some(error) if outcome.is_ok() => Err(Fault::cannot_print(error)),
        _ => outcome,
    };
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
        Err(error) => match usage::explain(&error, arguments) {
            Some(fault) => Err(fault),
            None => {
                out::printed(error.print());
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
            commands::paper::completions(out, shell);
            Ok(())
        }
        Some(Command::Man { dir }) => commands::paper::man(out, dir.as_deref()),
        Some(Command::Version) => {
            commands::paper::version(out);
            Ok(())
        }
        command => {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let runtime = runtime.map_err(Fault::unexpected)?;
            let outcome = runtime.block_on(until_interrupted(&cli.global, command));
            // A thread that ends while the process does would clean up what the libraries in C have cleaned up already, and
            // has crashed there. One that waits for a person at the keyboard is not waited for.
            runtime.shutdown_timeout(THREADS_END_WITHIN);
            outcome
        }
    }
}

/// Threads beside the first have so long to end when a command is done; idle ones need microseconds.
const THREADS_END_WITHIN: Duration = Duration::from_millis(500);

/// Ctrl-C ends every command at once; what is in the outbox is on the disk already. The engine has its own way to end.
async fn until_interrupted(global: &Global, command: Option<Command>) -> Outcome {
    let context = match command {
        Some(Command::Config(_)) => Context::without_settings(global)?,
        _ => Context::new(global)?,
    };
    let ends_itself = matches!(command, Some(Command::Engine(Engine::Run { .. }) | Command::Demo(_)));
    let outcome = tokio::select! {
        outcome = dispatch(&context, command) => outcome,
        _ = tokio::signal::ctrl_c(), if !ends_itself => Err(Fault::new(Exit::Interrupted, "fault.interrupted", &[])),
    };
    context.leave().await;
    outcome
}

async fn dispatch(context: &Context, command: Option<Command>) -> Outcome {
    match command {
        None => commands::status::overview(context).await,
        Some(Command::Init(init)) => commands::init::run(context, init).await,
        Some(Command::Id(Id::Show { certificate })) => commands::id::show(context, certificate).await,
        Some(Command::Id(Id::Qr)) => commands::id::qr(context).await,
        Some(Command::Id(Id::Export { output, secret_file, certificate, yes })) => {
            let to = commands::identity::Destination { output, yes };
            commands::identity::export(context, to, secret_file, certificate).await
        }
        Some(Command::Id(Id::Import { file, secret_file, name, peer, key_file })) => {
            let wish = commands::identity::Wish { name, peer, key_file };
            commands::identity::import(context, &file, secret_file, wish).await
        }
        Some(Command::Net(net)) => commands::net::run(context, net).await,
        Some(Command::Profile(profile)) => commands::profile::run(context, profile).await,
        Some(Command::Invite(invite)) => commands::invite::run(context, invite).await,
        Some(Command::Contact(contact)) => commands::contact::run(context, contact).await,
        Some(Command::Send(send)) => commands::send::run(context, send).await,
        Some(Command::Recv(recv)) => commands::recv::run(context, recv).await,
        Some(Command::Chat(chat)) => commands::chat::run(context, chat).await,
        Some(Command::Search(search)) => commands::search::run(context, search).await,
        Some(Command::Status) => commands::status::run(context).await,
        Some(Command::Backup(backup)) => commands::backup::run(context, backup).await,
        Some(Command::Peer(peer)) => commands::peer::run(context, peer).await,
        Some(Command::Config(config)) => commands::config::run(context, config).await,
        Some(Command::Rpc(rpc)) => commands::rpc::run(context, rpc).await,
        Some(Command::Engine(Engine::Run { background })) => commands::engine::run(context, background).await,
        Some(Command::Engine(Engine::Stop)) => commands::engine::stop(context).await,
        Some(Command::Lab(lab)) => commands::lab::run(context, lab).await,
        Some(Command::Demo(demo)) => demo::run(context.out, &demo).await,
        Some(Command::Completions { .. } | Command::Man { .. } | Command::Version) => {
            unreachable!("carried out without a runtime")
        }
    }
}
