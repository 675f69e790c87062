//! `recv`: what has come in, each message once, marked as read when it was shown.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Stdio;
use std::time::{Duration, Instant};

use owo_colors::OwoColorize as _;
use pirushka_client::{
    BodyView, Code, ContactView, EventView, Handle, HomeStateView, MessageView, Rejoin, Since, Subscription,
    WarningView,
};
use tokio::io::AsyncWriteExt as _;

use crate::args::Recv;
use crate::context::Context;
use crate::fault::{Exit, Fault, Outcome};
use crate::lang::text;
use crate::out::{self, Out, clean, clean_lines};
use crate::trouble::{fault, reason};
use crate::when;

/// How long a `recv` without `--follow` waits for an engine that was only just started to come online.
const ONLINE_MAX: Duration = Duration::from_secs(4);
/// Silence after which a `recv` without `--follow` takes it that nothing more is waiting at the peer.
const QUIET: Duration = Duration::from_millis(400);

/// How far one has come, over the deaths of engines.
struct Progress {
    since: Since,
    from: Option<u32>,
    /// Shown, but not yet marked as seen.
    owed: Option<MessageView>,
    shown: u64,
    /// What was shown behind `since`: an engine that dies before everything was told is followed by one that begins there.
    told: BTreeSet<u64>,
    /// Whom the contacts that wrote may be taken for.
    alike: BTreeMap<u32, Option<String>>,
    /// Who waits for an answer and was announced.
    announced: BTreeSet<u32>,
}

/// `recv`
///
/// # Errors
/// No such contact, no engine, or the command of `--exec` failed.
pub async fn run(context: &Context, recv: Recv) -> Outcome {
    let mut progress = Progress {
        since: Since::Unseen,
        from: None,
        owed: None,
        shown: 0,
        told: BTreeSet::new(),
        alike: BTreeMap::new(),
        announced: BTreeSet::new(),
    };
    let mut rejoin = Rejoin::default();
    loop {
        let began = Instant::now();
        match listen(context, &recv, &mut progress).await {
            Err(fault) if recv.follow && fault.code == "engine" => {
                if !rejoin.another(began.elapsed()).await {
                    return Err(fault);
                }
            }
            other => {
                other?;
                break;
            }
        }
    }
    if progress.shown == 0 && !recv.follow {
        context.out.advise(text("recv.nothing", &[]));
    }
    Ok(())
}

/// Joins an engine and shows what it tells, until it is time to stop or the engine dies.
async fn listen(context: &Context, recv: &Recv, progress: &mut Progress) -> Outcome {
    let engine = context.engine().await?;
    if let (Some(who), None) = (&recv.from, progress.from) {
        progress.from = Some(engine.contact(who).await.map_err(fault)?.id);
    }
    mark(&engine, progress).await?;
    let mut events = engine.subscribe(progress.since).await.map_err(fault)?;
    super::requests::announce(context, &engine.contacts().await.map_err(fault)?, &mut progress.announced);
    let mut patience = Patience::new(recv);
    while !out::is_lost()
        && let Some(event) = patience.next(&engine, &mut events).await?
    {
        let cursor = event.cursor().filter(|_| patience.caught_up);
        match event {
            EventView::Message { message, .. } if progress.told.contains(&message.id) => {}
            EventView::Message { message, .. } if is_wanted(&message, progress.from) => {
                let alike = alike(&engine, progress, &message).await?;
                show(context, recv, &message, alike.as_deref()).await?;
                ring(context, recv, &engine, &message).await?;
                progress.shown += 1;
                progress.told.insert(message.id);
                // What nobody could see is not seen.
                progress.owed = (!out::is_lost()).then_some(message);
            }
            EventView::Stopping => break,
            EventView::Contact { contact } => {
                progress.alike.insert(contact.id, contact.looks_like.clone());
                super::requests::announce(context, std::slice::from_ref(&contact), &mut progress.announced);
            }
            other => remark(context.out, &other),
        }
        // Up to here everything has been shown; while the unseen are told, what is not marked comes again by itself.
        if let Some(cursor) = cursor {
            progress.since = Since::Cursor(cursor);
            progress.told.clear();
        }
        mark(&engine, progress).await?;
    }
    Ok(())
}

async fn mark(engine: &Handle, progress: &mut Progress) -> Outcome {
    if let Some(message) = &progress.owed {
        there(engine.mark_seen(&message.fingerprint, message.id).await)?;
        progress.owed = None;
    }
    Ok(())
}

/// The sender of a message, if it is still a contact. It may have been renamed since, so its name says nothing.
async fn sender(engine: &Handle, message: &MessageView) -> Outcome<Option<ContactView>> {
    there(engine.contact(&message.fingerprint).await)
}

/// Nothing where a contact was removed meanwhile.
fn there<T>(answer: pirushka_client::Result<T>) -> Outcome<Option<T>> {
    match answer {
        Err(error) if error.code == Code::NoSuchContact => Ok(None),
        other => other.map(Some).map_err(fault),
    }
}

fn is_wanted(message: &MessageView, from: Option<u32>) -> bool {
    !message.outgoing && from.is_none_or(|contact| contact == message.contact)
}

/// When to stop looking.
struct Patience {
    follow: bool,
    timeout: Option<Duration>,
    began: Instant,
    caught_up: bool,
    online: bool,
}

impl Patience {
    fn new(recv: &Recv) -> Self {
        Self { follow: recv.follow, timeout: recv.timeout, began: Instant::now(), caught_up: false, online: false }
    }

