//! What a subscription tells: `{"jsonrpc":"2.0","method":"event","params":{"event":...}}`, over the deaths of engines.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use jsonrpsee_types::Notification;
use serde_json::json;
use tokio::sync::mpsc;

use super::{Engine, calls};
use crate::engine::protocol::Since;
use crate::error::{Code, Error, Result};
use crate::view::EventView;

/// The name of the notification.
pub(super) const EVENT: &str = "event";

/// How often an engine is looked for after one died, before it is given up.
const REJOINS: u32 = 6;
/// The wait before the first of these; each next is twice as long.
const REJOIN_FIRST: Duration = Duration::from_millis(100);
/// An engine that lived this long was a sound one.
const SOUND: Duration = Duration::from_secs(10);

/// Tells until the reader goes, the engine is stopped, or no engine can be had any more.
pub(super) async fn tell(engine: Engine, since: Since, out: mpsc::Sender<Vec<u8>>) {
    let mut follower = Follower { since, told: BTreeSet::new() };
    let mut tries = 0;
    loop {
        let begun = Instant::now();
        let Err(error) = follower.follow(&engine, &out).await else { return };
        tries = if begun.elapsed() > SOUND { 0 } else { tries + 1 };
        if error.code != Code::Engine || tries > REJOINS {
            return broken(&error, &out).await;
        }
        engine.forget().await;
        tokio::time::sleep(REJOIN_FIRST * 2_u32.pow(tries)).await;
    }
}

/// How far somebody has come.
struct Follower {
    since: Since,
    /// Messages told before everything older was: whoever begins again there is told them once.
    told: BTreeSet<u64>,
}

impl Follower {
    async fn follow(&mut self, engine: &Engine, out: &mpsc::Sender<Vec<u8>>) -> Result<()> {
        let mut events = engine.subscribe(self.since).await?;
        let mut is_caught_up = !matches!(self.since, Since::Unseen);
        while let Some(event) = events.next().await? {
            if !self.is_told_before(&event) {
                let is_last = event == EventView::Stopping;
                let line = calls::line(&Notification::new(EVENT.into(), &event));
                if out.send(line).await.is_err() || is_last {
                    return Ok(());
                }
            }
            is_caught_up |= matches!(event, EventView::CaughtUp { .. });
            if let Some(cursor) = cursor(&event).filter(|_| is_caught_up) {
                self.since = Since::Cursor(cursor);
                self.told.clear();
            }
        }
        Ok(())
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

/// The subscription has ended, and why: subscribe again.
async fn broken(error: &Error, out: &mpsc::Sender<Vec<u8>>) {
    let params = json!({ "event": "broken", "code": error.code, "text": error.message, "remedy": error.remedy });
    let _ = out.send(calls::line(&Notification::new(EVENT.into(), params))).await;
}
