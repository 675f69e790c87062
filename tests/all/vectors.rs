//! The test vectors of `spec/vectors/`: our code still makes exactly them, still reads them, and so does a reader that
//! uses no code of ours. `PIRUSHKA_WRITE_VECTORS=1` writes them anew after a change of the protocol.

mod end_to_end;
mod link;
mod plain;

use std::path::{Path, PathBuf};
use std::process::Command;

use data_encoding::HEXLOWER;
use pirushka_identity::proofs::{self, TicketClaim};
use pirushka_identity::{Card, Certificate, Identity, IntroPolicy, WorkClaim, intro_id, verify_register};
use pirushka_tests::skipped;
use pirushka_wire::root::kind;
use pirushka_wire::{
    Address, BootId, DeliveryId, Deposit, DepositId, Fingerprint, Frame, Frames, HomeAddress, Incarnation, InstanceId,
    IntroId, IntroToken, InviteSecret, ObjectId, Params, PathData, PeerAddress, PeerId, QueueId, QueueSecret, RangeSet,
    Ranges, Reader, RequestId, Root, Signature, WorkNonce,
};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use serde_json::{Value, json};

const PEER: PeerId = PeerId([0x70; 32]);
const BINDING: [u8; 32] = [0xb1; 32];
const TIME_S: u64 = 1_700_000_000;

#[test]
fn our_code_makes_and_reads_the_vectors_of_the_spec() {
    let files = [
        ("address", "Texts of addresses (packets.md, \"Addresses\")", addresses()),
        ("home", "What users of a peer are given (packets.md, \"Addresses\")", homes()),
        ("root", "Root packets, with and without shifts (packets.md, \"Root\")", roots()),
        ("certificate", "Certificates of users (packets.md, \"Certificate\")", certificates()),
        ("register", "Signed registrations (packets.md, \"What a signature covers\")", registrations()),
        ("plain", "Packets of the plain profile (plain.md)", plain::packets()),
        ("card", "CARDs (end-to-end.md, \"CARD\")", cards()),
        ("frames", "Frames inside a sealed packet (packets.md, \"Frames\")", frames()),
        ("proofs", "Hashes of secrets, and tickets (peer.md)", proofs_of_secrets()),
        ("work", "Proof of work, and ids of introductions (peer.md)", work()),
        ("link", "Datagrams of a handshake and a restart, in order (link.md)", link::datagrams()),
        ("envelope", "Envelopes as a peer holds them (end-to-end.md, \"Envelopes\")", end_to_end::envelopes()),
        (
            "content",
            "Contents, byte strings as hexadecimal digits (end-to-end.md, \"Contents\")",
            end_to_end::contents(),
        ),
        ("sas", "Six digits, sixty digits, QR (end-to-end.md, \"The six digits\")", end_to_end::codes()),
    ];
    for (name, about, vectors) in files {
        let made = json!({ "about": about, "vectors": vectors });
        let path = spec().join("vectors").join(format!("{name}.json"));
        if std::env::var_os("PIRUSHKA_WRITE_VECTORS").is_some() {
            std::fs::write(&path, serde_json::to_string_pretty(&made).unwrap() + "\n").unwrap();
        }
        let kept: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        // Datagrams of the link hold what the code draws at random, and in which order it draws is no matter of protocol.
        assert!(kept == made || name == "link", "{name}.json is not what the code makes");
    }
}

#[test]
fn a_reader_without_our_code_agrees_with_the_vectors() {
    let Some(python) = python_with_libraries() else {
        return skipped("the reader without our code", "no Python 3 with `cryptography` and `blake3` can be had");
    };
    std::fs::write(fresh().join("link.json"), json!({ "vectors": link::datagrams() }).to_string()).unwrap();
    for vectors in [spec().join("vectors"), fresh()] {
        let done = Command::new(&python).arg(spec().join("read_vectors.py")).arg(vectors).output().unwrap();
        let (out, err) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
        assert!(done.status.success(), "{out}{err}");
    }
}

