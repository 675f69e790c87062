//! `pirushkad block`: networks whose datagrams the running peer drops unread.

use serde_json::{Value, json};

use crate::cli::data_dir;
use crate::commands::ask;
use crate::config::Config;
use crate::failure::Failure;
use crate::output;

/// Blocks a network until the process ends.
pub(crate) fn block_add(config: &Config, network: &str, json: bool) -> Result<(), Failure> {
    let answer = change(config, "add", network, json)?;
    if !json {
        let network = answer["network"].as_str().unwrap_or_default();
        match answer["changed"].as_bool() {
            Some(true) => output::data(format_args!(
                "blocked: {network}, until the peer ends; block.networks in the configuration blocks for good"
            )),
            _ => output::data(format_args!("was blocked already: {network}")),
        }
    }
    Ok(())
}

/// Lets a network in again.
pub(crate) fn block_remove(config: &Config, network: &str, json: bool) -> Result<(), Failure> {
    let answer = change(config, "remove", network, json)?;
    if !json {
        let network = answer["network"].as_str().unwrap_or_default();
        match answer["changed"].as_bool() {
            Some(true) => output::data(format_args!("let in again: {network}")),
            _ => output::data(format_args!("was not blocked: {network}")),
        }
    }
    Ok(())
}

/// Shows what is blocked, and by what.
pub(crate) fn block_list(config: &Config, json: bool) -> Result<(), Failure> {
    let dir = data_dir(config)?;
    let mut answer: Value = ask(&dir, "block list")?;
    let mut blocks = rows(&mut answer);
    // A long list comes in pieces.
    while let Some(next) = answer["next"].as_u64() {
        answer = ask(&dir, &format!("block list {next}"))?;
        blocks.append(&mut rows(&mut answer));
    }
    if json {
        output::data(json!({"v": 1, "event": "blocks", "blocks": blocks}));
        return Ok(());
    }
    if blocks.is_empty() {
        output::data("nothing is blocked");
    }
    for block in blocks {
        let text = |field: &str| block[field].as_str().unwrap_or_default();
        output::data(format_args!("{:<43} {}", text("network"), text("from")));
    }
    Ok(())
}

fn rows(answer: &mut Value) -> Vec<Value> {
    answer["blocks"].as_array_mut().map(std::mem::take).unwrap_or_default()
}

fn change(config: &Config, what: &str, network: &str, json: bool) -> Result<Value, Failure> {
    // One word, whatever was written, and not more than a question may have.
    let network: String = network.split_whitespace().flat_map(str::chars).take(60).collect();
    let network = if network.is_empty() { "-" } else { &network };
    let answer: Value = ask(&data_dir(config)?, &format!("block {what} {network}"))?;
    if json {
        output::data(&answer);
    }
    Ok(answer)
}
