//! A stream of events for one face.
//!
//! Changes of conversations are on the disk with a number each, so they are never queued for a face: one that was away or
//! reads slowly gets them from the store, from its own cursor on. Only other events can be missed, and then `lagged`
//! says so.

use std::collections::BTreeSet;
use std::io;

use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncWrite};
use tokio::sync::broadcast::{Receiver, error::RecvError};

use super::core::Core;
use super::line;
use super::protocol::{Answer, AnswerLine, EventLine, PROTOCOL, Since};
use crate::driver::Told;
use crate::error::{Code, Error, Result};
use crate::store::Change;
use crate::view::EventView;

/// Changes read from the store at once.
const PAGE: u32 = 128;

/// Writes events until the face goes or the engine stops.
pub(super) async fn run(
    core: &Core,
    from: Since,
    reader: &mut (impl AsyncBufRead + Unpin),
    writer: &mut (impl AsyncWrite + Unpin),
) -> io::Result<()> {
    tokio::select! {
        ended = tell(core, from, writer) => match ended {
            Ok(ended) => ended,
            Err(error) => {
                return line::write(writer, &AnswerLine::of(Answer::Error(error))).await;
            }
        },
        () = core.stopping() => Ok(()),
        // A face that follows has nothing more to say: it is the end.
        _ = reader.fill_buf() => return Ok(()),
    }?;
    write(writer, EventView::Stopping).await
}

/// The outer error is the store's or the engine's and can be told; the inner one is the connection's.
async fn tell(core: &Core, from: Since, writer: &mut (impl AsyncWrite + Unpin)) -> Result<io::Result<()>> {
    // Before the store is read: what is committed in between comes twice and is told once.
    let mut told = core.driver.listen()?;
    let newest = core.read(|reader| reader.cursor()).await?;
    let mut cursor = match from {
        Since::Now => newest,
        Since::Cursor(cursor) if cursor > newest => return Err(ahead(cursor, newest)),
        Since::Cursor(cursor) => cursor,
        Since::Unseen => {
            if let Err(error) = tell_unseen(core, newest, writer).await? {
                return Ok(Err(error));
            }
            newest
        }
    };
    if let Err(error) = tell_stored(core, &mut cursor, writer).await? {
        return Ok(Err(error));
    }
    if let Err(error) = write(writer, EventView::CaughtUp { cursor }).await {
        return Ok(Err(error));
    }
    live(core, &mut told, cursor, writer).await
}

/// Of another profile, or from before a backup was restored: nothing would be told until the numbers meet.
fn ahead(cursor: u64, newest: u64) -> Error {
    Error::new(Code::BadInput, format!("the cursor {cursor} is ahead of this profile's newest change, {newest}"))
        .with_remedy("subscribe from \"unseen\"")
}

async fn tell_unseen(core: &Core, until: u64, writer: &mut (impl AsyncWrite + Unpin)) -> Result<io::Result<()>> {
    let mut born = 0;
    loop {
        let page = core.read(move |reader| reader.unseen(born, until, PAGE)).await?;
        let Some(last) = page.last() else { return Ok(Ok(())) };
        born = last.born;
        for change in page {
            let event = EventView::Message { cursor: change.cursor, message: core.view(change.message) };
            if let Err(error) = write(writer, event).await {
                return Ok(Err(error));
            }
        }
    }
}

async fn tell_stored(core: &Core, cursor: &mut u64, writer: &mut (impl AsyncWrite + Unpin)) -> Result<io::Result<()>> {
    let base = *cursor;
    // A message that changes while this goes on comes a second time, and is then no longer new.
    let mut told_as_new = BTreeSet::new();
    loop {
        let after = *cursor;
        let page = core.read(move |reader| reader.changes(after, PAGE)).await?;
        if page.is_empty() {
            return Ok(Ok(()));
        }
        for mut change in page {
            change.is_new = change.born > base && told_as_new.insert(change.message.id);
            if let Err(error) = tell_change(core, change, cursor, writer).await {
                return Ok(Err(error));
            }
        }
    }
}

async fn live(
    core: &Core,
    told: &mut Receiver<Told>,
    mut cursor: u64,
    writer: &mut (impl AsyncWrite + Unpin),
) -> Result<io::Result<()>> {
    loop {
        let written = match told.recv().await {
            Ok(Told::Change(change)) if change.cursor <= cursor => Ok(()),
            Ok(Told::Change(change)) => tell_change(core, (*change).clone(), &mut cursor, writer).await,
            Ok(Told::Event(event)) => write(writer, (*event).clone()).await,
            Err(RecvError::Lagged(_)) => match tell_stored(core, &mut cursor, writer).await? {
                Ok(()) => write(writer, EventView::Lagged).await,
                broken => broken,
            },
            Err(RecvError::Closed) => return Ok(Ok(())),
        };
        if written.is_err() {
            return Ok(written);
        }
    }
}

async fn tell_change(
    core: &Core,
    change: Change,
    cursor: &mut u64,
    writer: &mut (impl AsyncWrite + Unpin),
) -> io::Result<()> {
    *cursor = change.cursor;
    let message = core.view(change.message);
    let event = if change.is_new {
        EventView::Message { cursor: *cursor, message }
    } else {
        EventView::Changed { cursor: *cursor, message }
    };
    write(writer, event).await
}

async fn write(writer: &mut (impl AsyncWrite + Unpin), event: EventView) -> io::Result<()> {
    line::write(writer, &EventLine { v: PROTOCOL, event }).await
}
