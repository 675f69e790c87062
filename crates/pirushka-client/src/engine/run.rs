//! An engine's life: lock and store, socket, signals, idleness, end.

use std::io::{BufRead, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::net::UnixListener;
use tokio::signal::unix::{SignalKind, signal};
use zeroize::Zeroizing;

use super::core::Core;
use super::server::serve;
use crate::driver::Thread;
use crate::error::{Code, Error, Result};
use crate::handle::AskPassphrase;
use crate::private_socket;
use crate::profile::{Profile, private_dir};
use crate::settings::{Key, Settings};

/// How long faces may take to hear that the engine stops.
const FAREWELL: Duration = Duration::from_millis(500);

/// What a parent writes to the stdin of an engine that it starts: never in arguments or environment, which others see.
#[derive(Serialize, Deserialize)]
pub(super) struct Handover {
    pub(super) passphrase: Option<String>,
}

impl Drop for Handover {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.passphrase);
    }
}

/// What an engine writes to its stdout, once: it answers on its socket now, or why it never will.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Readiness {
    Ready,
    Error(Error),
}

/// Runs the engine of `profile` in this process until it is stopped (`engine stop`, SIGTERM, SIGINT).
///
/// # Errors
/// As [`crate::Handle::join_or_start`].
pub async fn run(profile: &Profile, passphrase: Option<AskPassphrase>) -> Result<()> {
    let engine = Engine::open(profile, passphrase, false).await?;
    engine.live(None).await
}

/// What the hidden command `engine run --background` does: takes the passphrase from stdin, leaves the terminal, tells
/// its parent on stdout that it is ready or why not, and runs until it has been idle for as long as `engine_idle` says.
///
/// # Errors
/// As [`run`]; the parent has been told already.
pub async fn run_in_background(profile: &Profile) -> Result<()> {
    // In a session of its own, so that neither Ctrl-C nor the end of the terminal reaches it.
    let _ = rustix::process::setsid();
    no_core_dumps();
    let passphrase = handed_over();
    let opened = match idle() {
        Ok(idle) => Engine::open(profile, passphrase, true).await.map(|engine| (engine, idle)),
        Err(error) => Err(error),
    };
    let _ = std::env::set_current_dir("/");
    match opened {
        Ok((engine, idle)) => {
            say(&Readiness::Ready);
            engine.live(idle).await
        }
        Err(error) => {
            say(&Readiness::Error(error.clone()));
            Err(error)
        }
    }
}

/// Keys and texts stand in the memory of a process that has a profile open: nothing of it is written out when it crashes,
/// and no other process of this user can look into it.
pub fn no_core_dumps() {
    use rustix::process::{Resource, Rlimit, setrlimit};
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
}

/// After how long an engine that nobody uses ends; `None`: never.
fn idle() -> Result<Option<Duration>> {
    Ok(Settings::load()?.time(Key::EngineIdle))
}

fn handed_over() -> Option<AskPassphrase> {
    let mut line = Zeroizing::new(String::new());
    std::io::stdin().lock().read_line(&mut line).ok()?;
    let mut handover: Handover = serde_json::from_str(&line).ok()?;
    let passphrase = Zeroizing::new(handover.passphrase.take()?);
    Some(Box::new(move || Ok(passphrase)))
}

fn say(readiness: &Readiness) {
    let mut line = serde_json::to_string(readiness).unwrap_or_default();
    line.push('\n');
    // The parent may be gone; the engine lives on.
    let mut stdout = std::io::stdout().lock();
    let _ = stdout.write_all(line.as_bytes()).and_then(|()| stdout.flush());
}

struct Engine {
    core: Arc<Core>,
    thread: Thread,
    listener: UnixListener,
    socket: std::path::PathBuf,
}

impl Engine {
    async fn open(profile: &Profile, ask: Option<AskPassphrase>, background: bool) -> Result<Self> {
        let owned = profile.clone();
        let opening = tokio::task::spawn_blocking(move || Core::open(&owned, ask, background));
        let (core, thread) = opening
            .await
            .unwrap_or_else(|_| Err(Error::new(Code::Unexpected, "opening the profile was broken off")))?;
        let listener = listen(profile.socket_path())?;
        Ok(Self { core, thread, listener, socket: profile.socket_path().to_owned() })
    }

    async fn live(self, idle: Option<Duration>) -> Result<()> {
        let Self { core, thread, listener, socket } = self;
        let failed = |e| Error::io(Code::Unexpected, "listening for signals", &e);
        let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
        tokio::select! {
            () = accept(&core, &listener) => {}
            () = idle_for(&core, idle) => tracing::info!("idle"),
            () = core.stopping() => tracing::info!("asked to stop"),
            // Without it nothing can be answered; the next command starts an engine that can.
            () = core.driver.ended() => tracing::error!("the client's loop has ended"),
            _ = terminate.recv() => tracing::info!("terminated"),
            _ = interrupt.recv() => tracing::info!("interrupted"),
        }
        // First the name goes, so that whoever comes now starts a new engine, which waits for the lock.
        let _ = std::fs::remove_file(&socket);
        drop(listener);
        core.stop.send_replace(true);
        let mut faces = core.faces.subscribe();
        let _ = tokio::time::timeout(FAREWELL, faces.wait_for(|faces| *faces == 0)).await;
        core.driver.quit().await;
        match tokio::task::spawn_blocking(move || thread.join()).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Error::new(Code::Unexpected, "the client's loop broke off")
                .with_remedy("run the command again; nothing is lost")),
        }
    }
}

/// The socket, closed to other users. Whoever holds the profile's lock may sweep away what a crash left behind.
fn listen(path: &Path) -> Result<UnixListener> {
    let failed =
        |e: std::io::Error| Error::io(Code::Config, format_args!("the engine's socket {}", path.display()), &e);
    if let Some(dir) = path.parent() {
        private_dir(dir).map_err(failed)?;
    }
    match std::fs::remove_file(path) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(failed(e)),
        _ => {}
    }
    private_socket::bind(path).map_err(failed)
}

async fn accept(core: &Arc<Core>, listener: &UnixListener) {
    loop {
        tokio::spawn(serve(core.clone(), private_socket::accept(listener).await));
    }
}

async fn idle_for(core: &Core, idle: Option<Duration>) {
    let Some(idle) = idle else { return std::future::pending().await };
    let mut faces = core.faces.subscribe();
    loop {
        if faces.wait_for(|faces| *faces == 0).await.is_err() {
            return;
        }
        let came = faces.wait_for(|faces| *faces > 0);
        if tokio::time::timeout(idle, came).await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lock::ProfileLock;
    use crate::{InitOptions, Protection};

    #[tokio::test]
    async fn an_engine_whose_driver_broke_off_ends_and_makes_room_for_the_next() {
        let home = tempfile::tempdir().unwrap();
        let profile = Profile::at(home.path(), None).unwrap();
        let options = InitOptions { name: "alice".into(), home: None, protection: Protection::KeyFile };
        crate::init(&profile, options).await.unwrap();
        let engine = Engine::open(&profile, None, true).await.unwrap();
        let driver = engine.core.driver.clone();
        let living = tokio::spawn(engine.live(None));
        let error = driver.call::<(), _>(|_, _| panic!("says the test")).await.unwrap_err();
        assert_eq!(error.code, Code::Engine);
        let ended = tokio::time::timeout(Duration::from_secs(10), living).await.unwrap().unwrap();
        assert_eq!(ended.unwrap_err().code, Code::Unexpected);
        assert!(!profile.socket_path().exists());
        ProfileLock::take(&profile).unwrap();
    }
}
