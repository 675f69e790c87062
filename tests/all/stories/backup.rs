//! An old copy of a profile comes back: as a backup that is restored, or as a folder that is put back.

use pirushka_client_core::{HomeState, MessageBody, Warning};
use pirushka_wire::time::{DAY, HOUR, MINUTE, SECOND};

use super::Town;

/// Alice's disk is copied, a month passes with messages both ways, and her computer burns. Gives the copy, and what is on
/// its way when she comes back: hers that the copy still holds unsent, and bob's that nobody has taken in.
fn a_month(town: &mut Town) -> (pirushka_sim::Disk, Vec<pirushka_sim::MessageId>, Vec<pirushka_sim::MessageId>) {
    let (a, b) = (town.alice, town.bob);
    let both = |town: &mut Town| {
        let (there, back) = (town.alice_says(3), town.bob_says(3));
        assert!(town.world.wait_delivered(a, &there, HOUR) && town.world.wait_delivered(b, &back, HOUR));
    };
    both(town);
    let fingerprint = town.world.users[b].fingerprint();
    let id = town.world.contact_id(a, b).unwrap();
    let now = town.world.now_of(a);
    town.world.users[a].client_mut().unwrap().confirm_fingerprint(now, id, &fingerprint).unwrap();
    town.world.settle_user(a);
    // Bob is away while the copy is made: what alice has just written waits in it.
    town.world.kill(b);
    let waiting = town.alice_says(2);
    town.world.run_for(MINUTE);
    let copy = town.world.users[a].copy_disk();
    town.world.wake(b);
    assert!(town.world.wait_delivered(a, &waiting, 2 * HOUR), "it arrives after the copy was made");
    for _ in 0..10 {
        both(town);
        town.world.run_for(3 * DAY);
    }
    town.world.kill(a);
    let back = town.bob_says(4);
    town.world.run_for(10 * MINUTE);
    (copy, waiting, back)
}

/// Everything that was on its way arrives, what is written now too, both ways; nothing comes twice; bob stays verified.
fn heals(town: &mut Town, waiting: &[pirushka_sim::MessageId], back: &[pirushka_sim::MessageId], within_us: u64) {
    let (a, b) = (town.alice, town.bob);
    let before = town.world.texts(b, a);
    let (ids, answers) = (town.alice_says(5), town.bob_says(5));
    assert!(town.world.wait_delivered(a, &ids, within_us), "what alice writes now is delivered");
    assert!(town.world.wait_delivered(b, back, within_us), "what bob wrote while she was gone arrives");
    assert!(town.world.wait_delivered(b, &answers, within_us), "what bob answers arrives");
    assert!(town.world.wait_delivered(a, waiting, within_us), "what waited in the copy is confirmed at last");
    assert_eq!(town.world.texts(b, a), before + 5, "and nothing of it came twice");
    town.world.run_for(MINUTE);
    assert!(town.world.users[a].contact(town.world.users[b].fingerprint()).unwrap().verified, "verification is kept");
    assert!(town.world.users[b].contact(town.world.users[a].fingerprint()).is_some());
    // What alice had received and confirmed since the copy is lost, and she is shown that it is; how much she cannot know,
    // since bob's numbers jumped when he was away.
    let with_bob = town.world.users[a].conversation(town.world.contact_id(a, b).unwrap());
    let missing = |body: &MessageBody| match body {
        MessageBody::Gap { missing } => *missing,
        MessageBody::Text(_) | MessageBody::NeedsNewerVersion { .. } | MessageBody::Expire { .. } => 0,
    };
    assert!(with_bob.iter().map(|message| missing(&message.body)).sum::<u64>() >= 1, "the gap is shown");
    town.is_sound();
}

#[test]
fn t34_an_old_backup_comes_back_and_everything_undelivered_arrives() {
    let mut town = Town::new(61);
    let (copy, waiting, back) = a_month(&mut town);
    let (a, now) = (town.alice, town.world.now_of(town.alice));
    town.world.users[a].restore(copy, now);
    town.world.settle_user(a);
    heals(&mut town, &waiting, &back, 5 * MINUTE);
}

#[test]
fn t34_an_old_copy_of_the_folder_comes_back_and_heals_by_itself() {
    let mut town = Town::new(62);
    let (copy, waiting, back) = a_month(&mut town);
    town.world.users[town.alice].bring_back(copy);
    town.world.wake(town.alice);
    heals(&mut town, &waiting, &back, 3 * HOUR);
}

