//! Runs what a seed says, checks it after every event, and counts what was reached.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

use pirushka_client_core::{Client, ClientConfig, HomeInfo, HomeState, MessageId, Warning};
use pirushka_netsim::LinkConfig;
use pirushka_wire::time::{DAY, HOUR, MINUTE, SECOND};

use crate::checks::{Rule, Violation};
use crate::peer_node::PeerNode;
use crate::person::Person;
use crate::plan::{Absence, CrashPoint, HomesChange, Plan, Scale, Step};
use crate::rand::Rand;
use crate::raw::{RawConfig, RawUser};
use crate::world::{User, World};

/// What came of one seed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    #[allow(missing_docs)]
    pub seed: u64,
    /// Over all packets and events.
    pub hash: [u8; 32],
    #[allow(missing_docs)]
    pub violations: Vec<Violation>,
    /// Named situations and how often they came up.
    pub situations: BTreeMap<&'static str, u64>,
    /// How long the run was, in virtual time.
    pub virtual_us: u64,
    /// Messages sent by users.
    pub messages: u64,
    /// Datagrams and events.
    pub entries: u64,
}

/// Which machines the users are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gear {
    /// The link alone: peer and link are tested, fast.
    Raw,
    /// The real client core with real MLS.
    Real,
}

/// After the faults, the largest time in which every raw user is registered again: four keepalives until one is a POLL
/// (a session that has roamed gets no RESET from a peer that restarted), silence, a pause, a handshake.
const RAW_REACHABLE_US: u64 = 150 * SECOND;
/// After the faults, twice the largest retry interval of raw users (a full peer asks them to wait a minute).
const RAW_SHOWN_US: u64 = 300 * SECOND;

/// Runs one seed with raw users.
#[must_use]
pub fn run_raw(seed: u64, print: bool) -> Outcome {
    let plan = Plan::of(seed, Scale { messages_max: 60, faults_us: 240 * SECOND, raw: true });
    let mut world = World::new(seed, print);
    let mut situations = Situations::default();
    for config in &plan.peers {
        world.add_peer(config.clone());
    }
    for (n, user) in plan.users.iter().enumerate() {
        let (mut place, seeds) = world.add_place(|ip| user.nat(ip));
        place.clock.skew_ms = user.skew_ms;
        RawUser::add_at(&mut world, &format!("user-{n}"), user.home, RawConfig::default(), place, seeds);
    }
    for a in 0..plan.users.len() {
        (0..a).for_each(|b| RawUser::introduce(&mut world, a, b));
    }
    // A first minute in peace, so that tickets exist, as they do between people who know each other.
    world.until(60 * SECOND, |world| world.users.iter().all(RawUser::is_online));
    RawUser::share_tickets(&mut world);
    let mut messages = 0;
    let mut rand = Rand::new(seed ^ 0xa77a);
    world.net.set_link(plan.weather);
    situations.weather(&plan.weather);
    let start = world.now_us();
    for (at, step) in &plan.steps {
        world.run_until(start + at);
        if !world.violations.is_empty() {
            break;
        }
        match *step {
            Step::Send { from, to, size } => {
                messages += 1;
                world.users[from].send(to, size);
                world.settle_user(from);
            }
            Step::CrashUser(user, _) => world.users[user].crash(),
            Step::StartUser(user) => world.users[user].start(),
            common => situations.count(apply(&mut world, &mut rand, common)),
        }
    }
    world.run_until(start + plan.calm_us);
    calm(&mut world);
    (0..world.users.len()).for_each(|user| {
        if world.users[user].is_crashed() {
            world.users[user].start();
        }
    });
    let calm_us = world.now_us();
    world.until(calm_us + RAW_REACHABLE_US, all_reachable);
    if world.violations.is_empty() && !all_reachable(&world) {
        let online: Vec<_> = world.users.iter().map(RawUser::is_online).collect();
        world.breach(
            Rule::L2,
            format!("not everybody is registered {RAW_REACHABLE_US} us after the faults: {online:?}"),
        );
    }
    if !world.until(calm_us + RAW_SHOWN_US, RawUser::all_shown) && world.violations.is_empty() {
        let lost = RawUser::lost_while_held(&world);
        let unheld: Vec<_> = world.users.iter().map(RawUser::unheld).collect();
        match lost.first() {
            Some(first) => world.breach(Rule::S2, format!("{} messages lost while held, first {first}", lost.len())),
            None => world.breach(Rule::L1, format!("messages still wait, not even held by users: {unheld:?}")),
        }
    }
    situations.peers(&world);
    if print && !world.violations.is_empty() {
        for node in &world.peers {
            println!("{} {:?}", node.name, node.peer().map(pirushka_peer_core::Peer::stats));
        }
    }
    Outcome {
        seed,
        hash: world.trace.hash(),
        virtual_us: world.now_us(),
        messages,
        entries: world.trace.entries,
        situations: situations.0,
        violations: world.violations,
    }
}

