//! Helpers: the program started for one command or as a daemon.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// The program with nothing of this machine's configuration in its environment.
pub(crate) fn pirushkad(data_dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pirushkad"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("PIRUSHKAD_") {
            command.env_remove(name);
        }
    }
    command.env("PIRUSHKAD_HOME", data_dir).env("NO_COLOR", "1").stdin(Stdio::null());
    command
}

/// What one command printed and ended with.
pub(crate) struct Answer {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

pub(crate) fn answer(command: &mut Command) -> Answer {
    let Output { status, stdout, stderr } = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Answer { code: status.code(), stdout: text(stdout), stderr: text(stderr) }
}

/// A daemon on a port of the system's choice; ended when dropped.
pub(crate) struct Daemon {
    pub(crate) child: Child,
    pub(crate) hello: Value,
    lines: Option<BufReader<ChildStdout>>,
}

impl Daemon {
    pub(crate) fn start(data_dir: &Path, arguments: &[&str]) -> Self {
        Self::start_at(data_dir, "127.0.0.1:0", arguments)
    }

    /// On this address and port.
    pub(crate) fn start_at(data_dir: &Path, listen: &str, arguments: &[&str]) -> Self {
        let mut command = pirushkad(data_dir);
        command.args(["--listen", listen, "--json"]).args(arguments).stderr(Stdio::null());
        Self::of(&mut command)
    }

    /// Of a command that says `--json`.
    pub(crate) fn of(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        lines.read_line(&mut line).unwrap();
        let hello = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"));
        Self { child, hello, lines: Some(lines) }
    }

    pub(crate) fn text(&self, field: &str) -> &str {
        self.hello[field].as_str().unwrap_or_else(|| panic!("no {field} in {}", self.hello))
    }

    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, signal).unwrap();
    }

    pub(crate) fn stop_reading(&mut self) {
        self.lines = None;
    }

    /// What it printed after its first line, and its exit code, once it has ended.
    pub(crate) fn wait(&mut self) -> (String, Option<i32>) {
        let end = Instant::now() + Duration::from_secs(20);
        while Instant::now() < end {
            if let Some(status) = self.child.try_wait().unwrap() {
                let mut rest = String::new();
                while self.lines.as_mut().unwrap().read_line(&mut rest).unwrap() > 0 {}
                return (rest, status.code());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        panic!("the daemon does not end");
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Names of everything in a folder, sorted.
pub(crate) fn listing(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Counts a test that cannot run here, where `./test` looks.
pub(crate) fn skipped(what: &str) {
    use std::io::Write as _;
    eprintln!("skipped: {what}");
    if let Some(list) = std::env::var_os("PIRUSHKA_SKIPPED") {
        let mut list = std::fs::OpenOptions::new().create(true).append(true).open(list).unwrap();
        writeln!(list, "{what}").unwrap();
    }
}
