//! Peers and people as processes, in a folder of their own. Whatever a test started has ended when it is over.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// The longest that anything on one computer may take, also on a busy one.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

/// The computer that a process runs on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    /// The host of the laboratory (`natlab.rs`); `None` is this computer.
    pub(super) host: Option<&'static str>,
    pub(super) ip: &'static str,
}

/// This computer, and nobody else's.
pub(super) const HERE: Place = Place { host: None, ip: "127.0.0.1" };

/// A folder for a test.
pub(super) struct Stage {
    folder: TempDir,
}

impl Stage {
    pub(super) fn new() -> Self {
        Self { folder: tempfile::Builder::new().prefix("pirushka-test-").tempdir().unwrap() }
    }

    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The processes that live in this folder.
    fn processes(&self) -> Vec<String> {
        let folder = self.path().as_os_str().as_encoded_bytes();
        let lives_here = |environ: Vec<u8>| environ.windows(folder.len()).any(|part| part == folder);
        let all = std::fs::read_dir("/proc").into_iter().flatten().flatten().map(|entry| entry.path());
        all.filter(|process| std::fs::read(process.join("environ")).is_ok_and(lives_here))
            .filter_map(|process| Some(process.file_name()?.to_str()?.to_owned()))
            .filter(|pid| *pid != std::process::id().to_string())
            .collect()
    }

    /// A running peer.
    pub(super) fn peer(&self, name: &str) -> Peer {
        let port = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        self.peer_at(name, HERE, port)
    }

    /// A running peer with settings of its own.
    pub(super) fn peer_with(&self, name: &str, settings: &[&str]) -> Peer {
        let mut peer = self.peer(name);
        peer.kill();
        peer.start_with(&settings.iter().flat_map(|setting| ["--set", setting]).collect::<Vec<_>>());
        peer
    }

    /// A running peer at a place of its own.
    pub(super) fn peer_at(&self, name: &str, place: Place, port: u16) -> Peer {
        self.started(name, place, port, &[])
    }

    /// A running peer that also speaks the plain profile.
    pub(super) fn plain_peer(&self, name: &str) -> Peer {
        let port = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        self.started(name, HERE, port, &["--plain"])
    }

    fn started(&self, name: &str, place: Place, port: u16, flags: &'static [&'static str]) -> Peer {
        let (data, home) = (self.path().join(name), self.path().into());
        let mut peer = Peer { data, port, address: String::new(), child: None, home, place, flags };
        peer.start();
        peer
    }

    /// Somebody without a profile.
    pub(super) fn nobody(&self, name: &str) -> Person {
        self.nobody_at(name, HERE)
    }

    /// The same at another place.
    pub(super) fn nobody_at(&self, name: &str, place: Place) -> Person {
        let home = self.path().join(name);
        std::fs::create_dir_all(&home).unwrap();
        Person { name: name.to_owned(), home, place }
    }

    /// Somebody with a profile, served by `peer`.
    pub(super) fn person(&self, name: &str, peer: &Peer) -> Person {
        self.person_at(name, HERE, peer)
    }

    /// The same at another place.
    pub(super) fn person_at(&self, name: &str, place: Place, peer: &Peer) -> Person {
        let person = self.nobody_at(name, place);
        person.ok(&["init", "--name", name, "--peer", &peer.address, "--key-file"]);
        person
    }

    /// Two people on two peers who know each other: peer 1 serves alice, peer 2 serves bob.
    pub(super) fn two_friends(&self) -> (Peer, Peer, Person, Person) {
        let (one, two) = (self.peer("peer1"), self.peer("peer2"));
        let (alice, bob) = (self.person("alice", &one), self.person("bob", &two));
        befriend(&alice, &bob);
        (one, two, alice, bob)
    }
}

/// `guest` introduces itself to `host` by an invite, and both can write.
pub(super) fn befriend(guest: &Person, host: &Person) {
    let invite = host.ok(&["invite", "new"]);
    let added = guest.ok(&["contact", "add", invite["address"].as_str().unwrap(), "--name", &host.name]);
    assert_eq!(added["state"], "active", "{added}");
    // The host's side: it knows the guest by the name that the guest claims.
    host.ok(&["contact", "verify", &guest.name]);
}

