//! What a peer's memory holds and what it does not: the whole of it is searched, while it holds a message.

use std::fs::File;
use std::os::unix::fs::FileExt as _;

use super::stage::{Peer, Stage};

/// Alice's text: nowhere else in the world.
const CANARY: &str = "canary 7c1f52 sings in the mine";

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
    let fingerprint = |who: &super::stage::Person| {
        let hex = who.ok(&["id", "show"])["fingerprint"].as_str().unwrap().to_owned();
        (data_encoding::HEXLOWER.decode(hex.as_bytes()).unwrap(), hex)
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
