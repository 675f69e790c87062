//! Stories of people with several home peers, and of people who move.

use pirushka_client_core::IntroPolicy;
use pirushka_peer_core::PeerConfig;
use pirushka_sim::{CrashPoint, HomeRole, HomeState, MessageId, MessageState, Person, User as _, World};
use pirushka_wire::time::{DAY, HOUR, MINUTE, SECOND};

use super::{SOON, Town};

/// Peers 1 and 2 of [`Town`], and those that follow.
const ALICES: usize = 0;
const FIRST: usize = 1;
const SECOND_HOME: usize = 2;

/// Bob is served by `homes` peers: 2, 3 and so on; two more are spare.
fn town(seed: u64, homes: usize) -> Town {
    let mut town = Town::strangers(seed, PeerConfig::default());
    for _ in 0..=homes {
        town.world.add_peer(PeerConfig::default());
    }
    for peer in FIRST + 1..FIRST + homes {
        assert!(town.world.add_home(town.bob, peer));
    }
    town.world.run_for(5 * SECOND);
    town.world.meet(town.alice, town.bob);
    town.world.run_for(20 * SECOND);
    let serving = |home: &pirushka_sim::HomeInfo| home.role == HomeRole::Serving && home.state == HomeState::Online;
    assert!(town.world.homes(town.bob).iter().filter(|home| serving(home)).count() == homes);
    town
}

/// Everything that both said is on the other's disk, once.
fn ends_with(town: &mut Town, from_alice: &[MessageId], from_bob: &[MessageId], within_us: u64) {
    let (a, b) = (town.alice, town.bob);
    let there = town.world.wait_delivered(a, from_alice, within_us);
    let back = town.world.wait_delivered(b, from_bob, within_us);
    town.is_sound();
    assert!(there, "alice's: {:?}", from_alice.iter().map(|id| town.world.state(a, *id)).collect::<Vec<_>>());
    assert!(back, "bob's: {:?}", from_bob.iter().map(|id| town.world.state(b, *id)).collect::<Vec<_>>());
    assert_eq!((town.world.texts(b, a), town.world.texts(a, b)), (from_alice.len(), from_bob.len()));
}

/// Whether one home peer alone stands in a person's CARD, and it is the new one.
fn moved(world: &World<Person>, of: usize) -> bool {
    world.homes(of).iter().filter(|home| matches!(home.role, HomeRole::Leaving { .. })).count() == 2
}

fn restart(world: &mut World<Person>, peer: usize) {
    if world.peers[peer].peer().is_none() {
        world.start_peer(peer);
    }
}

#[test]
fn three_homes_one_dies_every_minute() {
    let mut town = town(100, 3);
    let (mut there, mut back) = (vec![], vec![]);
    for minute in 0..9 {
        let (dead, dying) = (FIRST + (minute + 2) % 3, FIRST + minute % 3);
        restart(&mut town.world, dead);
        there.extend(town.alice_says(1));
        town.world.run_for(300_000);
        town.world.crash_peer(dying);
        there.extend(town.alice_says(1));
        back.extend(town.bob_says(1));
        town.world.run_for(MINUTE);
    }
    ends_with(&mut town, &there, &back, SOON);
}

#[test]
fn any_one_of_the_homes_may_be_dead_before_while_and_after_something_is_sent() {
    for homes in 2..=4 {
        for dead in FIRST..FIRST + homes {
            let mut before = town(110 + (homes * 10 + dead) as u64, homes);
            before.world.crash_peer(dead);
            let ids = before.alice_says(3);
            let back = before.bob_says(3);
            ends_with(&mut before, &ids, &back, MINUTE);

            let mut during = town(210 + (homes * 10 + dead) as u64, homes);
            let ids = vec![during.world.say(during.alice, during.bob, 40_000), during.alice_says(1)[0]];
            during.world.run_for(50_000);
            during.world.crash_peer(dead);
            ends_with(&mut during, &ids, &[], SOON);

            let mut after = town(310 + (homes * 10 + dead) as u64, homes);
            after.world.kill(after.bob);
            let ids = after.alice_says(3);
            assert!(after.world.wait_held(after.alice, &ids, 20 * SECOND));
            after.world.crash_peer(dead);
            after.world.run_for(HOUR);
            after.world.wake(after.bob);
            ends_with(&mut after, &ids, &[], SOON);
        }
    }
}

