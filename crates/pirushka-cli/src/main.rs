//! The program `pirushka`.

fn main() -> std::process::ExitCode {
    pirushka_cli::main_from_args(std::env::args_os())
}
