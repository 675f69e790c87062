//! T10: for every unauthenticated packet the answer is no larger than the packet.

use super::*;
use crate::Class;
use proptest::prelude::*;

/// Answers to one datagram from an address that has proven nothing.
fn answers_to(pair: &mut Pair, bytes: &[u8]) -> Vec<Datagram> {
    answers_at(pair, MALLORY, bytes)
}

fn answers_at(pair: &mut Pair, source: &str, bytes: &[u8]) -> Vec<Datagram> {
    pair.take_peer_output();
    pair.inject_to_peer(source, bytes);
    pair.take_peer_output()
}

fn assert_no_larger(answers: &[Datagram], trigger: usize) {
    let to_source: usize = answers.iter().filter(|d| d.to == at(MALLORY)).map(|d| d.bytes.len()).sum();
    assert!(to_source <= trigger, "{to_source} bytes answer {trigger}");
}

#[test]
fn retry_and_hello_ack_are_smaller_than_their_hello() {
    for seed in 0..200u8 {
        let mut pair = Pair::new();
        let config = ClientLinkConfig { junk: 0, ..ClientLinkConfig::default() };
        pair.client = ClientLink::new(config, key().peer_id(), [seed; 32]);
        pair.client_addr = at(MALLORY);
        pair.client.connect(pair.now, at(PEER));
        for _ in 0..2 {
            let hello = pair.take_client_output().pop().unwrap();
            // The same again, twice: a repeated HELLO must not pay off either.
            for _ in 0..2 {
                let answers = answers_to(&mut pair, &hello.bytes);
                assert_eq!(answers.len(), 1);
                assert!(answers[0].bytes.len() < hello.bytes.len());
                let _ = pair.client.handle_datagram(pair.now, at(PEER), &mut answers[0].bytes.clone());
            }
        }
        assert!(pair.client.is_established());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_at_all_get_an_answer_larger_than_themselves(bytes in prop::collection::vec(any::<u8>(), 0..1300)) {
        let mut pair = Pair::new();
        let answers = answers_to(&mut pair, &bytes);
        assert_no_larger(&answers, bytes.len());
    }

    #[test]
    fn sealed_packets_for_unknown_sessions_get_less_than_they_brought(
        size in 1usize..1024, hours in 0u64..60, polls in 1usize..4
    ) {
        let mut pair = Pair::established();
        pair.client.request(pair.now, &put(size), Class::Control);
        (0..polls).for_each(|_| { pair.client.request(pair.now, &poll(), Class::Control); });
        let packets = pair.take_client_output();
        pair.now.wall_ms += hours * 3_600_000;
        pair.peer = PeerLink::new(PeerLinkConfig::default(), key(), [99; 32], pair.now);
        for packet in packets {
            let answers = answers_at(&mut pair, HOME, &packet.bytes);
            prop_assert_eq!(answers.len(), usize::from(hours < 24));
            prop_assert!(answers.iter().all(|d| d.bytes.len() < packet.bytes.len() && d.bytes.len() < 128));
        }
    }

    #[test]
    fn a_resourced_packet_pays_back_no_more_than_it_brought(sizes in prop::collection::vec(1usize..1024, 1..6)) {
        let mut pair = Pair::established();
        let (mut brought, mut got) = (0, 0);
        for size in sizes {
            pair.client.request(pair.now, &put(size), Class::Control);
            pair.client.request(pair.now, &Frame::Lookup { request: RequestId(0), fingerprint: Default::default() }, Class::Control);
            for packet in pair.take_client_output() {
                brought += packet.bytes.len();
                let answers = answers_to(&mut pair, &packet.bytes);
                got += answers.iter().filter(|d| d.to == at(MALLORY)).map(|d| d.bytes.len()).sum::<usize>();
                prop_assert!(got <= brought);
            }
            for _ in 0..8 {
                pair.now.mono_us += SECOND;
                pair.peer.handle_timeout(pair.now);
                got += pair.take_peer_output().iter().filter(|d| d.to == at(MALLORY)).map(|d| d.bytes.len()).sum::<usize>();
                prop_assert!(got <= brought);
            }
        }
    }
}