/// After the faults, the largest time in which every person is registered again: a keepalive, the longest pause
/// between attempts to reach a home peer, and a handshake.
const REACHABLE_US: u64 = 110 * SECOND;
/// After the faults, twice the largest retry interval of persons.
const SHOWN_US: u64 = 2 * HOUR + 30 * MINUTE;

/// Runs one seed with real clients.
#[must_use]
pub fn run_real(seed: u64, print: bool) -> Outcome {
    let plan = Plan::of(seed, Scale { messages_max: 40, faults_us: 300 * SECOND, raw: false });
    let mut rand = Rand::new(seed ^ 0xa77a);
    let mut world = World::new(seed, print);
    let mut situations = Situations::default();
    for config in &plan.peers {
        world.add_peer(config.clone());
    }
    if let Some(hostile) = plan.hostile.filter(|hostile| hostile.always) {
        world.corrupt_peer(hostile.peer, hostile.mischief);
    }
    for (user, name) in plan.users.iter().zip(["alice", "bob", "carol", "dave"]) {
        let (mut place, seeds) = world.add_place(|ip| user.nat(ip));
        place.clock.skew_ms = user.skew_ms;
        let knobs = client_knobs(&mut rand);
        world.tell(name, format_args!("{knobs:?}"));
        let number = Person::add_at(&mut world, name, user.home, knobs, place, seeds);
        for &peer in &user.more_homes {
            world.add_home(number, peer);
        }
    }
    world.tell("--", format_args!("{:?}", plan.weather));
    world.run_for(SECOND);
    let in_calm = rand.percent(60);
    if !in_calm {
        world.net.set_link(plan.weather);
    }
    let mut sent = vec![];
    introduce_all(&mut world, &mut rand, &mut situations, &mut sent);
    if in_calm {
        world.until(world.now_us() + MINUTE, all_contacts);
        world.net.set_link(plan.weather);
    }
    situations.weather(&plan.weather);
    let knew_each_other = all_contacts(&world);
    let start = world.now_us();
    for (at, step) in &plan.steps {
        world.run_until(start + at);
        if !world.violations.is_empty() {
            break;
        }
        real_step(&mut world, &mut rand, &mut situations, &mut sent, *step);
    }
    world.run_until(start + plan.calm_us);
    check_holes(&mut world, &sent);
    situations.deeds(&world);
    // Who moves away from a peer that goes on has to have met people before.
    let left = plan.hostile.filter(|hostile| {
        hostile.is_left && !hostile.always && knew_each_other && serves(&world, hostile.peer).len() == 1
    });
    calm_but(&mut world, left.map(|hostile| hostile.peer));
    for user in 0..world.users.len() {
        if world.users[user].is_crashed() {
            world.wake(user);
        }
    }
    if let Some(hostile) = left {
        let user = serves(&world, hostile.peer)[0];
        let other = (hostile.peer + 1) % world.peers.len();
        if world.move_home(user, Some(hostile.peer), other) {
            situations.count("somebody moves away from a hostile peer");
        } else {
            world.redeem_peer(hostile.peer);
        }
    }
    if let Some(absence) = plan.absence {
        stay_away(&mut world, &mut rand, &mut situations, &mut sent, absence);
    }
    let calm_us = world.now_us();
    if !world.until(calm_us + REACHABLE_US, all_online) && world.violations.is_empty() {
        let states: Vec<_> = world.users.iter().map(Person::home_state).collect();
        world.breach(Rule::L2, format!("not everybody is registered {REACHABLE_US} us after the faults: {states:?}"));
    }
    // An introduction that a peer lied about may take a day, or another invite (`spec/threats.md`, T25).
    let unmet = if plan.hostile.is_some() { unmet(&world) } else { BTreeSet::new() };
    if !unmet.is_empty() {
        situations.count("two do not meet for a peer's lies");
        sent.retain(|(_, _, key)| !unmet.contains(&(key.0.clone(), key.1.clone())));
    }
    let all = |world: &World<Person>| {
        // The cheapest first: it is asked after every event.
        sent.iter().all(|(from, id, key)| world.shown.contains(key) && world.is_delivered(*from, *id))
            && (all_contacts(world) || !unmet.is_empty())
            && everybody_knows(world)
    };
    if !world.until(calm_us + SHOWN_US, all) && world.violations.is_empty() {
        check_receipts(&mut world, &sent);
        let missing: Vec<_> =
            sent.iter().filter(|(_, _, key)| !world.shown.contains(key)).map(|(_, _, key)| key).collect();
        let unsure = sent.iter().filter(|(from, id, _)| !world.is_delivered(*from, *id)).count();
        let what = format!(
            "contacts {}, homes known {}, {} of {} texts not shown, {unsure} without receipt, first {:?}",
            all_contacts(&world),
            everybody_knows(&world),
            missing.len(),
            sent.len(),
            missing.first()
        );
        if world.violations.is_empty() {
            world.breach(Rule::L1, what);
        }
    }
    check_digits(&mut world, &mut situations);
    situations.peers(&world);
    situations.persons(&world);
    if print && !world.violations.is_empty() {
        println!("{}", world.report());
    }
    Outcome {
        seed,
        hash: world.trace.hash(),
        virtual_us: world.now_us(),
        messages: sent.len() as u64,
        entries: world.trace.entries,
        situations: situations.0,
        violations: world.violations,
    }
}

