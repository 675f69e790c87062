//! `pirushka-sim --seeds A..B` runs seeds and prints one JSON line; `--seed N --trace` tells one seed's story.

use std::collections::BTreeMap;
use std::panic::catch_unwind;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use clap::{Parser, ValueEnum};
use pirushka_sim::random::{self, Outcome};

/// Runs the real cores over a bad network in virtual time, as seeds say, and checks the invariants after every event.
#[derive(Parser)]
struct Args {
    /// A range of seeds, `A..B`, B excluded.
    #[arg(long, value_parser = range, conflicts_with = "seed")]
    seeds: Option<(u64, u64)>,
    /// One seed, run twice; both runs must be the same.
    #[arg(long)]
    seed: Option<u64>,
    /// With --seed: tell the story.
    #[arg(long, requires = "seed")]
    trace: bool,
    /// What the users are.
    #[arg(long, value_enum, default_value = "raw")]
    gear: Gear,
    /// Plants each bug in turn and says in which seed it was caught. Needs the feature `planted`.
    #[cfg(feature = "planted")]
    #[arg(long, conflicts_with = "seed")]
    planted: bool,
    /// Threads.
    #[arg(long, default_value_t = 2)]
    jobs: u64,
}

#[derive(Clone, Copy, ValueEnum)]
enum Gear {
    /// The link alone.
    Raw,
    /// The real client with real MLS.
    Real,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let begun = Instant::now();
    #[cfg(feature = "planted")]
    if args.planted {
        return hunt(args.seeds.unwrap_or((0, 1000)));
    }
    let outcomes = match args.seed {
        Some(seed) => vec![one(seed, &args)],
        None => many(args.seeds.unwrap_or((0, 100)), &args),
    };
    summary(&outcomes, begun)
}

/// Every so-many-th seed runs twice.
const TWICE_EVERY: u64 = 64;

fn one(seed: u64, args: &Args) -> Result<Outcome, u64> {
    let first = guarded(seed, args.gear, args.trace)?;
    if (args.seed.is_some() || seed.is_multiple_of(TWICE_EVERY)) && guarded(seed, args.gear, false)?.hash != first.hash
    {
        eprintln!("seed {seed}: two runs differ");
        return Err(seed);
    }
    for violation in &first.violations {
        eprintln!("seed {seed}: {violation}");
    }
    Ok(first)
}

fn guarded(seed: u64, gear: Gear, print: bool) -> Result<Outcome, u64> {
    let run = move || match gear {
        Gear::Raw => random::run_raw(seed, print),
        Gear::Real => random::run_real(seed, print),
    };
    catch_unwind(run).map_err(|_| {
        eprintln!("seed {seed}: panicked");
        seed
    })
}

fn many((from, to): (u64, u64), args: &Args) -> Vec<Result<Outcome, u64>> {
    let next = AtomicU64::new(from);
    let work = || {
        let mut outcomes = vec![];
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= to {
                return outcomes;
            }
            outcomes.push(one(seed, args));
        }
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..args.jobs.max(1)).map(|_| scope.spawn(work)).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap_or_default()).collect()
    })
}

/// Looks for each bug in turn; all must be caught.
#[cfg(feature = "planted")]
fn hunt(seeds: (u64, u64)) -> ExitCode {
    std::panic::set_hook(Box::new(|_| {}));
    let mut all = true;
    for &bug in pirushka_wire::planted::Bug::ALL {
        let begun = Instant::now();
        let caught = pirushka_sim::planted::hunt(bug, seeds.0..seeds.1);
        all &= caught.is_some();
        let seconds = begun.elapsed().as_secs_f64();
        match caught {
            Some(pirushka_sim::planted::Caught { gear, seed, seeds, how }) => {
                println!("{bug:?}: caught by {gear} seed {seed}, the {seeds}th, in {seconds:.1} s: {how}");
            }
            None => println!("{bug:?}: NOT caught in {seconds:.1} s"),
        }
    }
    if all { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn summary(outcomes: &[Result<Outcome, u64>], begun: Instant) -> ExitCode {
    let mut situations = BTreeMap::<&str, u64>::new();
    let mut bad = vec![];
    let (mut messages, mut entries, mut virtual_us) = (0, 0, 0);
    for outcome in outcomes {
        match outcome {
            Ok(outcome) => {
                outcome.situations.iter().for_each(|(name, n)| *situations.entry(name).or_default() += n);
                messages += outcome.messages;
                entries += outcome.entries;
                virtual_us += outcome.virtual_us;
                bad.extend((!outcome.violations.is_empty()).then_some(outcome.seed));
            }
            Err(seed) => bad.push(*seed),
        }
    }
    bad.sort_unstable();
    let seconds = begun.elapsed().as_secs_f64();
    let line = serde_json::json!({
        "v": 1,
        "seeds": outcomes.len(),
        "violations": bad.len(),
        "bad_seeds": &bad[..bad.len().min(50)],
        "messages": messages,
        "entries": entries,
        "virtual_hours": virtual_us / 3_600_000_000,
        "seconds": (seconds * 10.0).round() / 10.0,
        "seeds_per_second": (outcomes.len() as f64 / seconds.max(1e-9) * 10.0).round() / 10.0,
        "situations": situations,
    });
    println!("{line}");
    if bad.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn range(text: &str) -> Result<(u64, u64), String> {
    let (from, to) = text.split_once("..").ok_or("expected A..B")?;
    let number = |s: &str| s.parse::<u64>().map_err(|e| format!("\"{s}\": {e}"));
    Ok((number(from)?, number(to)?))
}
