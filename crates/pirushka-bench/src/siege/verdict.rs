//! What came of it, and whether everything held.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::attacker::Tally;
use super::crowd::{Delays, Outcome, percentile};
use super::hostile::Kind;
use super::{Siege, Window};

/// Where others have more of the processors, everybody waits for them now and then, as long as the scheduler lets them
/// run; whether one text in a hundred does decides about the 99th percentile. Then quiet ones are taken to be this slow.
const OTHERS_MAX: f64 = 0.1;
const SLICE_MS: f64 = 5.0;
/// What memory may grow by once every buffer of fixed size has been used.
const RSS_GROWTH_MAX: f64 = 0.05;
/// Besides, people's own: for a minute the peer remembers the deposit id of each text, in tables that double.
const TEXT_BYTES: f64 = 80.0;
const TEXT_REMEMBERED_S: u64 = 60;
const WINDOWS: [(&str, Window); 2] = [("quiet", Window::Quiet), ("siege", Window::Siege)];
/// Of what was sent so much must have arrived, else it was no siege.
const ARRIVED_MIN: f64 = 0.98;

/// What the peer says it dropped meanwhile, by reason: what came, but for the HELLOs that it answered, and a little junk
/// of newcomers.
#[derive(Debug)]
pub(crate) struct Drops(BTreeMap<String, u64>);

impl Drops {
    /// From two of the peer's reports.
    pub(crate) fn between(before: &Value, after: &Value) -> Option<Self> {
        let drops = after["drops"].as_object()?.iter().filter_map(|(reason, count)| {
            let grown = count.as_u64()? - before["drops"][reason].as_u64().unwrap_or(0);
            (grown > 0).then(|| (reason.clone(), grown))
        });
        Some(Self(drops.collect()))
    }
}

/// Everything that was measured.
#[derive(Debug)]
pub(crate) struct Verdict {
    pub(crate) crowd: Outcome,
    pub(crate) attack: Vec<Tally>,
    pub(crate) drops: Drops,
    pub(crate) rss: Rss,
    pub(crate) took: Duration,
    /// The share of the processors that others had meanwhile.
    pub(crate) others: f64,
    /// How many times as late as in quiet windows the latest of a hundred texts may be.
    pub(crate) ratio_max: f64,
}

/// Resident memory of the peer, in MiB.
#[derive(Debug, Default)]
pub(crate) struct Rss {
    /// With people on it, before the first hostile datagram.
    pub(crate) before: f64,
    /// After the first window of siege: the buffers of fixed size have all been used.
    pub(crate) settled: f64,
    /// The most after that.
    pub(crate) most: f64,
    /// What it may be.
    allowed: f64,
}

impl Rss {
    /// With so many texts per second.
    pub(crate) fn settle(&mut self, settled: f64, texts_per_s: u64) {
        let remembered = (texts_per_s * TEXT_REMEMBERED_S) as f64 * TEXT_BYTES / f64::from(1 << 20);
        (self.settled, self.allowed) = (settled, settled * (1.0 + RSS_GROWTH_MAX) + remembered);
    }
}

