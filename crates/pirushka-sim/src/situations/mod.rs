//! Named situations: what a run got into, counted, so that one sees what the seeds reach and what they do not.

mod meetings;

pub(crate) use meetings::Watch;

use std::collections::BTreeMap;

use pirushka_client_core::{Client, Warning};
use pirushka_netsim::LinkConfig;

use crate::peer_node::PeerNode;
use crate::person::Person;
use crate::world::{User, World};

/// What the gate asks for: that seeds with persons get into each of these.
pub const NEEDED: &[&str] = &[
    "a NAT forgets",
    "a NAT forgets with texts on their way",
    "a NAT refuses a packet",
    "a change of homes is refused",
    "a client dies",
    "a client dies after a commit",
    "a client dies before a commit",
    "three things break while a commit waits",
    "a copy of a profile is superseded",
    "a deposit is repeated",
    "a gap is shown",
    "a box is full while its owner is dead",
    "a box is full while its owner roams",
    "a message expires",
    "a peer dies in the middle of an introduction",
    "a peer dies while one of its users is dead",
    "a peer dies while one of its users roams",
    "a peer dies with texts on their way to it",
    "a peer falls into bad hands",
    "a peer is off the network in the middle of an introduction",
    "a peer is off the network for a while",
    "a peer is off the network with texts on their way to it",
    "a peer says full",
    "a push is repeated",
    "a queue is unknown",
    "a stranger knocks and does the work",
    "a text in many chunks",
    "a text is written by somebody whose peers are dead",
    "a text is written to somebody who has moved unheard",
    "a text is written to somebody who is dead",
    "a text is written to somebody who roams",
    "a text is written to somebody whose peers are dead",
    "a text waits through three restarts of the peers at its ends",
    "a ticket brings a queue back",
    "a user is cut off from a peer",
    "a user roams",
    "a writer's peer dies",
    "all peers are dead at once",
    "alters a bundle",
    "alters a message",
    "both add each other at once",
    "both add each other while their peers start again",
    "captured packets are replayed",
    "claims a restart",
    "everybody is dead at once",
    "everybody's machine sleeps for hours",
    "gives a bundle to some only",
    "gives a ticket that is none",
    "gives an old bundle",
    "gives somebody else's bundle",
    "gives somebody else's package",
    "invents what it holds",
    "junk is sent",
    "knows nobody",
    "memory is short and something goes",
    "peer dies",
    "peer dies while it holds messages",
    "peer is asked to end",
    "peer is asked to end while it holds messages",
    "peer starts again",
    "pushes again",
    "pushes to the wrong person or queue",
    "refuses a message",
    "refuses a ticket",
    "says OK and forgets",
    "says that another copy is in use",
    "somebody dies before their introduction is answered",
    "somebody dies while they roam",
    "somebody dies with a commit in the outbox",
    "somebody dies with texts in the outbox",
    "somebody is dead with texts on their way to them",
    "somebody gets one more home",
    "somebody has several homes",
    "somebody is away for days",
    "somebody is away for hours",
    "somebody is cut off before their introduction is answered",
    "somebody is cut off with texts on their way to them",
    "somebody leaves a home",
    "somebody moves",
    "somebody moves away from a dead peer",
    "somebody moves away from a hostile peer",
    "somebody moves while a contact is dead",
    "somebody moves with texts on their way to them",
    "somebody roams before their introduction is answered",
    "somebody roams while their peers are dead",
    "somebody roams with texts on their way to them",
    "somebody dies before a text in many parts is there",
    "somebody is cut off before a text in many parts is there",
    "the six digits are not there yet",
    "two do not meet for a peer's lies",
    "somebody moves while not all know another's homes",
    "withholds an OK",
];

/// Counts named situations.
#[derive(Debug, Default)]
pub(crate) struct Situations(pub(crate) BTreeMap<&'static str, u64>);

impl Situations {
    /// One more of these; an empty name is none.
    pub(crate) fn count(&mut self, name: &'static str) {
        self.add(name, 1);
    }

    pub(crate) fn add(&mut self, name: &'static str, n: u64) {
        if !name.is_empty() {
            *self.0.entry(name).or_default() += n;
        }
    }

    pub(crate) fn weather(&mut self, weather: &LinkConfig) {
        let bad = [
            (weather.loss > 0.15, "more than 15 % loss"),
            (weather.duplicate > 0.1, "more than 10 % duplicates"),
            (weather.corrupt > 0.02, "more than 2 % corruption"),
            (weather.reorder > 0.1, "more than 10 % reordering"),
            (weather.bandwidth_bps.is_some(), "little bandwidth"),
            (weather.latency_us > 300_000, "latency above 300 ms"),
        ];
        bad.into_iter().filter(|(is, _)| *is).for_each(|(_, name)| self.count(name));
    }
}

impl<U: User> World<U> {
    /// What peers and the network say of themselves at the end.
    pub(crate) fn count_peers(&mut self) {
        for node in &self.peers {
            if node.gave_way {
                self.situations.count("memory is short and something goes");
            }
            let Some(stats) = node.peer().map(pirushka_peer_core::Peer::stats) else { continue };
            let reached = [
                (stats.refused_full > 0, "a peer says full"),
                (stats.queues_restored > 0, "a ticket brings a queue back"),
                (stats.refused_unknown > 0, "a queue is unknown"),
                (stats.deposits_repeated > 0, "a deposit is repeated"),
                (stats.pushes_repeated > 0, "a push is repeated"),
                (stats.expired > 0, "a message expires"),
            ];
            reached.into_iter().filter(|(is, _)| *is).for_each(|(_, name)| self.situations.count(name));
        }
        let lost = self.net.stats();
        if lost.filtered > 0 {
            self.situations.count("a NAT refuses a packet");
        }
    }

    /// A peer has just said "full": who is it that does not make room?
    pub(crate) fn count_full(&mut self, peer: usize) {
        let served: Vec<usize> = self.served_by(peer).collect();
        if served.is_empty() {
            return;
        }
        if served.iter().all(|user| self.users[*user].is_dead()) {
            self.situations.count("a box is full while its owner is dead");
        } else if served.iter().all(|user| self.is_away(*user)) {
            self.situations.count("a box is full while its owner roams");
        }
    }

    /// What hostile peers have done.
    pub(crate) fn count_deeds(&mut self) {
        for (name, n) in self.peers.iter().filter_map(PeerNode::hostile).flat_map(|peer| &peer.deeds) {
            self.situations.add(name, *n);
        }
    }
}

impl World<Person> {
    /// What persons say of themselves at the end.
    pub(crate) fn count_persons(&mut self) {
        for person in &self.users {
            for warning in &person.warnings {
                self.situations.count(match warning {
                    Warning::CodeForged(_) => "a code is forged",
                    Warning::Superseded => "a copy of a profile is superseded",
                    Warning::AddingDelayed { .. } => "adding somebody takes a while",
                    Warning::SessionRenewed(_) => "a session is renewed",
                });
            }
            for (reason, n) in person.client().map(Client::refused).into_iter().flatten() {
                self.situations.add(reason, *n);
            }
            if person.client().is_some_and(|client| client.homes().len() > 1) {
                self.situations.count("somebody has several homes");
            }
            if person.gaps() > 0 {
                self.situations.count("a gap is shown");
            }
        }
    }
}
