//! `pirushkad limits`: each limit of the running peer with what is used of it.

use crate::cli::data_dir;
use crate::commands::ask;
use crate::config::Config;
use crate::failure::Failure;
use crate::limits::Limits;
use crate::output;

/// Prints limits and use.
pub(crate) fn limits(config: &Config, json: bool) -> Result<(), Failure> {
    let limits: Limits = ask(&data_dir(config)?, "limits")?;
    if json {
        output::data(serde_json::to_string(&limits).map_err(|error| Failure::unexpected("cannot write JSON", error))?);
    } else {
        output::data(&limits);
    }
    Ok(())
}
