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
fn an_older_bundle_that_is_overtaken_on_the_way_neither_undoes_the_newer_nor_breaks_it() {
    let mut world = World::new(PeerConfig::default());
    let (bob, stranger) = (world.client(), world.client());
    world.register(bob, &person(1));
    let (old, new) = (bundle(&[1; 1200], &[b"old"]), bundle(&[2; 1200], &[b"new"]));
    let part = |object: u32, body: &'static [u8], n: usize| Frame::Put {
        request: NO_REQUEST,
        object: ObjectId(object),
        offset: (n * 1024) as u32,
        total: body.len() as u32,
        kind: 1,
        part: &body[n * 1024..body.len().min((n + 1) * 1024)],
    };
    let (old, new): (&'static [u8], &'static [u8]) = (old.leak(), new.leak());
    for frame in [part(1, old, 0), part(2, new, 0), part(1, old, 1), part(2, new, 1), part(1, old, 0)] {
        assert_eq!(world.ask(bob, &frame), Answer::Ok);
    }
    let found = world.look_up(stranger, person(1).fingerprint()).unwrap();
    assert!(found.ends_with(b"new"), "{found:?}");
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
fn an_introduction_that_is_not_finished_within_a_minute_gives_the_use_of_its_invite_back() {
    let mut world = World::new(PeerConfig::default());
    let (bob, stranger) = (world.client(), world.client());
    let name = person(1).fingerprint();
    world.register(bob, &person(1));
    world.list_end(bob);
    let (token_hash, expiry) = (proofs::token_hash(&TOKEN), world.now.wall_s() + 3600);
    world.ask(bob, &Frame::TokenSet { request: NO_REQUEST, token_hash, uses: 1, expiry });
    assert_eq!(world.intro(stranger, name, 1, 2, 0), Answer::Ok);
    // The stranger makes it anew, since it has moved, or was brought back from an old copy.
    assert_eq!(error(&world.intro(stranger, name, 2, 1, 0)), error_code::INTRO_REFUSED);
    world.run(61 * SECOND);
    assert_eq!(world.intro(stranger, name, 2, 1, 0), Answer::Ok);
    assert_eq!(error(&world.intro(stranger, name, 1, 2, 0)), error_code::INTRO_REFUSED, "one use, one introduction");
}

