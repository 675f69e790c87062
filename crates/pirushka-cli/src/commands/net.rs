//! `net check`: a person's doctor for the way to its peers.

use std::time::Duration;

use pirushka_client::netcheck::{self, HomeCheck, Meaning, NetView};
use pirushka_client::{HomeStateView, HomeView};

use crate::args::Net;
use crate::context::Context;
use crate::fault::{Exit, Fault, Outcome};
use crate::lang::text;
use crate::out::{self, Out, clean};
use crate::trouble::{fault, reason};
use crate::when;

/// An engine that was only just started gets so long to register.
const REGISTERING: Duration = Duration::from_secs(3);
/// How often it is asked.
const GLANCE: Duration = Duration::from_millis(100);

/// `net check`
///
/// # Errors
/// What is wrong, by its cause.
pub async fn run(context: &Context, net: Net) -> Outcome {
    let Net::Check { timeout } = net;
    let homes = homes(context).await?;
    let found = netcheck::check(&homes, timeout).await.map_err(fault)?;
    if context.out.json {
        context.out.record("net_check", &found);
    } else {
        say(context.out, &found);
    }
    let wrong = |exit, key| Err(Fault::new(exit, key, &[]));
    match found.meaning {
        Meaning::Good => {
            context.out.say(text("net.good", &[]));
            Ok(())
        }
        Meaning::NoHome => Err(super::id::no_peer()),
        Meaning::NoNetwork => wrong(Exit::Network, "fault.net_no_network"),
        Meaning::Clock => wrong(Exit::Network, "fault.net_clock"),
        Meaning::Dns => wrong(Exit::Network, "fault.net_dns"),
        Meaning::Silent => wrong(Exit::Network, "fault.net_silent"),
        Meaning::NotRunning => wrong(Exit::Network, "fault.net_not_running"),
        Meaning::Stranger => wrong(Exit::Network, "fault.net_stranger"),
        Meaning::Some => wrong(Exit::Network, "fault.net_some"),
        Meaning::Superseded => wrong(Exit::Network, "fault.net_superseded"),
        Meaning::NotRegistered => {
            Err(super::peer::refusal(&homes)
                .unwrap_or_else(|| Fault::new(Exit::Network, "fault.net_not_registered", &[])))
        }
    }
}

/// My peers as the engine sees them, once it has had the time to register.
async fn homes(context: &Context) -> Outcome<Vec<HomeView>> {
    let engine = context.engine().await?;
    let until = std::time::Instant::now() + REGISTERING;
    loop {
        let homes = engine.status().await.map_err(fault)?.homes;
        let settled = homes.iter().all(|home| home.state != HomeStateView::Connecting);
        if settled || std::time::Instant::now() >= until {
            return Ok(homes);
        }
        tokio::time::sleep(GLANCE).await;
    }
}

fn say(out: Out, found: &NetView) {
    let line = |label: &str, value: &str| out.say(format!("{} {value}", out::label(&text(label, &[]))));
    let none = text("net.none", &[]);
    line("label.ipv4", found.ipv4.as_deref().unwrap_or(&none));
    line("label.ipv6", found.ipv6.as_deref().unwrap_or(&none));
    line("label.clock", &when::full(found.clock_ms));
    found.homes.iter().for_each(|home| say_home(out, home));
}

fn say_home(out: Out, home: &HomeCheck) {
    let line = |label: &str, value: &str| out.say(format!("{} {value}", out::label(&text(label, &[]))));
    out.say("");
    line("label.peer", &clean(home.check.peer.split('?').next().unwrap_or_default()));
    if !home.check.addresses.is_empty() {
        line("check.name", &home.check.addresses.join(", "));
    }
    match (&home.check.trouble, home.check.handshake_us) {
        (Some(trouble), _) => line("net.trouble", &format!("✗ {}", reason(&trouble.message))),
        (None, took) => line("check.packets", &format!("✓ {}", took.map(when::span).unwrap_or_default())),
    }
    // The engine has not noticed yet what was just seen.
    let is_gone = home.check.trouble.is_some();
    let state = match home.state {
        HomeStateView::Online if is_gone => "net.was_online",
        HomeStateView::Online => "home.online",
        HomeStateView::Connecting => "home.connecting",
        HomeStateView::Superseded => "home.superseded",
        HomeStateView::Unavailable => "home.unavailable",
        HomeStateView::InviteNeeded => "home.invite_needed",
        HomeStateView::WorkTooHard => "home.work_too_hard",
    };
    let rtt = home.rtt_us.filter(|_| !is_gone).map(|rtt| format!(", {}", when::span(rtt))).unwrap_or_default();
    line("net.registered", &format!("{}{rtt}", text(state, &[])));
    line("label.keepalive", &format!("{} s", home.keepalive_s));
    if let Some(observed) = &home.check.observed {
        let nat = match home.nat {
            Some(true) => format!(" ({})", text("net.nat", &[])),
            Some(false) => format!(" ({})", text("net.no_nat", &[])),
            None => String::new(),
        };
        line("label.seen_as", &format!("{observed}{nat}"));
    }
}