#[test]
fn openssl_prints_our_fingerprint() {
    let pem = target().join("vectors-alice.pem");
    std::fs::write(&pem, person(1).certificate().to_pem()).unwrap();
    let arguments = ["x509", "-noout", "-fingerprint", "-sha256", "-in"];
    let Ok(done) = Command::new("openssl").args(arguments).arg(pem).output() else {
        return skipped("openssl prints our fingerprint", "there is no openssl");
    };
    let printed = String::from_utf8(done.stdout).unwrap();
    let digits = printed.trim().rsplit('=').next().unwrap().replace(':', "").to_lowercase();
    assert_eq!(digits, person(1).fingerprint().to_hex(), "{printed}");
}

fn addresses() -> Vec<Value> {
    let hex = "a4f5".repeat(16);
    let key = PeerId(std::array::from_fn(|i| i as u8)).to_base32();
    let token = "t=aebagbafaydqqcikbmga2dqpca";
    let good = [
        ("a host name, key and token", format!("peer.example/{hex}?k={key}&{token}")),
        ("parameters in the other order", format!("peer.example/{hex}?{token}&k={key}")),
        ("a port of its own", format!("peer.example:99/{hex}?k={key}")),
        ("the default port, spelt out", format!("peer.example:7117/{hex}?k={key}")),
        ("an IPv4 address", format!("192.0.2.1/{hex}?k={key}")),
        ("an IPv6 address with a port", format!("[2001:db8::1]:99/{hex}?k={key}")),
        ("an IPv6 address in a long form", format!("[2001:0db8:0:0::0001]/{hex}?k={key}")),
        ("the seed's form, without a key", format!("myprivate.peer.com/{hex}")),
        ("a link", format!("pirushka://peer.example/{hex}?k={key}")),
        ("capital letters", format!("PIRUSHKA://Peer.Example/{}?k={}", hex.to_uppercase(), key.to_uppercase())),
    ];
    let bad = [
        ("a shortened fingerprint", "peer.example/a4f5".to_owned()),
        ("no fingerprint", format!("peer.example?k={key}")),
        ("a digit that is none", format!("peer.example/{}g", &hex[1..])),
        ("another scheme", format!("https://peer.example/{hex}")),
        ("port 0", format!("peer.example:0/{hex}")),
        ("an IPv4 address that is none", format!("1.2.3.400/{hex}")),
        ("a host that begins with a hyphen", format!("-peer.example/{hex}")),
        ("a key one character short", format!("peer.example/{hex}?k={}", &key[1..])),
        ("a key given twice", format!("peer.example/{hex}?k={key}&k={key}")),
        ("a parameter of no version", format!("peer.example/{hex}?x=1")),
        ("nothing", String::new()),
    ];
    let valid = good.map(|(name, text)| {
        let a: Address = text.parse().unwrap_or_else(|e| panic!("{name}: {e}"));
        json!({ "name": name, "text": text, "valid": true, "canonical": a.to_string(), "host": a.host.as_str(),
            "port": a.port, "fingerprint": a.fingerprint.to_hex(), "peer_id": a.peer_id.map(|k| hex_of(&k.0)),
            "token": a.token.map(|t| hex_of(&t.0)) })
    });
    let invalid = bad.map(|(name, text)| {
        let why = text.parse::<Address>().unwrap_err().to_string();
        json!({ "name": name, "text": text, "valid": false, "error": why })
    });
    [&valid[..], &invalid].concat()
}

