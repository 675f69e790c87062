//! How the demo is shown: a page for people, one object per step for programs.

use std::time::Duration;

use owo_colors::OwoColorize as _;
use serde_json::{Map, Value, json};

use crate::lang::text;
use crate::out::Out;
use crate::when;

/// Where the times stand, in columns from the left.
const WIDTH: usize = 76;

/// One step as far as it has come.
#[derive(Debug, Default)]
pub struct Step {
    lines: Vec<String>,
    fields: Map<String, Value>,
    measured: Option<Duration>,
}

impl Step {
    /// A line for people.
    pub fn line(&mut self, label: &str, value: impl AsRef<str>) {
        self.lines.push(format!("    {:<8} {}", label.cyan(), value.as_ref()));
    }

    /// A remark for people.
    pub fn note(&mut self, key: &str) {
        self.lines.push(format!("    {}", text(key, &[]).dimmed()));
    }

    /// A fact for programs.
    pub fn field(&mut self, name: &str, value: impl Into<Value>) {
        self.fields.insert(name.to_owned(), value.into());
    }

    /// The time that the step is about, if that is not all of it.
    pub fn measured(&mut self, time: Duration) {
        self.measured = Some(time);
    }
}

/// What is said before the first step.
pub fn opening(out: Out) {
    out.say("");
    out.say(format!("  {}", text("demo.title", &[]).bold()));
    out.say("");
    for line in text("demo.picture", &[]).lines() {
        out.say(format!("      {line}"));
    }
    out.say("");
}

/// A step that is over.
pub fn step(out: Out, name: &str, facts: &[u8], step: Step, took: Duration, ok: bool) {
    let time = step.measured.unwrap_or(took);
    if out.json {
        let mut fields = step.fields;
        fields.insert("step".into(), name.into());
        fields.insert("ok".into(), ok.into());
        fields.insert("facts".into(), facts.into());
        fields.insert("time_us".into(), micros(time).into());
        fields.insert("took_us".into(), micros(took).into());
        out.record("step", &fields);
        return;
    }
    let title = text(&format!("demo.step.{name}"), &[]);
    let span = when::span(micros(time));
    let gap = WIDTH.saturating_sub(title.chars().count() + span.chars().count() + 2).max(2);
    let mark = if ok { format!("{}", "✓".green().bold()) } else { format!("{}", "✗".red().bold()) };
    out.say(format!("{mark} {}{}{}", title.bold(), " ".repeat(gap), span.yellow()));
    step.lines.iter().for_each(|line| out.say(line));
    out.say("");
}

/// What is said after the last step.
pub fn closing(out: Out, steps: usize, took: Duration, processes: usize) {
    let took_text = when::span(micros(took));
    if out.json {
        out.record("demo", &json!({ "ok": true, "steps": steps, "processes": processes, "took_us": micros(took) }));
        return;
    }
    let arguments = [("n", &*steps.to_string()), ("took", &*took_text), ("processes", &*processes.to_string())];
    out.say(format!("  {}", text("demo.held", &arguments).green().bold()));
    out.say(format!("  {}", text("demo.gone", &[]).dimmed()));
    out.say("");
    for line in text("demo.next", &[]).lines() {
        out.say(format!("  {line}"));
    }
}

/// Whole microseconds.
#[must_use]
pub fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
