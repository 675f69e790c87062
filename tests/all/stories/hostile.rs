//! T25: a peer that means ill. It has its key and everything that was ever left with it, and can withhold, delay, repeat,
//! mix up and lie. It cannot read, forge or insert; what it hides leaves a gap that is shown; and when it is honest
//! again, or its user has moved away, everything heals.

use pirushka_peer_core::PeerConfig;
use pirushka_sim::{AddingTrouble, Bundles, MessageState, Mischief, Person, Warning, World};
use pirushka_wire::time::{DAY, HOUR, MINUTE, SECOND};

use super::{PEER_1, PEER_2, SOON, Town};

const HONEST: Mischief = Mischief::NONE;

/// Alice and bob are contacts; then bob's peer falls into bad hands, and he is registered there.
fn town(seed: u64, mischief: Mischief) -> Town {
    let mut town = Town::new(seed);
    corrupt(&mut town, PEER_2, mischief);
    town
}

fn corrupt(town: &mut Town, peer: usize, mischief: Mischief) {
    town.world.corrupt_peer(peer, mischief);
    town.world.run_for(3 * MINUTE);
}

/// How often the peer of bob has done something of this name.
fn deeds(town: &Town, peer: usize, name: &str) -> u64 {
    town.world.peers[peer].hostile().and_then(|peer| peer.deeds.get(name)).copied().unwrap_or_default()
}

/// One text a second.
fn alice_says_slowly(town: &mut Town, texts: usize) -> Vec<pirushka_sim::MessageId> {
    let mut ids = vec![];
    for _ in 0..texts {
        ids.extend(town.alice_says(1));
        town.world.run_for(SECOND);
    }
    ids
}

/// Both write, and everything that either ever wrote is with the other, once.
fn all_is_well(town: &mut Town, from_alice: &[pirushka_sim::MessageId], from_bob: &[pirushka_sim::MessageId]) {
    let (a, b) = (town.alice, town.bob);
    let (mut there, mut back) = (from_alice.to_vec(), from_bob.to_vec());
    there.extend(town.alice_says(2));
    back.extend(town.bob_says(2));
    let arrived = town.world.wait_delivered(a, &there, 3 * HOUR) && town.world.wait_delivered(b, &back, 3 * HOUR);
    town.is_sound();
    assert!(arrived, "{}", town.world.report());
    // What came before an earlier one may wait for it.
    town.world.run_for(MINUTE);
    assert_eq!((town.world.texts(b, a), town.world.texts(a, b)), (there.len(), back.len()));
    assert_eq!((town.world.users[a].gaps(), town.world.users[b].gaps()), (0, 0), "nothing is missing");
}

#[test]
fn t25_a_hostile_peer_without_mischief_serves_people() {
    let mut town = town(900, HONEST);
    let ids = town.alice_says(5);
    assert!(town.world.wait_delivered(town.alice, &ids, MINUTE));
    all_is_well(&mut town, &ids, &[]);
}

#[test]
fn t25_a_peer_that_drops_every_third_message_shows_the_gap_and_late_copies_fill_it() {
    let mut town = town(901, Mischief { forgets_every: 3, ..HONEST });
    let mut ids = alice_says_slowly(&mut town, 12);
    let (a, b) = (town.alice, town.bob);
    assert!(town.world.texts(b, a) < 12, "some are missing");
    let gap = |world: &World<Person>| world.users[b].gaps() > 0;
    assert!(town.world.until(town.world.now_us() + 20 * SECOND, gap), "and bob sees that");
    town.world.run_for(10 * MINUTE);
    assert!(deeds(&town, PEER_2, "says OK and forgets") >= 4);
    let whole = (town.world.texts(b, a), town.world.users[b].gaps());
    assert_eq!(whole, (12, 0), "alice hears of the later ones only, and encrypts the others again");
    // The last of all has none behind it that would tell.
    ids.extend(alice_says_slowly(&mut town, 12));
    town.world.redeem_peer(PEER_2);
    all_is_well(&mut town, &ids, &[]);
}

#[test]
fn t25_a_peer_that_pushes_everything_again_a_week_later_shows_nothing_twice() {
    let mut town = town(902, Mischief { again_after_us: 7 * DAY, delays_us: 3 * SECOND, ..HONEST });
    let ids = alice_says_slowly(&mut town, 6);
    let back = town.bob_says(3);
    town.world.run_for(8 * DAY);
    assert!(deeds(&town, PEER_2, "pushes again") >= 6);
    town.is_sound();
    assert_eq!(town.world.texts(town.bob, town.alice), 6);
    all_is_well(&mut town, &ids, &back);
}