fn homes() -> Vec<Value> {
    let key = PeerId(std::array::from_fn(|i| i as u8)).to_base32();
    let secret = "i=aebagbafaydqqcikbmga2dqp";
    let good = [
        ("an open peer", format!("peer.example?k={key}")),
        ("a private peer", format!("peer.example:99?k={key}&{secret}")),
        ("a private peer, as a link, the secret first", format!("pirushka://[2001:db8::1]?{secret}&k={key}")),
    ];
    let bad = [
        ("no key", format!("peer.example?{secret}")),
        ("a secret one character short", format!("peer.example?k={key}&i=ebagbafaydqqcikbmga2dqp")),
        ("a secret of zeros", format!("peer.example?k={key}&i={}", "a".repeat(24))),
        ("a secret given twice", format!("peer.example?k={key}&{secret}&{secret}")),
        ("a person", format!("peer.example/{}?k={key}&{secret}", "a4f5".repeat(16))),
        ("an invite of a person", format!("peer.example?k={key}&t=aebagbafaydqqcikbmga2dqpca")),
    ];
    let valid = good.map(|(name, text)| {
        let home: HomeAddress = text.parse().unwrap_or_else(|e| panic!("{name}: {e}"));
        let fields = json!({ "name": name, "text": text, "valid": true, "canonical": home.to_string(),
            "invite": home.invite.map(|i| hex_of(&i.0)) });
        merged(fields, home_json(&home.peer))
    });
    let invalid = bad.map(|(name, text)| {
        let why = text.parse::<HomeAddress>().unwrap_err().to_string();
        json!({ "name": name, "text": text, "valid": false, "error": why })
    });
    [&valid[..], &invalid].concat()
}

fn work() -> Vec<Value> {
    let parts = [&b"first part"[..], b"second"];
    let (intro, recipient) = (intro_id(&parts), Fingerprint([0xf1; 32]));
    let introduction = WorkClaim::introduction(&BINDING, &recipient, 2, &intro);
    let registration = WorkClaim::registration(&BINDING, &recipient);
    let proof = |name: &str, kind: &str, claim: WorkClaim, nonce: WorkNonce| {
        json!({ "name": name, "kind": kind, "binding": hex_of(&BINDING), "fingerprint": recipient.to_hex(), "parts": 2,
            "intro": hex_of(&intro.0), "nonce": nonce.0, "bits": claim.bits(nonce) })
    };
    let solved = |claim: &WorkClaim, bits| claim.solve(bits, 1, 1 << 30).unwrap();
    vec![
        json!({ "name": "the id of an introduction of two parts", "kind": "intro id", "parts": parts.map(hex_of),
            "intro": hex_of(&intro.0) }),
        proof("an introduction, 20 bits", "intro", introduction, solved(&introduction, 20)),
        proof("an introduction, a nonce by chance", "intro", introduction, WorkNonce(u64::MAX)),
        proof("the nonce 0 proves nothing", "intro", introduction, WorkNonce(0)),
        proof("a registration, 12 bits", "register", registration, solved(&registration, 12)),
    ]
}

