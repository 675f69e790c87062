//! What people do with each other: invites, names, long texts, blocking.

use super::stage::{Stage, befriend, text_of};

#[test]
fn a_long_text_and_the_next_one_arrive_bit_by_bit_in_order() {
    let stage = Stage::new();
    let (_one, _two, alice, bob) = stage.two_friends();
    let long: String = "Пирушка 🥟 ".chars().cycle().take(30_000).collect();
    assert!(long.len() > 40_000 && long.len() < 65_536);
    let listening = bob.follow(&["recv", "--follow"]);
    let ended = alice.json_with(&["send", "bob", "-"], long.as_bytes());
    assert_eq!(ended.code, 0, "{ended:?}");
    alice.send(&bob, "and behind it", "read");
    assert_eq!(text_of(&listening.lines.next("the long one")), long);
    assert_eq!(text_of(&listening.lines.next("the short one")), "and behind it");
}

#[test]
fn an_invite_is_used_once_and_a_revoked_one_lets_nobody_in() {
    let stage = Stage::new();
    let peer = stage.peer("peer");
    let people = ["alice", "bob", "carol"].map(|name| stage.person(name, &peer));
    let [alice, bob, carol] = &people;
    let invite = bob.ok(&["invite", "new"]);
    let address = invite["address"].as_str().unwrap();
    assert_eq!(alice.ok(&["contact", "add", address])["state"], "active");
    assert!(bob.json(&["invite", "list"]).objects().is_empty(), "it is used up");
    let refused = carol.json(&["contact", "add", address, "--name", "bob"]);
    assert_eq!((refused.code, refused.error().as_str()), (6, "not_added"));
    let second = bob.ok(&["invite", "new"]);
    bob.ok(&["invite", "revoke", &second["id"].to_string()]);
    carol.ok(&["contact", "remove", "bob", "--yes"]);
    let refused = carol.json(&["contact", "add", second["address"].as_str().unwrap(), "--name", "bob"]);
    assert_eq!((refused.code, refused.error().as_str()), (6, "not_added"));
}

#[test]
fn whoever_comes_by_an_asking_invite_waits_to_be_accepted() {
    let stage = Stage::new();
    let peer = stage.peer("peer");
    let (alice, bob) = (stage.person("alice", &peer), stage.person("bob", &peer));
    let invite = bob.ok(&["invite", "new", "--ask"]);
    alice.ok(&["contact", "add", invite["address"].as_str().unwrap(), "--name", "bob", "--no-wait"]);
    super::stage::until("the request", || bob.json(&["contact", "show", "alice"]).code == 0);
    assert_eq!(bob.ok(&["contact", "show", "alice"])["state"], "request");
    bob.ok(&["contact", "accept", "alice"]);
    let listening = bob.follow(&["recv", "--follow"]);
    alice.send(&bob, "thank you", "read");
    assert_eq!(text_of(&listening.lines.next("the text")), "thank you");
}

#[test]
fn a_blocked_contact_stays_blocked_when_the_peer_restarts() {
    let stage = Stage::new();
    let (_one, mut two, alice, bob) = stage.two_friends();
    assert_eq!(bob.ok(&["contact", "block", "alice", "--yes"])["state"], "blocked");
    two.kill();
    two.start();
    alice.json(&["send", "bob", "let me in", "--wait", "held", "--timeout", "1s"]);
    assert!(bob.recv().is_empty());
    assert_eq!(bob.ok(&["contact", "unblock", "alice"])["state"], "active");
}

#[test]
fn a_scanned_code_verifies_and_a_strangers_one_does_not() {
    let stage = Stage::new();
    let peer = stage.peer("peer");
    let people = ["alice", "bob", "carol"].map(|name| stage.person(name, &peer));
    let [alice, bob, carol] = &people;
    befriend(alice, bob);
    let link = |who: &super::stage::Person| who.ok(&["id", "qr"])["link"].as_str().unwrap().to_owned();
    let stranger = alice.json(&["contact", "verify", "bob", "--scanned", &link(carol)]);
    assert_eq!((stranger.code, stranger.error().as_str()), (8, "code_differs"));
    assert_eq!(alice.ok(&["contact", "verify", "bob", "--scanned", &link(bob)])["verified"], true);
    let digits =
        |who: &super::stage::Person, of: &str| who.ok(&["contact", "verify", of, "--digits"])["digits"].clone();
    assert_eq!(digits(alice, "bob"), digits(bob, "alice"));
}

#[test]
fn what_others_write_cannot_move_the_cursor() {
    let stage = Stage::new();
    let (_one, _two, alice, bob) = stage.two_friends();
    alice.send(&bob, "\u{1b}[2Jgone \u{202e}txet", "delivered");
    let shown = bob.plain(&["recv"]).stdout;
    assert!(shown.contains("<U+001B>[2Jgone <U+202E>txet"), "{shown:?}");
}

#[test]
fn recv_hands_each_message_to_a_command_and_keeps_it_unread_if_that_fails() {
    let stage = Stage::new();
    let (_one, _two, alice, bob) = stage.two_friends();
    alice.send(&bob, "for the script", "delivered");
    let failed = bob.json(&["recv", "--exec", "exit 3"]);
    assert_eq!((failed.code, failed.error().as_str()), (1, "exec_failed"));
    let handed = bob.plain(&["recv", "--exec", "echo \"$PIRUSHKA_FROM says $PIRUSHKA_TEXT\""]);
    assert_eq!(handed.stdout.trim(), "alice says for the script");
    assert!(bob.recv().is_empty());
}

#[test]
fn recv_goes_on_when_its_contact_is_renamed_or_removed_between_showing_and_marking() {
    let stage = Stage::new();
    let (_one, _two, alice, bob) = stage.two_friends();
    let pirushka = bob.command(&[]).get_program().display().to_string();
    let meanwhile = |verb: &str| format!("'{pirushka}' contact {verb}");
    alice.send(&bob, "one", "delivered");
    let renamed = bob.json(&["recv", "--bell", "--exec", &meanwhile("rename alice alicia")]);
    assert_eq!(renamed.code, 0, "{renamed:?}");
    assert!(bob.recv().is_empty(), "it was marked as seen");
    alice.send(&bob, "two", "delivered");
    let removed = bob.json(&["recv", "--bell", "--exec", &meanwhile("remove alicia --yes")]);
    assert_eq!(removed.code, 0, "{removed:?}");
}
