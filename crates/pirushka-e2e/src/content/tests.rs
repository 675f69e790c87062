//! Contents come back as they were, and what is not understood is kept.

use pirushka_wire::{IntroToken, PeerAddress, PeerId, QueueId, QueueSecret};
use proptest::prelude::*;

use super::*;
use crate::sas::SasStep;

fn content(body: Body) -> Content {
    Content { id: [5; 16], seq: 7, jump: None, time_ms: 1_800_000_000_123, receipts: None, body }
}

fn grant() -> QueueGrant {
    QueueGrant {
        peer: PeerAddress { host: "peer.example".parse().unwrap(), port: 7117, peer_id: PeerId([1; 32]) },
        queue: QueueId([2; 16]),
        secret: QueueSecret([3; 16]),
        seal_key: [4; 32],
        ticket: Some(TicketData { quota_kib: 1024, expiry: 1_800_000_000, mac: [5; 16] }),
    }
}

fn hello() -> Hello {
    Hello {
        card: vec![1; 400],
        grant: Some(grant()),
        name: "Алиса".into(),
        sas: Some(SasStep::Commit { vid: [1; 16], attempt: 1, commitment: [2; 32] }),
        token: Some(IntroToken([6; 16])),
        text: Some("привет".into()),
        more_grants: vec![],
    }
}

fn every_body() -> Vec<Body> {
    vec![
        Body::Receipt,
        Body::Text(Text { text: "hello".into(), reply_to: None, expire_s: None }),
        Body::Text(Text { text: String::new(), reply_to: Some([9; 16]), expire_s: None }),
        Body::Hello(Box::new(hello())),
        Body::Hello(Box::default()),
        Body::Grant(grant()),
        Body::Grant(QueueGrant { ticket: None, ..grant() }),
        Body::Card(HomesNews { card: vec![1, 2, 3], grants: vec![] }),
        Body::Card(HomesNews { card: vec![1; 500], grants: vec![grant(); 4] }),
        Body::Hello(Box::new(Hello { more_grants: vec![grant(); 3], ..hello() })),
        Body::Sas(SasStep::Answer { vid: [1; 16], nonce: [2; 32] }),
        Body::Sas(SasStep::Open { vid: [1; 16], nonce: [2; 32] }),
        Body::PleaseCommit,
        Body::Profile(Profile { name: "Bob".into() }),
        Body::Unknown { kind: 999, raw: vec![0xff, 0x00] },
    ]
}

#[test]
fn every_kind_comes_back_as_it_was() {
    for body in every_body() {
        let content = content(body);
        assert_eq!(Content::decode(&content.encode().unwrap()).unwrap(), content);
    }
}

#[test]
fn receipts_ride_on_everything_as_ranges() {
    let mut receipts = Receipts::default();
    receipts.delivered.insert_range(1, 1_000_000);
    receipts.delivered.insert(1_000_002);
    receipts.read.insert_range(1, 5);
    let sent = Content { receipts: Some(receipts), ..content(Body::Receipt) };
    let bytes = sent.encode().unwrap();
    assert!(bytes.len() < 70, "{} bytes", bytes.len());
    assert_eq!(Content::decode(&bytes).unwrap(), sent);
}

#[test]
fn of_too_many_ranges_the_highest_are_sent() {
    let delivered: RangeSet = (0..200).map(|n| 2 * n).collect();
    let sent = Content { receipts: Some(Receipts { delivered, read: RangeSet::new() }), ..content(Body::Receipt) };
    let got = Content::decode(&sent.encode().unwrap()).unwrap().receipts.unwrap();
    assert_eq!(got.delivered.range_count(), RECEIPT_RANGES_MAX);
    assert!(got.delivered.contains(398) && !got.delivered.contains(0));
}

#[test]
fn a_kind_of_a_later_version_is_kept_whole() {
    let bytes = content(Body::Unknown { kind: 77, raw: b"\xa1\x00\x01".to_vec() }).encode().unwrap();
    let got = Content::decode(&bytes).unwrap();
    assert_eq!(got.body, Body::Unknown { kind: 77, raw: b"\xa1\x00\x01".to_vec() });
    assert_eq!(got.encode().unwrap(), bytes);
}

#[test]
fn a_field_of_a_later_version_is_skipped() {
    // { 0: "hello", 9: [1, 2] }
    let text = Body::decode(kind::TEXT, b"\xa2\x00\x65hello\x09\x82\x01\x02").unwrap();
    assert_eq!(text, Body::Text(Text { text: "hello".into(), reply_to: None, expire_s: None }));
}

#[test]
fn a_printed_grant_shows_neither_secret_nor_keys() {
    let shown = format!("{:?}", grant());
    assert!(shown.contains("quota_kib: 1024"));
    assert!(["secret", "seal_key", "mac", "[4, 4"].iter().all(|hidden| !shown.contains(hidden)), "{shown}");
}

#[test]
fn a_hello_takes_as_many_grants_as_an_introduction_has_room_for() {
    let far = |n: u8| {
        let host = vec!["x".repeat(60); 4].join(".").parse().unwrap();
        QueueGrant { peer: PeerAddress { host, port: 7117, peer_id: PeerId([n; 32]) }, ..grant() }
    };
    // As long as the CARD of somebody with such peers.
    let mut hello = Hello { card: vec![1; 1000], text: None, ..hello() };
    assert!(hello.set_grants(vec![grant(); 4]));
    assert_eq!(hello.grants().count(), 4);
    assert!(!hello.set_grants((0..4).map(far).collect()));
    assert!((1..4).contains(&hello.grants().count()));
    assert!(hello.set_grants(vec![far(0)]));
}

#[test]
fn more_grants_than_a_card_names_homes_are_refused() {
    let five = Body::Card(HomesNews { card: vec![1], grants: vec![grant(); 5] });
    assert!(content(five).encode().is_err());
    let five = Body::Hello(Box::new(Hello { more_grants: vec![grant(); 4], ..hello() }));
    assert!(content(five).encode().is_err());
}

#[test]
fn limits_hold_when_writing_and_when_reading() {
    let long = Body::Text(Text { text: "x".repeat(TEXT_MAX + 1), reply_to: None, expire_s: None });
    let error = ContentError::TooLong { field: "text", len: TEXT_MAX + 1, max: TEXT_MAX };
    assert_eq!(content(long.clone()).encode(), Err(error));
    assert_eq!(Body::decode(kind::TEXT, &long.encode()).and_then(|body| body.check_limits()), Err(error));
    assert!(content(Body::Text(Text { text: "x".repeat(TEXT_MAX), reply_to: None, expire_s: None })).encode().is_ok());
}

#[test]
fn trailing_bytes_and_missing_fields_are_refused() {
    let mut bytes = content(Body::PleaseCommit).encode().unwrap();
    bytes.push(0);
    assert_eq!(Content::decode(&bytes), Err(ContentError::Malformed));
    assert_eq!(Content::decode(b"\xa0"), Err(ContentError::Malformed));
    assert_eq!(Content::decode(b""), Err(ContentError::Malformed));
}

proptest! {
    #[test]
    fn arbitrary_bytes_are_read_or_refused(kind in 0u16..10, bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Content::decode(&bytes);
        let _ = Body::decode(kind, &bytes);
    }

    #[test]
    fn a_damaged_content_is_read_or_refused(which in 0usize..15, at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut bytes = content(every_body().remove(which)).encode().unwrap();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let _ = Content::decode(&bytes);
    }
}
