//! Any frames a client can send, in any order: nothing panics, and the accounts stay exact.

use pirushka_wire::time::SECOND;
use proptest::prelude::*;

use super::*;

/// A frame of any type. Few different bytes, so that ids meet again.
fn frame() -> impl Strategy<Value = Vec<u8>> {
    let length =
        prop_oneof![Just(0usize), Just(4), Just(20), Just(36), Just(44), Just(46), Just(56), Just(88), 0..160usize];
    (0u8..30, length, prop::collection::vec(prop_oneof![4 => Just(1u8), 1 => Just(0), 1 => 2u8..5], 160)).prop_map(
        |(kind, length, bytes)| {
            let mut frame = vec![kind];
            frame.extend((length as u16).to_be_bytes());
            frame.extend(&bytes[..length]);
            frame
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]
    #[test]
    fn no_frames_in_any_order_panic_or_spoil_the_accounts(packets in prop::collection::vec((prop::collection::vec(frame(), 1..12), 0u64..100), 1..25)) {
        let mut world = World::new(PeerConfig { ram_bytes: 64 << 10, ..PeerConfig::default() });
        let client = world.client();
        world.register(client, &person(1));
        world.queue_set(client, 1);
        for (frames, seconds) in packets {
            world.peer.feed(world.now, &frames.concat());
            world.peer.check();
            world.run(seconds * SECOND);
            world.peer.check();
        }
    }
}
