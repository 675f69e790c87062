//! The plain profile on real processes, its bytes read off the wire: facts 6 to 11, 18 and 19 in their bare form.

use std::net::{SocketAddr, UdpSocket};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use pirushka_identity::Certificate;
use serde_json::Value;

use super::stage::{Following, PATIENCE, Stage, until};
use crate::vectors::{python_with_libraries, spec};

/// Stands between a client and a peer, hands everything on and writes it down.
struct Relay {
    port: u16,
    log: Arc<Mutex<Vec<Datagram>>>,
    is_over: Arc<AtomicBool>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Datagram {
    to_peer: bool,
    bytes: Vec<u8>,
}

impl Relay {
    fn before(peer: u16) -> Self {
        let front = UdpSocket::bind("127.0.0.1:0").unwrap();
        let back = UdpSocket::bind("127.0.0.1:0").unwrap();
        back.connect(("127.0.0.1", peer)).unwrap();
        let (log, is_over) = (Arc::new(Mutex::new(vec![])), Arc::new(AtomicBool::new(false)));
        let port = front.local_addr().unwrap().port();
        let relay = Self { port, log: log.clone(), is_over: is_over.clone() };
        for socket in [&front, &back] {
            socket.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
        }
        std::thread::spawn(move || hand_on(&front, &back, &log, &is_over));
        relay
    }

    fn seen(&self) -> Vec<Datagram> {
        self.log.lock().unwrap().clone()
    }

