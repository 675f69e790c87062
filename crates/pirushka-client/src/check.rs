//! `peer check`: is there a peer at this address, and if not, which of DNS, UDP, key or version is the cause.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::error::{Code, Error, Result};

/// What was found out about a peer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerCheck {
    /// As it was asked for.
    pub peer: String,
    /// What the host name stands for.
    pub addresses: Vec<String>,
    /// The address that answered.
    pub answered: Option<String>,
    /// From the first packet to the finished handshake, microseconds.
    pub handshake_us: Option<u64>,
    /// My address as the peer sees it.
    pub observed: Option<String>,
    /// How long it holds messages, seconds.
    pub hold_s: Option<u64>,
    /// What is wrong, if anything.
    pub trouble: Option<Error>,
}

/// Looks a peer (`host[:port]?k=...`, or a person's address) up, shakes hands with it, and leaves.
///
/// # Errors
/// [`Code::BadInput`] for what is no address. What is wrong with the peer is in [`PeerCheck::trouble`]: [`Code::Dns`],
/// [`Code::NoAnswer`], [`Code::PeerKey`], [`Code::PeerVersion`].
pub async fn check_peer(address: &str, timeout: Duration) -> Result<PeerCheck> {
    let _ = (address, timeout);
    Err(Error::new(Code::Unexpected, "not finished yet"))
}
