//! What is done with whole profiles, killed anywhere: there is the old one or the new one, and no rubbish after the next time.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use pirushka_client_core::{ClientConfig, ContactId};

use super::model::{Content, Dice};
use super::victim::{Task, Victim, key};
use super::{first_seed, rounds};
use crate::backup::{RestoreOptions, Secret, Whose};
use crate::clock::Clock;
use crate::driver::load;
use crate::key::KeyHeader;
use crate::store::samples::text;
use crate::store::{Store, put};
use crate::{Code, InitOptions, Profile, Protection};

/// What was typed to open backups: a recovery key, which costs nothing to try.
const SECRET: &str = "secret";
const BACKUP: &str = "a.backup";
const MESSAGES: u64 = 600;

/// The victim's part.
pub(super) fn act(what: &str, home: &Path) {
    let profile = Profile::at(home, None).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    match what {
        "init" => drop(runtime.block_on(crate::init(&profile, options("alice"))).unwrap()),
        "salvage" => drop(runtime.block_on(crate::salvage::salvage(&profile, None)).unwrap()),
        "restore" => {
            let typed = std::fs::read_to_string(home.join(SECRET)).unwrap();
            let how = RestoreOptions { protection: Protection::KeyFile, replace: true };
            drop(runtime.block_on(crate::backup::restore(&profile, &home.join(BACKUP), &typed, how)).unwrap());
        }
        "backup" => back_up(&profile, home),
        "migrate" => drop(Store::open(&profile.store_path(), &key()).unwrap()),
        "remove" => crate::profiles::remove(&profile).unwrap(),
        _ => panic!("{what}"),
    }
}

fn options(name: &str) -> InitOptions {
    InitOptions { name: name.into(), home: None, protection: Protection::KeyFile }
}

fn back_up(profile: &Profile, home: &Path) {
    let key = KeyHeader::read(profile).unwrap().unlock(profile, None).unwrap();
    let store = Store::open(&profile.store_path(), &key).unwrap();
    let whose = Whose { name: "alice".into(), fingerprint: [7; 32], contacts: 0 };
    let (secret, typed) = Secret::generate().unwrap();
    // First, so that there is no backup of which it is not known.
    std::fs::write(home.join(SECRET), &*typed).unwrap();
    crate::backup::create(&store.reader().unwrap(), whose, &home.join(BACKUP), (&secret, &typed), false).unwrap();
}

/// Does the same again and again in a fresh copy of what `prepare` has made, kills it at a random moment of the time that
/// it takes, and lets `judge` look; then what was killed is done once more, if `judge` says so, and must succeed.
fn killed_anywhere(what: &'static str, times: u64, prepare: impl Fn(&Path), judge: impl Fn(&Path) -> Again) {
    let template = tempfile::tempdir().unwrap();
    prepare(template.path());
    let mut dice = Dice(first_seed() ^ what.len() as u64);
    let (mut longest, mut begun, mut done) = (Duration::ZERO, 0, 0);
    for round in 0..rounds(times) {
        let home = tempfile::tempdir().unwrap();
        copy(template.path(), home.path());
        let task = Task::Profile { what, home: home.path().to_owned() };
        if round == 0 {
            longest = Victim::start(&task).finished(what).time;
            assert!(judge(home.path()) == Again::No, "{what} was done");
            continue;
        }
        let victim = Victim::start(&task);
        // Anywhere, and as often where something gets its name or loses it.
        let heard = if round % 2 == 0 {
            victim.killed_when(longest.mul_f64(dice.below(1100) as f64 / 1000.0))
        } else {
            victim.killed_at_change(1 + dice.below(4), &places(home.path()), &mut dice)
        };
        let after = heard.time;
        match judge(home.path()) {
            Again::No => done += 1,
            Again::Yes => {
                assert_eq!(heard.last, 0, "{what}: it was reported as done, after {after:?}");
                begun += 1;
                Victim::start(&task).finished(what);
                assert!(judge(home.path()) == Again::No, "{what}: the second time it is done");
            }
        }
        let left = leftovers(home.path());
        assert!(left.is_empty(), "{what}, killed after {after:?}, then done again: {left:?} stay behind");
    }
    println!("{what}: {} kills, {begun} before and {done} after it was done, which takes {longest:?}", begun + done);
}

#[derive(PartialEq, Eq)]
enum Again {
    Yes,
    No,
}

/// What nobody asked for: half-made and half-removed folders and files.
fn leftovers(home: &Path) -> Vec<PathBuf> {
    let entries = places(home).into_iter().filter_map(|folder| std::fs::read_dir(folder).ok()).flatten().flatten();
    let names = entries.map(|entry| entry.path());
    let is_rubbish = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        name.starts_with(".new-") || name.starts_with(".gone-") || name.ends_with(".part")
    };
    names.filter(is_rubbish).collect()
}

/// Where things get their names.
fn places(home: &Path) -> [PathBuf; 2] {
    [home.to_owned(), home.join("profiles")]
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().flatten() {
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() {
            copy(&from, &to);
        } else {
            std::fs::copy(&from, &to).unwrap();
        }
    }
}

fn profile(home: &Path) -> Profile {
    Profile::at(home, None).unwrap()
}

/// Opens a profile as an engine does, and gives the name of its owner and how many messages there are; nothing where no
/// profile stands.
fn opened(home: &Path) -> Option<crate::Result<(String, usize)>> {
    let profile = profile(home);
    if matches!(profile.must_exist(), Err(error) if error.code == Code::NoProfile) {
        return None;
    }
    let open = || {
        let key = KeyHeader::read(&profile)?.unlock(&profile, None)?;
        let store = Store::open(&profile.store_path(), &key)?;
        store.check()?;
        let client = load(&store, ClientConfig::default(), Clock::new().now())?;
        Ok((client.name().to_owned(), messages(&store)))
    };
    Some(open())
}

