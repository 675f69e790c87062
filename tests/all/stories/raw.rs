//! The link and the peer alone: users without end-to-end encryption, who trust a peer that says "held".

use pirushka_netsim::LinkConfig;
use pirushka_peer_core::PeerConfig;
use pirushka_sim::{RawConfig, RawUser, World};
use pirushka_wire::time::{MINUTE, SECOND};

fn two_at_one_peer(seed: u64, config: PeerConfig) -> World<RawUser> {
    let mut world = World::new(seed, super::trace());
    world.add_peer(config);
    RawUser::add(&mut world, "alice", 0, RawConfig::default());
    RawUser::add(&mut world, "bob", 0, RawConfig::default());
    RawUser::introduce(&mut world, 0, 1);
    assert!(world.until(10 * SECOND, |world| world.users.iter().all(RawUser::is_online)));
    RawUser::share_tickets(&mut world);
    world
}

fn all_arrive(world: &mut World<RawUser>, within_us: u64) {
    let all = world.until(world.now_us() + within_us, RawUser::all_shown);
    assert!(world.violations.is_empty(), "{:?}", world.violations);
    assert!(all, "unheld: {}, lost: {:?}", world.users[0].unheld(), RawUser::lost_while_held(world));
}

#[test]
fn an_envelope_reaches_its_recipient_in_one_round_trip_each() {
    let mut world = two_at_one_peer(1, PeerConfig::default());
    world.users[0].send(1, 320);
    all_arrive(&mut world, SECOND);
}

#[test]
fn what_is_held_is_given_out_when_the_recipient_returns() {
    let mut world = two_at_one_peer(2, PeerConfig::default());
    world.users[1].crash();
    (0..20).for_each(|_| {
        world.users[0].send(1, 1088);
    });
    world.run_for(10 * MINUTE);
    assert_eq!(world.users[0].unheld(), 0);
    world.users[1].start();
    all_arrive(&mut world, 5 * SECOND);
}

#[test]
fn a_full_queue_refuses_and_everything_arrives_once_it_drains() {
    let mut world = two_at_one_peer(3, PeerConfig { queue_messages: 4, ..PeerConfig::default() });
    world.users[1].crash();
    (0..20).for_each(|_| {
        world.users[0].send(1, 320);
    });
    world.run_for(MINUTE);
    assert_eq!(world.users[0].unheld(), 16);
    world.users[1].start();
    all_arrive(&mut world, 5 * MINUTE);
}

#[test]
fn a_restart_of_the_peer_is_noticed_by_the_sender_and_mended_by_the_ticket() {
    let mut world = two_at_one_peer(4, PeerConfig::default());
    world.users[1].crash();
    world.users[0].send(1, 320);
    world.run_for(10 * SECOND);
    world.crash_peer(0);
    world.run_for(SECOND);
    world.start_peer(0);
    world.run_for(MINUTE);
    let stats = world.peers[0].peer().map(pirushka_peer_core::Peer::stats);
    assert!(stats.is_some_and(|stats| stats.queues_restored == 1 && stats.messages_held == 1), "{stats:?}");
    world.users[1].start();
    all_arrive(&mut world, 30 * SECOND);
}

#[test]
fn a_burst_goes_through_a_narrow_link_with_a_short_queue() {
    let mut world = two_at_one_peer(5, PeerConfig::default());
    let narrow = LinkConfig { bandwidth_bps: Some(1_000_000), queue_bytes: 32 * 1024, ..LinkConfig::default() };
    world.net.set_link(narrow);
    (0..400).for_each(|_| {
        world.users[0].send(1, 1088);
    });
    // 400 x 1.2 kB at 1 Mbit/s take 4 s up and 4 s down.
    all_arrive(&mut world, 30 * SECOND);
    let sent = world.net.stats();
    assert!(sent.overflowed < sent.sent / 10, "{sent:?}");
}
