//! The facts of the founding text that processes show best, named by their numbers.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::stage::{Stage, befriend, text_of, until};

#[test]
fn fact_01_a_message_is_left_at_the_recipients_peer_and_never_at_ones_own() {
    let stage = Stage::new();
    let (one, two, alice, bob) = stage.two_friends();
    bob.plain(&["engine", "stop"]);
    let (at_one, at_two) = (one.count("/messages/taken"), two.count("/messages/taken"));
    alice.send(&bob, "one", "held");
    alice.send(&bob, "two", "held");
    assert_eq!(two.count("/messages/taken") - at_two, 2);
    assert_eq!(one.count("/messages/taken"), at_one);
    assert_eq!(two.count("/messages/held"), 2);
}

#[test]
fn fact_01_it_is_the_same_when_both_use_one_peer() {
    let stage = Stage::new();
    let peer = stage.peer("peer");
    let (alice, bob) = (stage.person("alice", &peer), stage.person("bob", &peer));
    befriend(&alice, &bob);
    let listening = bob.follow(&["recv", "--follow"]);
    alice.send(&bob, "we share a peer", "read");
    assert_eq!(text_of(&listening.lines.next("the message")), "we share a peer");
}

#[test]
fn fact_02_to_be_served_is_to_listen_at_that_peer() {
    let stage = Stage::new();
    let (one, two) = (stage.peer("peer1"), stage.peer("peer2"));
    let alice = stage.person("alice", &one);
    alice.ok(&["status"]);
    until("alice at peer 1", || one.count("/clients/online") == 1);
    assert_eq!(two.count("/clients/online"), 0);
    let bob = stage.person("bob", &two);
    bob.ok(&["status"]);
    until("bob at peer 2", || two.count("/clients/online") == 1);
    assert_eq!((one.count("/clients/users"), two.count("/clients/users")), (1, 1));
}

#[test]
fn fact_03_a_connected_recipient_is_told_and_a_returning_one_gets_what_was_kept() {
    let stage = Stage::new();
    let (_one, _two, alice, bob) = stage.two_friends();
    let listening = bob.follow(&["recv", "--follow"]);
    alice.send(&bob, "you are here", "delivered");
    assert_eq!(text_of(&listening.lines.next("the message")), "you are here");
    drop(listening);
    bob.plain(&["engine", "stop"]);
    alice.send(&bob, "you are away", "held");
    assert_eq!(bob.recv(), ["you are away"]);
}

#[test]
fn fact_04_a_peer_keeps_nothing_but_its_key_on_disk_and_remembers_nothing_after_a_restart() {
    let stage = Stage::new();
    let (_one, mut two, alice, bob) = stage.two_friends();
    bob.plain(&["engine", "stop"]);
    alice.send(&bob, "only in memory", "held");
    two.kill();
    let files: Vec<_> = std::fs::read_dir(&two.data).unwrap().map(|entry| entry.unwrap()).collect();
    let kept: u64 = files.iter().filter_map(|file| file.metadata().ok()).filter(|m| m.is_file()).map(|m| m.len()).sum();
    assert!(kept <= 256, "more than a key is on the disk: {files:?}");
    alice.plain(&["engine", "stop"]);
    two.start();
    assert_eq!((two.count("/messages/held"), two.count("/clients/users")), (0, 0));
}

#[test]
fn fact_04_a_restart_of_the_peer_loses_nothing_all_the_same() {
    let stage = Stage::new();
    let (_one, mut two, alice, bob) = stage.two_friends();
    bob.plain(&["engine", "stop"]);
    alice.send(&bob, "first", "held");
    two.kill();
    two.start();
    // The next packet tells alice's side of the restart.
    alice.send(&bob, "second", "held");
    let listening = bob.follow(&["recv", "--follow"]);
    let shown = [0, 1].map(|_| text_of(&listening.lines.next("the messages")));
    assert_eq!(shown, ["first", "second"]);
    assert!(listening.lines.is_silent_for(Duration::from_millis(500)), "nothing comes twice");
}

#[test]
fn fact_05_with_my_peer_down_i_cannot_receive_and_can_send() {
    let stage = Stage::new();
    let (mut one, _two, alice, bob) = stage.two_friends();
    one.kill();
    alice.send(&bob, "from a dead peer's user", "held");
    until("the text at bob's", || bob.recv() == ["from a dead peer's user"]);
    let sent = bob.json(&["send", "alice", "do you hear me?", "--wait", "held", "--timeout", "1s"]);
    assert_eq!((sent.code, sent.error().as_str()), (7, "wait_ran_out"));
    assert_eq!(sent.objects()[0]["message"]["state"]["state"], "queued");
    assert!(alice.recv().is_empty());
    one.start();
    // Alice's program comes back to its peer; bob's message goes out by itself.
    alice.plain(&["engine", "stop"]);
    let listening = alice.follow(&["recv", "--follow"]);
    assert_eq!(text_of(&listening.lines.next("the message that waited")), "do you hear me?");
}

