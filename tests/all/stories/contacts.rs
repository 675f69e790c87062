//! Stories of what people do to their contacts: block, remove and add again, refuse, take back an invite, move, compare.

use pirushka_peer_core::PeerConfig;
use pirushka_sim::{CodeState, ContactState, Person, World};
use pirushka_wire::Address;
use pirushka_wire::time::{DAY, HOUR, MINUTE, SECOND};

use super::{PEER_1, PEER_2, SOON, Town};

/// Carries out a command of one person about another.
fn command(
    world: &mut World<Person>,
    user: usize,
    about: usize,
    command: impl FnOnce(&mut pirushka_sim::Client, pirushka_wire::Now, pirushka_sim::ContactId),
) {
    let (now, id) = (world.now_of(user), world.contact_id(user, about).expect("a contact"));
    command(world.users[user].client_mut().expect("alive"), now, id);
    world.settle_user(user);
}

fn remove(town: &mut Town, user: usize, about: usize) {
    command(&mut town.world, user, about, |client, now, id| client.remove(now, id).expect("a contact"));
}

fn make_asking_invite(town: &mut Town, user: usize) -> Address {
    let now = town.world.now_of(user);
    let client = town.world.users[user].client_mut().expect("alive");
    let id = client.new_invite(now, "ask me", 1, 60 * DAY / SECOND, true).expect("has a home");
    let address = client.invite_address(id).expect("has a home");
    town.world.settle_user(user);
    address
}

fn state(town: &Town, user: usize, about: usize) -> Option<ContactState> {
    Some(town.world.users[user].contact(town.world.users[about].fingerprint())?.state)
}

fn become_contacts(town: &mut Town) {
    let (a, b) = (town.alice, town.bob);
    let met = town.world.until(town.world.now_us() + SOON, |world| world.are_contacts(a, b));
    assert!(met, "{:?} {:?} {}", state(town, a, b), state(town, b, a), town.world.report());
}

/// One adds the other by a new invite.
fn meet_again(town: &mut Town, who: usize, inviter: usize) {
    let address = town.world.make_invite(inviter);
    town.world.run_for(SECOND);
    town.world.come_by(who, &address);
    become_contacts(town);
}

/// Both write, and both texts arrive.
fn talk(town: &mut Town) {
    let ids = town.alice_says(3);
    let back = town.bob_says(3);
    let (a, b) = (town.alice, town.bob);
    assert!(town.world.wait_delivered(a, &ids, SOON), "{}", town.world.report());
    assert!(town.world.wait_delivered(b, &back, SOON), "{}", town.world.report());
    town.is_sound();
}

#[test]
fn a_block_survives_a_restart_of_the_peer_and_ends_when_the_person_says_so() {
    let mut town = Town::new(71);
    let (a, b) = (town.alice, town.bob);
    command(&mut town.world, b, a, |client, now, id| client.block(now, id).expect("a contact"));
    let ids = town.alice_says(2);
    town.world.run_for(MINUTE);
    town.restart_peer(PEER_2);
    town.world.run_for(HOUR);
    assert!(!town.world.is_delivered(a, ids[0]));
    assert_eq!(town.world.texts(b, a), 0);
    command(&mut town.world, b, a, |client, now, id| client.unblock(now, id).expect("a contact"));
    town.world.run_for(MINUTE);
    assert!(town.world.wait_delivered(a, &ids, 2 * HOUR), "{}", town.world.report());
    talk(&mut town);
}

#[test]
fn who_is_removed_by_one_and_added_again_can_talk_as_before() {
    for (seed, first) in [(72, 0), (73, 3)] {
        let mut town = Town::new(seed);
        let (a, b) = (town.alice, town.bob);
        if first > 0 {
            talk(&mut town);
        }
        remove(&mut town, b, a);
        town.world.run_for(MINUTE);
        meet_again(&mut town, b, a);
        talk(&mut town);
    }
}

