//! What a subscription tells: `{"jsonrpc":"2.0","method":"event","params":{"event":...}}`, over the deaths of engines.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use jsonrpsee_types::Notification;
use schemars::JsonSchema;
use serde::Serialize;
use tokio::sync::mpsc;

use super::{Engine, calls};
use crate::engine::protocol::Since;
use crate::error::{Code, Error, Result};
use crate::handle::Subscription;
use crate::view::EventView;

/// The name of the notification.
pub(super) const EVENT: &str = "event";

/// How often an engine is looked for after one died, before it is given up.
const REJOINS: u32 = 6;
/// The wait before the first of these; each next is twice as long.
const REJOIN_FIRST: Duration = Duration::from_millis(100);
/// An engine that lived this long was a sound one.
const SOUND: Duration = Duration::from_secs(10);

/// A subscription that the engine has taken up.
pub(super) struct Follower {
    engine: Engine,
    since: Since,
    /// Messages told before everything older was: whoever begins again there is told them once.
    told: BTreeSet<u64>,
    events: Subscription,
    /// What the engine told first.
    first: Option<EventView>,
    /// Engines looked for in a row.
    tries: u32,
}

/// Subscribes, and waits until the engine tells something: what happens from now on is told.
pub(super) async fn begin(engine: Engine, since: Since) -> Result<Follower> {
    let (events, first) = open(&engine, since).await?;
    Ok(Follower { engine, since, told: BTreeSet::new(), events, first, tries: 0 })
}

async fn open(engine: &Engine, since: Since) -> Result<(Subscription, Option<EventView>)> {
    let mut events = engine.subscribe(since).await?;
    let first = events.next().await?;
    Ok((events, first))
}

impl Follower {
    /// Tells until the reader goes, the engine is stopped, or no engine can be had any more.
    pub(super) async fn tell(mut self, out: mpsc::Sender<Vec<u8>>) {
        loop {
            let begun = Instant::now();
            let Err(error) = self.follow(&out).await else { return };
            self.tries = if begun.elapsed() > SOUND { 0 } else { self.tries };
            if let Err(Error { code, message: text, remedy }) = self.rejoin(error).await {
                tell_one(&out, Broken::Broken { code, text, remedy }).await;
                return;
            }
            // What is no message has no cursor, and may have been missed.
            tell_one(&out, EventView::Lagged).await;
        }
    }

    /// Goes on with the next engine. The error is why there is none.
    async fn rejoin(&mut self, mut error: Error) -> Result<()> {
        loop {
            self.tries += 1;
            if error.code != Code::Engine || self.tries > REJOINS {
                return Err(error);
            }
            tokio::time::sleep(REJOIN_FIRST * 2_u32.pow(self.tries)).await;
            self.engine.forget().await;
            match open(&self.engine, self.since).await {
                Ok(opened) => {
                    (self.events, self.first) = opened;
                    return Ok(());
                }
                Err(another) => error = another,
            }
        }
    }

    async fn follow(&mut self, out: &mpsc::Sender<Vec<u8>>) -> Result<()> {
        let mut is_caught_up = !matches!(self.since, Since::Unseen);
        loop {
            let next = match self.first.take() {
                Some(first) => Some(first),
                None => self.events.next().await?,
            };
            let Some(event) = next else { return Ok(()) };
            is_caught_up |= matches!(event, EventView::CaughtUp { .. });
            let cursor = cursor(&event).filter(|_| is_caught_up);
            let is_last = event == EventView::Stopping;
            if !self.is_told_before(&event) && !tell_one(out, event).await || is_last {
                return Ok(());
            }
            if let Some(cursor) = cursor {
                self.since = Since::Cursor(cursor);
                self.told.clear();
            }
        }
    }

    fn is_told_before(&mut self, event: &EventView) -> bool {
        match event {
            EventView::Message { message, .. } if self.since == Since::Unseen => !self.told.insert(message.id),
            _ => false,
        }
    }
}

fn cursor(event: &EventView) -> Option<u64> {
    match event {
        EventView::Message { cursor, .. } | EventView::Changed { cursor, .. } | EventView::CaughtUp { cursor } => {
            Some(*cursor)
        }
        _ => None,
    }
}

/// How a subscription ends that nobody ended: subscribe again.
#[derive(Serialize, JsonSchema)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(super) enum Broken {
    /// No engine can be had any more.
    Broken {
        #[allow(missing_docs)]
        code: Code,
        /// What happened and why.
        text: String,
        /// What helps.
        remedy: Option<String>,
    },
}

/// Whether the reader is still there.
async fn tell_one(out: &mpsc::Sender<Vec<u8>>, what: impl Serialize) -> bool {
    out.send(calls::line(&Notification::new(EVENT.into(), what))).await.is_ok()
}
