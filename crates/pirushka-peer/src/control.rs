//! The socket on which a running peer answers its operator: one line asked, one line of JSON answered.
//!
//! A unix socket in the data folder, 0600, and only the peer's own user (or root) is answered. Systems without unix
//! sockets have none of the commands that ask a running peer.

use std::path::{Path, PathBuf};

/// Name of the socket in the data folder.
pub const SOCKET_NAME: &str = "pirushkad.sock";

/// Where the socket of a data folder is.
pub(crate) fn socket_path(data_dir: &Path) -> PathBuf {
    data_dir.join(SOCKET_NAME)
}

#[cfg(unix)]
pub(crate) use unix::{Server, ask};

#[cfg(unix)]
mod unix {
    use std::fs;
    use std::io::{self, Read, Write};
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::net::{UnixListener, UnixStream};
    use std::path::{Path, PathBuf};
    use std::thread::JoinHandle;
    use std::time::{Duration, Instant};

    use rustix::event::{PollFd, PollFlags, poll};

    use crate::failure::Failure;

    /// The longest question.
    const QUESTION_MAX: usize = 256;
    /// The longest answer.
    const ANSWER_MAX: u64 = 1 << 20;
    /// How long the other side may take for its part; one slow asker delays the next by this and nobody else.
    const PATIENCE: Duration = Duration::from_secs(2);

    /// Answers until it is dropped, then takes its socket away.
    #[derive(Debug)]
    pub(crate) struct Server {
        path: PathBuf,
        /// Closing it ends the thread.
        bell: Option<UnixStream>,
        thread: Option<JoinHandle<()>>,
    }

