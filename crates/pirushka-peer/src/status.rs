//! What the operator is told of a running peer: totals, and nobody's identity.

use std::collections::BTreeMap;
use std::fmt;

use pirushka_peer_core::{Counters, PlainStats, Stats};
use serde::{Deserialize, Serialize};

use crate::meter::{self, Meter};
use crate::shard::Report;

/// A snapshot of a running peer, summed over its shards. Fields are only ever added.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub struct Status {
    /// Version of this layout: 1.
    pub v: u32,
    /// `status`.
    pub event: String,
    /// The program's version.
    pub version: String,
    /// The peer's own address.
    pub address: String,
    /// Where it listens.
    #[serde(default)]
    pub local: String,
    /// Its process.
    #[serde(default)]
    pub pid: u32,
    /// What works less well than it could, as said at the start.
    #[serde(default)]
    pub warnings: Vec<String>,
    /// Names this run, hexadecimal.
    pub boot: String,
    /// Seconds since it started.
    pub uptime_s: u64,
    /// Whether it is stopping.
    pub draining: bool,
    /// Whether new work may be sent here: it runs, answers, and is not stopping.
    #[serde(default)]
    pub ready: bool,
    /// Resident memory in bytes, where the system tells.
    pub rss_bytes: Option<u64>,
    /// Memory that is kept out of swap, in bytes, where the system tells.
    #[serde(default)]
    pub locked_bytes: Option<u64>,
    /// Memory that is in swap, in bytes, where the system tells.
    #[serde(default)]
    pub swapped_bytes: Option<u64>,
    /// Users and their queues.
    pub clients: Clients,
    /// What is held and what went through.
    pub messages: Messages,
    /// Datagrams and sessions.
    pub network: Network,
    /// The plain profile: absent while it is off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plain: Option<Plain>,
    /// Datagrams without effect, by reason; reasons that never occurred are left out.
    pub drops: BTreeMap<String, u64>,
    /// Requests refused, by reason; reasons that never occurred are left out.
    pub refusals: BTreeMap<String, u64>,
}

/// Users and their queues.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clients {
    /// Users with an entry, here or away.
    pub users: u64,
    /// Users who are here.
    pub online: u64,
    /// Contact queues.
    pub queues: u64,
    /// Registrations accepted since the start.
    pub registrations: u64,
    /// Live sessions, those of senders included.
    #[serde(default)]
    pub sessions: u64,
    /// Bundles published.
    #[serde(default)]
    pub bundles: u64,
    /// Source networks remembered for limits per hour.
    #[serde(default)]
    pub prefixes: u64,
}

/// What is held and what went through.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Messages {
    /// Messages held now.
    pub held: u64,
    /// Their bytes and everything else that is accounted, overhead included.
    pub bytes_held: u64,
    /// What the process takes beside them.
    #[serde(default)]
    pub bytes_beside: u64,
    /// What the two together never exceed.
    pub bytes_max: u64,
    /// How much of `bytes_max` is taken, in percent, with what is kept free for sessions.
    #[serde(default)]
    pub pressure_percent: u64,
    /// While stopping: messages that users who are here have still to take.
    #[serde(default)]
    pub to_hand_out: u64,
    /// Introductions that wait.
    #[serde(default)]
    pub introductions_waiting: u64,
    /// Messages taken since the start, repeats not counted.
    pub taken: u64,
    /// Messages that their recipients acknowledged.
    pub delivered: u64,
    /// Messages whose hold time ended.
    pub expired: u64,
    /// Introductions and key packages dropped for want of memory.
    pub evicted: u64,
    /// Introductions completed.
    pub introductions: u64,
    /// Key packages handed out.
    pub lookups: u64,
    /// Queues brought back by a ticket.
    pub queues_restored: u64,
}

