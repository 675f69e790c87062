//! The world: peers, users, the network between them, the clock, and the onlooker.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::{IpAddr, SocketAddr};

use pirushka_netsim::{Delivery, Net};
use pirushka_netsim::{NatConfig, NatId};
use pirushka_peer_core::PeerConfig;
use pirushka_wire::limits::DEFAULT_PORT;
use pirushka_wire::{Now, PeerId};

use crate::checks::{Rule, Violation};
use crate::hostile::Mischief;
use crate::ledger::Ledger;
use crate::peer_node::PeerNode;
use crate::rand::Rand;
use crate::situations::Situations;
use crate::trace::Trace;

/// 2026-11-01 00:00 UTC: the world's true time at its beginning.
const EPOCH_MS: u64 = 1_793_491_200_000;
/// So many timeouts at one moment are taken for an endless loop.
const TURNS_MAX: u32 = 10_000;

/// A machine's two clocks, seen from the world's.
#[derive(Debug, Clone, Copy, Default)]
pub struct Clock {
    /// Its monotonic clock is ahead by this (µs).
    pub mono_ahead_us: u64,
    /// Its wall clock is off by this (ms).
    pub skew_ms: i64,
}

impl Clock {
    /// What the machine believes.
    #[must_use]
    pub fn now(self, net_us: u64) -> Now {
        let true_ms = EPOCH_MS + net_us / 1000;
        Now { mono_us: net_us + self.mono_ahead_us, wall_ms: true_ms.saturating_add_signed(self.skew_ms) }
    }

    /// When one of its deadlines is, by the world's clock.
    #[must_use]
    pub fn to_net(self, mono_us: u64) -> u64 {
        mono_us.saturating_sub(self.mono_ahead_us)
    }
}

/// Where a user is.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    /// The inner address.
    pub ip: IpAddr,
    /// The NAT at home.
    pub home: NatId,
    /// The NAT that the user roams to.
    pub mobile: NatId,
    #[allow(missing_docs)]
    pub clock: Clock,
}

/// What a user's machine can reach while it acts.
pub struct Surroundings<'a> {
    /// Addresses by host name.
    pub dns: &'a BTreeMap<String, SocketAddr>,
    /// The record.
    pub trace: &'a mut Trace,
    /// Datagrams out: local port, remote, bytes.
    pub out: &'a mut Vec<(u16, SocketAddr, Vec<u8>)>,
    /// Breaches that the user's own checks find.
    pub violations: &'a mut Vec<Violation>,
    /// What has reached its recipient's disk: from, to, number.
    pub shown: &'a mut BTreeSet<(String, String, u32)>,
    /// What a run got into.
    pub(crate) situations: &'a mut Situations,
    /// The world's clock.
    pub net_us: u64,
}

/// What a held message takes at least: none is so small.
const LEAST_BYTES: u64 = 64;

/// A user's machine. `now` is what its own clocks say.
pub trait User {
    /// For the trace.
    fn name(&self) -> &str;
    /// Where it is.
    fn place(&self) -> Place;
    /// A datagram has come to one of its sockets.
    fn handle_datagram(&mut self, now: Now, port: u16, remote: SocketAddr, datagram: &mut [u8]);
    /// Something is due.
    fn handle_timeout(&mut self, now: Now);
    /// When.
    fn poll_timeout(&self) -> Option<u64>;
    /// Carries out what follows from inputs: commits, events, packets.
    fn settle(&mut self, now: Now, surroundings: &mut Surroundings<'_>);
    /// Whether its process is dead.
    fn is_dead(&self) -> bool;
    /// Whether this peer keeps its messages, or did when it died.
    fn is_served_by(&self, peer: PeerId) -> bool;
    /// The local network changed.
    fn path_changed(&mut self, now: Now);
}

/// Everything.
pub struct World<U> {
    /// The network.
    pub net: Net,
    #[allow(missing_docs)]
    pub peers: Vec<PeerNode>,
    #[allow(missing_docs)]
    pub users: Vec<U>,
    /// Addresses by host name.
    pub dns: BTreeMap<String, SocketAddr>,
    /// The record.
    pub trace: Trace,
    /// Rules that were broken.
    pub violations: Vec<Violation>,
    pub(crate) situations: Situations,
    /// The latest datagrams that an attacker on the path has seen users send, in no order.
    pub captured: Vec<(SocketAddr, Vec<u8>)>,
    /// Which of them the next one replaces.
    captured_next: usize,
    /// Texts that have reached their recipients' disks: from, to, number.
    pub shown: BTreeSet<(String, String, u32)>,
    /// Users who are on the other network.
    away: BTreeSet<usize>,
    rand: Rand,
}

/// What an attacker remembers.
const CAPTURED_MAX: usize = 256;

impl<U: User> World<U> {
    /// An empty world.
    #[must_use]
    pub fn new(seed: u64, print: bool) -> Self {
        let mut rand = Rand::new(seed);
        Self {
            net: Net::new(rand.u64()),
            peers: vec![],
            users: vec![],
            dns: BTreeMap::new(),
            trace: Trace::new(print),
            violations: vec![],
            situations: Situations::default(),
            captured: vec![],
            captured_next: 0,
            shown: BTreeSet::new(),
            away: BTreeSet::new(),
            rand,
        }
    }

