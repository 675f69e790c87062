//! A peer in the world: its static key survives a crash, nothing else does.

use std::net::SocketAddr;

use pirushka_link::PeerKey;
use pirushka_peer_core::{Peer, PeerConfig};
use pirushka_wire::{BootId, HomeAddress, PeerAddress, PeerId};

use crate::ledger::Ledger;
use crate::rand::Rand;
use crate::world::Clock;

/// A peer, running or not.
pub struct PeerNode {
    /// For the trace.
    pub name: String,
    /// As it stands in addresses; the world's DNS knows it.
    pub host: String,
    /// Where it listens.
    pub address: SocketAddr,
    /// What it believes of time.
    pub clock: Clock,
    /// Its limits; a change here counts from the next start.
    pub config: PeerConfig,
    pub(crate) ledger: Ledger,
    key: PeerKey,
    seeds: Rand,
    running: Option<Peer>,
}

impl PeerNode {
    pub(crate) fn new(name: String, address: SocketAddr, config: PeerConfig, mut seeds: Rand) -> Self {
        let key = PeerKey::generate(seeds.seed32());
        let host = format!("{name}.example");
        let ledger = Ledger::default();
        Self { name, host, address, clock: Clock::default(), config, ledger, key, seeds, running: None }
    }

    /// Its name, as it pins it.
    #[must_use]
    pub fn peer_id(&self) -> PeerId {
        self.key.peer_id()
    }

    /// Its part of an address.
    #[must_use]
    pub fn peer_address(&self) -> PeerAddress {
        // The host is "<name>.example", which is always a host name.
        let host = self.host.parse().expect("a host name");
        PeerAddress { host, port: self.address.port(), peer_id: self.peer_id() }
    }

    /// What its users are given.
    #[must_use]
    pub fn home_address(&self) -> HomeAddress {
        HomeAddress { peer: self.peer_address(), invite: self.config.invite_secret(&self.key) }
    }

    /// The process, unless it is dead.
    #[must_use]
    pub fn peer(&self) -> Option<&Peer> {
        self.running.as_ref()
    }

    /// Names its present run.
    #[must_use]
    pub fn boot(&self) -> Option<BootId> {
        self.running.as_ref().map(Peer::boot)
    }

    pub(crate) fn peer_mut(&mut self) -> Option<&mut Peer> {
        self.running.as_mut()
    }

    /// kill -9.
    pub(crate) fn crash(&mut self) {
        self.running = None;
    }

    /// Other limits, now and at the next start.
    pub(crate) fn reload(&mut self, config: PeerConfig) {
        if let Some(peer) = &mut self.running {
            peer.set_config(&config);
        }
        self.config = config;
    }

    /// Starts (again): nothing is remembered but the key.
    pub(crate) fn start(&mut self, net_us: u64) {
        let now = self.clock.now(net_us);
        self.running = Some(Peer::new(self.config.clone(), self.key.clone(), self.seeds.seed32(), now));
    }
}