fn messages(store: &Store) -> usize {
    let all = store.reader().unwrap().history(ContactId(0), None, 2000).unwrap();
    all.messages.len()
}

/// A profile with messages.
fn make(home: &Path, name: &str) {
    let profile = profile(home);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(crate::init(&profile, options(name))).unwrap();
    let key = KeyHeader::read(&profile).unwrap().unlock(&profile, None).unwrap();
    let mut store = Store::open(&profile.store_path(), &key).unwrap();
    store.commit(&texts()).unwrap();
    store.forget();
}

fn texts() -> Vec<pirushka_client_core::Write> {
    let body = |n: u64| format!("text{n} {}", "x".repeat(100));
    (0..MESSAGES).map(|n| put(&text(1000 + n, 0, &body(n)))).collect()
}

#[test]
fn making_a_profile_killed_anywhere_makes_a_whole_one_or_none() {
    killed_anywhere(
        "init",
        30,
        |_| {},
        |home| match opened(home) {
            None => Again::Yes,
            Some(opened) => {
                assert_eq!(opened.unwrap().0, "alice");
                Again::No
            }
        },
    );
}

#[test]
fn salvaging_killed_anywhere_leaves_the_damaged_profile_or_the_new_one_in_its_place() {
    let prepare = |home: &Path| {
        make(home, "alice");
        let path = profile(home).store_path();
        let mut store = std::fs::read(&path).unwrap();
        let last = store.len() - 4096;
        store[last + 100] ^= 1;
        std::fs::write(&path, &store).unwrap();
        std::fs::write(home.join("damaged"), &store).unwrap();
    };
    killed_anywhere("salvage", 30, prepare, |home| {
        let damaged = std::fs::read(home.join("damaged")).unwrap();
        let is_there = stores(home).contains(&damaged);
        assert!(is_there, "the damaged store is still somewhere, as it was");
        match opened(home).expect("a profile stands in its place at every moment") {
            Ok((name, _)) => {
                assert_eq!(name, "alice");
                Again::No
            }
            Err(error) => {
                assert_eq!(error.code, Code::Damaged);
                Again::Yes
            }
        }
    });
}

/// The stores in all folders of profiles.
fn stores(home: &Path) -> Vec<Vec<u8>> {
    let folders = std::fs::read_dir(home.join("profiles")).unwrap().flatten();
    folders.filter_map(|folder| std::fs::read(folder.path().join("store.db")).ok()).collect()
}

#[test]
fn restoring_killed_anywhere_leaves_the_old_profile_or_the_restored_one_in_its_place() {
    let prepare = |home: &Path| {
        make(home, "alice");
        back_up(&profile(home), home);
        crate::profiles::remove(&profile(home)).unwrap();
        make(home, "the one that stood there");
    };
    killed_anywhere("restore", 10, prepare, |home| {
        let opened = opened(home).expect("a profile stands in its place at every moment").unwrap();
        // No contact has these messages, so that an engine would sweep them; the backup has them all the same.
        assert_eq!(opened.1, MESSAGES as usize);
        if opened.0 == "alice" { Again::No } else { Again::Yes }
    });
}

#[test]
fn backing_up_killed_anywhere_leaves_a_whole_file_or_none_of_its_name() {
    killed_anywhere(
        "backup",
        10,
        |home| make(home, "alice"),
        |home| {
            assert_eq!(opened(home).unwrap().unwrap(), ("alice".to_owned(), MESSAGES as usize));
            let file = home.join(BACKUP);
            if !file.exists() {
                return Again::Yes;
            }
            let typed = std::fs::read_to_string(home.join(SECRET)).unwrap();
            assert_eq!(crate::backup::check(&file, &typed).unwrap().messages, MESSAGES);
            Again::No
        },
    );
}

#[test]
fn a_removal_killed_anywhere_removes_all_of_a_profile_or_nothing() {
    killed_anywhere(
        "remove",
        30,
        |home| make(home, "alice"),
        |home| match opened(home) {
            None => {
                let again = crate::profiles::remove(&profile(home));
                assert_eq!(again.unwrap_err().code, Code::NoProfile);
                Again::No
            }
            Some(opened) => {
                assert_eq!(opened.unwrap().1, MESSAGES as usize);
                Again::Yes
            }
        },
    );
}

#[test]
fn bringing_an_old_store_up_to_date_killed_anywhere_is_done_at_the_next_opening() {
    let prepare = |home: &Path| {
        let path = profile(home).store_path();
        crate::profile::private_dir(profile(home).dir()).unwrap();
        let mut store = Store::create(&path, &key()).unwrap();
        store.commit(&texts()).unwrap();
        store.make_old();
    };
    killed_anywhere("migrate", 30, prepare, |home| {
        let path = profile(home).store_path();
        let store = Store::open(&path, &key()).unwrap();
        let reader = store.reader().unwrap();
        let ids: BTreeSet<u64> = Content::of(&reader).unwrap().ids().collect();
        assert_eq!(ids, (1000..1000 + MESSAGES).collect());
        let found = reader.search("text7", None, None, 2000).unwrap();
        assert_eq!(found.hits.len(), 1 + 10, "every text that begins so is found");
        store.check().unwrap();
        Again::No
    });
}
