//! The session between a client and a peer, both sides, as pure machines: bytes and time in; packets, events and the
//! next deadline out. `spec/packets.md` is the text this code follows.
//!
//! The problem: a client must talk to a peer of which it knows nothing but a 32-byte key, over UDP, through NATs that
//! forget and networks that change, while strangers forge, replay, flood and watch. The answer is a Noise_NK handshake
//! behind a cookie, then packets sealed with AES-256-GCM, all of it under a veil that leaves no constant byte on the
//! wire. The client stays anonymous here; who it is, it says inside (REGISTER), bound to [`ClientLink::binding`].
//!
//! | type | what it is |
//! |---|---|
//! | [`ClientLink`] | one session with one peer: requests are repeated until answered, pushes come out as events |
//! | [`PeerLink`] | all sessions of one shard of a peer: decrypts, replays refused, paths validated, answers packed |
//! | [`Flight`] | what is sent and not yet answered: retransmission timeout and congestion window, used by both sides |
//! | [`PeerKey`] | the only thing a peer ever keeps on disk |
//!
//! # Driving a machine
//! 1. Feed one input: `handle_datagram`, `handle_timeout` or a command.
//! 2. Drain `poll_event`, act on what comes (which may mean more commands).
//! 3. Drain `poll_transmit`, hand each datagram to the socket.
//! 4. Sleep until `poll_timeout` or the next input.
//!
//! ```
//! use pirushka_link::{ClientLink, ClientLinkConfig, ClientLinkEvent, PeerKey, PeerLink, PeerLinkConfig};
//! use pirushka_wire::Now;
//!
//! let now = Now { mono_us: 0, wall_ms: 1_800_000_000_000 };
//! let (client_at, peer_at) = ("192.0.2.1:4000".parse()?, "192.0.2.2:7117".parse()?);
//! // Seeds come from the system's randomness; constants are for examples.
//! let mut peer = PeerLink::new(PeerLinkConfig::default(), PeerKey::generate([1; 32]), [2; 32], now);
//! let mut client = ClientLink::new(ClientLinkConfig::default(), peer.peer_id(), [3; 32]);
//!
//! client.connect(now, peer_at);
//! let mut datagram = vec![];
//! while !client.is_established() {
//!     while client.poll_transmit(now, &mut datagram).is_some() {
//!         let _ = peer.handle_datagram(now, client_at, &mut datagram);
//!     }
//!     while peer.poll_transmit(now, &mut datagram).is_some() {
//!         let _ = client.handle_datagram(now, peer_at, &mut datagram);
//!     }
//! }
//! assert!(matches!(client.poll_event(), Some(ClientLinkEvent::Established { .. })));
//! # Ok::<(), std::net::AddrParseError>(())
//! ```
//!
//! What it does not do: sockets, DNS, threads, and anything a message means.

#![forbid(unsafe_code)]

mod bucket;
pub mod client;
mod congestion;
mod cookie;
mod counters;
mod flight;
mod keys;
mod mac1;
mod noise;
pub mod peer;
mod replay;
mod rtt;
mod sealed;
#[cfg(feature = "stub")]
mod stub;
#[cfg(test)]
mod tests;
mod veil;

pub use client::{
    Answer, BareSession, Class, ClientLink, ClientLinkConfig, ClientLinkEvent, ClientVeil, Keepalive, LostReason,
    Status, TicketData,
};
pub use counters::{Counters, Drop};
pub use flight::Flight;
pub use keys::PeerKey;
pub use peer::{CloseReason, PeerLink, PeerLinkConfig, PeerLinkEvent, Received, SessionHandle, Transmit};
pub use pirushka_wire::handshake::{Terms, Welcome};
