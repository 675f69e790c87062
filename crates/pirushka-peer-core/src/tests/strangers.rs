//! First contact: bundles and introductions.

use pirushka_wire::frame::{error_code, push_class};
use pirushka_wire::time::SECOND;

use super::*;

fn bundle(card: &[u8], packages: &[&[u8]]) -> Vec<u8> {
    let mut out = vec![];
    let mut sized = |bytes: &[u8]| {
        out.extend((bytes.len() as u16).to_be_bytes());
        out.extend(bytes);
    };
    sized(card);
    sized(packages[0]);
    out.push(packages.len() as u8 - 1);
    for package in &packages[1..] {
        out.extend((package.len() as u16).to_be_bytes());
        out.extend(*package);
    }
    out
}

#[test]
fn a_bundle_is_published_in_parts_and_looked_up_with_one_package() {
    let mut world = World::new(PeerConfig::default());
    let (bob, stranger, other) = (world.client(), world.client(), world.client());
    let name = person(1).fingerprint();
    assert_eq!(error(&world.look_up(stranger, name).unwrap_err()), error_code::UNKNOWN_USER);
    world.register(bob, &person(1));
    let (card, last, one) = ([1; 400], [2; 2700], [3; 2700]);
    let answers = world.put(bob, 1, &bundle(&card, &[&last, &one]));
    assert!(answers.len() == 6 && answers.iter().all(|a| *a == Answer::Ok), "{answers:?}");

    let with = |package: &[u8]| {
        let mut body = bundle(&card, &[package]);
        body.pop();
        body
    };
    assert_eq!(world.look_up(stranger, name), Ok(with(&one)));
    assert_eq!(world.look_up(stranger, name), Ok(with(&last)), "one one-time package per session");
    assert_eq!(world.look_up(other, name), Ok(with(&last)), "and there was only one");
    let stats = world.peer.stats();
    assert_eq!((stats.lookups, stats.one_time_packages), (3, 1));
    world.run(61 * SECOND);
    let (bundle, sessions) = (6_000, 3 * 1_300);
    let held = world.peer.stats().bytes_held;
    assert!(held < bundle + sessions, "what was handed out is not kept: {held}");
}

#[test]
fn a_bundle_out_of_shape_is_refused_and_the_old_one_stays() {
    let mut world = World::new(PeerConfig::default());
    let (bob, stranger) = (world.client(), world.client());
    world.register(bob, &person(1));
    world.put(bob, 1, &bundle(b"card", &[b"last"]));
    let answers = world.put(bob, 2, &[0xff; 1500]);
    assert_eq!((answers[0].clone(), error(&answers[1])), (Answer::Ok, error_code::MALFORMED));
    assert!(world.look_up(stranger, person(1).fingerprint()).is_ok());
}

#[test]
fn an_introduction_with_an_invites_token_arrives_in_parts_and_one_without_is_refused() {
    let mut world = World::new(PeerConfig::default());
    let (bob, stranger) = (world.client(), world.client());
    let name = person(1).fingerprint();
    assert_eq!(error(&world.intro(stranger, name, 1, 2, 0)), error_code::UNKNOWN_USER);
    let incarnation = world.register(bob, &person(1));
    world.list_end(bob);
    assert_eq!(error(&world.intro(stranger, name, 1, 2, 0)), error_code::INTRO_REFUSED);
    let token_hash = proofs::token_hash(&TOKEN);
    let expiry = world.now.wall_s() + 3600;
    let set = Frame::TokenSet { request: NO_REQUEST, token_hash, uses: 1, expiry };
    assert_eq!(world.ask(bob, &set), Answer::Ok);

    assert_eq!(error(&world.intro(stranger, name, 1, 2, 1)), error_code::SLOW_DOWN, "part 0 first");
    assert_eq!(world.intro(stranger, name, 1, 2, 0), Answer::Ok);
    assert_eq!(world.pushed(bob), []);
    assert_eq!(world.intro(stranger, name, 1, 2, 1), Answer::Ok);
    let pushes: Vec<_> =
        world.events(bob).into_iter().filter(|e| matches!(e, ClientLinkEvent::Pushed { .. })).collect();
    for (i, push) in pushes.iter().enumerate() {
        let ClientLinkEvent::Pushed { class, queue, body, .. } = push else { panic!() };
        assert_eq!((*class, *queue), (push_class::INTRO, QueueId([0; 16])));
        assert_eq!((&body[..16], &body[16..18], body.len()), (&[1; 16][..], &[2, i as u8][..], 918));
    }
    assert_eq!(pushes.len(), 2);
    assert_eq!(error(&world.intro(stranger, name, 2, 1, 0)), error_code::INTRO_REFUSED, "the token is used up");
    world.ack(bob, incarnation, 1..=2);
    assert_eq!(world.held(), 0);
    assert_eq!(world.ask(bob, &Frame::TokenDrop { request: NO_REQUEST, token_hash }), Answer::Ok);
}

#[test]
fn t14_an_intro_inbox_filled_from_many_sources_leaves_contacts_alone_and_memory_bounded() {
    let config = PeerConfig { ram_bytes: 60_000, ..PeerConfig::default() };
    let mut world = World::new(config);
    let (bob, contact) = (world.client(), world.client());
    world.register(bob, &person(1));
    world.queue_set(bob, 1);
    world.list_end(bob);
    let expiry = world.now.wall_s() + 3600;
    let token_hash = proofs::token_hash(&TOKEN);
    world.ask(bob, &Frame::TokenSet { request: NO_REQUEST, token_hash, uses: 1000, expiry });
    let now = world.now;
    world.clients[bob].link.close(now);
    let name = person(1).fingerprint();
    for intro in 0..40 {
        if intro % 4 == 0 {
            world.client();
        }
        let source = world.clients.len() - 1;
        for index in 0..4 {
            world.intro(source, name, intro, 4, index);
            world.peer.check();
        }
    }
    let stats = world.peer.stats();
    assert!(stats.refused_full > 0 && stats.bytes_held <= stats.ram_bytes, "{stats:?}");
    assert_eq!(world.deposit(contact, 1, 42), Answer::Ok);
}
