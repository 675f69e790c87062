//! A snapshot as Prometheus reads it. Names and meanings are a promise: new ones may come, none may change.

use std::fmt;

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

use crate::status::{Plain, Status, drop_reasons, refusal_reasons};

/// The media type of [`text`].
pub(super) const MEDIA_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The page.
pub(super) fn text(status: &Status) -> Result<String, fmt::Error> {
    let mut registry = Registry::with_prefix("pirushkad");
    process(&mut registry, status);
    clients(&mut registry, status);
    messages(&mut registry, status);
    network(&mut registry, status);
    plain(&mut registry, status);
    let mut page = String::new();
    encode(&mut page, &registry)?;
    Ok(page)
}

fn process(registry: &mut Registry, status: &Status) {
    let version = Info::new(vec![("version", status.version.clone())]);
    registry.register("build", "The program", version);
    let uptime = ConstGauge::new(i64_of(status.uptime_s));
    registry.register_with_unit("uptime", "Time since the start", Unit::Seconds, uptime);
    gauge(registry, "draining", "1 while it is stopping and takes no messages, else 0", status.draining.into());
    if let Some(rss) = status.rss_bytes {
        bytes(registry, "resident_memory", "Memory of the process that is in RAM", rss);
    }
    bytes(
        registry,
        "receive_buffer",
        "The kernel's buffer for datagrams to us, as granted",
        status.network.receive_buffer,
    );
    bytes(registry, "send_buffer", "The kernel's buffer for datagrams from us, as granted", status.network.send_buffer);
}

fn clients(registry: &mut Registry, status: &Status) {
    let clients = &status.clients;
    gauge(registry, "users", "Users with an entry, here or away", clients.users);
    gauge(registry, "users_online", "Users who are here", clients.online);
    gauge(registry, "queues", "Contact queues", clients.queues);
    gauge(registry, "bundles", "Users whose key packages strangers can fetch", clients.bundles);
    counter(registry, "registrations", "Registrations accepted", clients.registrations);
}

fn messages(registry: &mut Registry, status: &Status) {
    let messages = &status.messages;
    gauge(registry, "messages_held", "Messages held now", messages.held);
    bytes(registry, "held", "What counts against memory.total, overhead included", messages.bytes_held);
    bytes(registry, "beside", "What the process takes beside pirushkad_held_bytes", messages.bytes_beside);
    bytes(registry, "memory_limit", "memory.total, which the two together never exceed", messages.bytes_max);
    gauge(
        registry,
        "memory_pressure_percent",
        "How much of memory.total is taken, with what is kept free for sessions",
        messages.pressure_percent,
    );
    gauge(registry, "introductions_waiting", "Introductions by strangers that wait", messages.introductions_waiting);
    counter(registry, "messages_taken", "Messages taken from senders, repeats not counted", messages.taken);
    counter(registry, "messages_delivered", "Messages that their recipients acknowledged", messages.delivered);
    counter(registry, "messages_expired", "Messages whose hold time ended", messages.expired);
    counter(registry, "evicted", "Introductions and key packages dropped for want of memory", messages.evicted);
    counter(registry, "introductions", "Introductions by strangers that were completed", messages.introductions);
    counter(registry, "lookups", "Key packages handed out", messages.lookups);
    counter(registry, "queues_restored", "Queues brought back by a ticket", messages.queues_restored);
    let refusals = refusal_reasons().map(|reason| (reason.clone(), status.refusals.get(&reason).copied()));
    by_reason(registry, "refusals", "Requests that were refused, by reason", refusals);
}

fn network(registry: &mut Registry, status: &Status) {
    let network = &status.network;
    gauge(registry, "sessions", "Sessions of users and of senders", status.clients.sessions);
    counter(registry, "handshakes", "Sessions made", network.handshakes);
    counter(registry, "received_packets", "Datagrams received", network.packets_in);
    counter(registry, "sent_packets", "Datagrams sent", network.packets_out);
    bytes_counter(registry, "received", "Bytes in datagrams received", network.bytes_in);
    bytes_counter(registry, "sent", "Bytes in datagrams sent", network.bytes_out);
    counter(registry, "receive_calls", "System calls that brought datagrams", network.receive_calls);
    counter(registry, "send_calls", "System calls that took datagrams", network.send_calls);
    counter(registry, "send_failures", "System calls for sending that failed", network.send_failures);
    let drops = drop_reasons().map(|reason| (reason.clone(), status.drops.get(&reason).copied()));
    by_reason(registry, "drops", "Datagrams without effect, by reason", drops);
}

/// All zero while the profile is off.
fn plain(registry: &mut Registry, status: &Status) {
    let of = |count: fn(&Plain) -> u64| status.plain.as_ref().map_or(0, count);
    gauge(registry, "plain_users", "People registered in the plain profile", of(|plain| plain.users));
    counter(registry, "plain_registrations", "Bare registrations answered", of(|plain| plain.registrations));
    counter(registry, "plain_keepalives", "Bare keepalives of people who are registered", of(|plain| plain.keepalives));
}

fn gauge(registry: &mut Registry, name: &str, help: &str, value: u64) {
    registry.register(name, help, ConstGauge::new(i64_of(value)));
}

fn bytes(registry: &mut Registry, name: &str, help: &str, value: u64) {
    registry.register_with_unit(name, help, Unit::Bytes, ConstGauge::new(i64_of(value)));
}

fn counter(registry: &mut Registry, name: &str, help: &str, value: u64) {
    registry.register(name, help, ConstCounter::new(value));
}

fn bytes_counter(registry: &mut Registry, name: &str, help: &str, value: u64) {
    registry.register_with_unit(name, help, Unit::Bytes, ConstCounter::new(value));
}

/// Every reason has its line from the start, so that the first occurrence is seen as a change.
fn by_reason(registry: &mut Registry, name: &str, help: &str, counts: impl Iterator<Item = (String, Option<u64>)>) {
    let family = Family::<Vec<(&'static str, String)>, Counter>::default();
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
