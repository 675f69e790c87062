//! A configuration read again while the peer runs: what changes at once, what waits for a restart, said setting by
//! setting.

use std::collections::BTreeSet;
use std::fmt;

use pirushka_peer_core::Block;
use serde_json::{Value, json};

use super::{Config, Kind, SETTINGS, Setting, shortened};

/// What the process is made with: other values wait for the next start.
const AT_START: &[&str] = &[
    "listen",
    "host",
    "data_dir",
    "log",
    "socket.receive_buffer",
    "socket.send_buffer",
    "process.lock_memory",
    "admin.listen",
    "admin.allow_remote",
    "sessions.replay_filter_bits",
    "plain.enabled",
    "plain.users",
    "plain.users_per_prefix",
    "plain.silence",
    "plain.checks_per_second",
];
/// The one list among the settings.
const BLOCKS: &str = "block.networks";
/// Senders were told how long their messages are held, so only a longer time counts at once.
const NEVER_LOWER: &str = "messages.hold";

/// A configuration that was read again.
#[derive(Debug, Clone)]
pub struct Reload {
    /// What is in force now.
    pub config: Config,
    /// In the order of the example file.
    pub changes: Vec<Change>,
}

/// One setting that says something else than before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Its name.
    pub key: &'static str,
    /// As it was.
    pub old: String,
    /// As it is written now.
    pub new: String,
    /// What comes of it.
    pub effect: Effect,
}

/// What comes of a changed setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// It counts from now on.
    InForce,
    /// It is lower and counts for what is new; what is there already stays.
    ForNewThings,
    /// It counts from the next start.
    AtRestart,
}

impl Reload {
    /// What becomes of `running` when `read` is read.
    #[must_use]
    pub fn of(running: &Config, read: Config) -> Self {
        let (mut config, mut all) = (running.clone(), running.clone());
        let mut changes = Vec::new();
        for setting in SETTINGS {
            if !(setting.take)(&mut all, &read) {
                continue;
            }
            let effect = effect(setting, running, &read);
            if effect != Effect::AtRestart {
                (setting.take)(&mut config, &read);
            }
            let (old, new) = told(setting, running, &read);
            changes.push(Change { key: setting.key, old, new, effect });
        }
        Self { config, changes }
    }

    /// As one line for programs.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let row = |change: &Change| {
            let Change { key, old, new, effect } = change;
            json!({"key": key, "old": old, "new": new, "effect": effect.name()})
        };
        json!({"v": 1, "event": "reloaded", "changes": self.changes.iter().map(row).collect::<Vec<_>>()})
    }
}

impl Effect {
    /// For programs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::InForce => "in_force",
            Self::ForNewThings => "for_new_things",
            Self::AtRestart => "at_restart",
        }
    }
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::InForce => "in force",
            Self::ForNewThings => "in force for what is new; what is there stays",
            Self::AtRestart => "needs a restart",
        })
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} -> {} ({})", self.key, self.old, self.new, self.effect)
    }
}

/// A setting's values before and after, each short enough for a line.
fn told(setting: &Setting, running: &Config, read: &Config) -> (String, String) {
    let value = |config| match setting.plain(config) {
        nothing if nothing.is_empty() => "none".to_owned(),
        value => value,
    };
    let (old, new) = (value(running), value(read));
    let (shown, shown_new) = (shortened(&old), shortened(&new));
    // Of two long lists the beginnings say little.
    match setting.key == BLOCKS && (shown != old || shown_new != new) {
        true => (format!("{} networks", running.blocks.len()), difference(&running.blocks, &read.blocks)),
        false => (shown, shown_new),
    }
}

fn difference(old: &[Block], new: &[Block]) -> String {
    let (before, after): (BTreeSet<_>, BTreeSet<_>) = (old.iter().collect(), new.iter().collect());
    let list = |what: &str, blocks: Vec<&&Block>| {
        let count = blocks.len();
        let texts: Vec<_> = blocks.into_iter().map(ToString::to_string).collect();
        if count == 0 { String::new() } else { format!("; {count} {what}: {}", shortened(&texts.join(", "))) }
    };
    let added = list("more", after.difference(&before).collect());
    let removed = list("fewer", before.difference(&after).collect());
    format!("{} networks{added}{removed}", new.len())
}