/// Datagrams and sessions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct Network {
    pub packets_in: u64,
    pub bytes_in: u64,
    pub packets_out: u64,
    pub bytes_out: u64,
    /// Sessions made.
    pub handshakes: u64,
    /// Silent sessions closed for want of memory.
    #[serde(default)]
    pub gave_way: u64,
    /// System calls that brought datagrams; fewer than `packets_in` under load.
    pub receive_calls: u64,
    /// System calls that took datagrams; fewer than `packets_out` under load.
    pub send_calls: u64,
    /// Times that the system refused to send.
    pub send_failures: u64,
    /// Kernel buffers that were granted, in bytes.
    pub receive_buffer: u64,
    /// See `receive_buffer`.
    pub send_buffer: u64,
}

/// The plain profile, summed since the start but for `users`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plain {
    /// People registered now.
    pub users: u64,
    /// REGISTER packets answered.
    pub registrations: u64,
    /// Addresses proven.
    pub proven: u64,
    /// Keepalives of people who are registered.
    pub keepalives: u64,
    /// Registrations ended by silence.
    pub expired: u64,
}

/// What does not change while the peer runs.
#[derive(Debug, Clone)]
pub(crate) struct Fixed {
    pub(crate) address: String,
    pub(crate) local: String,
    pub(crate) warnings: Vec<String>,
    pub(crate) boot: String,
    pub(crate) receive_buffer: u64,
    pub(crate) send_buffer: u64,
    /// Whether the plain profile is spoken.
    pub(crate) plain: bool,
}

impl Status {
    pub(crate) fn of(fixed: &Fixed, uptime_s: u64, reports: &[Report]) -> Self {
        let sum = |field: fn(&Report) -> u64| reports.iter().map(field).sum::<u64>();
        let memory = meter::swap();
        Self {
            v: 1,
            event: "status".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            address: fixed.address.clone(),
            local: fixed.local.clone(),
            pid: std::process::id(),
            warnings: fixed.warnings.clone(),
            boot: fixed.boot.clone(),
            uptime_s,
            draining: reports.iter().any(|report| report.stats.draining),
            ready: !reports.iter().any(|report| report.stats.draining),
            rss_bytes: Meter::open().and_then(|meter| meter.resident_bytes()),
            locked_bytes: memory.locked_bytes,
            swapped_bytes: memory.swapped_bytes,
            clients: Clients {
                users: sum(|r| r.stats.users),
                online: sum(|r| r.stats.users_online),
                queues: sum(|r| r.stats.queues),
                registrations: sum(|r| r.stats.registrations),
                sessions: sum(|r| r.stats.sessions),
                bundles: sum(|r| r.stats.bundles),
                prefixes: sum(|r| r.stats.prefixes),
            },
            messages: Messages {
                held: sum(|r| r.stats.messages_held),
                bytes_held: sum(|r| r.stats.bytes_held),
                bytes_beside: sum(|r| r.stats.bytes_beside),
                bytes_max: sum(|r| r.stats.ram_bytes),
                pressure_percent: reports.iter().map(|r| r.stats.pressure_percent).max().unwrap_or_default(),
                to_hand_out: sum(|r| r.stats.messages_to_drain),
                introductions_waiting: sum(|r| r.stats.intros_waiting),
                taken: sum(|r| r.stats.deposits),
                delivered: sum(|r| r.stats.delivered),
                expired: sum(|r| r.stats.expired),
                evicted: sum(|r| r.stats.evicted),
                introductions: sum(|r| r.stats.intros),
                lookups: sum(|r| r.stats.lookups),
                queues_restored: sum(|r| r.stats.queues_restored),
            },
            network: Network {
                packets_in: sum(|r| r.counters.packets_in),
                bytes_in: sum(|r| r.counters.bytes_in),
                packets_out: sum(|r| r.counters.packets_out + r.stats.plain.packets_out),
                bytes_out: sum(|r| r.counters.bytes_out + r.stats.plain.bytes_out),
                handshakes: sum(|r| r.counters.handshakes),
                gave_way: sum(|r| r.counters.gave_way),
                receive_calls: sum(|r| r.calls.receives),
                send_calls: sum(|r| r.calls.sends),
                send_failures: sum(|r| r.calls.send_failures),
                receive_buffer: fixed.receive_buffer,
                send_buffer: fixed.send_buffer,
            },
            plain: fixed.plain.then(|| Plain {
                users: sum(|r| r.stats.plain.users),
                registrations: sum(|r| r.stats.plain.registrations),
                proven: sum(|r| r.stats.plain.proven),
                keepalives: sum(|r| r.stats.plain.keepalives),
                expired: sum(|r| r.stats.plain.expired),
            }),
            drops: totals(reports.iter().flat_map(drops)),
            refusals: totals(reports.iter().flat_map(|report| refusals(&report.stats))),
        }
    }
}