#[test]
fn an_introduction_that_arrived_and_is_begun_again_gives_no_use_back() {
    let mut world = World::new(PeerConfig::default());
    let (bob, stranger) = (world.client(), world.client());
    let name = person(1).fingerprint();
    let incarnation = world.register(bob, &person(1));
    world.list_end(bob);
    let (token_hash, expiry) = (proofs::token_hash(&TOKEN), world.now.wall_s() + 3600);
    world.ask(bob, &Frame::TokenSet { request: NO_REQUEST, token_hash, uses: 1, expiry });
    (0..2).for_each(|part| assert_eq!(world.intro(stranger, name, 1, 2, part), Answer::Ok));
    world.ack(bob, incarnation, 1..=2);
    world.run(61 * SECOND);
    // Its id is forgotten by now; its use is not.
    assert_eq!(world.intro(stranger, name, 1, 2, 0), Answer::Ok);
    world.run(61 * SECOND);
    assert_eq!(error(&world.intro(stranger, name, 2, 1, 0)), error_code::INTRO_REFUSED);
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

/// Two parts that no other number names.
fn introduction(n: u8) -> Vec<Vec<u8>> {
    vec![vec![n; 900], vec![n ^ 0xff; 400]]
}

/// Bob takes strangers who do 12 bits of work, and is away.
fn open_to_work(config: PeerConfig) -> (World, Fingerprint) {
    let mut world = World::new(config);
    let bob = world.client();
    world.register(bob, &person(1));
    world.queue_set(bob, 1);
    world.opens(bob, 12);
    world.list_end(bob);
    let now = world.now;
    world.clients[bob].link.close(now);
    world.run(SECOND);
    (world, person(1).fingerprint())
}

#[test]
fn who_does_the_work_gets_in_and_who_does_too_little_is_told_how_much() {
    let (mut world, name) = open_to_work(PeerConfig { intro_difficulty: 14, ..PeerConfig::default() });
    let stranger = world.client();
    let needed = Answer::Error { code: error_code::WORK_NEEDED, retry_after_ms: 14 };
    assert_eq!(world.knock(stranger, name, &introduction(1), 0, WorkNonce(0)), needed);
    assert_eq!(world.knocks(stranger, name, &introduction(1), 13), needed, "the peer asks for more than bob does");
    assert_eq!(world.knocks(stranger, name, &introduction(1), 14), Answer::Ok);
    assert_eq!((world.held(), world.peer.stats().intros, world.peer.stats().refused_work), (2, 1, 2));
    let back = world.client();
    world.register(back, &person(1));
    assert_eq!(world.pushed(back).len(), 2);
}

#[test]
fn t19_work_for_another_session_person_count_or_introduction_or_with_another_nonce_is_refused_and_counted() {
    let (mut world, name) = open_to_work(PeerConfig { intro_difficulty: 12, ..PeerConfig::default() });
    let (stranger, other) = (world.client(), world.client());
    let parts = introduction(1);
    let good = exactly(&world.claim(stranger, name, &parts), 12);
    let binding = world.binding(stranger);
    let id = intro_id(&parts);
    let wrong = [
        ("none", WorkNonce(0)),
        ("another session", exactly(&world.claim(other, name, &parts), 12)),
        ("another person", exactly(&WorkClaim::introduction(&binding, &person(2).fingerprint(), 2, &id), 12)),
        ("another count", exactly(&WorkClaim::introduction(&binding, &name, 3, &id), 12)),
        ("another introduction", exactly(&world.claim(stranger, name, &introduction(2)), 12)),
        ("a registration", exactly(&WorkClaim::registration(&binding, &name), 12)),
        ("a bit too little", exactly(&world.claim(stranger, name, &parts), 11)),
    ];
    let before = world.peer.stats();
    for (n, (what, work)) in (1..).zip(wrong) {
        assert_eq!(error(&world.knock(stranger, name, &parts, 0, work)), error_code::WORK_NEEDED, "{what}");
        let stats = world.peer.stats();
        assert_eq!((stats.refused_work - before.refused_work, stats.bytes_held), (n, before.bytes_held), "{what}");
    }
    assert_eq!(world.knock(stranger, name, &parts, 0, good), Answer::Ok);
    let before = world.peer.stats().refused_work;
    assert_eq!(error(&world.knock(other, name, &introduction(3), 0, good)), error_code::WORK_NEEDED, "played again");
    assert_eq!(world.peer.stats().refused_work, before + 1);
}

#[test]
fn t19_an_introduction_that_is_not_the_one_that_the_work_was_done_for_is_dropped_when_it_is_whole() {
    let (mut world, name) = open_to_work(PeerConfig { intro_difficulty: 12, ..PeerConfig::default() });
    let stranger = world.client();
    let parts = introduction(1);
    let work = exactly(&world.claim(stranger, name, &parts), 12);
    let before = world.peer.stats();
    assert_eq!(world.knock(stranger, name, &parts, 0, work), Answer::Ok);
    let swapped = Deposit::Intro {
        fingerprint: name,
        intro: intro_id(&parts),
        parts: 2,
        index: 1,
        token: IntroToken::default(),
        work,
        part: b"something else",
    };
    let answer = world.ask(stranger, &Frame::Deposit { request: NO_REQUEST, deposit: swapped });
    world.peer.check();
    let stats = world.peer.stats();
    assert_eq!((error(&answer), stats.refused_intro), (error_code::INTRO_REFUSED, before.refused_intro + 1));
    assert_eq!((stats.intros, stats.messages_held), (0, 0));
    // The source's account of this hour stays.
    assert!(stats.bytes_held < before.bytes_held + 200, "{} {}", stats.bytes_held, before.bytes_held);
    assert_eq!(world.knocks(stranger, name, &parts, 12), Answer::Ok, "the same session and work, the right parts");
}

#[test]
fn t14_many_networks_that_do_the_work_fill_their_own_slots_and_contacts_and_the_invited_get_through() {
    let (mut world, name) = open_to_work(PeerConfig { intro_difficulty: 4, ..PeerConfig::default() });
    let bob = world.client();
    world.register(bob, &person(1));
    let token_hash = proofs::token_hash(&TOKEN);
    let expiry = world.now.wall_s() + 3600;
    world.ask(bob, &Frame::TokenSet { request: NO_REQUEST, token_hash, uses: 1, expiry });
    let now = world.now;
    world.clients[bob].link.close(now);
    let contact = world.client();
    for source in 0..8 {
        let flooder = world.client();
        for n in 0..4 {
            world.knocks(flooder, name, &introduction(source * 4 + n), 12 + n % 2);
            world.peer.check();
        }
    }
    let stats = world.peer.stats();
    assert_eq!(stats.messages_held, 32, "16 introductions of two parts");
    assert!(stats.refused_full > 0 && stats.evicted > 0, "{stats:?}");
    assert_eq!(world.deposit(contact, 1, 42), Answer::Ok);
    let (quiet, invited) = (world.client(), world.client());
    assert_eq!(world.knocks(quiet, name, &introduction(99), 12), Answer::Ok, "one of a busy network gives way");
    assert_eq!(world.intro(invited, name, 1, 1, 0), Answer::Ok, "an invite has a slot of its own");
    assert_eq!(world.held(), 32 + 1 + 1);
}

#[test]
fn a_network_makes_so_many_introductions_by_work_an_hour_and_others_are_not_slowed() {
    let config = PeerConfig { intro_difficulty: 4, intros_per_prefix_hour: 2, ..PeerConfig::default() };
    let (mut world, name) = open_to_work(config);
    let (busy, other) = (world.client(), world.client());
    for n in 0..2 {
        assert_eq!(world.knocks(busy, name, &introduction(n), 12), Answer::Ok);
    }
    assert_eq!(error(&world.knocks(busy, name, &introduction(2), 12)), error_code::SLOW_DOWN);
    assert_eq!(world.knocks(other, name, &introduction(3), 12), Answer::Ok);
}

#[test]
fn a_policy_is_part_of_the_list_and_closed_shuts_out_those_with_an_invite_too() {
    let (mut world, name) = open_to_work(PeerConfig { intro_difficulty: 4, ..PeerConfig::default() });
    let (bob, stranger, invited) = (world.client(), world.client(), world.client());
    world.register(bob, &person(1));
    let token_hash = proofs::token_hash(&TOKEN);
    let set = Frame::TokenSet { request: NO_REQUEST, token_hash, uses: 9, expiry: world.now.wall_s() + 3600 };
    world.ask(bob, &set);
    assert_eq!(world.knocks(stranger, name, &introduction(1), 12), Answer::Ok, "as the list before says");
    world.list_end(bob);
    let refused = world.knocks(stranger, name, &introduction(2), 12);
    assert_eq!(error(&refused), error_code::INTRO_REFUSED, "the new list does not say it again");
    assert_eq!(world.intro(invited, name, 1, 1, 0), Answer::Ok);
    world.opens(bob, 0);
    assert_eq!(error(&world.intro(invited, name, 2, 1, 0)), error_code::INTRO_REFUSED);
}

#[test]
fn t18_strangers_who_take_key_packages_leave_the_last_resort_and_the_work_for_a_knock_stays_the_same() {
    let (mut world, name) = open_to_work(PeerConfig { intro_difficulty: 4, ..PeerConfig::default() });
    let bob = world.client();
    world.register(bob, &person(1));
    world.put(bob, 1, &bundle(b"card", &[b"last", b"one", b"two"]));
    for _ in 0..6 {
        let taker = world.client();
        for _ in 0..3 {
            assert!(world.look_up(taker, name).is_ok());
        }
    }
    let stats = world.peer.stats();
    assert_eq!((stats.lookups, stats.one_time_packages), (18, 2));
    let honest = world.client();
    assert!(world.look_up(honest, name).unwrap().ends_with(b"\x00\x04last"), "who comes last can still begin");
    assert_eq!(world.knocks(honest, name, &introduction(1), 12), Answer::Ok);
}