#[test]
fn a_backup_restored_while_both_peers_have_lost_everything_heals_too() {
    let mut town = Town::new(63);
    let (copy, waiting, back) = a_month(&mut town);
    town.restart_peer(super::PEER_1);
    town.restart_peer(super::PEER_2);
    let (a, now) = (town.alice, town.world.now_of(town.alice));
    town.world.users[a].restore(copy, now);
    town.world.settle_user(a);
    heals(&mut town, &waiting, &back, HOUR);
}

#[test]
fn a_backup_restored_on_both_sides_heals_too() {
    let mut town = Town::new(64);
    let (a, b) = (town.alice, town.bob);
    let (there, back) = (town.alice_says(2), town.bob_says(2));
    assert!(town.world.wait_delivered(a, &there, HOUR) && town.world.wait_delivered(b, &back, HOUR));
    let copies = [a, b].map(|who| town.world.users[who].copy_disk());
    town.world.run_for(DAY);
    let (there, back) = (town.alice_says(2), town.bob_says(2));
    assert!(town.world.wait_delivered(a, &there, HOUR) && town.world.wait_delivered(b, &back, HOUR));
    for (who, copy) in [a, b].into_iter().zip(copies) {
        town.world.kill(who);
        let now = town.world.now_of(who);
        town.world.users[who].restore(copy, now);
        town.world.settle_user(who);
    }
    // Each looked up the keys that the other had just lost, so both begin once more.
    let (there, back) = (town.alice_says(2), town.bob_says(2));
    let healed = town.world.wait_delivered(a, &there, HOUR) && town.world.wait_delivered(b, &back, HOUR);
    let refused = [a, b].map(|who| town.world.users[who].client().map(|client| client.refused().clone()));
    assert!(healed, "{refused:?}");
    town.is_sound();
}

#[test]
fn a_person_who_was_being_added_when_the_backup_was_made_becomes_a_contact_by_a_new_invite() {
    let mut town = Town::strangers(65, pirushka_peer_core::PeerConfig::default());
    let (a, b) = (town.alice, town.bob);
    let address = town.world.make_invite(b);
    town.world.kill(b);
    town.world.come_by(a, &address);
    town.world.run_for(MINUTE);
    let copy = town.world.users[a].copy_disk();
    town.world.wake(b);
    town.world.run_for(MINUTE);
    assert!(town.world.are_contacts(a, b));
    town.world.kill(a);
    let now = town.world.now_of(a);
    town.world.users[a].restore(copy, now);
    town.world.settle_user(a);
    let back = town.bob_says(2);
    town.world.run_for(5 * MINUTE);
    let trouble = town.world.users[a].contact(town.world.users[b].fingerprint()).unwrap().trouble;
    assert_eq!(trouble, Some(pirushka_client_core::AddingTrouble::IntroRefused), "her lost self has used it up");
    let address = town.world.make_invite(b);
    town.world.come_by(a, &address);
    let ids = town.alice_says(2);
    assert!(town.world.wait_delivered(a, &ids, 10 * MINUTE) && town.world.wait_delivered(b, &back, 10 * MINUTE));
    town.is_sound();
}

#[test]
fn the_copy_that_still_runs_elsewhere_is_told_that_it_was_superseded() {
    let mut town = Town::new(66);
    let (a, b) = (town.alice, town.bob);
    let copy = town.world.users[a].copy_disk();
    let home = 0;
    let twin = pirushka_sim::Person::add(&mut town.world, "twin", home);
    town.world.kill(twin);
    let now = town.world.now_of(twin);
    town.world.users[twin].restore(copy, now);
    town.world.settle_user(twin);
    town.world.run_for(30 * SECOND);
    let warned = |who: usize| town.world.users[who].warnings.contains(&Warning::Superseded);
    assert!(warned(a) && !warned(twin) && !warned(b));
    let state = |town: &Town, who: usize| town.world.homes(who)[0].state;
    assert_eq!((state(&town, a), state(&town, twin)), (HomeState::Superseded, HomeState::Online));
    // The twin goes without a word; the peer notices in its time.
    town.world.kill(twin);
    town.world.run_for(30 * MINUTE);
    assert_eq!(state(&town, a), HomeState::Online, "the copy that still runs takes over");
    let (there, back) = (town.alice_says(2), town.bob_says(2));
    assert!(town.world.wait_delivered(a, &there, HOUR) && town.world.wait_delivered(b, &back, HOUR));
    town.world.run_for(10 * MINUTE);
    assert_eq!(town.world.texts(a, b), 2, "shown when what the twin had taken in is given up");
}