/// Every reason for which a datagram may have no effect.
pub(crate) fn drop_reasons() -> impl Iterator<Item = String> {
    let link: Vec<_> = Counters::default().drops().map(|(reason, _)| snake_case(reason.name())).collect();
    let plain: Vec<_> = PlainStats::default().drops().map(|(reason, _)| plain_drop(reason.name())).collect();
    link.into_iter().chain(plain)
}

/// Every reason for which a request may be refused.
pub(crate) fn refusal_reasons() -> impl Iterator<Item = String> {
    refusals(&Stats::default()).into_iter().map(|(name, _)| name)
}

/// What the link dropped and, under names that begin with `plain_`, what the plain profile did.
fn drops(report: &Report) -> impl Iterator<Item = (String, u64)> + '_ {
    let link = report.counters.drops().map(|(reason, count)| (snake_case(reason.name()), count));
    let plain = report.stats.plain.drops();
    link.chain(plain.map(|(reason, count)| (plain_drop(reason.name()), count)))
}

fn plain_drop(name: &str) -> String {
    format!("plain_{}", snake_case(name))
}

fn refusals(stats: &Stats) -> [(String, u64); 11] {
    [
        ("full", stats.refused_full),
        ("slow_down", stats.refused_slow_down),
        ("unknown", stats.refused_unknown),
        ("introduction", stats.refused_intro),
        ("work", stats.refused_work),
        ("invite", stats.refused_invite),
        ("registration", stats.registrations_refused),
        ("draining", stats.refused_draining),
        ("other", stats.refused_other),
        ("frame_unknown", stats.frames_unknown),
        ("frame_malformed", stats.frames_malformed),
    ]
    .map(|(name, count)| (name.to_owned(), count))
}

fn totals(counts: impl Iterator<Item = (String, u64)>) -> BTreeMap<String, u64> {
    let mut totals = BTreeMap::new();
    for (name, count) in counts.filter(|(_, count)| *count > 0) {
        *totals.entry(name).or_default() += count;
    }
    totals
}

