//! `chat`: conversations. Looking at them changes nothing; `recv` marks as read.

use owo_colors::OwoColorize as _;
use pirushka_client::{ChatView, ContactView, MessageView, is_muted};

use super::recv;
use crate::args::Chat;
use crate::context::Context;
use crate::fault::Outcome;
use crate::lang::text;
use crate::out::{self, clean};
use crate::trouble::fault;
use crate::when;

/// `chat list|history|export|mute|expire`
///
/// # Errors
/// No such contact, no engine.
pub async fn run(context: &Context, chat: Chat) -> Outcome {
    match chat {
        Chat::List => list(context).await,
        Chat::Export(export) => super::export::run(context, export).await,
        Chat::Mute { who, time, off } => {
            let until_ms = match (off, time) {
                (true, _) => None,
                (false, None) => Some(0),
                (false, Some(time)) => Some((when::now_s() + time.as_secs().max(1)) * 1000),
            };
            set(context, &context.engine().await?.mute(&who.name, until_ms).await.map_err(fault)?);
            Ok(())
        }
        Chat::Expire { who, time } => {
            set(context, &context.engine().await?.expire(&who.name, time).await.map_err(fault)?);
            Ok(())
        }
        Chat::History { who, last, around: None } => history(context, &who.name, last).await,
        Chat::History { who, last, around: Some(id) } => around(context, &who.name, id, last).await,
    }
}

async fn list(context: &Context) -> Outcome {
    let chats = context.engine().await?.chats().await.map_err(fault)?;
    let out = context.out;
    if out.json {
        chats.iter().for_each(|chat| out.record("chat", chat));
    } else if chats.is_empty() {
        out.advise(text("chat.none", &[]));
    } else {
        let head = ["label.name", "label.unread", "label.last", "label.text", "label.settings"];
        let mut rows: Vec<Vec<String>> = chats.iter().map(row).collect();
        // Only where there is something to say about one.
        let said = rows.iter().any(|row| row.last().is_some_and(|settings| !settings.is_empty()));
        let columns = if said { head.len() } else { head.len() - 1 };
        rows.iter_mut().for_each(|row| row.truncate(columns));
        out.say(out::table(&head[..columns].iter().map(|key| text(key, &[])).collect::<Vec<_>>(), &rows));
    }
    Ok(())
}

fn row(chat: &ChatView) -> Vec<String> {
    let last = chat.last.as_ref();
    let text = last.map(recv::body).unwrap_or_default();
    let shown: String = text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(60).collect();
    vec![
        format!("{}{}", clean(&chat.name), super::contact::mark(chat.looks_like.as_deref())),
        chat.unread.to_string(),
        last.map(|message| when::moment(message.sent_ms)).unwrap_or_default(),
        shown,
        settings(chat.muted_until_ms, chat.expire_s).join(", "),
    ]
}

/// What a person set about a conversation, in words.
fn settings(muted_until_ms: Option<u64>, expire_s: Option<u64>) -> Vec<String> {
    let muted =
        muted_until_ms.filter(|_| is_muted(muted_until_ms, 1000 * when::now_s())).map(|until_ms| match until_ms {
            0 => text("chat.muted", &[]),
            until_ms => text("chat.muted_until", &[("until", &when::moment(until_ms))]),
        });
    let expire = expire_s.map(|seconds| text("chat.expire", &[("time", &when::length(seconds))]));
    muted.into_iter().chain(expire).collect()
}

fn set(context: &Context, contact: &ContactView) {
    context.out.record_or_say("contact", contact, || {
        let settings = settings(contact.muted_until_ms, contact.expire_s);
        let settings = if settings.is_empty() { text("chat.usual", &[]) } else { settings.join(", ") };
        format!("{}: {settings}", clean(&contact.name))
    });
}

async fn history(context: &Context, who: &str, last: u32) -> Outcome {
    let engine = context.engine().await?;
    let (mut pages, mut left, mut before) = (Vec::new(), last, None);
    while left > 0 {
        let page = engine.history(who, before, left.min(1000)).await.map_err(fault)?;
        before = page.messages.first().map(|message| message.id);
        left = left.saturating_sub(u32::try_from(page.messages.len()).unwrap_or(u32::MAX));
        pages.push(page.messages);
        if !page.more || before.is_none() {
            break;
        }
    }
    let messages: Vec<MessageView> = pages.into_iter().rev().flatten().collect();
    for message in &messages {
        if context.out.json {
            context.out.record("message", message);
        } else {
            context.out.say(line(message));
        }
    }
    if messages.is_empty() {
        context.out.advise(text("chat.none", &[]));
    }
    Ok(())
}

/// The stretch around a message, which is pointed at.
async fn around(context: &Context, who: &str, id: u64, last: u32) -> Outcome {
    let page = context.engine().await?.history_around(who, id, last.min(1000)).await.map_err(fault)?;
    for message in &page.messages {
        let pointer = if message.id == id { "→" } else { " " };
        if context.out.json {
            context.out.record("message", message);
        } else {
            context.out.say(format!("{} {}", pointer.green().bold(), line(message)));
        }
    }
    Ok(())
}

/// As `recv` shows it, and of one's own how far it has come.
fn line(message: &MessageView) -> String {
    let line = recv::line(message, None);
    if message.outgoing { format!("{line}  {}", super::send::in_words(&message.state).dimmed()) } else { line }
}
