//! T10 at the real socket: whoever has proven nothing gets no more bytes back than it sent, whatever type and size that was.
//!
//! The table of `docs/TESTING.md`: `cargo nextest run --release -p pirushka-peer -E 'test(t10_)' --no-capture`.

use std::collections::BTreeMap;
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use pirushka_identity::Identity;
use pirushka_wire::handshake::{Hello, VERSION};
use pirushka_wire::limits::{DATAGRAM_MAX, HELLO_MAX, HELLO_MIN, SEALED_OVERHEAD};
use pirushka_wire::plain::decode_challenge;
use pirushka_wire::root::kind;
use pirushka_wire::{Params, Root, SessionId, Signature};
use rand_core::SeedableRng as _;
use rustix::process::Signal;

use crate::caller::{Caller, place, socket_at};
use crate::daemon::Daemon;
use crate::forge::Forger;

/// Every type byte that Root knows, and one that it does not.
const TYPES: [(u8, &str); 11] = [
    (kind::KEEPALIVE, "KEEPALIVE"),
    (kind::OK, "OK"),
    (kind::REGISTER, "REGISTER"),
    (kind::CHALLENGE, "CHALLENGE"),
    (kind::RESPONSE, "RESPONSE"),
    (kind::HELLO, "HELLO"),
    (kind::RETRY, "RETRY"),
    (kind::HELLO_ACK, "HELLO_ACK"),
    (kind::SEALED, "SEALED"),
    (kind::RESET, "RESET"),
    (0x77, "unknown type"),
];
/// Payloads from nothing to the largest packet.
const PAYLOADS: [usize; 16] = [0, 1, 2, 8, 32, 60, 100, 180, 197, 229, 300, 484, 700, 900, 1000, 1112];
/// After everything was sent; what comes later is counted with the next.
const LISTEN: Duration = Duration::from_millis(120);
/// Datagrams on their way at once.
const AT_ONCE: usize = 200;
/// What is answered, and by what; everything else gets silence.
const ANSWERED: [&str; 6] = [
    "HELLO, good MAC1 (RETRY)",
    "HELLO, the same again (RETRY)",
    "HELLO, good cookie (HELLO_ACK)",
    "SEALED of an earlier run (RESET)",
    "REGISTER, bare and signed (OK, CHALLENGE)",
    "RESPONSE, bare and signed (OK)",
];

/// What one kind of question got.
#[derive(Default)]
struct Row {
    datagrams: usize,
    least: Option<usize>,
    most: usize,
    bytes: usize,
    answers: usize,
    answered: usize,
    /// Bytes back in permille of bytes sent, of the datagram for which that was most.
    worst_permille: usize,
}

/// Somebody who asks, each time from a socket of its own.
struct Asker {
    peer: SocketAddr,
    sources: u32,
    rows: BTreeMap<String, Row>,
}

impl Asker {
    fn sockets(&mut self, count: usize) -> Vec<UdpSocket> {
        let mut next = || {
            self.sources += 1;
            socket_at(0x7f02_0001 + self.sources * 3)
        };
        (0..count).map(|_| next()).collect()
    }

    /// Sends these, each from an address where nobody was before; what the last answer of each was.
    fn ask(&mut self, name: &str, questions: &[Vec<u8>]) -> Vec<Option<Vec<u8>>> {
        let mut answers = vec![];
        for some in questions.chunks(AT_ONCE) {
            let sockets = self.sockets(some.len());
            answers.extend(self.ask_from(name, some, &sockets.iter().collect::<Vec<_>>()));
        }
        answers
    }

    fn ask_from(&mut self, name: &str, questions: &[Vec<u8>], sockets: &[&UdpSocket]) -> Vec<Option<Vec<u8>>> {
        for (question, socket) in questions.iter().zip(sockets) {
            assert_eq!(socket.send_to(question, self.peer).unwrap(), question.len());
        }
        std::thread::sleep(LISTEN);
        let note = |(question, socket): (&Vec<u8>, &&UdpSocket)| {
            let answers = received(socket);
            self.note(name, question.len(), &answers);
            answers.into_iter().last()
        };
        questions.iter().zip(sockets).map(note).collect()
    }

    fn note(&mut self, name: &str, size: usize, answers: &[Vec<u8>]) {
        let row = self.rows.entry(name.to_owned()).or_default();
        let back: usize = answers.iter().map(Vec::len).sum();
        row.datagrams += 1;
        row.least = Some(row.least.map_or(size, |least| least.min(size)));
        row.most = row.most.max(size);
        row.bytes += size;
        row.answers += answers.len();
        row.answered += back;
        row.worst_permille = row.worst_permille.max((back * 1000).div_ceil(size.max(1)));
    }

