//! The program `pirushka`.

const _: () = assert!(!pirushka_wire::FOR_TESTS_ALONE, "a program for people has neither planted bugs nor stubs");

fn main() -> std::process::ExitCode {
    pirushka_cli::main_from_args(std::env::args_os())
}
