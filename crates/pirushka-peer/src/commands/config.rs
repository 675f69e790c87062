//! `pirushkad config`: look at the configuration without running.

use std::path::PathBuf;

use crate::config::{Loaded, Origin, SETTINGS, shortened};
use crate::output;

/// Says that the configuration is valid; if it is not, loading it has failed before.
pub(crate) fn config_check(loaded: &Loaded, file: Option<PathBuf>, json: bool) {
    if json {
        output::data(serde_json::json!({
            "v": 1, "event": "config", "valid": true, "file": file, "changed": loaded.origins.len(),
        }));
        return;
    }
    let from = file.map_or_else(|| "no file".into(), |file| file.display().to_string());
    output::data(format_args!("valid: {from}, {} settings given", loaded.origins.len()));
}

/// Prints every setting with its value, and with `origin` where the value comes from.
pub(crate) fn config_show(loaded: &Loaded, origin: bool, json: bool) {
    for setting in SETTINGS {
        let value = setting.shown(&loaded.config);
        let from = loaded.origins.get(setting.key).unwrap_or(&Origin::Default);
        if json {
            output::data(serde_json::json!({
                "v": 1, "event": "setting", "key": setting.key, "value": value, "origin": from.to_string(),
            }));
            continue;
        }
        let (plain, short) = (setting.plain(&loaded.config), shortened(&setting.plain(&loaded.config)));
        let value = match () {
            () if value.is_empty() => "none".into(),
            () if short != plain => short,
            () => value,
        };
        match origin {
            true => output::data(format_args!("{:<34} {value:<16} {from}", setting.key)),
            false => output::data(format_args!("{:<34} {value}", setting.key)),
        }
    }
}