fn program(home: &Path, place: Place) -> Command {
    let program = env!("CARGO_BIN_EXE_pirushka-under-test");
    let mut command = Command::new(if place.host.is_some() { "ip" } else { program });
    if let Some(host) = place.host {
        command.args(["netns", "exec", host, program]);
    }
    command.env_clear().env("HOME", home).env("PIRUSHKA_HOME", home).env("LANG", "C");
    command.envs(["PATH", "TMPDIR"].into_iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// A peer, which may be running.
pub(super) struct Peer {
    pub(super) address: String,
    pub(super) data: PathBuf,
    home: PathBuf,
    place: Place,
    pub(super) port: u16,
    flags: &'static [&'static str],
    child: Option<Child>,
}

impl Peer {
    /// Starts it, or starts it again with the same port and key.
    pub(super) fn start(&mut self) {
        self.start_with(&[]);
    }

    /// The same with more arguments.
    pub(super) fn start_with(&mut self, arguments: &[&str]) {
        let listen = format!("{}:{}", self.place.ip, self.port);
        std::fs::create_dir_all(&self.data).unwrap();
        let log = std::fs::File::create(self.log()).unwrap();
        let mut child = program(&self.home, self.place)
            .args(["__peer", "run", "--json", "--listen", &listen, "--data-dir"])
            .arg(&self.data)
            .args(self.flags)
            .args(arguments)
            .stderr(log)
            .spawn()
            .unwrap();
        let lines = Lines::of(child.stdout.take().unwrap());
        self.child = Some(child);
        let said = lines.next("the peer's first word");
        self.address = said["address"].as_str().unwrap().to_owned();
    }

    /// What it writes to stderr.
    pub(super) fn log(&self) -> PathBuf {
        self.data.with_extension("log")
    }

    /// SIGKILL.
    pub(super) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.as_ref().unwrap().id()
    }

    /// What `pirushkad address` prints with these settings: for its users.
    pub(super) fn address_for_users(&self, settings: &[&str]) -> String {
        let mut command = program(&self.home, self.place);
        command.args(["__peer", "address", "--data-dir"]).arg(&self.data);
        command.args(settings.iter().flat_map(|setting| ["--set", setting]));
        String::from_utf8(command.output().unwrap().stdout).unwrap().trim().to_owned()
    }

    /// What `pirushkad status` prints.
    pub(super) fn status(&self) -> Value {
        let mut command = program(&self.home, self.place);
        command.args(["__peer", "status", "--json", "--data-dir"]).arg(&self.data);
        let output = command.output().unwrap();
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"))
    }

    /// One number of the status, such as `/messages/held`.
    pub(super) fn count(&self, pointer: &str) -> u64 {
        let status = self.status();
        status.pointer(pointer).and_then(Value::as_u64).unwrap_or_else(|| panic!("{pointer} in {status}"))
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Drop for Stage {
    /// Whoever is dropped before says goodbye politely; this is for engines of further profiles and in broken folders.
    fn drop(&mut self) {
        for pid in self.processes().iter().filter(|pid| pid.bytes().all(|digit| digit.is_ascii_digit())) {
            let _ = Command::new("sh").args(["-c", &format!("kill -9 {pid}")]).stderr(Stdio::null()).status();
        }
    }
}

/// A person with a home folder.
pub(super) struct Person {
    pub(super) name: String,
    pub(super) home: PathBuf,
    place: Place,
}

/// How a command ended.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) code: i32,
    pub(super) stdout: String,
    pub(super) stderr: String,
}

impl Ended {
    fn of(output: &Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// The objects on stdout.
    pub(super) fn objects(&self) -> Vec<Value> {
        self.stdout.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{self:?}"))).collect()
    }

    /// The `code` of the error object on stderr.
    pub(super) fn error(&self) -> String {
        let line = self.stderr.lines().last().unwrap_or_default();
        let error: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("{self:?}"));
        for part in ["what", "why", "fix"] {
            assert!(error[part].as_str().is_some_and(|text| !text.is_empty()), "{error} lacks {part}");
        }
        assert_eq!(error["exit"], self.code, "{error}");
        error["code"].as_str().unwrap().to_owned()
    }
}

impl Person {
    /// The command, not started yet; no `--json`.
    pub(super) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = program(&self.home, self.place);
        command.args(arguments);
        command
    }

    /// `pirushka ARGUMENTS`, for people.
    pub(super) fn plain(&self, arguments: &[&str]) -> Ended {
        Ended::of(&self.command(arguments).output().unwrap())
    }

    /// `pirushka --json ARGUMENTS`
    pub(super) fn json(&self, arguments: &[&str]) -> Ended {
        Ended::of(&self.command(arguments).arg("--json").output().unwrap())
    }

    /// The same with something on stdin.
    pub(super) fn json_with(&self, arguments: &[&str], stdin: &[u8]) -> Ended {
        let mut child = self.command(arguments).arg("--json").stdin(Stdio::piped()).spawn().unwrap();
        // A command that refuses early does not read all of it.
        let _ = child.stdin.take().unwrap().write_all(stdin);
        Ended::of(&child.wait_with_output().unwrap())
    }

    /// The last object of a command that must succeed.
    pub(super) fn ok(&self, arguments: &[&str]) -> Value {
        let ended = self.json(arguments);
        assert_eq!(ended.code, 0, "{} {arguments:?}: {ended:?}", self.name);
        ended.objects().pop().unwrap_or_default()
    }

    /// `send`, which must come as far as `wait`.
    pub(super) fn send(&self, to: &Self, text: &str, wait: &str) -> Value {
        self.ok(&["send", &to.name, text, "--wait", wait, "--timeout", "20s"])
    }

    /// The texts that `recv` prints.
    pub(super) fn recv(&self) -> Vec<String> {
        let ended = self.json(&["recv"]);
        assert_eq!(ended.code, 0, "{ended:?}");
        ended.objects().iter().filter(|object| object["type"] == "message").map(text_of).collect()
    }

    /// A command that goes on.
    pub(super) fn follow(&self, arguments: &[&str]) -> Following {
        let mut child = self.command(arguments).arg("--json").spawn().unwrap();
        let lines = Lines::of(child.stdout.take().unwrap());
        Following { child, lines }
    }

    /// The process of the engine.
    pub(super) fn engine_pid(&self) -> u32 {
        u32::try_from(self.ok(&["status"])["engine"]["pid"].as_u64().unwrap()).unwrap()
    }
}

