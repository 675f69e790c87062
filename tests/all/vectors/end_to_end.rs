//! Vectors of what only the two people can read: envelopes, contents, the six digits.

use pirushka_e2e::content::{Expire, Hello, HomesNews, Profile, QueueGrant, Receipts, Text, TicketData};
use pirushka_e2e::sas::{Reaction, SasStep, Verification};
use pirushka_e2e::{Body, Content, envelope, verify};
use pirushka_wire::{Fingerprint, IntroToken, QueueId, QueueSecret, RangeSet};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use serde_json::{Value, json};

use super::{PEER, hex_of};

const QUEUE: QueueId = QueueId([0x0a; 16]);
const SEAL_KEY: [u8; 32] = [0x5e; 32];

pub(super) fn envelopes() -> Vec<Value> {
    let sealed =
        |message: &[u8]| envelope::seal_parts(&QUEUE, &SEAL_KEY, envelope::kind::MLS, message, &mut rng(7)).unwrap();
    let good = [
        ("an empty message", sealed(b"").remove(0)),
        ("the longest part of the smallest envelope", sealed(&[1; 320 - 39]).remove(0)),
        ("one byte more", sealed(&[1; 320 - 38]).remove(0)),
        ("the longest part", sealed(&[1; envelope::PART_MAX]).remove(0)),
        ("the second of two parts", sealed(&[2; envelope::PART_MAX + 1]).remove(1)),
    ];
    let mut flipped = sealed(b"hi").remove(0);
    flipped[100] ^= 1;
    let bad = [
        ("a bit flipped", flipped, QUEUE),
        ("in another queue", sealed(b"hi").remove(0), QueueId([0x0b; 16])),
        ("cut short", sealed(b"hi").remove(0)[..319].to_vec(), QUEUE),
    ];
    let valid = good.map(|(name, bytes)| {
        let part = envelope::open(&QUEUE, &SEAL_KEY, &bytes).unwrap();
        json!({ "name": name, "valid": true, "queue": hex_of(&QUEUE.0), "seal_key": hex_of(&SEAL_KEY),
            "envelope": hex_of(&bytes), "kind": part.kind, "message_id": hex_of(&part.message_id), "n": part.n,
            "i": part.i, "part": hex_of(&part.bytes) })
    });
    let invalid = bad.map(|(name, bytes, queue)| {
        let why = envelope::open(&queue, &SEAL_KEY, &bytes).unwrap_err().to_string();
        json!({ "name": name, "valid": false, "queue": hex_of(&queue.0), "seal_key": hex_of(&SEAL_KEY),
            "envelope": hex_of(&bytes), "error": why })
    });
    [&valid[..], &invalid].concat()
}

/// Each with the CBOR that it is, byte strings as hexadecimal digits.
pub(super) fn contents() -> Vec<Value> {
    let ticket = TicketData { quota_kib: 1024, expiry: 1_800_000_000, mac: [0x0d; 16] };
    let peer = format!("peer.example?k={PEER}").parse().unwrap();
    let grant =
        QueueGrant { peer, queue: QUEUE, secret: QueueSecret([0x0b; 16]), seal_key: SEAL_KEY, ticket: Some(ticket) };
    let grant_json = json!({ "0": ["peer.example", 7117, hex_of(&PEER.0)], "1": hex_of(&QUEUE.0), "2": "0b".repeat(16),
        "3": hex_of(&SEAL_KEY), "4": { "0": 1024, "1": 1_800_000_000, "2": "0d".repeat(16) } });
    let commit = SasStep::Commit { vid: [1; 16], attempt: 1, commitment: [2; 32] };
    let commit_json = json!([1, ["01".repeat(16), 1, "02".repeat(32)]]);
    let hello = Hello {
        card: vec![0xca; 3],
        grant: Some(grant.clone()),
        name: "Алиса".into(),
        sas: Some(commit),
        token: Some(IntroToken([0x10; 16])),
        text: Some("hi".into()),
        more_grants: vec![],
    };
    let second = QueueGrant { queue: QueueId([0x0e; 16]), ticket: None, ..grant.clone() };
    let second_json = json!({ "0": ["peer.example", 7117, hex_of(&PEER.0)], "1": "0e".repeat(16), "2": "0b".repeat(16),
        "3": hex_of(&SEAL_KEY) });
    let two_homes = Hello { sas: None, token: None, text: None, more_grants: vec![second.clone()], ..hello.clone() };
    let news = HomesNews { card: vec![0xca; 3], grants: vec![grant.clone(), second] };
    let bodies = [
        (
            "a text in another script",
            Body::Text(Text { text: "Привет".into(), reply_to: None, expire_s: None }),
            json!({ "0": "Привет" }),
        ),
        (
            "an answer to a text",
            Body::Text(Text { text: "yes".into(), reply_to: Some([8; 16]), expire_s: None }),
            json!({ "0": "yes", "1": "08".repeat(16) }),
        ),
        ("receipts alone", Body::Receipt, Value::Null),
        (
            "hello with everything",
            Body::Hello(Box::new(hello)),
            json!({ "0": "cacaca", "1": grant_json.clone(), "2": "Алиса", "3": commit_json.clone(), "4": "10".repeat(16), "5": "hi" }),
        ),
        (
            "hello of somebody with two home peers",
            Body::Hello(Box::new(two_homes)),
            json!({ "0": "cacaca", "1": grant_json.clone(), "2": "Алиса", "6": [second_json.clone()] }),
        ),
        ("a queue for you", Body::Grant(grant), grant_json.clone()),
        ("a new card", Body::Card(HomesNews { card: vec![0xca; 3], grants: vec![] }), json!({ "0": "cacaca" })),
        ("a new card and its queues", Body::Card(news), json!({ "0": "cacaca", "1": [grant_json, second_json] })),
        ("a step of the six digits", Body::Sas(commit), json!({ "0": commit_json })),
        ("please commit", Body::PleaseCommit, Value::Null),
        ("a new name", Body::Profile(Profile { name: "Alice".into() }), json!({ "0": "Alice" })),
        (
            "a text that disappears",
            Body::Text(Text { text: "psst".into(), reply_to: None, expire_s: Some(3600) }),
            json!({ "0": "psst", "2": 3600 }),
        ),
        (
            "messages stay a week",
            Body::Expire(Expire { after_s: 604_800, version: 3 }),
            json!({ "0": 604_800, "1": 3 }),
        ),
        ("a kind of a later version", Body::Unknown { kind: 999, raw: vec![0xa0] }, json!({})),
    ];
    bodies.into_iter().map(|(name, body, fields)| describe_content(name, body, fields)).collect()
}