    fn place(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
    }
}

fn hand_on(front: &UdpSocket, back: &UdpSocket, log: &Mutex<Vec<Datagram>>, is_over: &AtomicBool) {
    let (mut buffer, mut client) = ([0; 1500], None::<SocketAddr>);
    let note = |to_peer, bytes: &[u8]| log.lock().unwrap().push(Datagram { to_peer, bytes: bytes.to_vec() });
    while !is_over.load(Ordering::Relaxed) {
        if let Ok((length, from)) = front.recv_from(&mut buffer) {
            client = Some(from);
            note(true, &buffer[..length]);
            let _ = back.send(&buffer[..length]);
        }
        if let (Ok(length), Some(client)) = (back.recv(&mut buffer), client) {
            note(false, &buffer[..length]);
            let _ = front.send_to(&buffer[..length], client);
        }
    }
}

/// The text's packets as it lays them out, taken apart by hand: params, shift, type, signature, timestamp, payload.
struct Taken {
    params: u8,
    shift: Option<u8>,
    kind: u8,
    signature: Vec<u8>,
    timestamp: u64,
    payload: Vec<u8>,
}

fn take(packet: &[u8]) -> Taken {
    let mut rest = packet;
    let mut next = |n: usize| rest.split_off(..n).unwrap().to_vec();
    let params = next(1)[0];
    let shift = (params & 0x04 != 0).then(|| next(1)[0]);
    let kind = next(1)[0];
    let mut field = |n: usize| {
        next(usize::from(shift.unwrap_or(0)));
        next(n)
    };
    let length = field(2);
    let signature = field(usize::from(u16::from_be_bytes([length[0], length[1]])));
    let timestamp = u64::from_be_bytes(field(8).try_into().unwrap());
    field(0);
    Taken { params, shift, kind, signature, timestamp, payload: rest.to_vec() }
}

/// What must hold of the two packets of a registration, byte for byte.
fn must_be_a_registration(register: &[u8], ok: &[u8], fingerprint: &str) {
    let (register, ok) = (take(register), take(ok));
    assert_eq!((register.params & !0x04, register.kind), (0x02, 2), "fact 8: type 2, to a peer");
    let (length, cert) = register.payload.split_first_chunk::<2>().unwrap();
    assert_eq!(usize::from(u16::from_be_bytes(*length)), cert.len(), "fact 8: [cert length u16][cert]");
    let certificate = Certificate::parse(cert).unwrap();
    assert_eq!(certificate.fingerprint().to_hex(), fingerprint, "fact 7: anybody can read who it is");
    let signed = [&register.timestamp.to_be_bytes()[..], &register.payload].concat();
    let signature: [u8; 64] = register.signature.try_into().unwrap();
    assert!(certificate.verify(&signed, &signature), "fact 18: the client's signature over timestamp and payload");
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    assert!(now.abs_diff(register.timestamp) < 120, "fact 18: Unix seconds");
    assert_eq!(
        (ok.params & !0x04, ok.kind, ok.signature.len(), ok.payload.len()),
        (0x01, 1, 0, 0),
        "fact 9: OK, no payload"
    );
}

fn field(object: &Value, name: &str) -> String {
    object[name].as_str().unwrap_or_else(|| panic!("{object}")).to_owned()
}

fn next_of(following: &Following, kind: &str) -> Value {
    loop {
        let object = following.lines.next(kind);
        if object["type"] == kind {
            return object;
        }
    }
}

#[test]
fn facts_06_to_09_and_18_the_bytes_on_the_wire_are_those_of_the_text() {
    let stage = Stage::new();
    let peer = stage.plain_peer("peer");
    let relay = Relay::before(peer.port);
    let ended = stage.nobody("eve").json(&["lab", "register", "--plain", &relay.place(), "--once"]);
    assert_eq!(ended.code, 0, "{ended:?}");
    let fingerprint = field(&ended.objects()[0], "fingerprint");
    let seen = relay.seen();
    let kinds: Vec<_> = seen.iter().map(|datagram| (datagram.to_peer, datagram.bytes[1])).collect();
    assert_eq!(kinds, [(true, 2), (false, 1), (false, 0x13), (true, 0x14), (false, 1)]);
    must_be_a_registration(&seen[0].bytes, &seen[1].bytes, &fingerprint);
    assert_eq!((seen[0].bytes.len(), seen[1].bytes.len()), (78 + 195, 12));
    assert_eq!(seen[1].bytes[..4], [0x01, 0x01, 0, 0]);
    assert_eq!((peer.count("/plain/users"), peer.count("/plain/registrations")), (1, 1));
    assert_eq!(peer.count("/clients/users"), 0);
    // What the program shows of the packets is what stood on the wire.
    let shown: Vec<_> = ended.objects().into_iter().filter(|object| object["type"] == "packet").collect();
    let on_wire: Vec<_> = seen.iter().map(|datagram| data_encoding::HEXLOWER.encode(&datagram.bytes)).collect();
    assert_eq!(shown.iter().map(|packet| field(packet, "hex")).collect::<Vec<_>>(), on_wire);
}

#[test]
fn fact_11_a_keepalive_on_the_wire_has_no_payload_and_no_answer() {
    let stage = Stage::new();
    let peer = stage.plain_peer("peer");
    let relay = Relay::before(peer.port);
    let arguments = ["lab", "register", "--plain", &relay.place(), "--keepalive", "100ms"];
    let following = stage.nobody("eve").follow(&arguments);
    next_of(&following, "proven");
    until("three keepalives", || peer.count("/plain/keepalives") >= 3);
    drop(following);
    let seen = relay.seen();
    let keepalives: Vec<usize> = (5..seen.len()).take_while(|&n| seen[n].bytes[1] == 0).collect();
    assert!(keepalives.len() >= 3, "{seen:?}");
    for n in keepalives {
        assert_eq!(seen[n], Datagram { to_peer: true, bytes: vec![0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0] });
    }
}

#[test]
fn fact_19_the_same_with_shifts() {
    let stage = Stage::new();
    let peer = stage.plain_peer("peer");
    let relay = Relay::before(peer.port);
    let arguments = ["lab", "register", "--plain", &relay.place(), "--shifts", "--keepalive", "100ms"];
    let following = stage.nobody("eve").follow(&arguments);
    let fingerprint = field(&next_of(&following, "begun"), "fingerprint");
    next_of(&following, "proven");
    until("a keepalive", || peer.count("/plain/keepalives") >= 1);
    drop(following);
    let seen = relay.seen();
    assert!(seen.iter().all(|datagram| datagram.bytes[0] & 0x04 != 0), "{seen:?}");
    must_be_a_registration(&seen[0].bytes, &seen[1].bytes, &fingerprint);
    let (register, keepalive) = (take(&seen[0].bytes), take(&seen[5].bytes));
    let shift = usize::from(register.shift.unwrap());
    assert_eq!(seen[0].bytes.len(), 79 + 195 + 4 * shift);
    assert_eq!((keepalive.kind, keepalive.signature.len(), keepalive.timestamp, keepalive.payload.len()), (0, 0, 0, 0));
}

#[test]
fn fact_10_at_a_silent_port_it_registers_three_times_and_the_verdict_is_peer_unavailable() {
    let stage = Stage::new();
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    silent.set_read_timeout(Some(PATIENCE)).unwrap();
    let place = silent.local_addr().unwrap().to_string();
    let ended = stage.nobody("eve").json(&["lab", "register", "--plain", &place, "--wait", "100ms"]);
    assert_eq!((ended.code, ended.error().as_str()), (5, "peer_unavailable"));
    let (mut buffer, mut timestamps) = ([0; 1500], vec![]);
    silent.set_nonblocking(true).unwrap();
    while let Ok(length) = silent.recv(&mut buffer) {
        assert_eq!(buffer[1], 2);
        timestamps.push(take(&buffer[..length]).timestamp);
    }
    assert_eq!(timestamps.len(), 3);
    assert!(timestamps.is_sorted_by(|a, b| a < b), "each try is a new statement: {timestamps:?}");
    assert!(ended.objects().iter().any(|object| object["type"] == "unavailable"));
}

#[test]
fn fact_10_a_peer_that_comes_back_is_found_again() {
    let stage = Stage::new();
    let mut peer = stage.plain_peer("peer");
    let place = format!("127.0.0.1:{}", peer.port);
    let arguments = ["lab", "register", "--plain", &place, "--keepalive", "100ms", "--wait", "200ms"];
    let following = stage.nobody("eve").follow(&arguments);
    next_of(&following, "proven");
    peer.kill();
    next_of(&following, "unavailable");
    peer.start();
    next_of(&following, "proven");
    assert_eq!(peer.count("/plain/users"), 1);
}

#[test]
fn t40_a_peer_without_the_profile_is_silent_to_bare_packets() {
    let stage = Stage::new();
    let peer = stage.peer("peer");
    let relay = Relay::before(peer.port);
    let arguments = ["lab", "register", "--plain", &relay.place(), "--once", "--wait", "150ms"];
    let ended = stage.nobody("eve").json(&arguments);
    assert_eq!((ended.code, ended.error().as_str()), (5, "peer_unavailable"));
    let seen = relay.seen();
    assert_eq!((seen.len(), seen.iter().filter(|datagram| !datagram.to_peer).count()), (3, 0));
    assert!(peer.status()["plain"].is_null());
    assert_eq!(peer.count("/drops/unrecognised"), 3);
}

#[test]
fn the_identity_is_made_for_the_occasion_unless_one_insists_on_ones_own() {
    let stage = Stage::new();
    let peer = stage.plain_peer("peer");
    let alice = stage.person("alice", &peer);
    let me = field(&alice.ok(&["id", "show"]), "fingerprint");
    let place = format!("127.0.0.1:{}", peer.port);
    let first = ["lab", "register", "--plain", &place, "--once"];
    let of = |arguments: &[&str]| {
        let ended = alice.json(arguments);
        assert_eq!(ended.code, 0, "{ended:?}");
        field(&ended.objects()[0], "fingerprint")
    };
    let (one, two) = (of(&first), of(&first));
    assert!(one != me && two != me && one != two);
    let locked = alice.json(&[&first[..], &["--as-me"]].concat());
    assert_eq!((locked.code, locked.error().as_str()), (4, "profile_locked"), "the engine has the profile");
    alice.plain(&["engine", "stop"]);
    assert_eq!(of(&[&first[..], &["--as-me"]].concat()), me);
    // Nothing of it touches what alice is on the sealed link.
    alice.ok(&["status"]);
    until("alice on the sealed link", || peer.count("/clients/online") == 1);
    assert_eq!(peer.count("/plain/users"), 3);
}

#[test]
fn a_client_in_python_that_knows_the_spec_alone_registers_with_and_without_shifts() {
    let Some(python) = python_with_libraries() else {
        return pirushka_tests::skipped(
            "the plain client without our code",
            "no Python 3 with `cryptography` can be had",
        );
    };
    let stage = Stage::new();
    let peer = stage.plain_peer("peer");
    for (n, shifts) in [&[][..], &["--shifts", "0"], &["--shifts", "7"], &["--shifts", "200"]].into_iter().enumerate() {
        let port = peer.port.to_string();
        let mut command = Command::new(&python);
        command.arg(spec().join("plain_client.py")).args(["127.0.0.1", &port]).args(shifts);
        let output = command.output().unwrap();
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{shifts:?}: {out}{err}");
        assert_eq!(
            out.lines().map(|line| line.split(' ').next().unwrap()).collect::<Vec<_>>(),
            ["ok", "proven", "keepalive"]
        );
        assert_eq!(peer.count("/plain/users"), n as u64 + 1);
    }
    assert_eq!(peer.count("/plain/keepalives"), 4);
}