    /// The next event, or `None` when it is time to stop.
    async fn next(&mut self, engine: &Handle, events: &mut Subscription) -> Outcome<Option<EventView>> {
        let Some(limit) = self.limit(engine).await? else {
            return self.seen(events.next().await);
        };
        match tokio::time::timeout(limit, events.next()).await {
            Ok(event) => self.seen(event),
            Err(_) => Ok(None),
        }
    }

    fn seen(&mut self, event: pirushka_client::Result<Option<EventView>>) -> Outcome<Option<EventView>> {
        let event = event.map_err(fault)?;
        match &event {
            Some(EventView::CaughtUp { .. }) => self.caught_up = true,
            Some(EventView::Home { home }) => self.online |= home.state == HomeStateView::Online,
            _ => {}
        }
        Ok(event)
    }

    /// How long to wait for the next event; `None`: for ever.
    async fn limit(&mut self, engine: &Handle) -> Outcome<Option<Duration>> {
        if self.timeout.is_some() {
            return Ok(self.timeout);
        }
        if self.follow || !self.caught_up {
            return Ok(None);
        }
        if !self.online {
            let status = engine.status().await.map_err(fault)?;
            self.online = status.homes.iter().any(|home| home.state == HomeStateView::Online);
            let settled = status.homes.is_empty() || status.engine.uptime_s >= 5;
            if settled && self.online {
                return Ok(Some(Duration::ZERO));
            }
            if settled {
                return Ok(Some(QUIET));
            }
        }
        let left = ONLINE_MAX.saturating_sub(self.began.elapsed());
        Ok(Some(if self.online { QUIET } else { left }))
    }
}

/// Whom its sender may be taken for.
async fn alike(engine: &Handle, progress: &mut Progress, message: &MessageView) -> Outcome<Option<String>> {
    if let Some(known) = progress.alike.get(&message.contact) {
        return Ok(known.clone());
    }
    let known = sender(engine, message).await?.and_then(|contact| contact.looks_like);
    progress.alike.insert(message.contact, known.clone());
    Ok(known)
}

async fn show(context: &Context, recv: &Recv, message: &MessageView, looks_like: Option<&str>) -> Outcome {
    match &recv.exec {
        Some(command) => hand_over(command, message).await?,
        None if context.out.json => context.out.record("message", message),
        None => context.out.say(line(message, looks_like)),
    }
    Ok(())
}

/// The bell, unless the conversation is muted.
async fn ring(context: &Context, recv: &Recv, engine: &Handle, message: &MessageView) -> Outcome {
    if recv.bell
        && let Some(contact) = sender(engine, message).await?
        && !pirushka_client::is_muted(contact.muted_until_ms, 1000 * when::now_s())
    {
        context.out.ring();
    }
    Ok(())
}

/// Runs the command with the message. It counts as read only if the command says so by its exit code.
async fn hand_over(command: &str, message: &MessageView) -> Outcome {
    let body = match &message.body {
        BodyView::Text { text } => text.clone(),
        BodyView::Gap { .. } | BodyView::NeedsNewerVersion | BodyView::Expire { .. } => String::new(),
    };
    let failed = |reason: String| {
        Fault::new(Exit::Unexpected, "fault.exec_failed", &[("command", &clean(command)), ("reason", &reason)])
    };
    let mut child = tokio::process::Command::new("sh")
        .args(["-c", command])
        .env("PIRUSHKA_FROM", &message.name)
        .env("PIRUSHKA_FINGERPRINT", &message.fingerprint)
        .env("PIRUSHKA_TEXT", body.replace('\0', ""))
        .env("PIRUSHKA_MESSAGE_ID", message.id.to_string())
        .stdin(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| failed(error.to_string()))?;
    if let Some(mut stdin) = child.stdin.take() {
        // A command that does not read its stdin is none that failed.
        let _ = stdin.write_all(format!("{}\n", out::record("message", message)).as_bytes()).await;
    }
    let status = child.wait().await.map_err(|error| failed(error.to_string()))?;
    if status.success() { Ok(()) } else { Err(failed(status.to_string())) }
}

/// A message in one line (or several, indented) for people.
#[must_use]
pub fn line(message: &MessageView, looks_like: Option<&str>) -> String {
    let who = if message.outgoing { text("ui.me", &[]) } else { clean(&message.name) };
    let mark = super::contact::mark(looks_like);
    format!("{}  {}{}  {}", when::moment(message.sent_ms).dimmed(), who.bold(), mark.yellow(), body(message))
}

/// What a message says.
#[must_use]
pub fn body(message: &MessageView) -> String {
    match &message.body {
        BodyView::Text { text } => clean_lines(text, 4),
        BodyView::Gap { missing } => text("message.gap", &[("n", &missing.to_string())]),
        BodyView::NeedsNewerVersion => text("message.newer", &[]),
        BodyView::Expire { after_s: 0 } => text("message.expire_off", &[]),
        BodyView::Expire { after_s } => text("message.expire", &[("time", &when::length(*after_s))]),
    }
}

/// What else happens while one listens: on stderr, if it matters.
fn remark(out: Out, event: &EventView) {
    match event {
        EventView::Warning { warning, text, .. } => out.warn(warning_in_words(*warning, text)),
        EventView::Lagged => out.warn(text("recv.lagged", &[])),
        _ => {}
    }
}

fn warning_in_words(warning: WarningView, words: &str) -> String {
    let key = match warning {
        WarningView::CodeForged => "warning.code_forged",
        WarningView::Superseded => "warning.superseded",
        WarningView::AddingDelayed => "warning.adding_delayed",
        WarningView::SessionRenewed => "warning.session_renewed",
        WarningView::StoreTrouble => "warning.store_trouble",
        WarningView::Unknown => return reason(words),
    };
    text(key, &[("detail", &reason(words))])
}
