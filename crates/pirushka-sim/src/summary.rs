//! What came of many seeds, in one line of JSON.

use std::collections::BTreeMap;
use std::time::Duration;

use pirushka_sim::NEEDED;
use pirushka_sim::random::Outcome;

/// Bad seeds that the line names.
const NAMED_MAX: usize = 50;

/// Sums over seeds.
#[derive(Debug, Default)]
pub(crate) struct Summary {
    seeds: u64,
    missing: u64,
    bad: Vec<u64>,
    messages: u64,
    entries: u64,
    virtual_us: u64,
    situations: BTreeMap<&'static str, u64>,
}

impl Summary {
    /// Of one seed; the number alone where the run itself failed.
    pub(crate) fn of(outcome: Result<Outcome, u64>) -> Self {
        match outcome {
            Ok(outcome) => Self {
                seeds: 1,
                bad: if outcome.violations.is_empty() { vec![] } else { vec![outcome.seed] },
                messages: outcome.messages,
                entries: outcome.entries,
                virtual_us: outcome.virtual_us,
                situations: outcome.situations,
                missing: 0,
            },
            Err(seed) => Self { seeds: 1, bad: vec![seed], ..Self::default() },
        }
    }

    /// Both together.
    pub(crate) fn with(mut self, other: Self) -> Self {
        self.seeds += other.seeds;
        self.bad.extend(other.bad);
        self.messages += other.messages;
        self.entries += other.entries;
        self.virtual_us += other.virtual_us;
        other.situations.iter().for_each(|(name, n)| *self.situations.entry(name).or_default() += n);
        self
    }

    /// So many seeds were to run; a thread that ended early took some with it.
    pub(crate) fn expecting(mut self, seeds: u64) -> Self {
        self.missing = seeds - self.seeds;
        self
    }

    /// All have run, and no rule was broken.
    pub(crate) fn is_clean(&self) -> bool {
        self.bad.is_empty() && self.missing == 0
    }

    /// Situations of the list that did not come up.
    pub(crate) fn missed(&self) -> Vec<&'static str> {
        NEEDED.iter().copied().filter(|name| !self.situations.contains_key(name)).collect()
    }

    /// As one line of JSON, version 1.
    pub(crate) fn line(&self, took: Duration) -> String {
        let mut bad = self.bad.clone();
        bad.sort_unstable();
        bad.truncate(NAMED_MAX);
        let tenths = |value: f64| (value * 10.0).round() / 10.0;
        let seconds = took.as_secs_f64();
        let reached = NEEDED.len() - self.missed().len();
        serde_json::json!({
            "v": 1,
            "seeds": self.seeds,
            "not_run": self.missing,
            "violations": self.bad.len(),
            "bad_seeds": bad,
            "messages": self.messages,
            "entries": self.entries,
            "virtual_hours": self.virtual_us / 3_600_000_000,
            "seconds": tenths(seconds),
            "seeds_per_second": tenths(self.seeds as f64 / seconds.max(1e-9)),
            "situations_reached": reached,
            "situations": self.situations,
        })
        .to_string()
    }
}