/// The users who have or had a home at a peer.
fn serves(world: &World<Person>, peer: usize) -> Vec<usize> {
    let id = world.peers[peer].peer_id();
    let is_at = |user: &usize| world.homes(*user).iter().any(|home| home.peer.peer_id == id);
    (0..world.users.len()).filter(is_at).collect()
}

/// Where a text is shown that was written after another that is not, a gap is shown between it and those before.
fn check_holes(world: &mut World<Person>, sent: &[SentText]) {
    let mut hidden = vec![];
    for (reader, writer) in (0..world.users.len()).flat_map(|a| (0..world.users.len()).map(move |b| (a, b))) {
        let Some(contact) = world.contact_id(reader, writer) else { continue };
        let names = (world.users[writer].name(), world.users[reader].name());
        let written = sent.iter().map(|(_, _, key)| key).filter(|key| (key.0.as_str(), key.1.as_str()) == names);
        let mut missing: Vec<u32> = written.filter(|key| !world.shown.contains(*key)).map(|key| key.2).collect();
        missing.sort_unstable();
        let shown = world.users[reader].numbers_from(contact);
        for pair in shown.windows(2) {
            let [(before, _), (behind, text)] = *pair else { continue };
            let hole = missing.iter().find(|number| (before..behind).contains(*number));
            if let Some(number) = hole.filter(|_| !world.users[reader].shows_gap_before(contact, text)) {
                hidden.push(format!("{} does not see that number {number} of {} is missing", names.1, names.0));
            }
        }
    }
    hidden.into_iter().for_each(|what| world.breach(Rule::S1, what));
}

