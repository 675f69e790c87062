//! `lab`: the seed's own wire, for study.

use std::fmt::Write as _;
use std::time::Duration;

use pirushka_client::Code;
use pirushka_client::lab::{PlainConfig, PlainEvent, PlainOptions, PlainTold, profile_identity, register_plain};
use pirushka_wire::Root;
use pirushka_wire::dissect::{Field, fields, name_of};

use crate::args::{Lab, LabRegister};
use crate::context::Context;
use crate::fault::{Exit, Fault, Outcome};
use crate::lang::text;
use crate::out::{self, Out};
use crate::trouble::fault;

/// `lab register`
///
/// # Errors
/// The name has no address, the peer is unavailable, or the profile does not open.
pub async fn run(context: &Context, lab: Lab) -> Outcome {
    match lab {
        Lab::Register(register) => self::register(context, register).await,
    }
}

async fn register(context: &Context, lab: LabRegister) -> Outcome {
    let identity = if lab.as_me {
        context.out.warn(text("lab.as_me", &[]));
        Some(profile_identity(&context.profile, context.passphrase()).await.map_err(fault)?)
    } else {
        None
    };
    let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    let config = PlainConfig {
        keepalive_us: Some(micros(lab.keepalive)).filter(|&us| us > 0),
        wait_us: micros(lab.wait),
        shifts: lab.shifts,
        ..PlainConfig::default()
    };
    context.out.advise(text("lab.in_the_clear", &[]));
    let options = PlainOptions { config, once: lab.once, identity };
    let (out, trace) = (context.out, lab.trace);
    let done = register_plain(&lab.plain, options, |told| show(out, trace, &told)).await;
    done.map_err(|error| match error.code {
        Code::NoAnswer => {
            let place = lab.plain.to_string();
            Fault::new(Exit::Network, "fault.peer_unavailable", &[("place", &place)])
        }
        _ => fault(error),
    })
}

fn show(out: Out, trace: bool, told: &PlainTold<'_>) {
    match told {
        PlainTold::Begun(fingerprint, peer) => {
            let (fingerprint, peer) = (fingerprint.to_hex(), peer.to_string());
            if out.json {
                return out.record("begun", &serde_json::json!({ "fingerprint": fingerprint, "peer": peer }));
            }
            out.say(format!("{} {fingerprint}", out::label(&text("label.fingerprint", &[]))));
            out.say(format!("{} {peer}", out::label(&text("label.peer", &[]))));
        }
        PlainTold::Sent(packet) => show_packet(out, trace, true, packet),
        PlainTold::Received(packet) => show_packet(out, trace, false, packet),
        PlainTold::Event(PlainEvent::Registered) => milestone(out, "registered"),
        PlainTold::Event(PlainEvent::Proven) => milestone(out, "proven"),
        PlainTold::Event(PlainEvent::Unavailable) => milestone(out, "unavailable"),
        PlainTold::NetworkChanged => milestone(out, "network_changed"),
    }
}

fn milestone(out: Out, what: &str) {
    out.record_or_say(what, &serde_json::json!({}), || format!("  {}", text(&format!("lab.{what}"), &[])));
}

fn show_packet(out: Out, trace: bool, is_sent: bool, packet: &[u8]) {
    let found = fields(packet).unwrap_or_default();
    let name = Root::decode(packet).ok().and_then(|root| name_of(root.kind)).unwrap_or("?");
    if out.json {
        let parts: Vec<_> = found
            .iter()
            .map(|field| {
                serde_json::json!({ "field": field.name, "at": field.bytes.start, "hex": hex(&packet[field.bytes.clone()]) })
            })
            .collect();
        let packet = serde_json::json!({
            "direction": if is_sent { "sent" } else { "received" }, "name": name, "size": packet.len(),
            "hex": hex(packet), "fields": parts,
        });
        return out.record("packet", &packet);
    }
    let arrow = if is_sent { "→" } else { "←" };
    let size = text("lab.size", &[("n", &packet.len().to_string())]);
    out.say(format!("{arrow} {name:<10} {size}"));
    if trace {
        found.iter().for_each(|field| out.say(field_in_words(field, packet)));
    }
}

/// `  68  timestamp         00 00 00 00 65 53 f1 00`, sixteen bytes to a line.
fn field_in_words(field: &Field, packet: &[u8]) -> String {
    let bytes = &packet[field.bytes.clone()];
    let mut lines = String::new();
    for (n, row) in bytes.chunks(16).enumerate() {
        let name = if n == 0 { field.name } else { "" };
        let row: Vec<String> = row.iter().map(|byte| format!("{byte:02x}")).collect();
        let end = if n == 0 { "" } else { "\n" };
        let _ = write!(lines, "{end}  {:>4}  {name:<17} {}", field.bytes.start + n * 16, row.join(" "));
    }
    lines
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}