#[test]
fn a_dead_first_home_delays_one_message_by_seconds_and_is_used_again_when_it_is_back() {
    let mut town = town(101, 2);
    town.world.run_for(3 * MINUTE);
    town.world.crash_peer(FIRST);
    let ids = town.alice_says(1);
    assert!(town.world.wait_delivered(town.alice, &ids, 6 * SECOND), "four seconds of doubt and a handshake");
    for _ in 0..20 {
        // Long enough for the session to rest, and for the first home to be worth another try.
        town.world.run_for(2 * MINUTE);
        let next = town.alice_says(1);
        assert!(town.world.wait_delivered(town.alice, &next, 2 * SECOND), "nothing waits for the dead one");
    }
    town.world.start_peer(FIRST);
    town.world.run_for(2 * MINUTE);
    for _ in 0..12 {
        town.world.run_for(2 * MINUTE);
        let next = town.alice_says(1);
        assert!(town.world.wait_delivered(town.alice, &next, 2 * SECOND));
    }
    town.world.kill(town.bob);
    town.world.run_for(10 * SECOND);
    let held = town.alice_says(1);
    assert!(town.world.wait_held(town.alice, &held, 5 * SECOND));
    let first = town.world.peers[FIRST].peer_id();
    let at = |town: &Town| match town.world.state(town.alice, held[0]) {
        MessageState::Held { peer, .. } => peer,
        _ => None,
    };
    assert_eq!(at(&town), Some(first.0), "it says where it is held");
    town.is_sound();
}

#[test]
fn a_home_that_dies_under_a_standing_session_delays_what_is_said_by_seconds() {
    let mut town = town(121, 2);
    let before = town.alice_says(1);
    assert!(town.world.wait_delivered(town.alice, &before, SECOND), "a session stands");
    town.world.crash_peer(FIRST);
    let ids = town.alice_says(3);
    assert!(town.world.wait_delivered(town.alice, &ids, 6 * SECOND), "nobody waits for the verdict");
    ends_with(&mut town, &[before, ids].concat(), &[], SECOND);
}

#[test]
fn a_home_at_a_mistyped_address_goes_on_at_the_old_one_until_the_right_one_answers() {
    let mut town = town(122, 1);
    let (a, b) = (town.alice, town.bob);
    let at = |town: &Town| town.world.homes(b).into_iter().map(|home| (home.peer, home.state, home.moving_fails));
    let old = town.world.peers[FIRST].home_address();
    let add = |town: &mut Town, address: &pirushka_wire::HomeAddress| {
        let now = town.world.now_of(b);
        town.world.users[b].client_mut().unwrap().add_home(now, address.clone()).unwrap();
        town.world.settle_user(b);
        town.world.run_for(2 * MINUTE);
    };
    let mut mistyped = old.clone();
    mistyped.peer.host = "old.example".parse().unwrap();
    let nobody = std::net::SocketAddr::new(town.world.peers[FIRST].address.ip(), 4);
    town.world.dns.insert("old.example".into(), nobody);
    add(&mut town, &mistyped);
    assert_eq!(at(&town).collect::<Vec<_>>(), [(old.peer.clone(), HomeState::Online, true)]);
    town.world.kill(b);
    town.world.wake(b);
    town.world.run_for(MINUTE);
    assert_eq!(at(&town).collect::<Vec<_>>(), [(old.peer.clone(), HomeState::Online, true)], "after a restart too");
    add(&mut town, &old);
    assert_eq!(town.world.homes(b)[0].moving_to, None, "the old address again: it stays");
    let (ids, back) = (town.alice_says(2), town.bob_says(2));
    ends_with(&mut town, &ids, &back, MINUTE);

    let mut new = old.clone();
    new.peer.host = "new.example".parse().unwrap();
    add(&mut town, &new);
    let place = town.world.peers[FIRST].address;
    town.world.dns.insert("new.example".into(), place);
    town.world.run_for(10 * MINUTE);
    assert_eq!(
        at(&town).collect::<Vec<_>>(),
        [(new.peer.clone(), HomeState::Online, false)],
        "found when it was there"
    );
    assert!(town.world.knows_homes(b, a));
    let known = town.world.users[a].contact(town.world.users[b].fingerprint()).unwrap().homes;
    assert_eq!(known, [new.peer]);
}

