//! Many connections at a unix socket that only this user can reach.

use std::io;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::io::BufReader;
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinSet;

use super::{Engine, serve};
use crate::error::{Code, Error, Result};

/// Serves whoever connects to the socket `path`, until the future is dropped; then the file goes.
///
/// # Errors
/// [`Code::Config`]: something else stands there, somebody serves it already, or it cannot be made.
pub async fn listen(engine: Engine, path: &Path) -> Result<()> {
    let listener = bind(path).await?;
    let _file = Remove(path.to_owned());
    let me = rustix::process::getuid().as_raw();
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        match listener.accept().await {
            Ok((stream, _)) if stream.peer_cred().is_ok_and(|cred| cred.uid() == me) => {
                connections.spawn(connection(engine.clone(), stream));
            }
            Ok(_) => tracing::warn!("another user tried to connect"),
            Err(error) => {
                // Out of file descriptors, most likely: others go on, new ones wait.
                tracing::warn!(%error, "accepting");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn connection(engine: Engine, stream: UnixStream) {
    let (reader, writer) = stream.into_split();
    if let Err(error) = serve(engine, BufReader::new(reader), writer).await {
        tracing::debug!(%error, "a program went away");
    }
}

/// Takes the place of a socket that nobody serves any more, and of nothing else.
async fn bind(path: &Path) -> Result<UnixListener> {
    let failed = |error: io::Error| Error::io(Code::Config, format_args!("the socket {}", path.display()), &error);
    match std::fs::symlink_metadata(path) {
        Ok(file) if !file.file_type().is_socket() => {
            return Err(Error::new(Code::Config, format!("{} is there already and is no socket", path.display()))
                .with_remedy("choose another path"));
        }
        Ok(_) if UnixStream::connect(path).await.is_ok() => {
            return Err(Error::new(Code::Config, format!("another process listens at {}", path.display()))
                .with_remedy("end it, or choose another path"));
        }
        Ok(_) => std::fs::remove_file(path).map_err(failed)?,
        Err(_) => {}
    }
    let listener = UnixListener::bind(path).map_err(failed)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).map_err(failed)?;
    Ok(listener)
}

struct Remove(PathBuf);

impl Drop for Remove {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}
