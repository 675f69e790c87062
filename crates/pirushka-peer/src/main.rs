//! The peer. Everything is in the library, so that `pirushka demo` can be a peer too.

use std::process::ExitCode;

fn main() -> ExitCode {
    pirushka_peer::main_from_args(std::env::args_os())
}
