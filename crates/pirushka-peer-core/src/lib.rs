//! The peer (server) as a pure machine: a phone book and a go-between that keeps everything in RAM (facts 4, 15).
//!
//! [`Peer`] takes datagrams and time in and gives datagrams and the next deadline out. It serves *users*, who register
//! with a certificate (facts 8, 9), and *senders*, who stay anonymous and leave envelopes in contact queues or
//! introductions in an inbox. It cannot decrypt anything: the end-to-end crate is not below it. It keeps nobody's
//! source address, and of a deposit it never keeps who made it.
//!
//! # Driving it
//! 1. Feed one input: [`Peer::handle_datagram`] or [`Peer::handle_timeout`].
//! 2. Drain [`Peer::poll_transmit`], hand each datagram to the socket.
//! 3. Sleep until [`Peer::poll_timeout`] or the next datagram.
//!
//! ```
//! use pirushka_peer_core::{Peer, PeerConfig, PeerKey};
//! use pirushka_wire::Now;
//!
//! let now = Now { mono_us: 0, wall_ms: 1_700_000_000_000 };
//! let config = PeerConfig { ram_bytes: 64 << 20, ..PeerConfig::default() };
//! let mut peer = Peer::new(config, PeerKey::generate([1; 32]), [2; 32], now);
//! let mut junk = *b"somebody knocks without knowing the peer's name: no answer, and the knock is counted";
//! assert!(peer.handle_datagram(now, "192.0.2.7:5000".parse().unwrap(), &mut junk).is_err());
//! assert!(peer.poll_transmit(now, &mut vec![]).is_none());
//! assert_eq!(peer.stats().bytes_held, 0);
//! ```
//!
//! # How it is built
//! `peer.rs` only dispatches. Below it are small machines, each in a file with its own state and tests: in `store/` what
//! a peer holds (registry, queues, mailboxes, introductions, tokens, bundles, and the accounts over all of it), which
//! knows no sessions; in `session/` what lives as long as a session (uploads, downloads, LATER, who is here, delivery).
//! Beside both, in `plain/`, the seed's own bare packets, for study: off by default, with a table of its own.
//! The store speaks in commands and answers, so that another store can stand in its place.
//!
//! What it does not do: sockets, threads, files, metrics pages.

#![forbid(unsafe_code)]

mod config;
mod dense;
pub mod limits;
mod peer;
mod plain;
mod refusal;
mod session;
mod stats;
mod store;
#[cfg(test)]
mod tests;
mod timers;

pub use config::PeerConfig;
pub use peer::{Block, BlockList, Peer};
pub use pirushka_link::{Counters, PeerKey, PeerLinkConfig, Transmit};
pub use plain::{PlainConfig, PlainDrop, PlainStats};
pub use stats::Stats;
