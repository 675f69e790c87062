//! What `pirushkad limits` shows: each limit with what is used of it, in totals that name nobody.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::config::{Config, SETTINGS};
use crate::status::{Status, bytes};

/// Every limit of a running peer and its use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Limits {
    /// Version of this layout: 1.
    pub(crate) v: u32,
    /// `limits`.
    pub(crate) event: String,
    /// How much of the memory cap is taken, in percent.
    pub(crate) pressure_percent: u64,
    /// What that means for whoever comes.
    pub(crate) pressure: String,
    /// In the order of the example file.
    pub(crate) limits: Vec<Limit>,
}

/// One limit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Limit {
    /// As in the configuration.
    pub(crate) key: String,
    /// As in the configuration.
    pub(crate) limit: String,
    /// For the whole peer `peer`, else for each: `user`, `queue`, `prefix`, `session`, `message`.
    pub(crate) each: String,
    /// What is used, in all; absent where nobody counts.
    pub(crate) used: Option<u64>,
    /// Of what: `bytes`, `messages`, ...
    pub(crate) unit: Option<String>,
}

impl Limits {
    /// Of a peer with this configuration in this state.
    pub(crate) fn of(config: &Config, status: &Status) -> Self {
        let limits = SETTINGS.iter().filter_map(|setting| {
            let (each, used) = what(setting.key, status)?;
            let limit = setting.plain(config);
            let (used, unit) = used.map_or((None, None), |(used, unit)| (Some(used), Some(unit.to_owned())));
            Some(Limit { key: setting.key.into(), limit, each: each.into(), used, unit })
        });
        Self {
            v: 1,
            event: "limits".into(),
            pressure_percent: status.messages.pressure_percent,
            pressure: pressure(status.messages.pressure_percent).into(),
            limits: limits.collect(),
        }
    }
}

/// What is refused at which part of the memory cap.
/// What of the cap nobody but sessions may use, in percent, rounded.
const SESSIONS_SHARE_PERCENT: u64 = 100 / pirushka_peer_core::limits::SESSIONS_SHARE;

fn pressure(percent: u64) -> &'static str {
    match percent {
        0..70 => "everybody is served",
        70..80 => "new users are taken slowly",
        80..90 => "new users are taken slowly, introductions refused",
        90..100 => "no new users; introductions and key packages give way to messages",
        _ => "full: senders keep their messages",
    }
}

/// For whom a setting is a limit, and what is used of it.
fn what(key: &str, status: &Status) -> Option<(&'static str, Option<(u64, &'static str)>)> {
    let Status { clients, messages, .. } = status;
    let resident = status.rss_bytes.unwrap_or(messages.bytes_held + messages.bytes_beside);
    Some(match key {
        "memory.total" => ("peer", Some((resident, "bytes"))),
        "memory.user" | "memory.queue_reserve" | "introductions.size" => ("user", None),
        "memory.queue" => ("queue", Some((clients.queues, "queues"))),
        "messages.per_queue" => ("queue", Some((messages.held, "messages"))),
        "messages.hold" | "introductions.hold" => ("message", None),
        "users.queues" => ("user", Some((clients.queues, "queues"))),
        "users.new_per_prefix_and_hour" => ("prefix", None),
        "users.prefixes" => ("peer", Some((clients.prefixes, "networks"))),
        "users.one_time_packages" => ("user", Some((clients.bundles, "bundles"))),
        "introductions.per_user" => ("user", Some((messages.introductions_waiting, "introductions"))),
        "introductions.tokens" => ("user", None),
        "sessions.total" => ("peer", Some((clients.sessions, "sessions"))),
        "sessions.outbox" => ("session", None),
        "sessions.per_prefix_and_second"
        | "sessions.per_prefix_burst"
        | "sessions.per_prefix_live"
        | "sessions.per_prefix_unfinished" => ("prefix", None),
        "plain.users" => ("peer", Some((status.plain.as_ref()?.users, "people"))),
        "plain.users_per_prefix" if status.plain.is_some() => ("prefix", None),
        _ => return None,
    })
}

impl fmt::Display for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} % of memory.total is taken: {} (of which {SESSIONS_SHARE_PERCENT} % are kept free for sessions)",
            self.pressure_percent, self.pressure
        )?;
        for Limit { key, limit, each, used, unit } in &self.limits {
            let limit = if each == "peer" { limit.clone() } else { format!("{limit} each {each}") };
            let used = match (used, unit.as_deref()) {
                (Some(used), Some("bytes")) => format!("{} in use", bytes(*used)),
                (Some(used), Some(unit)) => format!("{used} {unit} in all"),
                _ => String::new(),
            };
            write!(f, "\n{}", format!("{key:<32} {limit:<24} {used}").trim_end())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_of_the_pressure_is_what_the_core_does() {
        let said: Vec<_> = [0, 69, 70, 79, 80, 89, 90, 99, 100, 130].map(pressure).to_vec();
        assert!(said.windows(2).step_by(2).all(|pair| pair[0] == pair[1]), "{said:?}");
        assert_eq!(said.iter().collect::<std::collections::BTreeSet<_>>().len(), 5);
    }
}
