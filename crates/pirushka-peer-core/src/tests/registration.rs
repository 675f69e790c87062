//! Who may register, as whom, and what it does to other sessions.

use pirushka_identity::root_signature_input;
use pirushka_link::LostReason;
use pirushka_wire::frame::error_code;
use pirushka_wire::time::{MINUTE, SECOND};
use pirushka_wire::{Params, PeerId, Root, Signature};

use super::*;

#[test]
fn fact_08_a_registration_maps_the_fingerprint_to_the_session_and_pushes_follow_it() {
    let (mut world, bob) = (World::new(PeerConfig::default()), person(1));
    let (here, sender) = (world.client(), world.client());
    world.register(here, &bob);
    world.queue_set(here, 1);
    assert_eq!(world.deposit(sender, 1, 42), Answer::Ok);
    assert_eq!(world.pushed(here), [(1, 42)]);
    let elsewhere = world.client();
    let incarnation = world.register(elsewhere, &bob);
    assert_eq!(world.pushed(elsewhere), [(1, 42)], "registered again on another network");
    world.ack(elsewhere, incarnation, [1]);
    assert_eq!((world.held(), world.peer.stats().users), (0, 1));
}

#[test]
fn fact_09_a_registration_is_answered_and_a_repeat_of_it_changes_nothing() {
    let (mut world, bob) = (World::new(PeerConfig::default()), person(1));
    let client = world.client();
    world.loses = |_, n| n % 2 == 0;
    world.register(client, &bob);
    let stats = world.peer.stats();
    assert_eq!((stats.users, stats.registrations, stats.registrations_refused), (1, 1, 0));
}

fn refused(world: &mut World, n: usize, root: &[u8]) {
    let users = world.peer.stats().users;
    assert_eq!(error(&world.register_root(n, root)), error_code::BAD_PROOF);
    let stats = world.peer.stats();
    assert_eq!((stats.users, stats.registrations), (users, 0));
    assert!(stats.registrations_refused > 0);
}

/// A registration signed over whatever the test wants.
fn signed(
    by: &Identity,
    certificate_of: &Identity,
    params: Params,
    kind: u8,
    destination: &[u8; 32],
    binding: &[u8; 32],
) -> Vec<u8> {
    let der = certificate_of.certificate().der();
    let mut payload = (der.len() as u16).to_be_bytes().to_vec();
    payload.extend(der);
    let signer = certificate_of.fingerprint();
    let signature = by.sign(&root_signature_input(params, kind, &signer, destination, binding, 1, &payload));
    let root = Root {
        params: Params::TO_PEER,
        kind: 2,
        signature: Signature::Ed25519(&signature),
        timestamp: 1,
        payload: &payload,
    };
    let mut packet = vec![];
    root.encode(&mut packet);
    packet
}

#[test]
fn t08_a_foreign_certificate_a_stolen_signature_and_the_victims_certificate_with_ones_own_key_register_nobody() {
    let (bob, eve) = (person(1), person(2));
    let mut world = World::new(PeerConfig::default());
    let (victim, thief) = (world.client(), world.client());
    let peer = world.key.peer_id().0;
    let binding = *world.clients[thief].link.binding().unwrap();

    let with_own_key = signed(&eve, &bob, Params::TO_PEER, 2, &peer, &binding);
    refused(&mut world, thief, &with_own_key);
    let stolen = world.register_packet(victim, &bob);
    refused(&mut world, thief, &stolen);

    // The thief's certificate in the victim's packet: the signature does not fit it.
    let mut swapped = stolen.clone();
    let at = swapped.len() - eve.certificate().der().len();
    swapped[at..].copy_from_slice(eve.certificate().der());
    refused(&mut world, thief, &swapped);
    refused(&mut world, thief, b"");

    let honest = signed(&bob, &bob, Params::TO_PEER, 2, &peer, world.clients[victim].link.binding().unwrap());
    assert!(matches!(world.register_root(victim, &honest), Answer::Mailbox { .. }));
}

