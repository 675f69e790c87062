//! Situations that need two things at once: looked for just before something happens.

use std::collections::{BTreeMap, BTreeSet};

use crate::person::{Person, TextKey};
use crate::plan::{HomesChange, Step};
use crate::random::SentText;
use crate::world::{User, World};

/// So many blows make a situation of their own.
const BLOWS: u32 = 3;

/// What has to be remembered between steps.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    /// Texts that are on their way, with the restarts of peers since.
    restarts: BTreeMap<TextKey, u32>,
    /// What has gone wrong around a user since a commit of theirs waits.
    blows: BTreeMap<usize, u32>,
    /// Pairs who add each other, each with the peers that have started again meanwhile.
    mutual: Vec<(usize, usize, BTreeSet<usize>)>,
}

impl Watch {
    /// Two have come by each other's invites and are no contacts yet.
    pub(crate) fn add_each_other(&mut self, a: usize, b: usize) {
        self.mutual.push((a, b, BTreeSet::new()));
    }

    /// Looks around before a step.
    pub(crate) fn before(&mut self, world: &mut World<Person>, sent: &[SentText], step: Step) {
        let here = Here::of(world, sent);
        let mut names = vec![];
        match step {
            Step::CrashPeer(peer) | Step::DrainPeer(peer) => names.extend(here.a_peer_goes(world, peer)),
            Step::StartPeer(peer) => {
                names.extend(self.a_peer_comes(&here));
                self.mutual.retain(|&(a, b, _)| !world.are_contacts(a, b));
                names.extend(self.mutual_adders(world, peer));
            }
            Step::CrashUser(user, ..) => names.extend(here.somebody_dies(world, user)),
            Step::Cut { user, on: true, .. } => names.extend(here.somebody_is_cut_off(user)),
            Step::PeerOff { peer, on: true } => names.extend(here.a_peer_is_off(world, peer)),
            Step::Rebind(user) if here.is_awaited(user) => names.push("a NAT forgets with texts on their way"),
            Step::Roam { user, away: true } => names.extend(here.somebody_roams(world, user)),
            Step::Homes { user, change } => names.extend(here.homes_change(world, user, change)),
            Step::Send { from, to, .. } => names.extend(here.somebody_writes(world, from, to)),
            _ => {}
        }
        names.extend(self.commits(world, step));
        names.into_iter().for_each(|name| world.situations.count(name));
    }

    /// A text that has waited while a peer started again, and again.
    fn a_peer_comes(&mut self, here: &Here) -> Option<&'static str> {
        self.restarts.retain(|key, _| here.waiting.contains(key));
        for key in &here.waiting {
            *self.restarts.entry(key.clone()).or_default() += 1;
        }
        self.restarts.values().any(|n| *n >= BLOWS).then_some("a text waits through three restarts of peers")
    }

    fn mutual_adders(&mut self, world: &World<Person>, started: usize) -> Option<&'static str> {
        for (_, _, peers) in &mut self.mutual {
            peers.insert(started);
        }
        let hit = self.mutual.iter().any(|(a, b, peers)| {
            [a, b].into_iter().all(|user| world.home_numbers(*user).iter().any(|home| peers.contains(home)))
        });
        hit.then_some("both add each other while their peers start again")
    }

    /// Blows around users whose commits wait.
    fn commits(&mut self, world: &World<Person>, step: Step) -> Option<&'static str> {
        let is_blow = matches!(
            step,
            Step::CrashPeer(_) | Step::CrashUser(..) | Step::Cut { on: true, .. } | Step::PeerOff { on: true, .. }
        );
        for user in 0..world.users.len() {
            let Some(client) = world.users[user].client() else { continue };
            if client.waiting().commits == 0 {
                self.blows.remove(&user);
            } else if is_blow {
                *self.blows.entry(user).or_default() += 1;
            }
        }
        self.blows.values().any(|n| *n >= BLOWS).then_some("a commit is struck three times")
    }
}

/// What stands at a moment.
struct Here {
    /// Texts that are not shown.
    waiting: BTreeSet<TextKey>,
    /// Who waits for one, without knowing it.
    awaited: BTreeSet<usize>,
    /// Whose text waits.
    writing: BTreeSet<usize>,
    /// Who waits for one in many parts.
    long: BTreeSet<usize>,
    dead: BTreeSet<usize>,
    dead_peers: BTreeSet<usize>,
    /// Two are about to become contacts.
    adding: BTreeSet<usize>,
}

/// A text of so many bytes takes several envelopes.
const LONG: usize = 4_000;

impl Here {
    fn of(world: &World<Person>, sent: &[SentText]) -> Self {
        let number = |name: &str| world.users.iter().position(|user| user.name() == name);
        let on_their_way: Vec<_> = sent.iter().filter(|text| !world.shown.contains(&text.key)).collect();
        let users = 0..world.users.len();
        let strangers = |a: usize| users.clone().any(|b| a != b && !world.are_contacts(a, b));
        Self {
            waiting: on_their_way.iter().map(|text| text.key.clone()).collect(),
            awaited: on_their_way.iter().filter_map(|text| number(&text.key.1)).collect(),
            writing: on_their_way.iter().map(|text| text.from).collect(),
            long: on_their_way.iter().filter(|text| text.size > LONG).filter_map(|text| number(&text.key.1)).collect(),
            dead: users.clone().filter(|user| world.users[*user].is_crashed()).collect(),
            dead_peers: (0..world.peers.len()).filter(|peer| world.peers[*peer].boot().is_none()).collect(),
            adding: users.clone().filter(|user| !world.users[*user].is_crashed() && strangers(*user)).collect(),
        }
    }

