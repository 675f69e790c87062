//! `send`: a text to a contact, and how far it has come.

use std::io::{IsTerminal as _, Read as _};
use std::time::{Duration, Instant};

use pirushka_client::settings::Key;
use pirushka_client::{Handle, MessageView, StateView, WaitFor};
use serde::Serialize;

use crate::args::{self, Send};
use crate::context::Context;
use crate::fault::{Exit, Fault, Outcome};
use crate::lang::text;
use crate::out::clean;
use crate::trouble::fault;
use crate::when;

/// The longest text, bytes.
const TEXT_MAX: usize = 64 * 1024;

/// How long `send` looks at the message when it was not asked to wait.
const GLANCE: Duration = Duration::from_secs(2);

/// A state that the message reached, and when.
#[derive(Debug, Clone, Serialize)]
struct Reached {
    #[serde(flatten)]
    state: StateView,
    /// Since the command began, microseconds.
    after_us: u64,
}

/// `send TO TEXT`
///
/// # Errors
/// No such contact, an empty or too long text; [`Exit::WaitRanOut`] when it has not come as far as was asked.
pub async fn run(context: &Context, send: Send) -> Outcome {
    let message = read_text(send.text.as_deref())?;
    let engine = context.engine().await?;
    let settings = &context.settings;
    let wait = send.wait.or_else(|| clap::ValueEnum::from_str(settings.get(Key::SendWait), true).ok());
    let timeout = send.timeout.or_else(|| settings.time(Key::SendTimeout)).unwrap_or(GLANCE);
    let (goal, patience) = match (wait, context.no_engine) {
        (Some(wait), _) => (wait_for(wait), timeout),
        (None, false) => (WaitFor::Held, GLANCE),
        (None, true) => (WaitFor::Held, timeout),
    };
    let (sent, reached) = follow(&engine, &send.to, &message, goal, patience).await?;
    report(context, &sent, &reached);
    match &sent.state {
        StateView::Failed { .. } => {
            Err(Fault::new(Exit::Refused, "fault.send_failed", &[("name", &clean(&sent.name))]))
        }
        state if wait.is_some() && !state.reached(goal) => Err(ran_out(&sent, goal, timeout)),
        _ => Ok(()),
    }
}

/// Sends and waits for one state after the other, as long as patience lasts.
async fn follow(
    engine: &Handle,
    to: &str,
    message: &str,
    goal: WaitFor,
    patience: Duration,
) -> Outcome<(MessageView, Vec<Reached>)> {
    let start = Instant::now();
    let mut sent = engine.send(to, message, WaitFor::Queued, Duration::ZERO).await.map_err(fault)?.message;
    // It is on the disk, whatever has become of it since.
    let mut reached = vec![at(start, &StateView::Queued)];
    if sent.state != StateView::Queued {
        reached.push(at(start, &sent.state));
    }
    for step in [WaitFor::Held, WaitFor::Delivered, WaitFor::Read].into_iter().filter(|&step| step <= goal) {
        if sent.state.reached(step) {
            continue;
        }
        let left = patience.saturating_sub(start.elapsed());
        let answer = engine.wait(sent.id, step, left).await.map_err(fault)?;
        sent = answer.message;
        if sent.state.name() != reached.last().map_or("", |last| last.state.name()) {
            reached.push(at(start, &sent.state));
        }
        if !answer.reached {
            break;
        }
    }
    Ok((sent, reached))
}

fn at(start: Instant, state: &StateView) -> Reached {
    Reached { state: state.clone(), after_us: u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX) }
}

fn report(context: &Context, sent: &MessageView, reached: &[Reached]) {
    let fields = serde_json::json!({ "message": sent, "states": reached });
    context.out.record_or_say("sent", &fields, || {
        let after = reached.last().map_or(0, |last| last.after_us);
        format!("{} ({})", in_words(&sent.state), when::span(after))
    });
    if sent.state == StateView::Queued {
        context.out.advise(text("send.goes_on", &[("name", &clean(&sent.name))]));
    }
}

/// The state of a message in words.
#[must_use]
pub fn in_words(state: &StateView) -> String {
    match state {
        StateView::Queued => text("state.queued", &[]),
        StateView::Held { until_ms, peer } => {
            let until = when::moment(*until_ms);
            match peer {
                Some(peer) => text("state.held_at", &[("until", &until), ("peer", &clean(peer))]),
                None => text("state.held", &[("until", &until)]),
            }
        }
        StateView::Delivered => text("state.delivered", &[]),
        StateView::Read => text("state.read", &[]),
        StateView::Failed { .. } => text("state.failed", &[]),
        StateView::Received => text("state.received", &[]),
    }
}

fn ran_out(sent: &MessageView, goal: WaitFor, timeout: Duration) -> Fault {
    let goal = match goal {
        WaitFor::Queued => "queued",
        WaitFor::Held => "held",
        WaitFor::Delivered => "delivered",
        WaitFor::Read => "read",
    };
    let waited = when::span(u64::try_from(timeout.as_micros()).unwrap_or(u64::MAX));
    let arguments = [("goal", goal), ("state", sent.state.name()), ("waited", &*waited), ("name", &*clean(&sent.name))];
    Fault::new(Exit::WaitRanOut, "fault.wait_ran_out", &arguments)
}

fn wait_for(wait: args::WaitFor) -> WaitFor {
    match wait {
        args::WaitFor::Queued => WaitFor::Queued,
        args::WaitFor::Held => WaitFor::Held,
        args::WaitFor::Delivered => WaitFor::Delivered,
        args::WaitFor::Read => WaitFor::Read,
    }
}

/// The text of the command line, or stdin for `-` or nothing.
fn read_text(given: Option<&str>) -> Outcome<String> {
    let message = match given {
        Some(message) if message != "-" => message.to_owned(),
        None if std::io::stdin().is_terminal() => return Err(Fault::new(Exit::Usage, "fault.no_text", &[])),
        _ => from_stdin()?,
    };
    if message.is_empty() {
        return Err(Fault::new(Exit::Usage, "fault.no_text", &[]));
    }
    if message.len() > TEXT_MAX {
        return Err(Fault::new(Exit::Usage, "fault.text_too_long", &[("n", &message.len().to_string())]));
    }
    Ok(message)
}

/// At most one byte more than a text may have; one line break at the end belongs to the pipe, not to the text.
fn from_stdin() -> Outcome<String> {
    let mut bytes = Vec::new();
    let limit = u64::try_from(TEXT_MAX).unwrap_or(u64::MAX) + 2;
    std::io::stdin().take(limit).read_to_end(&mut bytes).map_err(Fault::unexpected)?;
    let mut message = String::from_utf8(bytes).map_err(|_| Fault::new(Exit::Usage, "fault.not_utf8", &[]))?;
    if message.ends_with('\n') {
        message.pop();
    }
    Ok(message)
}
