//! A writer that is killed again and again: nothing that was promised is lost, and nothing is there by half.

use std::path::Path;

use super::model::{Dice, Model};
use super::torn::Log;
use super::victim::{Task, Victim, key};
use super::{first_seed, rounds};
use crate::store::Store;

/// A store of so many steps gives way to a new one.
const STEPS: u64 = 250;

/// T33.
#[test]
fn t33_a_writer_killed_at_any_moment_has_lost_nothing_that_it_reported_and_left_nothing_by_half() {
    let (mut kills, mut in_commits, mut unreported, mut steps, mut seed) = (0, 0, 0, 0, first_seed());
    while kills < rounds(120) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("store.db");
        drop(Store::create(&path, &key()).unwrap());
        let (mut model, mut dice) = (Model::new(seed), Dice(!seed));
        while model.step < STEPS && kills < rounds(120) {
            let task = Task::Write { store: path.clone(), seed, from: model.step };
            // None: while it opens what the one before has left.
            let reports = dice.below(4) * dice.below(12);
            let heard = Victim::start(&task).killed_after(reports, &mut dice);
            kills += 1;
            in_commits += u64::from(is_broken_off(&path));
            judge(&path, &mut model, heard.last);
            unreported += u64::from(model.step > heard.last);
        }
        steps += model.step;
        seed += 1;
    }
    println!(
        "{kills} kills: {in_commits} left a part of a commit in the log, {unreported} a commit that was whole and not \
         reported; {steps} steps, none lost, none by half"
    );
    assert!(
        in_commits + unreported > kills / 50,
        "of {kills} kills {in_commits} and {unreported} were within a commit"
    );
}

/// The store holds what the model does after all that was reported, or one step later.
fn judge(path: &Path, model: &mut Model, reported: u64) {
    while model.step < reported {
        model.advance();
    }
    let store = Store::open(path, &key()).expect("it opens");
    if model.is_in(&store) {
        return;
    }
    let before = model.clone();
    model.advance();
    if !model.is_in(&store) {
        panic!("neither step {reported} nor the next is there: {:?}", before.content.loaded().first());
    }
}

/// Whether the log ends within a transaction.
fn is_broken_off(path: &Path) -> bool {
    std::fs::read(path.with_extension("db-wal")).is_ok_and(|log| Log::of(&log).is_broken_off())
}