/// What its sender believes delivered, and so has dropped, is on the recipient's disk. Called when every wait for an
/// earlier text is over.
fn check_receipts(world: &mut World<Person>, sent: &[SentText]) {
    let dropped: Vec<_> =
        sent.iter().filter(|(from, id, key)| world.is_delivered(*from, *id) && !world.shown.contains(key)).collect();
    if let Some((_, _, first)) = dropped.first() {
        let what = format!("{} texts dropped by their senders never arrived, first {first:?}", dropped.len());
        world.breach(Rule::S3, what);
    }
}

/// Somebody's machine is off for long; the others go on writing.
fn stay_away(
    world: &mut World<Person>,
    rand: &mut Rand,
    situations: &mut Situations,
    sent: &mut Vec<SentText>,
    absence: Absence,
) {
    world.kill(absence.user);
    let begun = world.now_us();
    let mut moments: Vec<u64> = (0..rand.between(1, 12)).map(|_| rand.below(absence.us)).collect();
    moments.sort_unstable();
    // For days, most machines sleep as well while nobody writes: keepalives are most of what would happen otherwise.
    let sleep = absence.us > DAY && rand.percent(70);
    if sleep {
        situations.count("everybody's machine sleeps for hours");
    }
    for (n, at) in moments.into_iter().enumerate() {
        if sleep {
            sleep_until(world, (begun + at).saturating_sub(HOUR), absence.user);
        }
        world.run_until(begun + at);
        if n == 2 && absence.peers_restart {
            (0..world.peers.len()).for_each(|peer| {
                world.crash_peer(peer);
                world.start_peer(peer);
            });
        }
        let from = (absence.user + 1) % world.users.len();
        let to = if rand.percent(70) { absence.user } else { (from + 1) % world.users.len() };
        let size = rand.between(1, 3_000) as usize;
        real_step(world, rand, situations, sent, Step::Send { from, to, size });
    }
    if sleep {
        sleep_until(world, (begun + absence.us).saturating_sub(HOUR), absence.user);
    }
    world.run_until(begun + absence.us);
    world.wake(absence.user);
    situations.count(if absence.us > DAY { "somebody is away for days" } else { "somebody is away for hours" });
}

/// The machines of all but one, who is away, are off until a moment, if that is some hours ahead.
fn sleep_until(world: &mut World<Person>, us: u64, away: usize) {
    if us < world.now_us() + 2 * HOUR {
        return;
    }
    let others: Vec<usize> = (0..world.users.len()).filter(|&user| user != away).collect();
    // What was just done is done: receipts and new homes are told before a machine goes to sleep.
    world.run_for(HOUR);
    others.iter().for_each(|&user| world.kill(user));
    world.run_until(us);
    others.iter().for_each(|&user| world.wake(user));
}

fn check_digits(world: &mut World<Person>, situations: &mut Situations) {
    for a in 0..world.users.len() {
        for b in 0..a {
            match world.digits(a, b) {
                Some((here, there)) if here != there => world.breach(Rule::Digits, format!("{here} and {there}")),
                Some(_) => situations.count("two people can compare six digits"),
                None => situations.count("the six digits are not there yet"),
            }
        }
        if world.users[a].warnings.iter().any(|warning| matches!(warning, Warning::CodeForged(_))) {
            world.breach(Rule::Digits, "an honest run is called forged".into());
        }
    }
}

/// Who sent it, its id there, and what it says of itself.
type SentText = (usize, MessageId, (String, String, u32));

