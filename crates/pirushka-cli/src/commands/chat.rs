//! `chat`: conversations. Looking at them changes nothing; `recv` marks as read.

use owo_colors::OwoColorize as _;
use pirushka_client::{ChatView, MessageView};

use super::recv;
use crate::args::Chat;
use crate::context::Context;
use crate::fault::Outcome;
use crate::lang::text;
use crate::out::{self, clean};
use crate::trouble::fault;
use crate::when;

/// `chat list|history`
///
/// # Errors
/// No such contact, no engine.
pub async fn run(context: &Context, chat: Chat) -> Outcome {
    match chat {
        Chat::List => list(context).await,
        Chat::History { who, last } => history(context, &who.name, last).await,
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
        let head = ["label.name", "label.unread", "label.last", "label.text"].map(|key| text(key, &[]));
        out.say(out::table(&head, &chats.iter().map(row).collect::<Vec<_>>()));
    }
    Ok(())
}

fn row(chat: &ChatView) -> Vec<String> {
    let last = chat.last.as_ref();
    let text = last.map(recv::body).unwrap_or_default();
    let shown: String = text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(60).collect();
    vec![
        clean(&chat.name),
        chat.unread.to_string(),
        last.map(|message| when::moment(message.sent_ms)).unwrap_or_default(),
        shown,
    ]
}

async fn history(context: &Context, who: &str, last: u32) -> Outcome {
    let engine = context.engine().await?;
    let mut messages: Vec<MessageView> = Vec::new();
    let mut before = None;
    while let Some(left) = last.checked_sub(u32::try_from(messages.len()).unwrap_or(u32::MAX)).filter(|&n| n > 0) {
        let page = engine.history(who, before, left.min(1000)).await.map_err(fault)?;
        before = page.messages.first().map(|message| message.id);
        messages.splice(0..0, page.messages);
        if !page.more || before.is_none() {
            break;
        }
    }
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

/// As `recv` shows it, and of one's own how far it has come.
fn line(message: &MessageView) -> String {
    let line = recv::line(message);
    if message.outgoing { format!("{line}  {}", super::send::in_words(&message.state).dimmed()) } else { line }
}