#[test]
fn t07_a_registration_spliced_from_another_type_session_direction_or_peer_registers_nobody() {
    let bob = person(1);
    let mut world = World::new(PeerConfig::default());
    let (client, other) = (world.client(), world.client());
    let peer = world.key.peer_id().0;
    let binding = *world.clients[client].link.binding().unwrap();
    let other_binding = *world.clients[other].link.binding().unwrap();
    let spliced = [
        signed(&bob, &bob, Params::TO_PEER, 3, &peer, &binding),
        signed(&bob, &bob, Params::FROM_PEER, 2, &peer, &binding),
        signed(&bob, &bob, Params::TO_PEER, 2, &PeerId([8; 32]).0, &binding),
        signed(&bob, &bob, Params::TO_PEER, 2, &peer, &other_binding),
        signed(&bob, &bob, Params::TO_PEER, 2, &bob.fingerprint().0, &binding),
    ];
    for packet in &spliced {
        refused(&mut world, client, packet);
    }
    let whole = signed(&bob, &bob, Params::TO_PEER, 2, &peer, &binding);
    assert!(matches!(world.register_root(client, &whole), Answer::Mailbox { .. }));
}

#[test]
fn after_many_refused_registrations_a_session_is_not_even_checked() {
    let (mut world, bob) = (World::new(PeerConfig::default()), person(1));
    let client = world.client();
    for _ in 0..crate::limits::REGISTER_FAILURES_MAX {
        assert_eq!(error(&world.register_root(client, b"junk")), error_code::BAD_PROOF);
    }
    let root = world.register_packet(client, &bob);
    assert_eq!(error(&world.register_root(client, &root)), error_code::SLOW_DOWN);
}

#[test]
fn a_session_belongs_to_one_user() {
    let mut world = World::new(PeerConfig::default());
    let client = world.client();
    world.register(client, &person(1));
    let root = world.register_packet(client, &person(2));
    assert_eq!(error(&world.register_root(client, &root)), error_code::REFUSED);
    assert_eq!(world.peer.stats().users, 1);
}

#[test]
fn t08_a_fifth_session_replaces_the_one_longest_silent_and_is_never_refused() {
    let (mut world, bob) = (World::new(PeerConfig::default()), person(1));
    let sessions: Vec<usize> = (0..4).map(|_| world.client()).collect();
    for &n in &sessions {
        world.register(n, &bob);
        world.run(SECOND);
    }
    for &n in &[0, 2, 3] {
        world.ask(n, &Frame::Poll { request: NO_REQUEST });
    }
    let fifth = world.client();
    world.register(fifth, &bob);
    let lost = |world: &mut World, n: usize| world.events(n).iter().any(|e| matches!(e, ClientLinkEvent::Lost { .. }));
    let lost: Vec<bool> = (0..5).map(|n| lost(&mut world, n)).collect();
    assert_eq!(lost, [false, true, false, false, false]);
    assert!(matches!(world.ask(0, &Frame::Poll { request: NO_REQUEST }), Answer::Status(_)));
}

#[test]
fn another_copy_of_the_profile_takes_the_pushes_and_the_first_is_told() {
    let (mut world, bob) = (World::new(PeerConfig::default()), person(1));
    let (phone, copy, sender) = (world.client(), world.client(), world.client());
    let incarnation = world.register(phone, &bob);
    world.queue_set(phone, 1);
    let root = world.register_packet(copy, &bob);
    world.ask(copy, &registration(InstanceId([2; 16]), &root));
    assert!(world.events(phone).contains(&ClientLinkEvent::Superseded));
    world.deposit(sender, 1, 42);
    assert_eq!((world.pushed(phone), world.pushed(copy)), (vec![], vec![(1, 42)]));
    world.ack(phone, incarnation, [1]);
    assert_eq!(world.held(), 1, "only the newest registration may acknowledge");
    world.ask(phone, &Frame::Poll { request: NO_REQUEST });
    assert!(world.events(phone).contains(&ClientLinkEvent::Superseded), "said again, should it have been lost");
}

#[test]
fn when_the_other_copy_has_gone_the_superseded_one_is_sent_to_register_anew() {
    let (mut world, bob) = (World::new(PeerConfig::default()), person(1));
    let (phone, copy, sender) = (world.client(), world.client(), world.client());
    world.register(phone, &bob);
    world.queue_set(phone, 1);
    let root = world.register_packet(copy, &bob);
    world.ask(copy, &registration(InstanceId([2; 16]), &root));
    let now = world.now;
    world.clients[copy].link.close(now);
    world.run(SECOND);
    let closed = |event: &ClientLinkEvent| *event == ClientLinkEvent::Lost { reason: LostReason::Closed };
    assert!(world.events(phone).iter().any(closed));
    world.deposit(sender, 1, 42);
    let again = world.client();
    world.register(again, &bob);
    assert_eq!(world.pushed(again), vec![(1, 42)], "what came in between waited");
}

