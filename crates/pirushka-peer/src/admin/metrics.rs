//! A snapshot as Prometheus reads it. Names and meanings are a promise: new ones may come, none may change.

use std::fmt;

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::{self, ConstCounter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

use crate::status::{Plain, Status, drop_reasons, refusal_reasons};

/// The media type of [`text`].
pub(super) const MEDIA_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What a row's value is.
#[derive(Debug, Clone, Copy)]
enum Kind {
    /// It goes up and down.
    Gauge,
    /// The same, in bytes.
    Bytes,
    /// It only grows.
    Counter,
    /// The same, in bytes.
    BytesCounter,
}
use Kind::{Bytes, BytesCounter, Counter, Gauge};

/// Name, meaning and value.
type Row = (Kind, &'static str, &'static str, fn(&Status) -> u64);

const ROWS: &[Row] = &[
    (Gauge, "draining", "1 while it is stopping and takes no messages, else 0", |status| status.draining.into()),
    (Bytes, "receive_buffer", "The kernel's buffer for datagrams to us, as granted", |status| {
        status.network.receive_buffer
    }),
    (Bytes, "send_buffer", "The kernel's buffer for datagrams from us, as granted", |status| {
        status.network.send_buffer
    }),
    (Gauge, "users", "Users with an entry, here or away", |status| status.clients.users),
    (Gauge, "users_online", "Users who are here", |status| status.clients.online),
    (Gauge, "queues", "Contact queues", |status| status.clients.queues),
    (Gauge, "bundles", "Users whose key packages strangers can fetch", |status| status.clients.bundles),
    (Counter, "registrations", "Registrations accepted", |status| status.clients.registrations),
    (Gauge, "messages_held", "Messages held now", |status| status.messages.held),
    (Bytes, "held", "What counts against memory.total, overhead included", |status| status.messages.bytes_held),
    (Bytes, "beside", "What the process takes beside pirushkad_held_bytes", |status| status.messages.bytes_beside),
    (Bytes, "memory_limit", "memory.total, which the two together never exceed", |status| status.messages.bytes_max),
    (
        Gauge,
        "memory_pressure_percent",
        "How much of memory.total is taken, with what is kept free for sessions",
        |status| status.messages.pressure_percent,
    ),
    (Gauge, "introductions_waiting", "Introductions by strangers that wait", |status| {
        status.messages.introductions_waiting
    }),
    (Counter, "messages_taken", "Messages taken from senders, repeats not counted", |status| status.messages.taken),
    (Counter, "messages_delivered", "Messages that their recipients acknowledged", |status| status.messages.delivered),
    (Counter, "messages_expired", "Messages whose hold time ended", |status| status.messages.expired),
    (Counter, "evicted", "Introductions and key packages dropped for want of memory", |status| status.messages.evicted),
    (Counter, "introductions", "Introductions by strangers that were completed", |status| {
        status.messages.introductions
    }),
    (Counter, "lookups", "Key packages handed out", |status| status.messages.lookups),
    (Counter, "queues_restored", "Queues brought back by a ticket", |status| status.messages.queues_restored),
    (Gauge, "sessions", "Sessions of users and of senders", |status| status.clients.sessions),
    (Counter, "handshakes", "Sessions made", |status| status.network.handshakes),
    (Counter, "sessions_gave_way", "Silent sessions closed for want of memory", |status| status.network.gave_way),
    (Counter, "received_packets", "Datagrams received", |status| status.network.packets_in),
    (Counter, "sent_packets", "Datagrams sent", |status| status.network.packets_out),
    (BytesCounter, "received", "Bytes in datagrams received", |status| status.network.bytes_in),
    (BytesCounter, "sent", "Bytes in datagrams sent", |status| status.network.bytes_out),
    (Counter, "receive_calls", "System calls that brought datagrams", |status| status.network.receive_calls),
    (Counter, "send_calls", "System calls that took datagrams", |status| status.network.send_calls),
    (Counter, "send_failures", "System calls for sending that failed", |status| status.network.send_failures),
    (Gauge, "plain_users", "People registered in the plain profile", |status| plain(status, |plain| plain.users)),
    (Counter, "plain_registrations", "Bare registrations answered", |status| {
        plain(status, |plain| plain.registrations)
    }),
    (Counter, "plain_keepalives", "Bare keepalives of people who are registered", |status| {
        plain(status, |plain| plain.keepalives)
    }),
];

/// The page.
pub(super) fn text(status: &Status) -> Result<String, fmt::Error> {
    let mut registry = Registry::with_prefix("pirushkad");
    registry.register("build", "The program", Info::new(vec![("version", status.version.clone())]));
    let uptime = ConstGauge::new(i64_of(status.uptime_s));
    registry.register_with_unit("uptime", "Time since the start", Unit::Seconds, uptime);
    if let Some(rss) = status.rss_bytes {
        row(&mut registry, Bytes, "resident_memory", "Memory of the process that is in RAM", rss);
    }
    for (kind, name, help, value) in ROWS {
        row(&mut registry, *kind, name, help, value(status));
    }
    let refusals = refusal_reasons().map(|reason| (reason.clone(), status.refusals.get(&reason).copied()));
    by_reason(&mut registry, "refusals", "Requests that were refused, by reason", refusals);
    let drops = drop_reasons().map(|reason| (reason.clone(), status.drops.get(&reason).copied()));
    by_reason(&mut registry, "drops", "Datagrams without effect, by reason", drops);
    let mut page = String::new();
    encode(&mut page, &registry)?;
    Ok(page)
}

fn row(registry: &mut Registry, kind: Kind, name: &str, help: &str, value: u64) {
    match kind {
        Gauge => registry.register(name, help, ConstGauge::new(i64_of(value))),
        Bytes => registry.register_with_unit(name, help, Unit::Bytes, ConstGauge::new(i64_of(value))),
        Counter => registry.register(name, help, ConstCounter::new(value)),
        BytesCounter => registry.register_with_unit(name, help, Unit::Bytes, ConstCounter::new(value)),
    }
}

/// All zero while the profile is off.
fn plain(status: &Status, count: fn(&Plain) -> u64) -> u64 {
    status.plain.as_ref().map_or(0, count)
}

/// Every reason has its line from the start, so that the first occurrence is seen as a change.
fn by_reason(registry: &mut Registry, name: &str, help: &str, counts: impl Iterator<Item = (String, Option<u64>)>) {
    let family = Family::<Vec<(&'static str, String)>, counter::Counter>::default();
    for (reason, count) in counts {
        family.get_or_create(&vec![("reason", reason)]).inc_by(count.unwrap_or_default());
    }
    registry.register(name, help, family);
}

/// Gauges are signed.
fn i64_of(value: u64) -> i64 {
    value.try_into().unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::tests::made_up;

    /// A changed name or meaning breaks somebody's dashboard and alerts. Add, do not change.
    #[test]
    fn names_meanings_and_values_are_frozen() {
        insta::assert_snapshot!(sorted(&text(&made_up()).unwrap()));
    }

    #[test]
    fn the_page_ends_as_the_format_asks_and_names_nobody() {
        let mut status = made_up();
        (status.address, status.boot) = ("secret.example?k=aaaa".into(), "0badb007".into());
        let page = text(&status).unwrap();
        assert!(page.ends_with("# EOF\n"));
        assert!(!page.contains("secret.example") && !page.contains(&status.boot));
    }

    #[test]
    fn every_reason_of_a_drop_or_refusal_has_a_line_before_it_ever_occurred() {
        let mut status = made_up();
        status.drops.clear();
        status.refusals.clear();
        let page = text(&status).unwrap();
        assert!(page.contains("pirushkad_drops_total{reason=\"bad_mac\"} 0\n"), "{page}");
        assert!(page.contains("pirushkad_refusals_total{reason=\"full\"} 0\n"), "{page}");
    }

    /// Lines of one family come in any order.
    fn sorted(page: &str) -> String {
        let mut families: Vec<Vec<&str>> = Vec::new();
        for line in page.lines() {
            if line.starts_with("# HELP") || line == "# EOF" {
                families.push(Vec::new());
            }
            families.last_mut().expect("a family begins with its help").push(line);
        }
        for family in &mut families {
            let samples = family.iter().take_while(|line| line.starts_with('#')).count();
            family[samples..].sort_unstable();
        }
        families.concat().join("\n")
    }
}
