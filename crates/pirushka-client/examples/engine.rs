//! The smallest program that is an engine: `engine PIRUSHKA_HOME` does what `pirushka engine run --background` does.
//! The library's tests start it as their engine.

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::process::ExitCode {
    let home = std::env::args_os().nth(1).expect("the directory of the profile is the argument");
    let outcome = match pirushka_client::Profile::at(std::path::Path::new(&home), None) {
        Ok(profile) => pirushka_client::engine::run_in_background(&profile).await,
        Err(error) => Err(error),
    };
    match outcome {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            error.code.exit_code().into()
        }
    }
}
