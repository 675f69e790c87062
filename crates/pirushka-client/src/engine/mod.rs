//! The engine: the one process that owns a profile, and how faces find it.
//!
//! | file | what |
//! |---|---|
//! | [`protocol`] | what a face and the engine say to each other |
//! | `start` | join the running engine, or start one and join it |
//! | `run` | an engine's life: socket, signals, idleness, end |
//! | `server` | one connection: request and answer by turns |
//! | `answer`, `search`, `backup`, `wait`, `stream` | requests carried out, waited for, followed |
//! | `core` | what all connections share |
//! | `line` | one bounded JSON object per line |

pub(crate) mod answer;
mod backup;
pub(crate) mod core;
pub(crate) mod line;
pub mod protocol;
#[cfg(unix)]
mod run;
mod search;
pub(crate) mod server;
#[cfg(unix)]
pub(crate) mod start;
mod stream;
mod wait;

#[cfg(unix)]
pub use run::{no_core_dumps, run, run_in_background};
