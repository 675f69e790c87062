//! One seed with raw users.

use pirushka_wire::time::SECOND;

use super::Outcome;
use super::faults::{apply, calm};
use crate::checks::Rule;
use crate::plan::{Plan, Step};
use crate::rand::Rand;
use crate::raw::{RawConfig, RawUser};
use crate::world::World;

/// After the faults, the largest time in which every raw user is registered again: a keepalive, silence, the longest pause,
/// a handshake.
const RAW_REACHABLE_US: u64 = 110 * SECOND;
/// After the faults, twice the largest retry interval of raw users (a full peer asks them to wait a minute).
const RAW_SHOWN_US: u64 = 300 * SECOND;

/// Runs one seed with raw users.
pub(super) fn run(seed: u64, print: bool) -> Outcome {
    let plan = Plan::of(seed, true);
    let mut world = World::new(seed, print);
    for config in &plan.peers {
        world.add_peer(config.clone());
    }
    for (n, user) in plan.users.iter().enumerate() {
        let (mut place, seeds) = world.add_place(|ip| user.nat(ip));
        place.clock.skew_ms = user.skew_ms;
        RawUser::add_at(&mut world, &format!("user-{n}"), user.home, RawConfig::default(), place, seeds);
    }
    for a in 0..plan.users.len() {
        (0..a).for_each(|b| RawUser::introduce(&mut world, a, b));
    }
    // A first minute in peace, so that tickets exist, as they do between people who know each other.
    world.until(60 * SECOND, |world| world.users.iter().all(RawUser::is_online));
    RawUser::share_tickets(&mut world);
    let mut messages = 0;
    let mut rand = Rand::new(seed ^ 0xa77a);
    world.net.set_link(plan.weather);
    world.situations.weather(&plan.weather);
    let start = world.now_us();
    for (at, step) in &plan.steps {
        world.run_until(start + at);
        if !world.violations.is_empty() {
            break;
        }
        match *step {
            Step::Send { from, to, size } => {
                messages += 1;
                world.users[from].send(to, size);
                world.settle_user(from);
            }
            Step::CrashUser(user, ..) => world.users[user].crash(),
            Step::StartUser(user) => world.users[user].start(),
            common => apply(&mut world, &mut rand, common),
        }
    }
    world.run_until(start + plan.calm_us);
    calm(&mut world);
    (0..world.users.len()).for_each(|user| {
        if world.users[user].is_crashed() {
            world.users[user].start();
        }
    });
    let calm_us = world.now_us();
    world.until(calm_us + RAW_REACHABLE_US, all_reachable);
    if world.violations.is_empty() && !all_reachable(&world) {
        let online: Vec<_> = world.users.iter().map(RawUser::is_online).collect();
        world.breach(
            Rule::L2,
            format!("not everybody is registered {RAW_REACHABLE_US} us after the faults: {online:?}"),
        );
    }
    if !world.until(calm_us + RAW_SHOWN_US, RawUser::all_shown) && world.violations.is_empty() {
        let lost = RawUser::lost_while_held(&world);
        let unheld: Vec<_> = world.users.iter().map(RawUser::unheld).collect();
        match lost.first() {
            Some(first) => world.breach(Rule::S2, format!("{} messages lost while held, first {first}", lost.len())),
            None => world.breach(Rule::L1, format!("messages still wait, not even held by users: {unheld:?}")),
        }
    }
    world.count_peers();
    if print && !world.violations.is_empty() {
        for node in &world.peers {
            println!("{} {:?}", node.name, node.peer().map(pirushka_peer_core::Peer::stats));
        }
    }
    Outcome {
        seed,
        hash: world.trace.hash(),
        virtual_us: world.now_us(),
        messages,
        entries: world.trace.entries,
        situations: world.situations.0,
        violations: world.violations,
    }
}

fn all_reachable(world: &World<RawUser>) -> bool {
    let online: u64 = world.peers.iter().filter_map(|node| Some(node.peer()?.stats().users_online)).sum();
    online == world.users.len() as u64 && world.users.iter().all(RawUser::is_online)
}
