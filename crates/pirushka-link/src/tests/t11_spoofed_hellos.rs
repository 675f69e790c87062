//! T11: 100 000 HELLOs from spoofed sources, with a right MAC1: state stays constant, a real client still gets in.

use super::*;
use crate::Class;

#[test]
fn a_hundred_thousand_spoofed_hellos_leave_no_state_and_a_real_client_still_registers() {
    let mut pair = Pair::new();
    let config = ClientLinkConfig { junk: 0, ..ClientLinkConfig::default() };
    for flood in 0..100_000u32 {
        let mut seed = [0; 32];
        seed[..4].copy_from_slice(&flood.to_be_bytes());
        // Making a HELLO costs a Diffie-Hellman: a real flooder repeats one of a few under other sources too.
        if flood % 10 == 0 {
            pair.client = ClientLink::new(config.clone(), key().peer_id(), seed);
            pair.client.connect(pair.now, at(PEER));
        } else {
            pair.client.path_changed(pair.now);
        }
        let hello = pair.take_client_output().pop().unwrap();
        let source = format!("10.{}.{}.{}:{}", flood >> 16 & 255, flood >> 8 & 255, flood & 255, 1024 + flood % 60_000);
        pair.inject_to_peer(&source, &hello.bytes);
        if flood % 1000 == 999 {
            assert!(pair.take_peer_output().len() <= 1000);
        }
    }
    assert_eq!(pair.peer.session_count(), 0);
    assert_eq!(pair.peer.state_size(), (0, 0, 0), "timers, used cookies, queued answers");
    pair.client = ClientLink::new(config, key().peer_id(), [200; 32]);
    pair.connect();
    pair.client.request(pair.now, &register(), Class::Control);
    pair.run(SECOND);
    assert_eq!(pair.answers(), 1);
}
