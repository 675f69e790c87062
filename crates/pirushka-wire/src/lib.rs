//! The bytes of Pirushka: what stands where in a datagram, and nothing else.
//!
//! No cryptography, no sockets, no clocks. Every decoder takes a byte slice that anybody may have made, never panics,
//! never allocates more than it was given, and answers with borrowed slices or with the *name of the rule* that the
//! bytes broke. The layouts are those of `spec/packets.md`; all numbers are big-endian.
//!
//! | module | what it lays out |
//! |---|---|
//! | [`root`] | the outer header *Root*, with and without shifts |
//! | [`handshake`] | payloads of HELLO, RETRY, HELLO_ACK, RESET |
//! | [`plain`] | payloads of the plain profile's bare packets |
//! | [`dissect`] | where each field of a bare packet stands, for whoever looks at one |
//! | [`frame`] | what stands inside a sealed packet |
//! | [`address`] | where a person or a peer is reached, as text |
//! | [`ids`] | identifiers as types of their own |
//! | [`ranges`] | sets of numbers, as they travel and as they are kept |

#![forbid(unsafe_code)]

pub mod address;
pub mod cursor;
pub mod dissect;
pub mod frame;
pub mod handshake;
pub mod ids;
pub mod limits;
pub mod plain;
pub mod planted;
pub mod ranges;
pub mod root;
#[cfg(feature = "stub")]
pub mod stub;
pub mod time;

/// Built with planted bugs or with stand-ins for cryptography: for the simulator alone.
pub const FOR_TESTS_ALONE: bool = cfg!(any(feature = "planted", feature = "stub"));

pub use address::{Address, AddressError, HomeAddress, Host, HostPort, PeerAddress};
pub use cursor::{Reader, UnexpectedEnd};
pub use frame::{Deposit, Frame, FrameError, Frames};
pub use ids::*;
pub use ranges::{RangeSet, Ranges};
pub use root::{Params, Root, RootError, Signature};
pub use time::Now;