#[test]
fn fact_08_a_client_registers_again_each_time_it_connects() {
    let stage = Stage::new();
    let peer = stage.peer("peer");
    let alice = stage.person("alice", &peer);
    until("the registration of init", || peer.count("/clients/registrations") == 1);
    for registrations in [2, 3] {
        alice.ok(&["status"]);
        until("one registration more", || peer.count("/clients/registrations") == registrations);
        alice.plain(&["engine", "stop"]);
    }
    assert_eq!(peer.count("/clients/users"), 1);
}

#[test]
fn fact_10_without_an_answer_the_verdict_is_peer_unavailable() {
    let stage = Stage::new();
    let mut peer = stage.peer("peer");
    let alice = stage.person("alice", &peer);
    peer.kill();
    alice.plain(&["engine", "stop"]);
    until("the verdict", || alice.ok(&["status"])["homes"][0]["state"] == "unavailable");
}

#[test]
fn fact_12_the_fingerprint_is_what_openssl_prints_for_the_certificate() {
    let stage = Stage::new();
    let peer = stage.peer("peer");
    let alice = stage.person("alice", &peer);
    let pem = alice.plain(&["id", "show", "--certificate"]).stdout;
    let fingerprint = alice.ok(&["id", "show"])["fingerprint"].as_str().unwrap().to_owned();
    let Some(printed) = openssl(&["x509", "-noout", "-fingerprint", "-sha256"], &pem) else {
        pirushka_tests::skipped("fact_12", "there is no openssl");
        return;
    };
    let theirs = printed.split('=').nth(1).unwrap().trim().replace(':', "").to_lowercase();
    assert_eq!(theirs, fingerprint);
    let text = openssl(&["x509", "-noout", "-text"], &pem).unwrap();
    let name = |field: &str| text.lines().find_map(|line| line.trim().strip_prefix(field).map(str::to_owned));
    assert_eq!(name("Issuer:"), name("Subject:"), "it is self-signed");
    assert!(text.contains("ED25519"));
}

fn openssl(arguments: &[&str], stdin: &str) -> Option<String> {
    let mut command = Command::new("openssl");
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().ok()?;
    child.stdin.take().unwrap().write_all(stdin.as_bytes()).unwrap();
    Some(String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap())
}

#[test]
fn fact_13_an_address_is_the_peers_host_and_the_fingerprint_and_changes_with_the_peer() {
    let stage = Stage::new();
    let (one, two) = (stage.peer("peer1"), stage.peer("peer2"));
    let alice = stage.person("alice", &one);
    let identity = alice.ok(&["id", "show"]);
    let fingerprint = identity["fingerprint"].as_str().unwrap();
    let expected = |peer: &str| peer.replacen('?', &format!("/{fingerprint}?"), 1);
    assert_eq!(identity["address"], expected(&one.address));
    alice.ok(&["peer", "move", &two.address]);
    until("the new peer serves her", || alice.ok(&["id", "show"])["address"] == expected(&two.address));
    assert_eq!(alice.ok(&["id", "show"])["fingerprint"], fingerprint);
}

#[test]
fn fact_14_both_see_the_same_six_digits_and_are_verified_when_both_say_so() {
    let stage = Stage::new();
    let (_one, _two, alice, bob) = stage.two_friends();
    let alices = alice.ok(&["contact", "verify", "bob"])["code"]["digits"].clone();
    let bobs = bob.ok(&["contact", "verify", "alice"])["code"]["digits"].clone();
    assert_eq!(alices, bobs);
    let digits = alices.as_str().unwrap();
    assert!(digits.len() == 7 && digits.as_bytes()[3] == b' ', "{digits}");
    assert_eq!(alice.ok(&["contact", "verify", "bob", "--matches"])["verified"], true);
    assert_eq!(bob.ok(&["contact", "show", "alice"])["verified"], false, "each says it for itself");
    let differs = bob.json(&["contact", "verify", "alice", "--differs"]);
    assert_eq!((differs.code, differs.error().as_str()), (8, "code_differs"));
}

#[test]
fn fact_15_a_peer_is_one_command_without_a_configuration() {
    let stage = Stage::new();
    let peer = stage.peer("peer");
    let alice = stage.nobody("alice");
    let checked = alice.ok(&["peer", "check", &peer.address]);
    assert!(checked["trouble"].is_null(), "{checked}");
    assert!(checked["handshake_us"].as_u64().is_some(), "{checked}");
}