#[test]
fn two_who_have_removed_each_other_can_meet_again() {
    let mut town = Town::new(74);
    let (a, b) = (town.alice, town.bob);
    talk(&mut town);
    remove(&mut town, b, a);
    town.world.run_for(MINUTE);
    remove(&mut town, a, b);
    town.world.run_for(MINUTE);
    town.world.invite(b, a);
    become_contacts(&mut town);
    talk(&mut town);
}

#[test]
fn both_come_by_invites_of_each_other_after_one_removed_the_other() {
    let mut town = Town::new(75);
    let (a, b) = (town.alice, town.bob);
    talk(&mut town);
    remove(&mut town, b, a);
    remove(&mut town, a, b);
    let (from_alice, from_bob) = (town.world.make_invite(a), town.world.make_invite(b));
    town.world.run_for(SECOND);
    town.world.come_by(a, &from_bob);
    town.world.come_by(b, &from_alice);
    become_contacts(&mut town);
    talk(&mut town);
}

#[test]
fn who_is_refused_does_not_come_back_by_itself_and_may_be_added_later() {
    let mut town = Town::strangers(76, PeerConfig::default());
    let (a, b) = (town.alice, town.bob);
    let from_bob = make_asking_invite(&mut town, b);
    town.world.run_for(SECOND);
    town.world.come_by(a, &from_bob);
    town.world.run_for(10 * SECOND);
    assert_eq!(state(&town, b, a), Some(ContactState::Request));
    command(&mut town.world, b, a, |client, now, id| client.refuse(now, id).expect("a request"));
    for _ in 0..3 {
        town.restart_peer(PEER_2);
        town.world.kill(b);
        town.world.wake(b);
        town.world.run_for(DAY);
        assert_eq!(state(&town, b, a), None);
    }
    meet_again(&mut town, b, a);
    talk(&mut town);
}

#[test]
fn a_request_may_be_accepted_after_days() {
    for (seed, days) in [(77, 0), (78, 6), (79, 13)] {
        let mut town = Town::strangers(seed, PeerConfig::default());
        let (a, b) = (town.alice, town.bob);
        let from_bob = make_asking_invite(&mut town, b);
        town.world.run_for(SECOND);
        town.world.come_by(a, &from_bob);
        town.world.run_for(10 * SECOND + days * DAY);
        assert_eq!(state(&town, b, a), Some(ContactState::Request));
        town.world.accept_all(b);
        become_contacts(&mut town);
        talk(&mut town);
    }
}

#[test]
fn an_invite_taken_back_while_the_peer_is_down_lets_nobody_in() {
    let mut town = Town::strangers(80, PeerConfig::default());
    let (a, b) = (town.alice, town.bob);
    let now = town.world.now_of(b);
    let client = town.world.users[b].client_mut().expect("alive");
    let invite = client.new_invite(now, "oops", 5, 3600, false).expect("has a home");
    let address = client.invite_address(invite).expect("has a home");
    town.world.settle_user(b);
    town.world.run_for(SECOND);
    town.world.crash_peer(PEER_2);
    let now = town.world.now_of(b);
    town.world.users[b].client_mut().expect("alive").revoke_invite(now, invite).expect("an invite");
    town.world.settle_user(b);
    town.world.start_peer(PEER_2);
    town.world.run_for(MINUTE);
    town.world.come_by(a, &address);
    town.world.run_for(10 * MINUTE);
    assert_eq!((state(&town, b, a), state(&town, a, b)), (None, Some(ContactState::Adding)));
    town.is_sound();
}

#[test]
fn who_moves_to_another_peer_takes_everybody_along() {
    let mut town = Town::new(81);
    let (a, b) = (town.alice, town.bob);
    talk(&mut town);
    let (now, home) = (town.world.now_of(b), town.world.peers[PEER_1].peer_address());
    town.world.users[b].client_mut().expect("alive").set_home(now, home).expect("a home");
    town.world.settle_user(b);
    town.world.run_for(MINUTE);
    town.world.crash_peer(PEER_2);
    talk(&mut town);
    town.restart_peer(PEER_1);
    town.world.kill(b);
    let ids = town.alice_says(1);
    assert!(town.world.wait_held(a, &ids, 10 * MINUTE), "the new ticket lets it in");
    town.world.wake(b);
    assert!(town.world.wait_delivered(a, &ids, SOON));
    town.is_sound();
}

