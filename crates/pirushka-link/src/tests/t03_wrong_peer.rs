//! T3: the wrong PeerId, or DNS that leads elsewhere: no session, and not a word.

use super::*;
use crate::LostReason;
use pirushka_wire::time::MINUTE;

#[test]
fn a_client_that_holds_another_peer_id_gets_no_answer_and_no_session() {
    for veil in [true, false] {
        let client = ClientLinkConfig { veil, ..ClientLinkConfig::default() };
        let peer = PeerLinkConfig { veiled: veil, ..PeerLinkConfig::default() };
        let mut pair = Pair::with_peer_id(client, peer, PeerKey::generate([66; 32]).peer_id());
        pair.client.connect(pair.now, at(PEER));
        pair.run(MINUTE);
        assert_eq!(pair.events, [ClientLinkEvent::Quiet, ClientLinkEvent::Lost { reason: LostReason::Unreachable }]);
        assert_eq!(pair.peer.counters().packets_out, 0);
        assert_eq!(pair.peer.session_count(), 0);
    }
}

#[test]
fn an_impostor_that_knows_the_peer_id_but_not_its_key_cannot_complete_a_handshake() {
    let mut pair = Pair::new();
    pair.client.connect(pair.now, at(PEER));
    // The impostor speaks under its own static key, but with MAC and veil of the real name.
    let mut impostor = crate::peer::tests_support::with_name(key().peer_id(), PeerKey::generate([66; 32]), pair.now);
    let mut answered = 0;
    for _ in 0..8 {
        for mut hello in pair.take_client_output() {
            let _ = impostor.handle_datagram(pair.now, hello.from, &mut hello.bytes);
        }
        let mut out = vec![];
        while impostor.poll_transmit(pair.now, &mut out).is_some() {
            answered += 1;
            let _ = pair.client.handle_datagram(pair.now, at(PEER), &mut out.clone());
        }
        pair.now.mono_us += SECOND;
    }
    assert!(answered > 0, "the impostor did not even try");
    assert!(!pair.client.is_established());
}