    /// Adds a running peer, `peer-1` and so on; tells its number.
    pub fn add_peer(&mut self, config: PeerConfig) -> usize {
        let n = self.peers.len();
        let address = SocketAddr::new(IpAddr::from([198, 51, 100, 1 + n as u8]), DEFAULT_PORT);
        self.net.add_host(address.ip());
        let mut peer = PeerNode::new(format!("peer-{}", n + 1), address, config, self.rand.fork());
        peer.clock.mono_ahead_us = self.rand.below(1 << 40);
        peer.start(self.net.now_us());
        self.dns.insert(peer.host.clone(), address);
        self.peers.push(peer);
        n
    }

    /// A place for the next user: an address behind a NAT of its own, and another NAT to roam to.
    pub fn add_place(&mut self, nat: impl Fn(IpAddr) -> NatConfig) -> (Place, Rand) {
        let n = self.users.len() as u8;
        let ip = IpAddr::from([10, 0, n, 2]);
        self.net.add_host(ip);
        let home = self.net.add_nat(nat(IpAddr::from([203, 0, 113, 1 + n])));
        let mobile = self.net.add_nat(nat(IpAddr::from([203, 0, 113, 101 + n])));
        self.net.put_behind(ip, home);
        let clock = Clock { mono_ahead_us: self.rand.below(1 << 40), skew_ms: 0 };
        (Place { ip, home, mobile, clock }, self.rand.fork())
    }

    /// The world's clock (µs).
    #[must_use]
    pub fn now_us(&self) -> u64 {
        self.net.now_us()
    }

    /// What a user's clocks say.
    #[must_use]
    pub fn now_of(&self, user: usize) -> Now {
        self.users[user].place().clock.now(self.net.now_us())
    }

    /// Writes a line into the record.
    pub fn tell(&mut self, who: &str, what: fmt::Arguments<'_>) {
        self.trace.event(self.net.now_us(), who, what);
    }

    /// A rule was broken.
    pub fn breach(&mut self, rule: Rule, what: String) {
        let at_us = self.net.now_us();
        self.trace.event(at_us, "!!", format_args!("{rule:?}: {what}"));
        self.violations.push(Violation { rule, at_us, what });
    }

    /// Lives on until a moment, or until a rule is broken.
    pub fn run_until(&mut self, us: u64) {
        self.until(us, |_| false);
        self.net.advance_to(us);
    }

    /// Lives on for a while.
    pub fn run_for(&mut self, us: u64) {
        self.run_until(self.net.now_us() + us);
    }

    /// Lives on until something is the case, at most until a moment; tells whether it is.
    pub fn until(&mut self, us: u64, done: impl Fn(&Self) -> bool) -> bool {
        self.settle_all();
        let mut turns = 0;
        while !done(self) {
            if !self.violations.is_empty() {
                return false;
            }
            let Some(at) = self.next_at().filter(|&at| at <= us) else {
                self.net.advance_to(us);
                return done(self);
            };
            turns = if at > self.net.now_us() { 0 } else { turns + 1 };
            if turns > TURNS_MAX {
                self.breach(Rule::S7, "a machine asks for a timeout again and again at one moment".into());
                return false;
            }
            self.net.advance_to(at);
            self.step();
        }
        true
    }

    /// Acts on whatever commands have left in the machines.
    pub fn settle_all(&mut self) {
        (0..self.peers.len()).for_each(|peer| self.settle_peer(peer));
        (0..self.users.len()).for_each(|user| self.settle_user(user));
    }

    /// A peer's process dies; its host stays.
    pub fn crash_peer(&mut self, peer: usize) {
        self.peers[peer].crash();
        let name = self.peers[peer].name.clone();
        self.tell(&name, format_args!("is killed"));
    }

