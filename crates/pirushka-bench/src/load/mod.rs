//! `pirushka-bench unit` and its like: how much one core of a peer serves, and how fast, beside what the system's calls
//! alone would allow (the *floor*), measured by the same load in the same run.
//!
//! The unit of work: a client leaves an envelope in somebody's queue; the peer authenticates it, holds it, says OK, pushes
//! it to its recipient, who acknowledges; the peer forgets it. All sealed and veiled. The floor is the same as four bare
//! datagrams without cryptography.
//!
//! The server is pinned to one processor and the load to another, which is never asleep. When the load was the limit and
//! not the server, the line says so.

mod cores;
mod floor;
mod join;
mod port;
mod run;
mod sealed;
mod speech;
mod texts;

use std::path::Path;
use std::time::Duration;

use cores::{Cores, Threads};
use floor::{Bare, Floor};
use join::{Wish, join, recipient};
use port::{Port, Who};
use run::{Outcome, Pace, Plan};
use sealed::Sealed;

use crate::peer::Process;

/// What is asked for on the command line.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Unit {
    /// Bytes of an envelope: 320, 576 or 1088.
    #[arg(long, default_value_t = 320)]
    size: usize,
    /// Clients who write.
    #[arg(long, default_value_t = 64)]
    senders: u32,
    /// Texts that each of them has on its way.
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
    /// Runs of each; medians are told.
    #[arg(long, default_value_t = 5)]
    runs: usize,
    /// One line of JSON and nothing else.
    #[arg(long)]
    json: bool,
}

impl Unit {
    fn plan(&self) -> Plan {
        let pace = self.rate.map_or(Pace::InFlight(self.in_flight), Pace::PerSecond);
        let (warm_up, measured) = (Duration::from_secs(1), Duration::from_secs_f64(self.seconds));
        Plan { senders: self.senders, recipients: self.recipients, pace, warm_up, measured }
    }

    fn clients(&self) -> u32 {
        self.senders + self.recipients
    }
}

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

/// Measures the unit of work beside the floor.
pub(crate) fn unit(programs: &Path, unit: &Unit) -> anyhow::Result<()> {
    let cores = Cores::two()?;
    cores::pin_this_thread(cores.load)?;
    let (mut floors, mut peers) = (vec![], vec![]);
    for _ in 0..unit.runs {
        floors.push(on_floor(cores, unit)?);
        peers.push(on_peer(programs, cores, unit)?);
        if !unit.json {
            println!("floor {}", line(&floors[floors.len() - 1]));
            println!("peer  {}", line(&peers[peers.len() - 1]));
        }
    }
    let ratio = median(&peers, Outcome::per_second) / median(&floors, Outcome::per_second);
    let per_core = median(&peers, Outcome::per_server_second) / median(&floors, Outcome::per_server_second);
    println!("ratio to the floor {ratio:.3}, per second of the server {per_core:.3}");
    Ok(())
}

fn on_floor(cores: Cores, unit: &Unit) -> anyhow::Result<Outcome> {
    let floor = Floor::start(cores.server)?;
    let mut port = Port::open(floor.address)?;
    let mut speech = Bare::new(unit.size, unit.clients());
    run::run(unit.plan(), &mut port, &mut speech, &floor.threads)
}

fn on_peer(programs: &Path, cores: Cores, unit: &Unit) -> anyhow::Result<Outcome> {
    let folder = tempfile::tempdir()?;
    let peer = Process::start_with(programs, folder.path(), &SETTINGS)?;
    let threads = Threads::of_process(peer.id())?;
    threads.pin(cores.server)?;
    let address = peer.socket_and_key()?;
    let mut port = Port::open(address.0)?;
    let senders = (0..unit.senders).map(|n| (Who(n), Wish::Sender));
    let recipients = (unit.senders..unit.clients()).map(|n| (Who(n), recipient(Who(n))));
    let (members, veil) = join(&mut port, address, senders.chain(recipients))?;
    let mut speech = Sealed::new(members, veil, unit.size);
    run::run(unit.plan(), &mut port, &mut speech, &threads)
}

fn line(outcome: &Outcome) -> String {
    format!(
        "{:>9.0} texts/s  {:>9.0} per s of the server  server {:>3.0} %  load {:>3.0} %  p50 {:.1} us  p99 {:.1} us  lost {}  other {}",
        outcome.per_second(),
        outcome.per_server_second(),
        outcome.server_busy() * 100.0,
        outcome.load_busy * 100.0,
        outcome.delays.value_at_quantile(0.5) as f64 / 1e3,
        outcome.delays.value_at_quantile(0.99) as f64 / 1e3,
        outcome.lost,
        outcome.other,
    )
}

fn median(outcomes: &[Outcome], of: impl Fn(&Outcome) -> f64) -> f64 {
    let mut values: Vec<f64> = outcomes.iter().map(of).collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}
