//! Network address translation: which public port stands for an inner address, for how long, and who may answer.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use crate::dice::Dice;

/// Names a NAT within its [`crate::Net`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct NatId(pub(crate) usize);

/// How a NAT maps and filters (RFC 4787).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NatKind {
    /// One public port for each inner address; anybody may send to it.
    FullCone,
    /// One public port for each inner address; only who was written to, from the very port, may answer.
    PortRestricted,
    /// A public port for each pair of inner and remote address; only that remote may answer.
    Symmetric,
}

/// How a NAT behaves. The default is a stock Linux router's: port-restricted, 30 s until a reply was seen and the flow
/// is older than 2 s, then 120 s.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NatConfig {
    #[allow(missing_docs)]
    pub kind: NatKind,
    /// The outer address.
    pub public_ip: IpAddr,
    /// How long a flow lives after its last packet.
    pub timeout_us: u64,
    /// The same for a flow with packets both ways that is older than 2 s.
    pub timeout_stream_us: u64,
    /// Whether hosts behind it reach each other through the public address.
    pub hairpin: bool,
}

impl NatConfig {
    /// A stock Linux router with this outer address.
    #[must_use]
    pub fn new(public_ip: IpAddr) -> Self {
        Self {
            kind: NatKind::PortRestricted,
            public_ip,
            timeout_us: 30_000_000,
            timeout_stream_us: 120_000_000,
            hairpin: true,
        }
    }
}

#[derive(Debug)]
pub(crate) struct Nat {
    pub(crate) config: NatConfig,
    flows: BTreeMap<(SocketAddr, SocketAddr), Flow>,
    port_next: u16,
}

/// Packets between one inner address and one remote.
#[derive(Debug)]
struct Flow {
    port: u16,
    created_us: u64,
    expires_us: u64,
    replied: bool,
}

/// After this age a flow with packets both ways counts as a stream.
const STREAM_AGE_US: u64 = 2_000_000;
/// Ports are handed out from here on.
const PORT_FIRST: u16 = 20_000;

impl Nat {
    pub(crate) fn new(config: NatConfig, dice: &mut Dice) -> Self {
        Self { config, flows: BTreeMap::new(), port_next: PORT_FIRST + dice.below(20_000) as u16 }
    }

    /// Forgets every flow; later ones get other ports.
    pub(crate) fn rebind(&mut self, dice: &mut Dice) {
        self.flows.clear();
        self.port_next = PORT_FIRST + (self.port_next - PORT_FIRST + 100 + dice.below(5_000) as u16) % 40_000;
    }

    /// A packet leaves: the address that the world sees.
    pub(crate) fn outbound(&mut self, now_us: u64, inner: SocketAddr, remote: SocketAddr) -> SocketAddr {
        self.flows.retain(|_, flow| flow.expires_us > now_us);
        let port = match self.flows.get(&(inner, remote)) {
            Some(flow) => flow.port,
            None => self.port_for(inner),
        };
        let fresh = Flow { port, created_us: now_us, expires_us: 0, replied: false };
        let flow = self.flows.entry((inner, remote)).or_insert(fresh);
        flow.expires_us = now_us + flow.lifetime_us(&self.config, now_us);
        SocketAddr::new(self.config.public_ip, port)
    }

    /// A packet from `remote` comes to a public port: whom it is for, if it may pass.
    pub(crate) fn inbound(&mut self, now_us: u64, port: u16, remote: SocketAddr) -> Option<SocketAddr> {
        let inner = self.peek(now_us, port, remote)?;
        if let Some(flow) = self.flows.get_mut(&(inner, remote)) {
            flow.replied = true;
            flow.expires_us = now_us + flow.lifetime_us(&self.config, now_us);
        }
        Some(inner)
    }

    /// Like [`Nat::inbound`] without counting as traffic.
    pub(crate) fn peek(&self, now_us: u64, port: u16, remote: SocketAddr) -> Option<SocketAddr> {
        let passes = |from: &SocketAddr| match self.config.kind {
            NatKind::FullCone => true,
            NatKind::PortRestricted | NatKind::Symmetric => *from == remote,
        };
        self.flows
            .iter()
            .find(|((_, from), flow)| flow.port == port && flow.expires_us > now_us && passes(from))
            .map(|((inner, _), _)| *inner)
    }

    fn port_for(&mut self, inner: SocketAddr) -> u16 {
        if self.config.kind != NatKind::Symmetric
            && let Some(flow) = self.flows.iter().find(|((from, _), _)| *from == inner).map(|(_, flow)| flow)
        {
            return flow.port;
        }
        let port = self.port_next;
        self.port_next = PORT_FIRST + (port - PORT_FIRST + 1) % 40_000;
        port
    }
}

impl Flow {
    fn lifetime_us(&self, config: &NatConfig, now_us: u64) -> u64 {
        let stream = self.replied && now_us >= self.created_us + STREAM_AGE_US;
        if stream { config.timeout_stream_us } else { config.timeout_us }
    }
}
