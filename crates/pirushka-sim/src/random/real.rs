//! One seed with persons.

use std::collections::BTreeSet;

use pirushka_client_core::{Client, ClientConfig, HomeInfo, HomeState, MessageId, Warning};
use pirushka_wire::time::{DAY, HOUR, MINUTE, SECOND};

use super::Outcome;
use super::faults::{apply, calm_but};
use crate::checks::Rule;
use crate::peer_node::PeerNode;
use crate::person::{Person, TextKey};
use crate::plan::{Absence, CrashPoint, HomesChange, Plan, Step};
use crate::rand::Rand;
use crate::situations::Watch;
use crate::world::{User, World};

/// After the faults, the largest time in which every person is registered again: a keepalive, the longest pause
/// between attempts to reach a home peer, and a handshake.
const REACHABLE_US: u64 = 110 * SECOND;
/// After the faults, twice the largest retry interval of persons.
const SHOWN_US: u64 = 2 * HOUR + 30 * MINUTE;

/// Runs one seed with real clients.
pub(super) fn run(seed: u64, print: bool) -> Outcome {
    let plan = Plan::of(seed, false);
    let mut rand = Rand::new(seed ^ 0xa77a);
    let mut world = World::new(seed, print);
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
    let mut past = Past::default();
    introduce_all(&mut world, &mut rand, &mut past);
    if in_calm {
        world.until(world.now_us() + MINUTE, all_contacts);
        world.net.set_link(plan.weather);
    }
    world.situations.weather(&plan.weather);
    let knew_each_other = all_contacts(&world);
    let start = world.now_us();
    for (at, step) in &plan.steps {
        world.run_until(start + at);
        if !world.violations.is_empty() {
            break;
        }
        real_step(&mut world, &mut rand, &mut past, *step);
    }
    world.run_until(start + plan.calm_us);
    check_holes(&mut world, &past.sent);
    world.count_deeds();
    // Who moves away from a peer that goes on has to have met people before.
    let left = plan.hostile.filter(|hostile| {
        hostile.is_left && !hostile.always && knew_each_other && world.served_by(hostile.peer).count() == 1
    });
    calm_but(&mut world, left.map(|hostile| hostile.peer));
    for user in 0..world.users.len() {
        if world.users[user].is_crashed() {
            world.wake(user);
        }
    }
    let leaving = left.and_then(|hostile| Some((hostile, world.served_by(hostile.peer).next()?)));
    if let Some((hostile, user)) = leaving {
        let other = (hostile.peer + 1) % world.peers.len();
        if world.move_home(user, Some(hostile.peer), other) {
            world.situations.count("somebody moves away from a hostile peer");
        } else {
            world.redeem_peer(hostile.peer);
        }
    }
    if let Some(absence) = plan.absence {
        stay_away(&mut world, &mut rand, &mut past, absence);
    }
    let calm_us = world.now_us();
    if !world.until(calm_us + REACHABLE_US, all_online) && world.violations.is_empty() {
        let of = |user: usize| world.homes(user).into_iter().map(|home| (home.peer.host.to_string(), home.state));
        let states: Vec<Vec<_>> = (0..world.users.len()).map(|user| of(user).collect()).collect();
        world.breach(Rule::L2, format!("not everybody is registered {REACHABLE_US} us after the faults: {states:?}"));
    }
    let mut sent = past.sent;
    // An introduction that a peer lied about may take a day, or another invite (`spec/threats.md`, T25); so may one that
    // gave way when memory was short (`spec/peer.md`).
    let may_miss = plan.hostile.is_some() || world.peers.iter().any(|peer| peer.gave_way);
    let unmet = if may_miss { unmet(&world) } else { BTreeSet::new() };
    if !unmet.is_empty() && plan.hostile.is_some() {
        world.situations.count("two do not meet for a peer's lies");
    }
    if !unmet.is_empty() {
        sent.retain(|text| !unmet.contains(&(text.key.0.clone(), text.key.1.clone())));
    }
    let all = |world: &World<Person>| {
        // The cheapest first: it is asked after every event.
        sent.iter().all(|text| world.shown.contains(&text.key) && world.is_delivered(text.from, text.id))
            && (all_contacts(world) || !unmet.is_empty())
            && everybody_knows(world)
    };
    if !world.until(calm_us + SHOWN_US, all) && world.violations.is_empty() {
        check_receipts(&mut world, &sent);
        let missing: Vec<_> = sent.iter().map(|text| &text.key).filter(|key| !world.shown.contains(*key)).collect();
        let unsure = sent.iter().filter(|text| !world.is_delivered(text.from, text.id)).count();
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
    check_digits(&mut world);
    world.count_peers();
    world.count_persons();
    if print && !world.violations.is_empty() {
        println!("{}", world.report());
    }
    Outcome {
        seed,
        hash: world.trace.hash(),
        virtual_us: world.now_us(),
        messages: sent.len() as u64,
        entries: world.trace.entries,
        situations: world.situations.0,
        violations: world.violations,
    }
}

/// Where a text is shown that was written after another that is not, a gap is shown between it and those before.
fn check_holes(world: &mut World<Person>, sent: &[SentText]) {
    let mut hidden = vec![];
    for (reader, writer) in (0..world.users.len()).flat_map(|a| (0..world.users.len()).map(move |b| (a, b))) {
        let Some(contact) = world.contact_id(reader, writer) else { continue };
        let names = (world.users[writer].name(), world.users[reader].name());
        let written = sent.iter().map(|text| &text.key).filter(|key| (key.0.as_str(), key.1.as_str()) == names);
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
        sent.iter().filter(|text| world.is_delivered(text.from, text.id) && !world.shown.contains(&text.key)).collect();
    if let Some(SentText { key, .. }) = dropped.first() {
        let what = format!("{} texts dropped by their senders never arrived, first {key:?}", dropped.len());
        world.breach(Rule::S3, what);
    }
}

/// Somebody's machine is off for long; the others go on writing.
fn stay_away(world: &mut World<Person>, rand: &mut Rand, past: &mut Past, absence: Absence) {
    world.kill(absence.user);
    let begun = world.now_us();
    let mut moments: Vec<u64> = (0..rand.between(1, 4)).map(|_| rand.below(absence.us)).collect();
    moments.sort_unstable();
    // Most other machines sleep as well while nobody writes: keepalives are most of what would happen otherwise.
    let sleep = absence.us > 6 * HOUR && rand.percent(80);
    if sleep {
        world.situations.count("everybody's machine sleeps for hours");
    }
    for (n, at) in moments.into_iter().enumerate() {
        if sleep {
            sleep_until(world, (begun + at).saturating_sub(HOUR), absence.user);
        }
        world.run_until(begun + at);
        if n == 1 && absence.peers_restart {
            (0..world.peers.len()).for_each(|peer| {
                world.crash_peer(peer);
                world.start_peer(peer);
            });
        }
        let from = (absence.user + 1) % world.users.len();
        let to = if rand.percent(70) { absence.user } else { (from + 1) % world.users.len() };
        let size = rand.between(1, 3_000) as usize;
        real_step(world, rand, past, Step::Send { from, to, size });
    }
    if sleep {
        sleep_until(world, (begun + absence.us).saturating_sub(HOUR), absence.user);
    }
    world.run_until(begun + absence.us);
    world.wake(absence.user);
    world.situations.count(if absence.us > DAY { "somebody is away for days" } else { "somebody is away for hours" });
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

fn check_digits(world: &mut World<Person>) {
    for a in 0..world.users.len() {
        for b in 0..a {
            match world.digits(a, b) {
                Some((here, there)) if here != there => world.breach(Rule::Digits, format!("{here} and {there}")),
                Some(_) => world.situations.count("two people can compare six digits"),
                None => world.situations.count("the six digits are not there yet"),
            }
        }
        if world.users[a].warnings.iter().any(|warning| matches!(warning, Warning::CodeForged(_))) {
            world.breach(Rule::Digits, "an honest run is called forged".into());
        }
    }
}

/// A text that was written.
#[derive(Debug, Clone)]
pub(crate) struct SentText {
    /// Who wrote it.
    pub(crate) from: usize,
    /// Its id there.
    pub(crate) id: MessageId,
    /// What it says of itself.
    pub(crate) key: TextKey,
    /// Bytes.
    pub(crate) size: usize,
}

/// What has been written, and what is remembered for situations.
#[derive(Debug, Default)]
struct Past {
    sent: Vec<SentText>,
    watch: Watch,
}

fn real_step(world: &mut World<Person>, rand: &mut Rand, past: &mut Past, step: Step) {
    let names = past.watch.before(world, &past.sent, step);
    let is_done = carry_out(world, rand, past, step);
    names.into_iter().filter(|_| is_done).for_each(|name| world.situations.count(name));
}

/// Tells whether it could be done.
fn carry_out(world: &mut World<Person>, rand: &mut Rand, past: &mut Past, step: Step) -> bool {
    match step {
        Step::Send { from, to, size } => match world.try_say(from, to, size) {
            Ok((id, said)) => {
                if size > 8_000 {
                    world.situations.count("a text in many chunks");
                }
                if rand.percent(30) {
                    world.read(from, to);
                }
                // A process that dies before the commit has not taken the text.
                if world.users[from].state_of(id).is_some() {
                    past.sent.push(SentText { from, id, key: said.key(), size });
                }
            }
            Err(_) => {
                world.situations.count("a text cannot be written now");
                return false;
            }
        },
        Step::CrashUser(user, point, commits) => {
            if point == CrashPoint::Idle {
                world.kill(user);
                world.situations.count("a client dies");
            } else {
                // Counted when it happens.
                world.users[user].crash_after(commits, point);
            }
        }
        Step::StartUser(user) => world.wake(user),
        Step::Homes { user, change } => {
            let done = match change {
                HomesChange::Add(peer) => world.add_home(user, peer),
                HomesChange::Remove(peer) => world.remove_home(user, peer),
                HomesChange::Move { from, to } => world.move_home(user, from, to),
            };
            world.situations.count(match (done, change) {
                (false, _) => "a change of homes is refused",
                (true, HomesChange::Add(_)) => "somebody gets one more home",
                (true, HomesChange::Remove(_)) => "somebody leaves a home",
                (true, HomesChange::Move { .. }) => "somebody moves",
            });
            return done;
        }
        common => apply(world, rand, common),
    }
    true
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

fn introduce_all(world: &mut World<Person>, rand: &mut Rand, past: &mut Past) {
    for a in 0..world.users.len() {
        for b in 0..a {
            if rand.percent(25) {
                world.users[a].says_yes = true;
                world.open_to_work(a, rand.between(2, 8) as u8);
                let (id, said) = world.knock(b, a, 60);
                past.sent.push(SentText { from: b, id, key: said.key(), size: 60 });
                world.situations.count("a stranger knocks and does the work");
                continue;
            }
            world.invite(a, b);
            if rand.percent(20) {
                let address = world.make_invite(b);
                if world.try_come_by(a, &address) {
                    world.situations.count("both add each other at once");
                    past.watch.add_each_other(a, b);
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
    let honest: Vec<_> = homes.iter().filter(|home| !hostile.contains(&home.peer.peer_id)).collect();
    // A peer that was left may not have heard it, and count the user for a while.
    // Who lies about everything may say as well that it does not serve.
    online >= honest.len() as u64 && honest.iter().all(|home| home.state == HomeState::Online)
}

/// Everybody has heard from every contact that it knows where he is served now.
fn everybody_knows(world: &World<Person>) -> bool {
    let contacts = world.users.iter().filter_map(Person::client).flat_map(Client::contacts);
    contacts.into_iter().all(|contact| contact.knows_homes)
}