#[test]
fn t25_a_peer_that_is_deaf_to_acknowledgements_shows_nothing_twice() {
    let mut town = town(903, Mischief { deaf: true, again_after_us: SECOND, ..HONEST });
    let ids = town.alice_says(6);
    town.world.run_for(10 * MINUTE);
    assert_eq!(town.world.texts(town.bob, town.alice), 6);
    all_is_well(&mut town, &ids, &[]);
}

#[test]
fn t25_a_peer_that_says_ok_and_forgets_is_believed_until_its_next_run_and_loses_nothing() {
    let mut town = town(904, Mischief { forgets_every: 1, ..HONEST });
    let ids = town.alice_says(3);
    assert!(town.world.wait_held(town.alice, &ids, 20 * SECOND));
    town.world.run_for(DAY);
    let (a, b) = (town.alice, town.bob);
    assert_eq!(town.world.texts(b, a), 0);
    let held = ids.iter().all(|id| matches!(town.world.state(a, *id), MessageState::Held { .. }));
    assert!(held, "never more than the truth: held, not delivered");
    town.world.kill(b);
    town.world.redeem_peer(PEER_2);
    let queued = |world: &World<Person>| world.state(a, ids[0]) == MessageState::Queued;
    assert!(town.world.until(town.world.now_us() + 2 * HOUR, queued), "its boot is gone, so it is not held any more");
    town.world.wake(b);
    all_is_well(&mut town, &ids, &[]);
}

#[test]
fn t25_who_moves_away_from_a_peer_that_delivers_nothing_gets_everything() {
    let mut town = town(905, Mischief { forgets_every: 1, silent_percent: 30, ..HONEST });
    let new = town.world.add_peer(PeerConfig::default());
    let ids = town.alice_says(5);
    town.world.run_for(10 * MINUTE);
    assert_eq!(town.world.texts(town.bob, town.alice), 0);
    assert!(town.world.move_home(town.bob, None, new));
    all_is_well(&mut town, &ids, &[]);
}

#[test]
fn t25_a_peer_that_gives_somebody_elses_bundle_or_an_altered_one_is_found_out() {
    for (seed, bundles) in [(906, Bundles::Swapped), (907, Bundles::Mixed), (908, Bundles::Altered)] {
        let mut town = Town::strangers(seed, PeerConfig::default());
        let (a, b) = (town.alice, town.bob);
        corrupt(&mut town, PEER_2, Mischief { bundles, ..HONEST });
        let carol = Person::add(&mut town.world, "carol", PEER_2);
        town.world.run_for(10 * SECOND);
        town.world.invite(b, a);
        town.world.run_for(30 * MINUTE);
        let found =
            |warning: &Warning| matches!(warning, Warning::AddingDelayed { reason: AddingTrouble::BundleForged, .. });
        assert!(town.world.users[a].warnings.iter().any(found), "{bundles:?}: {:?}", town.world.users[a].warnings);
        assert!(!town.world.are_contacts(a, b), "{bundles:?}");
        assert!(town.world.contact_id(carol, a).is_none(), "{bundles:?}: nobody else was written to");
        corrupt(&mut town, PEER_2, HONEST);
        let both = |world: &World<Person>| world.are_contacts(a, b);
        assert!(town.world.until(town.world.now_us() + HOUR, both), "{bundles:?}: {}", town.world.report());
        all_is_well(&mut town, &[], &[]);
    }
}

#[test]
fn t25_a_peer_that_hides_a_person_is_asked_less_and_less_and_then_found() {
    let mut town = Town::strangers(909, PeerConfig::default());
    let (a, b) = (town.alice, town.bob);
    corrupt(&mut town, PEER_2, Mischief { bundles: Bundles::Withheld, ..HONEST });
    town.world.invite(b, a);
    town.world.run_for(6 * HOUR);
    let hidden =
        |warning: &Warning| matches!(warning, Warning::AddingDelayed { reason: AddingTrouble::UnknownUser, .. });
    assert!(town.world.users[a].warnings.iter().any(hidden));
    let asked = deeds(&town, PEER_2, "knows nobody");
    assert!((10..60).contains(&asked), "asked {asked} times in six hours");
    corrupt(&mut town, PEER_2, Mischief { bundles: Bundles::ByTurns, ..HONEST });
    let both = |world: &World<Person>| world.are_contacts(a, b);
    assert!(town.world.until(town.world.now_us() + HOUR, both), "{}", town.world.report());
    all_is_well(&mut town, &[], &[]);
}

