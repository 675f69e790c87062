//! The arguments of `net`.

use std::time::Duration;

use clap::Subcommand;

use super::value::duration;

/// `pirushka net`
#[derive(Debug, Subcommand)]
pub enum Net {
    /// Look at the way to your own peers step by step, and name the cause
    #[command(after_help = "\
Example:
  pirushka net check
It looks at this machine's addresses and clock, then at each of your peers:
name, packets, key, registration, round trip, the silence that the way bears,
and whether a NAT stands in between. Exit code 5 when something fails.")]
    Check {
        /// How long to wait for each peer
        #[arg(long, value_name = "TIME", default_value = "5s", value_parser = duration())]
        timeout: Duration,
    },
}
