//! What breaks, whoever the users are: peers, paths, NATs, attackers; and how all of it ends.

use std::net::{IpAddr, SocketAddr};

use pirushka_netsim::LinkConfig;
use pirushka_wire::time::SECOND;

use crate::plan::Step;
use crate::rand::Rand;
use crate::world::{User, World};

/// Carries out a step that has nothing to do with what kind of users there are, and counts the situation it makes.
pub(super) fn apply<U: User>(world: &mut World<U>, rand: &mut Rand, step: Step) {
    let name = carry_out(world, rand, step);
    world.situations.count(name);
}

fn carry_out<U: User>(world: &mut World<U>, rand: &mut Rand, step: Step) -> &'static str {
    match step {
        Step::CrashPeer(peer) => {
            let holds = holds_messages(world, peer);
            world.crash_peer(peer);
            if holds { "peer dies while it holds messages" } else { "peer dies" }
        }
        Step::DrainPeer(peer) => {
            let holds = holds_messages(world, peer);
            world.drain_peer(peer, 60 * SECOND);
            if holds { "peer is asked to end while it holds messages" } else { "peer is asked to end" }
        }
        Step::StartPeer(peer) => {
            world.start_peer(peer);
            "peer starts again"
        }
        Step::Corrupt { peer, mischief } => {
            world.corrupt_peer(peer, mischief);
            "a peer falls into bad hands"
        }
        Step::Cut { user, peer, on } => {
            let (a, b) = (world.users[user].place().ip, world.peers[peer].address.ip());
            world.net.partition(a, b, on);
            let name = world.users[user].name().to_owned();
            world.tell(&name, format_args!("{} peer-{}", if on { "cannot reach" } else { "can reach" }, peer + 1));
            if on { "a user is cut off from a peer" } else { "" }
        }
        Step::PeerOff { peer, on } => {
            let ip = world.peers[peer].address.ip();
            world.net.set_down(ip, on);
            let name = world.peers[peer].name.clone();
            world.tell(&name, format_args!("is {} the network", if on { "off" } else { "on" }));
            if on { "a peer is off the network for a while" } else { "" }
        }
        Step::Rebind(user) => {
            world.rebind(user);
            "a NAT forgets"
        }
        Step::Roam { user, away } => {
            world.roam(user, away);
            if away { "a user roams" } else { "" }
        }
        Step::Replay { peer, how_many } => {
            replay(world, rand, peer, how_many);
            "captured packets are replayed"
        }
        Step::Junk { peer, how_many } => {
            junk(world, rand, peer, how_many);
            "junk is sent"
        }
        Step::Send { .. } | Step::CrashUser(..) | Step::StartUser(_) | Step::Homes { .. } => "",
    }
}

fn holds_messages<U: User>(world: &World<U>, peer: usize) -> bool {
    world.peers[peer].peer().is_some_and(|peer| peer.stats().messages_held > 0)
}

/// Ends all faults.
pub(super) fn calm<U: User>(world: &mut World<U>) {
    calm_but(world, None);
}

/// Ends all faults but the mischief of one peer.
pub(super) fn calm_but<U: User>(world: &mut World<U>, hostile: Option<usize>) {
    world.net.set_link(LinkConfig { latency_us: 30_000, ..LinkConfig::default() });
    for peer in 0..world.peers.len() {
        world.net.set_down(world.peers[peer].address.ip(), false);
        if hostile == Some(peer) {
            if world.peers[peer].boot().is_none() {
                world.start_peer(peer);
            }
        } else if world.peers[peer].peer().is_none_or(|peer| peer.stats().draining) {
            world.redeem_peer(peer);
        }
        for user in 0..world.users.len() {
            let (a, b) = (world.users[user].place().ip, world.peers[peer].address.ip());
            world.net.partition(a, b, false);
        }
    }
    world.tell("--", format_args!("the faults are over"));
}

/// What stands in the ledger as "must not be answered" comes from this address.
fn stranger(rand: &mut Rand) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 1 + rand.below(200) as u8], 1 + rand.below(60_000) as u16))
}

fn replay<U: User>(world: &mut World<U>, rand: &mut Rand, peer: usize, how_many: usize) {
    for _ in 0..how_many.min(world.captured.len()) {
        let (_, bytes) = rand.pick(&world.captured).clone();
        let from = SocketAddr::from(([100, 64, 0, 1 + rand.below(3) as u8], 4_000));
        world.attack(peer, from, &bytes);
    }
}

fn junk<U: User>(world: &mut World<U>, rand: &mut Rand, peer: usize, how_many: usize) {
    for _ in 0..how_many {
        let bytes: [u8; 1300] = rand.bytes();
        let bytes = &bytes[..rand.below(1300) as usize];
        let from = stranger(rand);
        world.expect_silence(peer, from);
        world.attack(peer, from, bytes);
        let user = rand.below(world.users.len() as u64) as usize;
        let to = SocketAddr::new(IpAddr::from([203, 0, 113, 1 + user as u8]), rand.between(20_000, 60_000) as u16);
        world.net.inject(world.peers[peer].address, to, bytes);
    }
}
