//! Several profiles, identities in files, settings, and what leaves a process besides its output.

use std::os::unix::fs::PermissionsExt as _;

use super::stage::{Stage, befriend};

#[test]
fn profiles_stand_side_by_side_with_an_engine_each_and_one_can_go() {
    let stage = Stage::new();
    let peer = stage.peer("peer");
    let alice = stage.person("alice", &peer);
    let work = ["--profile", "work"];
    alice.ok(&[&work[..], &["init", "--name", "alice at work", "--peer", &peer.address, "--key-file"]].concat());
    alice.ok(&["status"]);
    alice.ok(&[&work[..], &["status"]].concat());
    let listed = alice.json(&["profile", "list"]).objects();
    let shown: Vec<_> = listed.iter().map(|p| (p["name"].as_str().unwrap(), p["running"] == true)).collect();
    assert_eq!(shown, [("default", true), ("work", true)]);
    let refused = alice.json(&["profile", "remove", "work"]);
    assert_eq!((refused.code, refused.error().as_str()), (2, "not_confirmed"));
    alice.ok(&["profile", "remove", "work", "--yes"]);
    assert_eq!(alice.json(&["profile", "list"]).objects().len(), 1);
    assert_eq!(alice.json(&["profile", "remove", "work", "--yes"]).code, 3);
    assert_eq!(alice.json(&["profile", "remove", "../x", "--yes"]).code, 2);
    assert_eq!(alice.ok(&["status"])["name"], "alice");
    let left: Vec<_> = std::fs::read_dir(alice.home.join("profiles")).unwrap().flatten().collect();
    assert_eq!(left.len(), 1, "{left:?}");
}

#[test]
fn whoever_lost_the_chosen_profile_is_told_of_the_others() {
    let stage = Stage::new();
    let alice = stage.nobody("alice");
    assert!(alice.plain(&[]).stdout.contains("no profile on this computer yet"));
    alice.ok(&["--profile", "second", "init", "--name", "alice", "--key-file"]);
    let shown = alice.plain(&[]);
    assert!(shown.code == 0 && !shown.stdout.contains("yet") && shown.stdout.contains("Others: second"), "{shown:?}");
    let told = alice.ok(&[]);
    assert_eq!((&told["exists"], &told["others"][0]), (&false.into(), &"second".into()), "{told}");
    for command in told["next"].as_array().unwrap().iter().take(2) {
        let words: Vec<&str> = command.as_str().unwrap().split(' ').skip(1).collect();
        alice.ok(&words);
    }
    assert_eq!(alice.ok(&[])["name"], "alice", "the second one is chosen now");
}

#[test]
fn a_passphrase_in_a_file_protects_whatever_profile_is_made_or_nothing_is_made() {
    let stage = Stage::new();
    let alice = stage.nobody("alice");
    let file = stage.path().join("passphrase");
    let path = file.to_str().unwrap();
    let init = ["init", "--name", "alice", "--passphrase-file", path];
    let refused = alice.json(&init);
    assert_eq!((refused.code, refused.error().as_str()), (3, "cannot_read"));
    std::fs::write(&file, "\n").unwrap();
    assert_eq!(alice.json(&init).error(), "empty_passphrase");
    assert!(!alice.home.join("profiles").exists(), "nothing was made");
    std::fs::write(&file, "correct horse\n").unwrap();
    assert_eq!(alice.ok(&init)["protection"], "passphrase");
    let unlocked = ["--no-engine", "--passphrase-file", path];
    let (pem, backup) = (stage.path().join("a.pem"), stage.path().join("a.backup"));
    let (pem, backup) = (pem.to_str().unwrap(), backup.to_str().unwrap());
    // What makes a file takes its secret from another flag, and says so where nobody can type it.
    for making in [&["id", "export", "--output", pem][..], &["backup", "create", backup, "--passphrase"]] {
        let refused = alice.json(&[&unlocked[..], making].concat());
        assert_eq!(refused.error(), "no_terminal", "{making:?}");
        let error: serde_json::Value = serde_json::from_str(refused.stderr.lines().last().unwrap()).unwrap();
        let advised = error["fix"].as_str().unwrap().split("pirushka ").nth(1).unwrap().replace("FILE", path);
        let advised: Vec<&str> = advised.split(' ').collect();
        alice.ok(&[&unlocked[..], &advised].concat());
    }
    for (profile, bringing) in [("imported", &["id", "import", pem][..]), ("restored", &["backup", "restore", backup])]
    {
        let secret = ["--secret-file", path, "--passphrase-file", path, "--profile", profile];
        alice.ok(&[bringing, &secret].concat());
        let listed = alice.json(&["profile", "list"]).objects();
        let made = listed.iter().find(|it| it["name"] == profile).unwrap();
        assert_eq!(made["protection"], "passphrase");
    }
}

