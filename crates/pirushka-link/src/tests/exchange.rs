//! What the link does when nobody attacks it.

use super::*;
use crate::{Answer, Class, Keepalive, LostReason};
use pirushka_wire::time::{HOUR, MINUTE};

#[test]
fn a_client_connects_registers_and_is_answered() {
    for veil in [true, false] {
        let mut pair = Pair::with(
            ClientLinkConfig { veil, ..ClientLinkConfig::default() },
            PeerLinkConfig { veiled: veil, ..PeerLinkConfig::default() },
        );
        pair.connect();
        let request = pair.client.request(pair.now, &register(), Class::Control);
        pair.run(SECOND);
        let answer = Answer::Mailbox { incarnation: Incarnation([8; 8]) };
        assert!(pair.events.contains(&ClientLinkEvent::Answered { request, answer }));
        assert_eq!(pair.answers(), 1, "OK and MAILBOX are one answer");
        assert_eq!(pair.client.binding(), pair.peer.binding(pair.session()));
        assert_eq!(pair.client.welcome().unwrap().observed, at(HOME));
        assert_eq!(pair.peer.remote(pair.session()), Some(at(HOME)));
        assert!(pair.peer.can_push(pair.now, pair.session()));
        assert!(pair.client.rtt_us().is_some());
    }
}

#[test]
fn every_request_is_answered_once_and_every_push_arrives_over_a_bad_link() {
    let mut pair = Pair::new();
    pair.loss_permille = 300;
    pair.client.connect(pair.now, at(PEER));
    pair.run(15 * SECOND);
    assert!(pair.client.is_established());
    for _ in 0..200 {
        pair.client.request(pair.now, &put(700), Class::Bulk);
        pair.client.request(pair.now, &poll(), Class::Control);
    }
    pair.run(2 * MINUTE);
    assert_eq!((pair.answers(), pair.client.in_flight()), (400, 0));
}

#[test]
fn nothing_at_the_address_is_unreachable_after_fifteen_seconds() {
    let mut pair = Pair::new();
    pair.loss_permille = 1000;
    pair.client.connect(pair.now, at(PEER));
    pair.run(14 * SECOND);
    assert_eq!(pair.events, vec![ClientLinkEvent::Quiet]);
    pair.run(2 * SECOND);
    assert_eq!(pair.events.last(), Some(&ClientLinkEvent::Lost { reason: LostReason::Unreachable }));
}

#[test]
fn four_seconds_without_an_answer_are_told_once_and_the_next_time_again() {
    let mut pair = Pair::established();
    let told = |pair: &Pair| pair.events.iter().filter(|event| **event == ClientLinkEvent::Quiet).count();
    for silences in 1..=2 {
        pair.loss_permille = 1000;
        pair.client.request(pair.now, &poll(), Class::Control);
        pair.run(3 * SECOND);
        assert_eq!((told(&pair), pair.client.is_quiet(pair.now)), (silences - 1, false));
        pair.run(2 * SECOND);
        assert_eq!((told(&pair), pair.client.is_quiet(pair.now)), (silences, true));
        pair.run(5 * SECOND);
        pair.loss_permille = 0;
        pair.run(10 * SECOND);
        assert_eq!((told(&pair), pair.client.is_quiet(pair.now)), (silences, false), "it was there after all");
        assert_eq!((pair.answers(), pair.client.is_established()), (silences, true));
    }
}

#[test]
fn silence_is_noticed_only_while_something_is_unanswered() {
    let mut pair = Pair::established();
    pair.loss_permille = 1000;
    pair.run(MINUTE);
    assert!(pair.client.is_established());
    pair.client.request(pair.now, &poll(), Class::Control);
    pair.run(19 * SECOND);
    assert!(pair.client.is_established());
    pair.run(2 * SECOND);
    assert_eq!(pair.events.last(), Some(&ClientLinkEvent::Lost { reason: LostReason::Silent }));
    assert_eq!(pair.client.in_flight(), 0);
}

#[test]
fn what_is_cancelled_is_not_repeated_and_the_silence_ends_with_the_first_word_or_the_verdict() {
    for (is_there, ends) in [(true, None), (false, Some(LostReason::Silent))] {
        let mut pair = Pair::established();
        pair.loss_permille = 1000;
        let asked: Vec<_> = (0..3).map(|_| pair.client.request(pair.now, &put(500), Class::Bulk)).collect();
        pair.run(5 * SECOND);
        asked.iter().for_each(|request| pair.client.cancel(*request));
        let sent = pair.seen.len();
        pair.run(5 * SECOND);
        assert_eq!((pair.seen.len(), pair.client.in_flight()), (sent, 0));
        assert!(pair.client.is_quiet(pair.now), "there is still reason to doubt");
        pair.loss_permille = if is_there { 0 } else { 1000 };
        if is_there {
            pair.peer.send(pair.session.unwrap(), &push(1));
        }
        pair.run(30 * SECOND);
        assert!(!pair.client.is_quiet(pair.now));
        let lost = pair.events.iter().find_map(|event| match event {
            ClientLinkEvent::Lost { reason } => Some(*reason),
            _ => None,
        });
        assert_eq!(lost, ends);
    }
}

