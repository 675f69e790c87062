//! `status`, and no command at all: what stands, and what to do next.

use owo_colors::OwoColorize as _;
use pirushka_client::{HomeRoleView, HomeStateView, HomeView, StatusView, profiles};

use super::invite::in_words;
use crate::context::Context;
use crate::fault::Outcome;
use crate::lang::text;
use crate::out::{self, Out, clean};
use crate::trouble::{fault, reason};
use crate::when;

/// `status`
///
/// # Errors
/// No profile, no engine.
pub async fn run(context: &Context) -> Outcome {
    let status = context.engine().await?.status().await.map_err(fault)?;
    if context.out.json {
        context.out.record("status", &status);
    } else {
        say(context.out, &status);
        super::requests::say_count(context, status.requests);
    }
    Ok(())
}

/// No command: the status, or that there is no profile yet; and the three most useful next commands.
///
/// # Errors
/// No engine.
pub async fn overview(context: &Context) -> Outcome {
    let out = context.out;
    if !context.profile.exists() {
        return nothing_here(context).await;
    }
    let status = context.engine().await?.status().await.map_err(fault)?;
    let next = advised(context, &advice(&status));
    if out.json {
        let mut fields = serde_json::to_value(&status).unwrap_or_default();
        fields["next"] = commands(&next).into();
        out.record("status", &fields);
    } else {
        say(out, &status);
        say_next(out, &next);
    }
    Ok(())
}

/// The profile is not there; others may be.
async fn nothing_here(context: &Context) -> Outcome {
    let (out, name) = (context.out, context.profile.name());
    let others = profiles::list(&context.profile).await.map_err(fault)?;
    let others: Vec<String> = others.into_iter().map(|profile| profile.name).collect();
    let (said, next) = match others.first() {
        None => (text("status.no_profile", &[]), advised(context, &["next.demo", "next.init", "next.help"])),
        Some(other) => {
            let names = [("name", name), ("others", &*others.join(", "))];
            let mut next = vec![
                (format!("pirushka --profile {other}"), text("status.other_once", &[])),
                (format!("pirushka config set profile {other}"), text("status.other_always", &[])),
            ];
            next.extend(advised(context, &["next.init"]));
            (text("status.other_profiles", &names), next)
        }
    };
    if out.json {
        let next = commands(&next);
        let fields = serde_json::json!({ "profile": name, "exists": false, "others": others, "next": next });
        out.record("status", &fields);
    } else {
        out.say(said);
        say_next(out, &next);
    }
    Ok(())
}

/// The three most useful next commands.
fn advice(status: &StatusView) -> Vec<&'static str> {
    let unavailable =
        status.homes.iter().any(|home| home.state == HomeStateView::Unavailable && home.role != HomeRoleView::Leaving);
    let mut next = Vec::new();
    let mut when = |condition: bool, key| {
        if condition {
            next.push(key);
        }
    };
    when(status.homes.is_empty(), "next.peer_add");
    let unwelcome = |home: &HomeView| matches!(home.state, HomeStateView::InviteNeeded | HomeStateView::WorkTooHard);
    when(status.homes.iter().any(unwelcome), "next.peer_add");
    when(unavailable, "next.peer_check");
    when(status.requests > 0, "next.accept");
    when(status.unread > 0, "next.recv");
    when(status.contacts > 0, "next.send");
    when(true, "next.invite");
    when(true, "next.add");
    when(true, "next.recv_follow");
    next.truncate(3);
    next
}

/// Commands, each with what it is good for.
type Next = Vec<(String, String)>;

/// A `next.` text is `verb and arguments | what it is good for`.
fn advised(context: &Context, next: &[&str]) -> Next {
    let both = |key: &&str| {
        let text = text(key, &[]);
        let (verb, purpose) = text.split_once('|').unwrap_or((&text, ""));
        (context.command(verb.trim()), purpose.trim().to_owned())
    };
    next.iter().map(both).collect()
}

fn commands(next: &Next) -> Vec<&str> {
    next.iter().map(|(command, _)| command.as_str()).collect()
}

fn say_next(out: Out, next: &Next) {
    out.say("");
    for (command, purpose) in next {
        out.say(format!("  {:<36} {}", command.bold(), purpose.dimmed()));
    }
}

fn say(out: Out, status: &StatusView) {
    let line = |label: &str, value: &str| out.say(format!("{} {value}", out::label(&text(label, &[]))));
    line("label.name", &clean(&status.name));
    line("label.fingerprint", &status.fingerprint);
    if let Some(address) = &status.address {
        line("label.address", address);
    }
    line("label.strangers", &in_words(status.policy));
    if status.homes.is_empty() {
        line("label.peer", &text("status.no_peer", &[]));
    }
    status.homes.iter().for_each(|home| line("label.peer", &home_in_words(home)));
    let counts = [("unread", status.unread.to_string()), ("n", status.unreceipted.to_string())];
    let counts: Vec<(&str, &str)> = counts.iter().map(|(name, value)| (*name, value.as_str())).collect();
    line("label.messages", &text("status.messages", &counts));
    let people = [("n", status.contacts.to_string()), ("requests", status.requests.to_string())];
    let people: Vec<(&str, &str)> = people.iter().map(|(name, value)| (*name, value.as_str())).collect();
    line("label.contacts", &text("status.people", &people));
    let key = if status.engine.background { "status.engine" } else { "status.engine_inside" };
    let arguments = [("pid", &*status.engine.pid.to_string()), ("protection", &*kept(&status.engine.protection))];
    line("label.engine", &text(key, &arguments));
}

/// `peer.example:4433, online, 12 ms`
#[must_use]
pub fn home_in_words(home: &HomeView) -> String {
    let place = home.peer.split('?').next().unwrap_or_default();
    let state = match home.state {
        HomeStateView::Connecting => text("home.connecting", &[]),
        HomeStateView::Online => format!("{}", text("home.online", &[]).green()),
        HomeStateView::Superseded => format!("{}", text("home.superseded", &[]).red()),
        HomeStateView::Unavailable => format!("{}", text("home.unavailable", &[]).red()),
        HomeStateView::InviteNeeded => format!("{}", text("home.invite_needed", &[]).red()),
        HomeStateView::WorkTooHard => format!("{}", text("home.work_too_hard", &[]).red()),
    };
    let rtt = home.rtt_us.filter(|_| home.state == HomeStateView::Online).map(when::span);
    let dns = home.dns_error.as_deref().map(reason);
    let role = match home.role {
        HomeRoleView::Serving => None,
        HomeRoleView::Joining => Some(text("home.joining", &[])),
        HomeRoleView::Leaving => Some(text("home.leaving", &[])),
    };
    let moving = home.moving_to.as_deref().map(|to| {
        let key = if home.moving_fails { "home.moving_in_vain" } else { "home.moving" };
        text(key, &[("to", &clean(to.split('?').next().unwrap_or_default()))])
    });
    let parts = [Some(clean(place)), Some(state), role, rtt, moving, dns];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// How the key is kept, in a word.
pub(super) fn kept(protection: &str) -> String {
    match protection {
        "keyring" => text("kept.keyring", &[]),
        "file" => text("kept.file", &[]),
        "passphrase" => text("kept.passphrase", &[]),
        other => clean(other),
    }
}
