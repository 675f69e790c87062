//! Stories of people whom nobody has invited, and of peers that do not take everybody.

use pirushka_client_core::{AddingTrouble, ContactInfo, ContactState, HomeState, IntroPolicy};
use pirushka_peer_core::PeerConfig;
use pirushka_sim::{ClientConfig, Person, World};
use pirushka_wire::time::{HOUR, MINUTE, SECOND};
use pirushka_wire::{HomeAddress, InviteSecret};

use super::{PEER_1, PEER_2, SOON, Town};

fn little_work() -> PeerConfig {
    PeerConfig { intro_difficulty: 4, ..PeerConfig::default() }
}

fn requests(world: &World<Person>, at: usize) -> Vec<ContactInfo> {
    let contacts = world.users[at].client().map(|client| client.contacts()).unwrap_or_default();
    contacts.into_iter().filter(|contact| contact.state == ContactState::Request).collect()
}

fn trouble(world: &World<Person>, of: usize, with: usize) -> Option<AddingTrouble> {
    world.users[of].contact(world.users[with].fingerprint())?.trouble
}

/// Says what the person at `at` has decided about who asks.
fn decide(
    world: &mut World<Person>,
    at: usize,
    about: usize,
    verb: fn(&mut pirushka_client_core::Client, pirushka_wire::Now, pirushka_client_core::ContactId),
) {
    let (now, id) = (world.now_of(at), world.contact_id(at, about).expect("asks"));
    verb(world.users[at].client_mut().expect("alive"), now, id);
    world.settle_user(at);
}

fn set_policy(world: &mut World<Person>, at: usize, policy: IntroPolicy) {
    let now = world.now_of(at);
    world.users[at].client_mut().expect("alive").set_intro_policy(now, policy).expect("a policy");
    world.settle_user(at);
}

#[test]
fn a_stranger_with_the_plain_address_does_the_work_is_shown_as_a_request_and_both_talk() {
    let mut town = Town::strangers(71, little_work());
    let (a, b) = (town.alice, town.bob);
    town.world.open_to_work(b, 6);
    town.world.run_for(SECOND);
    let (first, _) = town.world.knock(a, b, 900);
    assert!(town.world.until(town.world.now_us() + MINUTE, |world| requests(world, b).len() == 1));
    let request = requests(&town.world, b).remove(0);
    assert_eq!((request.claimed_name.as_str(), request.name_conflict), ("alice", false));
    assert!(request.first_text.is_some_and(|text| text.starts_with("alice>bob #0 ")));
    assert_eq!(town.world.texts(b, a), 0, "the conversation begins with bob's yes");
    town.world.run_for(MINUTE);
    assert!(!town.world.is_delivered(a, first) && !town.world.are_contacts(a, b));

    town.world.accept_all(b);
    assert_eq!(town.world.texts(b, a), 1);
    assert!(town.world.until(town.world.now_us() + MINUTE, |world| world.are_contacts(a, b)));
    let mut ids = vec![first];
    ids.extend(town.alice_says(3));
    town.ends_with(&ids, SOON);
    let back = town.bob_says(3);
    assert!(town.world.wait_delivered(b, &back, SOON));
    town.is_sound();
}

#[test]
fn an_introduction_by_work_outlives_a_restart_of_the_peer_with_new_work() {
    let mut town = Town::strangers(72, little_work());
    let (a, b) = (town.alice, town.bob);
    town.world.open_to_work(b, 4);
    town.world.run_for(SECOND);
    town.world.knock(a, b, 100);
    let held = |world: &World<Person>| world.peers[PEER_2].peer().is_some_and(|peer| peer.stats().messages_held > 0);
    town.world.kill(b);
    assert!(town.world.until(town.world.now_us() + MINUTE, held));
    town.restart_peer(PEER_2);
    town.world.run_for(MINUTE);
    town.world.wake(b);
    assert!(town.world.until(town.world.now_us() + HOUR, |world| requests(world, b).len() == 1));
    town.is_sound();
}