impl Verdict {
    /// Fails with everything that does not hold.
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        let failed: Vec<String> =
            self.conditions().into_iter().filter(|(_, holds)| !holds).map(|(what, _)| what).collect();
        anyhow::ensure!(failed.is_empty(), "does not hold: {}", failed.join("; "));
        Ok(())
    }

    fn conditions(&self) -> Vec<(String, bool)> {
        let crowd = &self.crowd;
        let none = |what: &str, count: u64| (format!("no {what}, but {count}"), count == 0);
        let strangers: u64 = self.strangers().map(|tally| tally.answers).sum();
        let overpaid: u64 = self.attack.iter().map(|tally| tally.overpaid).sum();
        let Rss { settled, most, allowed, .. } = self.rss;
        let grown = format!("memory stays, but {settled:.2} -> {most:.2} MiB, {allowed:.2} allowed");
        let arrived = format!("the datagrams arrive, but {} of {}", self.arrived(), self.countable());
        let ratio = self.p99_ratio();
        vec![
            none("answer to a stranger", strangers),
            none("moment at which a half handshake was given more than it sent", overpaid),
            none("text lost", crowd.lost),
            none("text doubled", crowd.doubled),
            none("text altered", crowd.altered),
            none("text refused", crowd.refused),
            none("session lost", crowd.sessions_lost),
            none("newcomer kept out", crowd.newcomers_failed),
            (grown, most <= allowed),
            (arrived, self.arrived() as f64 >= self.countable() as f64 * ARRIVED_MIN),
            (format!("p99 below {} x that of quiet windows, but {ratio:.2} x", self.ratio_max), ratio < self.ratio_max),
        ]
    }

    /// Hostile datagrams that the peer counts: it does not count empty ones.
    fn countable(&self) -> u64 {
        self.attack.iter().filter(|tally| tally.kind != Kind::Empty).map(|tally| tally.sent).sum()
    }

    fn arrived(&self) -> u64 {
        self.drops.0.values().sum::<u64>() + self.attack.iter().map(|tally| tally.answers).sum::<u64>()
    }

    fn sent(&self) -> u64 {
        self.attack.iter().map(|tally| tally.sent).sum()
    }

    fn strangers(&self) -> impl Iterator<Item = &Tally> {
        self.attack.iter().filter(|tally| !tally.kind.may_be_answered())
    }

    fn p99_ratio(&self) -> f64 {
        let p99 = |window| percentile(&self.crowd.texts_took.all(window), 99);
        let least = if self.others > OTHERS_MAX { SLICE_MS } else { 0.0 };
        p99(Window::Siege) / f64::max(p99(Window::Quiet), least)
    }

    /// For people.
    pub(crate) fn print(&self) {
        println!(
            "{:<26} {:>9} {:>12} {:>8} {:>12} {:>9}",
            "hostile datagrams", "sent", "bytes", "answers", "bytes", "out / in"
        );
        for Tally { kind, sent, bytes_sent, answers, bytes_answered, .. } in &self.attack {
            let ratio = *bytes_answered as f64 / (*bytes_sent).max(1) as f64;
            let name = kind.name();
            println!("{name:<26} {sent:>9} {bytes_sent:>12} {answers:>8} {bytes_answered:>12} {ratio:>9.3}");
        }
        println!("\nthe peer dropped:");
        for (reason, count) in &self.drops.0 {
            println!("{reason:<26} {count:>9}");
        }
        println!("\n{:<26} {:>9} {:>9} {:>9} {:>9} {:>9}", "milliseconds", "n", "p50", "p99", "p99.9", "most");
        let Outcome { texts_took, newcomers_took, .. } = &self.crowd;
        for (who, delays) in [("texts", texts_took), ("newcomers' handshakes", newcomers_took)] {
            for (when, window) in WINDOWS {
                let list = &delays.all(window);
                let (p50, p99, most) = (percentile(list, 50), percentile(list, 99), list.last().unwrap_or(&0.0));
                let p999 = list.get(list.len() * 999 / 1000).unwrap_or(&0.0);
                let what = format!("{who}, {when}");
                println!("{what:<26} {:>9} {p50:>9.3} {p99:>9.3} {p999:>9.3} {most:>9.3}", list.len());
            }
        }
        let Outcome { texts, pushed_again, .. } = &self.crowd;
        let Rss { before, settled, most, allowed } = self.rss;
        println!("\n{texts} texts, {pushed_again} pushes repeated, {:.0} s", self.took.as_secs_f64());
        let (others, ratio) = (self.others * 100.0, self.p99_ratio());
        println!("others had {others:.0} % of the processors; the 99th percentiles' ratio counts as {ratio:.2}");
        println!(
            "resident memory {before:.2} MiB before, {settled:.2} after the first window, then {most:.2} at most, {allowed:.2} allowed"
        );
        for (what, holds) in self.conditions() {
            let what = what.split(", but").next().unwrap_or_default();
            println!("{} {what}", if holds { "holds:        " } else { "DOES NOT HOLD:" });
        }
    }

    /// For programs.
    pub(crate) fn json(&self, siege: &Siege) -> Value {
        let kinds: Vec<Value> = self
            .attack
            .iter()
            .map(|tally| {
                json!({
                    "kind": tally.kind.name(), "sent": tally.sent, "bytes_sent": tally.bytes_sent,
                    "answers": tally.answers, "bytes_answered": tally.bytes_answered,
                })
            })
            .collect();
        let delays =
            |list: &[f64]| json!({ "n": list.len(), "p50_ms": percentile(list, 50), "p99_ms": percentile(list, 99) });
        let of = |all: &Delays| {
            WINDOWS.iter().map(|(when, window)| (*when, delays(&all.all(*window)))).collect::<BTreeMap<_, _>>()
        };
        let crowd = &self.crowd;
        json!({
            "v": 1, "siege": self.check().is_ok(), "seed": siege.seed, "datagrams": self.sent(),
            "arrived": self.arrived(), "seconds": self.took.as_secs_f64(), "others": self.others, "rate": siege.rate,
            "answers_to_strangers": self.strangers().map(|tally| tally.answers).sum::<u64>(),
            "kinds": kinds, "drops": self.drops.0,
            "texts": {
                "sent": crowd.texts, "lost": crowd.lost, "doubled": crowd.doubled, "altered": crowd.altered,
                "refused": crowd.refused, "pushed_again": crowd.pushed_again, "took": of(&crowd.texts_took),
                "p99_ratio": self.p99_ratio(),
            },
            "sessions_lost": crowd.sessions_lost,
            "newcomers": { "failed": crowd.newcomers_failed, "took": of(&crowd.newcomers_took) },
            "rss_mib": { "before": self.rss.before, "settled": self.rss.settled, "most": self.rss.most, "allowed": self.rss.allowed },
        })
    }
}
