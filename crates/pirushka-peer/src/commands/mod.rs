//! One command, one file.

mod address;
mod block;
mod config;
mod doctor;
mod drain;
mod limits;
mod reload;
mod run;
mod status;
mod unit;
mod watch;

pub(crate) use address::address;
pub(crate) use block::{block_add, block_list, block_remove};
pub(crate) use config::{config_check, config_show};
pub(crate) use doctor::doctor;
pub(crate) use drain::drain;
pub(crate) use limits::limits;
pub(crate) use reload::reload;
pub(crate) use run::run;
pub(crate) use status::{ask, running, status};
pub(crate) use unit::{UnitArgs, unit};
pub(crate) use watch::watch;

use std::path::Path;

use crate::failure::Failure;

/// Prints the completion script.
pub(crate) fn completions(command: &mut clap::Command, shell: clap_complete::Shell) {
    let mut script = Vec::new();
    clap_complete::generate(shell, command, "pirushkad", &mut script);
    crate::output::data(String::from_utf8_lossy(&script).trim_end());
}

/// Prints the manual page, or writes those of all commands into `folder`.
pub(crate) fn man(command: clap::Command, folder: Option<&Path>) -> Result<(), Failure> {
    let Some(folder) = folder else {
        let mut page = Vec::new();
        clap_mangen::Man::new(command)
            .render(&mut page)
            .map_err(|error| Failure::unexpected("cannot print the manual page", error))?;
        crate::output::data(String::from_utf8_lossy(&page).trim_end());
        return Ok(());
    };
    let written = std::fs::create_dir_all(folder).and_then(|()| clap_mangen::generate_to(command, folder));
    written.map_err(|error| {
        let what = format!("cannot write manual pages into {}", folder.display());
        Failure::configuration(
            "man.not_written",
            what,
            error,
            "name a folder that you may write to: pirushkad man FOLDER",
        )
    })
}