fn real_step(
    world: &mut World<Person>,
    rand: &mut Rand,
    situations: &mut Situations,
    sent: &mut Vec<SentText>,
    step: Step,
) {
    match step {
        Step::Send { from, to, size } => match world.try_say(from, to, size) {
            Ok((id, said)) => {
                if size > 8_000 {
                    situations.count("a text in many chunks");
                }
                if rand.percent(30) {
                    world.read(from, to);
                }
                // A process that dies before the commit has not taken the text.
                if world.users[from].state_of(id).is_some() {
                    sent.push((from, id, said.key()));
                }
            }
            Err(_) => situations.count("a text cannot be written now"),
        },
        Step::CrashUser(user, point) => {
            if point == CrashPoint::Idle {
                world.kill(user);
            } else {
                world.users[user].crash(point);
            }
            situations.count(match point {
                CrashPoint::Idle => "a client dies",
                CrashPoint::BeforeCommit => "a client dies before a commit",
                CrashPoint::AfterCommit => "a client dies after a commit",
            });
        }
        Step::StartUser(user) => world.wake(user),
        Step::Homes { user, change } => {
            let done = match change {
                HomesChange::Add(peer) => world.add_home(user, peer),
                HomesChange::Remove(peer) => world.remove_home(user, peer),
                HomesChange::Move { from, to } => world.move_home(user, from, to),
            };
            situations.count(match (done, change) {
                (false, _) => "a change of homes is refused",
                (true, HomesChange::Add(_)) => "somebody gets one more home",
                (true, HomesChange::Remove(_)) => "somebody leaves a home",
                (true, HomesChange::Move { .. }) => "somebody moves",
            });
        }
        common => situations.count(apply(world, rand, common)),
    }
}

/// Knobs of a client: those of the product, or some that are reached sooner.
fn client_knobs(rand: &mut Rand) -> ClientConfig {
    let mut config = ClientConfig::default();
    if rand.percent(50) {
        config.commit_messages = rand.between(2, 12) as u32;
    }
    if rand.percent(30) {
        config.window = rand.between(1, 8) as usize;
    }
    if rand.percent(30) {
        config.receipt_delay_us = rand.below(2 * SECOND);
    }
    if rand.percent(30) {
        config.route_idle_us = rand.between(SECOND, 20 * SECOND);
    }
    if rand.percent(20) {
        config.gap_wait_us = rand.below(2 * SECOND);
    }
    config.adapt_keepalive = rand.percent(70);
    config
}

fn introduce_all(world: &mut World<Person>, rand: &mut Rand, situations: &mut Situations, sent: &mut Vec<SentText>) {
    for a in 0..world.users.len() {
        for b in 0..a {
            if rand.percent(25) {
                world.users[a].says_yes = true;
                world.open_to_work(a, rand.between(2, 8) as u8);
                let (id, said) = world.knock(b, a, 60);
                sent.push((b, id, said.key()));
                situations.count("a stranger knocks and does the work");
                continue;
            }
            world.invite(a, b);
            if rand.percent(20) {
                let address = world.make_invite(b);
                if world.try_come_by(a, &address) {
                    situations.count("both add each other at once");
                }
            }
        }
    }
}

/// Those who are not each other's contacts, by name and in both directions.
fn unmet(world: &World<Person>) -> BTreeSet<(String, String)> {
    let users = 0..world.users.len();
    let pairs = users.clone().flat_map(|a| users.clone().map(move |b| (a, b))).filter(|(a, b)| a != b);
    let strangers = pairs.filter(|&(a, b)| !world.are_contacts(a, b));
    let name = |user: usize| world.users[user].name().to_owned();
    strangers.map(|(a, b)| (name(a), name(b))).collect()
}

fn all_contacts(world: &World<Person>) -> bool {
    (0..world.users.len()).all(|a| (0..a).all(|b| world.are_contacts(a, b)))
}

