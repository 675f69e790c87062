//! Sleeping until a socket has work, a deadline comes, or another thread calls.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::socket::UdpSocket;

// A pair of connected sockets: what is written into one wakes whoever polls the other.
#[cfg(unix)]
type Bell = std::os::unix::net::UnixStream;
#[cfg(not(unix))]
type Bell = std::net::UdpSocket;

/// Ends another thread's [`wait`] from outside. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Waker(Arc<Bell>);

/// The other end of a [`Waker`].
#[derive(Debug)]
pub struct Sleeper(Bell);

impl Waker {
    /// A waker and the sleeper that it wakes.
    ///
    /// # Errors
    /// When the system has no more descriptors.
    pub fn pair() -> io::Result<(Self, Sleeper)> {
        let (caller, sleeper) = bells()?;
        caller.set_nonblocking(true)?;
        sleeper.set_nonblocking(true)?;
        Ok((Self(Arc::new(caller)), Sleeper(sleeper)))
    }

    /// Ends the sleeper's wait, this one or the next. Never blocks; calling it often is the same as once.
    pub fn wake(&self) {
        // Full means that calls are waiting already; closed means that nobody sleeps any more.
        let _ = ring(&self.0);
    }

    /// The raw end, for handing to a signal handler that writes a byte into it.
    ///
    /// # Errors
    /// When the system has no more descriptors.
    #[cfg(unix)]
    pub fn try_clone_stream(&self) -> io::Result<std::os::unix::net::UnixStream> {
        self.0.try_clone()
    }
}

/// What to wait for beside readable.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Interest {
    /// Something is waiting to be sent.
    pub writable: bool,
}

/// Why the wait ended; nothing set means that the time ran out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ready {
    /// Datagrams are waiting.
    pub readable: bool,
    /// The system takes datagrams again.
    pub writable: bool,
    /// Somebody called [`Waker::wake`].
    pub woken: bool,
}

/// Sleeps until `socket` has work, `sleeper` is woken, or `timeout` has passed (`None`: for ever).
///
/// # Errors
/// What the system says; an interrupting signal is no error and ends the wait with nothing set.
pub fn wait(socket: &UdpSocket, sleeper: &Sleeper, interest: Interest, timeout: Option<Duration>) -> io::Result<Ready> {
    let wanted = if interest.writable { PollFlags::IN | PollFlags::OUT } else { PollFlags::IN };
    let mut fds = [PollFd::new(socket.inner(), wanted), PollFd::new(&sleeper.0, PollFlags::IN)];
    // A day is for ever here, and fits every system's idea of a timeout.
    let timeout = timeout.map(|t| t.min(Duration::from_secs(86_400)));
    let timeout = timeout.map(|t| Timespec { tv_sec: t.as_secs() as _, tv_nsec: t.subsec_nanos() as _ });
    match poll(&mut fds, timeout.as_ref()) {
        Ok(_) => {}
        Err(rustix::io::Errno::INTR) => return Ok(Ready::default()),
        Err(error) => return Err(error.into()),
    }
    let (on_socket, on_sleeper) = (fds[0].revents(), fds[1].revents());
    let woken = !on_sleeper.is_empty();
    if woken {
        hush(&sleeper.0);
    }
    // An error on the socket is fetched, and so cleared, by reading.
    let readable = on_socket.intersects(PollFlags::IN | PollFlags::ERR | PollFlags::HUP);
    Ok(Ready { readable, writable: on_socket.contains(PollFlags::OUT), woken })
}

#[cfg(unix)]
fn bells() -> io::Result<(Bell, Bell)> {
    Bell::pair()
}

#[cfg(not(unix))]
fn bells() -> io::Result<(Bell, Bell)> {
    let (a, b) = (Bell::bind("127.0.0.1:0")?, Bell::bind("127.0.0.1:0")?);
    a.connect(b.local_addr()?)?;
    b.connect(a.local_addr()?)?;
    Ok((a, b))
}

#[cfg(unix)]
fn ring(mut bell: &Bell) -> io::Result<usize> {
    use std::io::Write;
    bell.write(&[1])
}

#[cfg(not(unix))]
fn ring(bell: &Bell) -> io::Result<usize> {
    bell.send(&[1])
}

/// Reads and forgets every call that has come so far.
#[cfg(unix)]
fn hush(mut bell: &Bell) {
    use std::io::Read;
    while matches!(bell.read(&mut [0; 64]), Ok(1..)) {}
}

#[cfg(not(unix))]
fn hush(bell: &Bell) {
    while bell.recv(&mut [0; 64]).is_ok() {}
}