#[test]
fn a_packet_that_ends_its_own_session_leaves_nothing_of_it() {
    let (mut world, bob) = (World::new(PeerConfig::default()), person(1));
    let (phone, copy) = (world.client(), world.client());
    world.register(phone, &bob);
    let root = world.register_packet(copy, &bob);
    world.ask(copy, &registration(InstanceId([2; 16]), &root));
    world.run(26 * MINUTE);
    let mut frames = vec![];
    Frame::Poll { request: NO_REQUEST }.encode(&mut frames);
    Frame::Later { request: NO_REQUEST, delay_s: 10 }.encode(&mut frames);
    world.peer.feed(world.now, &frames);
    world.peer.check();
    assert_eq!(world.peer.stats().users_online, 0, "the silent copy has given way, and the phone is to register anew");
}

#[test]
fn who_is_not_registered_changes_nothing() {
    let mut world = World::new(PeerConfig::default());
    let client = world.client();
    let before = world.peer.stats().bytes_held;
    let frames = [
        Frame::Poll { request: NO_REQUEST },
        Frame::ListEnd { request: NO_REQUEST },
        Frame::QueueSet { request: NO_REQUEST, queue: QueueId([1; 16]), secret_hash: [0; 32], quota_kib: 0 },
        Frame::QueueDrop { request: NO_REQUEST, queue: QueueId([1; 16]) },
        Frame::TokenSet { request: NO_REQUEST, token_hash: [0; 32], uses: 1, expiry: u64::MAX },
        Frame::TokenDrop { request: NO_REQUEST, token_hash: [0; 32] },
        Frame::Put { request: NO_REQUEST, object: ObjectId(1), offset: 0, total: 5, kind: 1, part: b"xxxxx" },
    ];
    for frame in &frames {
        assert_eq!(error(&world.ask(client, frame)), error_code::NOT_REGISTERED);
    }
    let stats = world.peer.stats();
    assert_eq!((stats.queues, stats.bytes_held), (0, before));
}

#[test]
fn what_an_older_session_says_late_does_not_let_the_end_of_a_newer_list_close_a_queue() {
    let (mut world, bob) = (World::new(PeerConfig::default()), person(1));
    let (older, newer, sender) = (world.client(), world.client(), world.client());
    world.register(older, &bob);
    world.register(newer, &bob);
    world.queue_set(newer, 1);
    let secret_hash = proofs::queue_secret_hash(&SECRET);
    let late = Frame::QueueSet { request: NO_REQUEST, queue: QueueId([1; 16]), secret_hash, quota_kib: 0 };
    world.ask(older, &late);
    world.list_end(newer);
    assert_eq!(world.deposit(sender, 1, 42), Answer::Ok);
    assert_eq!(world.pushed(newer), [(1, 42)]);
}

#[test]
fn an_older_session_undoes_nothing_of_what_a_newer_one_has_said() {
    let (mut world, bob) = (World::new(PeerConfig::default()), person(1));
    let (older, newer, sender) = (world.client(), world.client(), world.client());
    world.register(older, &bob);
    world.queue_set(older, 2);
    world.register(newer, &bob);
    world.queue_set(newer, 1);
    world.opens(newer, 0);
    world.list_end(newer);
    let before = world.peer.kept();
    let (queue, secret_hash) = (QueueId([2; 16]), proofs::queue_secret_hash(&SECRET));
    let late = [
        Frame::ListEnd { request: NO_REQUEST },
        Frame::QueueSet { request: NO_REQUEST, queue, secret_hash, quota_kib: 0 },
        Frame::QueueDrop { request: NO_REQUEST, queue: QueueId([1; 16]) },
        Frame::TokenSet { request: NO_REQUEST, token_hash: [0; 32], uses: 1, expiry: u64::MAX },
        Frame::IntroPolicy { request: NO_REQUEST, policy: 2 },
        Frame::Put { request: NO_REQUEST, object: ObjectId(1), offset: 0, total: 5, kind: 1, part: b"xxxxx" },
    ];
    for frame in &late {
        assert_eq!(error(&world.ask(older, frame)), error_code::REFUSED);
    }
    assert_eq!(world.peer.kept(), before);
    assert_eq!(world.deposit(sender, 1, 42), Answer::Ok);
    assert_eq!(error(&world.deposit(sender, 2, 43)), error_code::UNKNOWN_QUEUE, "what was revoked stays so");
}

