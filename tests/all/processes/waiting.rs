//! What `recv` tells of those who wait for an answer, and what it hands to a command.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use super::stage::{Person, Stage, until};

/// Bob takes everybody, and each of these has introduced itself to him.
fn bob_with(stage: &Stage, names: &[&str]) -> (super::stage::Peer, Person, Vec<Person>) {
    let peer = stage.peer("peer");
    let bob = stage.person("bob", &peer);
    bob.ok(&["invite", "policy", "open", "--bits", "2"]);
    let address = bob.ok(&["id", "show"])["address"].as_str().unwrap().to_owned();
    let strangers: Vec<_> = names.iter().map(|name| stage.person(name, &peer)).collect();
    for stranger in &strangers {
        stranger.ok(&["contact", "add", &address, "--name", "bob", "--text", "Hello?", "--no-wait"]);
    }
    until("the requests", || bob.ok(&["status"])["requests"] == names.len());
    (peer, bob, strangers)
}

#[test]
fn whoever_waits_for_an_answer_is_announced_once_with_the_command_that_shows_it() {
    let stage = Stage::new();
    let (_peer, bob, _strangers) = bob_with(&stage, &["carol"]);
    for command in [&["recv"][..], &["recv", "--follow", "--timeout", "1s"]] {
        let ended = bob.plain(command);
        assert_eq!(ended.stderr.matches("wants to write to you: pirushka contact show carol").count(), 1, "{ended:?}");
        assert_eq!(ended.stdout, "", "what people wrote, and nothing else");
    }
    let shown = bob.plain(&["contact", "show", "carol"]);
    assert!(shown.stdout.contains("Hello?"), "{shown:?}");
    assert!(bob.plain(&["status"]).stderr.contains("1 person waits for your answer: pirushka contact list"));
    let told = bob.json(&["recv"]).objects();
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!((&told[0]["type"], &told[0]["name"]), (&"request".into(), &"carol".into()));
    assert_eq!(told[0]["first_text"], "Hello?");
    bob.ok(&["contact", "refuse", "carol", "--yes"]);
    assert_eq!(bob.plain(&["recv"]).stderr, "");
}

#[test]
fn several_who_wait_are_counted_in_one_line_in_the_persons_language() {
    let stage = Stage::new();
    let (_peer, bob, _strangers) = bob_with(&stage, &["carol", "dave"]);
    let ended = bob.plain(&["--lang", "ru", "recv"]);
    assert_eq!(ended.stderr.trim(), "! 2 человека ждут вашего ответа: pirushka contact list");
}

#[test]
fn somebody_who_comes_while_one_listens_is_announced_too() {
    let stage = Stage::new();
    let peer = stage.peer("peer");
    let (alice, bob) = (stage.person("alice", &peer), stage.person("bob", &peer));
    bob.ok(&["invite", "policy", "open", "--bits", "2"]);
    let mut listening = bob.command(&["recv", "--follow"]).stderr(Stdio::piped()).spawn().unwrap();
    let said = BufReader::new(listening.stderr.take().unwrap());
    let address = bob.ok(&["id", "show"])["address"].as_str().unwrap().to_owned();
    alice.ok(&["contact", "add", &address, "--name", "bob", "--no-wait"]);
    let line = said.lines().next().unwrap().unwrap();
    listening.kill().unwrap();
    listening.wait().unwrap();
    assert!(line.contains("alice wants to write to you: pirushka contact show alice"), "{line}");
}

#[test]
fn a_command_gets_everything_that_the_help_promises() {
    let stage = Stage::new();
    let (_one, _two, alice, bob) = stage.two_friends();
    let file = stage.path().join("said");
    let script = format!(
        "{{ echo \"$PIRUSHKA_FROM $PIRUSHKA_FINGERPRINT $PIRUSHKA_MESSAGE_ID $PIRUSHKA_TEXT\"; cat; }} > '{}'",
        file.display()
    );
    let fingerprint = alice.ok(&["id", "show"])["fingerprint"].as_str().unwrap().to_owned();
    alice.send(&bob, "hello", "delivered");
    assert_eq!(bob.plain(&["recv", "--exec", &script]).code, 0);
    let said = std::fs::read_to_string(&file).unwrap();
    let (variables, object) = said.split_once('\n').unwrap();
    let object: serde_json::Value = serde_json::from_str(object).unwrap();
    assert_eq!(variables, format!("alice {fingerprint} {} hello", object["id"]));
    assert_eq!(object["fingerprint"], fingerprint.as_str());
    let history = bob.json(&["chat", "history", "alice"]).objects();
    assert!(history.iter().all(|row| row["fingerprint"] == fingerprint.as_str()), "{history:?}");
}

#[test]
fn under_json_everything_on_stdout_is_json() {
    let stage = Stage::new();
    let (_one, _two, alice, bob) = stage.two_friends();
    alice.send(&bob, "hello", "delivered");
    for (arguments, kind) in [
        (&["chat", "export", "alice"][..], "message"),
        (&["chat", "export", "--all"], "message"),
        (&["chat", "export", "alice", "--format", "html"], "export"),
        (&["config", "example"], "config_example"),
        (&["completions", "bash"], "completions"),
        (&["man"], "man"),
        (&["recv"], "message"),
    ] {
        let ended = bob.json(arguments);
        assert_eq!(ended.code, 0, "{arguments:?} {ended:?}");
        assert_eq!(ended.objects().last().unwrap()["type"], kind, "{arguments:?}");
    }
    assert!(bob.plain(&["chat", "export", "alice"]).stdout.contains("hello"));
}
