//! `pirushkad drain`: the running peer stops politely, and shows what it still hands out.

use std::time::Duration;

use serde_json::{Value, json};

use crate::cli::data_dir;
use crate::commands::status::NOBODY_ANSWERS;
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
        let at_most_s = answer["within_ms"].as_u64().unwrap_or_default().div_ceil(1000);
        match answer["was_draining"].as_bool() {
            Some(true) => output::data(format_args!("draining already: {at_most_s} s at most, the earlier end counts")),
            _ => output::data(format_args!("draining: nothing new is taken, {at_most_s} s at most")),
        }
    }
    if !wait {
        return Ok(());
    }
    let (mut before, mut boot) = (None, None);
    loop {
        match running(&dir) {
            // A service manager may have started the next one.
            Ok(status) if *boot.get_or_insert(status.boot.clone()) != status.boot => break,
            Ok(status) => {
                let left = status.messages.to_hand_out;
                if before.replace(left) != Some(left) {
                    show(left, status.clients.online, json);
                }
            }
            // It ends by taking its socket away.
            Err(failure) if failure.code == NOBODY_ANSWERS => break,
            // One that is busy has not ended.
            Err(_) => {}
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
