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
use crate::rejoin::Rejoin;
use crate::view::EventView;

/// The name of the notification.
pub(super) const EVENT: &str = "event";

/// A subscription that the engine has taken up.
pub(super) struct Follower {
    engine: Engine,
    since: Since,
    /// Messages told before everything older was: whoever begins again there is told them once.
    told: BTreeSet<u64>,
    events: Subscription,
    /// What the engine told first.
    first: Option<EventView>,
    rejoin: Rejoin,
}

/// Subscribes, and waits until the engine tells something: what happens from now on is told.
pub(super) async fn begin(engine: Engine, since: Since) -> Result<Follower> {
    let (events, first) = open(&engine, since).await?;
    Ok(Follower { engine, since, told: BTreeSet::new(), events, first, rejoin: Rejoin::default() })
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
            if let Err(Error { code, message: text, remedy }) = self.rejoin(error, begun.elapsed()).await {
                tell_one(&out, Broken::Broken { code, text, remedy }).await;
                return;
            }
            // What is no message has no cursor, and may have been missed.
            tell_one(&out, EventView::Lagged).await;
        }
    }

    /// Goes on with the next engine. The error is why there is none.
    async fn rejoin(&mut self, mut error: Error, mut lived: Duration) -> Result<()> {
        loop {
            if error.code != Code::Engine || !self.rejoin.another(lived).await {
                return Err(error);
            }
            self.engine.forget().await;
            match open(&self.engine, self.since).await {
                Ok(opened) => {
                    (self.events, self.first) = opened;
                    return Ok(());
                }
                Err(another) => (error, lived) = (another, Duration::ZERO),
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
            let cursor = event.cursor().filter(|_| is_caught_up);
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