#[test]
fn t25_a_peer_that_gives_one_package_to_everybody_lets_them_all_in_and_nobody_reads_anothers() {
    let mut town = Town::strangers(910, PeerConfig::default());
    let (a, b) = (town.alice, town.bob);
    corrupt(&mut town, PEER_2, Mischief { bundles: Bundles::OneForAll, ..HONEST });
    let carol = Person::add(&mut town.world, "carol", PEER_1);
    town.world.run_for(10 * SECOND);
    town.world.invite(b, a);
    town.world.invite(b, carol);
    let all = |world: &World<Person>| world.are_contacts(a, b) && world.are_contacts(carol, b);
    // The package serves once: whoever comes second is not heard, and is after the lie is over.
    town.world.until(town.world.now_us() + HOUR, all);
    corrupt(&mut town, PEER_2, HONEST);
    assert!(town.world.until(town.world.now_us() + 2 * DAY, all), "{}", town.world.report());
    all_is_well(&mut town, &[], &[]);
}

#[test]
fn t25_what_a_peer_repeats_of_old_times_does_not_bring_back_the_old_home() {
    let mut town = Town::strangers(911, PeerConfig::default());
    let (a, b) = (town.alice, town.bob);
    let (third, fourth) = (town.world.add_peer(PeerConfig::default()), town.world.add_peer(PeerConfig::default()));
    let mischief = Mischief { again_after_us: 7 * DAY, bundles: Bundles::Oldest, ..HONEST };
    corrupt(&mut town, PEER_1, mischief);
    corrupt(&mut town, PEER_2, mischief);
    town.world.meet(a, b);
    town.world.run_for(MINUTE);
    assert!(town.world.move_home(b, None, third));
    let knows = |world: &World<Person>| world.knows_homes(b, a);
    assert!(town.world.until(town.world.now_us() + HOUR, knows));
    town.world.run_for(DAY);
    assert!(town.world.move_home(b, None, fourth));
    town.world.run_for(10 * DAY);
    assert!(deeds(&town, PEER_1, "pushes again") > 0, "the old cards came again");
    let of = town.world.users[b].fingerprint();
    let homes = town.world.users[a].contact(of).expect("a contact").homes;
    assert_eq!(homes.iter().map(|home| home.peer_id).collect::<Vec<_>>(), [town.world.peers[fourth].peer_id()]);
    all_is_well(&mut town, &[], &[]);
}

#[test]
fn t25_what_is_pushed_to_the_wrong_person_or_queue_is_nobodys() {
    let mut town = Town::new(912);
    let (a, b) = (town.alice, town.bob);
    let carol = Person::add(&mut town.world, "carol", PEER_2);
    town.world.run_for(5 * SECOND);
    town.world.meet(carol, a);
    town.world.meet(carol, b);
    corrupt(&mut town, PEER_2, Mischief { again_after_us: SECOND, to_the_wrong: true, ..HONEST });
    let ids = alice_says_slowly(&mut town, 10);
    let to_carol: Vec<_> = (0..10).map(|_| town.world.say(a, carol, 60)).collect();
    assert!(town.world.wait_delivered(a, &to_carol, SOON));
    town.world.run_for(HOUR);
    assert!(deeds(&town, PEER_2, "pushes to the wrong person or queue") >= 20);
    town.is_sound();
    assert_eq!((town.world.texts(b, a), town.world.texts(carol, a), town.world.texts(carol, b)), (10, 10, 0));
    all_is_well(&mut town, &ids, &[]);
}

#[test]
fn t25_a_peer_that_alters_what_it_pushes_changes_no_letter() {
    let mut town = town(913, Mischief { alters_percent: 100, delays_us: SECOND, ..HONEST });
    let ids = alice_says_slowly(&mut town, 8);
    let long = town.world.say(town.alice, town.bob, 20_000);
    assert!(town.world.wait_delivered(town.alice, &[&ids[..], &[long]].concat(), SOON));
    assert!(deeds(&town, PEER_2, "alters a message") > 20);
    all_is_well(&mut town, &[&ids[..], &[long]].concat(), &[]);
}

#[test]
fn t25_a_peer_that_claims_to_be_restarted_every_few_seconds_loses_and_doubles_nothing() {
    let mut town = town(914, Mischief { restarts_every_us: 7 * SECOND, invents_status: true, ..HONEST });
    let ids = alice_says_slowly(&mut town, 20);
    let back = town.bob_says(5);
    assert!(town.world.wait_delivered(town.alice, &ids, HOUR), "{}", town.world.report());
    corrupt(&mut town, PEER_2, HONEST);
    all_is_well(&mut town, &ids, &back);
}

#[test]
fn t25_a_peer_that_never_says_ok_delivers_all_the_same() {
    let mut town = town(915, Mischief { silent_percent: 100, ..HONEST });
    let ids = town.alice_says(5);
    assert!(town.world.wait_delivered(town.alice, &ids, SOON), "a receipt is all that counts");
    all_is_well(&mut town, &ids, &[]);
}