    fn print(&self, profile: &str) {
        println!("\n| {profile} | sent | bytes each | answers | bytes sent | bytes back | most back, of any one |");
        println!("|---|---|---|---|---|---|---|");
        for (name, row) in &self.rows {
            let Row { datagrams, least, most, bytes, answers, answered, worst_permille } = row;
            let (least, worst) = (least.unwrap_or(0), *worst_permille as f64 / 1000.0);
            println!("| {name} | {datagrams} | {least} to {most} | {answers} | {bytes} | {answered} | {worst:.3} |");
        }
    }
}

fn received(socket: &UdpSocket) -> Vec<Vec<u8>> {
    let mut buffer = [0; 2048];
    socket.set_nonblocking(true).unwrap();
    std::iter::from_fn(|| socket.recv(&mut buffer).ok().map(|length| buffer[..length].to_vec())).collect()
}

#[test]
fn t10_no_type_of_packet_in_any_size_gets_more_bytes_than_it_brought() {
    every_question(&[], 4);
}

#[test]
fn t10_nor_does_it_with_the_plain_profile() {
    every_question(&["--plain"], ANSWERED.len());
}

/// Asks everything, and checks that so many kinds of questions are answered, none with more than it brought.
fn every_question(arguments: &[&str], answered: usize) {
    let dir = tempfile::tempdir().unwrap();
    let mut daemon = Daemon::start(dir.path(), arguments);
    let (peer, peer_id) = place(&daemon);
    let (mut asker, forger) = (Asker { peer, sources: 0, rows: BTreeMap::new() }, Forger::of(peer_id));
    bare_and_veiled(&mut asker, &forger);
    hellos(&mut asker, &forger);
    whole_handshakes(&mut asker, &daemon);
    sealed_for_nobody(&mut asker, &forger, &daemon);
    if !arguments.is_empty() {
        signed(&mut asker);
    }
    daemon = after_a_restart(&mut asker, daemon, dir.path(), arguments);
    asker.print(if arguments.is_empty() { "sealed link only" } else { "with the plain profile" });
    drop(daemon);

    for (name, row) in &asker.rows {
        assert!(row.worst_permille <= 1000, "{name} gets more than it brought");
        let may_be_answered = ANSWERED.contains(&name.as_str());
        assert_eq!(row.answers > 0, may_be_answered, "{name} got {} answers", row.answers);
    }
    assert_eq!(asker.rows.keys().filter(|name| ANSWERED.contains(&name.as_str())).count(), answered);
}

/// Each type with each signature field, in all sizes, with and without shifts, bare and under the veil.
fn bare_and_veiled(asker: &mut Asker, forger: &Forger) {
    for (kind, name) in TYPES {
        let mut packets = vec![vec![], vec![Params::TO_PEER.direction()], vec![Params::TO_PEER.direction(), kind]];
        for payload in PAYLOADS {
            let payload: Vec<u8> = (0..payload).map(|i| (i * 7) as u8 ^ kind).collect();
            for signature in [Signature::Absent, Signature::Tag(&[9; 16]), Signature::Ed25519(&[8; 64])] {
                let root = Root { params: Params::TO_PEER, kind, signature, timestamp: unix_s(), payload: &payload };
                let mut packet = vec![];
                root.encode(&mut packet);
                packets.push(packet);
                for shift in [0, 32, 255] {
                    let mut packet = vec![];
                    if root.encode_shifted(shift, &mut |gap| gap.fill(7), &mut packet).is_ok() {
                        packets.push(packet);
                    }
                }
            }
        }
        let veiled: Vec<_> = packets.iter().zip(0..).map(|(packet, salt)| forger.veiled(packet, salt)).collect();
        asker.ask(&format!("{name}, bare"), &packets);
        asker.ask(&format!("{name}, veiled, no MAC1 that holds"), &veiled);
    }
    let junk = |size: usize| (0..size).map(|i| (i * 31 + size * 7) as u8).collect();
    asker.ask("junk", &[1, 20, 36, 128, 200, 512, DATAGRAM_MAX, DATAGRAM_MAX + 1, 1472, 9000, 65_507].map(junk));
}

fn hellos(asker: &mut Asker, forger: &Forger) {
    let hello = |length: usize| {
        let hello =
            Hello { version: VERSION, flags: 0, client_session: SessionId([5; 8]), cookie: None, noise: &[6; 48] };
        forger.hello(&hello, length, length as u64)
    };
    let lengths = || (HELLO_MIN..=HELLO_MAX).step_by(4);
    let hellos: Vec<_> = lengths().map(hello).collect();
    let sockets = asker.sockets(hellos.len());
    let sockets: Vec<_> = sockets.iter().collect();
    asker.ask_from(ANSWERED[0], &hellos, &sockets);
    for _ in 0..3 {
        asker.ask_from(ANSWERED[1], &hellos, &sockets);
    }
    asker.ask("HELLO, the same from elsewhere", &hellos);
    asker.ask("HELLO, good MAC1, too small or large", &[77, 150, HELLO_MIN - 1, HELLO_MAX + 1, 1100].map(hello));
}

