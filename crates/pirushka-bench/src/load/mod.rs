//! `pirushka-bench unit`: how much one core of a peer serves, and how fast, beside what the system's calls alone would allow
//! (the *floor*), measured by the same load in the same run. `store`: how much it takes for people who are away, and how fast
//! they fetch that.
//!
//! The unit of work: a client leaves an envelope in somebody's queue; the peer authenticates it, holds it, says OK, pushes
//! it to its recipient, who acknowledges; the peer forgets it. All sealed and veiled. The floor is the same as four bare
//! datagrams without cryptography.
//!
//! The server is pinned to one processor and the load to another, which is never asleep. What a run could not do because
//! the load was the limit, is told: the figure per second of the server's own time is the better one then.

mod cores;
mod floor;
mod join;
mod port;
mod run;
mod sealed;
mod speech;
mod texts;

use std::path::Path;
use std::time::{Duration, SystemTime};

use cores::{Cores, Threads};
use floor::{Bare, Floor};
use join::{Wish, join, person};
use pirushka_wire::Frame;
use port::{Port, Who};
use run::{Outcome, Pace, Plan};
use sealed::Sealed;

use crate::peer::Process;

/// Settings under which limits of networks and queues are not what is measured.
const SETTINGS: [&str; 8] = [
    "memory.total=16 GiB",
    "memory.user=1 GiB",
    "memory.queue=1 GiB",
    "messages.per_queue=65535",
    "sessions.total=4000000",
    "sessions.per_prefix_burst=1000000",
    "sessions.per_prefix_unfinished=1000000",
    "process.drain=0 s",
];

/// Who takes part.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Crowd {
    /// Bytes of an envelope: 320, 576 or 1088.
    #[arg(long, default_value_t = 320)]
    size: usize,
    /// Clients who write.
    #[arg(long, default_value_t = 64)]
    senders: u32,
    /// Runs of each; medians are told.
    #[arg(long, default_value_t = 5)]
    runs: usize,
    /// One object of JSON and nothing else.
    #[arg(long)]
    json: bool,
}

/// People who are here, and the floor beside them.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Unit {
    #[command(flatten)]
    crowd: Crowd,
    /// Texts that each of those who write has on its way.
    #[arg(long, default_value_t = 4)]
    in_flight: u32,
    /// People who are written to.
    #[arg(long, default_value_t = 1000)]
    recipients: u32,
    /// Texts per second instead of so many on their way: measures delay.
    #[arg(long)]
    rate: Option<u64>,
    /// Seconds of each run.
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
}

/// People who are away.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Store {
    #[command(flatten)]
    crowd: Crowd,
    /// Texts that somebody who writes sends at once.
    #[arg(long, default_value_t = 8)]
    burst: u32,
    /// People who are written to.
    #[arg(long, default_value_t = 256)]
    recipients: u32,
    /// Seconds of each run.
    #[arg(long, default_value_t = 1.0)]
    seconds: f64,
}

impl Unit {
    fn plan(&self) -> Plan {
        Plan {
            senders: self.crowd.senders,
            recipients: self.recipients,
            pace: self.rate.map_or(Pace::InFlight(self.in_flight), Pace::PerSecond),
            warm_up: Duration::from_secs(1),
            measured: Duration::from_secs_f64(self.seconds),
            arrive: true,
        }
    }

    fn on_floor(&self, cores: Cores) -> anyhow::Result<Outcome> {
        let floor = Floor::start(cores.server)?;
        let mut port = Port::open(floor.address)?;
        let mut speech = Bare::new(self.crowd.size, self.crowd.senders + self.recipients);
        run::run(self.plan(), &mut port, &mut speech, &floor.threads)
    }

    fn on_peer(&self, programs: &Path, cores: Cores) -> anyhow::Result<Outcome> {
        let mut stage = Stage::set(programs, cores, &self.crowd, self.recipients)?;
        run::run(self.plan(), &mut stage.port, &mut stage.speech, &stage.threads)
    }
}