#[test]
fn t25_a_home_that_takes_everything_and_delivers_nothing_delays_by_half_a_minute() {
    let mut town = town(112, 2);
    town.world.kill(town.bob);
    let (bobs, first) =
        (pirushka_sim::User::place(&town.world.users[town.bob]).ip, town.world.peers[FIRST].address.ip());
    town.world.net.partition(bobs, first, true);
    town.world.wake(town.bob);
    town.world.run_for(MINUTE);
    let ids = town.alice_says(3);
    assert!(town.world.wait_held(town.alice, &ids, 20 * SECOND));
    ends_with(&mut town, &ids, &[], MINUTE);
}

#[test]
fn what_is_held_for_long_lies_at_every_home() {
    let mut town = town(102, 3);
    town.world.kill(town.bob);
    let ids = town.alice_says(2);
    assert!(town.world.wait_held(town.alice, &ids, 20 * SECOND));
    town.world.run_for(10 * MINUTE);
    town.world.kill(town.alice);
    town.world.crash_peer(FIRST);
    town.world.crash_peer(SECOND_HOME);
    town.world.run_for(MINUTE);
    town.world.wake(town.bob);
    let (a, b) = (town.alice, town.bob);
    let all = |world: &World<Person>| world.texts(b, a) == 2;
    assert!(town.world.until(town.world.now_us() + SOON, all), "its sender and two homes are dead");
    town.is_sound();
}

#[test]
fn late_copies_from_two_homes_are_shown_once() {
    let mut town = town(103, 2);
    town.world.kill(town.bob);
    let ids = town.alice_says(5);
    assert!(town.world.wait_held(town.alice, &ids, 20 * SECOND));
    let (alices, first) =
        (pirushka_sim::User::place(&town.world.users[town.alice]).ip, town.world.peers[FIRST].address.ip());
    town.world.net.partition(alices, first, true);
    let twice = |world: &World<Person>| {
        [FIRST, SECOND_HOME].iter().all(|&p| world.peers[p].peer().is_some_and(|p| p.stats().messages_held >= 5))
    };
    assert!(town.world.until(town.world.now_us() + 10 * MINUTE, twice), "both hold them");
    town.world.wake(town.bob);
    ends_with(&mut town, &ids, &[], SOON);
    town.world.run_for(HOUR);
    assert_eq!(town.world.texts(town.bob, town.alice), 5);
}

#[test]
fn all_homes_die_and_everybody_learns_the_new_one_without_their_help() {
    let mut town = town(104, 2);
    let carol = Person::add(&mut town.world, "carol", ALICES);
    town.world.run_for(5 * SECOND);
    town.world.meet(carol, town.bob);
    town.world.run_for(20 * SECOND);
    town.world.kill(carol);
    [FIRST, SECOND_HOME].iter().for_each(|&peer| town.world.crash_peer(peer));
    let queued = town.alice_says(3);
    town.world.run_for(10 * MINUTE);
    assert!(town.world.move_home(town.bob, None, FIRST + 2));
    let (a, b) = (town.alice, town.bob);
    let alice_knows = |world: &World<Person>| moved(world, b) && world.knows_homes(b, a);
    assert!(town.world.until(town.world.now_us() + MINUTE, alice_knows), "alice knows");
    assert!(!town.world.knows_homes(b, carol), "carol is away");
    ends_with(&mut town, &queued, &[], 15 * MINUTE);
    let left = |town: &Town| town.world.homes(town.bob).iter().filter(|home| home.role != HomeRole::Serving).count();
    assert_eq!(left(&town), 2, "carol does not know yet");
    town.world.run_for(5 * DAY);
    town.world.wake(carol);
    assert!(town.world.until(town.world.now_us() + 2 * HOUR, |world| world.knows_homes(b, carol)), "carol knows");
    let from_carol = vec![town.world.say(carol, b, 50)];
    assert!(town.world.wait_delivered(carol, &from_carol, SOON));
    town.world.run_for(5 * MINUTE);
    assert_eq!(left(&town), 0, "a dead old home hinders nobody");
    town.is_sound();
}

