//! People with two home peers, and people who move, as processes.

use serde_json::Value;

use super::stage::{Person, Stage, befriend, until};

fn roles(person: &Person) -> Vec<(String, String)> {
    let homes = person.ok(&["status"])["homes"].as_array().cloned().unwrap_or_default();
    let word = |home: &Value, field: &str| home[field].as_str().unwrap_or_default().to_owned();
    homes.iter().map(|home| (word(home, "role"), word(home, "state"))).collect()
}

fn served_by(person: &Person, homes: usize) {
    let all = || roles(person).iter().filter(|(role, state)| role == "serving" && state == "online").count() == homes;
    until("every home serves", all);
}

#[test]
fn with_one_of_two_homes_killed_both_directions_still_flow() {
    let stage = Stage::new();
    let (alices, mut first, second) = (stage.peer("peer1"), stage.peer("peer2"), stage.peer("peer3"));
    let (alice, bob) = (stage.person("alice", &alices), stage.person("bob", &first));
    let added = bob.json(&["peer", "add", &second.address]);
    assert_eq!((added.code, added.objects().len()), (0, 2), "{added:?}");
    served_by(&bob, 2);
    befriend(&alice, &bob);
    until("alice has all of bob's queues", || {
        let bobs = alice.ok(&["contact", "show", "bob"]);
        bobs["homes"].as_array().is_some_and(|homes| homes.len() == 2)
    });
    first.kill();
    // The verdict on the session that stood comes first.
    let sent = alice.ok(&["send", "bob", "there", "--wait", "delivered", "--timeout", "90s"]);
    assert_eq!(sent["message"]["state"]["state"], "delivered");
    bob.send(&alice, "and back", "delivered");
    assert_eq!((bob.recv(), alice.recv()), (vec!["there".to_owned()], vec!["and back".to_owned()]));
}

#[test]
fn who_moves_from_a_dead_peer_tells_everybody_and_says_who_knows() {
    let stage = Stage::new();
    let (alices, mut old, new) = (stage.peer("peer1"), stage.peer("peer2"), stage.peer("peer3"));
    let (alice, bob) = (stage.person("alice", &alices), stage.person("bob", &old));
    befriend(&alice, &bob);
    old.kill();
    let last = bob.json(&["peer", "remove", &old.address]);
    assert_eq!((last.code, last.error().as_str()), (6, "refused"));
    bob.ok(&["peer", "move", &new.address]);
    served_by(&bob, 1);
    let knows = || {
        let shown = bob.json(&["peer", "show", "--contacts"]).objects();
        shown.iter().any(|object| object["name"] == "alice" && object["knows_homes"] == true)
    };
    until("alice knows", knows);
    alice.send(&bob, "found you", "delivered");
    assert!(bob.ok(&["id", "show"])["address"].as_str().is_some_and(|address| address.contains(port_of(&new.address))));
}

fn port_of(address: &str) -> &str {
    address.split(['?', ':']).nth(1).unwrap_or_default()
}
