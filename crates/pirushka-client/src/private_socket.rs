//! Unix sockets that only this user can reach.

use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use tokio::net::{UnixListener, UnixStream};

/// Listens at a path where nothing is.
pub(crate) fn bind(path: &Path) -> io::Result<UnixListener> {
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// The next connection of this user; others are turned away.
pub(crate) async fn accept(listener: &UnixListener) -> UnixStream {
    let me = rustix::process::getuid().as_raw();
    loop {
        match listener.accept().await {
            Ok((stream, _)) if stream.peer_cred().is_ok_and(|cred| cred.uid() == me) => return stream,
            Ok(_) => tracing::warn!("another user tried to connect"),
            Err(error) => {
                // Out of file descriptors, most likely: others go on, new faces wait.
                tracing::warn!(%error, "accepting");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}
