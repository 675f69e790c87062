//! `engine`: the process that keeps a profile reachable.

use pirushka_client::Handle;
use pirushka_client::settings::Key;

use crate::context::Context;
use crate::fault::Outcome;
use crate::lang::text;
use crate::trouble::fault;

/// `engine run`
///
/// # Errors
/// See [`pirushka_client::engine::run`].
pub async fn run(context: &Context, background: bool) -> Outcome {
    log(context.settings.get(Key::LogLevel));
    if background {
        return pirushka_client::engine::run_in_background(&context.profile).await.map_err(fault);
    }
    context.profile.must_exist().map_err(fault)?;
    context.out.advise(text("engine.runs", &[]));
    pirushka_client::engine::run(&context.profile, context.passphrase()).await.map_err(fault)
}

/// What the engine remarks goes to stderr; of one in the background that is `engine.log`.
fn log(level: &str) {
    let level = level.parse().unwrap_or(tracing_subscriber::filter::LevelFilter::WARN);
    let _ = tracing_subscriber::fmt().with_max_level(level).with_writer(std::io::stderr).with_ansi(false).try_init();
}

/// `engine stop`
///
/// # Errors
/// No profile; the engine does not answer.
pub async fn stop(context: &Context) -> Outcome {
    context.profile.must_exist().map_err(fault)?;
    let running = Handle::join(&context.profile).await.map_err(fault)?;
    let was_running = running.is_some();
    if let Some(engine) = running {
        engine.stop().await.map_err(fault)?;
    }
    context.out.record_or_say("engine_stopped", &serde_json::json!({ "was_running": was_running }), || {
        text(if was_running { "engine.stopped" } else { "engine.none" }, &[])
    });
    Ok(())
}