    /// A peer's process starts again.
    pub fn start_peer(&mut self, peer: usize) {
        self.peers[peer].start(self.net.now_us());
        let name = self.peers[peer].name.clone();
        self.tell(&name, format_args!("starts and remembers nothing"));
    }

    /// A peer falls into the hands of somebody who means ill, at a restart; if it is there already, it does other things
    /// from now on.
    pub fn corrupt_peer(&mut self, peer: usize, mischief: Mischief) {
        let node = &mut self.peers[peer];
        node.set_mischief(Some(mischief));
        let now = node.clock.now(self.net.now_us());
        match node.hostile_mut() {
            Some(hostile) => hostile.set_mischief(now, mischief),
            None => node.start(self.net.now_us()),
        }
        let name = self.peers[peer].name.clone();
        self.tell(&name, format_args!("means ill: {mischief:?}"));
        self.settle_peer(peer);
    }

    /// A peer comes back into honest hands: the real one with the same key, which knows nothing of what was before.
    pub fn redeem_peer(&mut self, peer: usize) {
        self.peers[peer].set_mischief(None);
        self.start_peer(peer);
    }

    /// A peer's operator changes its limits while it runs.
    pub fn reload_peer(&mut self, peer: usize, config: PeerConfig) {
        self.peers[peer].reload(config);
        let name = self.peers[peer].name.clone();
        self.tell(&name, format_args!("has other limits"));
        self.settle_peer(peer);
    }

    /// A peer's operator asks it to end; somebody has to end it when it is drained or the time is over.
    pub fn drain_peer(&mut self, peer: usize, within_us: u64) {
        let now = self.peers[peer].clock.now(self.net.now_us());
        if let Some(running) = self.peers[peer].peer_mut() {
            running.drain(now, within_us);
        }
        let name = self.peers[peer].name.clone();
        self.tell(&name, format_args!("takes nothing new and is about to end"));
        self.settle_peer(peer);
    }

    /// A user's NAT forgets everything.
    pub fn rebind(&mut self, user: usize) {
        let place = self.users[user].place();
        self.net.rebind(place.home);
        let name = self.users[user].name().to_owned();
        self.tell(&name, format_args!("'s NAT restarts"));
    }

    /// A user moves to the other network (or back).
    pub fn roam(&mut self, user: usize, away: bool) {
        let place = self.users[user].place();
        self.net.roam(place.ip, Some(if away { place.mobile } else { place.home }));
        if away {
            self.away.insert(user)
        } else {
            self.away.remove(&user)
        };
        let now = self.now_of(user);
        self.users[user].path_changed(now);
        let name = self.users[user].name().to_owned();
        self.tell(&name, format_args!("roams {}", if away { "to the mobile network" } else { "home" }));
        self.settle_user(user);
    }

    /// Whether a peer keeps a user's messages, or did when the user died.
    pub(crate) fn serves(&self, peer: usize, user: usize) -> bool {
        self.users[user].is_served_by(self.peers[peer].peer_id())
    }

    /// The users whose messages a peer keeps.
    pub(crate) fn served_by(&self, peer: usize) -> impl Iterator<Item = usize> {
        (0..self.users.len()).filter(move |user| self.serves(peer, *user))
    }

    /// Whether a user is on the other network.
    #[must_use]
    pub fn is_away(&self, user: usize) -> bool {
        self.away.contains(&user)
    }

    /// An attacker sends a datagram with a source address of its choice to a peer.
    pub fn attack(&mut self, peer: usize, from: SocketAddr, bytes: &[u8]) {
        let to = self.peers[peer].address;
        self.net.inject(from, to, bytes);
    }

    /// Whatever this address sends has no valid MAC1: the peer must not answer it.
    pub fn expect_silence(&mut self, peer: usize, address: SocketAddr) {
        self.peers[peer].ledger.expect_silence(address);
    }

    fn next_at(&self) -> Option<u64> {
        let peers = self.peers.iter().filter_map(|node| Some(node.clock.to_net(node.running()?.poll_timeout()?)));
        let users = self.users.iter().filter_map(|user| Some(user.place().clock.to_net(user.poll_timeout()?)));
        let machines = peers.chain(users).min().map(|at| at.max(self.net.now_us()));
        [machines, self.net.next_at()].into_iter().flatten().min()
    }

