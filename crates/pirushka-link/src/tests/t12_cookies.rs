//! T12: a cookie from another ip, port, epoch, session; and one cookie makes one session.

use super::*;

/// A client that holds a cookie, and the HELLO it would send now.
fn with_cookie() -> (Pair, Vec<u8>) {
    let mut pair = Pair::new();
    let config = ClientLinkConfig { junk: 0, ..ClientLinkConfig::default() };
    pair.client = ClientLink::new(config, key().peer_id(), [1; 32]);
    pair.client.connect(pair.now, at(PEER));
    pair.take_client_output().into_iter().for_each(|d| pair.deliver(d));
    pair.take_peer_output().into_iter().for_each(|d| pair.deliver(d));
    let hello = pair.take_client_output().pop().unwrap().bytes;
    (pair, hello)
}

#[test]
fn a_cookie_from_another_ip_or_port_makes_no_session() {
    for source in ["192.0.2.10:40001", "192.0.2.11:40000"] {
        let (mut pair, hello) = with_cookie();
        pair.inject_to_peer(source, &hello);
        assert_eq!((pair.peer.session_count(), pair.peer.counters().retries), (0, 2));
        // Copied from a source where it was seen before, it is not even answered.
        let (mut pair, hello) = with_cookie();
        pair.inject_to_peer(HOME, &hello);
        pair.take_peer_output();
        pair.inject_to_peer(source, &hello);
        assert_eq!((pair.peer.session_count(), pair.take_peer_output().len()), (1, 0));
        assert_eq!(pair.drops, vec![Drop::SeenElsewhere]);
    }
}

#[test]
fn a_cookie_of_another_epoch_makes_no_session_but_a_new_retry() {
    for (later_s, sessions) in [(0, 1), (60, 1), (180, 0), (100_000, 0)] {
        let (mut pair, hello) = with_cookie();
        pair.now.wall_ms += later_s * 1000;
        pair.now.mono_us += later_s * SECOND;
        pair.inject_to_peer(HOME, &hello);
        assert_eq!(pair.peer.session_count(), sessions, "{later_s} s later");
        assert_eq!(pair.take_peer_output().len(), 1);
    }
}

#[test]
fn a_cookie_given_to_another_session_is_worth_nothing() {
    use crate::cookie::{CookieJar, CookieScope, address_bytes};
    use pirushka_wire::SessionId;
    let (pair, _) = with_cookie();
    let jar = CookieJar::new(&key());
    let (source, other) = (address_bytes(at(HOME)), address_bytes(at(AWAY)));
    let scope = CookieScope { source: &source, client_session: SessionId([1; 8]), noise: &[2; 48] };
    let cookie = jar.bake(pair.now, scope);
    assert!(jar.is_good(pair.now, &cookie, scope));
    assert!(!jar.is_good(pair.now, &cookie, CookieScope { source: &other, ..scope }));
    assert!(!jar.is_good(pair.now, &cookie, CookieScope { client_session: SessionId([2; 8]), ..scope }));
    assert!(!jar.is_good(pair.now, &cookie, CookieScope { noise: &[3; 48], ..scope }));
    let node_behind_the_same_name = CookieJar::new(&key());
    assert!(node_behind_the_same_name.is_good(pair.now, &cookie, scope));
    assert!(!CookieJar::new(&PeerKey::generate([66; 32])).is_good(pair.now, &cookie, scope));
}

#[test]
fn one_cookie_makes_one_session_and_repeats_its_ack_until_the_first_sealed_packet() {
    let (mut pair, hello) = with_cookie();
    let mut acks = vec![];
    for _ in 0..10 {
        pair.inject_to_peer(HOME, &hello);
        acks.extend(pair.take_peer_output());
    }
    assert_eq!((pair.peer.session_count(), acks.len()), (1, 10));
    assert_ne!(acks[0].bytes, acks[1].bytes, "a fresh salt at each send");
    let last = acks.pop().unwrap();
    pair.deliver(last);
    assert!(pair.client.is_established());
    pair.run(SECOND);
    pair.drops.clear();
    pair.inject_to_peer(HOME, &hello);
    assert_eq!(pair.drops, vec![Drop::CookieUsed]);
    assert_eq!((pair.peer.session_count(), pair.take_peer_output().len()), (1, 0));
}

#[test]
fn used_cookies_and_unfinished_sessions_are_forgotten() {
    let (mut pair, hello) = with_cookie();
    pair.inject_to_peer(HOME, &hello);
    pair.take_peer_output();
    pair.client = ClientLink::new(ClientLinkConfig::default(), key().peer_id(), [9; 32]);
    pair.run(121 * SECOND);
    assert_eq!(pair.peer.session_count(), 0);
    pair.run(120 * SECOND);
    pair.connect();
    assert_eq!(pair.peer.state_size().1, 1, "only the cookie that was used last");
}
