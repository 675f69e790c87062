//! Texts that a face looks for.

use pirushka_client_core::MessageId;

use super::answer::{bounded, find};
use super::core::Core;
use super::protocol::{Done, fitting};
use crate::error::Result;
use crate::view::{FoundPage, HitView, SnippetPart};

pub(super) async fn run(
    core: &Core,
    text: String,
    who: Option<String>,
    before: Option<u64>,
    limit: u32,
) -> Result<Done> {
    let limit = bounded(limit)?;
    let contact = match who {
        Some(who) => Some(core.driver.call(move |client, _| find(client, &who)).await?),
        None => None,
    };
    let found = core.read(move |reader| reader.search(&text, contact, before.map(MessageId), limit)).await?;
    let hits = found.hits.into_iter().map(|hit| HitView {
        message: core.view(hit.message),
        snippet: hit.snippet.into_iter().map(|(text, hit)| SnippetPart { text, hit }).collect(),
    });
    let mut hits: Vec<HitView> = hits.collect();
    // The newest stay.
    let left_out = hits.len().saturating_sub(fitting(hits.iter().rev()));
    hits.drain(..left_out);
    Ok(Done::Found(FoundPage { hits, more: found.more || left_out > 0 }))
}
