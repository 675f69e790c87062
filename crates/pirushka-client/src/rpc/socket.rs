//! Many connections at a unix socket that only this user can reach.

use std::io;
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};

use tokio::io::BufReader;
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinSet;

use super::{Engine, serve};
use crate::error::{Code, Error, Result};
use crate::private_socket;

/// Serves whoever connects to the socket `path`, until the future is dropped; then the file goes.
///
/// # Errors
/// [`Code::Config`]: something else stands there, somebody serves it already, or it cannot be made.
pub async fn listen(engine: Engine, path: &Path) -> Result<()> {
    let listener = bind(path).await?;
    let _file = Remove(path.to_owned());
    let mut connections = JoinSet::new();
    loop {
        let stream = private_socket::accept(&listener).await;
        while connections.try_join_next().is_some() {}
        connections.spawn(connection(engine.clone(), stream));
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
    private_socket::bind(path).map_err(failed)
}

struct Remove(PathBuf);

impl Drop for Remove {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}
