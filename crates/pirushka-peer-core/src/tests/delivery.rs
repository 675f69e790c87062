//! Messages reach the user who is here, and wait for the one who is not.

use pirushka_wire::frame::error_code;
use pirushka_wire::time::{MINUTE, SECOND};

use super::*;

/// A peer with a registered user and a sender.
fn scene() -> (World, usize, Incarnation, usize) {
    let mut world = World::new(PeerConfig::default());
    let (bob, sender) = (world.client(), world.client());
    let incarnation = world.register(bob, &person(1));
    world.queue_set(bob, 1);
    world.list_end(bob);
    (world, bob, incarnation, sender)
}

#[test]
fn fact_02_who_is_registered_is_told_of_a_new_message_at_once() {
    let (mut world, bob, incarnation, sender) = scene();
    assert_eq!(world.deposit(sender, 1, 42), Answer::Ok);
    assert_eq!(world.pushed(bob), [(1, 42)]);
    world.ack(bob, incarnation, [1]);
    assert_eq!(world.held(), 0);
    world.run(MINUTE);
    assert_eq!(world.pushed(bob), []);
}

#[test]
fn fact_03_who_was_unreachable_asks_and_gets_what_the_peer_still_remembers_oldest_first() {
    let (mut world, bob, incarnation, sender) = scene();
    world.clients[bob].is_connected = false;
    world.run(2 * MINUTE);
    for n in 10..15 {
        assert_eq!(world.deposit(sender, 1, n), Answer::Ok);
    }
    world.run(5 * MINUTE);
    let pushes = world.peer.stats().pushes;
    assert_eq!(pushes, 0, "nothing is sent to somebody unheard for so long");
    world.clients[bob].is_connected = true;
    let Answer::Status(status) = world.ask(bob, &Frame::Poll { request: NO_REQUEST }) else { panic!() };
    assert_eq!((status.messages, status.boot), (5, world.peer.boot()));
    assert!(status.oldest_s >= 300);
    assert_eq!(world.pushed(bob), [(1, 10), (2, 11), (3, 12), (4, 13), (5, 14)]);
    world.ack(bob, incarnation, 1..=5);
    assert_eq!(world.held(), 0);
}

#[test]
fn fact_04_after_a_restart_the_peer_remembers_nothing_and_says_so() {
    let (mut world, bob, _, sender) = scene();
    world.clients[bob].is_connected = false;
    world.deposit(sender, 1, 42);
    let boot = world.peer.boot();
    world.restart(PeerConfig::default());
    assert_ne!(world.peer.boot(), boot);
    let stats = world.peer.stats();
    assert_eq!((stats.users, stats.messages_held, stats.bytes_held), (0, 0, 0));
    let sender = world.client();
    assert_eq!(error(&world.deposit(sender, 1, 42)), error_code::UNKNOWN_QUEUE);
}

#[test]
fn a_contact_reaches_an_absent_user_again_by_ticket_after_a_restart() {
    let (mut world, bob, _, _) = scene();
    let ticket = world.queue_set(bob, 1);
    world.restart(PeerConfig::default());
    let sender = world.client();
    let name = person(1).fingerprint();
    assert_eq!(world.restore(sender, name, 1, ticket), Answer::Ok);
    assert_eq!(world.deposit(sender, 1, 42), Answer::Ok);
    assert_eq!(error(&world.restore(sender, person(2).fingerprint(), 1, ticket)), error_code::BAD_PROOF);
    let back = world.client();
    world.register(back, &person(1));
    assert_eq!(world.pushed(back), [(1, 42)]);
}

#[test]
fn t24_a_revoked_queue_is_unknown_to_its_contact_also_with_a_ticket() {
    let (mut world, bob, _, sender) = scene();
    let ticket = world.queue_set(bob, 1);
    world.list_end(bob);
    let drop = Frame::QueueDrop { request: NO_REQUEST, queue: QueueId([1; 16]) };
    assert_eq!(world.ask(bob, &drop), Answer::Ok);
    assert_eq!(error(&world.deposit(sender, 1, 42)), error_code::UNKNOWN_QUEUE);
    assert_eq!(error(&world.restore(sender, person(1).fingerprint(), 1, ticket)), error_code::UNKNOWN_QUEUE);
}

