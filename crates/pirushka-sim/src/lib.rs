//! The simulator: the real cores on a small internet in memory, under virtual time, from one seed.
//!
//! A [`World`] holds peers (real [`pirushka_peer_core::Peer`]s, which forget everything in a crash, or [`HostilePeer`]s,
//! which forget nothing) and users, who live behind NATs. Two kinds of users exist: [`RawUser`] speaks to peers with the real link and nothing above it, a naive
//! model of a messenger; [`Person`] is the real client core on a simulated disk. What is checked after every event
//! is listed in [`Rule`].
//!
//! [`random`] runs what a seed says; stories that people wrote stand in `tests/all/stories/`. One seed is one run: the
//! hash over all packets and events says whether two runs were the same.

#![forbid(unsafe_code)]

pub mod checks;
pub mod hostile;
mod ledger;
mod peer_node;
mod person;
pub mod plan;
#[cfg(feature = "planted")]
pub mod planted;
pub mod rand;
pub mod random;
mod raw;
mod situations;
mod town;
mod trace;
mod world;

pub use checks::{Rule, Violation};
pub use hostile::{Bundles, HostilePeer, Mischief};
pub use peer_node::PeerNode;
pub use person::{Disk, Person, Said};
pub use pirushka_client_core::{
    AddingTrouble, Client, ClientConfig, CodeState, ContactId, ContactState, HomeInfo, HomeRole, HomeState, MessageId,
    MessageState, Warning,
};
pub use plan::CrashPoint;
pub use rand::Rand;
pub use raw::{RawConfig, RawUser};
pub use situations::NEEDED;
pub use trace::Trace;
pub use world::{Clock, Place, Surroundings, User, World};
