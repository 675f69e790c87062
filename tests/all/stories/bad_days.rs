//! Stories of a peer's bad days: it is full, it has to stop, its operator takes something away.

use pirushka_peer_core::{PeerConfig, Stats};
use pirushka_sim::MessageState;
use pirushka_wire::time::{HOUR, MINUTE, SECOND};

use super::{PEER_2, SOON, Town};

impl Town {
    fn stats(&self) -> Stats {
        self.world.peers[PEER_2].peer().map(pirushka_peer_core::Peer::stats).expect("bob's peer runs")
    }

    fn held(&self, ids: &[pirushka_sim::MessageId]) -> usize {
        ids.iter().filter(|id| matches!(self.world.state(self.alice, **id), MessageState::Held { .. })).count()
    }
}

#[test]
fn the_whole_peer_is_full_while_contacts_write_and_nothing_is_lost() {
    let mut town = Town::new(41);
    town.world.kill(town.bob);
    town.world.reload_peer(PEER_2, PeerConfig { ram_bytes: 36 << 10, ..PeerConfig::default() });
    let ids: Vec<_> = (0..60).map(|_| town.world.say(town.alice, town.bob, 900)).collect();
    town.world.run_for(2 * MINUTE);
    let (held, stats) = (town.held(&ids), town.stats());
    assert!((5..32).contains(&held), "{held} held, {stats:?}");
    assert!(stats.refused_full > 0 && stats.bytes_held <= stats.ram_bytes, "{stats:?}");
    town.world.run_for(HOUR);
    assert_eq!(town.held(&ids), held, "what is held stays, however often the rest is offered");
    town.world.wake(town.bob);
    town.ends_with(&ids, HOUR);
}

#[test]
fn a_peer_is_asked_to_stop_while_it_holds_messages_and_alice_keeps_and_offers_again() {
    let mut town = Town::new(42);
    town.world.kill(town.bob);
    let mut ids = town.alice_says(3);
    assert!(town.world.wait_held(town.alice, &ids, 5 * SECOND));
    town.world.drain_peer(PEER_2, 20 * SECOND);
    ids.extend(town.alice_says(4));
    town.world.run_for(10 * SECOND);
    let stats = town.stats();
    assert!(
        stats.draining && stats.messages_held == 3 && stats.refused_draining > 0,
        "nothing new is taken: {stats:?}"
    );
    town.world.run_for(10 * SECOND);
    town.restart_peer(PEER_2);
    town.world.run_for(MINUTE);
    town.world.wake(town.bob);
    town.ends_with(&ids, 30 * MINUTE);
}

#[test]
fn a_stopping_peer_hands_out_what_it_holds_to_whoever_is_there() {
    let mut town = Town::new(43);
    town.world.kill(town.bob);
    let ids = town.alice_says(30);
    assert!(town.world.wait_held(town.alice, &ids, 10 * SECOND));
    town.world.wake(town.bob);
    town.world.run_for(SECOND / 2);
    town.world.drain_peer(PEER_2, 20 * SECOND);
    let is_drained = |world: &pirushka_sim::World<pirushka_sim::Person>| {
        world.peers[PEER_2].peer().is_some_and(pirushka_peer_core::Peer::is_drained)
    };
    assert!(town.world.until(town.world.now_us() + 20 * SECOND, is_drained));
    assert_eq!(town.world.texts(town.bob, town.alice), 30, "before the peer ended");
    town.restart_peer(PEER_2);
    town.ends_with(&ids, SOON);
}

#[test]
fn limits_are_lowered_while_messages_are_held_and_what_is_held_stays() {
    let mut town = Town::new(44);
    town.world.kill(town.bob);
    let mut ids = town.alice_says(10);
    assert!(town.world.wait_held(town.alice, &ids, 5 * SECOND));
    let lower = PeerConfig { queue_messages: 4, user_bytes: 64 << 10, hold_s: 60, ..PeerConfig::default() };
    town.world.reload_peer(PEER_2, lower);
    ids.extend(town.alice_says(5));
    town.world.run_for(10 * MINUTE);
    let stats = town.stats();
    assert!(stats.messages_held >= 10 && stats.expired == 0, "held for as long as alice was told: {stats:?}");
    assert!(stats.refused_full > 0, "the lower limit is in force for what is new: {stats:?}");
    town.world.wake(town.bob);
    town.ends_with(&ids, HOUR);
}
