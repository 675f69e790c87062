//! `peer`: the one that serves me, and whether any peer answers.

use std::time::Duration;

use pirushka_client::{HomeView, PeerCheck, check_peer};
use pirushka_wire::HomeAddress;

use super::status::home_in_words;
use crate::args::Peer;
use crate::context::Context;
use crate::fault::Outcome;
use crate::lang::text;
use crate::out::{self, Out};
use crate::trouble::fault;
use crate::when;

/// `peer show|check|set`
///
/// # Errors
/// There is no peer, or it does not answer (with the cause).
pub async fn run(context: &Context, peer: Peer) -> Outcome {
    match peer {
        Peer::Show => show(context).await,
        Peer::Check { address, timeout } => check(context, address, timeout).await,
        Peer::Set { address } => set(context, &address).await,
    }
}

async fn show(context: &Context) -> Outcome {
    let homes = context.engine().await?.status().await.map_err(fault)?.homes;
    if homes.is_empty() {
        return Err(super::id::no_peer());
    }
    homes.iter().for_each(|home| say_home(context.out, home));
    Ok(())
}

fn say_home(out: Out, home: &HomeView) {
    if out.json {
        out.record("peer", home);
        return;
    }
    let line = |label: &str, value: &str| out.say(format!("{} {value}", out::label(&text(label, &[]))));
    line("label.peer", &home_in_words(home));
    line("label.address", &home.peer);
    if let Some(observed) = &home.observed {
        line("label.seen_as", observed);
    }
    line("label.keepalive", &format!("{} s", home.keepalive_s));
}

async fn set(context: &Context, address: &HomeAddress) -> Outcome {
    let engine = context.engine().await?;
    engine.set_home(&address.to_string()).await.map_err(fault)?;
    let identity = engine.identity().await.map_err(fault)?;
    if context.out.json {
        context.out.record("identity", &identity);
    } else {
        super::id::say(context.out, &identity);
    }
    Ok(())
}

async fn check(context: &Context, address: Option<HomeAddress>, timeout: Duration) -> Outcome {
    let address = match address {
        Some(address) => address.to_string(),
        None => own_peer(context).await?,
    };
    let found = check_peer(&address, timeout).await.map_err(fault)?;
    report(context.out, &found);
    found.trouble.map_or(Ok(()), |trouble| Err(fault(trouble)))
}

async fn own_peer(context: &Context) -> Outcome<String> {
    let homes = context.engine().await?.status().await.map_err(fault)?.homes;
    homes.into_iter().next().map(|home| home.peer).ok_or_else(super::id::no_peer)
}

fn report(out: Out, found: &PeerCheck) {
    if out.json {
        out.record("peer_check", found);
        return;
    }
    let line = |label: &str, value: &str| out.say(format!("{} {value}", out::label(&text(label, &[]))));
    let names = found.addresses.join(", ");
    line("check.name", if names.is_empty() { "✗" } else { &names });
    let reason = |code| found.trouble.as_ref().is_some_and(|trouble| trouble.code == code);
    if names.is_empty() {
        return;
    }
    let answered = found.answered.as_deref().unwrap_or("✗");
    line("check.packets", answered);
    let Some(handshake) = found.handshake_us else {
        let key = if reason(pirushka_client::Code::PeerVersion) { "check.version" } else { "check.key" };
        if found.answered.is_some() {
            line(key, "✗");
        }
        return;
    };
    line("check.key", &format!("✓ ({})", when::span(handshake)));
    line("check.version", "✓");
    if let Some(observed) = &found.observed {
        line("label.seen_as", observed);
    }
    if let Some(hold) = found.hold_s {
        line("check.holds", &text("check.days", &[("n", &(hold / 86_400).to_string())]));
    }
}
