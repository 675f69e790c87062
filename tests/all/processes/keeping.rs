//! What is kept, for how long, and how it comes back: search, export, muting, messages that disappear, backups.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use serde_json::Value;

use super::stage::{Stage, text_of, until};

/// The texts of both sides, as a history shows them.
fn texts(person: &super::stage::Person, with: &str) -> Vec<String> {
    let rows = person.json(&["chat", "history", with]).objects();
    rows.iter().map(text_of).filter(|text| !text.is_empty()).collect()
}

#[test]
fn what_was_said_is_found_in_any_case_and_seen_in_its_place() {
    let stage = Stage::new();
    let (_one, _two, alice, bob) = stage.two_friends();
    for text in ["Встретимся у Ёлки", "a station", "See you at nine", "the end"] {
        alice.send(&bob, text, "delivered");
    }
    let hits = |person: &super::stage::Person, words: &[&str]| -> Vec<Value> {
        person.json(&[&["search"], words].concat()).objects()
    };
    let found = hits(&bob, &["ЕЛК"]);
    assert_eq!(text_of(&found[0]["message"]), "Встретимся у Ёлки");
    assert_eq!(found[0]["snippet"][1], serde_json::json!({ "text": "Ёлки", "hit": true }));
    assert_eq!(hits(&bob, &["\"you at\"", "--in", "alice"]).len(), 1);
    assert!(hits(&bob, &["\"at you\""]).is_empty());
    assert_eq!(hits(&bob, &["e", "--last", "1"]).len(), 1);
    let id = hits(&bob, &["station"])[0]["message"]["id"].to_string();
    let around = bob.json(&["chat", "history", "alice", "--around", &id, "-n", "3"]).objects();
    let around: Vec<_> = around.iter().map(text_of).collect();
    assert_eq!(around, ["Встретимся у Ёлки", "a station", "See you at nine"]);
    for (words, code) in [(["***"], 2), (["\"\""], 2)] {
        assert_eq!(bob.json(&[&["search"][..], &words].concat()).code, code, "{words:?}");
    }
    for odd in ["NEAR(", "a OR", "word:", "\"", "a\" -b"] {
        let ended = bob.json(&["search", "--", odd]);
        assert!(!ended.stderr.to_lowercase().contains("fts") && !ended.stderr.contains("syntax"), "{odd}: {ended:?}");
    }
    assert_eq!(bob.json(&["chat", "history", "alice", "--around", "999"]).code, 9);
}

#[test]
fn a_conversation_is_exported_for_its_owner_alone_and_never_over_another_file() {
    let stage = Stage::new();
    let (_one, _two, alice, bob) = stage.two_friends();
    alice.send(&bob, "first <b>line</b>", "delivered");
    bob.send(&alice, "second line", "delivered");
    let path = stage.path().join("bob.txt");
    let name = path.to_str().unwrap();
    let told = alice.ok(&["chat", "export", "bob", "--output", name]);
    assert_eq!(told["messages"], 2);
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.find("first <b>line").unwrap() < text.find("second line").unwrap(), "{text}");
    let refused = alice.json(&["chat", "export", "bob", "--output", name, "--format", "json"]);
    assert_eq!((refused.code, refused.error().as_str()), (3, "file_exists"));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
    alice.ok(&["chat", "export", "--all", "--output", name, "--format", "json", "--yes"]);
    let lines = std::fs::read_to_string(&path).unwrap();
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let types: Vec<_> = lines.iter().map(|line| line["type"].as_str().unwrap()).collect();
    assert_eq!(types, ["contact", "message", "message"]);
    let page = alice.plain(&["chat", "export", "bob", "--format", "html"]).stdout;
    assert!(page.contains("first &lt;b&gt;line&lt;/b&gt;") && !page.contains("<b>line"), "{page}");
}

#[test]
fn messages_that_disappear_do_so_on_both_sides_and_from_the_search() {
    let stage = Stage::new();
    let (_one, _two, alice, bob) = stage.two_friends();
    alice.send(&bob, "this stays", "delivered");
    alice.ok(&["chat", "expire", "bob", "1s"]);
    until("bob hears of it", || bob.ok(&["contact", "show", "alice"])["expire_s"] == 1);
    alice.send(&bob, "secret one", "delivered");
    bob.send(&alice, "secret two", "delivered");
    assert_eq!(bob.recv(), ["this stays", "", "secret one"]);
    assert_eq!(alice.recv(), ["secret two"]);
    let gone = |person: &super::stage::Person, with| texts(person, with) == ["this stays"];
    until("alice's go", || gone(&alice, "bob"));
    until("bob's go", || gone(&bob, "alice"));
    for person in [&alice, &bob] {
        assert!(person.json(&["search", "secret"]).objects().is_empty());
        assert_eq!(person.json(&["search", "stays"]).objects().len(), 1);
    }
    bob.ok(&["chat", "expire", "alice", "off"]);
    until("alice hears of it", || alice.ok(&["contact", "show", "bob"])["expire_s"].is_null());
    let lines = alice.plain(&["chat", "history", "bob"]).stdout;
    assert!(lines.contains("disappear 1 second after") && lines.contains("stay from now on"), "{lines}");
}

