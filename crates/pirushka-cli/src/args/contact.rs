//! The arguments of `contact`, and how a command names a contact.

use clap::{Args, Subcommand};
use pirushka_wire::Address;

use super::value::address;

/// `pirushka contact`
#[derive(Debug, Subcommand)]
pub enum Contact {
    /// Introduce yourself to the person behind an address
    Add {
        /// What your friend's `invite new` printed, or `id show` of somebody who takes strangers
        #[arg(value_name = "ADDRESS", value_parser = address())]
        address: Address,
        /// What you call this person
        #[arg(long, value_name = "NAME")]
        name: Option<String>,
        /// A first text, at most 1024 bytes; the person reads it before saying yes
        #[arg(long, value_name = "TEXT")]
        text: Option<String>,
        /// Do not wait for the answer
        #[arg(long)]
        no_wait: bool,
    },
    /// Everybody you know
    List,
    /// One person: fingerprint, code, peer
    Show(Who),
    /// Say yes to somebody who introduced themselves
    Accept(Who),
    /// Say no to somebody who introduced themselves
    Refuse(WhoSure),
    /// Call somebody otherwise
    Rename {
        #[command(flatten)]
        #[allow(missing_docs)]
        who: Who,
        /// The new name
        #[arg(value_name = "NEW")]
        new: String,
    },
    /// Compare the code with the person, over the phone or face to face
    #[command(after_help = "\
Without a flag it shows the six digits. Read them to each other on another
channel, then say
  pirushka contact verify NAME --matches     or     --differs
With --digits --matches you confirm the 60 digits instead. With --scanned you
give what a QR reader read from the other screen.")]
    Verify(Verify),
    /// Take nothing more from somebody
    Block(WhoSure),
    /// Take messages from somebody again
    Unblock(Who),
    /// Forget somebody and the conversation
    Remove(WhoSure),
}

/// A contact by name, fingerprint or address.
#[derive(Debug, Args)]
pub struct Who {
    /// Name, fingerprint or address of a contact
    #[arg(value_name = "NAME")]
    pub name: String,
}

/// A contact, and whether one is sure.
#[derive(Debug, Args)]
pub struct WhoSure {
    /// Name, fingerprint or address of a contact
    #[arg(value_name = "NAME")]
    pub name: String,
    /// Do not ask
    #[arg(long, short = 'y')]
    pub yes: bool,
}

/// `pirushka contact verify`
#[derive(Debug, Args)]
pub struct Verify {
    #[command(flatten)]
    #[allow(missing_docs)]
    pub who: Who,
    /// You have compared it, and it is equal
    #[arg(long, conflicts_with_all = ["differs", "qr"])]
    pub matches: bool,
    /// You have compared it, and it differs
    #[arg(long, conflicts_with = "qr")]
    pub differs: bool,
    /// Show your own QR code, for the other to scan
    #[arg(long)]
    pub qr: bool,
    /// The 60 digits instead of the six: two rows of 30
    #[arg(long)]
    pub digits: bool,
    /// What the QR code on the other screen says
    #[arg(long, value_name = "TEXT", conflicts_with_all = ["matches", "differs", "qr", "digits", "again"])]
    pub scanned: Option<String>,
    /// Make a new six-digit code (at most three times with one person)
    #[arg(long, conflicts_with_all = ["matches", "differs", "qr", "digits"])]
    pub again: bool,
}
