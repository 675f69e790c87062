//! The whole peer when memory is short, networks are blocked, and its operator changes its mind.

use pirushka_link::{ClientLinkEvent, Drop, PeerLink};
use pirushka_wire::frame::error_code;
use pirushka_wire::time::{MINUTE, SECOND};

use super::{World, error, person};
use crate::{BlockList, PeerConfig, Stats};

const CAP: u64 = 128 << 10;

/// Bob is away, and the peer is full of what was left for him.
fn full_world() -> (World, usize, u16) {
    let mut world = World::new(PeerConfig { ram_bytes: CAP, queue_messages: 2_000, ..PeerConfig::default() });
    let (bob, sender) = (world.client(), world.client());
    world.register(bob, &person(1));
    for queue in 0..3 {
        world.queue_set(bob, queue);
    }
    let now = world.now;
    world.clients[bob].link.close(now);
    world.run(SECOND);
    let mut held = 0;
    for queue in 0..3 {
        for deposit in 0..=255 {
            match world.deposit(sender, queue, deposit) {
                pirushka_link::Answer::Ok => held += 1,
                refused => {
                    assert_eq!(error(&refused), error_code::FULL);
                    return (world, sender, held);
                }
            }
        }
    }
    panic!("{CAP} bytes hold more than {held} messages");
}

fn stats(world: &World) -> Stats {
    world.peer.check();
    world.peer.stats()
}

#[test]
fn a_full_peer_still_lets_its_user_in_to_fetch_and_takes_again_then() {
    let (mut world, sender, held) = full_world();
    assert!(stats(&world).pressure_percent >= 98, "{:?}", stats(&world));
    let back = world.client();
    let incarnation = world.register(back, &person(1));
    let mut got = 0;
    while got < usize::from(held) {
        let pushed = world.pushed(back);
        assert!(!pushed.is_empty(), "{got} of {held}");
        got += pushed.len();
        world.ack(back, incarnation, pushed.into_iter().map(|(delivery, _)| delivery));
    }
    assert_eq!(world.held(), 0);
    assert_eq!(world.deposit(sender, 2, 250), pirushka_link::Answer::Ok);
    assert!(stats(&world).bytes_held <= CAP);
}

#[test]
fn a_full_peer_has_sessions_within_their_share_and_no_more() {
    let (mut world, ..) = full_world();
    let share = CAP / crate::limits::SESSIONS_SHARE;
    // More than fit; those that do not are dropped like HELLOs that find no slot, and repeated by their clients.
    for _ in 0..40 {
        world.may_connect();
    }
    let live = stats(&world).sessions;
    assert!((share / 1200..=share / PeerLink::SESSION_BYTES).contains(&live), "{live} sessions in {share} bytes");
    assert!(world.peer.link_counters().dropped(Drop::SessionsFull) > 0);
    assert!(stats(&world).bytes_held <= CAP, "{:?}", stats(&world));
}

#[test]
fn in_a_full_peer_a_newcomer_takes_the_place_of_a_sender_that_is_silent_and_of_nobody_else() {
    let (mut world, sender, _) = full_world();
    let bob = world.client();
    world.register(bob, &person(1));
    for _ in 0..40 {
        world.may_connect();
        world.deposit(sender, 0, 255);
    }
    // The flood is over; its sessions are still there.
    world.clients.iter_mut().skip(bob + 1).for_each(|client| client.is_connected = false);
    for _ in 0..4 {
        world.deposit(sender, 0, 255);
        world.run(5 * SECOND);
    }
    let all = world.clients.len() + 4;
    while world.clients.len() < all {
        world.may_connect();
    }
    world.run(5 * SECOND);
    let established = |client: usize| world.clients[client].link.is_established();
    assert!((all - 4..all).all(established), "{:?}", stats(&world));
    assert!(established(sender) && established(bob));
    assert!(world.peer.link_counters().gave_way > 0);
    assert!(stats(&world).bytes_held <= CAP, "{:?}", stats(&world));
}

