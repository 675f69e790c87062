//! The arguments of `peer`.

use std::time::Duration;

use clap::Subcommand;
use pirushka_wire::HomeAddress;

use super::value::{duration, peer_address};

/// `pirushka peer`
#[derive(Debug, Subcommand)]
pub enum Peer {
    /// Which peer serves you, and whether it answers
    Show,
    /// Try a peer: name, packets, key and version, one after the other
    Check {
        /// What `pirushkad address` prints; without it, your own peer
        #[arg(value_name = "ADDRESS", value_parser = peer_address())]
        address: Option<HomeAddress>,
        /// How long to wait for the answer
        #[arg(long, value_name = "TIME", default_value = "5s", value_parser = duration())]
        timeout: Duration,
    },
    /// Let another peer serve you
    Set {
        /// What `pirushkad address` prints
        #[arg(value_name = "ADDRESS", value_parser = peer_address())]
        address: HomeAddress,
    },
}
