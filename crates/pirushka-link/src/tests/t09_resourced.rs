//! T9: an authentic packet re-sourced: no PUSH before PATH_RESPONSE, no more bytes than came, and roaming still works.

use super::*;
use crate::Class;

fn registered() -> Pair {
    let mut pair = Pair::established();
    pair.client.request(pair.now, &register(), Class::Control);
    pair.run(SECOND);
    pair
}

#[test]
fn whoever_copies_a_packet_to_another_address_gets_no_push_and_no_more_bytes_than_it_sent() {
    let mut pair = registered();
    pair.client.request(pair.now, &poll(), Class::Control);
    let stolen = pair.take_client_output().pop().unwrap();
    pair.inject_to_peer(MALLORY, &stolen.bytes);
    (0..20).for_each(|i| pair.push(i));
    assert!(!pair.peer.can_push(pair.now, pair.session()));
    // The client is not told: it never hears that anything happened, and answers the challenge that it does get.
    pair.run(300 * MS);
    let to_mallory: usize = pair.elsewhere.iter().filter(|d| d.to == at(MALLORY)).map(|d| d.bytes.len()).sum();
    assert!(to_mallory > 0 && to_mallory <= stolen.bytes.len(), "{to_mallory} of {}", stolen.bytes.len());
    pair.run(10 * SECOND);
    assert_eq!(pair.peer.remote(pair.session()), Some(at(HOME)));
    assert!(pair.peer.can_push(pair.now, pair.session()));
    assert_eq!(pair.pushes(), 20);
    let after: usize = pair.elsewhere.iter().filter(|d| d.to == at(MALLORY)).map(|d| d.bytes.len()).sum();
    assert!(after <= stolen.bytes.len());
}

#[test]
fn an_old_packet_from_a_new_address_does_not_even_raise_the_question() {
    let mut pair = registered();
    pair.client.request(pair.now, &poll(), Class::Control);
    let held_back = pair.take_client_output().pop().unwrap();
    pair.client.request(pair.now, &poll(), Class::Control);
    pair.run(SECOND);
    pair.inject_to_peer(MALLORY, &held_back.bytes);
    assert!(pair.peer.can_push(pair.now, pair.session()));
    assert_eq!(pair.peer.counters().challenges, 0);
}

#[test]
fn a_client_that_roams_keeps_its_session_and_gets_its_pushes_at_the_new_address() {
    let mut pair = registered();
    pair.client_addr = at(AWAY);
    pair.client.path_changed(pair.now);
    pair.run(500 * MS);
    assert_eq!(pair.peer.remote(pair.session()), Some(at(AWAY)));
    assert_eq!(pair.peer_events, vec![PeerLinkEvent::PathValidated { session: pair.session() }]);
    (0..20).for_each(|i| pair.push(i));
    pair.run(SECOND);
    assert_eq!(pair.pushes(), 20);
    assert!(pair.events.iter().any(|e| matches!(e, ClientLinkEvent::Polled { .. })));
}

#[test]
fn roaming_survives_loss() {
    let mut pair = registered();
    pair.loss_permille = 300;
    pair.client.set_keepalive(pair.now, Some(crate::Keepalive { interval_us: 25 * SECOND, poll_every: 4 }));
    for round in 0..10 {
        pair.client_addr = at(if round % 2 == 0 { AWAY } else { HOME });
        pair.client.path_changed(pair.now);
        pair.run(60 * SECOND);
        assert_eq!(pair.peer.remote(pair.session()), Some(pair.client_addr), "round {round}");
        assert!(pair.client.is_established());
    }
}

#[test]
fn a_response_from_another_address_than_the_challenged_one_proves_nothing() {
    let mut pair = registered();
    pair.client.request(pair.now, &poll(), Class::Control);
    let stolen = pair.take_client_output().pop().unwrap();
    pair.inject_to_peer(MALLORY, &stolen.bytes);
    // Mallory forwards its challenge to the client, whose response comes from the client's address.
    let challenges: Vec<_> = pair.take_peer_output().into_iter().filter(|d| d.to == at(MALLORY)).collect();
    assert!(!challenges.is_empty());
    for mut challenge in challenges {
        pair.client.handle_datagram(pair.now, at(PEER), &mut challenge.bytes).unwrap();
    }
    pair.take_client_output().into_iter().for_each(|d| pair.deliver(d));
    assert_eq!(pair.peer.remote(pair.session()), Some(at(HOME)));
    assert!(!pair.peer.can_push(pair.now, pair.session()));
}
