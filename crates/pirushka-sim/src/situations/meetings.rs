//! Situations that need two things at once: looked for when a step is about to be done.

use std::collections::{BTreeMap, BTreeSet};

use crate::person::{Person, TextKey};
use crate::plan::{CrashPoint, HomesChange, Step};
use crate::random::SentText;
use crate::world::{User, World};

/// So many make a situation of their own.
const MANY: u32 = 3;
/// A text of so many bytes takes several envelopes.
const LONG: usize = 4_000;

/// What has to be remembered between steps.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    /// Texts that are on their way, with the restarts of peers of their writers and readers since.
    restarts: BTreeMap<TextKey, u32>,
    /// What has broken while a commit of somebody's waits.
    blows: BTreeMap<usize, u32>,
    /// Pairs who add each other, each with the peers that have started again meanwhile.
    mutual: Vec<(usize, usize, BTreeSet<usize>)>,
}

impl Watch {
    /// Two have come by each other's invites and are no contacts yet.
    pub(crate) fn add_each_other(&mut self, a: usize, b: usize) {
        self.mutual.push((a, b, BTreeSet::new()));
    }

    /// The situations that a step makes, if it can be done.
    pub(crate) fn before(&mut self, world: &World<Person>, sent: &[SentText], step: Step) -> Vec<&'static str> {
        let here = Here::of(world, sent);
        let mut names = match step {
            Step::CrashPeer(peer) => here.a_peer_dies(world, peer),
            Step::StartPeer(peer) => self.a_peer_starts(world, &here, peer),
            Step::CrashUser(user, CrashPoint::Idle, _) => here.somebody_dies(world, user),
            // Whether they died is known only now.
            Step::StartUser(user) if here.dead.contains(&user) => here.somebody_was_dead(world, user),
            Step::Cut { user, on: true, .. } => here.somebody_is_cut_off(user),
            Step::PeerOff { peer, on: true } => here.a_peer_is_off(world, peer),
            Step::Rebind(user) => named([(here.awaited.contains(&user), "a NAT forgets with texts on their way")]),
            Step::Roam { user, away: true } => here.somebody_roams(world, user),
            Step::Homes { user, change: HomesChange::Move { from, .. } } => here.somebody_moves(world, user, from),
            Step::Send { from, to, .. } => here.somebody_writes(world, from, to),
            _ => vec![],
        };
        names.extend(self.commits(world, step));
        names
    }

    fn a_peer_starts(&mut self, world: &World<Person>, here: &Here, peer: usize) -> Vec<&'static str> {
        self.restarts.retain(|key, _| here.waiting.contains_key(key));
        let mut often = false;
        for (key, ends) in &here.waiting {
            if ends.iter().any(|user| world.serves(peer, *user)) {
                let restarts = self.restarts.entry(key.clone()).or_default();
                *restarts += 1;
                often |= *restarts == MANY;
            }
        }
        self.mutual.retain(|&(a, b, _)| !world.are_contacts(a, b));
        let mut both = false;
        for (a, b, peers) in &mut self.mutual {
            peers.insert(peer);
            let restarted = |user: usize| peers.iter().any(|peer| world.serves(*peer, user));
            both |= here.adding.contains(a) && here.adding.contains(b) && restarted(*a) && restarted(*b);
        }
        named([
            (often, "a text waits through three restarts of the peers at its ends"),
            (both, "both add each other while their peers start again"),
        ])
    }

    /// Counts what breaks for somebody whose commit waits: their process, their way, a peer.
    fn commits(&mut self, world: &World<Person>, step: Step) -> Option<&'static str> {
        let mut struck = false;
        for user in 0..world.users.len() {
            if world.users[user].waiting().commits == 0 {
                self.blows.remove(&user);
                continue;
            }
            let is_blow = match step {
                Step::CrashPeer(_) | Step::PeerOff { on: true, .. } => true,
                Step::CrashUser(whom, CrashPoint::Idle, _) | Step::Cut { user: whom, on: true, .. } => whom == user,
                _ => false,
            };
            if is_blow {
                let blows = self.blows.entry(user).or_default();
                *blows += 1;
                struck |= *blows == MANY;
            }
        }
        struck.then_some("three things break while a commit waits")
    }
}

/// What stands at a moment.
struct Here {
    /// Texts that are not shown, with writer and reader.
    waiting: BTreeMap<TextKey, [usize; 2]>,
    /// Who waits for one, without knowing it.
    awaited: BTreeSet<usize>,
    /// Whose text waits.
    writing: BTreeSet<usize>,
    /// Who waits for one in many parts.
    long: BTreeSet<usize>,
    dead: BTreeSet<usize>,
    dead_peers: BTreeSet<usize>,
    /// Whose introduction has no answer.
    adding: BTreeSet<usize>,
}

impl Here {
    fn of(world: &World<Person>, sent: &[SentText]) -> Self {
        let number = |name: &str| world.users.iter().position(|user| user.name() == name);
        let on_their_way = sent.iter().filter(|text| !world.shown.contains(&text.key));
        let ends: Vec<_> = on_their_way.filter_map(|text| Some((text, text.from, number(&text.key.1)?))).collect();
        let users = 0..world.users.len();
        Self {
            waiting: ends.iter().map(|(text, from, to)| (text.key.clone(), [*from, *to])).collect(),
            awaited: ends.iter().map(|(_, _, to)| *to).collect(),
            writing: ends.iter().map(|(_, from, _)| *from).collect(),
            long: ends.iter().filter(|(text, _, _)| text.size > LONG).map(|(_, _, to)| *to).collect(),
            dead: users.clone().filter(|user| world.users[*user].is_crashed()).collect(),
            dead_peers: (0..world.peers.len()).filter(|peer| world.peers[*peer].boot().is_none()).collect(),
            adding: users.filter(|user| world.users[*user].waiting().introductions > 0).collect(),
        }
    }

