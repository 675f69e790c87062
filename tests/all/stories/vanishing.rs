//! Messages that disappear, and settings of a conversation that both sides share.

use pirushka_client_core::MessageBody;
use pirushka_sim::MessageId;
use pirushka_wire::time::{DAY, HOUR, MINUTE, SECOND};

use super::Town;

impl Town {
    fn expire(&mut self, who: usize, with: usize, after_s: u64) {
        let id = self.world.contact_id(who, with).unwrap();
        let now = self.world.now_of(who);
        self.world.users[who].client_mut().unwrap().set_expiry(now, id, after_s).unwrap();
        self.world.settle_user(who);
    }

    fn expiry(&self, who: usize, with: usize) -> u64 {
        self.world.users[who].contact(self.world.users[with].fingerprint()).unwrap().expire_s
    }

    /// The texts of both that a person still has of a conversation.
    fn left(&self, who: usize, with: usize) -> usize {
        let id = self.world.contact_id(who, with).unwrap();
        let rows = self.world.users[who].conversation(id);
        rows.iter().filter(|message| matches!(message.body, MessageBody::Text(_))).count()
    }

    fn lines(&self, who: usize, with: usize) -> Vec<(bool, u64)> {
        let id = self.world.contact_id(who, with).unwrap();
        let rows = self.world.users[who].conversation(id);
        let line = |message: &&pirushka_client_core::Message| match message.body {
            MessageBody::Expire { after_s } => Some((message.outgoing, after_s)),
            MessageBody::Text(_) | MessageBody::Gap { .. } | MessageBody::NeedsNewerVersion { .. } => None,
        };
        rows.iter().filter_map(line).collect()
    }
}

/// Both know that messages stay for an hour, and alice has written two.
fn an_hour() -> (Town, Vec<MessageId>) {
    let mut town = Town::new(71);
    let (a, b) = (town.alice, town.bob);
    let stays = town.alice_says(1);
    assert!(town.world.wait_delivered(a, &stays, MINUTE));
    town.expire(a, b, 3600);
    town.world.run_for(10 * SECOND);
    assert_eq!((town.expiry(a, b), town.expiry(b, a)), (3600, 3600));
    assert_eq!((town.lines(a, b), town.lines(b, a)), (vec![(true, 3600)], vec![(false, 3600)]));
    let ids = town.alice_says(2);
    assert!(town.world.wait_delivered(a, &ids, MINUTE));
    (town, ids)
}

#[test]
fn messages_disappear_on_both_sides_some_time_after_they_were_seen_and_older_ones_stay() {
    let (mut town, _) = an_hour();
    let (a, b) = (town.alice, town.bob);
    town.world.run_for(2 * HOUR);
    assert_eq!(town.left(a, b), 1, "alice's have been delivered for more than an hour");
    assert_eq!(town.left(b, a), 3, "bob has not seen his yet");
    town.world.read(b, a);
    town.world.run_for(HOUR - MINUTE);
    assert_eq!(town.left(b, a), 3);
    town.world.run_for(2 * MINUTE);
    assert_eq!(town.left(b, a), 1);
    town.is_sound();
}

#[test]
fn the_time_goes_on_while_no_program_runs() {
    let (mut town, _) = an_hour();
    let (a, b) = (town.alice, town.bob);
    town.world.read(b, a);
    town.world.run_for(MINUTE);
    town.world.kill(a);
    town.world.kill(b);
    town.world.run_for(DAY);
    town.world.wake(a);
    town.world.wake(b);
    assert_eq!((town.left(a, b), town.left(b, a)), (1, 1));
    town.is_sound();
}

#[test]
fn what_is_not_delivered_does_not_disappear() {
    let (mut town, _) = an_hour();
    let (a, b) = (town.alice, town.bob);
    town.world.kill(b);
    let ids = town.alice_says(1);
    town.world.run_for(3 * HOUR);
    assert_eq!(town.left(a, b), 2);
    town.world.wake(b);
    assert!(town.world.wait_delivered(a, &ids, 2 * HOUR), "it was still there to be offered again");
    town.is_sound();
}

#[test]
fn either_side_can_end_it_and_two_changes_at_once_end_the_same_on_both_sides() {
    let (mut town, _) = an_hour();
    let (a, b) = (town.alice, town.bob);
    town.expire(b, a, 0);
    town.world.run_for(10 * SECOND);
    assert_eq!((town.expiry(a, b), town.expiry(b, a)), (0, 0));
    for round in 1..=4 {
        town.expire(a, b, 100 * round);
        town.expire(b, a, 100 * round + 50);
        town.world.run_for(MINUTE);
        assert_eq!(town.expiry(a, b), town.expiry(b, a), "round {round}");
        assert_ne!(town.expiry(a, b), 0);
    }
    town.is_sound();
}

#[test]
fn whoever_was_brought_back_from_a_backup_learns_the_setting_again() {
    let mut town = Town::new(72);
    let (a, b) = (town.alice, town.bob);
    let copy = town.world.users[a].copy_disk();
    for after_s in [60, 120, 3600] {
        town.expire(b, a, after_s);
        town.world.run_for(10 * SECOND);
    }
    assert_eq!(town.expiry(a, b), 3600);
    town.world.kill(a);
    let now = town.world.now_of(a);
    town.world.users[a].restore(copy, now);
    town.world.settle_user(a);
    town.world.run_for(5 * MINUTE);
    assert_eq!((town.expiry(a, b), town.expiry(b, a)), (3600, 3600));
    town.is_sound();
}