/// Bob has two sessions, of which the older is dead. `before` says how many messages were on their way in it when the
/// newer came, and when all have been taken, how many bytes the peer holds.
fn held_after_a_change_of_session(before: u8) -> u64 {
    let mut world = World::new(PeerConfig::default());
    let (bob, sender) = (world.client(), world.client());
    world.register(bob, &person(1));
    world.queue_set(bob, 1);
    (0..before).for_each(|n| assert_eq!(world.deposit(sender, 1, n), pirushka_link::Answer::Ok));
    world.clients[bob].is_connected = false;
    let back = world.client();
    let incarnation = world.register(back, &person(1));
    world.pushed(back);
    world.ack(back, incarnation, 0..=u64::from(before));
    world.clients[back].is_connected = false;
    world.run(10 * MINUTE);
    assert_eq!((world.held(), stats(&world).sessions), (0, 2));
    stats(&world).bytes_held
}

#[test]
fn a_session_that_no_longer_gets_the_pushes_takes_nothing_for_them() {
    assert_eq!(held_after_a_change_of_session(12), held_after_a_change_of_session(0));
}

#[test]
fn what_was_on_its_way_to_somebody_who_is_silent_takes_nothing_beside_the_messages() {
    let held = |silent_first: bool| {
        let mut world = World::new(PeerConfig::default());
        let (bob, sender) = (world.client(), world.client());
        world.register(bob, &person(1));
        world.queue_set(bob, 1);
        world.clients[bob].is_connected = !silent_first;
        world.run(if silent_first { 2 * MINUTE } else { 0 });
        (0..12).for_each(|n| assert_eq!(world.deposit(sender, 1, n), pirushka_link::Answer::Ok));
        assert_eq!(stats(&world).pushes == 0, silent_first);
        world.clients[bob].is_connected = false;
        world.run(10 * MINUTE);
        assert_eq!((world.held(), stats(&world).sessions), (12, 1));
        stats(&world).bytes_held
    };
    assert!(held(false) < held(true) + crate::limits::FLIGHT_OVERHEAD);
}

#[test]
fn what_comes_from_a_blocked_network_is_not_looked_at_and_other_networks_are_served() {
    let mut world = World::new(PeerConfig::default());
    let (bob, carol) = (world.client(), world.client());
    world.register(bob, &person(1));
    let before = stats(&world);
    let network = format!("{}/32", world.clients[bob].address.ip());
    world.peer.set_blocked(std::iter::once(network.parse().unwrap()).collect::<BlockList>());
    let root = world.register_packet(bob, &person(1));
    let now = world.now;
    let frame = super::registration(pirushka_wire::InstanceId([1; 16]), &root);
    world.clients[bob].link.request(now, &frame, pirushka_link::Class::Control);
    world.run(5 * SECOND);
    assert_eq!(world.events(bob), [ClientLinkEvent::Quiet]);
    let counted = world.peer.link_counters().dropped(Drop::Blocked);
    assert!(counted > 0);
    assert_eq!(stats(&world).registrations, before.registrations);
    world.register(carol, &person(2));
    world.peer.set_blocked(BlockList::default());
    world.run(10 * SECOND);
    assert!(!world.events(bob).is_empty(), "let in again, the repeated request is answered");
}

#[test]
fn other_limits_hold_for_new_sessions_and_what_is_there_stays() {
    let mut world = World::new(PeerConfig::default());
    let (bob, sender) = (world.client(), world.client());
    world.register(bob, &person(1));
    world.queue_set(bob, 1);
    assert_eq!(world.deposit(sender, 1, 1), pirushka_link::Answer::Ok);
    let told = |world: &World, n: usize| world.clients[n].link.welcome().map(|welcome| welcome.terms.hold_s);
    assert_eq!(told(&world, sender), Some(14 * 86_400));
    world.peer.set_config(&PeerConfig { hold_s: 20 * 86_400, queues_max: 1, ..PeerConfig::default() });
    let later = world.client();
    assert_eq!(told(&world, later), Some(20 * 86_400));
    assert_eq!(world.deposit(sender, 1, 2), pirushka_link::Answer::Ok, "the old session and queue live on");
    world.peer.set_config(&PeerConfig { hold_s: 60, ..PeerConfig::default() });
    let last = world.client();
    assert_eq!(told(&world, last), Some(20 * 86_400), "never less than was told");
    world.run(1000 * SECOND);
    assert_eq!(world.held(), 2);
}