#[test]
fn pushes_are_repeated_until_acknowledged_whatever_the_network_loses() {
    let (mut world, bob, incarnation, sender) = scene();
    world.loses = |client, n| client == 0 && n % 3 != 0;
    for n in 0..30 {
        assert_eq!(world.deposit(sender, 1, n), Answer::Ok);
    }
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..60 {
        world.run(SECOND);
        let got: Vec<u64> = world.pushed(bob).into_iter().map(|(delivery, _)| delivery).collect();
        seen.extend(&got);
        world.ack(bob, incarnation, got);
    }
    assert_eq!(seen, (1..=30).collect());
    assert_eq!(world.held(), 0);
    assert!(world.peer.stats().pushes_repeated > 0);
}

#[test]
fn a_full_mailbox_drains_through_the_window_to_a_user_who_comes_back() {
    let (mut world, bob, incarnation, sender) = scene();
    let now = world.now;
    world.clients[bob].link.close(now);
    world.run(SECOND);
    for n in 0..200 {
        assert_eq!(world.deposit(sender, 1, n), Answer::Ok);
    }
    let back = world.client();
    assert_eq!(world.register(back, &person(1)), incarnation);
    let mut got = vec![];
    while got.len() < 200 {
        let pushed = world.pushed(back);
        assert!(!pushed.is_empty());
        world.ack(back, incarnation, pushed.iter().map(|(delivery, _)| *delivery));
        got.extend(pushed.iter().map(|(_, body)| *body));
    }
    assert_eq!(got, (0..200).collect::<Vec<u8>>());
}

#[test]
fn an_acknowledgement_for_another_life_of_the_mailbox_is_ignored() {
    let (mut world, bob, _, sender) = scene();
    world.deposit(sender, 1, 42);
    world.ack(bob, Incarnation([9; 8]), [1]);
    assert_eq!(world.held(), 1);
}

#[test]
fn a_sender_needs_no_registration_and_the_peer_keeps_nothing_of_it() {
    let kept_of_deposit_by = |which: usize| {
        let (mut world, _, _, first) = scene();
        let senders = [first, world.client()];
        world.deposit(senders[which], 1, 42);
        assert_eq!(world.held(), 1);
        world.peer.kept()
    };
    assert_eq!(kept_of_deposit_by(0), kept_of_deposit_by(1), "whoever deposits, what is kept is the same");
}

#[test]
fn later_is_answered_after_its_delay_and_one_at_a_time() {
    let (mut world, bob, _, _) = scene();
    let began = world.now.mono_us;
    let later = |delay_s| Frame::Later { request: NO_REQUEST, delay_s };
    let now = world.now;
    let first = world.clients[bob].link.request(now, &later(30), Class::Control);
    assert_eq!(error(&world.ask(bob, &later(30))), error_code::SLOW_DOWN);
    assert_eq!(error(&world.ask(bob, &later(151))), error_code::REFUSED);
    let answered = ClientLinkEvent::Answered { request: first, answer: Answer::Ok };
    while world.now.mono_us < began + 29 * SECOND {
        world.run(SECOND);
        assert!(!world.clients[bob].events.contains(&answered));
    }
    world.run(2 * SECOND);
    assert!(world.clients[bob].events.contains(&answered));
}

#[test]
fn a_draining_peer_takes_no_deposits_and_is_drained_when_those_who_are_here_have_theirs() {
    let (mut world, bob, incarnation, sender) = scene();
    world.deposit(sender, 1, 42);
    let now = world.now;
    world.peer.drain(now, 10 * SECOND);
    assert_eq!(error(&world.deposit(sender, 1, 43)), error_code::DRAINING);
    assert!(!world.peer.is_drained());
    world.ack(bob, incarnation, [1]);
    assert!(world.peer.is_drained());
}

#[test]
fn the_same_inputs_make_the_same_peer() {
    let run = || {
        let (mut world, bob, incarnation, sender) = scene();
        for n in 0..10 {
            world.deposit(sender, 1, n);
        }
        world.ack(bob, incarnation, 1..=5);
        world.run(MINUTE);
        (world.peer.stats(), world.now, world.sent, world.pushed(bob))
    };
    assert_eq!(run(), run());
}
