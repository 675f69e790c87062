//! `search`: what was said, with the words marked, and how to see what stands around it.

use owo_colors::OwoColorize as _;
use pirushka_client::{HitView, SnippetPart};

use super::contact::named;
use crate::args::Search;
use crate::context::Context;
use crate::fault::Outcome;
use crate::lang::text;
use crate::out::clean;
use crate::trouble::fault;
use crate::when;

/// `search`
///
/// # Errors
/// There is no word to look for, no such contact, no engine.
pub async fn run(context: &Context, search: Search) -> Outcome {
    let wanted = search.text.join(" ");
    let engine = context.engine().await?;
    let found = engine.search(&wanted, search.within.as_deref(), search.before, search.last).await.map_err(fault)?;
    for hit in &found.hits {
        if context.out.json {
            context.out.record("hit", hit);
        } else {
            context.out.say(line(hit));
        }
    }
    match found.hits.last() {
        None => context.out.advise(text("search.nothing", &[])),
        Some(newest) => context.out.advise(context.command(&around(newest))),
    }
    if found.more
        && let Some(oldest) = found.hits.first()
    {
        context.out.advise(text("search.more", &[("id", &oldest.message.id.to_string())]));
    }
    Ok(())
}

/// `#42  14:03  bob  see you at NINE`
fn line(hit: &HitView) -> String {
    let message = &hit.message;
    let id = format!("#{}", message.id);
    let name = clean(&message.name);
    let who = if message.outgoing { format!("{} → {name}", text("ui.me", &[])) } else { name };
    let shown: String = hit.snippet.iter().map(marked).collect();
    format!("{}  {}  {}  {shown}", id.cyan(), when::moment(message.sent_ms).dimmed(), who.bold())
}

/// A word that was looked for stands out: in colour at a terminal, else in brackets.
fn marked(part: &SnippetPart) -> String {
    let shown = clean(&part.text);
    if part.hit { format!("[{}]", shown.yellow().bold()) } else { shown }
}

fn around(hit: &HitView) -> String {
    around_in(&hit.message.name, &hit.message.id.to_string())
}

/// A contact chooses its name itself, and the line is there to be pasted into a shell.
fn around_in(name: &str, id: &str) -> String {
    format!("chat history --around {id} {}", named(&clean(name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_quotes_stays_one_word_in_the_command_that_is_advised() {
        assert_eq!(around_in("bob", "4"), "chat history --around 4 bob");
        assert_eq!(around_in("x'; touch y; '", "4"), r"chat history --around 4 'x'\''; touch y; '\'''");
        assert_eq!(around_in("--help", "4"), "chat history --around 4 -- --help");
    }
}
