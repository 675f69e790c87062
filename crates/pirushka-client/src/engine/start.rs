//! Joins the engine that runs for a profile, or starts one and joins it.

use std::ffi::OsString;
use std::io::ErrorKind;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use zeroize::Zeroizing;

use super::line::{self, Line};
use super::protocol::{Greeting, PROTOCOL};
use super::run::{Handover, Readiness};
use crate::error::{Code, Error, Result};
use crate::handle::{AskPassphrase, Connection};
use crate::key::{KeyHeader, Kind};
use crate::profile::{Profile, private_file};

/// How long a start may take: opening the store, and an Argon2id on a slow machine.
const START_PATIENCE: Duration = Duration::from_secs(30);

/// How long an engine that is just starting or ending is waited for.
const TURNOVER_PATIENCE: Duration = Duration::from_secs(10);

/// A connection to the running engine; `None` if there is none. An engine of another version is asked to stop.
pub(crate) async fn join(profile: &Profile) -> Result<Option<Connection>> {
    let stream = match UnixStream::connect(profile.socket_path()).await {
        Ok(stream) => stream,
        // Nobody, or nobody any more behind a socket that was left over: the next engine sweeps it away. An engine that
        // ends while we stand in its queue resets the connection.
        Err(e)
            if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused | ErrorKind::ConnectionReset) =>
        {
            return Ok(None);
        }
        Err(e) => {
            let path = profile.socket_path().display();
            return Err(Error::io(Code::Engine, format_args!("the engine's socket {path}"), &e));
        }
    };
    must_be_mine(&stream, profile)?;
    let mut connection = Connection::new(stream);
    match timeout(TURNOVER_PATIENCE, connection.greeting()).await {
        Ok(Ok(Some(greeting))) if is_ours(&greeting) => Ok(Some(connection)),
        Ok(Ok(Some(greeting))) => {
            ask_to_stop(&mut connection, &greeting).await;
            Ok(None)
        }
        // It ended before it spoke.
        Ok(Ok(None)) => Ok(None),
        Ok(Err(error)) => Err(error),
        Err(_) => Err(Error::new(Code::Engine, "the engine does not answer")
            .with_remedy("`pirushka engine stop`; if that does not help, end its process")),
    }
}

/// Where the socket stands in a directory for everybody, another user might have been there first.
fn must_be_mine(stream: &UnixStream, profile: &Profile) -> Result<()> {
    let me = rustix::process::getuid().as_raw();
    if stream.peer_cred().is_ok_and(|cred| cred.uid() == me) {
        return Ok(());
    }
    let path = profile.socket_path().display();
    Err(Error::new(Code::Security, format!("another user listens at the engine's socket {path}"))
        .with_remedy("set XDG_RUNTIME_DIR or PIRUSHKA_HOME to a directory that only you may write to"))
}

fn is_ours(greeting: &Greeting) -> bool {
    greeting.v == PROTOCOL && greeting.engine == env!("CARGO_PKG_VERSION")
}

/// All versions understand this one request.
async fn ask_to_stop(connection: &mut Connection, greeting: &Greeting) {
    tracing::info!(version = greeting.engine, "an engine of another version is asked to stop");
    let request = serde_json::json!({ "v": greeting.v, "do": "stop" });
    if line::write(&mut connection.writer, &request).await.is_ok() {
        let ended = async {
            while !matches!(line::read::<serde_json::Value>(&mut connection.reader).await, Ok(Line::End) | Err(_)) {}
        };
        let _ = timeout(TURNOVER_PATIENCE, ended).await;
    }
}