fn effect(setting: &Setting, running: &Config, read: &Config) -> Effect {
    let is_lower = match setting.kind {
        Kind::Count(..) | Kind::Bytes(..) | Kind::Time(..) => {
            (setting.get)(read).number() < (setting.get)(running).number()
        }
        Kind::Flag | Kind::Text => false,
    };
    match is_lower {
        _ if AT_START.contains(&setting.key) => Effect::AtRestart,
        true if setting.key == NEVER_LOWER => Effect::AtRestart,
        true => Effect::ForNewThings,
        false => Effect::InForce,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(changes: &[(&str, &str)]) -> Config {
        let flags = changes.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned(), "--set".to_owned()));
        super::super::load(&super::super::Sources { flags: flags.collect(), ..Default::default() }).unwrap().config
    }

    #[test]
    fn every_start_only_setting_exists() {
        for key in AT_START.iter().chain([&NEVER_LOWER, &BLOCKS]) {
            assert!(Setting::find(key).is_some(), "{key}");
        }
    }

    #[test]
    fn what_can_change_changes_and_the_rest_is_named() {
        let running = with(&[("memory.total", "64 MiB"), ("messages.hold", "10 days"), ("sessions.total", "100")]);
        let read = with(&[
            ("memory.total", "32 MiB"),
            ("messages.hold", "5 days"),
            ("sessions.total", "200"),
            ("listen", "127.0.0.1:9"),
            ("block.networks", "192.0.2.0/24"),
        ]);
        let reload = Reload::of(&running, read);
        let said: Vec<String> = reload.changes.iter().map(ToString::to_string).collect();
        assert_eq!(
            said,
            [
                "listen: [::]:7117 -> 127.0.0.1:9 (needs a restart)",
                "block.networks: none -> 192.0.2.0/24 (in force)",
                "memory.total: 64 MiB -> 32 MiB (in force for what is new; what is there stays)",
                "messages.hold: 10 days -> 5 days (needs a restart)",
                "sessions.total: 100 -> 200 (in force)",
            ]
        );
        let config = &reload.config;
        assert_eq!((config.peer.ram_bytes, config.peer.link.sessions_max, config.blocks.len()), (32 << 20, 200, 1));
        assert_eq!((config.listen, config.peer.hold_s), (running.listen, 10 * 86_400), "the start's until the next");
    }

    #[test]
    fn what_is_taken_over_is_the_value_and_not_its_text() {
        let running = with(&[("block.networks", "192.0.2.0/24")]);
        let mut read = with(&[("data_dir", "/srv/a")]);
        read.host = None;
        let running = Config { host: "h.example".parse().ok(), ..running };
        let reload = Reload::of(&running, read);
        assert_eq!(reload.config.blocks, []);
        let said: Vec<String> = reload.changes.iter().map(ToString::to_string).collect();
        assert_eq!(
            said,
            [
                "host: h.example -> none (needs a restart)",
                "data_dir: none -> /srv/a (needs a restart)",
                "block.networks: 192.0.2.0/24 -> none (in force)",
            ]
        );
    }

    #[test]
    fn of_long_lists_the_difference_is_told() {
        let list = |numbers: std::ops::Range<u32>| {
            let texts: Vec<_> = numbers.map(|n| format!("{}/24", std::net::Ipv4Addr::from(n << 8))).collect();
            with(&[("block.networks", &texts.join(", "))])
        };
        let reload = Reload::of(&list(1..40_000), list(2..40_001));
        assert_eq!(reload.config.blocks.len(), 39_999);
        assert_eq!(
            reload.changes[0].to_string(),
            "block.networks: 39999 networks -> 39999 networks; 1 more: 0.156.64.0/24; 1 fewer: 0.0.1.0/24 (in force)"
        );
        let answer = Reload::of(&list(0..1), list(1..50_001)).to_json().to_string();
        assert!(answer.len() < 1_000, "{answer}");
    }

    #[test]
    fn the_same_configuration_changes_nothing() {
        let running = with(&[("memory.total", "64 MiB"), ("block.networks", "10.0.0.0/8 2001:db8::/32")]);
        assert_eq!(Reload::of(&running, running.clone()).changes, []);
    }
}
