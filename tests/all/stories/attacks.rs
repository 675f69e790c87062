//! Attacks of the design's list that are best made in simulation.

use pirushka_netsim::LinkConfig;
use pirushka_wire::time::{MINUTE, SECOND};

use super::{PEER_1, PEER_2, Town};

#[test]
fn t25_a_path_that_drops_reorders_duplicates_and_delays_only_delays() {
    let mut town = Town::new(61);
    let hostile = LinkConfig {
        latency_us: 200_000,
        jitter_us: 200_000,
        loss: 0.25,
        duplicate: 0.5,
        reorder: 0.5,
        ..LinkConfig::default()
    };
    town.world.net.set_link(hostile);
    let back = town.bob_says(20);
    let ids = town.alice_says(20);
    town.ends_with(&ids, 15 * MINUTE);
    assert!(town.world.wait_delivered(town.bob, &back, 15 * MINUTE));
    town.is_sound();
}

#[test]
fn t28_peers_restart_in_the_middle_of_a_conversation_without_loss_or_duplicate() {
    let mut town = Town::new(62);
    let (mut ids, mut back) = (vec![], vec![]);
    for turn in 0..12 {
        ids.extend(town.alice_says(2));
        back.extend(town.bob_says(2));
        town.world.run_for(if turn % 2 == 0 { 15_000 } else { 3 * SECOND });
        match turn % 4 {
            0 => town.restart_peer(PEER_1),
            2 => town.restart_peer(PEER_2),
            _ => {}
        }
    }
    town.ends_with(&ids, 30 * MINUTE);
    assert!(town.world.wait_delivered(town.bob, &back, 30 * MINUTE));
    town.is_sound();
}
