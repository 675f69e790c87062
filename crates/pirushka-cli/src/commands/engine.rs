//! `engine`: the process that keeps a profile reachable.

use std::io::{Result, Write};

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
    let _ = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(|| Lenient(std::io::stderr()))
        .with_ansi(false)
        // Reporting that stderr takes nothing would panic, on stderr.
        .log_internal_errors(false)
        .try_init();
}

/// Writes what can be written: on a full disk remarks are lost, and nothing else.
struct Lenient<W>(W);

impl<W: Write> Write for Lenient<W> {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        let _ = self.0.write_all(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<()> {
        let _ = self.0.flush();
        Ok(())
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A disk without room.
    struct Full;

    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> Result<usize> {
            Err(std::io::ErrorKind::StorageFull.into())
        }

        fn flush(&mut self) -> Result<()> {
            Err(std::io::ErrorKind::StorageFull.into())
        }
    }

    #[test]
    fn a_remark_that_cannot_be_written_is_lost_in_silence_and_one_that_can_is_written() {
        let mut full = Lenient(Full);
        full.write_all(b"remark\n").and_then(|()| full.flush()).unwrap();
        let mut roomy = Lenient(Vec::new());
        roomy.write_all(b"remark\n").unwrap();
        assert_eq!(roomy.0, b"remark\n");
    }
}
