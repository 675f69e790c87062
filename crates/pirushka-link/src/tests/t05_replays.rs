//! T5: every sealed packet replayed 1000 times, and 5000 packets late.

use super::*;
use crate::Class;

#[test]
fn every_sealed_packet_replayed_a_thousand_times_is_refused_every_time() {
    let mut pair = Pair::established();
    pair.client.request(pair.now, &register(), Class::Control);
    pair.run(SECOND);
    (0..5).for_each(|i| pair.push(i));
    for _ in 0..5 {
        pair.client.request(pair.now, &put(200), Class::Control);
        pair.run(SECOND);
    }
    let (answers, pushes) = (pair.answers(), pair.pushes());
    let sealed_from = pair.seen.iter().filter(|d| d.to == at(PEER)).count();
    assert!(sealed_from > 5);
    for datagram in pair.seen.clone() {
        for _ in 0..1000 {
            pair.deliver(datagram.clone());
        }
    }
    assert!(pair.drops.iter().all(|d| {
        matches!(d, Drop::Replayed | Drop::Unexpected | Drop::CookieUsed | Drop::Unrecognised | Drop::TooShort)
    }));
    assert_eq!((pair.answers(), pair.pushes(), pair.peer.session_count()), (answers, pushes, 1));
    assert_eq!(pair.peer.remote(pair.session()), Some(at(HOME)));
}

#[test]
fn a_packet_that_comes_five_thousand_packets_late_is_refused() {
    let mut pair = Pair::established();
    pair.client.request(pair.now, &poll(), Class::Control);
    let late = pair.take_client_output();
    for _ in 0..5_000 {
        pair.client.request(pair.now, &Frame::ListEnd { request: RequestId(0) }, Class::Control);
        pair.flush();
    }
    pair.latency_us = 0;
    pair.run(SECOND);
    pair.drops.clear();
    late.into_iter().for_each(|datagram| pair.deliver(datagram));
    assert_eq!(pair.drops, vec![Drop::Replayed]);
}

#[test]
fn packets_within_the_window_may_overtake_each_other() {
    let mut pair = Pair::established();
    pair.drops.clear();
    let mut packets = vec![];
    for _ in 0..200 {
        pair.client.request(pair.now, &Frame::ListEnd { request: RequestId(0) }, Class::Control);
        packets.extend(pair.take_client_output());
    }
    packets.into_iter().rev().for_each(|datagram| pair.deliver(datagram));
    pair.run(SECOND);
    assert_eq!((pair.drops.len(), pair.answers()), (0, 200));
}