fn all_online(world: &World<Person>) -> bool {
    let online: u64 = world.peers.iter().filter_map(|node| Some(node.peer()?.stats().users_online)).sum();
    let homes: Vec<HomeInfo> = (0..world.users.len()).flat_map(|user| world.homes(user)).collect();
    let hostile: Vec<_> = world.peers.iter().filter(|node| node.hostile().is_some()).map(PeerNode::peer_id).collect();
    let counted = homes.iter().filter(|home| !hostile.contains(&home.peer.peer_id)).count();
    // A peer that was left may not have heard it, and count the user for a while.
    online >= counted as u64 && homes.iter().all(|home| home.state == HomeState::Online)
}

/// Everybody has heard from every contact that it knows where he is served now.
fn everybody_knows(world: &World<Person>) -> bool {
    let contacts = world.users.iter().filter_map(Person::client).flat_map(Client::contacts);
    contacts.into_iter().all(|contact| contact.knows_homes)
}

/// Carries out a step that has nothing to do with what kind of users there are; names the situation it makes.
pub(crate) fn apply<U: User>(world: &mut World<U>, rand: &mut Rand, step: Step) -> &'static str {
    match step {
        Step::CrashPeer(peer) => {
            let holds = world.peers[peer].peer().is_some_and(|peer| peer.stats().messages_held > 0);
            world.crash_peer(peer);
            if holds { "peer dies while it holds messages" } else { "peer dies" }
        }
        Step::DrainPeer(peer) => {
            let holds = world.peers[peer].peer().is_some_and(|peer| peer.stats().messages_held > 0);
            world.drain_peer(peer, 60 * SECOND);
            if holds { "peer is asked to end while it holds messages" } else { "peer is asked to end" }
        }
        Step::StartPeer(peer) => {
            world.start_peer(peer);
            "peer starts again"
        }
        Step::Corrupt { peer, mischief } => {
            world.corrupt_peer(peer, mischief);
            "a peer falls into bad hands"
        }
        Step::Cut { user, peer, on } => {
            let (a, b) = (world.users[user].place().ip, world.peers[peer].address.ip());
            world.net.partition(a, b, on);
            let name = world.users[user].name().to_owned();
            world.tell(&name, format_args!("{} peer-{}", if on { "cannot reach" } else { "can reach" }, peer + 1));
            "a user is cut off from a peer"
        }
        Step::PeerOff { peer, on } => {
            let ip = world.peers[peer].address.ip();
            world.net.set_down(ip, on);
            let name = world.peers[peer].name.clone();
            world.tell(&name, format_args!("is {} the network", if on { "off" } else { "on" }));
            "a peer is off the network for a while"
        }
        Step::Rebind(user) => {
            world.rebind(user);
            "a NAT forgets"
        }
        Step::Roam { user, away } => {
            world.roam(user, away);
            "a user roams"
        }
        Step::Replay { peer, how_many } => {
            replay(world, rand, peer, how_many);
            "captured packets are replayed"
        }
        Step::Junk { peer, how_many } => {
            junk(world, rand, peer, how_many);
            "junk is sent"
        }
        Step::Send { .. } | Step::CrashUser(..) | Step::StartUser(_) | Step::Homes { .. } => "",
    }
}

/// Ends all faults.
pub(crate) fn calm<U: User>(world: &mut World<U>) {
    calm_but(world, None);
}

/// Ends all faults but the mischief of one peer.
fn calm_but<U: User>(world: &mut World<U>, hostile: Option<usize>) {
    world.net.set_link(LinkConfig { latency_us: 30_000, ..LinkConfig::default() });
    for peer in 0..world.peers.len() {
        world.net.set_down(world.peers[peer].address.ip(), false);
        if hostile == Some(peer) {
            if world.peers[peer].boot().is_none() {
                world.start_peer(peer);
            }
        } else if world.peers[peer].peer().is_none_or(|peer| peer.stats().draining) {
            world.redeem_peer(peer);
        }
        for user in 0..world.users.len() {
            let (a, b) = (world.users[user].place().ip, world.peers[peer].address.ip());
            world.net.partition(a, b, false);
        }
    }
    world.tell("--", format_args!("the faults are over"));
}