#[test]
fn an_identity_moves_in_a_file_that_openssl_reads_and_its_owner_alone() {
    let stage = Stage::new();
    let (one, two) = (stage.peer("peer1"), stage.peer("peer2"));
    let (alice, bob) = (stage.person("alice", &one), stage.person("bob", &two));
    let secret = stage.path().join("secret");
    std::fs::write(&secret, "correct horse\n").unwrap();
    let (secret, file) = (secret.to_str().unwrap().to_owned(), stage.path().join("me.pem"));
    let name = file.to_str().unwrap();
    alice.ok(&["id", "export", "--output", name, "--secret-file", &secret]);
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(alice.json(&["id", "export", "--output", name, "--secret-file", &secret]).error(), "file_exists");
    let moved = stage.nobody("moved");
    let imported = moved.ok(&["id", "import", name, "--secret-file", &secret, "--key-file", "--peer", &two.address]);
    assert_eq!(imported["fingerprint"], alice.ok(&["id", "show"])["fingerprint"]);
    befriend(moved_as(&moved), &bob);
    let again = moved.json(&["id", "import", name, "--secret-file", &secret]);
    assert_eq!((again.code, again.error().as_str()), (3, "profile_exists"));
    let wrong = stage.path().join("wrong");
    std::fs::write(&wrong, "wrong horse").unwrap();
    let refused = stage.nobody("other").json(&["id", "import", name, "--secret-file", wrong.to_str().unwrap()]);
    assert_eq!((refused.code, refused.error().as_str()), (4, "backup_secret"));
    let Ok(openssl) = std::process::Command::new("openssl")
        .args(["pkey", "-in", name, "-passin", &format!("file:{secret}"), "-noout", "-text"])
        .output()
    else {
        return pirushka_tests::skipped("an identity that openssl reads", "there is no openssl");
    };
    let read = String::from_utf8_lossy(&openssl.stdout).into_owned();
    assert!(read.contains("ED25519 Private-Key"), "{read} {}", String::from_utf8_lossy(&openssl.stderr));
}

/// Whoever imported an identity calls itself as its user is called.
fn moved_as(person: &super::stage::Person) -> &super::stage::Person {
    person.ok(&["init", "--name", "moved"]);
    person
}

#[test]
fn settings_come_from_default_file_environment_and_flag_and_a_misspelt_one_is_named() {
    let stage = Stage::new();
    let alice = stage.nobody("alice");
    let value = |name: &str| {
        let all = alice.json(&["config", "show", "--origin"]).objects();
        let it = all.into_iter().find(|setting| setting["name"] == name).unwrap();
        (it["value"].as_str().unwrap().to_owned(), it["origin"].as_str().unwrap().to_owned())
    };
    assert_eq!(value("language"), ("auto".into(), "default".into()));
    alice.ok(&["config", "set", "language", "ru"]);
    let file = alice.ok(&["config", "path"])["file"].as_str().unwrap().to_owned();
    assert_eq!(value("language"), ("ru".into(), format!("{file}:1")));
    assert!(alice.plain(&["status"]).stderr.contains("ошибка"), "the file's language is used");
    let english = alice.command(&["status"]).env("PIRUSHKA_LANG", "en").output().unwrap();
    assert!(String::from_utf8_lossy(&english.stderr).contains("error:"), "the environment goes before the file");
    assert!(alice.plain(&["status", "--lang", "en"]).stderr.contains("error:"), "and a flag before both");
    std::fs::write(&file, "# mine\nlangauge = \"en\"\n").unwrap();
    let refused = alice.plain(&["config", "check"]);
    assert_eq!(refused.code, 3);
    assert!(refused.stderr.contains(":2: there is no setting \"langauge\"; did you mean \"language\"?"), "{refused:?}");
    assert_eq!(alice.plain(&["status"]).code, 3, "nothing runs with settings that are misspelt");
    let example = alice.plain(&["config", "example"]).stdout;
    std::fs::write(&file, example).unwrap();
    assert_eq!(alice.plain(&["config", "check"]).code, 0);
}

#[test]
fn read_receipts_that_are_off_tell_nobody_what_was_seen() {
    let stage = Stage::new();
    let (_one, _two, alice, bob) = stage.two_friends();
    bob.ok(&["config", "set", "read_receipts", "false"]);
    bob.ok(&["engine", "stop"]);
    bob.ok(&["status"]);
    let sent = alice.send(&bob, "seen?", "delivered");
    assert_eq!(bob.recv(), ["seen?"]);
    bob.send(&alice, "an answer, behind which a receipt would have ridden", "delivered");
    let rows = alice.json(&["chat", "history", "bob"]).objects();
    let row = rows.iter().find(|row| row["id"] == sent["message"]["id"]).unwrap();
    assert_eq!(row["state"]["state"], "delivered", "{row}");
}

/// T31, the client's side: what a process writes besides its output holds no text and no key.
#[test]
fn t31_neither_log_nor_stderr_nor_core_dump_of_a_client_holds_a_text_or_a_key() {
    let stage = Stage::new();
    let (_one, _two, alice, bob) = stage.two_friends();
    let canary = "canary-7Zq1-пирожок";
    let mut keys = vec![];
    for person in [&alice, &bob] {
        person.ok(&["config", "set", "log_level", "trace"]);
        person.ok(&["engine", "stop"]);
        keys.push(std::fs::read_to_string(person.home.join("profiles/default/store.key")).unwrap().trim().to_owned());
    }
    let mut said = alice.plain(&["send", "bob", canary, "--wait", "delivered", "--timeout", "20s"]).stderr;
    said += &bob.plain(&["recv"]).stderr;
    said += &bob.plain(&["search", "nothing-like-it"]).stderr;
    for person in [&alice, &bob] {
        let limits = std::fs::read_to_string(format!("/proc/{}/limits", person.engine_pid())).unwrap();
        let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
        assert_eq!(core.split_whitespace().nth(4), Some("0"), "{core}");
        person.ok(&["engine", "stop"]);
        let log = std::fs::read_to_string(person.home.join("profiles/default/engine.log")).unwrap();
        assert!(log.contains("TRACE") || log.contains("DEBUG") || log.contains("INFO"), "the log is on: {log}");
        said += &log;
    }
    assert!(!said.contains(canary) && !said.contains("canary"), "{said}");
    assert!(!said.contains("alice") && !said.contains("bob>"), "no names either: {said}");
    for key in keys {
        assert!(!said.contains(&key) && !said.contains(&key[..16]), "a key is in what was written");
    }
}
