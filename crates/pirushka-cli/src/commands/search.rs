//! `search`: what was said, with the words marked, and how to see what stands around it.

use owo_colors::OwoColorize as _;
use pirushka_client::{FoundPage, Handle, HitView, SnippetPart};

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
    let FoundPage { hits, more } = newest(&engine, &wanted, &search).await?;
    for hit in &hits {
        if context.out.json {
            context.out.record("hit", hit);
        } else {
            context.out.say(line(hit));
        }
    }
    match hits.last() {
        None => context.out.advise(text("search.nothing", &[])),
        Some(newest) => context.out.advise(context.command(&around(newest))),
    }
    if more && let Some(oldest) = hits.first() {
        context.out.advise(text("search.more", &[("id", &oldest.message.id.to_string())]));
    }
    Ok(())
}

/// As many hits as were asked for, if there are so many, page by page.
async fn newest(engine: &Handle, wanted: &str, search: &Search) -> Outcome<FoundPage> {
    let (mut pages, mut left, mut before) = (Vec::new(), search.last, search.before);
    let more = loop {
        let page = engine.search(wanted, search.within.as_deref(), before, left).await.map_err(fault)?;
        before = page.hits.first().map(|hit| hit.message.id);
        left = left.saturating_sub(u32::try_from(page.hits.len()).unwrap_or(u32::MAX));
        pages.push(page.hits);
        if !page.more || before.is_none() || left == 0 {
            break page.more;
        }
    };
    Ok(FoundPage { hits: pages.into_iter().rev().flatten().collect(), more })
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
