//! Every command refuses what it cannot take: under a name, with cause and remedy, and without changing anything.

use super::stage::{Person, Stage};

fn refuses(person: &Person, arguments: &[&str], exit: i32, code: &str) {
    let ended = person.json(arguments);
    assert_eq!((ended.code, ended.error().as_str()), (exit, code), "{arguments:?}: {ended:?}");
    assert!(ended.stdout.is_empty(), "{arguments:?} printed data: {ended:?}");
}

#[test]
fn every_command_names_what_is_wrong_with_its_arguments() {
    let stage = Stage::new();
    let nobody = stage.nobody("nobody");
    let hex = "a4".repeat(32);
    let short = format!("peer.example/{}", &hex[..20]);
    for arguments in [
        &["frobnicate"][..],
        &["--lang", "xx", "status"],
        &["--frobnicate"],
        &["init", "--peer", "nonsense"],
        &["init", "--passphrase", "--key-file"],
        &["init", "--name"],
        &["id"],
        &["id", "frobnicate"],
        &["invite", "new", "--uses", "0"],
        &["invite", "new", "--uses", "many"],
        &["invite", "new", "--expires", "7"],
        &["invite", "new", "--expires", "-7d"],
        &["invite", "revoke", "first"],
        &["invite", "revoke"],
        &["contact", "add"],
        &["contact", "add", ""],
        &["contact", "add", "https://peer.example/x"],
        &["contact", "add", &short],
        &["contact", "add", &format!("peer.example/{hex}?k=short")],
        &["contact", "rename", "bob"],
        &["contact", "verify", "bob", "--matches", "--differs"],
        &["send"],
        &["send", "bob", "x", "--wait", "eaten"],
        &["send", "bob", "x", "--timeout", "soon"],
        &["recv", "--timeout", "soon"],
        &["chat", "history"],
        &["chat", "expire", "bob", "367d"],
        &["chat", "expire", "bob", "0s"],
        &["chat", "mute", "bob", "--for", "0s"],
        &["chat", "mute", "bob", "--for", "999ms"],
        &["invite", "new", "--expires", "0s"],
        &["chat", "history", "bob", "--last", "-1"],
        &["peer", "check", "peer.example"],
        &["peer", "check", &format!("peer.example/{hex}?k=")],
        &["peer", "add"],
        &["peer", "add", &format!("peer.example/{hex}")],
        &["engine"],
        &["completions", "tcsh9"],
    ] {
        refuses(&nobody, arguments, 2, "usage");
    }
    assert_eq!(std::fs::read_dir(&nobody.home).unwrap().count(), 0, "nothing was made");
}

#[test]
fn without_a_profile_every_command_says_how_to_make_one() {
    let stage = Stage::new();
    let nobody = stage.nobody("nobody");
    let address = format!("127.0.0.1:9/{}?k={}", "a4".repeat(32), "a".repeat(52));
    for arguments in [
        &["status"][..],
        &["id", "show"],
        &["id", "qr"],
        &["invite", "new"],
        &["invite", "list"],
        &["invite", "revoke", "1"],
        &["contact", "add", &address],
        &["contact", "list"],
        &["contact", "show", "bob"],
        &["contact", "verify", "bob"],
        &["contact", "remove", "bob", "--yes"],
        &["send", "bob", "hello"],
        &["recv"],
        &["chat", "list"],
        &["chat", "history", "bob"],
        &["peer", "show"],
        &["engine", "run"],
        &["engine", "stop"],
    ] {
        refuses(&nobody, arguments, 3, "no_profile");
    }
    let overview = nobody.ok(&[]);
    assert_eq!((overview["exists"].as_bool(), overview["next"].as_array().unwrap().len()), (Some(false), 3));
}

#[test]
fn a_profile_refuses_what_does_not_fit_it_and_stays_as_it_was() {
    let stage = Stage::new();
    let (_one, two, alice, _bob) = stage.two_friends();
    let before = alice.json(&["contact", "list"]).stdout;
    let own = alice.ok(&["id", "show"])["address"].as_str().unwrap().to_owned();
    refuses(&alice, &["contact", "show", "carol"], 9, "no_such_contact");
    refuses(&alice, &["send", "carol", "hello"], 9, "no_such_contact");
    refuses(&alice, &["chat", "history", "carol"], 9, "no_such_contact");
    refuses(&alice, &["contact", "verify", "carol", "--matches"], 9, "no_such_contact");
    refuses(&alice, &["recv", "--from", "carol"], 9, "no_such_contact");
    refuses(&alice, &["invite", "revoke", "77"], 9, "no_such_invite");
    refuses(&alice, &["contact", "remove", "bob"], 2, "not_confirmed");
    refuses(&alice, &["contact", "block", "bob"], 2, "not_confirmed");
    refuses(&alice, &["contact", "add", &own], 2, "bad_input");
    refuses(&alice, &["contact", "rename", "bob", ""], 2, "bad_input");
    refuses(&alice, &["contact", "rename", "bob", "b\u{7}b"], 2, "bad_input");
    refuses(&alice, &["contact", "accept", "bob"], 2, "bad_input");
    refuses(&alice, &["contact", "verify", "bob", "--scanned", "a cat"], 2, "bad_scan");
    refuses(&alice, &["send", "bob", ""], 2, "no_text");
    refuses(&alice, &["init"], 3, "profile_exists");
    refuses(&alice, &["--profile", "../etc", "status"], 2, "bad_input");
    assert_eq!(alice.json_with(&["send", "bob", "-"], &[b'x'; 70_000]).error(), "text_too_long");
    assert_eq!(alice.json_with(&["send", "bob", "-"], &[0xff, 0xfe]).error(), "not_utf8");
    assert_eq!(alice.json_with(&["send", "bob"], b"").error(), "no_text");
    assert_eq!(alice.json(&["contact", "list"]).stdout, before);
    drop(two);
}