#[test]
fn a_registration_that_comes_late_from_an_older_session_does_not_take_the_pushes_from_the_present_one() {
    let (mut world, bob) = (World::new(PeerConfig::default()), person(1));
    let (older, newer, sender) = (world.client(), world.client(), world.client());
    world.register(newer, &bob);
    world.queue_set(newer, 1);
    let root = world.register_packet(older, &bob);
    assert_eq!(error(&world.register_root(older, &root)), error_code::REFUSED);
    world.list_end(newer);
    assert_eq!(world.deposit(sender, 1, 42), Answer::Ok);
    assert_eq!((world.pushed(older), world.pushed(newer)), (vec![], vec![(1, 42)]));
}

#[test]
fn a_registration_that_was_overtaken_by_the_next_does_not_let_the_end_of_the_list_close_a_queue() {
    let (mut world, bob) = (World::new(PeerConfig::default()), person(1));
    let (phone, sender) = (world.client(), world.client());
    // An earlier request of the session: the registration that was to be refused for want of work, and is repeated late.
    assert_eq!(error(&world.register_root(phone, b"junk")), error_code::BAD_PROOF);
    world.register(phone, &bob);
    world.queue_set(phone, 1);
    let (root, mut late) = (world.register_packet(phone, &bob), vec![]);
    let instance = InstanceId([1; 16]);
    let (request, invite, work) = (RequestId(1), InviteSecret::NONE, WorkNonce(0));
    Frame::Register { request, instance, invite, work, root: &root }.encode(&mut late);
    world.peer.feed(world.now, &late);
    world.list_end(phone);
    assert_eq!(world.deposit(sender, 1, 42), Answer::Ok);
    assert_eq!(world.peer.stats().registrations, 1);
}

#[test]
fn a_user_who_closes_is_away_at_once_and_what_comes_waits() {
    let (mut world, bob) = (World::new(PeerConfig::default()), person(1));
    let (here, sender) = (world.client(), world.client());
    world.register(here, &bob);
    world.queue_set(here, 1);
    let now = world.now;
    world.clients[here].link.close(now);
    world.run(SECOND);
    assert_eq!(world.peer.stats().users_online, 0);
    assert_eq!(world.deposit(sender, 1, 42), Answer::Ok);
    world.run(10 * MINUTE);
    assert_eq!(world.held(), 1);
    let back = world.client();
    world.register(back, &bob);
    assert_eq!(world.pushed(back), [(1, 42)]);
}

/// Registers with a secret and work, and gives the error if it is refused.
fn newcomer(world: &mut World, n: usize, who: &Identity, invite: InviteSecret, work: WorkNonce) -> Option<Answer> {
    let root = world.register_packet(n, who);
    let frame = Frame::Register { request: NO_REQUEST, instance: InstanceId([1; 16]), invite, work, root: &root };
    let answer = world.ask(n, &frame);
    (!matches!(answer, Answer::Mailbox { .. })).then_some(answer)
}

#[test]
fn a_private_peer_takes_newcomers_with_its_secret_only_and_who_was_here_comes_back_without() {
    let config = PeerConfig { private: true, ..PeerConfig::default() };
    let mut world = World::new(config.clone());
    let secret = config.invite_secret(&world.key).unwrap();
    let client = world.client();
    assert!(world.clients[client].link.welcome().unwrap().terms.private);
    for wrong in [InviteSecret::NONE, InviteSecret([9; 15])] {
        let answer = newcomer(&mut world, client, &person(1), wrong, WorkNonce(0)).unwrap();
        assert_eq!(error(&answer), error_code::INVITE_NEEDED);
    }
    let stats = world.peer.stats();
    assert_eq!((stats.users, stats.refused_invite), (0, 2));
    assert_eq!(newcomer(&mut world, client, &person(1), secret, WorkNonce(0)), None);
    let again = world.client();
    assert_eq!(newcomer(&mut world, again, &person(1), InviteSecret::NONE, WorkNonce(0)), None);
    world.restart(config);
    let after = world.client();
    let answer = newcomer(&mut world, after, &person(1), InviteSecret::NONE, WorkNonce(0)).unwrap();
    assert_eq!(error(&answer), error_code::INVITE_NEEDED, "the peer remembers nobody");
    assert_eq!(newcomer(&mut world, after, &person(1), secret, WorkNonce(0)), None);
}