#[test]
fn both_move_at_the_same_time() {
    for (seed, dead) in [(105, false), (106, true)] {
        let mut town = town(seed, 1);
        if dead {
            town.world.crash_peer(ALICES);
            town.world.crash_peer(FIRST);
        }
        assert!(town.world.move_home(town.alice, None, FIRST + 1));
        assert!(town.world.move_home(town.bob, None, FIRST + 2));
        let (there, back) = (town.alice_says(2), town.bob_says(2));
        if dead {
            // Neither can hear where the other is: the first to be found again at its old home tells.
            town.world.run_for(10 * MINUTE);
            town.world.start_peer(ALICES);
        }
        ends_with(&mut town, &there, &back, 2 * HOUR);
        town.world.run_for(10 * MINUTE);
        assert!(town.world.knows_homes(town.alice, town.bob) && town.world.knows_homes(town.bob, town.alice));
        assert_eq!((town.world.homes(town.alice).len(), town.world.homes(town.bob).len()), (1, 1));
    }
}

#[test]
fn a_home_that_was_removed_is_added_again() {
    let mut town = town(107, 2);
    let mut ids = vec![];
    for pause in [SECOND, 10 * MINUTE, 0] {
        assert!(town.world.remove_home(town.bob, FIRST));
        ids.extend(town.alice_says(1));
        town.world.run_for(pause);
        assert!(town.world.add_home(town.bob, FIRST));
        ids.extend(town.alice_says(1));
        town.world.run_for(MINUTE);
    }
    town.world.crash_peer(SECOND_HOME);
    ids.extend(town.alice_says(1));
    ends_with(&mut town, &ids, &[], SOON);
}

#[test]
fn a_restart_in_the_middle_of_a_move_loses_nothing() {
    for (seed, point) in [(120, CrashPoint::BeforeCommit), (121, CrashPoint::AfterCommit), (122, CrashPoint::Idle)] {
        for after_us in [0, 100_000, 2 * SECOND] {
            let mut town = town(seed * 10 + after_us / 50_000, 2);
            let moved = town.world.move_home(town.bob, None, FIRST + 2);
            town.world.run_for(after_us);
            town.world.users[town.bob].crash(point);
            let ids = town.alice_says(2);
            town.world.run_for(30 * SECOND);
            if !town.world.users[town.bob].is_crashed() {
                town.world.kill(town.bob);
            }
            town.world.wake(town.bob);
            assert!(moved);
            ends_with(&mut town, &ids, &[], SOON);
            let (a, b) = (town.alice, town.bob);
            assert!(town.world.until(town.world.now_us() + SOON, |world| world.knows_homes(b, a)));
        }
    }
}

#[test]
fn a_mistyped_home_never_reaches_a_contact() {
    let mut town = town(108, 1);
    town.world.crash_peer(FIRST + 1);
    assert!(town.world.move_home(town.bob, None, FIRST + 1));
    let ids = town.alice_says(2);
    ends_with(&mut town, &ids, &[], MINUTE);
    town.world.run_for(HOUR);
    let roles: Vec<_> = town.world.homes(town.bob).iter().map(|home| home.role).collect();
    assert_eq!(roles, [HomeRole::Serving, HomeRole::Joining]);
    town.world.start_peer(FIRST + 1);
    town.world.run_for(10 * MINUTE);
    let roles: Vec<_> = town.world.homes(town.bob).iter().map(|home| home.role).collect();
    assert_eq!(roles, [HomeRole::Serving], "the old one was left when the new one served");
    town.is_sound();
}