    fn step(&mut self) {
        while let Some(delivery) = self.net.poll() {
            self.deliver(delivery);
        }
        let net_us = self.net.now_us();
        for n in 0..self.peers.len() {
            let now = self.peers[n].clock.now(net_us);
            if let Some(peer) = self.peers[n].running_mut()
                && peer.poll_timeout().is_some_and(|at| at <= now.mono_us)
            {
                peer.handle_timeout(now);
                self.settle_peer(n);
            }
        }
        for n in 0..self.users.len() {
            let now = self.now_of(n);
            if self.users[n].poll_timeout().is_some_and(|at| at <= now.mono_us) {
                self.users[n].handle_timeout(now);
                self.settle_user(n);
            }
        }
    }

    fn deliver(&mut self, delivery: Delivery) {
        let Delivery { from, to, via, mut bytes } = delivery;
        let net_us = self.net.now_us();
        if let Some(n) = self.peers.iter().position(|node| node.address == to) {
            let node = &mut self.peers[n];
            let now = node.clock.now(net_us);
            node.ledger.arrived_at_peer(from, bytes.len());
            let packet = Ledger::name(&bytes);
            if let Some(peer) = node.running_mut() {
                let twice = peer.handle_datagram(now, from, &mut bytes) && !node.ledger.believed(packet);
                let name = node.name.clone();
                self.settle_peer(n);
                if twice {
                    self.breach(Rule::S4, format!("{name} believes a packet that it has believed before"));
                }
            }
        } else if let Some(n) = self.users.iter().position(|user| user.place().ip == to.ip()) {
            if let Some(node) = self.peers.iter_mut().find(|node| node.address == from) {
                node.ledger.arrived_from_peer(via);
            }
            let now = self.now_of(n);
            self.users[n].handle_datagram(now, to.port(), from, &mut bytes);
            self.settle_user(n);
        }
    }

    fn settle_peer(&mut self, n: usize) {
        let net_us = self.net.now_us();
        let node = &mut self.peers[n];
        let (now, from) = (node.clock.now(net_us), node.address);
        let mut breaches = vec![];
        let mut is_fuller = false;
        let mut out = vec![];
        loop {
            out.clear();
            let Some(transmit) = node.running_mut().and_then(|peer| peer.poll_transmit(now, &mut out)) else { break };
            for datagram in out.chunks(transmit.segment.unwrap_or(out.len()).max(1)) {
                self.trace.packet(net_us, from, transmit.to, datagram);
                breaches.extend(node.ledger.sent_by_peer(transmit.to, datagram.len()).map(|what| (Rule::S5, what)));
                self.net.send(from, transmit.to, datagram);
            }
        }
        if let Some(stats) = node.peer().map(pirushka_peer_core::Peer::stats) {
            let (name, messages, bytes, cap) = (&node.name, stats.messages_held, stats.bytes_held, stats.ram_bytes);
            if bytes > cap {
                breaches.push((Rule::S6, format!("{name} holds {bytes} of {cap} bytes")));
            }
            node.gave_way |= stats.evicted > 0;
            let refused = stats.refused_full;
            is_fuller = refused > std::mem::replace(&mut node.refused_full, refused);
            if bytes < messages * LEAST_BYTES {
                breaches.push((Rule::S6, format!("{name} says that {messages} messages take {bytes} bytes")));
            }
        }
        breaches.into_iter().for_each(|(rule, what)| self.breach(rule, what));
        if is_fuller {
            self.count_full(n);
        }
    }

    /// Acts on whatever a command has left in a user's machine.
    pub fn settle_user(&mut self, n: usize) {
        let net_us = self.net.now_us();
        let user = &mut self.users[n];
        let place = user.place();
        let (now, mut out) = (place.clock.now(net_us), vec![]);
        let mut surroundings = Surroundings {
            situations: &mut self.situations,
            dns: &self.dns,
            trace: &mut self.trace,
            out: &mut out,
            violations: &mut self.violations,
            shown: &mut self.shown,
            net_us,
        };
        user.settle(now, &mut surroundings);
        for (port, to, bytes) in out {
            let from = SocketAddr::new(place.ip, port);
            self.trace.packet(net_us, from, to, &bytes);
            self.net.send(from, to, &bytes);
            self.capture(to, bytes);
        }
    }

    fn capture(&mut self, to: SocketAddr, bytes: Vec<u8>) {
        match self.captured.get_mut(self.captured_next) {
            Some(oldest) => *oldest = (to, bytes),
            None => self.captured.push((to, bytes)),
        }
        self.captured_next = (self.captured_next + 1) % CAPTURED_MAX;
    }
}