    impl Server {
        /// Listens at `path`; the caller has made sure that no other peer does. `answer` gets a question and gives a
        /// line of JSON.
        pub(crate) fn start(path: PathBuf, answer: impl Fn(&str) -> String + Send + 'static) -> io::Result<Self> {
            match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(at(&path, error)),
                _ => {}
            }
            let listener = UnixListener::bind(&path).map_err(|error| at(&path, error))?;
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
            listener.set_nonblocking(true)?;
            let (bell, end) = UnixStream::pair()?;
            let thread =
                std::thread::Builder::new().name("control".into()).spawn(move || serve(&listener, &end, &answer))?;
            Ok(Self { path, bell: Some(bell), thread: Some(thread) })
        }
    }

    impl Drop for Server {
        fn drop(&mut self) {
            self.bell = None;
            if let Some(thread) = self.thread.take() {
                let _ = thread.join();
            }
            let _ = fs::remove_file(&self.path);
        }
    }

    fn serve(listener: &UnixListener, end: &UnixStream, answer: &dyn Fn(&str) -> String) {
        loop {
            let mut fds = [PollFd::new(listener, PollFlags::IN), PollFd::new(end, PollFlags::IN)];
            if poll(&mut fds, None).is_err() {
                continue;
            }
            if !fds[1].revents().is_empty() {
                return;
            }
            match listener.accept() {
                // Whatever goes wrong with one asker is that asker's affair.
                Ok((stream, _)) => drop(serve_one(stream, answer)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                // Out of descriptors, mostly: better a pause than a thread that spins.
                Err(_) => std::thread::sleep(Duration::from_millis(100)),
            }
        }
    }

    fn serve_one(stream: UnixStream, answer: &dyn Fn(&str) -> String) -> io::Result<()> {
        stream.set_nonblocking(false)?;
        stream.set_write_timeout(Some(PATIENCE))?;
        if !is_operator(&stream) {
            return Ok(());
        }
        let question = question(&stream)?;
        let mut answer = answer(question.trim());
        if answer.len() as u64 >= ANSWER_MAX {
            let failure = Failure::unexpected("the running peer cannot tell this", "its answer is longer than 1 MiB");
            answer = failure.to_json().to_string();
        }
        (&stream).write_all(answer.as_bytes())?;
        (&stream).write_all(b"\n")
    }

    /// One line, or the beginning of a longer one; all of it within the time that one asker has.
    fn question(mut stream: &UnixStream) -> io::Result<String> {
        let (end, mut question) = (Instant::now() + PATIENCE, Vec::new());
        while question.len() < QUESTION_MAX && !question.contains(&b'\n') {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(io::ErrorKind::TimedOut.into());
            }
            stream.set_read_timeout(Some(left))?;
            let mut part = [0; QUESTION_MAX];
            let n = stream.read(&mut part)?;
            if n == 0 {
                break;
            }
            question.extend_from_slice(part.get(..n).unwrap_or_default());
        }
        let line = question.split(|byte| *byte == b'\n').next().unwrap_or_default();
        Ok(String::from_utf8_lossy(line).into_owned())
    }

    #[cfg(target_os = "linux")]
    fn is_operator(stream: &UnixStream) -> bool {
        let uid = rustix::net::sockopt::socket_peercred(stream).map(|credentials| credentials.uid);
        uid.is_ok_and(|uid| uid.is_root() || uid == rustix::process::geteuid())
    }

    /// Elsewhere the file's mode alone decides.
    #[cfg(not(target_os = "linux"))]
    fn is_operator(_: &UnixStream) -> bool {
        true
    }

    /// The same error, in words where the system's say little, with the place where that is not the folder's.
    fn at(path: &Path, error: io::Error) -> io::Error {
        let text = match error.kind() {
            // Nothing else is wrong with a path that comes from us.
            io::ErrorKind::InvalidInput => {
                format!("the path {} is too long for a socket: take a data folder with a shorter one", path.display())
            }
            io::ErrorKind::IsADirectory => format!("{} is a folder", path.display()),
            _ => return error,
        };
        io::Error::new(error.kind(), text)
    }

    /// Asks the peer whose socket is at `path`.
    pub(crate) fn ask(path: &Path, question: &str) -> io::Result<String> {
        let stream = UnixStream::connect(path).map_err(|error| at(path, error))?;
        stream.set_read_timeout(Some(2 * PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        (&stream).write_all(format!("{question}\n").as_bytes())?;
        let mut answer = String::new();
        (&stream).take(ANSWER_MAX).read_to_string(&mut answer)?;
        Ok(answer)
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn it_answers_each_asker_survives_rude_ones_and_leaves_nothing_behind() {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("s");
            fs::write(&path, "left over from a crash").unwrap();
            let server = Server::start(path.clone(), |question| format!("you asked {question}")).unwrap();
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
            drop(UnixStream::connect(&path).unwrap());
            let mut rude = UnixStream::connect(&path).unwrap();
            rude.write_all(&[0xff; 60]).unwrap();
            drop(rude);
            assert_eq!(ask(&path, "status").unwrap(), "you asked status\n");
            drop(server);
            assert!(!path.exists());
            assert!(ask(&path, "status").is_err());
        }

        #[test]
        fn an_asker_who_never_comes_to_the_point_delays_the_next_by_its_time_and_no_more() {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("s");
            let _server = Server::start(path.clone(), |question| format!("you asked {question}")).unwrap();
            let mut slow = UnixStream::connect(&path).unwrap();
            let (done, end) = std::sync::mpsc::channel::<()>();
            let drip = std::thread::spawn(move || {
                while end.recv_timeout(Duration::from_millis(50)) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
                    let _ = slow.write_all(b"s");
                }
            });
            assert_eq!(ask(&path, "status").unwrap(), "you asked status\n");
            drop(done);
            drip.join().unwrap();
        }

        #[test]
        fn a_place_that_cannot_be_one_is_named() {
            let dir = tempfile::tempdir().unwrap();
            let long = dir.path().join("d".repeat(200));
            assert!(ask(&long, "status").unwrap_err().to_string().ends_with("take a data folder with a shorter one"));
            let folder = Server::start(dir.path().into(), |_| String::new()).unwrap_err();
            assert!(folder.to_string().ends_with("is a folder"), "{folder}");
        }

        #[test]
        fn an_answer_that_nobody_would_read_to_its_end_becomes_a_failure_that_says_so() {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("s");
            let _server = Server::start(path.clone(), |_| format!("\"{}\"", "x".repeat(2 << 20))).unwrap();
            let answer = serde_json::from_str(&ask(&path, "status").unwrap()).unwrap();
            assert!(Failure::from_json(&answer).unwrap().cause.contains("1 MiB"));
        }
    }
}

#[cfg(not(unix))]
pub(crate) use elsewhere::{Server, ask};

#[cfg(not(unix))]
mod elsewhere {
    use std::io;
    use std::path::{Path, PathBuf};

    /// Stands in for what this system does not have.
    #[derive(Debug)]
    pub(crate) struct Server;

    impl Server {
        pub(crate) fn start(_: PathBuf, _: impl Fn(&str) -> String + Send + 'static) -> io::Result<Self> {
            Err(io::ErrorKind::Unsupported.into())
        }
    }

    pub(crate) fn ask(_: &Path, _: &str) -> io::Result<String> {
        Err(io::ErrorKind::Unsupported.into())
    }
}