#[test]
fn later_is_asked_once_and_answered_after_its_delay() {
    let mut pair = Pair::established();
    let sent = pair.seen.len();
    pair.client.request(pair.now, &Frame::Later { request: RequestId(0), delay_s: 45 }, Class::Control);
    pair.run(44 * SECOND);
    assert_eq!((pair.answers(), pair.seen.len() - sent), (0, 1));
    pair.run(2 * SECOND);
    assert_eq!(pair.answers(), 1);
}

#[test]
fn keepalives_come_every_18_to_25_seconds_and_each_fourth_is_answered() {
    let mut pair = Pair::established();
    pair.client.set_keepalive(pair.now, Some(Keepalive { interval_us: 25 * SECOND, poll_every: 4 }));
    let mut times = vec![];
    for _ in 0..3600 {
        let before = pair.seen.iter().filter(|d| d.to == at(PEER)).count();
        pair.run(SECOND);
        let after = pair.seen.iter().filter(|d| d.to == at(PEER)).count();
        if after > before {
            times.push(pair.now.mono_us / SECOND);
        }
    }
    let gaps: Vec<u64> = times.iter().zip(times.iter().skip(1)).map(|(a, b)| b - a).collect();
    assert!(gaps.iter().all(|gap| (17..=26).contains(gap)), "{gaps:?}");
    assert!(gaps.iter().min() != gaps.iter().max());
    let polled = pair.events.iter().filter(|e| matches!(e, ClientLinkEvent::Polled { .. })).count();
    assert_eq!(polled, times.len() / 4);
}

#[test]
fn after_a_change_of_address_a_restart_of_the_peer_is_noticed_at_the_next_keepalive() {
    let mut pair = Pair::established();
    pair.client.set_keepalive(pair.now, Some(Keepalive { interval_us: 25 * SECOND, poll_every: 4 }));
    // The NAT forgets; nobody tells the client.
    pair.client_addr = at(AWAY);
    pair.run(30 * SECOND);
    a_restart_is_noticed_at_the_next_keepalive(pair);

    let mut pair = Pair::established();
    pair.client.set_keepalive(pair.now, Some(Keepalive { interval_us: 25 * SECOND, poll_every: 4 }));
    pair.client_addr = at(AWAY);
    pair.client.path_changed(pair.now);
    pair.run(SECOND);
    a_restart_is_noticed_at_the_next_keepalive(pair);
}

#[test]
fn a_session_whose_answers_went_to_a_new_address_takes_no_more_than_before() {
    let mut pair = Pair::established();
    pair.client.request(pair.now, &poll(), Class::Control);
    pair.run(SECOND);
    assert_eq!(pair.peer.memory_bytes(), PeerLink::SESSION_BYTES);
    pair.client_addr = at(AWAY);
    pair.client.request(pair.now, &poll(), Class::Control);
    pair.run(SECOND);
    assert_eq!(pair.peer.remote(pair.session()), Some(at(AWAY)));
    assert_eq!(pair.peer.memory_bytes(), PeerLink::SESSION_BYTES);
}

fn a_restart_is_noticed_at_the_next_keepalive(mut pair: Pair) {
    assert_eq!(pair.peer.remote(pair.session()), Some(at(AWAY)));
    pair.peer =
        PeerLink::new(PeerLinkConfig { filter_bits: 16, ..PeerLinkConfig::default() }, key(), [9; 32], pair.now);
    pair.events.clear();
    // A keepalive, and as long as it takes to give a question up.
    pair.run(25 * SECOND + 20 * SECOND);
    assert!(pair.events.iter().any(|event| matches!(event, ClientLinkEvent::Lost { .. })), "{:?}", pair.events);
}

#[test]
fn sizes_on_the_wire_are_buckets_with_a_jitter() {
    let mut pair = Pair::established();
    let sent = pair.seen.len();
    for size in [1, 200, 500, 1000] {
        for _ in 0..20 {
            pair.client.request(pair.now, &put(size), Class::Control);
            pair.run(100 * MS);
        }
    }
    for datagram in &pair.seen[sent..] {
        let size = datagram.bytes.len();
        assert!([128, 416, 672, 1184].iter().any(|bucket| (*bucket..bucket + 16).contains(&size)), "{size}");
    }
}

