//! The arguments of `lab`.

use std::time::Duration;

use clap::{Args, Subcommand};
use pirushka_wire::HostPort;

use super::value::{duration, host_port};

/// `pirushka lab`
#[derive(Debug, Subcommand)]
pub enum Lab {
    /// Register at a peer with the seed's bare packets, and see every byte
    Register(LabRegister),
}

/// `pirushka lab register`
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  pirushkad --plain                                  the peer, on another terminal
  pirushka lab register --plain localhost --trace
It is for study: in the clear, and no message is delivered this way. Everybody
on the path reads who registers, so an identity is made for the occasion.
Without an answer it registers again, twice; then the peer is unavailable: exit
5.")]
pub struct LabRegister {
    /// Where the peer is; it must run with --plain
    #[arg(long, value_name = "HOST[:PORT]", value_parser = host_port())]
    pub plain: HostPort,
    /// Put junk of a random length before each field (fact 19); it hides nothing
    #[arg(long)]
    pub shifts: bool,
    /// Time between keepalives; 0s: none
    #[arg(long, value_name = "TIME", default_value = "2m", value_parser = duration())]
    pub keepalive: Duration,
    /// How long to wait for an answer before registering again
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = duration())]
    pub wait: Duration,
    /// End when the registration has come through, instead of keeping it alive until Ctrl-C
    #[arg(long)]
    pub once: bool,
    /// Show every field of every packet
    #[arg(long)]
    pub trace: bool,
    /// Register as the person of this profile: shows your fingerprint to everybody on the path
    #[arg(long)]
    pub as_me: bool,
}
