//! The arguments of `invite`.

use std::time::Duration;

use clap::Subcommand;

use super::value::{duration, whole};

/// `pirushka invite`
#[derive(Debug, Subcommand)]
pub enum Invite {
    /// A new address to hand to somebody
    #[command(after_help = "\
Example:
  pirushka invite new --label \"for Bob\"
Whoever has the address can introduce themselves to you, as often as --uses says and until it expires.")]
    New {
        /// A note for yourself
        #[arg(long, default_value = "", value_name = "TEXT", hide_default_value = true)]
        label: String,
        /// How many people it lets in
        #[arg(long, default_value_t = 1, value_name = "N", value_parser = whole::<u16>(1, 1000))]
        uses: u16,
        /// How long it is good: 30m, 12h, 7d
        #[arg(long, default_value = "7d", value_name = "TIME", value_parser = duration())]
        expires: Duration,
        /// Ask before whoever comes by it becomes a contact
        #[arg(long)]
        ask: bool,
        /// Show it as a QR code too
        #[arg(long)]
        qr: bool,
    },
    /// Those that are still good
    List,
    /// Make one useless
    Revoke {
        /// The number that `invite list` shows
        #[arg(value_name = "ID", value_parser = whole::<u32>(0, u32::MAX.into()))]
        id: u32,
    },
}
