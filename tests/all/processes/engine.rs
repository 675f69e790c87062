//! One engine per profile: commands side by side, engines that died, no engine at all.

use std::process::Command;

use super::stage::{Person, Stage, text_of, until};

#[test]
fn recv_follow_and_send_work_side_by_side() {
    let stage = Stage::new();
    let (_one, _two, alice, bob) = stage.two_friends();
    let (at_alice, at_bob) = (alice.follow(&["recv", "--follow"]), bob.follow(&["recv", "--follow"]));
    for round in ["one", "two", "three"] {
        alice.send(&bob, round, "read");
        bob.send(&alice, round, "read");
        assert_eq!(text_of(&at_bob.lines.next("alice's text")), round);
        assert_eq!(text_of(&at_alice.lines.next("bob's text")), round);
    }
}

#[test]
fn many_first_commands_at_once_start_one_engine() {
    let stage = Stage::new();
    let peer = stage.peer("peer");
    let alice = stage.person("alice", &peer);
    alice.plain(&["engine", "stop"]);
    let running: Vec<_> = (0..8).map(|_| alice.command(&["status", "--json"]).spawn().unwrap()).collect();
    let pids: std::collections::BTreeSet<u64> = running
        .into_iter()
        .map(|child| {
            let output = child.wait_with_output().unwrap();
            let status: serde_json::Value =
                serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
            status["engine"]["pid"].as_u64().unwrap()
        })
        .collect();
    assert_eq!(pids.len(), 1, "{pids:?}");
}

#[test]
fn a_killed_engine_is_replaced_and_nothing_is_lost() {
    let stage = Stage::new();
    let (_one, _two, alice, bob) = stage.two_friends();
    let before = alice.engine_pid();
    bob.plain(&["engine", "stop"]);
    alice.send(&bob, "before the crash", "held");
    assert!(Command::new("kill").args(["-9", &before.to_string()]).status().unwrap().success());
    until("the end of the engine", || {
        !std::path::Path::new(&format!("/proc/{before}/stat")).exists() || is_zombie(before)
    });
    assert_ne!(alice.engine_pid(), before);
    let listening = bob.follow(&["recv", "--follow"]);
    alice.send(&bob, "after the crash", "read");
    let shown = [0, 1].map(|_| text_of(&listening.lines.next("the texts")));
    assert_eq!(shown, ["before the crash", "after the crash"]);
}

#[test]
fn recv_follow_outlives_the_engine_and_ends_with_a_polite_stop() {
    let stage = Stage::new();
    let (_one, _two, alice, bob) = stage.two_friends();
    let mut listening = bob.follow(&["recv", "--follow"]);
    alice.send(&bob, "before the crash", "read");
    assert_eq!(text_of(&listening.lines.next("the first text")), "before the crash");
    let before = bob.engine_pid();
    assert!(Command::new("kill").args(["-9", &before.to_string()]).status().unwrap().success());
    alice.send(&bob, "after the crash", "read");
    assert_eq!(text_of(&listening.lines.next("the second text")), "after the crash");
    assert_ne!(bob.engine_pid(), before);
    bob.plain(&["engine", "stop"]);
    assert_eq!(listening.child.wait().unwrap().code(), Some(0));
}

fn is_zombie(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| stat.contains(") Z "))
}

#[test]
fn without_an_engine_a_command_does_the_work_itself() {
    let stage = Stage::new();
    let (_one, _two, alice, bob) = stage.two_friends();
    alice.plain(&["engine", "stop"]);
    bob.plain(&["engine", "stop"]);
    let sent = alice.ok(&["--no-engine", "send", "bob", "all by myself", "--wait", "held"]);
    assert_eq!(sent["message"]["state"]["state"], "held");
    let received = bob.json(&["--no-engine", "recv"]);
    assert_eq!(received.objects().iter().map(text_of).collect::<Vec<_>>(), ["all by myself"]);
    assert_eq!(bob.ok(&["engine", "stop"])["was_running"], false);
}

