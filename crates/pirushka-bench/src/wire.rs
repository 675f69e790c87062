//! What goes over the wire, counted in simulation: both directions, UDP payloads, IP and UDP headers (28 bytes) added.

use pirushka_sim::{Person, World};
use pirushka_wire::time::{DAY, HOUR, SECOND};

use crate::Figure;

const HEADERS: u64 = 28;
const TEXTS: u64 = 20;

pub(crate) fn figures() -> Vec<Figure> {
    let mut world = World::new(1, false);
    world.add_peer(Default::default());
    world.add_peer(Default::default());
    let alice = Person::add(&mut world, "alice", 0);
    let bob = Person::add(&mut world, "bob", 1);
    world.run_for(5 * SECOND);
    world.meet(alice, bob);
    // Long enough for first receipts, for the search of the keepalive, and for sessions to close.
    world.run_for(HOUR);
    let bytes = |world: &World<Person>| {
        let stats = world.net.stats();
        stats.bytes_sent + HEADERS * stats.sent
    };
    let before = bytes(&world);
    let ids: Vec<_> = (0..TEXTS)
        .map(|_| {
            let id = world.say(alice, bob, 100);
            world.run_for(SECOND);
            id
        })
        .collect();
    assert!(world.wait_delivered(alice, &ids, 5 * SECOND), "the texts are delivered");
    let per_text = (bytes(&world) - before) as f64 / TEXTS as f64;
    world.run_for(HOUR);
    let before = bytes(&world);
    world.run_for(DAY);
    let per_day = (bytes(&world) - before) as f64 / 2.0;
    vec![
        Figure::of_one("text of 100 characters with all acknowledgements, on the wire", "bytes", per_text, None),
        Figure::of_one("a person idle for a day, on the wire", "KiB", per_day / 1024.0, None),
    ]
}
