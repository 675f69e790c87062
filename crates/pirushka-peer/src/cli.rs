//! The command line: what it accepts and what becomes of it.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{CommandFactory, Parser, Subcommand};

use crate::commands;
use crate::config::{self, Advertised, Config, Kind, Loaded, Sources, Written, is_no_setting, listen_address, load};
use crate::control;
use crate::failure::Failure;
use crate::{output, paths, usage};

/// Serves people: keeps what is sent to them, in memory only, until they fetch it.
///
/// Without a command it runs, in the foreground, until SIGTERM or Ctrl-C. It needs no database, no certificate and no
/// entry in the DNS. The address that it prints is what its users give to `pirushka init --peer`.
#[derive(Debug, Parser)]
#[command(name = "pirushkad", version, max_term_width = 100)]
#[command(
    after_help = "Exit codes: 0 done, 1 unexpected, 2 usage, 3 configuration or cannot listen, 5 nothing answers."
)]
pub(crate) struct Cli {
    /// What addresses name: the host under which clients find this peer, with :PORT behind a router that forwards
    #[arg(long, global = true, value_name = "NAME")]
    host: Option<Advertised>,
    /// Where to listen; port 0 lets the system choose [default: [::]:7117]
    #[arg(long, global = true, value_name = "ADDR", value_parser = listen_address)]
    listen: Option<SocketAddr>,
    /// Configuration file (see `pirushkad config example`)
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Folder of the key, the only thing kept on disk [default: $PIRUSHKAD_HOME, else the user's data folder]
    #[arg(long, global = true, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Any setting, as in the configuration file; may be repeated
    #[arg(long, global = true, value_name = "KEY=VALUE", value_parser = key_value)]
    set: Vec<(String, String)>,
    /// Also speak the seed's bare packets: in the clear, for study; gives up the silence towards strangers
    #[arg(long, global = true)]
    plain: bool,
    /// One JSON object per line instead of text
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve (the same as no command)
    Run,
    /// Print the address that users are given; makes the key when there is none
    Address {
        /// Also as a QR code
        #[arg(long)]
        qr: bool,
    },
    /// What the running peer holds and has done: totals, nobody's identity
    #[command(visible_alias = "stats")]
    Status {
        /// Again and again, one row each time, with rates per second
        #[arg(long)]
        watch: bool,
        /// Seconds between two rows
        #[arg(long, value_name = "SECONDS", default_value = "2", requires = "watch", value_parser = seconds)]
        every: Duration,
        /// End after so many rows [default: go on until the peer ends]
        #[arg(long, value_name = "N", requires = "watch", value_parser = clap::value_parser!(u64).range(1..))]
        rows: Option<u64>,
    },
    /// Each limit of the running peer with what is used of it: totals, nobody's identity
    Limits,
    /// Let the running peer read its configuration again (as SIGHUP does) and say what changed
    Reload,
    /// Let the running peer stop politely (as SIGTERM does) and show what it still hands out
    Drain {
        /// How long it may take at most, for example "30 s" [default: process.drain]
        #[arg(long, value_name = "TIME", value_parser = duration_ms)]
        within: Option<u64>,
        /// Do not wait for the end
        #[arg(long)]
        no_wait: bool,
    },
    /// Networks whose datagrams the running peer drops unread
    #[command(subcommand)]
    Block(BlockCommand),
    /// Look for what keeps this peer from serving well, and say what to do about it
    Doctor,
    /// Print a hardened systemd unit for this machine
    Unit(commands::UnitArgs),
    /// Look at the configuration without running
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Print a completion script
    Completions {
        /// For which shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page (roff)
    Man {
        /// Write the pages of all commands into this folder instead
        folder: Option<PathBuf>,
    },
}

#[derive(Debug, Clone, Subcommand)]
enum BlockCommand {
    /// Block a network until the process ends (block.networks in the configuration: for good)
    Add {
        /// For example 192.0.2.0/24, 2001:db8::/32, or a single address
        network: String,
    },
    /// Let a network in again
    Remove {
        /// As `block list` shows it
        network: String,
    },
    /// Show what is blocked
    List,
}

#[derive(Debug, Clone, Copy, Subcommand)]
enum ConfigCommand {
    /// Say whether the configuration is valid
    Check,
    /// Print every setting with its value
    Show {
        /// And where each value comes from
        #[arg(long)]
        origin: bool,
    },
    /// Print a configuration file that documents every setting; what flags and --set say stands in it
    Example,
}

fn key_value(text: &str) -> Result<(String, String), String> {
    let parts = text.split_once('=').filter(|(key, _)| !key.trim().is_empty());
    let (key, value) = parts.ok_or("expected KEY=VALUE, for example users.queues=100")?;
    Ok((key.trim().into(), value.trim().into()))
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.trim_end_matches('s').trim().parse().ok().filter(|seconds| (0.1..=86_400.0).contains(seconds));
    seconds.map(Duration::from_secs_f64).ok_or_else(|| "expected seconds, from 0.1 to 86400".into())
}

fn duration_ms(text: &str) -> Result<u64, String> {
    let within_an_hour = Kind::Time(0, 3_600_000_000);
    within_an_hour.read(&Written::Text(text.into())).map(|value| value.number() / 1000)
}

/// Does what the arguments (the program's name first) say. This is the whole program `pirushkad`; others call it to be
/// a peer.
///
/// The process's memory is hardened and its signals are taken, so nothing else should run in it.
pub fn main_from_args(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args: Vec<OsString> = args.into_iter().collect();
    let cli = match Cli::try_parse_from(&args) {
        Ok(cli) => cli,
        Err(error) => {
            let Some(failure) = usage::explain(&error) else {
                // Help and version come this way too.
                let _ = error.print();
                return ExitCode::SUCCESS;
            };
            // The line was not understood, so the wish is looked for by itself.
            output::failure(&failure, args.iter().take_while(|word| *word != "--").any(|word| word == "--json"));
            return failure.exit.into();
        }
    };
    let (json, serves) = (cli.json, matches!(cli.command, None | Some(Command::Run)));
    match cli.run() {
        Ok(()) => match output::lost().filter(|_| !serves) {
            Some(failure) => {
                output::failure(&failure, false);
                failure.exit.into()
            }
            None => ExitCode::SUCCESS,
        },
        Err(failure) => {
            output::failure(&failure, json);
            failure.exit.into()
        }
    }
}

impl Cli {
    fn run(self) -> Result<(), Failure> {
        let json = self.json;
        match self.command {
            None | Some(Command::Run) => {
                let config = self.load()?.config;
                commands::run(config, Box::new(move || Ok(self.load()?.config)), json)
            }
            Some(Command::Address { qr }) => commands::address(&self.load()?.config, qr, json),
            Some(Command::Status { watch: false, .. }) => commands::status(&self.load()?.config, json),
            Some(Command::Status { watch: true, every, rows }) => {
                commands::watch(&self.load()?.config, every, rows, json)
            }
            Some(Command::Limits) => commands::limits(&self.load()?.config, json),
            Some(Command::Reload) => commands::reload(&self.load_place()?, json),
            Some(Command::Drain { within, no_wait }) => commands::drain(&self.load()?.config, within, !no_wait, json),
            Some(Command::Block(ref command)) => {
                let config = self.load()?.config;
                match command {
                    BlockCommand::Add { network } => commands::block_add(&config, network, json),
                    BlockCommand::Remove { network } => commands::block_remove(&config, network, json),
                    BlockCommand::List => commands::block_list(&config, json),
                }
            }
            Some(Command::Doctor) => commands::doctor(self.load(), json),
            Some(Command::Unit(ref args)) => {
                let file = paths::config_file(self.config.clone());
                // A service may be set up before its configuration is there.
                let there = file.clone().filter(|file| !matches!(file.try_exists(), Ok(false)));
                commands::unit(args.clone(), &self.load_file(there)?, file.filter(|file| !paths::is_usual(file)), json)
            }
            Some(Command::Config(ConfigCommand::Check)) => {
                let file = paths::config_file(self.config.clone());
                commands::config_check(&self.load()?, file, json);
                Ok(())
            }
            Some(Command::Config(ConfigCommand::Show { origin })) => {
                commands::config_show(&self.load()?, origin, json);
                Ok(())
            }
            Some(Command::Config(ConfigCommand::Example)) => {
                // A file with a fault is a reason to ask for this one.
                let given = self.load_from(None, Vec::new())?;
                output::data(crate::config::example(&given).trim_end());
                Ok(())
            }
            Some(Command::Completions { shell }) => {
                commands::completions(&mut Self::command(), shell);
                Ok(())
            }
            Some(Command::Man { ref folder }) => commands::man(Self::command(), folder.as_deref()),
        }
    }

    /// The configuration as far as it says where the running peer is: one that is not valid is for that peer to judge,
    /// if it can be found.
    fn load_place(&self) -> Result<Config, Failure> {
        self.load().map(|loaded| loaded.config).or_else(|failure| {
            let named = std::env::var_os("PIRUSHKAD_DATA_DIR").filter(|dir| !dir.is_empty()).map(PathBuf::from);
            let written = || data_dir_in(&paths::config_file(self.config.clone())?);
            let place = self.data_dir.clone().or(named).or_else(written);
            let config = Config { data_dir: place, ..Config::default() };
            let runs_there = data_dir(&config).is_ok_and(|dir| control::socket_path(&dir).exists());
            if runs_there { Ok(config) } else { Err(failure) }
        })
    }

    fn load(&self) -> Result<Loaded, Failure> {
        self.load_file(paths::config_file(self.config.clone()))
    }

    fn load_file(&self, file: Option<PathBuf>) -> Result<Loaded, Failure> {
        let mut environment = Vec::new();
        for (name, value) in std::env::vars_os() {
            let Some(name) = name.into_string().ok().filter(|name| name.starts_with("PIRUSHKAD_")) else { continue };
            match value.into_string() {
                Ok(value) => environment.push((name, value)),
                // Paths need not be text.
                Err(_) if is_no_setting(&name) => {}
                Err(_) => {
                    return Err(Failure::configuration(
                        "config.bad_value",
                        "the configuration is not valid",
                        format!("${name}: its value is not text (UTF-8)"),
                        format!("unset {name}; a folder whose name is not text: pirushkad --data-dir DIR"),
                    ));
                }
            }
        }
        self.load_from(file, environment)
    }

    fn load_from(&self, file: Option<PathBuf>, environment: Vec<(String, String)>) -> Result<Loaded, Failure> {
        let mut flags: Vec<_> =
            self.set.iter().map(|(key, value)| (key.clone(), value.clone(), format!("--set {key}"))).collect();
        let mut flag = |key: &str, value: Option<String>| {
            flags.extend(value.map(|value| (key.to_owned(), value, format!("--{}", key.replace('_', "-")))));
        };
        flag("host", self.host.as_ref().map(ToString::to_string));
        flag("listen", self.listen.map(|listen| listen.to_string()));
        if self.plain {
            flags.push(("plain.enabled".into(), "true".into(), "--plain".into()));
        }
        let mut loaded = load(&Sources { file, environment, flags })?;
        // Paths need not be text, so this one does not go through the table.
        if let Some(dir) = &self.data_dir {
            loaded.config.data_dir = Some(dir.clone());
            loaded.origins.insert("data_dir", crate::config::Origin::Flag("--data-dir".into()));
        }
        Ok(loaded)
    }
}

/// The data folder that a file names which is perhaps not a valid configuration.
fn data_dir_in(file: &std::path::Path) -> Option<PathBuf> {
    let table: toml::Table = config::read(file).ok()?.parse().ok()?;
    table.get("data_dir")?.as_str().map(PathBuf::from)
}

/// The data folder that `config` means.
pub(crate) fn data_dir(config: &Config) -> Result<PathBuf, Failure> {
    paths::data_dir(config.data_dir.as_deref())
}
