//! The arguments of `engine` and `demo`.

use clap::{Args, Subcommand};

/// `pirushka engine`
#[derive(Debug, Subcommand)]
pub enum Engine {
    /// Run it here, in the foreground, until Ctrl-C
    Run {
        /// As the first command starts it: ends after ten idle minutes
        #[arg(long, hide = true)]
        background: bool,
    },
    /// End the one that runs
    Stop,
}

/// `pirushka demo`
#[derive(Debug, Args)]
pub struct Demo {
    /// Keep the folder with the profiles and logs, and say where it is
    #[arg(long)]
    pub keep: bool,
}
