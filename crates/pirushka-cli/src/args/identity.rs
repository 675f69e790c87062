//! The arguments of `init` and `id`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueHint};
use pirushka_wire::HomeAddress;

use super::value::peer_address;

/// `pirushka init`
#[derive(Debug, Args)]
#[command(after_help = "\
Without a passphrase the key to your data lies in the keyring of your system if
that answers, else in a file that only your user can read. Running it again
changes only what you name.")]
pub struct Init {
    /// What you call yourself; others see it when you meet
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// The peer that serves you: what `pirushkad address` prints
    #[arg(long, value_name = "ADDRESS", value_parser = peer_address())]
    pub peer: Option<HomeAddress>,
    /// Protect the data with a passphrase, asked for now; with --passphrase-file, with the one in that file
    #[arg(long, conflicts_with = "key_file")]
    pub passphrase: bool,
    /// Keep the key in a file of mode 0600 even if there is a keyring
    #[arg(long)]
    pub key_file: bool,
}

/// `pirushka id`
#[derive(Debug, Subcommand)]
pub enum Id {
    /// Your fingerprint, your address, your peer
    Show {
        /// The certificate, PEM, nothing else (openssl x509 reads it)
        #[arg(long)]
        certificate: bool,
    },
    /// Your address as a QR code
    Qr,
    /// Your identity alone (key and certificate) as one file under a passphrase
    #[command(after_help = "\
Example:
  pirushka id export --output me.pem
The file is PKCS #8 and PEM; openssl pkey -in me.pem reads it. With file and
passphrase anybody can be you. It holds no contacts and no messages: that is
what `pirushka backup create` is for.")]
    Export {
        /// Where to; without it, to stdout
        #[arg(long, short = 'o', value_name = "FILE", value_hint = ValueHint::FilePath)]
        output: Option<PathBuf>,
        /// The passphrase stands in the first line of this file
        #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
        secret_file: Option<PathBuf>,
        /// Only the public part: the certificate
        #[arg(long, conflicts_with = "secret_file")]
        certificate: bool,
        /// Replace an existing file without asking
        #[arg(long, short = 'y')]
        yes: bool,
    },
    /// A new profile with the identity of such a file
    #[command(after_help = "\
Example:
  pirushka id import me.pem --peer ADDRESS
The profile must not exist yet. Contacts are not in the file: they have to be
added again, or write to you.")]
    Import {
        /// What `id export` wrote
        #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
        file: PathBuf,
        /// The passphrase stands in the first line of this file
        #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
        secret_file: Option<PathBuf>,
        /// What you call yourself
        #[arg(long, value_name = "NAME")]
        name: Option<String>,
        /// The peer that serves you
        #[arg(long, value_name = "ADDRESS", value_parser = peer_address())]
        peer: Option<HomeAddress>,
        /// Keep the key of the new profile in a file of mode 0600 even if there is a keyring
        #[arg(long)]
        key_file: bool,
    },
}