fn roots() -> Vec<Value> {
    let (tag, signature) = ([0x77; 16], [0x66; 64]);
    let root =
        |kind, signature, timestamp| Root { params: Params::TO_PEER, kind, signature, timestamp, payload: b"payload" };
    let keepalive = Root { payload: b"", ..root(0, Signature::Absent, 0) };
    let from_peer = Root { params: Params::FROM_PEER, ..root(kind::HELLO_ACK, Signature::Absent, 0) };
    let packets = [
        ("the seed's keepalive: nothing in it", keepalive, None),
        ("no signature, from the peer", from_peer, None),
        ("a tag of 16 bytes and a packet number", root(kind::SEALED, Signature::Tag(&tag), 7), None),
        ("a signature of 64 bytes", root(kind::REGISTER, Signature::Ed25519(&signature), TIME_S), None),
        ("shifts of length 0", root(kind::REGISTER, Signature::Ed25519(&signature), TIME_S), Some(0)),
        ("shifts of 1 byte", root(kind::HELLO, Signature::Tag(&tag), 0), Some(1)),
        ("the longest shifts, 255 bytes", keepalive, Some(255)),
    ];
    let bad: [(&str, Vec<u8>); 6] = [
        ("nothing", vec![]),
        ("a params bit that means nothing", [&[0x08][..], &[0; 20]].concat()),
        ("a signature length that means nothing", [&[0x02, 0x10, 0x00, 0x20][..], &[0; 60]].concat()),
        ("a timestamp cut short", vec![0x02, 0x00, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
        ("shifts that reach beyond the packet", vec![0x06, 9, 0x00, 0, 0, 0, 0]),
        ("more than 1200 bytes", [&[0x02][..], &[0; 1200]].concat()),
    ];
    let valid = packets.map(|(name, root, shift)| {
        let mut bytes = vec![];
        match shift {
            None => root.encode(&mut bytes),
            Some(n) => root.encode_shifted(n, &mut |gap| gap.fill(0x5a), &mut bytes).unwrap(),
        }
        assert_eq!(Root::decode(&bytes), Ok(root), "{name}");
        let signature = match root.signature {
            Signature::Absent => String::new(),
            Signature::Tag(tag) => hex_of(tag),
            Signature::Ed25519(signature) => hex_of(signature),
        };
        json!({ "name": name, "packet": hex_of(&bytes), "valid": true, "direction": root.params.direction(),
            "shift": shift, "type": root.kind, "signature": signature, "timestamp": root.timestamp,
            "payload": hex_of(root.payload) })
    });
    let invalid = bad.map(|(name, bytes)| {
        let why = Root::decode(&bytes).unwrap_err().to_string();
        json!({ "name": name, "packet": hex_of(&bytes), "valid": false, "error": why })
    });
    [&valid[..], &invalid].concat()
}

fn certificates() -> Vec<Value> {
    let der = person(1).certificate().der().to_vec();
    let changed = |at: usize, to: &[u8]| {
        let mut copy = der.clone();
        copy.splice(at..=at, to.iter().copied());
        copy
    };
    let last = der.len() - 1;
    let bad = [
        ("one byte behind it", [&der[..], &[0]].concat()),
        ("one byte missing", der[..last].to_vec()),
        ("a bit of the signature flipped", changed(last, &[der[last] ^ 1])),
        ("a length in a longer form than needed", changed(1, &[0x82, 0x00])),
        ("larger than 1024 bytes", [&der[..], &[0; 1024]].concat()),
    ];
    let valid = [(1, "the person of seed 01"), (2, "the person of seed 02")].map(|(seed, name)| {
        let person = person(seed);
        let certificate = Certificate::parse(person.certificate().der()).unwrap();
        json!({ "name": name, "valid": true, "secret": hex_of(&*person.secret_bytes()), "der": hex_of(certificate.der()),
            "public_key": hex_of(&certificate.public_key()), "fingerprint": certificate.fingerprint().to_hex(),
            "pem": certificate.to_pem() })
    });
    let invalid = bad.map(|(name, der)| {
        let why = Certificate::parse(&der).unwrap_err().to_string();
        json!({ "name": name, "der": hex_of(&der), "valid": false, "error": why })
    });
    [&valid[..], &invalid].concat()
}

fn registrations() -> Vec<Value> {
    let person = person(1);
    let packet = person.register_packet(PEER, &BINDING, TIME_S);
    let mut shifted = vec![];
    Root::decode(&packet).unwrap().encode_shifted(3, &mut |gap| gap.fill(0x5a), &mut shifted).unwrap();
    let mut later = packet.clone();
    later[75] ^= 1;
    let mut foreign = packet[..76].to_vec();
    foreign.extend(195u16.to_be_bytes());
    foreign.extend(self::person(2).certificate().der());
    let cases = [
        ("as it is made", packet.clone(), PEER, BINDING),
        ("with shifts: the signature covers the unshifted form", shifted, PEER, BINDING),
        ("at another peer", packet.clone(), PeerId([0x71; 32]), BINDING),
        ("in another session", packet.clone(), PEER, [0xb2; 32]),
        ("with another time", later, PEER, BINDING),
        ("with somebody else's certificate", foreign, PEER, BINDING),
    ];
    let describe = |(name, packet, peer, binding): (&str, Vec<u8>, PeerId, [u8; 32])| {
        let common =
            json!({ "name": name, "packet": hex_of(&packet), "peer_id": hex_of(&peer.0), "binding": hex_of(&binding) });
        let verdict = match verify_register(&packet, peer, &binding) {
            Ok(certificate) => json!({ "valid": true, "fingerprint": certificate.fingerprint().to_hex() }),
            Err(why) => json!({ "valid": false, "error": why.to_string() }),
        };
        merged(common, verdict)
    };
    cases.map(describe).to_vec()
}

fn cards() -> Vec<Value> {
    let person = person(1);
    let home = |text: &str| -> PeerAddress { format!("{text}?k={PEER}").parse().unwrap() };
    let one = person.sign_card(vec![home("peer.example")], IntroPolicy::Token, 1, TIME_S);
    let four = ["a.example", "192.0.2.1:99", "[2001:db8::1]", "b.example:1"].map(home).to_vec();
    let four = person.sign_card(four, IntroPolicy::Work { bits: 20 }, u64::MAX, u64::MAX);
    let closed = person.sign_card(vec![home("peer.example")], IntroPolicy::Closed, 0, 0);
    let mut damaged = one.encode();
    damaged[300] ^= 1;
    let cases = [
        ("one home peer, invites only", one.encode()),
        ("four home peers, proof of work, the largest numbers", four.encode()),
        ("closed, the smallest numbers", closed.encode()),
        ("a bit flipped behind the certificate", damaged),
        ("one byte behind it", [one.encode(), vec![0]].concat()),
        ("cut short", one.encode()[..200].to_vec()),
    ];
    cases.map(|(name, bytes)| describe_card(name, &bytes)).to_vec()
}

fn describe_card(name: &str, bytes: &[u8]) -> Value {
    let common = json!({ "name": name, "card": hex_of(bytes) });
    let verdict = match Card::decode_verified(bytes, None) {
        Err(why) => json!({ "valid": false, "error": why.to_string() }),
        Ok(card) => {
            assert_eq!(card.encode(), bytes);
            let homes: Vec<Value> = card.homes().iter().map(home_json).collect();
            let policy = match card.intro_policy() {
                IntroPolicy::Closed => 0,
                IntroPolicy::Token => 1,
                IntroPolicy::Work { bits } => bits,
            };
            json!({ "valid": true, "fingerprint": card.fingerprint().to_hex(), "homes": homes, "intro_policy": policy,
                "seq": card.seq(), "not_after_s": card.not_after_s() })
        }
    };
    merged(common, verdict)
}

fn home_json(home: &PeerAddress) -> Value {
    json!({ "host": home.host.as_str(), "port": home.port, "peer_id": hex_of(&home.peer_id.0) })
}

fn frames() -> Vec<Value> {
    let mut set = RangeSet::new();
    set.insert_range(3, 9);
    set.insert(u64::from(u32::MAX));
    let mut listed = vec![];
    set.encode(&mut listed);
    let ranges = Ranges::decode(&mut Reader::new(&listed)).unwrap();
    let ranges_json = json!([[3, 9], [u32::MAX, u32::MAX]]);
    let (request, id) = (RequestId(0x0102_0304), 0x0102_0304);
    let (queue, secret, hash) = (QueueId([0x0a; 16]), QueueSecret([0x0b; 16]), [0x0c; 32]);
    let (fingerprint, mac) = (Fingerprint([0xf1; 32]), [0x0d; 16]);
    let (object, part) = (ObjectId(5), &b"part"[..]);
    let contact = Deposit::Contact { queue, secret, deposit: DepositId([0x0e; 16]), flags: 1, envelope: &[0xee; 320] };
    let intro = Deposit::Intro {
        fingerprint,
        intro: IntroId([0x0f; 16]),
        parts: 8,
        index: 7,
        token: IntroToken([0x10; 16]),
        work: WorkNonce(0x11),
        part,
    };
    let (instance, invite, work) = (InstanceId([9; 16]), InviteSecret([8; 15]), WorkNonce(7));
    let register = Frame::Register { request, instance, invite, work, root: b"root" };
    let (q, f, h, m) = (hex_of(&queue.0), fingerprint.to_hex(), hex_of(&hash), hex_of(&mac));
    let singles = [
        ("KEEPALIVE is a single byte", Frame::Keepalive, json!({ "type": 0 })),
        ("OK with two ranges", Frame::Ok { requests: ranges }, json!({ "type": 1, "requests": ranges_json })),
        (
            "REGISTER",
            register,
            json!({ "type": 2, "request": id, "instance": "09".repeat(16), "invite": "08".repeat(15), "work": 7,
                "root": hex_of(b"root") }),
        ),
        (
            "ERROR",
            Frame::Error { request, code: 2, retry_after_ms: 30_000 },
            json!({ "type": 3, "request": id, "code": 2, "retry_after_ms": 30_000 }),
        ),
        ("POLL", Frame::Poll { request }, json!({ "type": 4, "request": id })),
        (
            "DEPOSIT into a contact queue, bulk",
            Frame::Deposit { request, deposit: contact },
            json!({ "type": 5, "request": id, "kind": 1, "queue": q, "secret": "0b".repeat(16),
                "deposit": "0e".repeat(16), "flags": 1, "envelope": "ee".repeat(320) }),
        ),
        (
            "DEPOSIT of the last part of an introduction",
            Frame::Deposit { request, deposit: intro },
            json!({ "type": 5, "request": id, "kind": 2, "fingerprint": f, "intro": "0f".repeat(16), "parts": 8,
                "index": 7, "token": "10".repeat(16), "work": 0x11, "part": hex_of(part) }),
        ),
        (
            "PUSH",
            Frame::Push { delivery: DeliveryId(6), class: 0, queue, body: part },
            json!({ "type": 6, "delivery": 6, "class": 0, "queue": q, "body": hex_of(part) }),
        ),
        (
            "ACK",
            Frame::Ack { incarnation: Incarnation([1; 8]), deliveries: ranges },
            json!({ "type": 7, "incarnation": "01".repeat(8), "deliveries": ranges_json }),
        ),
        (
            "MAILBOX",
            Frame::Mailbox { request, incarnation: Incarnation([1; 8]) },
            json!({ "type": 8, "request": id, "incarnation": "01".repeat(8) }),
        ),
        (
            "STATUS",
            Frame::Status { request, boot: BootId([2; 8]), messages: 3, bytes: 4096, oldest_s: 60 },
            json!({ "type": 9, "request": id, "boot": "02".repeat(8), "messages": 3, "bytes": 4096, "oldest_s": 60 }),
        ),
        ("LOOKUP", Frame::Lookup { request, fingerprint }, json!({ "type": 10, "request": id, "fingerprint": f })),
        (
            "FETCH",
            Frame::Fetch { request, object, offset: 1024 },
            json!({ "type": 11, "request": id, "object": 5, "offset": 1024 }),
        ),
        (
            "BODY",
            Frame::Body { request, object, offset: 0, total: 4, part },
            json!({ "type": 12, "request": id, "object": 5, "offset": 0, "total": 4, "part": hex_of(part) }),
        ),
        (
            "PUT",
            Frame::Put { request, object, offset: 0, total: 4, kind: 1, part },
            json!({ "type": 13, "request": id, "object": 5, "offset": 0, "total": 4, "kind": 1, "part": hex_of(part) }),
        ),
        (
            "QUEUE_SET with the peer's default quota",
            Frame::QueueSet { request, queue, secret_hash: hash, quota_kib: 0 },
            json!({ "type": 14, "request": id, "queue": q, "secret_hash": h, "quota_kib": 0 }),
        ),
        ("QUEUE_DROP", Frame::QueueDrop { request, queue }, json!({ "type": 15, "request": id, "queue": q })),
        (
            "QUEUE_RESTORE",
            Frame::QueueRestore { request, fingerprint, queue, secret_hash: hash, quota_kib: 64, expiry: TIME_S, mac },
            json!({ "type": 16, "request": id, "fingerprint": f, "queue": q, "secret_hash": h, "quota_kib": 64,
                "expiry": TIME_S, "mac": m }),
        ),
        ("LIST_END", Frame::ListEnd { request }, json!({ "type": 17, "request": id })),
        (
            "TOKEN_SET",
            Frame::TokenSet { request, token_hash: hash, uses: 1, expiry: TIME_S },
            json!({ "type": 18, "request": id, "token_hash": h, "uses": 1, "expiry": TIME_S }),
        ),
        (
            "TOKEN_DROP",
            Frame::TokenDrop { request, token_hash: hash },
            json!({ "type": 19, "request": id, "token_hash": h }),
        ),
        (
            "PATH_CHALLENGE",
            Frame::PathChallenge { data: PathData([3; 8]) },
            json!({ "type": 20, "data": "03".repeat(8) }),
        ),
        (
            "PATH_RESPONSE",
            Frame::PathResponse { data: PathData([3; 8]) },
            json!({ "type": 21, "data": "03".repeat(8) }),
        ),
        ("SUPERSEDED", Frame::Superseded, json!({ "type": 22 })),
        ("CLOSE", Frame::Close, json!({ "type": 23 })),
        ("LATER", Frame::Later { request, delay_s: 60 }, json!({ "type": 24, "request": id, "delay_s": 60 })),
        (
            "TICKET",
            Frame::Ticket { request, quota_kib: 64, expiry: TIME_S, mac },
            json!({ "type": 25, "request": id, "quota_kib": 64, "expiry": TIME_S, "mac": m }),
        ),
        (
            "INTRO_POLICY",
            Frame::IntroPolicy { request, policy: 20 },
            json!({ "type": 26, "request": id, "policy": 20 }),
        ),
    ];
    let mut vectors: Vec<Value> =
        singles.into_iter().map(|(name, frame, fields)| one_frame(name, &frame, fields)).collect();
    vectors.push(several_frames());
    vectors.extend(broken_frames());
    vectors
}

fn one_frame(name: &str, frame: &Frame<'_>, fields: Value) -> Value {
    let mut bytes = vec![];
    frame.encode(&mut bytes);
    let read: Vec<_> = Frames::new(&bytes).collect();
    let expected: &[Frame<'_>] = if *frame == Frame::Keepalive { &[] } else { &[*frame] };
    assert!(read.into_iter().eq(expected.iter().map(|&f| Ok(f))), "{name}");
    json!({ "name": name, "plaintext": hex_of(&bytes), "valid": true, "frames": [fields] })
}

fn several_frames() -> Value {
    let mut bytes = vec![0, 0];
    Frame::Poll { request: RequestId(1) }.encode(&mut bytes);
    bytes.extend([200, 0, 2, 7, 7]);
    Frame::Close.encode(&mut bytes);
    bytes.extend([0; 5]);
    assert!(Frames::new(&bytes).eq([
        Ok(Frame::Poll { request: RequestId(1) }),
        Ok(Frame::Unknown { kind: 200 }),
        Ok(Frame::Close)
    ]));
    json!({ "name": "several frames, an unknown one among them, zeros around them", "plaintext": hex_of(&bytes),
        "valid": true, "frames": [{ "type": 0 }, { "type": 0 }, { "type": 4, "request": 1 }, { "type": 200 }, { "type": 23 },
        { "type": 0 }, { "type": 0 }, { "type": 0 }, { "type": 0 }, { "type": 0 }] })
}

fn broken_frames() -> Vec<Value> {
    let bad: [(&str, &[u8]); 5] = [
        ("a length that reaches beyond the packet", &[4, 0, 9, 0, 0, 0, 1]),
        ("a length cut in two", &[4, 0]),
        ("a body too short for its type", &[4, 0, 3, 0, 0, 1]),
        ("a body too long for its type", &[4, 0, 5, 0, 0, 0, 1, 0]),
        ("more ranges than the body holds", &[1, 0, 1, 2]),
    ];
    let describe = |(name, bytes): (&str, &[u8])| {
        let why = Frames::new(bytes).find_map(Result::err).unwrap().to_string();
        json!({ "name": name, "plaintext": hex_of(bytes), "valid": false, "error": why })
    };
    bad.map(describe).to_vec()
}

fn proofs_of_secrets() -> Vec<Value> {
    let (secret, token, key) = ([0x0b; 16], [0x10; 16], [0x4b; 32]);
    let secret_hash = proofs::queue_secret_hash(&QueueSecret(secret));
    let claim = |quota_kib, expiry| TicketClaim {
        fingerprint: Fingerprint([0xf1; 32]),
        queue: QueueId([0x0a; 16]),
        secret_hash,
        quota_kib,
        expiry,
    };
    let ticket = |name: &str, claim: TicketClaim| {
        let mac = proofs::ticket(&key, &claim);
        assert!(proofs::ticket_holds(&key, &claim, &mac));
        json!({ "name": name, "kind": "ticket", "key": hex_of(&key), "fingerprint": claim.fingerprint.to_hex(),
            "queue": hex_of(&claim.queue.0), "secret_hash": hex_of(&claim.secret_hash), "quota_kib": claim.quota_kib,
            "expiry": claim.expiry, "mac": hex_of(&mac) })
    };
    vec![
        json!({ "name": "the hash of a queue's secret", "kind": "queue secret", "secret": hex_of(&secret), "hash": hex_of(&secret_hash) }),
        json!({ "name": "the hash of a token", "kind": "intro token", "secret": hex_of(&token),
            "hash": hex_of(&proofs::token_hash(&IntroToken(token))) }),
        json!({ "name": "the invite secret of a private peer", "kind": "invite secret", "key": hex_of(&key),
            "generation": 3, "secret": hex_of(&proofs::invite_secret(&key, 3).0) }),
        ticket("a ticket", claim(1024, TIME_S)),
        ticket("a ticket with the smallest numbers", claim(0, 0)),
        ticket("a ticket with the largest numbers", claim(u32::MAX, u64::MAX)),
    ]
}

fn merged(mut a: Value, b: Value) -> Value {
    if let (Value::Object(a), Value::Object(b)) = (&mut a, b) {
        a.extend(b);
    }
    a
}

fn person(seed: u8) -> Identity {
    Identity::generate(&mut ChaCha20Rng::from_seed([seed; 32]))
}

fn hex_of(bytes: &[u8]) -> String {
    HEXLOWER.encode(bytes)
}

fn bytes_of(hex: &str) -> Vec<u8> {
    HEXLOWER.decode(hex.as_bytes()).unwrap()
}

pub(crate) fn spec() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../spec")
}

/// A folder for vectors made now, beside those that are kept.
fn fresh() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("fresh-vectors");
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

fn target() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().to_owned()
}

/// A Python with the two libraries: made once, under `target/`.
pub(crate) fn python_with_libraries() -> Option<PathBuf> {
    let venv = target().join("vectors-venv");
    let python = venv.join("bin/python");
    let run = |program: &Path, arguments: &[&str]| {
        Command::new(program).args(arguments).output().is_ok_and(|done| done.status.success())
    };
    let ready = || run(&python, &["-c", "import cryptography, blake3"]);
    if !ready() {
        let requirements = spec().join("requirements.txt");
        run(Path::new("python3"), &["-m", "venv", venv.to_str()?]);
        run(&python, &["-m", "pip", "install", "-q", "-r", requirements.to_str()?]);
    }
    ready().then_some(python)
}
