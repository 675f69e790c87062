//! The network itself: who is where, what is under way, and the clock.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

use crate::dice::Dice;
use crate::nat::{Nat, NatConfig, NatId};
use crate::path::{Fate, LinkConfig, Pipe, damage};

/// A datagram that has arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The sender as the receiver sees it: behind a NAT, the public address.
    pub from: SocketAddr,
    /// The receiving host's own (inner) address.
    pub to: SocketAddr,
    /// The address that the sender wrote to: the receiver's, or its NAT's public one.
    pub via: SocketAddr,
    #[allow(missing_docs)]
    pub bytes: Vec<u8>,
}

/// What became of all datagrams.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stats {
    /// Handed to [`Net::send`] or [`Net::inject`].
    pub sent: u64,
    /// Their bytes, without IP and UDP headers.
    pub bytes_sent: u64,
    /// Given out by [`Net::poll`], second copies included.
    pub delivered: u64,
    /// Lost on the path.
    pub lost: u64,
    /// Arrived (or would have) a second time.
    pub duplicated: u64,
    /// Changed on the way.
    pub corrupted: u64,
    /// Lost because a queue was full.
    pub overflowed: u64,
    /// Stopped by a partition or a host that is down.
    pub unreachable: u64,
    /// Stopped by a NAT that knows no such flow.
    pub filtered: u64,
    /// Sent to an address that nobody has.
    pub unrouted: u64,
}

/// Hosts, NATs, paths, and a clock that moves when told to.
pub struct Net {
    now_us: u64,
    dice: Dice,
    hosts: BTreeMap<IpAddr, Host>,
    nats: Vec<Nat>,
    link: LinkConfig,
    paths: BTreeMap<(IpAddr, IpAddr), LinkConfig>,
    pipes: BTreeMap<(IpAddr, IpAddr), Pipe>,
    partitions: BTreeSet<(IpAddr, IpAddr)>,
    under_way: BTreeMap<(u64, u64), UnderWay>,
    order_next: u64,
    stats: Stats,
}

#[derive(Debug, Default)]
struct Host {
    nat: Option<NatId>,
    down: bool,
}

struct UnderWay {
    /// The sending host, if there is one.
    origin: Option<IpAddr>,
    from: SocketAddr,
    to: SocketAddr,
    bytes: Vec<u8>,
}