    fn is_awaited(&self, user: usize) -> bool {
        self.awaited.contains(&user)
    }

    fn a_peer_goes(&self, world: &World<Person>, peer: usize) -> Vec<&'static str> {
        let served = world.served_by(peer);
        let others_dead = world.peers.len() > 1 && self.dead_peers.len() + 1 == world.peers.len();
        named([
            (served.iter().any(|user| self.is_awaited(*user)), "a peer dies with texts on their way to it"),
            (served.iter().any(|user| self.writing.contains(user)), "a writer's peer dies"),
            (served.iter().any(|user| world.is_away(*user)), "a peer dies while one of its users roams"),
            (served.iter().any(|user| self.dead.contains(user)), "a peer dies while one of its users is dead"),
            (served.iter().any(|user| self.adding.contains(user)), "a peer dies in the middle of an introduction"),
            (others_dead && !self.dead_peers.contains(&peer), "all peers are dead at once"),
        ])
    }

    fn somebody_dies(&self, world: &World<Person>, user: usize) -> Vec<&'static str> {
        let others_dead = self.dead.len() + 1 == world.users.len() && !self.dead.contains(&user);
        let waiting = world.users[user].client().map(pirushka_client_core::Client::waiting).unwrap_or_default();
        named([
            (self.is_awaited(user), "somebody dies with texts on their way to them"),
            (self.writing.contains(&user), "somebody dies with texts in the outbox"),
            (self.long.contains(&user), "the reader of a text in many parts dies in the middle"),
            (self.adding.contains(&user), "somebody dies in the middle of an introduction"),
            (waiting.commits > 0, "somebody dies with a commit in the outbox"),
            (world.is_away(user), "somebody dies while they roam"),
            (others_dead, "everybody is dead at once"),
        ])
    }

    fn somebody_is_cut_off(&self, user: usize) -> Vec<&'static str> {
        named([
            (self.is_awaited(user), "somebody is cut off with texts on their way to them"),
            (self.long.contains(&user), "the reader of a text in many parts is cut off in the middle"),
            (self.adding.contains(&user), "somebody is cut off in the middle of an introduction"),
        ])
    }

    fn a_peer_is_off(&self, world: &World<Person>, peer: usize) -> Vec<&'static str> {
        let served = world.served_by(peer);
        named([
            (
                served.iter().any(|user| self.is_awaited(*user)),
                "a peer is off the network with texts on their way to it",
            ),
            (served.iter().any(|user| self.adding.contains(user)), "a peer is off in the middle of an introduction"),
        ])
    }

    fn somebody_roams(&self, world: &World<Person>, user: usize) -> Vec<&'static str> {
        let homes = world.home_numbers(user);
        named([
            (self.is_awaited(user), "somebody roams with texts on their way to them"),
            (self.adding.contains(&user), "somebody roams in the middle of an introduction"),
            (
                !homes.is_empty() && homes.iter().all(|home| self.dead_peers.contains(home)),
                "somebody roams while their peers are dead",
            ),
        ])
    }

    fn homes_change(&self, world: &World<Person>, user: usize, change: HomesChange) -> Vec<&'static str> {
        if !matches!(change, HomesChange::Move { .. }) || self.dead.contains(&user) {
            return vec![];
        }
        let homes = world.home_numbers(user);
        named([
            (self.is_awaited(user), "somebody moves with texts on their way to them"),
            (homes.iter().any(|home| self.dead_peers.contains(home)), "somebody moves away from a dead peer"),
            (!self.dead.is_empty(), "somebody moves while a contact is dead"),
            (world.somebody_knows_old_homes(), "two move at the same time"),
        ])
    }

    fn somebody_writes(&self, world: &World<Person>, from: usize, to: usize) -> Vec<&'static str> {
        if self.dead.contains(&from) {
            return vec![];
        }
        let dead = |user: usize| world.home_numbers(user).iter().all(|home| self.dead_peers.contains(home));
        let unheard = !self.dead.contains(&to) && world.are_contacts(from, to) && !world.knows_homes(to, from);
        named([
            (self.dead.contains(&to), "a text is written to somebody who is dead"),
            (!self.dead.contains(&to) && dead(to), "a text is written to somebody whose peers are dead"),
            (dead(from), "a text is written by somebody whose peers are dead"),
            (world.is_away(to), "a text is written to somebody who roams"),
            (unheard, "a text is written to somebody who has moved unheard"),
        ])
    }
}

fn named<const N: usize>(names: [(bool, &'static str); N]) -> Vec<&'static str> {
    names.into_iter().filter(|(is, _)| *is).map(|(_, name)| name).collect()
}

impl World<Person> {
    /// Numbers of the peers that serve a person; none for one who is dead.
    fn home_numbers(&self, user: usize) -> Vec<usize> {
        let ids: Vec<_> = self.homes(user).iter().map(|home| home.peer.peer_id).collect();
        (0..self.peers.len()).filter(|peer| ids.contains(&self.peers[*peer].peer_id())).collect()
    }

    fn served_by(&self, peer: usize) -> Vec<usize> {
        (0..self.users.len()).filter(|user| self.home_numbers(*user).contains(&peer)).collect()
    }

    fn somebody_knows_old_homes(&self) -> bool {
        let users = 0..self.users.len();
        users.clone().any(|a| users.clone().any(|b| self.are_contacts(a, b) && !self.knows_homes(a, b)))
    }
}
