//! The arguments of `invite`.

use std::time::Duration;

use clap::builder::PossibleValue;
use clap::{Subcommand, ValueEnum};

use super::value::{some_duration, whole};

/// `pirushka invite`
#[derive(Debug, Subcommand)]
pub enum Invite {
    /// A new address to hand to somebody
    #[command(after_help = "\
Example:
  pirushka invite new --label \"for Bob\"
Whoever has the address can introduce themselves to you, as often as --uses
says and until it expires.")]
    New {
        /// A note for yourself
        #[arg(long, default_value = "", value_name = "TEXT", hide_default_value = true)]
        label: String,
        /// How many people it lets in
        #[arg(long, default_value_t = 1, value_name = "N", value_parser = whole::<u16>(1, 1000))]
        uses: u16,
        /// How long it is good: 30m, 12h, 7d
        #[arg(long, default_value = "7d", value_name = "TIME", value_parser = some_duration())]
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
    /// Who may introduce themselves to you; without WHO it says who may
    #[command(after_help = "\
  closed    nobody, not even by an invite
  invites   whoever has an invite of yours (as it is in the beginning)
  open      also whoever has your plain address (`pirushka id show`), after some work of
            their computer; you are asked first
Example:
  pirushka invite policy open --bits 22")]
    Policy {
        #[allow(missing_docs)]
        #[arg(value_name = "WHO", value_enum)]
        who: Option<Strangers>,
        /// With open: how much work, in bits; one more is twice the work, 20 are a tenth of a second
        #[arg(long, value_name = "N", value_parser = whole::<u8>(2, 40))]
        bits: Option<u8>,
    },
    /// Make one useless
    Revoke {
        /// The number that `invite list` shows
        #[arg(value_name = "ID", value_parser = whole::<u32>(0, u32::MAX.into()))]
        id: u32,
    },
}

/// Who may introduce themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strangers {
    #[allow(missing_docs)]
    Closed,
    #[allow(missing_docs)]
    Invites,
    #[allow(missing_docs)]
    Open,
}

impl ValueEnum for Strangers {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Closed, Self::Invites, Self::Open]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(match self {
            Self::Closed => "closed",
            Self::Invites => "invites",
            Self::Open => "open",
        }))
    }
}