    fn a_peer_dies(&self, world: &World<Person>, peer: usize) -> Vec<&'static str> {
        if self.dead_peers.contains(&peer) {
            return vec![];
        }
        let any = |of: &dyn Fn(usize) -> bool| world.served_by(peer).any(of);
        let others_dead = world.peers.len() > 1 && self.dead_peers.len() + 1 == world.peers.len();
        named([
            (any(&|user| self.awaited.contains(&user)), "a peer dies with texts on their way to it"),
            (any(&|user| self.writing.contains(&user)), "a writer's peer dies"),
            (any(&|user| world.is_away(user)), "a peer dies while one of its users roams"),
            (any(&|user| self.dead.contains(&user)), "a peer dies while one of its users is dead"),
            (!self.adding.is_empty(), "a peer dies in the middle of an introduction"),
            (others_dead, "all peers are dead at once"),
        ])
    }

    fn somebody_dies(&self, world: &World<Person>, user: usize) -> Vec<&'static str> {
        if self.dead.contains(&user) {
            return vec![];
        }
        let others_dead = self.dead.len() + 1 == world.users.len();
        let mut names = self.somebody_was_dead(world, user);
        names.extend(others_dead.then_some("everybody is dead at once"));
        names
    }

    /// What waits, also for somebody who is dead.
    fn somebody_was_dead(&self, world: &World<Person>, user: usize) -> Vec<&'static str> {
        named([
            (self.awaited.contains(&user), "somebody is dead with texts on their way to them"),
            (self.writing.contains(&user), "somebody dies with texts in the outbox"),
            (self.long.contains(&user), "somebody dies before a text in many parts is there"),
            (self.adding.contains(&user), "somebody dies before their introduction is answered"),
            (world.users[user].waiting().commits > 0, "somebody dies with a commit in the outbox"),
            (world.is_away(user), "somebody dies while they roam"),
        ])
    }

    fn somebody_is_cut_off(&self, user: usize) -> Vec<&'static str> {
        named([
            (self.awaited.contains(&user), "somebody is cut off with texts on their way to them"),
            (self.long.contains(&user), "somebody is cut off before a text in many parts is there"),
            (self.adding.contains(&user), "somebody is cut off before their introduction is answered"),
        ])
    }

    fn a_peer_is_off(&self, world: &World<Person>, peer: usize) -> Vec<&'static str> {
        let awaited = world.served_by(peer).any(|user| self.awaited.contains(&user));
        named([
            (awaited, "a peer is off the network with texts on their way to it"),
            (!self.adding.is_empty(), "a peer is off the network in the middle of an introduction"),
        ])
    }

    fn somebody_roams(&self, world: &World<Person>, user: usize) -> Vec<&'static str> {
        named([
            (self.awaited.contains(&user), "somebody roams with texts on their way to them"),
            (self.adding.contains(&user), "somebody roams before their introduction is answered"),
            (self.has_no_peer(world, user), "somebody roams while their peers are dead"),
        ])
    }

    fn somebody_moves(&self, world: &World<Person>, user: usize, from: Option<usize>) -> Vec<&'static str> {
        let leaves_dead = match from {
            Some(peer) => world.serves(peer, user) && self.dead_peers.contains(&peer),
            None => self.dead_peers.iter().any(|peer| world.serves(*peer, user)),
        };
        named([
            (self.awaited.contains(&user), "somebody moves with texts on their way to them"),
            (leaves_dead, "somebody moves away from a dead peer"),
            (!self.dead.is_empty(), "somebody moves while a contact is dead"),
            (world.is_unheard_of(|who| who != user), "somebody moves while not all know another's homes"),
        ])
    }

    fn somebody_writes(&self, world: &World<Person>, from: usize, to: usize) -> Vec<&'static str> {
        if self.dead.contains(&from) {
            return vec![];
        }
        let unheard = !self.dead.contains(&to) && world.are_contacts(from, to) && !world.knows_homes(to, from);
        named([
            (self.dead.contains(&to), "a text is written to somebody who is dead"),
            (self.has_no_peer(world, to), "a text is written to somebody whose peers are dead"),
            (self.has_no_peer(world, from), "a text is written by somebody whose peers are dead"),
            (world.is_away(to), "a text is written to somebody who roams"),
            (unheard, "a text is written to somebody who has moved unheard"),
        ])
    }

    fn has_no_peer(&self, world: &World<Person>, user: usize) -> bool {
        (0..world.peers.len()).filter(|peer| world.serves(*peer, user)).all(|peer| self.dead_peers.contains(&peer))
    }
}

fn named<const N: usize>(names: [(bool, &'static str); N]) -> Vec<&'static str> {
    names.into_iter().filter(|(is, _)| *is).map(|(_, name)| name).collect()
}

impl World<Person> {
    /// Whether a contact of one of these does not know where they are served now.
    fn is_unheard_of(&self, who: impl Fn(usize) -> bool) -> bool {
        let users = 0..self.users.len();
        users
            .clone()
            .filter(|a| who(*a))
            .any(|a| users.clone().any(|b| a != b && self.are_contacts(a, b) && !self.knows_homes(a, b)))
    }
}
