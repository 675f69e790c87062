//! `pirushkad reload`: the running peer reads its configuration again.

use serde_json::Value;

use crate::cli::data_dir;
use crate::commands::ask;
use crate::config::Config;
use crate::failure::Failure;
use crate::output;

/// Prints what changed and what of it waits for a restart.
pub(crate) fn reload(config: &Config, json: bool) -> Result<(), Failure> {
    let answer: Value = ask(&data_dir(config)?, "reload")?;
    if json {
        output::data(&answer);
        return Ok(());
    }
    let changes = answer["changes"].as_array().map(Vec::as_slice).unwrap_or_default();
    if changes.is_empty() {
        output::data("nothing changed");
    }
    for change in changes {
        let text = |field: &str| change[field].as_str().unwrap_or_default();
        let effect = match text("effect") {
            "in_force" => "in force",
            "for_new_things" => "in force for what is new; what is there stays",
            _ => "needs a restart",
        };
        output::data(format_args!("{}: {} -> {} ({effect})", text("key"), text("old"), text("new")));
    }
    Ok(())
}
