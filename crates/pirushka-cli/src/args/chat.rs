//! The arguments of `chat`.

use clap::Subcommand;

use super::Who;
use super::value::whole;

/// `pirushka chat`
#[derive(Debug, Subcommand)]
pub enum Chat {
    /// All conversations, the newest first
    List,
    /// What was said
    History {
        #[command(flatten)]
        #[allow(missing_docs)]
        who: Who,
        /// How many of the last messages
        #[arg(long, short = 'n', default_value_t = 50, value_name = "N", value_parser = whole::<u32>(1, 100_000))]
        last: u32,
    },
}
