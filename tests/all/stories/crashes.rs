//! T33: a crash at every write point of receiving and sending: after the restart nothing is lost and nothing comes twice.

use pirushka_sim::CrashPoint;
use pirushka_wire::time::{MINUTE, SECOND};

use super::Town;

/// Lets a person die at the n-th commit from now on; false when there are not so many.
fn dies_at(town: &mut Town, who: usize, nth: u64, at: CrashPoint) -> bool {
    let from = town.world.users[who].commits;
    let soon = town.world.now_us() + MINUTE;
    if nth > 1 && !town.world.until(soon, |world| world.users[who].commits >= from + nth - 1) {
        return false;
    }
    town.world.users[who].crash(at);
    let soon = town.world.now_us() + MINUTE;
    town.world.until(soon, |world| world.users[who].is_crashed())
}

/// A short text, one of several envelopes, and another short one, with a crash of one side at each commit on the way.
fn a_crash_at_every_commit(of_sender: bool, at: CrashPoint) {
    let mut crashes = 0;
    for nth in 1..60 {
        let mut town = Town::new(80);
        let (a, b) = (town.alice, town.bob);
        let ids: Vec<_> = [40, 40_000, 40].into_iter().map(|size| town.world.say(a, b, size)).collect();
        let who = if of_sender { a } else { b };
        let died = dies_at(&mut town, who, nth, at);
        town.world.run_for(SECOND);
        if died {
            crashes += 1;
            town.world.wake(who);
        }
        town.ends_with(&ids, 10 * MINUTE);
        if !died {
            break;
        }
    }
    assert!(crashes >= 1, "no commit was tried");
}

#[test]
fn t33_a_crash_before_any_commit_of_receiving_loses_and_doubles_nothing() {
    a_crash_at_every_commit(false, CrashPoint::BeforeCommit);
}

#[test]
fn t33_a_crash_after_any_commit_of_receiving_loses_and_doubles_nothing() {
    a_crash_at_every_commit(false, CrashPoint::AfterCommit);
}

#[test]
fn t33_a_crash_before_any_commit_of_sending_loses_and_doubles_nothing() {
    a_crash_at_every_commit(true, CrashPoint::BeforeCommit);
}

#[test]
fn t33_a_crash_after_any_commit_of_sending_loses_and_doubles_nothing() {
    a_crash_at_every_commit(true, CrashPoint::AfterCommit);
}