/// What stands in the ledger as "must not be answered" comes from this address.
fn stranger(rand: &mut Rand) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 1 + rand.below(200) as u8], 1 + rand.below(60_000) as u16))
}

fn replay<U: User>(world: &mut World<U>, rand: &mut Rand, peer: usize, how_many: usize) {
    for _ in 0..how_many.min(world.captured.len()) {
        let (_, bytes) = rand.pick(&world.captured).clone();
        let from = SocketAddr::from(([100, 64, 0, 1 + rand.below(3) as u8], 4_000));
        world.attack(peer, from, &bytes);
    }
}

fn junk<U: User>(world: &mut World<U>, rand: &mut Rand, peer: usize, how_many: usize) {
    for _ in 0..how_many {
        let bytes: [u8; 1300] = rand.bytes();
        let bytes = &bytes[..rand.below(1300) as usize];
        let from = stranger(rand);
        world.expect_silence(peer, from);
        world.attack(peer, from, bytes);
        let user = rand.below(world.users.len() as u64) as usize;
        let to = SocketAddr::new(IpAddr::from([203, 0, 113, 1 + user as u8]), rand.between(20_000, 60_000) as u16);
        world.net.inject(world.peers[peer].address, to, bytes);
    }
}

fn all_reachable(world: &World<RawUser>) -> bool {
    let online: u64 = world.peers.iter().filter_map(|node| Some(node.peer()?.stats().users_online)).sum();
    online == world.users.len() as u64 && world.users.iter().all(RawUser::is_online)
}

/// Counts named situations.
#[derive(Debug, Default)]
pub(crate) struct Situations(pub(crate) BTreeMap<&'static str, u64>);

impl Situations {
    pub(crate) fn count(&mut self, name: &'static str) {
        if !name.is_empty() {
            *self.0.entry(name).or_default() += 1;
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

    pub(crate) fn peers<U: User>(&mut self, world: &World<U>) {
        for node in &world.peers {
            let Some(stats) = node.peer().map(pirushka_peer_core::Peer::stats) else { continue };
            let reached = [
                (stats.refused_full > 0, "a peer says full"),
                (stats.queues_restored > 0, "a ticket brings a queue back"),
                (stats.refused_unknown > 0, "a queue is unknown"),
                (stats.deposits_repeated > 0, "a deposit is repeated"),
                (stats.pushes_repeated > 0, "a push is repeated"),
                (stats.evicted > 0, "memory is short and something goes"),
                (stats.expired > 0, "a message expires"),
            ];
            reached.into_iter().filter(|(is, _)| *is).for_each(|(_, name)| self.count(name));
        }
        let lost = world.net.stats();
        if lost.filtered > 0 {
            self.count("a NAT refuses a packet");
        }
    }

    fn deeds<U: User>(&mut self, world: &World<U>) {
        for (name, n) in world.peers.iter().filter_map(PeerNode::hostile).flat_map(|peer| &peer.deeds) {
            *self.0.entry(name).or_default() += n;
        }
    }

    fn persons(&mut self, world: &World<Person>) {
        for person in &world.users {
            for warning in &person.warnings {
                self.count(match warning {
                    Warning::CodeForged(_) => "a code is forged",
                    Warning::Superseded => "a copy of a profile is superseded",
                    Warning::AddingDelayed { .. } => "adding somebody takes a while",
                    Warning::SessionRenewed(_) => "a session is renewed",
                });
            }
            for (reason, n) in person.client().map(Client::refused).into_iter().flatten() {
                *self.0.entry(reason).or_default() += n;
            }
            if person.client().is_some_and(|client| client.homes().len() > 1) {
                self.count("somebody has several homes");
            }
            if person.gaps() > 0 {
                self.count("a gap is shown");
            }
        }
    }
}
