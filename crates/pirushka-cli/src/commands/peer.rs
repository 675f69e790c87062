//! `peer`: those that serve me, who knows of them, and whether any peer answers.

use std::time::{Duration, Instant};

use pirushka_client::{
    ContactStateView, ContactView, Handle, HomeRoleView, HomeStateView, HomeView, PeerCheck, check_peer,
};
use pirushka_wire::HomeAddress;

use super::status::home_in_words;
use crate::args::Peer;
use crate::context::Context;
use crate::fault::{Exit, Fault, Outcome};
use crate::lang::text;
use crate::out::{self, Out, clean};
use crate::trouble::fault;
use crate::when;

/// `peer show|check|add|remove|move`
///
/// # Errors
/// There is no peer, or it does not answer (with the cause).
pub async fn run(context: &Context, peer: Peer) -> Outcome {
    match peer {
        Peer::Show { contacts } => show(context, contacts).await,
        Peer::Check { address, timeout } => check(context, address, timeout).await,
        Peer::Add { address } => {
            let engine = context.engine().await?;
            engine.home_add(&address.to_string()).await.map_err(fault)?;
            must_take_us(&engine, Duration::from_secs(3)).await?;
            changed(context).await
        }
        Peer::Remove { address } => {
            context.engine().await?.home_remove(&address).await.map_err(fault)?;
            changed(context).await
        }
        Peer::Move { address, from } => {
            let engine = context.engine().await?;
            engine.home_move(from.as_deref(), &address.to_string()).await.map_err(fault)?;
            must_take_us(&engine, Duration::from_secs(3)).await?;
            changed(context).await
        }
    }
}

/// What is so after a change: the peers, and what happens next by itself.
async fn changed(context: &Context) -> Outcome {
    let homes = context.engine().await?.status().await.map_err(fault)?.homes;
    homes.iter().for_each(|home| {
        if context.out.json {
            context.out.record("peer", home);
        } else {
            context.out.say(format!("{} {}", out::label(&text("label.peer", &[])), home_in_words(home)));
        }
    });
    let is = |role| homes.iter().any(|home| home.role == role);
    if is(HomeRoleView::Joining) {
        context.out.advise(text("peer.joins", &[]));
    }
    if homes.iter().any(|home| home.moving_to.is_some()) {
        context.out.advise(text("peer.moves", &[]));
    }
    if is(HomeRoleView::Leaving) {
        context.out.advise(text("peer.leaves", &[]));
    }
    Ok(())
}

async fn show(context: &Context, contacts: bool) -> Outcome {
    let engine = context.engine().await?;
    let homes = engine.status().await.map_err(fault)?.homes;
    if homes.is_empty() {
        return Err(super::id::no_peer());
    }
    homes.iter().for_each(|home| say_home(context.out, home));
    let people = engine.contacts().await.map_err(fault)?;
    let people: Vec<_> = people.iter().filter(|person| person.state == ContactStateView::Active).collect();
    let behind = people.iter().filter(|person| !person.knows_homes).count();
    if contacts {
        people.iter().for_each(|person| say_knows(context.out, person));
    } else if behind > 0 && !context.out.json {
        let counts = [("n", &*behind.to_string()), ("all", &*people.len().to_string())];
        context.out.say(text("peer.behind", &counts));
        context.out.advise(text("peer.who", &[]));
    }
    refusal(&homes).map_or(Ok(()), Err)
}

/// Waits for the peer's word on whether it takes us, as long as it is being asked and `patience` lasts.
///
/// # Errors
/// It does not: it is private, or asks for too much.
pub async fn must_take_us(engine: &Handle, patience: Duration) -> Outcome {
    let deadline = Instant::now() + patience;
    loop {
        let homes = engine.status().await.map_err(fault)?.homes;
        if let Some(refusal) = refusal(&homes) {
            return Err(refusal);
        }
        let asking = homes.iter().any(|home| home.state == HomeStateView::Connecting);
        if !asking || Instant::now() >= deadline {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// What is to be said when no peer takes us although it answers.
#[must_use]
pub fn refusal(homes: &[HomeView]) -> Option<Fault> {
    let key = |home: &HomeView| match home.state {
        HomeStateView::InviteNeeded => Some("fault.invite_needed"),
        HomeStateView::WorkTooHard => Some("fault.work_needed"),
        HomeStateView::Connecting | HomeStateView::Online | HomeStateView::Superseded | HomeStateView::Unavailable => {
            None
        }
    };
    // `peer move` would leave the others, which serve.
    let verb = if homes.len() > 1 { "add" } else { "move" };
    homes.iter().find_map(|home| {
        let place = home.peer.split('?').next().unwrap_or_default();
        key(home).map(|key| Fault::new(Exit::Refused, key, &[("peer", &clean(place)), ("verb", verb)]))
    })
}

/// A contact, and whether it has confirmed that it knows my peers.
#[derive(serde::Serialize)]
struct Knows<'a> {
    name: &'a str,
    fingerprint: &'a str,
    knows_homes: bool,
}

fn say_knows(out: Out, person: &ContactView) {
    let ContactView { name, fingerprint, knows_homes, .. } = person;
    if out.json {
        return out.record("peer_contact", &Knows { name, fingerprint, knows_homes: *knows_homes });
    }
    let key = if *knows_homes { "peer.knows" } else { "peer.knows_not" };
    out.say(format!("{} {}", out::label(&clean(name)), text(key, &[])));
}

fn say_home(out: Out, home: &HomeView) {
    if out.json {
        out.record("peer", home);
        return;
    }
    let line = |label: &str, value: &str| out.say(format!("{} {value}", out::label(&text(label, &[]))));
    line("label.peer", &home_in_words(home));
    line("label.address", &home.peer);
    if let Some(until) = home.leaving_until_ms {
        line("label.leaving", &text("peer.until", &[("until", &when::moment(until))]));
    }
    if let Some(since) = home.since_ms {
        line("label.since", &when::moment(since));
    }
    if let Some(observed) = &home.observed {
        line("label.seen_as", observed);
    }
    line("label.keepalive", &format!("{} s", home.keepalive_s));
    if let Some(holds) = home.holds {
        line("label.holds", &text("peer.holds", &[("n", &holds.to_string())]));
    }
    if let Some(at) = home.restarted_ms {
        let arguments = [("n", &*home.restarts.to_string()), ("at", &*when::moment(at))];
        line("label.restarts", &text("peer.restarted", &arguments));
    }
}

async fn check(context: &Context, address: Option<HomeAddress>, timeout: Duration) -> Outcome {
    let uninvited = address.as_ref().is_some_and(|address| address.invite.is_none());
    let address = match address {
        Some(address) => address.to_string(),
        None => own_peer(context).await?,
    };
    let found = check_peer(&address, timeout).await.map_err(fault)?;
    report(context.out, &found);
    if uninvited && found.private == Some(true) {
        let place = found.peer.split('?').next().unwrap_or_default();
        let arguments = [("peer", &*clean(place)), ("verb", "add")];
        return Err(Fault::new(Exit::Refused, "fault.invite_needed", &arguments));
    }
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
