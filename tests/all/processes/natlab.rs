//! Real processes behind real NATs: those of the kernel, in namespaces that end with their test (`tests/natlab`).
//!
//! A story runs in a world of its own: its test starts itself again in there. Where namespaces cannot be made, it is
//! skipped, and counted as skipped.

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::time::Duration;

use super::stage::{Peer, Person, Place, Stage, befriend, text_of};

/// Set for whoever runs in the laboratory: the socket that takes faults.
const CONTROL: &str = "NATLAB_CONTROL";
/// The exit code of `natlab.py` where no laboratory can be built.
const CANNOT: i32 = 77;

const PEER_1: Place = Place { host: Some("p1"), ip: "192.0.2.1" };
const PEER_2: Place = Place { host: Some("p2"), ip: "192.0.2.2" };
/// Behind natA, with another cable to natC.
const ALICES: Place = Place { host: Some("a1"), ip: "10.1.0.2" };
/// Behind natB.
const BOBS: Place = Place { host: Some("b1"), ip: "10.2.0.2" };
const PORT: u16 = 7117;

#[test]
fn two_people_behind_different_nats_meet_and_text_both_ways() {
    in_lab(["linux", "symmetric"], |_lab| {
        let stage = Stage::new();
        let (_one, _two, alice, bob) = two_friends(&stage);
        for (person, outside) in [(&alice, "198.18.1.1:"), (&bob, "198.18.2.1:")] {
            let observed = person.ok(&["peer", "show"])["observed"].as_str().unwrap_or_default().to_owned();
            assert!(observed.starts_with(outside), "{} is seen as {observed}", person.name);
        }
        let (at_alice, at_bob) = (alice.follow(&["recv", "--follow"]), bob.follow(&["recv", "--follow"]));
        for round in ["one", "two", "three"] {
            alice.send(&bob, round, "read");
            bob.send(&alice, round, "read");
            assert_eq!(text_of(&at_bob.lines.next("alice's text")), round);
            assert_eq!(text_of(&at_alice.lines.next("bob's text")), round);
        }
    });
}

#[test]
fn a_nat_that_forgets_is_healed_by_the_next_packet_from_behind_it() {
    in_lab(["symmetric", "portcone"], |lab| {
        let stage = Stage::new();
        let (_one, _two, alice, bob) = two_friends(&stage);
        let listening = bob.follow(&["recv", "--follow"]);
        alice.send(&bob, "before", "read");
        assert_eq!(text_of(&listening.lines.next("the first text")), "before");
        lab.fault("rebind natB");
        alice.send(&bob, "at the closed hole", "held");
        assert!(listening.lines.is_silent_for(Duration::from_millis(300)), "the old hole is closed");
        // An invite is told to bob's peer: a packet of his session there, from a new port.
        bob.ok(&["invite", "new"]);
        assert_eq!(text_of(&listening.lines.next("the text that waited")), "at the closed hole");
        lab.fault("rebind natA");
        alice.send(&bob, "from a new port", "held");
        assert_eq!(text_of(&listening.lines.next("the text from a new port")), "from a new port");
        assert!(listening.lines.is_silent_for(Duration::from_millis(300)), "nothing comes twice");
    });
}

#[test]
fn ten_messages_cross_paths_that_lose_a_fifth_in_order_and_once() {
    in_lab(["linux", "symmetric"], |lab| {
        let stage = Stage::new();
        let (_one, _two, alice, bob) = two_friends(&stage);
        lab.fault("loss 20");
        let listening = bob.follow(&["recv", "--follow"]);
        let texts: Vec<String> = (0..10).map(|number| format!("message {number}")).collect();
        for text in &texts {
            alice.ok(&["send", "bob", text]);
        }
        let shown: Vec<String> = texts.iter().map(|text| text_of(&listening.lines.next(text))).collect();
        assert_eq!(shown, texts);
        // All that was repeated before has come by now.
        alice.send(&bob, "the last", "delivered");
        assert_eq!(text_of(&listening.lines.next("the last")), "the last");
        assert!(listening.lines.is_silent_for(Duration::from_millis(500)), "nothing comes twice");
    });
}

