//! The peer. Everything is in the library, so that `pirushka demo` can be a peer too.

use std::process::ExitCode;

const _: () = assert!(!pirushka_wire::FOR_TESTS_ALONE, "a program for people has neither planted bugs nor stubs");

fn main() -> ExitCode {
    pirushka_peer::main_from_args(std::env::args_os())
}