#[test]
fn strangers_fill_the_inbox_while_contacts_write() {
    let peers = PeerConfig { intros_max: 3, ..little_work() };
    let mut town = Town::with(73, peers);
    let (a, b) = (town.alice, town.bob);
    town.world.open_to_work(b, 4);
    let invite = town.world.make_invite(b);
    let strangers: Vec<usize> =
        (0..7).map(|n| Person::add(&mut town.world, &format!("stranger-{n}"), PEER_1)).collect();
    let friend = Person::add(&mut town.world, "friend", PEER_1);
    town.world.run_for(5 * SECOND);
    let address = town.world.users[b].client().and_then(|client| client.address()).expect("served");
    town.world.kill(b);
    for &stranger in &strangers {
        town.world.knock_by(stranger, b, &address, 300);
        town.world.run_for(SECOND);
    }
    let ids = town.alice_says(20);
    assert!(town.world.wait_held(a, &ids, MINUTE), "contacts notice nothing");
    town.world.come_by(friend, &invite);
    town.world.run_for(20 * SECOND);
    let stats = town.world.peers[PEER_2].peer().map(|peer| peer.stats()).expect("runs");
    assert!(stats.refused_full > 0, "the inbox is full: {stats:?}");
    let full = strangers.iter().filter(|&&s| trouble(&town.world, s, b) == Some(AddingTrouble::InboxFull)).count();
    assert!(full > 0, "and whoever finds no slot is told");

    town.world.wake(b);
    assert!(town.world.wait_delivered(a, &ids, SOON));
    assert!(
        town.world.until(town.world.now_us() + MINUTE, |world| world.are_contacts(friend, b)),
        "an invite has its own slot"
    );
    let all = |world: &World<Person>| requests(world, b).len() == strangers.len();
    assert!(
        town.world.until(town.world.now_us() + 2 * HOUR, all),
        "with slots free, everybody gets through in the end"
    );
    assert!(town.world.texts(b, a) == 20 && strangers.iter().all(|&s| town.world.texts(b, s) == 0));

    decide(&mut town.world, b, strangers[0], |client, now, id| client.refuse(now, id).expect("a request"));
    decide(&mut town.world, b, strangers[1], |client, now, id| client.block(now, id).expect("a request"));
    decide(&mut town.world, b, strangers[2], |client, now, id| client.accept(now, id).expect("a request"));
    assert!(town.world.until(town.world.now_us() + MINUTE, |world| world.are_contacts(strangers[2], b)));
    assert_eq!(town.world.texts(b, strangers[2]), 1);
    town.is_sound();
}

#[test]
fn whoever_was_refused_or_blocked_learns_nothing_and_does_not_become_a_request_again() {
    let mut town = Town::strangers(74, little_work());
    let (a, b) = (town.alice, town.bob);
    let eve = Person::add(&mut town.world, "eve", PEER_1);
    town.world.open_to_work(b, 4);
    town.world.run_for(5 * SECOND);
    for stranger in [a, eve] {
        town.world.knock(stranger, b, 100);
    }
    assert!(town.world.until(town.world.now_us() + MINUTE, |world| requests(world, b).len() == 2));
    decide(&mut town.world, b, a, |client, now, id| client.refuse(now, id).expect("a request"));
    decide(&mut town.world, b, eve, |client, now, id| client.block(now, id).expect("a request"));
    town.world.run_for(2 * HOUR);
    for stranger in [a, eve] {
        let seen = town.world.users[stranger].contact(town.world.users[b].fingerprint()).expect("added");
        assert_eq!((seen.state, seen.trouble), (ContactState::Adding, None), "as if nobody had looked");
        // Everything anew: another hello, another session, more work.
        decide(&mut town.world, stranger, b, |client, now, id| client.remove(now, id).expect("a contact"));
        town.world.knock(stranger, b, 200);
    }
    town.world.run_for(2 * HOUR);
    assert_eq!(requests(&town.world, b), []);
    assert!(!town.world.are_contacts(a, b) && !town.world.are_contacts(eve, b));

    // Whom bob hands an invite now, he takes back what he said to.
    decide(&mut town.world, a, b, |client, now, id| client.remove(now, id).expect("a contact"));
    let invite = town.world.make_invite(b);
    town.world.run_for(SECOND);
    town.world.come_by(a, &invite);
    assert!(town.world.until(town.world.now_us() + MINUTE, |world| world.are_contacts(a, b)));
    town.is_sound();
}

#[test]
fn a_person_who_is_closed_or_takes_invites_only_or_asks_too_much_is_named_and_gets_the_knock_when_it_opens() {
    let mut town = Town::strangers(75, little_work());
    let (a, b) = (town.alice, town.bob);
    let expect = |town: &mut Town, expected| {
        let end = town.world.now_us() + 15 * MINUTE;
        assert!(town.world.until(end, |world| trouble(world, a, b) == Some(expected)), "{expected:?}");
    };
    set_policy(&mut town.world, b, IntroPolicy::Closed);
    town.world.run_for(SECOND);
    town.world.knock(a, b, 50);
    expect(&mut town, AddingTrouble::Closed);
    let knocks = town.world.peers[PEER_2].peer().map(|peer| peer.stats().refused_intro);
    assert_eq!(knocks, Some(0), "nobody knocks where the card says no");
    set_policy(&mut town.world, b, IntroPolicy::Token);
    expect(&mut town, AddingTrouble::InviteOnly);
    set_policy(&mut town.world, b, IntroPolicy::Work { bits: ClientConfig::default().work_bits_max + 1 });
    expect(&mut town, AddingTrouble::WorkTooHard);
    town.world.run_for(10 * MINUTE);
    assert_eq!(requests(&town.world, b), []);
    town.is_sound();
}

