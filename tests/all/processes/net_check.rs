//! `net check` names the cause, and what to do about this one.

use serde_json::Value;

use super::stage::{Person, Stage};

/// The meaning that it finds, its exit code, and the code and the advice of the error.
fn checked(person: &Person) -> (String, i32, String, String) {
    let ended = person.json(&["net", "check", "--timeout", "2s"]);
    let meaning = ended.objects()[0]["meaning"].as_str().unwrap().to_owned();
    if ended.code == 0 {
        return (meaning, 0, String::new(), String::new());
    }
    let error: Value = serde_json::from_str(ended.stderr.lines().last().unwrap()).unwrap();
    (meaning, ended.code, ended.error(), error["fix"].as_str().unwrap().to_owned())
}

#[test]
fn a_good_way_is_called_good_and_a_peer_that_does_not_run_is_named_and_not_the_network() {
    let stage = Stage::new();
    let mut peer = stage.peer("peer");
    let alice = stage.person("alice", &peer);
    super::stage::until("alice is served", || alice.ok(&["status"])["homes"][0]["state"] == "online");
    assert_eq!(checked(&alice), ("good".into(), 0, String::new(), String::new()));
    let shown = alice.plain(&["--lang", "ru", "net", "check"]);
    assert!(shown.code == 0 && shown.stdout.contains("Всё работает"), "{shown:?}");
    peer.kill();
    let (meaning, exit, code, fix) = checked(&alice);
    assert_eq!((&*meaning, exit, &*code), ("not_running", 5, "net_not_running"));
    assert!(fix.contains("start it"), "{fix}");
    let shown = alice.plain(&["net", "check", "--timeout", "1s"]);
    assert!(shown.stderr.contains("the peer does not run"), "{shown:?}");
    // What the engine still believes is not said as if it were so.
    let registered = shown.stdout.lines().find(|line| line.starts_with("registered")).unwrap();
    assert!(!registered.ends_with("online") && !registered.contains(" ms"), "{registered}");
    let in_russian = alice.plain(&["--lang", "ru", "net", "check", "--timeout", "1s"]);
    assert!(in_russian.stdout.contains("никто не слушает"), "{in_russian:?}");
}

#[test]
fn a_private_peer_that_wants_a_secret_is_not_waited_for() {
    let stage = Stage::new();
    let settings = ["users.private=true"];
    let peer = stage.peer_with("peer", &settings);
    let bob = stage.nobody("bob");
    assert_eq!(bob.json(&["init", "--name", "bob", "--peer", &peer.address, "--key-file"]).code, 6);
    let (_, exit, code, fix) = checked(&bob);
    assert_eq!((exit, &*code), (6, "invite_needed"));
    assert!(fix.contains("i=") && fix.contains("pirushka peer move"), "{fix}");
    bob.ok(&["peer", "move", &peer.address_for_users(&settings)]);
    super::stage::until("bob is served", || checked(&bob).1 == 0);
}