#[test]
fn a_new_generation_is_a_new_secret_and_the_old_one_lasts_as_long_as_the_operator_says() {
    let generation = |invite_generation, invite_overlap| PeerConfig {
        private: true,
        invite_generation,
        invite_overlap,
        ..PeerConfig::default()
    };
    let mut world = World::new(generation(7, 0));
    let old = generation(6, 0).invite_secret(&world.key).unwrap();
    let new = generation(7, 0).invite_secret(&world.key).unwrap();
    let other = pirushka_link::PeerKey::generate([8; 32]);
    let foreign = generation(7, 0).invite_secret(&other).unwrap();
    let client = world.client();
    for wrong in [old, foreign, generation(8, 0).invite_secret(&world.key).unwrap()] {
        assert!(newcomer(&mut world, client, &person(1), wrong, WorkNonce(0)).is_some());
    }
    assert_eq!(newcomer(&mut world, client, &person(1), new, WorkNonce(0)), None);
    world.restart(generation(7, 1));
    let client = world.client();
    assert_eq!(newcomer(&mut world, client, &person(2), old, WorkNonce(0)), None);
    assert_eq!(PeerConfig::default().invite_secret(&world.key), None);
}

#[test]
fn an_entry_that_a_contacts_ticket_made_lets_nobody_in_at_a_private_peer() {
    let mut world = World::new(PeerConfig::default());
    let bob = world.client();
    world.register(bob, &person(1));
    let ticket = world.queue_set(bob, 1);
    world.restart(PeerConfig { private: true, ..PeerConfig::default() });
    let (back, contact) = (world.client(), world.client());
    assert_eq!(world.restore(contact, person(1).fingerprint(), 1, ticket), Answer::Ok);
    let answer = newcomer(&mut world, back, &person(1), InviteSecret::NONE, WorkNonce(0)).unwrap();
    assert_eq!(error(&answer), error_code::INVITE_NEEDED);
}

#[test]
fn when_memory_is_short_newcomers_work_for_this_session_and_who_was_here_does_not() {
    let config = PeerConfig { ram_bytes: 40_000, register_difficulty: 12, ..PeerConfig::default() };
    let mut world = World::new(config);
    let (bob, sender) = (world.client(), world.client());
    world.register(bob, &person(1));
    world.queue_set(bob, 1);
    let now = world.now;
    world.clients[bob].link.close(now);
    for n in 0.. {
        if world.peer.stats().bytes_held > 28_000 {
            break;
        }
        assert_eq!(world.deposit(sender, 1, n), Answer::Ok);
    }
    let (new, other, back) = (world.client(), world.client(), world.client());
    let needed = Some(Answer::Error { code: error_code::WORK_NEEDED, retry_after_ms: 12 });
    assert_eq!(newcomer(&mut world, new, &person(2), InviteSecret::NONE, WorkNonce(0)), needed);
    let claim = WorkClaim::registration(&world.binding(new), &person(2).fingerprint());
    let (work, little) = (exactly(&claim, 12), exactly(&claim, 11));
    assert_eq!(newcomer(&mut world, new, &person(2), InviteSecret::NONE, little), needed);
    assert_eq!(newcomer(&mut world, other, &person(2), InviteSecret::NONE, work), needed, "t19: another session");
    assert_eq!(newcomer(&mut world, new, &person(3), InviteSecret::NONE, work), needed, "t19: another person");
    assert_eq!((world.peer.stats().users, world.peer.stats().refused_work), (1, 4));
    assert_eq!(newcomer(&mut world, new, &person(2), InviteSecret::NONE, work), None);
    assert_eq!(newcomer(&mut world, back, &person(1), InviteSecret::NONE, WorkNonce(0)), None);
}
