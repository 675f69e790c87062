//! A profile that lost something: each case has its name and a way out, and nothing is deleted.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::stage::{Person, Stage};

/// Alice with a message in her store, no engine running, a backup and its secret.
struct Day {
    _stage: Stage,
    alice: Person,
    profile: PathBuf,
    backup: [String; 4],
}

fn day() -> Day {
    let stage = Stage::new();
    let (_one, _two, alice, bob) = stage.two_friends();
    bob.send(&alice, "kept", "delivered");
    let file = stage.path().join("a.backup");
    let made = alice.ok(&["backup", "create", file.to_str().unwrap()]);
    let secret = stage.path().join("secret");
    fs::write(&secret, made["recovery_key"].as_str().unwrap()).unwrap();
    let engine = alice.engine_pid();
    alice.ok(&["engine", "stop"]);
    // The profile is free before the process is quite gone, and its last reader tidies the log up.
    super::stage::until("the engine's end", || !Path::new(&format!("/proc/{engine}")).exists());
    let profile = alice.home.join("profiles/default");
    let backup = [file.to_str().unwrap(), "--secret-file", secret.to_str().unwrap(), "--key-file"].map(str::to_owned);
    Day { _stage: stage, alice, profile, backup }
}

impl Day {
    /// The command fails with this code and name, says what to do, and changes nothing.
    fn fails(&self, what: &str, name: &str) {
        let before = contents(&self.profile);
        for arguments in [&["status"][..], &["--no-engine", "chat", "list"]] {
            let ended = self.alice.json(arguments);
            assert_eq!((ended.code, ended.error().as_str()), (4, name), "{what}: {ended:?}");
            let plain = self.alice.plain(arguments);
            // A file of a newer version is not damaged: nothing has to be brought back.
            let way_out = if name == "newer_store" { "install" } else { "pirushka backup restore FILE --yes" };
            assert!(plain.stderr.contains(way_out), "{what} has a way out: {plain:?}");
            let in_russian = self.alice.plain(&[&["--lang", "ru"], arguments].concat());
            let way_out =
                if name == "newer_store" { "установите" } else { "pirushka backup restore FILE --yes" };
            assert!(in_russian.stderr.contains(way_out), "{what}: {in_russian:?}");
        }
        let after = contents(&self.profile);
        assert_eq!(before, after, "{what}: nothing was changed or deleted");
    }

    /// The way out that leads anywhere: the backup, with what is there moved aside.
    fn is_restored(&self, what: &str) {
        let arguments: Vec<&str> =
            ["backup", "restore"].into_iter().chain(self.backup.iter().map(String::as_str)).collect();
        let restored = self.alice.ok(&[&arguments[..], &["--yes"]].concat());
        assert!(Path::new(restored["aside"].as_str().unwrap()).exists(), "{what}: the damaged one is kept");
        assert_eq!(self.alice.json(&["search", "kept"]).objects().len(), 1, "{what}");
    }
}

/// Every file of a profile but those that each run writes anew.
fn contents(profile: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<_> = fs::read_dir(profile)
        .unwrap()
        .flatten()
        .map(|entry| (entry.file_name().to_string_lossy().into_owned(), fs::read(entry.path()).unwrap_or_default()))
        .filter(|(name, _)| !["lock", "engine.log", "store.db-shm"].contains(&name.as_str()))
        .collect();
    files.sort();
    files
}

#[test]
fn a_store_that_is_gone_while_its_key_is_there_is_named_and_restored() {
    let day = day();
    for file in ["store.db", "store.db-wal", "store.db-shm"] {
        let _ = fs::remove_file(day.profile.join(file));
    }
    day.fails("a missing store", "damaged");
    day.is_restored("a missing store");
}

#[test]
fn a_store_cut_short_is_named_and_restored() {
    let day = day();
    let store = fs::read(day.profile.join("store.db")).unwrap();
    for len in [0, 100] {
        fs::write(day.profile.join("store.db"), &store[..len]).unwrap();
        day.fails(&format!("a store of {len} bytes"), "damaged");
    }
    day.is_restored("a truncated store");
}