fn describe_content(name: &str, body: Body, fields: Value) -> Value {
    let mut delivered = RangeSet::new();
    delivered.insert_range(1, 7);
    delivered.insert(9);
    let receipts = (body == Body::Receipt).then(|| Receipts { delivered, read: RangeSet::new() });
    let receipts_json = receipts.as_ref().map(|_| json!({ "0": [1, 6, 9, 0] }));
    let seq = if body.is_receipted() { 3 } else { 0 };
    let kind = body.kind();
    let content = Content { id: [0x1d; 16], seq, jump: None, time_ms: 1_700_000_000_123, receipts, body };
    let bytes = content.encode().unwrap();
    assert_eq!(Content::decode(&bytes), Ok(content), "{name}");
    json!({ "name": name, "content": hex_of(&bytes), "id": "1d".repeat(16), "seq": seq, "time_ms": 1_700_000_000_123_u64,
        "receipts": receipts_json, "kind": kind, "body": fields })
}

pub(super) fn codes() -> Vec<Value> {
    let (low, high) = (Fingerprint([0x01; 32]), Fingerprint([0xfe; 32]));
    vec![
        six_digits("the smaller fingerprint starts", low, high, 0, 1),
        six_digits("the larger fingerprint starts", high, low, 0, 2),
        six_digits("the third and last attempt", low, high, 2, 3),
        six_digits("a code that begins with a zero", low, high, 0, seed_with_a_leading_zero(low, high)),
        sixty_digits("sixty digits", low, high),
        sixty_digits("sixty digits, the other way round", high, low),
        sixty_digits("sixty digits of two equal fingerprints", low, low),
        json!({ "name": "a QR code: the shower's fingerprint first", "kind": "qr", "a": low.to_hex(), "b": high.to_hex(),
            "text": verify::qr_payload(&low, &high) }),
    ]
}

fn six_digits(name: &str, initiator: Fingerprint, responder: Fingerprint, runs_before: u8, seed: u64) -> Value {
    let rng = &mut ChaCha20Rng::seed_from_u64(seed);
    let mut i = Verification::new(initiator, responder, runs_before);
    let mut r = Verification::new(responder, initiator, runs_before);
    let step_1 = i.start(rng).unwrap();
    let Ok(Reaction::Answer(step_2)) = r.handle(rng, &step_1) else { panic!("{name}: no answer") };
    let Ok(Reaction::OpenAndShow(step_3, code)) = i.handle(rng, &step_2) else { panic!("{name}: no opening") };
    assert_eq!(r.handle(rng, &step_3), Ok(Reaction::Show(code)));
    let SasStep::Commit { vid, attempt, commitment } = step_1 else { panic!("{name}: no commitment") };
    let (SasStep::Answer { nonce: n_r, .. }, SasStep::Open { nonce: n_i, .. }) = (step_2, step_3) else {
        panic!("{name}: other steps")
    };
    json!({ "name": name, "kind": "six digits", "initiator": initiator.to_hex(), "responder": responder.to_hex(),
        "vid": hex_of(&vid), "attempt": attempt, "n_i": hex_of(&n_i), "n_r": hex_of(&n_r),
        "commitment": hex_of(&commitment), "code": code.to_string() })
}

fn seed_with_a_leading_zero(low: Fingerprint, high: Fingerprint) -> u64 {
    let shows_it = |seed: &u64| six_digits("", low, high, 0, *seed)["code"].as_str().unwrap().starts_with('0');
    (1000..).find(shows_it).unwrap()
}

fn sixty_digits(name: &str, a: Fingerprint, b: Fingerprint) -> Value {
    json!({ "name": name, "kind": "sixty digits", "a": a.to_hex(), "b": b.to_hex(), "digits": verify::sixty_digits(&a, &b) })
}

fn rng(seed: u8) -> ChaCha20Rng {
    ChaCha20Rng::from_seed([seed; 32])
}