/// With a cookie, which proves the source: also then.
fn whole_handshakes(asker: &mut Asker, daemon: &Daemon) {
    let mut callers: Vec<_> = (0..80).map(|seed| Caller::new(daemon, [127, 3, seed, 1], seed)).collect();
    let hellos: Vec<_> = callers.iter_mut().map(Caller::hello).collect();
    let retries =
        asker.ask_from(ANSWERED[0], &hellos, &callers.iter().map(|caller| &caller.socket).collect::<Vec<_>>());
    for (caller, retry) in callers.iter_mut().zip(retries) {
        caller.takes(&retry.expect("RETRY"));
    }
    let hellos: Vec<_> = callers.iter_mut().map(Caller::hello).collect();
    for _ in 0..2 {
        asker.ask_from(ANSWERED[2], &hellos, &callers.iter().map(|caller| &caller.socket).collect::<Vec<_>>());
    }
}

fn sealed_for_nobody(asker: &mut Asker, forger: &Forger, daemon: &Daemon) {
    let hour = (unix_s() / 3600) as u8;
    let sealed = |hour: u8, number: u64, size: usize| {
        let id = [0, 0, hour, number as u8, (number >> 8) as u8, 3, 4, 5];
        forger.sealed(Params::TO_PEER, number, SessionId(id), size)
    };
    let sizes = (0..).zip((SEALED_OVERHEAD..=DATAGRAM_MAX).step_by(7));
    let old: Vec<_> = sizes.map(|(number, size)| sealed(hour.wrapping_sub(30), number, size)).collect();
    asker.ask("SEALED for a session of yesterday", &old);
    // Few: an id that is made up fits its network once in 65 536 tries.
    let made_up: Vec<_> = (0..).zip([127, 128, 1200]).map(|(number, size)| sealed(hour, number, size)).collect();
    asker.ask("SEALED for a session that never was", &made_up);
    let mut caller = Caller::established(daemon, [127, 4, 0, 1], 100);
    let live = forger.receiver(&caller.question(10)).expect("a sealed packet");
    let all: Vec<_> = [128, 416, 1184].map(|size| forger.sealed(Params::TO_PEER, 99, live, size)).into();
    asker.ask("SEALED for a live session, no tag that holds", &all);
}

/// The plain profile's own, good as they are.
fn signed(asker: &mut Asker) {
    for (number, shift) in (0..).zip([None, None, Some(0), Some(1), Some(32), Some(33), Some(200)]) {
        let identity = Identity::generate(&mut rand_chacha::ChaCha20Rng::from_seed([number; 32]));
        let encode = |root: Root<'_>| {
            let mut packet = vec![];
            match shift {
                None => root.encode(&mut packet),
                Some(shift) => root.encode_shifted(shift, &mut |gap| gap.fill(3), &mut packet).unwrap(),
            }
            packet
        };
        let sockets = asker.sockets(1);
        let socket = [&sockets[0]];
        let register = encode(identity.plain_register(unix_s()).root());
        let challenge = asker.ask_from(ANSWERED[4], std::slice::from_ref(&register), &socket).pop().flatten();
        asker.ask_from("REGISTER, bare and signed, the same again", &[register], &socket);
        let challenge = challenge.expect("OK and CHALLENGE");
        let challenge = decode_challenge(Root::decode(&challenge).unwrap().payload).unwrap();
        let response = encode(identity.plain_response(&challenge, unix_s()).root());
        asker.ask_from(ANSWERED[5], std::slice::from_ref(&response), &socket);
        asker.ask_from("RESPONSE, bare and signed, the same again", &[response], &socket);
    }
}

/// Sessions of a run that is over: their packets bring RESET.
fn after_a_restart(asker: &mut Asker, mut daemon: Daemon, dir: &std::path::Path, arguments: &[&str]) -> Daemon {
    let mut callers: Vec<_> = (0..20).map(|n| Caller::established(&daemon, [127, 5, n, 1], 150 + n)).collect();
    daemon.signal(Signal::KILL);
    daemon.child.wait().unwrap();
    let listen = asker.peer.to_string();
    let daemon = Daemon::start_at(dir, &listen, arguments);
    assert_eq!(place(&daemon).0, asker.peer);
    let packets: Vec<_> = callers.iter_mut().zip(0..).map(|(caller, n)| caller.question(n * 50)).collect();
    let sockets: Vec<_> = callers.iter().map(|caller| &caller.socket).collect();
    asker.ask_from(ANSWERED[3], &packets, &sockets);
    asker.ask("SEALED of an earlier run, from elsewhere", &packets[..3]);
    daemon
}

fn unix_s() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::SystemTime::UNIX_EPOCH).unwrap().as_secs()
}
