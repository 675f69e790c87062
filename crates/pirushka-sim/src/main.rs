//! `pirushka-sim --seeds A..B` runs seeds and prints one JSON line; `--seed N --trace` tells one seed's story.

mod summary;

use std::panic::catch_unwind;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use clap::Parser;
use pirushka_sim::random::{self, Gear, Outcome};
use summary::Summary;

/// A run makes and frees many small things; the allocator of the C library took a sixth of its time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

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
    /// What the users are: `raw` is the link alone, `real` the client with real MLS, `stub` the client with what stands in
    /// for asymmetric cryptography and MLS (needs the feature `stub`).
    #[arg(long, value_parser = gear, default_value = "raw")]
    gear: Gear,
    /// The same as `--gear real`.
    #[arg(long, conflicts_with = "gear")]
    real: bool,
    /// Plants each bug in turn and says in which seed it was caught. Needs the feature `planted`.
    #[cfg(feature = "planted")]
    #[arg(long, conflicts_with = "seed")]
    planted: bool,
    /// With --seeds: fails unless every situation of the list was reached.
    #[arg(long, requires = "seeds")]
    all_situations: bool,
    /// Threads.
    #[arg(long, default_value_t = 2)]
    jobs: u64,
}

fn main() -> ExitCode {
    let mut args = Args::parse();
    if args.real {
        args.gear = Gear::Real;
    }
    let begun = Instant::now();
    #[cfg(feature = "planted")]
    if args.planted {
        return hunt(args.seeds.unwrap_or((0, 1000)));
    }
    let summary = match args.seed {
        Some(seed) => Summary::of(one(seed, &args)),
        None => many(args.seeds.unwrap_or((0, 100)), &args),
    };
    println!("{}", summary.line(begun.elapsed()));
    let missed = if args.all_situations { summary.missed() } else { vec![] };
    missed.iter().for_each(|name| eprintln!("not reached: {name}"));
    if summary.is_clean() && missed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
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
    catch_unwind(move || random::run(gear, seed, print)).map_err(|_| {
        eprintln!("seed {seed}: panicked");
        seed
    })
}

fn many((from, to): (u64, u64), args: &Args) -> Summary {
    let next = AtomicU64::new(from);
    let work = || {
        let mut summary = Summary::default();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= to {
                return summary;
            }
            summary = summary.with(Summary::of(one(seed, args)));
        }
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..args.jobs.max(1)).map(|_| scope.spawn(work)).collect();
        let summaries = threads.into_iter().filter_map(|thread| thread.join().ok());
        summaries.fold(Summary::default(), Summary::with).expecting(to - from)
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

fn range(text: &str) -> Result<(u64, u64), String> {
    let (from, to) = text.split_once("..").ok_or("expected A..B")?;
    let number = |s: &str| s.parse::<u64>().map_err(|e| format!("\"{s}\": {e}"));
    let (from, to) = (number(from)?, number(to)?);
    if from < to { Ok((from, to)) } else { Err("the range is empty".into()) }
}

fn gear(text: &str) -> Result<Gear, String> {
    match text {
        "raw" => Ok(Gear::Raw),
        "real" => Ok(Gear::Real),
        #[cfg(feature = "stub")]
        "stub" => Ok(Gear::Stub),
        #[cfg(not(feature = "stub"))]
        "stub" => Err("build with `--features stub`".into()),
        _ => Err("expected raw, stub or real".into()),
    }
}