#[test]
fn peer_check_tells_a_network_without_udp_from_a_wrong_name_and_a_wrong_key() {
    in_lab(["blocked", "linux"], |_lab| {
        let stage = Stage::new();
        let (one, two) = (stage.peer_at("peer1", PEER_1, PORT), stage.peer_at("peer2", PEER_2, PORT));
        let (alice, bob) = (stage.nobody_at("alice", ALICES), stage.nobody_at("bob", BOBS));
        let check = |person: &Person, address: &str| {
            let ended = person.json(&["peer", "check", address, "--timeout", "2s"]);
            let what = serde_json::from_str::<serde_json::Value>(ended.stderr.lines().last().unwrap_or_default());
            (ended.code, ended.error(), what.unwrap()["what"].as_str().unwrap_or_default().to_owned())
        };
        bob.ok(&["peer", "check", &one.address]);
        let (place, key) = one.address.split_once("?k=").unwrap();
        let (_, other_key) = two.address.split_once("?k=").unwrap();
        for (person, address, code, cause) in [
            (&alice, &one.address, "no_answer", "UDP"),
            (&bob, &format!("no-such-host.invalid?k={key}"), "dns", "DNS"),
            (&bob, &format!("{place}?k={other_key}"), "peer_key", "key"),
        ] {
            let (exit, name, what) = check(person, address);
            assert_eq!((exit, name.as_str()), (5, code), "{what}");
            assert!(what.ends_with(&format!("({cause})")), "{what}");
        }
    });
}

#[test]
fn nothing_is_lost_when_a_client_roams_in_the_middle_of_a_burst() {
    in_lab(["linux", "portcone"], |lab| {
        let stage = Stage::new();
        let (_one, _two, alice, bob) = two_friends(&stage);
        let (at_alice, at_bob) = (alice.follow(&["recv", "--follow"]), bob.follow(&["recv", "--follow"]));
        let texts: Vec<String> = (0..12).map(|number| format!("message {number}")).collect();
        let burst = |from: &Person, to: &Person| {
            for text in &texts {
                from.ok(&["send", &to.name, text]);
            }
        };
        std::thread::scope(|scope| {
            scope.spawn(|| burst(&alice, &bob));
            scope.spawn(|| burst(&bob, &alice));
            for (number, text) in texts.iter().enumerate() {
                if number == 3 {
                    lab.fault("roam a1 1");
                }
                assert_eq!(&text_of(&at_bob.lines.next(text)), text);
            }
            for text in &texts {
                assert_eq!(&text_of(&at_alice.lines.next(text)), text);
            }
        });
        for lines in [&at_alice.lines, &at_bob.lines] {
            assert!(lines.is_silent_for(Duration::from_millis(300)), "nothing comes twice");
        }
    });
}

/// Peer 1 serves alice, behind natA; peer 2 serves bob, behind natB; they know each other.
fn two_friends(stage: &Stage) -> (Peer, Peer, Person, Person) {
    let (one, two) = (stage.peer_at("peer1", PEER_1, PORT), stage.peer_at("peer2", PEER_2, PORT));
    let (alice, bob) = (stage.person_at("alice", ALICES, &one), stage.person_at("bob", BOBS, &two));
    befriend(&alice, &bob);
    (one, two, alice, bob)
}

/// The world that a story runs in.
struct Lab {
    control: BufReader<UnixStream>,
}

impl Lab {
    fn at(control: &OsStr) -> Self {
        Self { control: BufReader::new(UnixStream::connect(control).unwrap()) }
    }

    /// A fault, as `natlab.py` lists them; when this returns, it has happened.
    fn fault(&mut self, fault: &str) {
        self.control.get_mut().write_all(format!("{fault}\n").as_bytes()).unwrap();
        let mut answer = String::new();
        self.control.read_line(&mut answer).unwrap();
        assert_eq!(answer, "ok\n");
    }
}

/// Runs a story in a laboratory whose natA and natB are of these kinds. The closure's own name tells the test's.
fn in_lab<Story: FnOnce(&mut Lab)>(nats: [&str; 2], story: Story) {
    if let Some(control) = std::env::var_os(CONTROL) {
        return story(&mut Lab::at(&control));
    }
    let path = std::any::type_name::<Story>();
    let test = path.split_once("::").unwrap().1.trim_end_matches("::{{closure}}");
    again_inside(nats, test);
}

fn again_inside([a, b]: [&str; 2], test: &str) {
    // Processes that are killed leave their folders to this one.
    let folder = tempfile::Builder::new().prefix("natlab-").tempdir().unwrap();
    let mut laboratory = Command::new("python3");
    laboratory.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/natlab/natlab.py"));
    laboratory.args(["run", "--a", a, "--b", b, "--"]).arg(std::env::current_exe().unwrap());
    laboratory.args(["--exact", test, "--nocapture"]).env("TMPDIR", folder.path());
    let ended = match laboratory.output() {
        Ok(ended) => ended,
        Err(error) => return pirushka_tests::skipped(test, &format!("python3: {error}")),
    };
    let (said, told) = (String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&ended.stderr));
    if ended.status.code() == Some(CANNOT) {
        return pirushka_tests::skipped(test, told.lines().last().unwrap_or("no laboratory"));
    }
    let passed = ended.status.success() && said.contains("1 passed");
    assert!(passed, "in the laboratory:\n{said}\n{told}");
}
