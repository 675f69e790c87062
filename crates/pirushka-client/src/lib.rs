//! Pirushka for programs: the encrypted store, the engine, and a typed handle to it.
//!
//! A *profile* is one identity with its contacts and messages, in one encrypted file. One process at a time owns it:
//! the *engine*. Every face (command line, terminal, web, bots) talks to the engine through a [`Handle`], which joins
//! the running engine or starts one; so two faces never disagree, and an unlocked key stays unlocked.
//!
//! ```no_run
//! # async fn example() -> pirushka_client::Result<()> {
//! use pirushka_client::{Handle, Options, Profile, WaitFor};
//! let profile = Profile::resolve(None)?;
//! let handle = Handle::join_or_start(&profile, Options::default()).await?;
//! let sent = handle.send("bob", "hello", WaitFor::Delivered, std::time::Duration::from_secs(10)).await?;
//! println!("{}", sent.message.state.name());
//! # Ok(()) }
//! ```
//!
//! What the protocol decides is not here but in `pirushka-client-core`, a machine without sockets, files or clocks.
//! This crate gives it those: [`store`] keeps its rows, the driver moves its packets, and the order of the two is what
//! makes a crash harmless: rows first, in one transaction; packets and events after.

#![forbid(unsafe_code)]

pub mod backup;
pub mod check;
mod clock;
#[cfg(all(test, unix))]
mod crash;
mod dns;
mod driver;
pub mod engine;
pub mod error;
pub mod handle;
pub mod identity_file;
mod init;
pub mod key;
pub mod lab;
mod lock;
mod net;
pub mod netcheck;
#[cfg(unix)]
mod private_socket;
pub mod profile;
pub mod profiles;
mod regular;
mod rejoin;
pub mod rpc;
mod rubbish;
pub mod salvage;
pub mod settings;
pub mod store;
pub mod view;
mod work;

pub use check::{PeerCheck, check_peer};
pub use engine::protocol::{ContactUntil, Since};
pub use error::{Code, Error, Result};
pub use handle::{AskPassphrase, EngineMode, Handle, Options, Subscription};
pub use init::{InitOptions, Initialized, Protection, init};
pub use pirushka_wire::{Address, AddressError, Fingerprint, HomeAddress, PeerAddress};
pub use profile::{DEFAULT_PROFILE, Profile};
pub use rejoin::Rejoin;
pub use settings::Settings;
pub use view::*;