#[test]
fn a_store_with_flipped_bits_is_named_and_restored() {
    let day = day();
    let store = fs::read(day.profile.join("store.db")).unwrap();
    let mut flipped = store.clone();
    // Every page but the first, which holds the salt: whatever is read, its code does not fit.
    (4096..store.len()).step_by(4096).for_each(|page| flipped[page + 100] ^= 1);
    fs::write(day.profile.join("store.db"), &flipped).unwrap();
    day.fails("flipped pages", "damaged");
    day.is_restored("flipped pages");
}

#[test]
fn another_profiles_key_is_named_and_the_right_one_opens_it_again() {
    let day = day();
    let key = fs::read(day.profile.join("store.key")).unwrap();
    fs::write(day.profile.join("store.key"), [b'0'; 64]).unwrap();
    day.fails("a wrong key", "wrong_key");
    fs::write(day.profile.join("store.key"), key).unwrap();
    assert_eq!(day.alice.json(&["search", "kept"]).objects().len(), 1);
}

#[test]
fn a_lost_key_file_and_a_lost_header_are_named_and_restored() {
    let day = day();
    let header = day.profile.join("key.toml");
    let text = fs::read(&header).unwrap();
    fs::remove_file(&header).unwrap();
    day.fails("a lost header", "key_missing");
    assert_eq!(
        day.alice.json(&["init", "--name", "x"]).error(),
        "key_missing",
        "init does not make another one over it"
    );
    fs::write(&header, text).unwrap();
    fs::remove_file(day.profile.join("store.key")).unwrap();
    day.fails("a lost key file", "key_missing");
    day.is_restored("a lost key file");
}

#[test]
fn a_damaged_store_without_a_backup_is_salvaged_and_both_go_on_writing() {
    let stage = Stage::new();
    let (_one, _two, alice, bob) = stage.two_friends();
    for n in 0..30 {
        bob.send(&alice, &format!("number {n} {}", "x".repeat(200)), "delivered");
    }
    let engine = alice.engine_pid();
    alice.ok(&["engine", "stop"]);
    super::stage::until("the engine's end", || !Path::new(&format!("/proc/{engine}")).exists());
    let profile = alice.home.join("profiles/default");
    assert_eq!(alice.json(&["profile", "salvage", "--yes"]).error(), "bad_input", "it is sound");
    let mut store = fs::read(profile.join("store.db")).unwrap();
    let last = store.len() - 4096;
    store[last + 100] ^= 1;
    fs::write(profile.join("store.db"), &store).unwrap();
    assert_eq!(alice.json(&["profile", "salvage"]).error(), "not_confirmed");
    let salvaged = alice.ok(&["profile", "salvage", "--yes"]);
    assert_eq!((&salvaged["contacts"], &salvaged["pages_damaged"]), (&1.into(), &1.into()), "{salvaged}");
    assert!(salvaged["messages"].as_u64().unwrap() >= 15, "{salvaged}");
    let aside = Path::new(salvaged["aside"].as_str().unwrap());
    assert!(fs::read(aside.join("store.db")).unwrap() == store, "the damaged store is kept as it was");
    alice.send(&bob, "I am back", "delivered");
    bob.send(&alice, "welcome back", "delivered");
    assert!(alice.recv().contains(&"welcome back".to_owned()));
}

#[test]
fn without_any_backup_a_profile_that_lost_its_key_makes_room_for_a_new_one() {
    let day = day();
    fs::remove_file(day.profile.join("key.toml")).unwrap();
    let advised = day.alice.plain(&["status"]).stderr;
    assert!(advised.contains("`pirushka profile remove default --yes`") && advised.contains("`pirushka init`"));
    day.alice.ok(&["profile", "remove", "default", "--yes"]);
    day.alice.ok(&["init", "--name", "alice again", "--key-file"]);
}

#[test]
fn a_restore_that_nobody_confirmed_names_the_whole_command() {
    let day = day();
    let arguments: Vec<&str> = ["backup", "restore"].into_iter().chain(day.backup.iter().map(String::as_str)).collect();
    let refused = day.alice.json(&arguments);
    assert_eq!(refused.error(), "not_confirmed");
    let error: serde_json::Value = serde_json::from_str(refused.stderr.trim()).unwrap();
    let advised = error["fix"].as_str().unwrap().to_owned();
    assert!(!refused.stderr.contains("undone"), "the old profile is moved aside: {refused:?}");
    let words: Vec<&str> = advised.strip_prefix("pirushka ").unwrap().split(' ').collect();
    assert_eq!(words, [&arguments[..], &["--yes"]].concat());
    day.alice.ok(&words);
}

