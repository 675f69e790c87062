//! T39, the link's part: no constant byte on the wire, sizes and timers spread.

use super::*;
use crate::Class;
use std::collections::BTreeSet;

const SESSIONS: u32 = 400;

#[test]
fn no_position_of_any_packet_has_a_constant_or_a_favourite_byte() {
    let (mut counts, mut sizes) = (vec![[0u32; 256]; 128], BTreeSet::new());
    let mut all = [0u64; 256];
    for i in 0..SESSIONS {
        let mut pair = Pair::new();
        let mut seed = [0; 32];
        seed[..4].copy_from_slice(&i.to_be_bytes());
        pair.client = ClientLink::new(ClientLinkConfig { junk: 0, ..Default::default() }, key().peer_id(), seed);
        seed[4] = 1;
        pair.peer = PeerLink::new(PeerLinkConfig { filter_bits: 10, ..Default::default() }, key(), seed, pair.now);
        pair.connect();
        pair.client.request(pair.now, &poll(), Class::Control);
        pair.run(SECOND);
        for datagram in &pair.seen {
            sizes.insert(datagram.bytes.len());
            datagram.bytes.iter().zip(&mut counts).for_each(|(byte, count)| count[usize::from(*byte)] += 1);
            datagram.bytes.iter().for_each(|byte| all[usize::from(*byte)] += 1);
        }
    }
    // About seven packets per session: a byte value is expected 11 times at each position.
    for (position, count) in counts.iter().take(60).enumerate() {
        let most = count.iter().max().unwrap();
        assert!(*most < 40, "position {position} has a byte {most} times of {}", count.iter().sum::<u32>());
    }
    // Chi-square with 255 degrees of freedom: 400 is beyond 1 in 10^7.
    let total: u64 = all.iter().sum();
    let expected = total as f64 / 256.0;
    let chi: f64 = all.iter().map(|n| (*n as f64 - expected).powi(2) / expected).sum();
    assert!(chi < 400.0, "chi-square {chi}");
    assert!(sizes.len() > 100, "only {} sizes", sizes.len());
}