/// A running peer and clients who have joined it.
struct Stage {
    port: Port,
    speech: Sealed,
    threads: Threads,
    peer: Process,
    _folder: tempfile::TempDir,
}

impl Stage {
    fn set(programs: &Path, cores: Cores, crowd: &Crowd, recipients: u32) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let peer = Process::start_with(programs, folder.path(), &SETTINGS)?;
        let threads = Threads::of_process(peer.id())?;
        threads.pin(cores.server)?;
        let address = peer.socket_and_key()?;
        let mut port = Port::open(address.0)?;
        let senders = (0..crowd.senders).map(|n| (Who(n), Wish::Sender));
        let people = people(crowd, recipients).map(|who| (who, Wish::Recipient(Box::new(person(who)))));
        let (members, veil) = join(&mut port, address, senders.chain(people))?;
        let speech = Sealed::new(members, veil, crowd.size);
        Ok(Self { port, speech, threads, peer, _folder: folder })
    }
}

/// Those who are written to.
fn people(crowd: &Crowd, recipients: u32) -> impl Iterator<Item = Who> + use<> {
    (crowd.senders..crowd.senders + recipients).map(Who)
}

/// Measures the unit of work beside the floor.
pub(crate) fn unit(programs: &Path, unit: &Unit) -> anyhow::Result<()> {
    let cores = Cores::two()?;
    cores::pin_this_thread(cores.load)?;
    let (mut floors, mut peers) = (vec![], vec![]);
    for _ in 0..unit.crowd.runs.max(1) {
        for (name, outcomes) in [("floor", &mut floors), ("peer", &mut peers)] {
            let outcome = if name == "floor" { unit.on_floor(cores)? } else { unit.on_peer(programs, cores)? };
            if !unit.crowd.json {
                println!("{name:<5} {}", line(&outcome));
            }
            outcomes.push(outcome);
        }
    }
    let ratio = |of: fn(&Outcome) -> f64| median(&peers, of) / median(&floors, of);
    let (ratio_to_floor, per_server_second) = (ratio(Outcome::per_second), ratio(Outcome::per_server_second));
    let figures = serde_json::json!({
        "v": 1, "bench": "unit", "size": unit.crowd.size, "senders": unit.crowd.senders, "in_flight": unit.in_flight,
        "recipients": unit.recipients, "rate": unit.rate, "runs": peers.len(),
        "floor": told(&floors), "peer": told(&peers),
        "ratio_to_floor": ratio_to_floor, "ratio_to_floor_per_server_second": per_server_second,
    });
    println!("{figures}");
    Ok(())
}

/// Measures what comes for people who are away, and then how fast they fetch it.
pub(crate) fn store(programs: &Path, store: &Store) -> anyhow::Result<()> {
    let cores = Cores::two()?;
    cores::pin_this_thread(cores.load)?;
    let (mut stored, mut fetched) = (vec![], vec![]);
    for _ in 0..store.crowd.runs.max(1) {
        let mut stage = Stage::set(programs, cores, &store.crowd, store.recipients)?;
        for who in people(&store.crowd, store.recipients) {
            stage.speech.say(&mut stage.port, who, &Frame::Close);
        }
        let plan = Plan {
            senders: store.crowd.senders,
            recipients: store.recipients,
            pace: Pace::Bursts(store.burst),
            warm_up: Duration::ZERO,
            measured: Duration::from_secs_f64(store.seconds),
            arrive: false,
        };
        let outcome = run::run(plan, &mut stage.port, &mut stage.speech, &stage.threads)?;
        let fetch = fetch(&mut stage, store, programs)?;
        if !store.crowd.json {
            println!("store {}", line(&outcome));
            println!(
                "fetch {:>9.0} texts/s of {}, resident {:.0} MiB, then {:.0}",
                fetch.per_second, fetch.texts, fetch.full_mib, fetch.empty_mib
            );
        }
        stored.push(outcome);
        fetched.push(fetch);
    }
    let mid = |of: fn(&Fetch) -> f64| middle(fetched.iter().map(of).collect());
    let figures = serde_json::json!({
        "v": 1, "bench": "store", "size": store.crowd.size, "senders": store.crowd.senders, "burst": store.burst,
        "recipients": store.recipients, "runs": stored.len(), "store": told(&stored),
        "fetch": { "texts_per_second": mid(|f| f.per_second), "texts": mid(|f| f.texts as f64),
            "resident_mib_full": mid(|f| f.full_mib), "resident_mib_empty": mid(|f| f.empty_mib) },
    });
    println!("{figures}");
    Ok(())
}