#[test]
fn a_stranger_finds_the_way_past_a_dead_home_and_after_a_move() {
    let mut town = Town::strangers(109, PeerConfig::default());
    for _ in 0..3 {
        town.world.add_peer(PeerConfig::default());
    }
    let (a, b) = (town.alice, town.bob);
    assert!(town.world.add_home(b, FIRST + 1));
    town.world.run_for(5 * SECOND);
    let address = town.world.make_invite(b);
    town.world.run_for(SECOND);
    assert!(town.world.move_home(b, None, FIRST + 2));
    town.world.run_for(10 * MINUTE);
    assert_eq!(town.world.homes(b).len(), 3, "an open invite names what is left");
    town.world.come_by(a, &address);
    let both = |world: &World<Person>| world.are_contacts(a, b);
    assert!(town.world.until(town.world.now_us() + MINUTE, both), "{}", town.world.report());
    town.world.run_for(10 * MINUTE);
    assert_eq!(town.world.homes(b).len(), 1);
    let ids = town.alice_says(1);
    ends_with(&mut town, &ids, &[], MINUTE);
}

#[test]
fn a_home_that_is_down_for_an_hour_while_it_is_left_is_waited_for_by_who_is_invited_there() {
    let mut town = Town::strangers(123, PeerConfig::default());
    town.world.add_peer(PeerConfig::default());
    let (a, b) = (town.alice, town.bob);
    let address = town.world.make_invite(b);
    town.world.run_for(SECOND);
    town.world.crash_peer(FIRST);
    assert!(town.world.move_home(b, None, FIRST + 1));
    town.world.run_for(HOUR);
    town.world.start_peer(FIRST);
    town.world.come_by(a, &address);
    let both = |world: &World<Person>| world.are_contacts(a, b);
    assert!(town.world.until(town.world.now_us() + HOUR, both), "{}", town.world.report());
    town.is_sound();
}

/// Bob, whom strangers may ask, moves from a home whose address is out; some time later alice comes by it.
fn knocks_at_a_home_that_was_left(seed: u64, between: fn(&mut Town)) {
    let mut town = Town::strangers(seed, PeerConfig { intro_difficulty: 4, ..PeerConfig::default() });
    let new = town.world.add_peer(PeerConfig::default());
    let (a, b) = (town.alice, town.bob);
    town.world.users[b].says_yes = true;
    town.world.open_to_work(b, 4);
    let address = town.world.users[b].client().and_then(|client| client.address()).expect("served");
    town.world.run_for(SECOND);
    between(&mut town);
    assert!(town.world.homes(b).iter().any(|home| home.peer == town.world.peers[new].home_address().peer));
    town.world.knock_by(a, b, &address, 100);
    let both = |world: &World<Person>| world.are_contacts(a, b);
    assert!(town.world.until(town.world.now_us() + HOUR, both), "{}", town.world.report());
    town.is_sound();
}

#[test]
fn a_home_that_is_down_for_an_hour_while_it_is_left_is_waited_for_by_whoever_may_ask() {
    knocks_at_a_home_that_was_left(133, |town| {
        town.world.crash_peer(FIRST);
        assert!(town.world.move_home(town.bob, None, FIRST + 1));
        town.world.run_for(HOUR);
        town.world.start_peer(FIRST);
    });
}

#[test]
fn whoever_may_ask_finds_who_has_moved_days_ago_though_the_old_home_was_restarted() {
    knocks_at_a_home_that_was_left(134, |town| {
        assert!(town.world.move_home(town.bob, None, FIRST + 1));
        town.world.run_for(3 * DAY);
        town.restart_peer(FIRST);
        town.world.run_for(MINUTE);
    });
}

#[test]
fn a_home_that_was_left_is_left_for_good_when_nobody_may_ask_any_more() {
    let mut town = town(135, 1);
    town.world.open_to_work(town.bob, 4);
    assert!(town.world.move_home(town.bob, None, FIRST + 1));
    town.world.run_for(10 * MINUTE);
    assert_eq!(town.world.homes(town.bob).len(), 2, "strangers may have its address");
    let now = town.world.now_of(town.bob);
    let client = town.world.users[town.bob].client_mut().expect("alive");
    client.set_intro_policy(now, IntroPolicy::Token).expect("a policy");
    town.world.settle_user(town.bob);
    town.world.run_for(SECOND);
    assert_eq!(town.world.homes(town.bob).len(), 1);

    town.world.open_to_work(town.bob, 4);
    assert!(town.world.move_home(town.bob, None, FIRST));
    town.world.run_for(15 * DAY);
    assert_eq!(town.world.homes(town.bob).len(), 1, "and after 14 days at the latest");
    town.is_sound();
}