#[test]
fn a_passphrase_is_asked_of_nobody_when_nobody_is_there() {
    let stage = Stage::new();
    let peer = stage.peer("peer");
    let alice = stage.nobody("alice");
    let file = stage.path().join("passphrase");
    std::fs::write(&file, "correct horse\n").unwrap();
    let path = file.to_str().unwrap();
    let init = ["init", "--name", "alice", "--peer", &peer.address, "--passphrase"];
    let refused = alice.json(&init);
    assert_eq!((refused.code, refused.error().as_str()), (3, "no_terminal"));
    assert!(refused.stderr.contains("pirushka init --passphrase-file FILE"), "{refused:?}");
    let made = alice.json(&[&init[..], &["--passphrase-file", path]].concat());
    assert_eq!(made.code, 0, "{made:?}");
    alice.plain(&["engine", "stop"]);
    let locked = alice.json(&["status"]);
    assert_eq!((locked.code, locked.error().as_str()), (4, "passphrase_needed"));
    std::fs::write(&file, "wrong\n").unwrap();
    let wrong = alice.json(&["--passphrase-file", path, "status"]);
    assert_eq!((wrong.code, wrong.error().as_str()), (4, "wrong_key"));
    std::fs::write(&file, "correct horse\n").unwrap();
    alice.ok(&["--passphrase-file", path, "status"]);
    alice.ok(&["status"]);
}

#[test]
fn long_conversations_are_shown_found_and_exported_whole() {
    let stage = Stage::new();
    let (_one, _two, alice, bob) = stage.two_friends();
    bob.plain(&["engine", "stop"]);
    // JSON makes twice as much of it.
    let texts: Vec<_> = (0..40).map(|n| format!("number {n} {}", "\"\\".repeat(29_990))).collect();
    for text in &texts {
        let sent = alice.json_with(&["send", "bob", "-", "--wait", "queued"], text.as_bytes());
        assert_eq!(sent.code, 0, "{}", sent.stderr);
    }
    let shown = |arguments: &[&str], kind: &str| {
        let ended = alice.json(arguments);
        assert_eq!(ended.code, 0, "{arguments:?}: {}", ended.stderr);
        let objects = ended.objects().into_iter().filter(|object| object["type"] == kind);
        objects.map(|object| text_of(if kind == "hit" { &object["message"] } else { &object })).collect::<Vec<_>>()
    };
    let all = |engine: &[&str]| {
        assert!(
            shown(&[engine, &["chat", "history", "bob", "--last", "40"]].concat(), "message") == texts,
            "{engine:?}"
        );
        assert!(shown(&[engine, &["chat", "export", "bob"]].concat(), "message") == texts, "{engine:?}");
        assert!(shown(&[engine, &["search", "number", "--last", "40"]].concat(), "hit") == texts, "{engine:?}");
        assert_eq!(shown(&[engine, &["search", "number", "--last", "3"]].concat(), "hit"), texts[37..]);
    };
    all(&[]);
    alice.plain(&["engine", "stop"]);
    all(&["--no-engine"]);
}

/// T33: not even its log can be written.
#[test]
fn t33_an_engine_outlives_a_full_disk_and_goes_on_when_there_is_room_again() {
    let stage = Stage::new();
    let (_one, _two, alice, bob) = stage.two_friends();
    alice.plain(&["engine", "stop"]);
    let log = alice.home.join("profiles/default/engine.log");
    std::fs::remove_file(&log).unwrap();
    std::os::unix::fs::symlink("/dev/full", &log).unwrap();
    let engine = start_that_bears_limits(&alice);
    let room = |bytes: &str| {
        let limit = ["--pid".to_owned(), engine.to_string(), format!("--fsize={bytes}:unlimited")];
        assert!(Command::new("prlimit").args(limit).status().unwrap().success());
    };
    room("0");
    for n in 0..3 {
        let refused = alice.json(&["send", "bob", "no room for this", "--wait", "queued"]);
        assert!(refused.code != 0 && refused.error() != "engine", "{n}: {refused:?}");
    }
    room("unlimited");
    until("room", || alice.json(&["send", "bob", "there is room", "--wait", "queued"]).code == 0);
    assert_eq!(alice.engine_pid(), engine);
    assert_eq!(bob.follow(&["recv", "--follow"]).lines.next("the text")["body"]["text"], "there is room");
}

/// Starts an engine that is not killed, but gets an error, where it would write more than a limit allows.
fn start_that_bears_limits(person: &Person) -> u32 {
    let command = person.command(&["status", "--json"]);
    let mut shell = Command::new("sh");
    shell.env_clear().envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    shell.args(["-c", "trap '' XFSZ; exec \"$@\"", "sh"]).arg(command.get_program()).args(command.get_args());
    let output = shell.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    person.engine_pid()
}
