//! Stories: what people live through, told in simulation with the real cores. Virtual time, one seed each.

mod attacks;
mod backup;
mod bad_days;
mod contacts;
mod crashes;
mod facts;
mod holding;
mod homes;
mod hostile;
mod meeting;
mod network;
mod raw;
mod seeds;
mod strangers;
mod vanishing;

use pirushka_peer_core::PeerConfig;
use pirushka_sim::{Person, World};
use pirushka_wire::time::{MINUTE, SECOND};

/// Alice is served by peer 1, bob by peer 2; they are contacts.
struct Town {
    world: World<Person>,
    alice: usize,
    bob: usize,
}

/// The number of a peer in the world.
const PEER_1: usize = 0;
const PEER_2: usize = 1;

impl Town {
    /// Both know each other, and every first thing (receipts, commits, tickets) has been said.
    fn new(seed: u64) -> Self {
        Self::with(seed, PeerConfig::default())
    }

    fn with(seed: u64, peers: PeerConfig) -> Self {
        let mut town = Self::strangers(seed, peers);
        town.world.meet(town.alice, town.bob);
        town.world.run_for(10 * SECOND);
        town
    }

    /// Both are online and have never heard of each other.
    fn strangers(seed: u64, peers: PeerConfig) -> Self {
        let mut world = World::new(seed, trace());
        world.add_peer(peers.clone());
        world.add_peer(peers);
        let alice = Person::add(&mut world, "alice", PEER_1);
        let bob = Person::add(&mut world, "bob", PEER_2);
        world.run_for(5 * SECOND);
        Self { world, alice, bob }
    }

    fn alice_says(&mut self, texts: usize) -> Vec<pirushka_sim::MessageId> {
        (0..texts).map(|_| self.world.say(self.alice, self.bob, 60)).collect()
    }

    fn bob_says(&mut self, texts: usize) -> Vec<pirushka_sim::MessageId> {
        (0..texts).map(|_| self.world.say(self.bob, self.alice, 60)).collect()
    }

    /// Ends the story: whatever alice said is delivered within the time, and no rule was broken on the way.
    fn ends_with(&mut self, from_alice: &[pirushka_sim::MessageId], within_us: u64) {
        let delivered = self.world.wait_delivered(self.alice, from_alice, within_us);
        self.is_sound();
        let states: Vec<_> = from_alice.iter().map(|id| self.world.state(self.alice, *id)).collect();
        assert!(delivered, "not delivered: {states:?}");
        assert_eq!(self.world.texts(self.bob, self.alice), from_alice.len());
    }

    fn is_sound(&self) {
        assert!(self.world.violations.is_empty(), "{:#?}", self.world.violations);
    }

    fn restart_peer(&mut self, peer: usize) {
        self.world.crash_peer(peer);
        self.world.run_for(SECOND);
        self.world.start_peer(peer);
    }
}

/// Twice the largest retry interval that matters in stories without long absences.
const SOON: u64 = 3 * MINUTE;

/// `PIRUSHKA_TRACE=1` tells each story line by line.
fn trace() -> bool {
    std::env::var_os("PIRUSHKA_TRACE").is_some()
}
