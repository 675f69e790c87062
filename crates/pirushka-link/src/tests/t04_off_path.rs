//! T4: somebody off the path forges what a peer would send: OK, PUSH, RESET, RETRY, HELLO_ACK. The forger knows the
//! address (hence MAC1 and veil) and may spoof any source, but has not seen a single packet.

use super::*;
use crate::Class;
use crate::mac1::MacKey;
use crate::sealed::{Header, SealKey};
use crate::veil::Veil;
use pirushka_wire::handshake::{HelloAck, Retry};
use pirushka_wire::root::kind;
use pirushka_wire::{Params, RangeSet, Ranges, Reader, Root, SessionId, Signature};

fn veiled(kind: u8, signature: Signature<'_>, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![];
    Root { params: Params::FROM_PEER, kind, signature, timestamp: 0, payload }.encode(&mut packet);
    if kind == kind::RETRY {
        MacKey::new(key().peer_id()).sign_retry(&mut packet, &[0; 16]);
    }
    let mut out = vec![];
    Veil::new(key().peer_id(), true).write_handshake(&packet, [5; 8], &mut out);
    out
}

fn sealed(receiver: SessionId, frame: &Frame<'_>) -> Vec<u8> {
    let (mut frames, mut out) = (vec![], vec![]);
    frame.encode(&mut frames);
    let header = Header { params: Params::FROM_PEER, number: 1_000, receiver };
    SealKey::new([6; 32]).seal(&Veil::new(key().peer_id(), true), header, &frames, 416, &mut out);
    out
}

#[test]
fn forged_ok_push_and_close_change_nothing() {
    let mut pair = Pair::established();
    let request = pair.client.request(pair.now, &put(100), Class::Control);
    pair.take_client_output();
    let mut list = vec![];
    [u64::from(request.0)].into_iter().collect::<RangeSet>().encode(&mut list);
    let requests = Ranges::decode(&mut Reader::new(&list)).unwrap();
    // Even with the session id, which it cannot know.
    let receiver = pair.client_session_id();
    for frame in [Frame::Ok { requests }, push(1), Frame::Close, Frame::Superseded] {
        for receiver in [receiver, SessionId([0; 8])] {
            let forged = sealed(receiver, &frame);
            let refused = pair.client.handle_datagram(pair.now, at(PEER), &mut forged.clone());
            assert!(matches!(refused, Err(Drop::BadTag | Drop::UnknownSession)), "{refused:?}");
            assert_eq!(pair.client.handle_datagram(pair.now, at(MALLORY), &mut forged.clone()), Err(Drop::WrongSource));
        }
    }
    assert!(pair.client.is_established());
    assert_eq!((pair.answers(), pair.pushes(), pair.client.in_flight()), (0, 0, 1));
    pair.run(5 * SECOND);
    assert_eq!(pair.answers(), 1);
}

#[test]
fn a_forged_reset_does_not_end_a_session_even_with_its_id() {
    let mut pair = Pair::established();
    let session = pair.client.welcome().unwrap().peer_session;
    for id in [session, SessionId([1; 8])] {
        let mut payload = id.0.to_vec();
        payload.extend([7; 16]);
        let mut forged = veiled(kind::RESET, Signature::Absent, &payload);
        assert_eq!(pair.client.handle_datagram(pair.now, at(PEER), &mut forged), Err(Drop::BadReset));
    }
    assert!(pair.client.is_established());
}

#[test]
fn forged_retry_and_hello_ack_do_not_disturb_a_handshake() {
    let mut pair = Pair::new();
    pair.client.connect(pair.now, at(PEER));
    pair.flush();
    let client_session = pair.client_session_id();
    for client_session in [client_session, SessionId([1; 8])] {
        let (mut retry, mut ack) = (vec![], vec![]);
        Retry { client_session, cookie: &[1; 24] }.encode(&mut retry);
        HelloAck { client_session, noise: &[2; 116] }.encode(&mut ack);
        for mut forged in
            [veiled(kind::RETRY, Signature::Tag(&[0; 16]), &retry), veiled(kind::HELLO_ACK, Signature::Absent, &ack)]
        {
            let refused = pair.client.handle_datagram(pair.now, at(PEER), &mut forged);
            assert!(matches!(refused, Err(Drop::BadMac | Drop::BadNoise | Drop::Unexpected)), "{refused:?}");
        }
    }
    pair.run(SECOND);
    assert!(pair.client.is_established());
}