#[test]
fn digits_that_nobody_was_there_to_compare_do_not_count() {
    let mut town = Town::strangers(83, pirushka_peer_core::PeerConfig::default());
    let (a, b) = (town.alice, town.bob);
    // Bob takes who has an invite: four times she is refused, and gives up.
    let plain = town.world.users[b].client().and_then(pirushka_sim::Client::address).expect("bob is served");
    for _ in 0..4 {
        town.world.come_by(a, &plain);
        town.world.run_for(10 * SECOND);
        remove(&mut town, a, b);
        town.world.run_for(SECOND);
    }
    meet_again(&mut town, a, b);
    town.world.run_for(MINUTE);
    let code = town.world.users[a].contact(town.world.users[b].fingerprint()).map(|contact| contact.code);
    assert!(matches!(code, Some(CodeState::Ready(_))), "{code:?}");
}

#[test]
fn the_six_digits_are_equal_survive_restarts_and_can_be_run_three_times() {
    let mut town = Town::new(82);
    let (a, b) = (town.alice, town.bob);
    let code = |town: &Town, user: usize, about: usize| {
        town.world.users[user].contact(town.world.users[about].fingerprint()).map(|contact| contact.code)
    };
    let mut seen = vec![];
    for run in 1..=3 {
        if run > 1 {
            command(&mut town.world, a, b, |client, now, id| client.rerun_code(now, id).expect("one of three"));
            town.world.kill(b);
            town.world.run_for(MINUTE);
            town.world.wake(b);
            town.world.run_for(MINUTE);
        }
        let (here, there) = (code(&town, a, b), code(&town, b, a));
        assert!(matches!(here, Some(CodeState::Ready(_))), "{here:?}");
        assert_eq!(here, there);
        seen.push(here);
    }
    assert!(seen[0] != seen[1] && seen[1] != seen[2]);
    remove(&mut town, a, b);
    town.world.run_for(SECOND);
    meet_again(&mut town, a, b);
    assert_eq!(code(&town, a, b), Some(CodeState::Exhausted), "removing hands out no further run");
    talk(&mut town);
}

#[test]
fn a_contact_that_was_given_no_name_is_called_as_it_calls_itself() {
    let town = Town::new(68);
    let name = |of: usize, who: usize| {
        let contact = town.world.users[of].contact(town.world.users[who].fingerprint());
        contact.map(|contact| contact.name)
    };
    assert_eq!((name(town.alice, town.bob), name(town.bob, town.alice)), (Some("bob".into()), Some("alice".into())));
}

#[test]
fn a_fresh_invite_helps_where_the_first_one_was_used_up() {
    let mut town = Town::strangers(69, PeerConfig::default());
    let (a, b) = (town.alice, town.bob);
    let dead = town.world.make_invite(a);
    let now = town.world.now_of(a);
    town.world.users[a].client_mut().expect("alive").revoke_invite(now, 1).expect("mine");
    town.world.settle_user(a);
    town.world.run_for(SECOND);
    town.world.come_by(b, &dead);
    town.world.run_for(MINUTE);
    assert!(!town.world.are_contacts(a, b), "the invite was revoked");
    let fresh = town.world.make_invite(a);
    town.world.run_for(SECOND);
    town.world.come_by(b, &fresh);
    assert!(
        town.world.until(town.world.now_us() + MINUTE, |world| world.are_contacts(a, b)),
        "{}",
        town.world.report()
    );
    let ids = town.alice_says(1);
    town.ends_with(&ids, MINUTE);
}