#[test]
fn t25_a_ticket_that_is_none_keeps_a_message_queued_and_loses_it_not() {
    let mut town = Town::strangers(916, PeerConfig::default());
    let (a, b) = (town.alice, town.bob);
    corrupt(&mut town, PEER_2, Mischief { bad_tickets: true, ..HONEST });
    town.world.meet(a, b);
    town.world.run_for(MINUTE);
    town.world.kill(b);
    let held = town.alice_says(2);
    town.world.run_for(MINUTE);
    town.world.redeem_peer(PEER_2);
    let more = town.alice_says(2);
    town.world.run_for(6 * HOUR);
    let ids = [held, more].concat();
    assert!(ids.iter().all(|id| town.world.state(a, *id) == MessageState::Queued), "nobody lets alice in");
    town.world.wake(b);
    all_is_well(&mut town, &ids, &[]);
}

#[test]
fn t25_a_peer_that_refuses_everything_for_ever_is_asked_again_within_the_hour() {
    let mut town = town(917, Mischief { refuses_percent: 100, ..HONEST });
    let ids = town.alice_says(4);
    town.world.run_for(6 * HOUR);
    assert_eq!(town.world.texts(town.bob, town.alice), 0);
    let asked = deeds(&town, PEER_2, "refuses a message");
    assert!((8..400).contains(&asked), "asked {asked} times in six hours");
    corrupt(&mut town, PEER_2, HONEST);
    assert!(town.world.wait_delivered(town.alice, &ids, HOUR), "{}", town.world.report());
    all_is_well(&mut town, &ids, &[]);
}

#[test]
fn t25_a_peer_that_says_it_holds_nothing_for_long_is_not_asked_without_end() {
    for (seed, hold_s) in [(918, 0), (919, u32::MAX)] {
        let mut town = town(seed, Mischief { hold_s: Some(hold_s), ..HONEST });
        town.world.kill(town.bob);
        let ids = town.alice_says(1);
        town.world.run_for(5 * SECOND);
        let before = town.world.net.stats().sent;
        town.world.run_for(HOUR);
        let sent = town.world.net.stats().sent - before;
        assert!(sent < 3_000, "{sent} datagrams in an hour for one text");
        town.world.wake(town.bob);
        all_is_well(&mut town, &ids, &[]);
    }
}

#[test]
fn t25_a_lie_about_another_copy_of_the_profile_is_told_and_harms_nothing() {
    let mut town = town(920, Mischief { supersedes: true, ..HONEST });
    assert!(town.world.users[town.bob].warnings.contains(&Warning::Superseded), "bob is told what his peer says");
    let ids = town.alice_says(3);
    assert!(town.world.wait_delivered(town.alice, &ids, SOON));
    all_is_well(&mut town, &ids, &[]);
}

#[test]
fn t25_a_verification_survives_everything_that_both_peers_can_do() {
    let mut town = Town::new(921);
    for (one, other) in [(town.alice, town.bob), (town.bob, town.alice)] {
        let (now, id) = (town.world.now_of(one), town.world.contact_id(one, other).expect("a contact"));
        town.world.users[one].client_mut().expect("alive").confirm_code(now, id, true).expect("there is a code");
        town.world.settle_user(one);
    }
    let everything = Mischief {
        forgets_every: 4,
        silent_percent: 30,
        deaf: false,
        delays_us: MINUTE,
        again_after_us: HOUR,
        to_the_wrong: true,
        alters_percent: 20,
        refuses_percent: 30,
        bundles: Bundles::Swapped,
        restarts_every_us: 10 * MINUTE,
        bad_tickets: true,
        hold_s: Some(1),
        supersedes: true,
        invents_status: true,
    };
    [PEER_1, PEER_2].into_iter().for_each(|peer| corrupt(&mut town, peer, everything));
    let (mut there, mut back) = (vec![], vec![]);
    for _ in 0..6 {
        there.extend(town.alice_says(2));
        back.extend(town.bob_says(2));
        town.world.run_for(HOUR);
    }
    town.is_sound();
    [PEER_1, PEER_2].into_iter().for_each(|peer| town.world.redeem_peer(peer));
    all_is_well(&mut town, &there, &back);
    for (one, other) in [(town.alice, town.bob), (town.bob, town.alice)] {
        let of = town.world.users[other].fingerprint();
        assert!(town.world.users[one].contact(of).expect("a contact").verified);
        assert!(!town.world.users[one].warnings.iter().any(|warning| matches!(warning, Warning::CodeForged(_))));
    }
}