struct Fetch {
    texts: u64,
    per_second: f64,
    full_mib: f64,
    empty_mib: f64,
}

/// Everybody comes back at once.
fn fetch(stage: &mut Stage, store: &Store, programs: &Path) -> anyhow::Result<Fetch> {
    let held = |stage: &Stage| -> anyhow::Result<u64> {
        Ok(stage.peer.status(programs)?["messages"]["held"].as_u64().unwrap_or_default())
    };
    let (texts, full_mib, address) = (held(stage)?, stage.peer.rss_mib()?, stage.peer.socket_and_key()?);
    let everybody = people(&store.crowd, store.recipients);
    let (members, veil) = join(&mut stage.port, address, everybody.map(|who| (who, Wish::Sender)))?;
    let mut speech = Sealed::new(members, veil, store.crowd.size);
    let unix_s = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_secs();
    for who in people(&store.crowd, store.recipients) {
        speech.register(&mut stage.port, who, address.1, &person(who), unix_s);
    }
    let (took, arrived) = run::fetch(&mut stage.port, &mut speech, texts)?;
    std::thread::sleep(Duration::from_millis(500));
    let left = held(stage)?;
    anyhow::ensure!(left == 0, "{left} of {texts} texts were not fetched; {arrived} came");
    Ok(Fetch { texts, per_second: texts as f64 / took.as_secs_f64(), full_mib, empty_mib: stage.peer.rss_mib()? })
}

fn line(outcome: &Outcome) -> String {
    let Outcome { delays, lost, other, .. } = outcome;
    let us = |quantile| delays.value_at_quantile(quantile) as f64 / 1e3;
    let limit = if outcome.load_was_the_limit() { "  (the load was the limit)" } else { "" };
    format!(
        "{:>9.0} texts/s  {:>9.0} per second of the server  server {:>3.0} %  load {:>3.0} %  p50 {:.0} us  p99 {:.0} us  \
         lost {lost}  other {other}{limit}",
        outcome.per_second(),
        outcome.per_server_second(),
        outcome.server_busy() * 100.0,
        outcome.load_busy * 100.0,
        us(0.5),
        us(0.99),
    )
}

/// Medians of several runs.
fn told(outcomes: &[Outcome]) -> serde_json::Value {
    let us = |quantile: f64| median(outcomes, |o| o.delays.value_at_quantile(quantile) as f64 / 1e3);
    serde_json::json!({
        "texts_per_second": median(outcomes, Outcome::per_second),
        "texts_per_server_second": median(outcomes, Outcome::per_server_second),
        "server_busy": median(outcomes, Outcome::server_busy),
        "load_busy": median(outcomes, |o| o.load_busy),
        "load_was_the_limit": outcomes.iter().any(Outcome::load_was_the_limit),
        "p50_us": us(0.5), "p99_us": us(0.99),
        "lost": outcomes.iter().map(|o| o.lost).sum::<u64>(),
        "other": outcomes.iter().map(|o| o.other).sum::<u64>(),
    })
}

fn median(outcomes: &[Outcome], of: impl Fn(&Outcome) -> f64) -> f64 {
    middle(outcomes.iter().map(of).collect())
}

fn middle(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}
