//! The program `pirushka`, built with the tests, so that they always run the one that belongs to these sources.

fn main() -> std::process::ExitCode {
    pirushka_cli::main_from_args(std::env::args_os())
}