impl Drop for Person {
    fn drop(&mut self) {
        let _ = self.command(&["engine", "stop"]).output();
    }
}

/// The text of a message.
pub(super) fn text_of(message: &Value) -> String {
    message["body"]["text"].as_str().unwrap_or_default().to_owned()
}

/// A command that goes on; ended when dropped.
pub(super) struct Following {
    pub(super) child: Child,
    pub(super) lines: Lines,
}

impl Drop for Following {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a process prints, object by object.
pub(super) struct Lines(Receiver<Value>);

impl Lines {
    pub(super) fn of(stdout: ChildStdout) -> Self {
        let (sender, receiver) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                let Ok(object) = serde_json::from_str(&line) else { continue };
                if sender.send(object).is_err() {
                    break;
                }
            }
        });
        Self(receiver)
    }

    /// The next object.
    pub(super) fn next(&self, what: &str) -> Value {
        self.next_or_end(what).unwrap_or_else(|| panic!("the process ended before {what}"))
    }

    /// The next object; nothing when the process has ended.
    pub(super) fn next_or_end(&self, what: &str) -> Option<Value> {
        match self.0.recv_timeout(PATIENCE) {
            Ok(object) => Some(object),
            Err(RecvTimeoutError::Timeout) => panic!("{what} did not come"),
            Err(RecvTimeoutError::Disconnected) => None,
        }
    }

    /// What else it printed; waits for its end.
    pub(super) fn rest(&self) -> Vec<Value> {
        self.0.iter().collect()
    }

    /// Whether nothing comes for so long.
    pub(super) fn is_silent_for(&self, time: Duration) -> bool {
        self.0.recv_timeout(time).is_err()
    }
}

/// Asks again and again until it holds.
pub(super) fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "{what} does not come about");
        std::thread::sleep(Duration::from_millis(20));
    }
}