#[test]
fn a_request_in_the_name_of_a_contact_is_marked_whatever_alphabet_it_is_written_in() {
    let mut town = Town::with(76, little_work());
    let b = town.bob;
    let now = town.world.now_of(b);
    let alice = town.world.contact_id(b, town.alice).expect("a contact");
    town.world.users[b].client_mut().expect("alive").rename(now, alice, "Alice").expect("a free name");
    town.world.open_to_work(b, 4);
    let false_alice = Person::add(&mut town.world, "\u{410}li\u{441}e", PEER_1);
    let carol = Person::add(&mut town.world, "carol", PEER_1);
    town.world.run_for(5 * SECOND);
    town.world.knock(false_alice, b, 60);
    town.world.knock(carol, b, 60);
    assert!(town.world.until(town.world.now_us() + MINUTE, |world| requests(world, b).len() == 2));
    let marked: Vec<_> = requests(&town.world, b).into_iter().map(|r| (r.name_conflict, r.looks_like)).collect();
    assert_eq!(marked, [(true, Some("Alice".into())), (false, None)]);
    let genuine = town.world.users[b].client().expect("alive").contact(alice).expect("a contact");
    assert_eq!((genuine.name_conflict, genuine.looks_like), (false, None), "a stranger's claim says nothing of her");
    town.is_sound();
}

#[test]
fn a_private_peer_takes_who_has_its_secret_and_says_so_to_who_has_not() {
    let mut world = World::new(77, super::trace());
    world.add_peer(PeerConfig { private: true, ..PeerConfig::default() });
    let alice = Person::add(&mut world, "alice", PEER_1);
    let bob = Person::add(&mut world, "bob", PEER_1);
    let online = |world: &World<Person>, who: usize| world.users[who].home_state() == Some(HomeState::Online);
    assert!(world.until(world.now_us() + MINUTE, |world| online(world, alice) && online(world, bob)));
    world.meet(alice, bob);

    // Bob has a wrong secret: while the peer knows him he comes back with it, and after a restart he does not.
    let (now, with) = (world.now_of(bob), world.peers[PEER_1].home_address());
    let wrong = HomeAddress { invite: Some(InviteSecret([9; 15])), ..with };
    world.users[bob].client_mut().expect("alive").set_home(now, wrong).expect("a home");
    world.settle_user(bob);
    assert!(world.until(world.now_us() + MINUTE, |world| online(world, bob)));
    world.crash_peer(PEER_1);
    world.run_for(SECOND);
    world.start_peer(PEER_1);
    let refused = |world: &World<Person>| world.users[bob].home_state() == Some(HomeState::InviteNeeded);
    assert!(world.until(world.now_us() + 5 * MINUTE, refused));
    world.run_for(30 * MINUTE);
    let asked = world.peers[PEER_1].peer().map(|peer| peer.stats().refused_invite);
    assert_eq!(asked, Some(1), "once, and not again and again");
    assert!(online(&world, alice), "who has it is back");

    let (now, with) = (world.now_of(bob), world.peers[PEER_1].home_address());
    world.users[bob].client_mut().expect("alive").set_home(now, with).expect("a home");
    world.settle_user(bob);
    assert!(world.until(world.now_us() + MINUTE, |world| online(world, bob)));
    let mut town = Town { world, alice, bob };
    let ids = town.alice_says(3);
    town.ends_with(&ids, SOON);
    let secret = town.world.peers[PEER_1].home_address().invite.expect("private").reveal();
    let shown = format!("{:?}", town.world.users[alice].client().expect("alive").contacts());
    let address = town.world.users[bob].client().and_then(|client| client.address()).expect("served").to_string();
    assert!(!shown.contains(&secret) && !address.contains(&secret), "nobody else learns the secret");
}

#[test]
fn a_peer_that_is_short_of_memory_makes_newcomers_work() {
    let mut town = Town::new(78);
    town.world.kill(town.bob);
    let ids: Vec<_> = (0..30).map(|_| town.world.say(town.alice, town.bob, 3_000)).collect();
    assert!(town.world.wait_held(town.alice, &ids, MINUTE));
    let held = town.world.peers[PEER_2].peer().map_or(0, |peer| peer.stats().bytes_held);
    let three_quarters = PeerConfig { ram_bytes: held * 4 / 3, register_difficulty: 6, ..PeerConfig::default() };
    town.world.reload_peer(PEER_2, three_quarters);
    let late = Person::add(&mut town.world, "late", PEER_2);
    let online = |world: &World<Person>| world.users[late].home_state() == Some(HomeState::Online);
    assert!(town.world.until(town.world.now_us() + MINUTE, online));
    let stats = town.world.peers[PEER_2].peer().map(|peer| peer.stats()).expect("runs");
    assert_eq!(stats.refused_work, 1, "asked once: {stats:?}");
}
