//! What a peer's memory holds and what it does not: the whole of it is searched, while it holds a message.

use std::fs::File;
use std::os::unix::fs::FileExt as _;

use super::stage::{Peer, Stage, befriend};

/// Alice's text: nowhere else in the world.
const CANARY: &str = "canary 7c1f52 sings in the mine";

#[test]
fn t31_the_peers_memory_and_its_log_at_trace_level_hold_no_plaintext_and_no_senders_identity() {
    let stage = Stage::new();
    let (one, mut two) = (stage.peer("peer1"), stage.peer("peer2"));
    two.kill();
    two.start_with(&["--set", "log=trace"]);
    let (alice, bob) = (stage.person("alice", &one), stage.person("bob", &two));
    befriend(&alice, &bob);
    alice.send(&bob, "first words, read at once", "delivered");
    bob.plain(&["engine", "stop"]);
    // Something to log.
    let place = two.address.split('?').next().unwrap();
    std::net::UdpSocket::bind("127.0.0.1:0").unwrap().send_to(b"junk", place).unwrap();
    alice.send(&bob, CANARY, "held");

    let system = |file: &str| std::fs::read_to_string(format!("/proc/{}/{file}", two.pid()));
    if let Ok(limits) = system("limits") {
        let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
        assert_eq!(core.split_whitespace().nth(4), Some("0"), "no core dumps: {core}");
    }
    let log = std::fs::read_to_string(two.log()).unwrap();
    if !log.contains("memory is not locked") {
        let status = system("status").unwrap();
        let locked = status.lines().find(|line| line.starts_with("VmLck:")).unwrap();
        assert_ne!(locked.split_whitespace().nth(1), Some("0"), "keys and messages stay out of swap: {locked}");
    }

    let (bytes, hex) = fingerprint(&alice);
    let certificate = certificate(&alice);
    let log = std::fs::read(two.log()).unwrap();
    assert!(String::from_utf8_lossy(&log).contains("dropped"), "the peer logs at this level");
    let mut places = vec![("log", Memory(vec![log]))];
    match Memory::of(&two) {
        Some(memory) => places.push(("memory", memory)),
        None => pirushka_tests::skipped("t31", "the memory of another process may not be read here"),
    }
    if let [_, (_, memory)] = &places[..] {
        assert!(memory.holds(&fingerprint(&bob).0), "the search finds what is there");
    }
    for (place, held) in &places {
        for (what, secret) in [
            ("the text", CANARY.as_bytes()),
            ("words that were read", b"first words, read at once"),
            ("alice's fingerprint", &bytes),
            ("alice's fingerprint in hexadecimal", hex.as_bytes()),
            ("alice's certificate", &certificate),
            ("its signature", &certificate[certificate.len() - 64..]),
        ] {
            assert!(!held.holds(secret), "{what} is in the peer's {place}");
        }
    }
}

#[test]
fn t27_the_senders_fingerprint_and_certificate_never_reach_the_recipients_peer() {
    let stage = Stage::new();
    let (_one, two, alice, bob) = stage.two_friends();
    bob.plain(&["engine", "stop"]);
    alice.send(&bob, CANARY, "held");
    let Some(memory) = Memory::of(&two) else {
        pirushka_tests::skipped("t27", "the memory of another process may not be read here");
        return;
    };
    let (bobs, _) = fingerprint(&bob);
    assert!(memory.holds(&bobs), "the search finds what is there: the fingerprint of the peer's own user");
    let (bytes, hex) = fingerprint(&alice);
    assert!(!memory.holds(&bytes) && !memory.holds(hex.as_bytes()), "alice's fingerprint");
    let certificate = certificate(&alice);
    assert!(!memory.holds(&certificate), "alice's certificate");
    assert!(!memory.holds(&certificate[certificate.len() - 64..]), "the signature of alice's certificate");
    // Fact 16: the peer cannot read what it holds.
    assert!(!memory.holds(CANARY.as_bytes()), "the text");
}

/// As bytes and as it is shown.
fn fingerprint(who: &super::stage::Person) -> (Vec<u8>, String) {
    let hex = who.ok(&["id", "show"])["fingerprint"].as_str().unwrap().to_owned();
    (data_encoding::HEXLOWER.decode(hex.as_bytes()).unwrap(), hex)
}

fn certificate(who: &super::stage::Person) -> Vec<u8> {
    let pem = who.plain(&["id", "show", "--certificate"]).stdout;
    let base64: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    data_encoding::BASE64.decode(base64.as_bytes()).unwrap()
}

/// All readable memory of a process.
struct Memory(Vec<Vec<u8>>);

impl Memory {
    /// `None` where this is not permitted.
    fn of(peer: &Peer) -> Option<Self> {
        let maps = std::fs::read_to_string(format!("/proc/{}/maps", peer.pid())).ok()?;
        let memory = File::open(format!("/proc/{}/mem", peer.pid())).ok()?;
        let writable = maps.lines().filter(|line| line.split_whitespace().nth(1).is_some_and(|m| m.starts_with("rw")));
        let regions: Vec<Vec<u8>> = writable.filter_map(|line| region(&memory, line)).collect();
        (!regions.is_empty()).then_some(Self(regions))
    }

    fn holds(&self, needle: &[u8]) -> bool {
        self.0.iter().any(|region| region.windows(needle.len()).any(|window| window == needle))
    }
}

fn region(memory: &File, line: &str) -> Option<Vec<u8>> {
    let (from, to) = line.split_whitespace().next()?.split_once('-')?;
    let (from, to) = (u64::from_str_radix(from, 16).ok()?, u64::from_str_radix(to, 16).ok()?);
    let mut bytes = vec![0; usize::try_from(to - from).ok()?];
    memory.read_exact_at(&mut bytes, from).ok()?;
    Some(bytes)
}