#[test]
fn who_moves_before_an_introduction_is_answered_hears_the_answer_at_the_old_home() {
    let mut town = Town::strangers(124, PeerConfig::default());
    let new = town.world.add_peer(PeerConfig::default());
    let (a, b) = (town.alice, town.bob);
    let address = town.world.make_invite(b);
    town.world.run_for(SECOND);
    town.world.kill(b);
    town.world.come_by(a, &address);
    town.world.run_for(10 * SECOND);
    assert!(town.world.move_home(a, None, new));
    town.world.run_for(HOUR);
    town.world.wake(b);
    let both = |world: &World<Person>| world.are_contacts(a, b);
    assert!(town.world.until(town.world.now_us() + SOON, both), "{}", town.world.report());
    let back = town.bob_says(1);
    ends_with(&mut town, &[], &back, MINUTE);
    town.world.run_for(10 * MINUTE);
    assert_eq!(town.world.homes(a).len(), 1, "and then the old one is left");
}

#[test]
fn who_gets_one_more_home_and_dies_while_an_introduction_is_answered_knows_the_answer() {
    let mut town = Town::strangers(131, PeerConfig::default());
    let new = town.world.add_peer(PeerConfig::default());
    let (a, b) = (town.alice, town.bob);
    let address = town.world.make_invite(b);
    town.world.run_for(SECOND);
    town.world.come_by(a, &address);
    let bob_knows = |world: &World<Person>| !world.users[b].client().expect("alive").contacts().is_empty();
    assert!(town.world.until(town.world.now_us() + MINUTE, bob_knows));
    // The introduction is there. Alice, who can reach a new home alone, makes it anew, and dies before she has.
    let cut = |town: &mut Town, on: bool| {
        for peer in [ALICES, FIRST] {
            let (alice, peer) = (town.world.users[a].place().ip, town.world.peers[peer].address.ip());
            town.world.net.partition(alice, peer, on);
        }
    };
    cut(&mut town, true);
    assert!(town.world.add_home(a, new));
    town.world.run_for(2 * SECOND);
    town.world.kill(a);
    town.world.wake(a);
    cut(&mut town, false);
    let both = |world: &World<Person>| world.are_contacts(a, b);
    assert!(town.world.until(town.world.now_us() + 5 * MINUTE, both), "{}", town.world.report());
    let (there, back) = (town.alice_says(1), town.bob_says(1));
    ends_with(&mut town, &there, &back, 5 * MINUTE);
}

#[test]
fn who_has_written_more_than_can_be_confirmed_leaves_a_dead_home_and_is_heard() {
    let mut town = Town::new(132);
    let new = town.world.add_peer(PeerConfig::default());
    town.world.crash_peer(FIRST);
    // More than go out without a receipt. Nobody can send one: the only way to bob is dead, and alice knows no other.
    let back = town.bob_says(2 * pirushka_sim::ClientConfig::default().window);
    town.world.run_for(MINUTE);
    let b = town.bob;
    assert!(town.world.move_home(b, None, new));
    ends_with(&mut town, &[], &back, 10 * MINUTE);
}

#[test]
fn an_introduction_goes_to_the_next_home_when_the_first_dies_under_it() {
    let mut town = Town::strangers(111, PeerConfig::default());
    town.world.add_peer(PeerConfig::default());
    let (a, b) = (town.alice, town.bob);
    assert!(town.world.add_home(b, FIRST + 1));
    town.world.run_for(5 * SECOND);
    town.world.kill(b);
    let address = {
        town.world.wake(b);
        town.world.run_for(5 * SECOND);
        town.world.make_invite(b)
    };
    town.world.run_for(SECOND);
    town.world.kill(b);
    town.world.come_by(a, &address);
    town.world.run_for(10 * SECOND);
    town.world.crash_peer(FIRST);
    town.world.run_for(10 * MINUTE);
    town.world.wake(b);
    let both = |world: &World<Person>| world.are_contacts(a, b);
    assert!(town.world.until(town.world.now_us() + SOON, both), "{}", town.world.report());
    town.is_sound();
}
