//! The peer as a process: `pirushkad`.
//!
//! Everything that a peer decides is in `pirushka-peer-core`, which has no sockets, clocks, threads or files. This crate
//! is what that machine is put into: it reads the key and the configuration, listens, and moves datagrams between the
//! socket and the machine in batches. The loop is [`shard`](crate::spawn)'s; the rest is what an operator meets.
//!
//! | file | idea |
//! |---|---|
//! | `shard.rs` | one thread, one socket, one machine: the loop |
//! | `train.rs` | equal datagrams to one remote become one system call |
//! | `running.rs` | key, socket, shards and control socket put together; start and stop |
//! | `key.rs` | the only thing that is ever written to disk |
//! | `config/` | the table of all settings; file, environment, flags |
//! | `regular.rs` | files that are read, and nothing that only looks like one |
//! | `operator.rs`, `observer.rs` | what the operator may order and ask: totals, limits, reload, block, drain |
//! | `control.rs`, `status.rs`, `limits.rs` | how it is asked, and the answers |
//! | `meter.rs` | what the process takes of the machine's memory |
//! | `admin/` | what monitoring may ask over HTTP |
//! | `notify.rs`, `unit.rs` | the service manager: what it is told, what it is given |
//! | `doctor/` | what keeps a peer from serving well, each cause with its remedy |
//! | `hardening.rs`, `signals.rs` | what the process asks of the system |
//! | `cli.rs`, `usage.rs`, `commands/` | the command line |
//!
//! To run a peer inside another process, for tests or a demo:
//!
//! ```no_run
//! use pirushka_peer::{Config, spawn};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let config = Config {
//!     listen: "127.0.0.1:0".parse()?,
//!     data_dir: Some("/tmp/a-peer".into()),
//!     ..Config::default()
//! };
//! let peer = spawn(config)?;
//! println!("{}", peer.address());
//! peer.stop()?;
//! # Ok(())
//! # }
//! ```
//!
//! What it does not do: decrypt anything (it cannot link the end-to-end crate), remember anything over a restart but its
//! key, or tell anybody who its users are.

#![forbid(unsafe_code)]

mod admin;
mod advertise;
mod cli;
mod clock;
mod commands;
pub mod config;
mod control;
mod doctor;
mod failure;
mod hardening;
mod key;
mod limits;
mod meter;
mod notify;
mod observer;
mod operator;
mod output;
mod paths;
mod qr;
mod regular;
mod running;
mod shard;
mod signals;
mod status;
mod trains;
mod unit;
mod usage;

pub use advertise::Advertisement;
pub use cli::main_from_args;
pub use config::Config;
pub use control::SOCKET_NAME;
pub use failure::{Exit, Failure};
pub use key::KEY_NAME;
pub use running::{RunningPeer, spawn};
pub use status::{Clients, Messages, Network, Plain, Status};