#[test]
fn a_damaged_store_is_named_and_left_as_it_is() {
    let stage = Stage::new();
    let peer = stage.peer("peer");
    let alice = stage.person("alice", &peer);
    alice.plain(&["engine", "stop"]);
    let store = alice.home.join("profiles/default/store.db");
    let intact = std::fs::read(&store).unwrap();
    let mut damaged = intact.clone();
    damaged[..64].fill(0x55);
    std::fs::write(&store, &damaged).unwrap();
    let ended = alice.json(&["status"]);
    assert_eq!(ended.code, 4, "{ended:?}");
    assert!(["damaged", "wrong_key"].contains(&ended.error().as_str()), "{ended:?}");
    assert_eq!(std::fs::read(&store).unwrap(), damaged);
    std::fs::write(&store, &intact).unwrap();
    alice.ok(&["status"]);
}

#[test]
fn a_faulty_setting_stops_everything_but_the_command_that_mends_it() {
    let stage = Stage::new();
    let nobody = stage.nobody("nobody");
    let file = nobody.home.join("config.toml");
    std::fs::write(&file, "# mine\nsend_wait = \"soon\" # hm\nread_receipts = \"no\"\n").unwrap();
    let stopped = nobody.plain(&["--lang", "ru", "status"]);
    assert_eq!(stopped.code, 3);
    assert!(
        stopped.stderr.contains("send_wait — это none, queued, held, delivered или read, а не «soon»"),
        "{stopped:?}"
    );
    assert!(stopped.stderr.contains("`pirushka config set send_wait none`"), "{stopped:?}");
    let mended = nobody.plain(&["config", "set", "send_wait", "held"]);
    assert_eq!(mended.code, 0, "{mended:?}");
    assert!(mended.stderr.contains("config set read_receipts true"), "what is left is said: {mended:?}");
    assert_eq!(nobody.plain(&["config", "set", "read_receipts", "false"]).stderr, "");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "# mine\nsend_wait = \"held\" # hm\nread_receipts = false\n");
    std::fs::write(&file, "language == 1\n").unwrap();
    let torn = nobody.plain(&["config", "set", "language", "en"]);
    assert_eq!(torn.code, 3);
    assert!(
        torn.stderr.contains("config.toml:1:11: this is not TOML") && torn.stderr.contains("mend line 1"),
        "{torn:?}"
    );
}

#[test]
fn durations_that_cannot_be_are_refused_with_the_reason() {
    let stage = Stage::new();
    let nobody = stage.nobody("nobody");
    for (arguments, reason) in [
        (["chat", "expire", "bob", "367d"], "too long; at most 366d"),
        (["chat", "expire", "bob", "0s"], "too short; at least 1s"),
        (["chat", "expire", "bob", "soon"], "is not a time"),
    ] {
        let refused = nobody.plain(&arguments);
        assert!(refused.code == 2 && refused.stderr.contains(reason), "{refused:?}");
    }
    let refused = nobody.plain(&["chat", "mute", "bob", "--for", "0s"]);
    assert!(refused.code == 2 && refused.stderr.contains("too short; at least 1s"), "{refused:?}");
}

#[test]
fn a_backup_into_a_folder_that_is_not_there_names_the_folder_and_not_the_profile() {
    let stage = Stage::new();
    let peer = stage.peer("peer");
    let alice = stage.person("alice", &peer);
    let refused = alice.plain(&["backup", "create", "/nonexist/x"]);
    assert_eq!(refused.code, 2, "{refused:?}");
    assert!(
        refused.stderr.contains("/nonexist/x") && refused.stderr.contains("name a folder that exists"),
        "{refused:?}"
    );
    assert!(!refused.stderr.contains("PIRUSHKA_HOME"), "{refused:?}");
}

#[test]
fn peer_check_names_the_cause() {
    let stage = Stage::new();
    let peer = stage.peer("peer");
    let nobody = stage.nobody("nobody");
    let (place, key) = peer.address.split_once("?k=").unwrap();
    let check = |address: &str| {
        let ended = nobody.json(&["peer", "check", address, "--timeout", "2s"]);
        (ended.code, ended.error())
    };
    assert_eq!(check(&format!("no-such-host.invalid?k={key}")), (5, "dns".into()));
    // Taken and given back, so that nothing listens there.
    let unused = std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    assert_eq!(check(&format!("{unused}?k={key}")), (5, "no_answer".into()));
    // A peer is silent to whoever does not know its key, so a wrong key looks like no answer or like a wrong key.
    let other = stage.peer("other");
    let (_, other_key) = other.address.split_once("?k=").unwrap();
    let (code, name) = check(&format!("{place}?k={other_key}"));
    assert_eq!(code, 5);
    assert!(["peer_key", "no_answer"].contains(&name.as_str()), "{name}");
}