#[test]
fn a_store_of_a_newer_version_is_named() {
    let day = day();
    let header = day.profile.join("key.toml");
    let text = fs::read_to_string(&header).unwrap();
    fs::write(&header, text.replace("v = 1", "v = 99")).unwrap();
    day.fails("a newer header", "newer_store");
}

#[test]
fn a_folder_that_cannot_be_written_is_named() {
    let day = day();
    fs::set_permissions(&day.profile, fs::Permissions::from_mode(0o500)).unwrap();
    if fs::write(day.profile.join("probe"), "").is_ok() {
        return pirushka_tests::skipped("a folder that cannot be written", "this user may write anywhere");
    }
    let ended = day.alice.json(&["--no-engine", "status"]);
    fs::set_permissions(&day.profile, fs::Permissions::from_mode(0o700)).unwrap();
    assert_eq!((ended.code, ended.error().as_str()), (3, "not_writable"), "{ended:?}");
}

#[test]
fn a_disk_without_room_is_named_and_nothing_is_lost() {
    let day = day();
    // The system refuses what is larger than the limit, as it refuses what has no room.
    let text = "x".repeat(60_000);
    let mut command = std::process::Command::new("sh");
    let program = day.alice.command(&["--no-engine", "send", "bob", &text, "--wait", "queued"]);
    command
        .args(["-c", "trap '' XFSZ; ulimit -f 8; exec \"$0\" \"$@\""])
        .arg(program.get_program())
        .args(program.get_args());
    command.env_clear().envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(4), "{said}");
    assert_eq!(day.alice.json(&["search", "kept"]).objects().len(), 1);
}

#[test]
fn a_backup_that_was_broken_off_leaves_no_file_of_its_name() {
    let day = day();
    let file = day._stage.path().join("half.backup");
    let mut command = std::process::Command::new("sh");
    let program = day.alice.command(&["--no-engine", "backup", "create", file.to_str().unwrap()]);
    command
        .args(["-c", "trap '' XFSZ; ulimit -f 4; exec \"$0\" \"$@\""])
        .arg(program.get_program())
        .args(program.get_args());
    command.env_clear().envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let output = command.output().unwrap();
    assert!(!output.status.success());
    let left: Vec<_> = fs::read_dir(day._stage.path()).unwrap().flatten().map(|entry| entry.file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().contains("half.backup")), "{left:?}");
}

/// T33: whatever the program writes into a profile, none of it is readable without the key.
#[test]
fn t33_no_file_of_a_profile_holds_a_text_also_while_it_is_written() {
    let stage = Stage::new();
    let (_one, _two, alice, bob) = stage.two_friends();
    let canary = "canary-in-the-store";
    for n in 0..20 {
        alice.send(&bob, &format!("{canary} {n}"), "delivered");
    }
    bob.recv();
    let file = stage.path().join("b.backup");
    bob.ok(&["backup", "create", file.to_str().unwrap()]);
    // The engines still run: write-ahead log and its index are there.
    let mut seen = vec![];
    for person in [&alice, &bob] {
        for entry in fs::read_dir(person.home.join("profiles/default")).unwrap().flatten() {
            seen.push(entry.file_name().to_string_lossy().into_owned());
            holds_nothing(&entry.path(), canary);
        }
    }
    assert!(seen.contains(&"store.db-wal".to_owned()), "{seen:?}");
    holds_nothing(&file, canary);
}

fn holds_nothing(path: &Path, canary: &str) {
    let bytes = fs::read(path).unwrap();
    let utf16: Vec<u8> = canary.encode_utf16().flat_map(u16::to_le_bytes).collect();
    for text in [canary.as_bytes(), &utf16, b"SQLite format 3"] {
        assert!(!bytes.windows(text.len()).any(|window| window == text), "{} holds a text", path.display());
    }
}