fn snake_case(name: &str) -> String {
    let mut out = String::new();
    for c in name.chars() {
        if c.is_ascii_uppercase() && !out.is_empty() {
            out.push('_');
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { clients, messages, network, .. } = self;
        writeln!(f, "address    {}", self.address)?;
        let state = if self.draining { "stopping" } else { "serving" };
        writeln!(
            f,
            "state      {state} for {}, version {}, boot {}",
            duration(self.uptime_s),
            self.version,
            self.boot
        )?;
        if let Some(rss) = self.rss_bytes {
            writeln!(f, "memory     {} resident", bytes(rss))?;
        }
        writeln!(f, "users      {} here of {}, {} queues", clients.online, clients.users, clients.queues)?;
        writeln!(
            f,
            "held       {} messages, {} of {}",
            messages.held,
            bytes(messages.bytes_held),
            bytes(messages.bytes_max)
        )?;
        writeln!(
            f,
            "messages   {} taken, {} delivered, {} expired",
            messages.taken, messages.delivered, messages.expired
        )?;
        writeln!(f, "network    in {} packets, {}", network.packets_in, bytes(network.bytes_in))?;
        writeln!(f, "           out {} packets, {}", network.packets_out, bytes(network.bytes_out))?;
        write!(f, "           {} sessions made", network.handshakes)?;
        if let Some(plain) = &self.plain {
            let Plain { users, registrations, keepalives, .. } = plain;
            write!(f, "\nplain      {users} here, {registrations} registrations, {keepalives} keepalives")?;
        }
        write_totals(f, "dropped   ", &self.drops)?;
        write_totals(f, "refused   ", &self.refusals)
    }
}

fn write_totals(f: &mut fmt::Formatter<'_>, title: &str, totals: &BTreeMap<String, u64>) -> fmt::Result {
    for (i, (name, count)) in totals.iter().enumerate() {
        let title = if i == 0 { title } else { "          " };
        write!(f, "\n{title} {count} {}", name.replace('_', " "))?;
    }
    Ok(())
}

/// So many bytes, for people.
pub(crate) fn bytes(n: u64) -> String {
    match n {
        0..1024 => format!("{n} B"),
        1024..1_048_576 => format!("{:.1} KiB", n as f64 / 1024.0),
        1_048_576..1_073_741_824 => format!("{:.1} MiB", n as f64 / 1_048_576.0),
        _ => format!("{:.1} GiB", n as f64 / 1_073_741_824.0),
    }
}

fn duration(s: u64) -> String {
    match s {
        0..60 => format!("{s} s"),
        60..3_600 => format!("{} min", s / 60),
        3_600..86_400 => format!("{} h {} min", s / 3_600, s % 3_600 / 60),
        _ => format!("{} d {} h", s / 86_400, s % 86_400 / 3_600),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn fixed() -> Fixed {
        Fixed {
            address: "h?k=x".into(),
            local: "[::]:1".into(),
            warnings: Vec::new(),
            boot: "00".into(),
            receive_buffer: 1,
            send_buffer: 2,
            plain: true,
        }
    }

    /// A peer that is here only to be looked at.
    pub(crate) fn made_up() -> Status {
        let stats = Stats {
            users: 30,
            users_online: 20,
            queues: 90,
            sessions: 25,
            messages_held: 40,
            bytes_held: 5_000,
            ram_bytes: 512 << 20,
            registrations: 31,
            deposits: 140,
            delivered: 100,
            expired: 3,
            evicted: 4,
            intros: 5,
            lookups: 6,
            queues_restored: 7,
            refused_full: 8,
            ..Stats::default()
        };
        let report = Report { stats, counters: Default::default(), calls: Default::default() };
        let mut status = Status::of(&fixed(), 4_000, &[report]);
        status.rss_bytes = Some(9 << 20);
        status.drops.insert("bad_mac".into(), 12);
        status
    }

    #[test]
    fn a_snapshot_reads_back_and_people_can_read_it_too() {
        let stats = Stats {
            users: 3,
            users_online: 2,
            queues: 9,
            messages_held: 4,
            bytes_held: 5_000,
            ram_bytes: 512 << 20,
            refused_full: 7,
            ..Stats::default()
        };
        let report = Report { stats, counters: Default::default(), calls: Default::default() };
        let mut status = Status::of(&fixed(), 4_000, &[report.clone(), report]);
        status.drops.insert("bad_mac".into(), 12);
        status.rss_bytes = Some(9 << 20);
        let json = serde_json::to_string(&status).unwrap();
        assert_eq!(serde_json::from_str::<Status>(&json).unwrap(), status);
        insta::assert_snapshot!(status.to_string(), @r"
        address    h?k=x
        state      serving for 1 h 6 min, version 0.1.0, boot 00
        memory     9.0 MiB resident
        users      4 here of 6, 18 queues
        held       8 messages, 9.8 KiB of 1.0 GiB
        messages   0 taken, 0 delivered, 0 expired
        network    in 0 packets, 0 B
                   out 0 packets, 0 B
                   0 sessions made
        plain      0 here, 0 registrations, 0 keepalives
        dropped    12 bad mac
        refused    14 full
        ");
    }

    #[test]
    fn names_of_drops_are_written_as_the_other_names_are() {
        assert_eq!(snake_case("BadMac"), "bad_mac");
        assert_eq!(snake_case("Replayed"), "replayed");
    }
}
