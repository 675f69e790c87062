//! `demo`: two peers and two people on this computer, each a process of its own, doing the main job before your eyes.
//!
//! The people use the same commands as everybody; the demo only types them. Every step checks what it shows.

pub mod acts;
pub mod show;
pub mod stage;

use std::time::Instant;

use crate::args::Demo;
use crate::fault::{Exit, Fault, Outcome};
use crate::lang::text;
use crate::out::Out;
use show::Step;
use stage::Stage;

/// `demo`
///
/// # Errors
/// A step did not hold, or Ctrl-C. Every process has ended by then.
pub async fn run(out: Out, demo: &Demo) -> Outcome {
    let folder = tempfile::Builder::new().prefix("pirushka-demo-").tempdir().map_err(Fault::unexpected)?;
    let mut stage = Stage::new(folder.path())?;
    let outcome = tokio::select! {
        outcome = play(out, &mut stage) => outcome,
        () = asked_to_end() => Err(Fault::new(Exit::Interrupted, "fault.interrupted", &[])),
    };
    stage.end().await;
    if demo.keep {
        out.warn(text("demo.kept", &[("path", &folder.keep().display().to_string())]));
    }
    outcome
}

async fn play(out: Out, stage: &mut Stage) -> Outcome {
    let start = Instant::now();
    if !out.json {
        show::opening(out);
    }
    let mut play = Play { out, stage, steps: 0 };
    play.act("peers", &[15], acts::peers).await?;
    play.act("people", &[12, 13], acts::people).await?;
    play.act("first_contact", &[8, 9], acts::first_contact).await?;
    play.act("code", &[14], acts::code).await?;
    play.act("there", &[1, 2, 3, 16], acts::there).await?;
    play.act("back", &[1], acts::back).await?;
    play.act("away", &[3], acts::away).await?;
    play.act("restart", &[4], acts::restart).await?;
    play.act("returned", &[3], acts::returned).await?;
    play.act("dead_peer", &[5, 10], acts::dead_peer).await?;
    play.act("one_peer", &[1, 13], acts::one_peer).await?;
    let steps = play.steps;
    play.stage.end().await;
    show::closing(out, steps, start.elapsed(), Stage::processes());
    Ok(())
}

struct Play<'a> {
    out: Out,
    stage: &'a mut Stage,
    steps: usize,
}

impl Play<'_> {
    /// Plays one step and shows it, also if it fails.
    async fn act(
        &mut self,
        name: &str,
        facts: &[u8],
        act: impl AsyncFnOnce(&mut Stage, &mut Step) -> Outcome,
    ) -> Outcome {
        let start = Instant::now();
        let mut step = Step::default();
        let outcome = act(self.stage, &mut step).await;
        if let Err(fault) = &outcome {
            step.field("error", fault.why.clone());
        }
        show::step(self.out, name, facts, step, start.elapsed(), outcome.is_ok());
        self.steps += 1;
        outcome?;
        crate::out::lost().map_or(Ok(()), |error| Err(Fault::cannot_print(error)))
    }
}

/// Ctrl-C, or SIGTERM.
async fn asked_to_end() {
    #[cfg(unix)]
    if let Ok(mut terminate) = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminate.recv() => {}
        }
        return;
    }
    let _ = tokio::signal::ctrl_c().await;
}
