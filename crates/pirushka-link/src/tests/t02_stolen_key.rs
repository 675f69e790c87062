//! T2: a recorded session and the peer's static key, stolen later: the session stays closed.

use super::*;
use crate::noise::{prologue, respond};
use crate::{Class, cookie};
use pirushka_wire::handshake::Hello;
use pirushka_wire::{Params, Root};

#[test]
fn the_static_key_does_not_open_what_was_recorded() {
    let mut pair = Pair::with(
        ClientLinkConfig { veil: false, junk: 0, ..ClientLinkConfig::default() },
        PeerLinkConfig { veiled: false, ..PeerLinkConfig::default() },
    );
    pair.connect();
    pair.client.request(pair.now, &register(), Class::Control);
    pair.run(SECOND);
    let binding = *pair.peer.binding(pair.session()).unwrap();
    let record = pair.seen.clone();
    // Whoever holds the key can play the peer against the recorded HELLO, but its own ephemeral key is another one.
    let root = Root::decode(&record[2].bytes).unwrap();
    assert_eq!(root.params, Params::TO_PEER);
    let hello = Hello::decode(root.payload).unwrap();
    assert!(hello.cookie.is_some_and(|cookie: &cookie::Cookie| cookie.len() == 24));
    let prologue = prologue(key().peer_id(), hello.version, hello.flags, hello.client_session);
    let secrets = respond(&key(), &prologue, hello.noise, &[], [77; 32], &mut vec![]).unwrap();
    assert_ne!(secrets.binding, binding);
    let sealed = record.iter().rfind(|d| d.to == at(PEER)).unwrap();
    let veil = crate::veil::Veil::new(key().peer_id(), false);
    let mut bytes = sealed.bytes.clone();
    let Ok(crate::veil::Unveiled::Sealed { tag, header, ciphertext }) = veil.unveil(Params::TO_PEER, &mut bytes) else {
        panic!("the last packet is sealed");
    };
    for stolen in [secrets.to_peer, secrets.to_client, *key().to_bytes()] {
        let opened = crate::sealed::OpenKey::new(stolen).open(&header, &tag, &mut ciphertext.to_vec()).is_ok();
        assert!(!opened);
    }
}
