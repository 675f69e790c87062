//! What every command prints, for people and for programs: snapshots of one short story, with whatever differs each
//! time replaced.

use std::fmt::Write as _;

use super::stage::{Person, Stage, until};

/// What differs each time, and what stands for it.
/// A receipt may overtake the peer's OK, and a fast one the look at the state: then `held` is never seen.
const FILTERS: [(&str, &str); 13] = [
    ("[0-9a-f]{64}", "[fingerprint]"),
    ("k=[a-z2-7]{52}", "k=[key]"),
    ("t=[a-z2-7]{26}", "t=[token]"),
    (r"127\.0\.0\.1:\d+", "127.0.0.1:[port]"),
    (r"(\d{5} ?){6}\n(\d{5} ?){6}", "[sixty digits]"),
    (r#""digits":"[0-9 ]+""#, r#""digits":"[digits]""#),
    (r"\d{3} \d{3}", "[digits]"),
    (r"\d+(\.\d+)? (ms|s)\b", "[time]"),
    (r#""([a-z]+_(us|ms|s)|pid|cursor|faces)":\d+"#, r#""$1":0"#),
    (r#"\{"after_us":\d+,("peer":"[^"]*",)?"state":"held"[^}]*\},"#, ""),
    (r#""content":"[0-9a-f]{32}""#, r#""content":"[id]""#),
    (r"(\d{4}-\d\d-\d\d )?\d\d:\d\d", "[when]"),
    (r#"process \d+|-----BEGIN[^"]*-----\\n"#, "[…]"),
];

/// One line typed and what it printed on stdout.
fn typed(shown: &mut String, person: &Person, arguments: &[&str]) {
    let ended = person.plain(arguments);
    assert_eq!(ended.code, 0, "{arguments:?}: {ended:?}");
    let _ = writeln!(shown, "{}$ pirushka {}\n{}", person.name, arguments.join(" "), ended.stdout);
}

/// Everything that can be typed when two people know each other.
fn story(how: &[&str]) -> String {
    let stage = Stage::new();
    let (_one, two, alice, bob) = stage.two_friends();
    let mut shown = String::new();
    let mut say = |person: &Person, arguments: &[&str]| typed(&mut shown, person, &[arguments, how].concat());
    say(&alice, &["send", "bob", "hello", "--wait", "delivered"]);
    say(&bob, &["recv"]);
    say(&bob, &["send", "alice", "two\nlines", "--wait", "delivered"]);
    say(&alice, &["chat", "list"]);
    say(&alice, &["recv"]);
    say(&alice, &["chat", "history", "bob"]);
    say(&alice, &["search", "HELL"]);
    say(&alice, &["chat", "history", "bob", "--around", "1"]);
    say(&alice, &["chat", "mute", "bob"]);
    say(&alice, &["chat", "expire", "bob", "7d"]);
    until("bob knows", || alice.ok(&["contact", "show", "bob"])["unreceipted"] == 0);
    say(&alice, &["chat", "list"]);
    say(&alice, &["chat", "mute", "bob", "--off"]);
    say(&alice, &["chat", "expire", "bob", "off"]);
    until("bob knows", || alice.ok(&["contact", "show", "bob"])["unreceipted"] == 0);
    say(&alice, &["chat", "export", "bob"]);
    say(&alice, &["id", "show"]);
    say(&bob, &["invite", "new", "--label", "for carol", "--ask"]);
    say(&bob, &["invite", "list"]);
    say(&bob, &["invite", "revoke", "2"]);
    say(&alice, &["contact", "list"]);
    say(&alice, &["contact", "verify", "bob"]);
    say(&alice, &["contact", "verify", "bob", "--digits"]);
    say(&alice, &["contact", "verify", "bob", "--matches"]);
    say(&alice, &["contact", "rename", "bob", "robert"]);
    say(&alice, &["contact", "block", "robert", "--yes"]);
    say(&alice, &["contact", "unblock", "robert"]);
    say(&alice, &["contact", "remove", "robert", "--yes"]);
    say(&alice, &["contact", "list"]);
    say(&bob, &["peer", "check", &two.address]);
    say(&bob, &["engine", "stop"]);
    shown
}

/// What differs on each computer, in what is kept in files.
const PLACES: [(&str, &str); 6] = [
    (r#"[^"\s]*/pirushka-test-[A-Za-z0-9]+"#, "[stage]"),
    (r"\.old-default-\d+", ".old-default-[when]"),
    (r"([A-Z2-7]{4}-){7}[A-Z2-7]{4}", "[recovery key]"),
    (r#""bytes":\d+"#, r#""bytes":0"#),
    (r#""program":"[^"]*""#, r#""program":"[version]""#),
    (r"-----BEGIN [^-]*-----[^-]*-----END [^-]*-----", "[PEM]"),
];

/// What stands in files: backups, settings, profiles, identities.
fn files(how: &[&str]) -> String {
    let stage = Stage::new();
    let peer = stage.peer("peer");
    let alice = stage.person("alice", &peer);
    until("alice is served", || alice.ok(&["status"])["homes"][0]["state"] == "online");
    let path = |name: &str| stage.path().join(name).to_str().unwrap().to_owned();
    let (backup, secret, identity) = (path("a.backup"), path("secret"), path("me.pem"));
    std::fs::write(&secret, "correct horse\n").unwrap();
    let secret = ["--secret-file", &*secret];
    let mut shown = String::new();
    let mut say = |arguments: &[&str]| typed(&mut shown, &alice, &[arguments, how].concat());
    say(&["backup", "create", &backup]);
    say(&[&["backup", "create", &backup, "--yes"], &secret[..]].concat());
    say(&[&["backup", "check", &backup], &secret[..]].concat());
    say(&[&["backup", "restore", &backup, "--yes", "--key-file"], &secret[..]].concat());
    say(&["config", "show", "--origin"]);
    say(&["config", "check"]);
    say(&["config", "path"]);
    say(&["config", "set", "send_wait", "held"]);
    say(&["config", "example"]);
    say(&["id", "show", "--certificate"]);
    say(&["id", "export", "--certificate"]);
    say(&[&["id", "export", "--output", &identity], &secret[..]].concat());
    say(&[&["--profile", "other", "id", "import", &identity, "--name", "alice", "--key-file"], &secret[..]].concat());
    say(&["profile", "list"]);
    say(&["profile", "remove", "other", "--yes"]);
    shown
}

#[test]
fn what_people_read_of_what_stands_in_files() {
    let filters: Vec<_> = PLACES.into_iter().chain(FILTERS).collect();
    insta::with_settings!({ filters => filters }, { insta::assert_snapshot!(files(&[])) });
}

#[test]
fn what_programs_read_of_what_stands_in_files() {
    let filters: Vec<_> = PLACES.into_iter().chain(FILTERS).collect();
    insta::with_settings!({ filters => filters }, { insta::assert_snapshot!(files(&["--json"])) });
}

#[test]
fn what_people_read() {
    insta::with_settings!({ filters => FILTERS }, { insta::assert_snapshot!(story(&[])) });
}

#[test]
fn what_people_read_in_russian() {
    insta::with_settings!({ filters => FILTERS }, { insta::assert_snapshot!(story(&["--lang", "ru"])) });
}

#[test]
fn what_programs_read() {
    insta::with_settings!({ filters => FILTERS }, { insta::assert_snapshot!(story(&["--json"])) });
}