/// Joins, or starts an engine until one can be joined.
pub(crate) async fn join_or_start(
    profile: &Profile,
    mut ask: Option<AskPassphrase>,
    command: Option<Vec<OsString>>,
) -> Result<Connection> {
    let deadline = Instant::now() + TURNOVER_PATIENCE;
    let mut passphrase = None;
    loop {
        if let Some(connection) = join(profile).await? {
            return Ok(connection);
        }
        if passphrase.is_none() && KeyHeader::read(profile)?.kind() == Kind::Passphrase {
            passphrase = Some(asked(ask.take()).await?);
        }
        match start(profile, passphrase.as_ref(), command.as_deref()).await {
            Ok(()) => {}
            // Another command was faster, or the engine before it is not quite gone.
            Err(error) if error.code == Code::ProfileLocked && Instant::now() < deadline => {
                sleep(Duration::from_millis(25)).await;
            }
            Err(error) => return Err(error),
        }
        if Instant::now() > deadline + START_PATIENCE {
            return Err(Error::new(Code::Engine, "the engine starts, but cannot be joined")
                .with_remedy(format!("see {}", profile.log_path().display())));
        }
    }
}

async fn asked(ask: Option<AskPassphrase>) -> Result<Zeroizing<String>> {
    let asking = tokio::task::spawn_blocking(move || crate::key::asked(ask));
    asking.await.unwrap_or_else(|_| Err(Error::new(Code::Unexpected, "asking for the passphrase was broken off")))
}

/// Starts an engine in a process of its own and waits until it is ready.
async fn start(profile: &Profile, passphrase: Option<&Zeroizing<String>>, command: Option<&[OsString]>) -> Result<()> {
    let mut command = background_command(profile, command);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log(profile));
    let failed = |e| Error::io(Code::Engine, "starting the engine", &e);
    let mut child = command.spawn().map_err(failed)?;
    if let Some(mut stdin) = child.stdin.take() {
        let handover = Handover { passphrase: passphrase.map(|passphrase| passphrase.to_string()) };
        // Room for every byte escaped, so that growing leaves no copy behind.
        let room = 64 + 6 * handover.passphrase.as_ref().map_or(0, String::len);
        let mut line = Zeroizing::new(Vec::with_capacity(room));
        let _ = serde_json::to_writer(&mut *line, &handover);
        line.push(b'\n');
        // If the child is gone already, its answer says why.
        let _ = stdin.write_all(&line).await;
    }
    let Some(stdout) = child.stdout.take() else { return Err(silent(profile)) };
    let mut lines = BufReader::new(stdout.take(64 * 1024)).lines();
    let deadline = Instant::now() + START_PATIENCE;
    loop {
        match timeout_at(deadline, lines.next_line()).await {
            Ok(Ok(Some(line))) => match serde_json::from_str(&line) {
                Ok(Readiness::Ready) => return Ok(()),
                Ok(Readiness::Error(error)) => return Err(error),
                // Something else that the program says when it starts.
                Err(_) => {}
            },
            Ok(Ok(None) | Err(_)) => return Err(silent(profile)),
            Err(_) => {
                let _ = child.start_kill();
                return Err(Error::new(
                    Code::Engine,
                    format!("the engine was not ready after {} s", START_PATIENCE.as_secs()),
                )
                .with_remedy(format!("see {}", profile.log_path().display())));
            }
        }
    }
}

fn silent(profile: &Profile) -> Error {
    Error::new(Code::Engine, "the engine ended before it was ready")
        .with_remedy(format!("see {}, or use --no-engine", profile.log_path().display()))
}

fn background_command(profile: &Profile, command: Option<&[OsString]>) -> tokio::process::Command {
    if let Some([program, arguments @ ..]) = command {
        let mut command = tokio::process::Command::new(program);
        command.args(arguments);
        return command;
    }
    // Not the program that runs here: a bot would start itself again and again.
    let mut command = tokio::process::Command::new("pirushka");
    command.args(["--profile", profile.name(), "engine", "run", "--background"]);
    command
}

/// What the engine says beside its answers goes into a file that is begun anew when it has grown to 1 MiB.
fn log(profile: &Profile) -> Stdio {
    let path = profile.log_path();
    if std::fs::metadata(&path).is_ok_and(|meta| meta.len() > 1 << 20) {
        let _ = std::fs::remove_file(&path);
    }
    private_file().append(true).create(true).open(&path).map_or_else(|_| Stdio::null(), Stdio::from)
}
