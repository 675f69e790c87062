//! The process that is killed. It reports what has returned over a pipe, so that the judge knows what was promised.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io::{BufRead as _, BufReader, Lines, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use super::model::{Dice, Model, Step};
use super::profiles;
use crate::key::StoreKey;
use crate::store::Store;

/// Names the task; without it the test of this file does nothing.
const TASK: &str = "PIRUSHKA_TEST_CRASH_TASK";

/// What it does until it is killed or has finished.
#[derive(Clone)]
pub(super) enum Task {
    /// Opens the store and takes the steps of a seed behind the first so many.
    Write { store: PathBuf, seed: u64, from: u64 },
    /// Something with profiles in a folder, by its name.
    Profile { what: &'static str, home: PathBuf },
}

/// Not a test by itself: what the others start and kill.
#[test]
fn victim() {
    let Some(task) = std::env::var_os(TASK) else { return };
    let task = task.into_string().expect("a task");
    let parts: Vec<&str> = task.splitn(4, '|').collect();
    match parts[..] {
        ["write", seed, from, store] => {
            write(Path::new(store), seed.parse().expect("a seed"), from.parse().expect("a step"));
        }
        ["profile", what, home] => {
            report(0);
            profiles::act(what, Path::new(home));
            report(1);
        }
        _ => panic!("{task}"),
    }
}

pub(super) fn key() -> StoreKey {
    StoreKey::for_tests(7)
}

fn write(path: &Path, seed: u64, from: u64) {
    let mut model = Model::at(seed, from);
    report(from);
    let mut store = Store::open(path, &key()).expect("a store");
    loop {
        store = take(store, model.advance());
        report(model.step);
    }
}

/// Takes a step.
pub(super) fn take(mut store: Store, step: Step) -> Store {
    match step {
        Step::Commit(writes) => drop(store.commit(&writes).expect("room")),
        Step::Purge(contact) => store.purge(contact).expect("room"),
        Step::Forget => store.forget(),
        Step::Reopen => {
            let path = store.path().to_owned();
            drop(store);
            store = Store::open(&path, &key()).expect("a store");
        }
    }
    store
}

fn report(number: u64) {
    let mut out = std::io::stdout().lock();
    // The test harness may have begun a line.
    out.write_all(format!("\nreport {number}\n").as_bytes()).and_then(|()| out.flush()).expect("a judge who listens");
}

/// A victim that runs.
pub(super) struct Victim {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

/// What was heard of a victim that is dead.
#[derive(Debug, Clone, Copy)]
pub(super) struct Heard {
    /// The last report: this has returned.
    pub(super) last: u64,
    /// How long it took from the first report to the last.
    pub(super) time: Duration,
}

impl Victim {
    pub(super) fn start(task: &Task) -> Self {
        let task = match task {
            Task::Write { store, seed, from } => format!("write|{seed}|{from}|{}", store.display()),
            Task::Profile { what, home } => format!("profile|{what}|{}", home.display()),
        };
        let mut child = Command::new(std::env::current_exe().expect("this program"))
            .args(["--exact", "crash::victim::victim", "--nocapture"])
            .env(TASK, task)
            .stdout(Stdio::piped())
            .spawn()
            .expect("a process");
        let lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        Self { child, lines }
    }

    /// Waits for so many reports and then, awake, for a part of the time that one takes; kills it. The first report
    /// comes before the first step.
    pub(super) fn killed_after(mut self, reports: u64, dice: &mut Dice) -> Heard {
        let begun = self.next().map(|n| (n, Instant::now()));
        let (mut last, begun) = begun.expect("a victim that begins");
        let (mut before, mut now) = (begun, begun);
        for _ in 0..reports {
            let Some(number) = self.next() else { break };
            (last, before, now) = (number, now, Instant::now());
        }
        let typical = (now - before).clamp(Duration::from_micros(300), Duration::from_millis(20));
        spin(typical.mul_f64(dice.below(1500) as f64 / 1000.0));
        self.killed(last, begun)
    }

    /// Kills it so long after its first report.
    pub(super) fn killed_when(mut self, after: Duration) -> Heard {
        let last = self.next().expect("a victim that begins");
        let begun = Instant::now();
        spin(after);
        self.killed(last, begun)
    }

    /// Kills it when so many times another name has appeared in these folders or one has gone, and a moment later.
    pub(super) fn killed_at_change(mut self, changes: u64, folders: &[PathBuf], dice: &mut Dice) -> Heard {
        let last = self.next().expect("a victim that begins");
        let begun = Instant::now();
        let mut before = names(folders);
        for _ in 0..changes {
            while self.child.try_wait().expect("it is ours").is_none() {
                let now = names(folders);
                if now != before {
                    before = now;
                    break;
                }
            }
        }
        spin(Duration::from_micros(dice.below(60)));
        self.killed(last, begun)
    }

    /// Lets it finish.
    pub(super) fn finished(mut self, what: &str) -> Heard {
        let mut last = self.next().expect("a victim that begins");
        let begun = Instant::now();
        while let Some(number) = self.next() {
            last = number;
        }
        let time = begun.elapsed();
        assert!(self.child.wait().expect("its end").success(), "{what}");
        Heard { last, time }
    }

    fn killed(mut self, mut last: u64, begun: Instant) -> Heard {
        self.child.kill().expect("it is ours");
        self.child.wait().expect("its end");
        let time = begun.elapsed();
        // What it said before it died counts.
        while let Some(number) = self.next() {
            last = number;
        }
        Heard { last, time }
    }

    fn next(&mut self) -> Option<u64> {
        loop {
            let line = self.lines.next()?.ok()?;
            if let Some(number) = line.strip_prefix("report ") {
                return number.parse().ok();
            }
        }
    }
}

fn names(folders: &[PathBuf]) -> BTreeSet<OsString> {
    let entries = folders.iter().filter_map(|folder| std::fs::read_dir(folder).ok()).flatten().flatten();
    entries.map(|entry| entry.file_name()).collect()
}

/// Waits awake: sleeping would begin and end with the system's clock ticks.
fn spin(time: Duration) {
    let begun = Instant::now();
    while begun.elapsed() < time {
        std::hint::spin_loop();
    }
}
