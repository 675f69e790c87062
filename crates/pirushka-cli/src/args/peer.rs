//! The arguments of `peer`.

use std::time::Duration;

use clap::Subcommand;
use pirushka_wire::HomeAddress;

use super::value::{duration, peer_address};

/// `pirushka peer`
#[derive(Debug, Subcommand)]
pub enum Peer {
    /// Which peers serve you, whether they answer, and who knows of them
    Show {
        /// Also list your contacts, and who of them knows where you are served now
        #[arg(long)]
        contacts: bool,
    },
    /// Try a peer: name, packets, key and version, one after the other
    Check {
        /// What `pirushkad address` prints; without it, your own peer
        #[arg(value_name = "ADDRESS", value_parser = peer_address())]
        address: Option<HomeAddress>,
        /// How long to wait for the answer
        #[arg(long, value_name = "TIME", default_value = "5s", value_parser = duration())]
        timeout: Duration,
    },
    /// Let one more peer serve you, up to four: messages reach you while one of them lives
    Add {
        /// What `pirushkad address` prints
        #[arg(value_name = "ADDRESS", value_parser = peer_address())]
        address: HomeAddress,
    },
    /// Leave a peer; it serves you until all contacts know, at most 14 days
    Remove {
        /// Its address, or the part before the key
        #[arg(value_name = "ADDRESS")]
        address: String,
    },
    /// Move to another peer and tell all contacts, even if the old one is dead
    Move {
        /// The new one: what `pirushkad address` prints
        #[arg(value_name = "ADDRESS", value_parser = peer_address())]
        address: HomeAddress,
        /// Leave only this one; without it, all others
        #[arg(long, value_name = "OLD")]
        from: Option<String>,
    },
}
