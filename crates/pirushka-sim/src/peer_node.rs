//! A peer in the world: its static key survives a crash, nothing else does.

use std::net::SocketAddr;

use pirushka_link::{PeerKey, Transmit};
use pirushka_peer_core::{Peer, PeerConfig, PlainStats};
use pirushka_wire::{BootId, HomeAddress, Now, PeerAddress, PeerId};

use crate::hostile::{HostilePeer, Mischief};
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
    /// How often the present run had said "full" when it was looked at last.
    pub(crate) refused_full: u64,
    /// Memory was so short once that an introduction or a bundle went.
    pub(crate) gave_way: bool,
    key: PeerKey,
    seeds: Rand,
    running: Option<Running>,
    /// What the next run does beside its work.
    mischief: Option<Mischief>,
}

/// A process.
pub(crate) enum Running {
    Honest(Box<Peer>),
    Hostile(Box<HostilePeer>),
}

impl PeerNode {
    pub(crate) fn new(name: String, address: SocketAddr, config: PeerConfig, mut seeds: Rand) -> Self {
        let key = PeerKey::generate(seeds.seed32());
        let host = format!("{name}.example");
        let ledger = Ledger::default();
        Self {
            name,
            host,
            address,
            clock: Clock::default(),
            config,
            ledger,
            refused_full: 0,
            gave_way: false,
            key,
            seeds,
            running: None,
            mischief: None,
        }
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

    /// The process, unless it is dead or hostile.
    #[must_use]
    pub fn peer(&self) -> Option<&Peer> {
        match &self.running {
            Some(Running::Honest(peer)) => Some(peer),
            Some(Running::Hostile(_)) | None => None,
        }
    }

    /// The process, if it is hostile.
    #[must_use]
    pub fn hostile(&self) -> Option<&HostilePeer> {
        match &self.running {
            Some(Running::Hostile(peer)) => Some(peer),
            Some(Running::Honest(_)) | None => None,
        }
    }

    /// Names its present run.
    #[must_use]
    pub fn boot(&self) -> Option<BootId> {
        self.running.as_ref().map(|running| match running {
            Running::Honest(peer) => peer.boot(),
            Running::Hostile(peer) => peer.boot(),
        })
    }

    pub(crate) fn peer_mut(&mut self) -> Option<&mut Peer> {
        match &mut self.running {
            Some(Running::Honest(peer)) => Some(peer),
            Some(Running::Hostile(_)) | None => None,
        }
    }

    pub(crate) fn hostile_mut(&mut self) -> Option<&mut HostilePeer> {
        match &mut self.running {
            Some(Running::Hostile(peer)) => Some(peer),
            Some(Running::Honest(_)) | None => None,
        }
    }

    pub(crate) fn running(&self) -> Option<&Running> {
        self.running.as_ref()
    }

    pub(crate) fn running_mut(&mut self) -> Option<&mut Running> {
        self.running.as_mut()
    }

    pub(crate) fn set_mischief(&mut self, mischief: Option<Mischief>) {
        self.mischief = mischief;
    }

    /// kill -9.
    pub(crate) fn crash(&mut self) {
        self.running = None;
    }

    /// Other limits, now and at the next start.
    pub(crate) fn reload(&mut self, config: PeerConfig) {
        if let Some(peer) = self.peer_mut() {
            peer.set_config(&config);
        }
        self.config = config;
    }

    /// Starts (again): nothing is remembered but the key.
    pub(crate) fn start(&mut self, net_us: u64) {
        let now = self.clock.now(net_us);
        self.running = Some(match self.mischief {
            None => {
                let peer = Peer::new(self.config.clone(), self.key.clone(), self.seeds.seed32(), now);
                Running::Honest(Box::new(peer))
            }
            Some(mischief) => {
                let mut link = self.config.link.clone();
                link.terms = self.config.terms();
                let peer = HostilePeer::new(mischief, link, self.key.clone(), self.seeds.fork(), now);
                Running::Hostile(Box::new(peer))
            }
        });
    }
}

impl Running {
    /// Tells whether an honest peer believed it as a packet of a session. Why something had no effect is counted there.
    pub(crate) fn handle_datagram(&mut self, now: Now, remote: SocketAddr, datagram: &mut [u8]) -> bool {
        match self {
            Self::Honest(peer) => {
                let greetings = |peer: &Peer| {
                    let counters = peer.link_counters();
                    counters.handshakes + counters.retries + counters.acks_repeated
                };
                let before = greetings(peer);
                let believes = peer.handle_datagram(now, remote, datagram).is_ok();
                // The plain profile has nothing against replays, and says so.
                believes && greetings(peer) == before && peer.stats().plain == PlainStats::default()
            }
            Self::Hostile(peer) => {
                peer.handle_datagram(now, remote, datagram);
                false
            }
        }
    }

    pub(crate) fn handle_timeout(&mut self, now: Now) {
        match self {
            Self::Honest(peer) => peer.handle_timeout(now),
            Self::Hostile(peer) => peer.handle_timeout(now),
        }
    }

    pub(crate) fn poll_transmit(&mut self, now: Now, out: &mut Vec<u8>) -> Option<Transmit> {
        match self {
            Self::Honest(peer) => peer.poll_transmit(now, out),
            Self::Hostile(peer) => peer.poll_transmit(now, out),
        }
    }

    pub(crate) fn poll_timeout(&self) -> Option<u64> {
        match self {
            Self::Honest(peer) => peer.poll_timeout(),
            Self::Hostile(peer) => peer.poll_timeout(),
        }
    }
}
