//! A running `pirushkad` under hostile datagrams, with people on it who write to each other all the time:
//! `pirushka-bench siege`.
//!
//! Windows of quiet and of siege alternate in one run, so that what people feel can be compared side by side on
//! whatever machine it is. Both sides are open loops: a text is due when it is due, however late the one before was,
//! and a delay counts from there; the attacker sends at its rate, and in a window of siege until its share is sent.
//!
//! What must hold: no answer to a stranger; to whoever holds the address never more bytes than it sent; memory that
//! stays; no text lost, doubled, altered or refused; delays of people below twice those of quiet windows.

mod attacker;
mod busy;
mod crowd;
mod hostile;
mod line;
mod recording;
mod verdict;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;

use crate::peer::Process;
use attacker::Attacker;
use busy::Ticks;
use crowd::Crowd;
use recording::Recording;
use verdict::{Drops, Rss, Verdict};

/// What is asked for on the command line.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Siege {
    /// Hostile datagrams in all.
    #[arg(long, default_value_t = 1_000_000)]
    datagrams: u64,
    /// Hostile datagrams per second.
    #[arg(long, default_value_t = 50_000)]
    rate: u64,
    /// People, each of whom writes to the next.
    #[arg(long, default_value_t = 16)]
    people: usize,
    /// Texts per second, of all people together.
    #[arg(long, default_value_t = 500)]
    texts: u64,
    /// Seconds of a window of siege; quiet ones are half as long.
    #[arg(long, default_value_t = 2.0)]
    window: f64,
    /// Everything hostile is drawn from it.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many times as late as in quiet windows the latest of a hundred texts may be. More where others use the machine.
    #[arg(long, default_value_t = 2.0)]
    ratio_max: f64,
    /// One line of JSON and nothing else.
    #[arg(long)]
    json: bool,
}

/// What a window is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Window {
    Quiet,
    Siege,
    /// Begun just now, or before the first: not compared.
    Between,
}

/// The beginning of a window, in which nothing is compared.
const SETTLE: Duration = Duration::from_millis(100);
const WARM_UP: Duration = Duration::from_secs(1);
/// So long after the last window everything may still arrive: longer than a link repeats a question.
const PATIENCE: Duration = Duration::from_secs(30);
const SAMPLE_EVERY: Duration = Duration::from_millis(250);

/// Runs it; fails if something does not hold.
pub(crate) fn run(programs: &Path, siege: &Siege) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let peer = Process::start(programs, &folder.path().join("peer"))?;
    let recording = Arc::new(Recording::new(siege.seed));
    let mut crowd = Crowd::gather(&peer, siege.people, siege.texts, siege.seed, &recording)?;
    let attacker = Attacker::start(&peer, siege.seed, siege.rate, &recording)?;
    let mut stage = Stage { peer: &peer, crowd: &mut crowd, rss: Rss::default(), sampled: Instant::now() };

    stage.play(Window::Between, |since| since >= WARM_UP)?;
    stage.rss.before = peer.rss_mib()?;
    let before = peer.status(programs)?;
    let share = ((siege.rate as f64 * siege.window) as u64).clamp(1, siege.datagrams);
    let (began, ticks) = (Instant::now(), Ticks::now(peer.id())?);
    while attacker.sent() < siege.datagrams {
        let quiet = Duration::from_secs_f64(siege.window / 2.0);
        attacker.shoot_into_the_air();
        stage.window(Window::Quiet, |since| since >= quiet)?;
        attacker.attack(share.min(siege.datagrams - attacker.sent()));
        stage.window(Window::Siege, |_| attacker.is_done())?;
        if stage.rss.settled == 0.0 {
            stage.rss.settle(peer.rss_mib()?, siege.texts);
        }
    }
    let (took, others) = (began.elapsed(), Ticks::now(peer.id())?.others_since(ticks));
    stage.crowd.stop_writing();
    let patience = Instant::now() + PATIENCE;
    while !stage.crowd.has_all() && Instant::now() < patience {
        stage.play(Window::Between, |since| since >= Duration::from_millis(20))?;
    }
    let rss = stage.rss;
    let attack = attacker.stop();
    let drops = Drops::between(&before, &peer.status(programs)?).context("the peer's status")?;
    let ratio_max = siege.ratio_max;
    let verdict = Verdict { crowd: crowd.outcome(), attack, drops, rss, took, others, ratio_max };
    if !siege.json {
        verdict.print();
    }
    println!("{}", verdict.json(siege));
    verdict.check()
}

/// The people's loop, and what is measured beside it.
struct Stage<'a> {
    peer: &'a Process,
    crowd: &'a mut Crowd,
    rss: Rss,
    sampled: Instant,
}

impl Stage<'_> {
    fn window(&mut self, window: Window, is_over: impl Fn(Duration) -> bool) -> anyhow::Result<()> {
        self.play(Window::Between, |since| since >= SETTLE || is_over(since))?;
        self.play(window, is_over)
    }

    fn play(&mut self, window: Window, is_over: impl Fn(Duration) -> bool) -> anyhow::Result<()> {
        let began = Instant::now();
        self.crowd.enter(window);
        while !is_over(began.elapsed()) {
            self.crowd.turn()?;
            if self.sampled.elapsed() >= SAMPLE_EVERY {
                self.sampled = Instant::now();
                if self.rss.settled > 0.0 {
                    self.rss.most = self.rss.most.max(self.peer.rss_mib()?);
                }
            }
        }
        Ok(())
    }
}
