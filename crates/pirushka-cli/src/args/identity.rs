//! The arguments of `init` and `id`.

use clap::{Args, Subcommand};
use pirushka_wire::HomeAddress;

use super::value::peer_address;

/// `pirushka init`
#[derive(Debug, Args)]
#[command(after_help = "\
Without --passphrase the key to your data lies in the keyring of your system if that answers, else in a file
that only your user can read. Running it again changes only what you name.")]
pub struct Init {
    /// What you call yourself; others see it when you meet
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// The peer that serves you: what `pirushkad address` prints
    #[arg(long, value_name = "ADDRESS", value_parser = peer_address())]
    pub peer: Option<HomeAddress>,
    /// Protect the data with a passphrase, asked for now
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
}