impl Net {
    /// An empty network at time 0.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            now_us: 0,
            dice: Dice::new(seed),
            hosts: BTreeMap::new(),
            nats: Vec::new(),
            link: LinkConfig::default(),
            paths: BTreeMap::new(),
            pipes: BTreeMap::new(),
            partitions: BTreeSet::new(),
            under_way: BTreeMap::new(),
            order_next: 0,
            stats: Stats::default(),
        }
    }

    /// The virtual time in microseconds.
    #[must_use]
    pub fn now_us(&self) -> u64 {
        self.now_us
    }

    /// What became of all datagrams so far.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.stats
    }

    /// Adds a host with a public address; [`Net::put_behind`] makes the address an inner one.
    pub fn add_host(&mut self, ip: IpAddr) {
        self.hosts.entry(ip).or_default();
    }

    /// Adds a NAT.
    pub fn add_nat(&mut self, config: NatConfig) -> NatId {
        self.nats.push(Nat::new(config, &mut self.dice));
        NatId(self.nats.len() - 1)
    }

    /// Puts a host behind a NAT.
    pub fn put_behind(&mut self, host: IpAddr, nat: NatId) {
        self.roam(host, Some(nat));
    }

    /// Moves a host behind another NAT, or into the open. What is under way to its old place does not reach it.
    pub fn roam(&mut self, host: IpAddr, nat: Option<NatId>) {
        self.hosts.entry(host).or_default().nat = nat;
    }

    /// A NAT restarts: all its flows are forgotten and later ones get other ports.
    pub fn rebind(&mut self, nat: NatId) {
        self.nats[nat.0].rebind(&mut self.dice);
    }

    /// A NAT gets another outer address, and forgets all flows.
    pub fn set_public_ip(&mut self, nat: NatId, ip: IpAddr) {
        self.nats[nat.0].config.public_ip = ip;
        self.rebind(nat);
    }

    /// Sets the quality of every path that has none of its own.
    pub fn set_link(&mut self, config: LinkConfig) {
        self.link = config;
    }

    /// Sets the quality of the path between two hosts, both directions. Inner addresses name hosts behind NATs.
    pub fn set_path(&mut self, a: IpAddr, b: IpAddr, config: LinkConfig) {
        self.paths.insert((a, b), config);
        self.paths.insert((b, a), config);
    }

    /// Goes back to [`Net::set_link`]'s quality between two hosts.
    pub fn clear_path(&mut self, a: IpAddr, b: IpAddr) {
        self.paths.remove(&(a, b));
        self.paths.remove(&(b, a));
    }

    /// Separates two hosts, or joins them again. What is under way is stopped too.
    pub fn partition(&mut self, a: IpAddr, b: IpAddr, on: bool) {
        for pair in [(a, b), (b, a)] {
            if on {
                self.partitions.insert(pair);
            } else {
                self.partitions.remove(&pair);
            }
        }
    }

    /// Takes a host off the network (or puts it back): it neither sends nor receives.
    pub fn set_down(&mut self, host: IpAddr, down: bool) {
        self.hosts.entry(host).or_default().down = down;
    }

    /// Whether a host is off the network.
    #[must_use]
    pub fn is_down(&self, host: IpAddr) -> bool {
        self.hosts.get(&host).is_none_or(|host| host.down)
    }

    /// A host sends a datagram from its own (inner) address.
    pub fn send(&mut self, from: SocketAddr, to: SocketAddr, bytes: &[u8]) {
        self.stats.sent += 1;
        self.stats.bytes_sent += bytes.len() as u64;
        let Some(host) = self.hosts.get(&from.ip()) else {
            self.stats.unrouted += 1;
            return;
        };
        if host.down {
            self.stats.unreachable += 1;
            return;
        }
        let in_one_lan = self.hosts.get(&to.ip()).is_some_and(|other| other.nat == host.nat);
        let seen_from = match host.nat {
            Some(nat) if !in_one_lan => self.nats[nat.0].outbound(self.now_us, from, to),
            _ => from,
        };
        self.carry(Some(from.ip()), seen_from, to, bytes);
    }

    /// Somebody who is no host sends a datagram with any source address that pleases.
    pub fn inject(&mut self, from: SocketAddr, to: SocketAddr, bytes: &[u8]) {
        self.stats.sent += 1;
        self.stats.bytes_sent += bytes.len() as u64;
        self.carry(None, from, to, bytes);
    }

    /// The next moment at which something arrives.
    #[must_use]
    pub fn next_at(&self) -> Option<u64> {
        self.under_way.first_key_value().map(|((at, _), _)| *at)
    }

    /// Moves the clock on; it never goes back.
    pub fn advance_to(&mut self, us: u64) {
        self.now_us = self.now_us.max(us);
    }

    /// The next datagram that has arrived by now.
    pub fn poll(&mut self) -> Option<Delivery> {
        while self.next_at().is_some_and(|at| at <= self.now_us) {
            let ((at, _), packet) = self.under_way.pop_first()?;
            if let Some(delivery) = self.arrive(at, packet) {
                self.stats.delivered += 1;
                return Some(delivery);
            }
        }
        None
    }

    fn carry(&mut self, origin: Option<IpAddr>, from: SocketAddr, to: SocketAddr, bytes: &[u8]) {
        let ends = (origin.unwrap_or(from.ip()), self.receiver(to, from).unwrap_or(to.ip()));
        let config = *self.paths.get(&ends).unwrap_or(&self.link);
        let fate = self.pipes.entry(ends).or_default().carry(&config, &mut self.dice, self.now_us, bytes.len());
        let (first_us, again_us, damaged) = match fate {
            Fate::Lost => {
                self.stats.lost += 1;
                return;
            }
            Fate::Overflowed => {
                self.stats.overflowed += 1;
                return;
            }
            Fate::Arrives { first_us, again_us, damaged } => (first_us, again_us, damaged),
        };
        if let Some(again_us) = again_us {
            self.stats.duplicated += 1;
            self.put_under_way(again_us, UnderWay { origin, from, to, bytes: bytes.to_vec() });
        }
        let mut bytes = bytes.to_vec();
        if damaged {
            self.stats.corrupted += 1;
            damage(&mut bytes, &mut self.dice);
        }
        self.put_under_way(first_us, UnderWay { origin, from, to, bytes });
    }

    fn put_under_way(&mut self, at_us: u64, packet: UnderWay) {
        self.under_way.insert((at_us, self.order_next), packet);
        self.order_next += 1;
    }

    /// Which host would receive what is sent to `to`, as things stand.
    fn receiver(&self, to: SocketAddr, from: SocketAddr) -> Option<IpAddr> {
        match self.nat_at(to.ip()) {
            Some(nat) => self.nats[nat.0].peek(self.now_us, to.port(), from).map(|inner| inner.ip()),
            None => Some(to.ip()),
        }
    }

    fn nat_at(&self, public_ip: IpAddr) -> Option<NatId> {
        self.nats.iter().position(|nat| nat.config.public_ip == public_ip).map(NatId)
    }

    fn arrive(&mut self, at_us: u64, packet: UnderWay) -> Option<Delivery> {
        let UnderWay { origin, from, to, bytes } = packet;
        let origin_nat = origin.and_then(|ip| self.hosts.get(&ip)).and_then(|host| host.nat);
        let (inner, behind) = match self.nat_at(to.ip()) {
            Some(nat) => {
                let loops_back = origin_nat == Some(nat) && !self.nats[nat.0].config.hairpin;
                let inner = if loops_back { None } else { self.nats[nat.0].inbound(at_us, to.port(), from) };
                let Some(inner) = inner else {
                    self.stats.filtered += 1;
                    return None;
                };
                (inner, Some(nat))
            }
            None => (to, None),
        };
        let Some(host) = self.hosts.get(&inner.ip()) else {
            self.stats.unrouted += 1;
            return None;
        };
        let in_one_lan = host.nat.is_some() && host.nat == origin_nat;
        if host.nat != behind && !in_one_lan {
            self.stats.unrouted += 1;
            return None;
        }
        let separated = origin.is_some_and(|origin| self.partitions.contains(&(origin, inner.ip())));
        if host.down || separated {
            self.stats.unreachable += 1;
            return None;
        }
        Some(Delivery { from, to: inner, via: to, bytes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::NatKind;

    const SECOND: u64 = 1_000_000;

    fn ip(n: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, n])
    }

    fn at(n: u8, port: u16) -> SocketAddr {
        SocketAddr::new(ip(n), port)
    }

    fn inner(port: u16) -> SocketAddr {
        SocketAddr::from(([10, 0, 0, 1], port))
    }

    /// Two servers in the open, and a host 10.0.0.1 behind a NAT 192.0.2.100.
    fn home(kind: NatKind) -> (Net, NatId) {
        let mut net = Net::new(1);
        net.add_host(ip(1));
        net.add_host(ip(2));
        net.add_host(inner(0).ip());
        let nat = net.add_nat(NatConfig { kind, ..NatConfig::new(ip(100)) });
        net.put_behind(inner(0).ip(), nat);
        (net, nat)
    }

    /// Everything that arrives within a second, in order.
    fn run(net: &mut Net) -> Vec<Delivery> {
        let until = net.now_us() + SECOND;
        let mut all = vec![];
        while let Some(next) = net.next_at().filter(|&next| next <= until) {
            net.advance_to(next);
            all.extend(std::iter::from_fn(|| net.poll()));
        }
        net.advance_to(until);
        all
    }

    /// Sends from behind the NAT and gives the public address that the server saw.
    fn seen(net: &mut Net, from: SocketAddr, to: SocketAddr) -> SocketAddr {
        net.send(from, to, b"x");
        run(net).pop().expect("arrives").from
    }

    #[test]
    fn a_datagram_arrives_after_the_latency_of_its_path() {
        let (mut net, _) = home(NatKind::FullCone);
        net.set_path(ip(1), ip(2), LinkConfig { latency_us: 70_000, ..LinkConfig::default() });
        net.send(at(1, 5), at(2, 6), b"hello");
        assert_eq!(net.next_at(), Some(70_000));
        net.advance_to(69_999);
        assert_eq!(net.poll(), None);
        net.advance_to(70_000);
        assert_eq!(
            net.poll(),
            Some(Delivery { from: at(1, 5), to: at(2, 6), via: at(2, 6), bytes: b"hello".to_vec() })
        );
    }

    #[test]
    fn the_same_seed_gives_the_same_run_and_another_seed_another() {
        let story = |seed| {
            let mut net = Net::new(seed);
            net.add_host(ip(1));
            net.add_host(ip(2));
            let bad = LinkConfig {
                jitter_us: 30_000,
                loss: 0.2,
                duplicate: 0.2,
                corrupt: 0.2,
                reorder: 0.2,
                ..LinkConfig::default()
            };
            net.set_link(bad);
            (0..100).for_each(|i| net.send(at(1, 1), at(2, 2), &[i; 50]));
            run(&mut net)
        };
        assert_eq!(story(3), story(3));
        assert_ne!(story(3), story(4));
    }

    #[test]
    fn loss_duplication_and_corruption_happen_as_often_as_they_are_asked_for() {
        let mut net = Net::new(9);
        net.add_host(ip(1));
        net.add_host(ip(2));
        net.set_link(LinkConfig { loss: 0.3, duplicate: 0.1, corrupt: 0.05, ..LinkConfig::default() });
        (0..10_000).for_each(|_| net.send(at(1, 1), at(2, 2), &[7; 100]));
        let arrived = run(&mut net);
        let stats = net.stats();
        assert!((2_800..3_200).contains(&stats.lost), "{stats:?}");
        assert!((600..800).contains(&stats.duplicated), "{stats:?}");
        let damaged = arrived.iter().filter(|d| d.bytes != [7; 100]).count() as u64;
        assert_eq!(damaged, stats.corrupted);
        assert!((280..430).contains(&damaged), "{stats:?}");
    }

    #[test]
    fn jitter_alone_keeps_the_order_and_reordering_breaks_it() {
        let order = |reorder| {
            let mut net = Net::new(5);
            net.add_host(ip(1));
            net.add_host(ip(2));
            net.set_link(LinkConfig { jitter_us: 50_000, reorder, ..LinkConfig::default() });
            (0..200u8).for_each(|i| net.send(at(1, 1), at(2, 2), &[i]));
            run(&mut net).iter().map(|d| d.bytes[0]).collect::<Vec<_>>()
        };
        assert!(order(0.0).is_sorted());
        assert!(!order(0.1).is_sorted());
    }

    #[test]
    fn bandwidth_spreads_datagrams_out_and_a_full_queue_loses_the_rest() {
        let mut net = Net::new(5);
        net.add_host(ip(1));
        net.add_host(ip(2));
        let narrow = LinkConfig {
            latency_us: 0,
            bandwidth_bps: Some(1_000_000),
            queue_bytes: 10 * 1_000,
            ..LinkConfig::default()
        };
        net.set_link(narrow);
        (0..20).for_each(|_| net.send(at(1, 1), at(2, 2), &[0; 972]));
        assert_eq!(net.next_at(), Some(8_000), "1000 bytes at 1 Mbit/s");
        assert_eq!(run(&mut net).len(), 10);
        assert_eq!(net.stats().overflowed, 10);
    }

    #[test]
    fn a_partition_stops_what_is_under_way_and_heals() {
        let (mut net, _) = home(NatKind::PortRestricted);
        net.send(inner(1), at(1, 1), b"lost");
        net.partition(inner(0).ip(), ip(1), true);
        assert_eq!(run(&mut net), []);
        net.partition(inner(0).ip(), ip(1), false);
        net.send(inner(1), at(1, 1), b"through");
        assert_eq!(run(&mut net).len(), 1);
    }

    #[test]
    fn a_host_that_is_down_neither_sends_nor_receives() {
        let (mut net, _) = home(NatKind::FullCone);
        net.set_down(ip(2), true);
        net.send(at(1, 1), at(2, 2), b"x");
        net.send(at(2, 2), at(1, 1), b"x");
        assert_eq!(run(&mut net), []);
        assert_eq!(net.stats().unreachable, 2);
    }

    #[test]
    fn a_nat_shows_one_port_for_one_inner_port_and_lets_only_the_one_written_to_answer() {
        let (mut net, _) = home(NatKind::PortRestricted);
        let public = seen(&mut net, inner(40), at(1, 1));
        assert_eq!(public.ip(), ip(100));
        assert_eq!(seen(&mut net, inner(40), at(1, 9)), public, "the mapping does not depend on the remote");
        assert_ne!(seen(&mut net, inner(41), at(1, 1)), public);
        net.send(at(1, 1), public, b"answer");
        net.send(at(2, 1), public, b"stranger");
        net.send(at(1, 2), public, b"wrong port");
        let arrived = run(&mut net);
        assert_eq!(arrived, [Delivery { from: at(1, 1), to: inner(40), via: public, bytes: b"answer".to_vec() }]);
        assert_eq!(net.stats().filtered, 2);
    }

    #[test]
    fn a_full_cone_lets_anybody_in_through_an_open_port() {
        let (mut net, _) = home(NatKind::FullCone);
        let public = seen(&mut net, inner(40), at(1, 1));
        net.send(at(2, 7), public, b"stranger");
        assert_eq!(run(&mut net).len(), 1);
    }

    #[test]
    fn a_symmetric_nat_shows_another_port_to_each_remote() {
        let (mut net, _) = home(NatKind::Symmetric);
        let one = seen(&mut net, inner(40), at(1, 1));
        let two = seen(&mut net, inner(40), at(2, 1));
        assert_ne!(one, two);
        net.send(at(2, 1), one, b"through the wrong port");
        assert_eq!(run(&mut net), []);
    }

    #[test]
    fn a_flow_without_a_reply_is_forgotten_after_thirty_seconds_and_a_stream_after_two_minutes() {
        let (mut net, _) = home(NatKind::PortRestricted);
        let public = seen(&mut net, inner(40), at(1, 1));
        net.advance_to(29 * SECOND);
        net.send(at(1, 1), public, b"in time");
        assert_eq!(run(&mut net).len(), 1);
        net.send(inner(40), at(1, 1), b"now a stream");
        run(&mut net);
        net.advance_to(net.now_us() + 110 * SECOND);
        net.send(at(1, 1), public, b"in time");
        assert_eq!(run(&mut net).len(), 1);
        net.advance_to(net.now_us() + 121 * SECOND);
        net.send(at(1, 1), public, b"too late");
        assert_eq!(run(&mut net), []);
    }

    #[test]
    fn an_incoming_packet_alone_opens_nothing() {
        let (mut net, _) = home(NatKind::PortRestricted);
        let public = seen(&mut net, inner(40), at(1, 1));
        net.advance_to(31 * SECOND);
        net.send(at(1, 1), public, b"too late");
        assert_eq!(run(&mut net), []);
        assert_ne!(seen(&mut net, inner(40), at(1, 1)), public, "a new flow gets a new port");
    }

    #[test]
    fn after_a_rebind_the_old_port_is_dead_and_the_next_packet_shows_another() {
        let (mut net, nat) = home(NatKind::PortRestricted);
        let old = seen(&mut net, inner(40), at(1, 1));
        net.rebind(nat);
        net.send(at(1, 1), old, b"x");
        assert_eq!(run(&mut net), []);
        assert_ne!(seen(&mut net, inner(40), at(1, 1)), old);
    }

    #[test]
    fn a_host_that_roams_is_seen_elsewhere_and_what_was_sent_to_its_old_place_is_lost() {
        let (mut net, _) = home(NatKind::PortRestricted);
        let old = seen(&mut net, inner(40), at(1, 1));
        let mobile = net.add_nat(NatConfig::new(ip(200)));
        net.send(at(1, 1), old, b"x");
        net.roam(inner(0).ip(), Some(mobile));
        assert_eq!(run(&mut net), []);
        assert_eq!(seen(&mut net, inner(40), at(1, 1)).ip(), ip(200));
    }

    #[test]
    fn hosts_behind_one_nat_reach_each_other_directly_and_by_hairpin() {
        let (mut net, nat) = home(NatKind::FullCone);
        let neighbour = SocketAddr::from(([10, 0, 0, 2], 40));
        net.add_host(neighbour.ip());
        net.put_behind(neighbour.ip(), nat);
        net.send(neighbour, inner(1), b"direct");
        assert_eq!(run(&mut net).pop().unwrap().from, neighbour);
        let public = seen(&mut net, inner(1), at(1, 1));
        net.send(neighbour, public, b"hairpin");
        assert_eq!(run(&mut net).pop().unwrap().from.ip(), ip(100));
        net.send(at(1, 1), inner(1), b"from outside");
        assert_eq!(run(&mut net), [], "an inner address cannot be reached from outside");
    }

    #[test]
    fn a_packet_with_a_false_source_reaches_whoever_is_in_the_open() {
        let (mut net, _) = home(NatKind::PortRestricted);
        net.inject(at(77, 7), at(1, 1), b"spoofed");
        assert_eq!(run(&mut net).pop().unwrap().from, at(77, 7));
    }
}