#[test]
fn a_muted_conversation_goes_on_and_says_that_it_is_muted() {
    let stage = Stage::new();
    let (_one, _two, alice, bob) = stage.two_friends();
    bob.ok(&["chat", "mute", "alice", "--for", "8h"]);
    let listening = bob.follow(&["recv", "--follow", "--bell"]);
    alice.send(&bob, "are you there?", "delivered");
    assert_eq!(text_of(&listening.lines.next("the text")), "are you there?");
    let list = bob.plain(&["chat", "list"]).stdout;
    assert!(list.contains("muted until"), "{list}");
    bob.ok(&["engine", "stop"]);
    assert!(bob.ok(&["contact", "show", "alice"])["muted_until_ms"].is_u64(), "it outlives the engine");
    assert!(bob.ok(&["chat", "mute", "alice", "--off"])["muted_until_ms"].is_null());
}

/// The file `name`, and in another its secret.
fn backup(person: &super::stage::Person, file: &Path) -> std::path::PathBuf {
    let made = person.ok(&["backup", "create", file.to_str().unwrap()]);
    let secret = file.with_extension("secret");
    std::fs::write(&secret, made["recovery_key"].as_str().unwrap()).unwrap();
    secret
}

#[test]
fn an_old_backup_is_restored_while_messages_are_on_their_way_both_ways() {
    let stage = Stage::new();
    let (_one, _two, alice, bob) = stage.two_friends();
    alice.ok(&["contact", "verify", "bob", "--matches"]);
    bob.send(&alice, "before", "delivered");
    assert_eq!(alice.recv(), ["before"]);
    // Bob is away: this one waits in the copy that is made now.
    bob.ok(&["engine", "stop"]);
    alice.send(&bob, "waits", "held");
    let file = stage.path().join("alice.backup");
    let secret = backup(&alice, &file);
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let (file, secret) = (file.to_str().unwrap(), secret.to_str().unwrap());
    let info = alice.ok(&["backup", "check", file, "--secret-file", secret]);
    assert_eq!((info["messages"].as_u64(), info["contacts"].as_u64()), (Some(2), Some(1)));
    // Life goes on after it: both say and hear more.
    assert_eq!(bob.recv(), ["waits"]);
    alice.send(&bob, "forgotten by alice", "delivered");
    bob.send(&alice, "lost with the disk", "delivered");
    let again = alice.json(&["backup", "restore", file, "--secret-file", secret]);
    assert_eq!((again.code, again.error().as_str()), (2, "not_confirmed"));
    alice.ok(&["engine", "stop"]);
    bob.send(&alice, "on its way", "held");
    let restored = alice.ok(&["backup", "restore", file, "--secret-file", secret, "--key-file", "--yes"]);
    assert!(Path::new(restored["aside"].as_str().unwrap()).join("store.db").exists(), "the old one is kept");
    assert_eq!(alice.ok(&["contact", "show", "bob"])["verified"], true);
    alice.send(&bob, "I am back", "delivered");
    until("what was on its way", || texts(&alice, "bob").contains(&"on its way".to_owned()));
    bob.send(&alice, "welcome back", "delivered");
    assert_eq!(texts(&alice, "bob"), ["before", "waits", "I am back", "on its way", "welcome back"]);
    let said: Vec<_> = texts(&bob, "alice").into_iter().filter(|text| text == "waits" || text == "I am back").collect();
    assert_eq!(said, ["waits", "I am back"], "nothing came twice");
    let gaps = alice.json(&["chat", "history", "bob"]).objects();
    assert!(gaps.iter().any(|row| row["body"]["kind"] == "gap"), "what was lost with the disk is shown as missing");
    assert_eq!(alice.json(&["search", "before"]).objects().len(), 1);
}

#[test]
fn a_backup_says_apart_whether_the_secret_is_wrong_it_was_changed_or_its_end_is_missing() {
    let stage = Stage::new();
    let peer = stage.peer("peer");
    let alice = stage.person("alice", &peer);
    let file = stage.path().join("alice.backup");
    let secret = backup(&alice, &file);
    let whole = std::fs::read(&file).unwrap();
    let check = |secret: &Path| {
        let ended = alice.json(&["backup", "check", file.to_str().unwrap(), "--secret-file", secret.to_str().unwrap()]);
        (ended.code, ended.error())
    };
    let wrong = stage.path().join("wrong");
    std::fs::write(&wrong, "ABCD-EFGH").unwrap();
    assert_eq!(check(&wrong), (4, "backup_secret".into()));
    let mut changed = whole.clone();
    *changed.last_mut().unwrap() ^= 1;
    std::fs::write(&file, changed).unwrap();
    assert_eq!(check(&secret), (4, "backup_damaged".into()));
    std::fs::write(&file, &whole[..40]).unwrap();
    assert_eq!(check(&secret), (4, "backup_truncated".into()));
    let ended = alice.json(&["backup", "check", file.to_str().unwrap()]);
    assert_eq!(ended.code, 4);
    let there = alice.json(&["backup", "create", file.to_str().unwrap()]);
    assert_eq!((there.code, there.error().as_str()), (3, "file_exists"));
}

#[test]
fn the_copy_that_goes_on_elsewhere_is_told() {
    let stage = Stage::new();
    let (_one, _two, alice, _bob) = stage.two_friends();
    let file = stage.path().join("alice.backup");
    let secret = backup(&alice, &file);
    let twin = stage.nobody("twin");
    let listening = alice.command(&["recv", "--follow"]).spawn().unwrap();
    let file = file.to_str().unwrap();
    twin.ok(&["backup", "restore", file, "--secret-file", secret.to_str().unwrap(), "--key-file"]);
    twin.ok(&["status"]);
    until("the twin is online", || twin.ok(&["status"])["homes"][0]["state"] == "online");
    std::thread::sleep(std::time::Duration::from_millis(500));
    alice.ok(&["engine", "stop"]);
    let ended = listening.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert!(said.contains("Another copy of this profile"), "{said}");
}
