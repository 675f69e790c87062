//! The arguments of `rpc`.

use std::path::PathBuf;

use clap::{Args, ValueHint};

/// `pirushka rpc`
#[derive(Debug, Args)]
pub struct Rpc {
    /// Serve many programs at a unix socket of this path instead of one on stdin and stdout
    #[arg(long, value_name = "PATH", value_hint = ValueHint::FilePath, conflicts_with = "openrpc")]
    pub socket: Option<PathBuf>,
    /// Print the description of all methods (OpenRPC) and end
    #[arg(long)]
    pub openrpc: bool,
}
