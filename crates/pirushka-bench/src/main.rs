//! The figures that `docs/PERFORMANCE.md` publishes: `cargo run --release -p pirushka-bench`.
//!
//! Two peers and the people's commands run as processes of their own, engines inside this one where the figure is about
//! engines; everything on 127.0.0.1, stores with a key file and `synchronous=FULL`. What goes over the wire is counted
//! in simulation, where nothing else does. Prints one line per figure, with `--json` as objects.
//!
//! `pirushka-bench siege`, `unit` and `store` are other programs in the same place: a peer under hostile datagrams, see
//! [`siege`], and how much one core of a peer serves, see [`load`].

mod commands;
mod engines;
mod load;
mod peer;
mod siege;
mod wire;

use std::path::{Path, PathBuf};
use std::time::Duration;

/// One figure: what was measured, how often, and what came out.
pub(crate) struct Figure {
    pub(crate) name: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) median: f64,
    /// The 95th percentile, where there are samples.
    pub(crate) p95: Option<f64>,
    pub(crate) samples: usize,
    /// What the project wants, if it says.
    pub(crate) aim: Option<f64>,
}

impl Figure {
    pub(crate) fn of_times(name: &'static str, mut times: Vec<Duration>, aim_ms: Option<f64>) -> Self {
        times.sort();
        let at = |share: usize| times.get((times.len() * share / 100).min(times.len().saturating_sub(1)));
        let ms = |time: Option<&Duration>| time.map_or(0.0, |t| t.as_secs_f64() * 1e3);
        Self { name, unit: "ms", median: ms(at(50)), p95: Some(ms(at(95))), samples: times.len(), aim: aim_ms }
    }

    pub(crate) fn of_one(name: &'static str, unit: &'static str, value: f64, aim: Option<f64>) -> Self {
        Self { name, unit, median: value, p95: None, samples: 1, aim }
    }

    fn print(&self, json: bool) {
        let Self { name, unit, median, p95, samples, aim } = self;
        if json {
            let line = serde_json::json!({
                "v": 1, "figure": name, "unit": unit, "median": median, "p95": p95, "samples": samples, "aim": aim,
            });
            return println!("{line}");
        }
        let p95 = p95.map_or(String::new(), |p95| format!("  p95 {p95:.2}"));
        let aim = aim.map_or(String::new(), |aim| format!("  (aim {aim})"));
        println!("{name:<58} {median:>10.2} {unit}{p95}{aim}  n={samples}");
    }
}

/// The directory of this program, where the others are.
fn programs() -> anyhow::Result<PathBuf> {
    let me = std::env::current_exe()?;
    Ok(me.parent().unwrap_or(Path::new(".")).to_owned())
}

/// Measures the published figures, or one thing alone.
#[derive(clap::Parser)]
struct Arguments {
    /// Figures as objects of JSON, one per line.
    #[arg(long)]
    json: bool,
    #[command(subcommand)]
    alone: Option<Alone>,
}

#[derive(clap::Subcommand)]
enum Alone {
    /// A peer under hostile datagrams, with people on it who write to each other.
    Siege(siege::Siege),
    /// How much one core of a peer serves, beside what the system's calls alone would allow.
    Unit(load::Unit),
    /// How much one core of a peer takes for people who are away, and how fast they fetch it.
    Store(load::Store),
}

fn main() -> anyhow::Result<()> {
    let Arguments { json, alone } = clap::Parser::parse();
    let programs = programs()?;
    match alone {
        None => all_figures(&programs, json),
        Some(Alone::Siege(siege)) => siege::run(&programs, &siege),
        Some(Alone::Unit(unit)) => load::unit(&programs, &unit),
        Some(Alone::Store(store)) => load::store(&programs, &store),
    }
}

fn all_figures(programs: &Path, json: bool) -> anyhow::Result<()> {
    for program in ["pirushka", "pirushkad"] {
        let path = programs.join(program);
        anyhow::ensure!(path.exists(), "{} is missing; run cargo build --release first", path.display());
        let mib = path.metadata()?.len() as f64 / f64::from(1 << 20);
        let name = if program == "pirushka" { "size of the program pirushka" } else { "size of the program pirushkad" };
        Figure::of_one(name, "MiB", mib, None).print(json);
    }
    let folder = tempfile::tempdir()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let peers = [
        peer::Process::start(programs, &folder.path().join("1"))?,
        peer::Process::start(programs, &folder.path().join("2"))?,
    ];
    Figure::of_one("memory of an idle peer (RSS)", "MiB", peers[0].rss_mib()?, None).print(json);
    let figures = runtime.block_on(engines::figures(folder.path(), &peers))?;
    figures.iter().for_each(|figure| figure.print(json));
    let figures = commands::figures(programs, folder.path(), &peers)?;
    figures.iter().for_each(|figure| figure.print(json));
    wire::figures().iter().for_each(|figure| figure.print(json));
    Ok(())
}
