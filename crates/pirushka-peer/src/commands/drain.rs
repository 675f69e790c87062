//! `pirushkad drain`: the running peer stops politely, and shows what it still hands out.

use std::time::Duration;

use serde_json::{Value, json};

use crate::cli::data_dir;
use crate::commands::{ask, running};
use crate::config::Config;
use crate::failure::Failure;
use crate::output;

/// How often it is asked how far it is.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Orders it and, with `wait`, returns when the peer has ended.
pub(crate) fn drain(config: &Config, within_ms: Option<u64>, wait: bool, json: bool) -> Result<(), Failure> {
    let dir = data_dir(config)?;
    let question = within_ms.map_or_else(|| "drain".to_owned(), |ms| format!("drain {ms}"));
    let answer: Value = ask(&dir, &question)?;
    if json {
        output::data(&answer);
    } else {
        let within_ms = answer["within_ms"].as_u64().unwrap_or_default();
        output::data(format_args!("draining: nothing new is taken, {} s at most", within_ms.div_ceil(1000)));
    }
    if !wait {
        return Ok(());
    }
    let mut before = None;
    // It ends by taking its socket away.
    while let Ok(status) = running(&dir) {
        let left = status.messages.to_hand_out;
        if before.replace(left) != Some(left) {
            show(left, status.clients.online, json);
        }
        std::thread::sleep(LOOK_EVERY);
    }
    if json {
        output::data(json!({"v": 1, "event": "stopped"}));
    } else {
        output::data("stopped");
    }
    Ok(())
}

fn show(left: u64, online: u64, json: bool) {
    if json {
        output::data(json!({"v": 1, "event": "drain_progress", "to_hand_out": left, "users_online": online}));
    } else {
        output::data(format_args!("to hand out: {left} messages, {online} users here"));
    }
}
