//! Strangers without an invite, and a peer that does not take everybody, as real processes.

use super::stage::{Stage, text_of, until};

#[test]
fn a_stranger_with_only_the_address_of_id_show_writes_to_somebody_who_is_open() {
    let stage = Stage::new();
    let (one, two) = (stage.peer("peer1"), stage.peer("peer2"));
    let (alice, bob) = (stage.person("alice", &one), stage.person("bob", &two));
    let identity = bob.ok(&["id", "show"]);
    assert_eq!(identity["policy"]["policy"], "invites");
    let address = identity["address"].as_str().unwrap();
    let refused = alice.json(&["contact", "add", address, "--name", "bob", "--text", "Hello?"]);
    assert_eq!((refused.code, refused.error().as_str()), (6, "not_added"), "{refused:?}");
    alice.ok(&["contact", "remove", "bob", "--yes"]);

    let open = bob.ok(&["invite", "policy", "open", "--bits", "12"]);
    assert_eq!((&open["policy"], &open["bits"]), (&"open".into(), &12.into()));
    assert!(bob.plain(&["id", "show"]).stdout.contains("after 12 bits of work"));
    alice.ok(&["contact", "add", address, "--name", "bob", "--text", "Hello, it is me from the market.", "--no-wait"]);
    until("the request", || bob.json(&["contact", "show", "alice"]).code == 0);
    let request = bob.ok(&["contact", "show", "alice"]);
    assert_eq!((&request["state"], &request["name_conflict"]), (&"request".into(), &false.into()));
    assert_eq!(request["first_text"], "Hello, it is me from the market.");
    assert!(bob.recv().is_empty(), "nothing of a stranger is a message before the answer");

    bob.ok(&["contact", "accept", "alice"]);
    assert_eq!(bob.recv(), ["Hello, it is me from the market."]);
    until("alice learns it", || alice.ok(&["contact", "show", "bob"])["state"] == "active");
    let listening = alice.follow(&["recv", "--follow"]);
    bob.send(&alice, "I remember you!", "read");
    assert_eq!(text_of(&listening.lines.next("the answer")), "I remember you!");
}

#[test]
fn a_private_peer_names_the_missing_secret_and_serves_whoever_has_it() {
    let stage = Stage::new();
    let settings = ["users.private=true"];
    let peer = stage.peer_with("peer", &settings);
    let for_users = peer.address_for_users(&settings);
    let (public, secret) = for_users.split_once("&i=").expect("a private peer's address");
    assert_eq!(public, peer.address, "what the start prints ends up in logs");

    let bob = stage.nobody("bob");
    let wrong = format!("{public}&i={}", "b".repeat(secret.len()));
    for (name, address) in [("bob", public), ("guesser", &*wrong)] {
        let made = stage.nobody(name).json(&["init", "--name", name, "--peer", address, "--key-file"]);
        assert_eq!((made.code, made.error().as_str()), (6, "invite_needed"), "{made:?}");
        assert_eq!(made.objects()[0]["name"], name, "the profile is made, and waits for a good address");
    }
    let person = format!("{}/{}?k={}", "127.0.0.1:9", "a4".repeat(32), "a".repeat(52));
    for command in [
        &["invite", "new"][..],
        &["peer", "show"],
        &["peer", "check", public],
        &["contact", "add", &person, "--name", "x"],
    ] {
        let refused = bob.json(command);
        assert_eq!((refused.code, refused.error().as_str()), (6, "invite_needed"), "{command:?} {refused:?}");
    }
    let moved = bob.json(&["peer", "move", &wrong]);
    assert!(moved.error() == "invite_needed" && moved.stderr.contains("pirushka peer move ADDRESS"), "{moved:?}");
    let in_russian = bob.plain(&["--lang", "ru", "peer", "show"]);
    assert!(in_russian.stderr.contains("не берёт вас"), "{in_russian:?}");
    assert_eq!(peer.count("/clients/users"), 0);

    let other = stage.peer("other");
    let carol = stage.person("carol", &other);
    let added = carol.json(&["peer", "add", public]);
    assert_eq!((added.code, added.error().as_str()), (6, "invite_needed"), "{added:?}");
    assert!(added.stderr.contains("pirushka peer add ADDRESS"), "the peer that serves her stays: {added:?}");
    carol.ok(&["peer", "add", &for_users]);
    super::stage::until("both serve her", || {
        let homes = carol.ok(&["status"])["homes"].as_array().unwrap().clone();
        homes.len() == 2 && homes.iter().all(|home| home["state"] == "online")
    });

    bob.ok(&["peer", "move", &for_users]);
    let invite = bob.ok(&["invite", "new"]);
    assert!(!invite.to_string().contains(secret), "{invite}");
    let alice = stage.nobody("alice");
    alice.ok(&["init", "--name", "alice", "--peer", &for_users, "--key-file"]);
    assert_eq!(alice.ok(&["contact", "add", invite["address"].as_str().unwrap(), "--name", "bob"])["state"], "active");
    let shown = [alice.ok(&["contact", "show", "bob"]), bob.ok(&["contact", "show", "alice"]), bob.ok(&["id", "show"])];
    assert!(shown.iter().all(|shown| !shown.to_string().contains(secret)), "{shown:?}");
}