#[test]
fn a_train_is_equally_long_and_can_be_cut_by_the_kernel() {
    let mut pair =
        Pair::with(ClientLinkConfig::default(), PeerLinkConfig { train_max: 8, ..PeerLinkConfig::default() });
    pair.connect();
    (0..20).for_each(|i| pair.push(i));
    let mut out = vec![];
    let transmit = pair.peer.poll_transmit(pair.now, &mut out).unwrap();
    let segment = transmit.segment.unwrap();
    assert!(out.len() % segment == 0 && out.len() / segment == 7, "{} / {segment}", out.len());
    for bytes in out.chunks(segment) {
        pair.deliver(Datagram { from: at(PEER), to: at(HOME), bytes: bytes.to_vec() });
    }
    pair.flush();
    assert_eq!(pair.pushes(), 20);
}

#[test]
fn anonymous_sessions_end_after_three_minutes_and_registered_ones_after_an_hour() {
    for (registered, alive_us, dead_us) in [(false, 170 * SECOND, 15 * SECOND), (true, 59 * MINUTE, 2 * MINUTE)] {
        let mut pair = Pair::established();
        pair.peer.set_registered(pair.session(), registered);
        pair.run(alive_us);
        assert_eq!(pair.peer.session_count(), 1);
        pair.run(dead_us);
        assert_eq!(pair.peer.session_count(), 0);
        let reason = crate::CloseReason::Idle;
        assert_eq!(pair.peer_events.last(), Some(&PeerLinkEvent::Closed { session: pair.session(), reason }));
        assert_eq!(pair.peer.poll_timeout(), None);
    }
}

#[test]
fn a_registered_session_unheard_for_90_seconds_gets_no_push_until_it_is_heard_again() {
    let mut pair = Pair::established();
    pair.peer.set_registered(pair.session(), true);
    pair.run(80 * SECOND);
    assert!(pair.peer.can_push(pair.now, pair.session()));
    pair.run(15 * SECOND);
    assert!(!pair.peer.can_push(pair.now, pair.session()));
    pair.client.request(pair.now, &poll(), Class::Control);
    pair.run(SECOND);
    assert!(pair.peer.can_push(pair.now, pair.session()));
    assert_eq!(pair.peer_events, vec![PeerLinkEvent::Reachable { session: pair.session() }]);
}

#[test]
fn a_session_ends_after_a_day_on_both_sides() {
    let mut pair = Pair::established();
    pair.peer.set_registered(pair.session(), true);
    pair.client.set_keepalive(pair.now, Some(Keepalive { interval_us: 25 * SECOND, poll_every: 4 }));
    pair.run(23 * HOUR);
    assert!(pair.client.is_established());
    pair.run(2 * HOUR);
    assert_eq!(pair.events.last(), Some(&ClientLinkEvent::Lost { reason: LostReason::Expired }));
    assert_eq!(pair.peer.session_count(), 0);
}

#[test]
fn leaving_is_said_in_both_directions() {
    let mut pair = Pair::established();
    pair.client.close(pair.now);
    pair.run(SECOND);
    assert!(!pair.client.is_established());
    assert_eq!(pair.peer.session_count(), 0);

    let mut pair = Pair::established();
    pair.peer.close_with_notice(pair.session());
    pair.run(SECOND);
    assert_eq!(pair.events.last(), Some(&ClientLinkEvent::Lost { reason: LostReason::Closed }));
}

#[test]
fn a_restarted_peer_says_so_and_the_client_connects_again() {
    let mut pair = Pair::established();
    let boot = pair.peer.boot();
    pair.peer = PeerLink::new(PeerLinkConfig::default(), key(), [99; 32], pair.now);
    assert_ne!(pair.peer.boot(), boot);
    pair.client.request(pair.now, &poll(), Class::Control);
    pair.run(SECOND);
    assert_eq!(pair.events.last(), Some(&ClientLinkEvent::Lost { reason: LostReason::Reset }));
    pair.connect();
}

#[test]
fn acknowledgements_travel_as_ranges() {
    let mut pair = Pair::established();
    let sent = pair.seen.len();
    (0..500).for_each(|i| pair.client.acknowledge(Incarnation([8; 8]), DeliveryId(i)));
    pair.run(SECOND);
    assert_eq!(pair.seen.len() - sent, 1);
    assert!(pair.seen.last().unwrap().bytes.len() < 144);
}

#[test]
fn a_frame_that_fits_no_packet_is_refused_and_blocks_nobody() {
    let mut pair = Pair::established();
    let large = registration(&[5; 1300]);
    let refused = pair.client.request(pair.now, &large, Class::Control);
    let asked = pair.client.request(pair.now, &register(), Class::Control);
    pair.run(SECOND);
    let code = pirushka_wire::frame::error_code::TOO_LARGE;
    let answer = Answer::Error { code, retry_after_ms: 0 };
    assert!(pair.events.contains(&ClientLinkEvent::Answered { request: refused, answer }));
    let answer = Answer::Mailbox { incarnation: Incarnation([8; 8]) };
    assert!(pair.events.contains(&ClientLinkEvent::Answered { request: asked, answer }));
}
