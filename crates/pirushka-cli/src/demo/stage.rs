//! The processes of the demo: peers, engines, commands. All of them are this program, run again, and none outlives it.

use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use pirushka_client::{Handle, Profile};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use crate::fault::{Exit, Fault, Outcome};

/// Tells a process of the demo that it ends with its parent.
pub const CHILD: &str = "PIRUSHKA_DEMO_CHILD";
/// The longest that anything on one computer may take here.
pub const PATIENCE: Duration = Duration::from_secs(10);

static STARTED: AtomicUsize = AtomicUsize::new(0);

/// If this process is one of a demo's, the system shall end it with the demo, whatever ends that.
pub fn end_with_parent() {
    #[cfg(target_os = "linux")]
    if std::env::var_os(CHILD).is_some() {
        let _ = rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL));
    }
}

/// A folder for everything, and this program's own file.
#[derive(Debug)]
pub struct Stage {
    program: PathBuf,
    folder: PathBuf,
    #[allow(missing_docs)]
    pub peer_1: Peer,
    #[allow(missing_docs)]
    pub peer_2: Peer,
    #[allow(missing_docs)]
    pub alice: Person,
    #[allow(missing_docs)]
    pub bob: Person,
}

/// A peer, which may be running.
#[derive(Debug)]
pub struct Peer {
    /// `peer 1`
    pub name: &'static str,
    /// What its users are given.
    pub address: String,
    data: PathBuf,
    port: u16,
    child: Option<Child>,
}

/// A person with a home folder, whose engine may be running.
#[derive(Debug)]
pub struct Person {
    /// `alice`
    pub name: &'static str,
    home: PathBuf,
    program: PathBuf,
    engine: Option<Child>,
}

impl Stage {
    /// Nothing runs yet.
    ///
    /// # Errors
    /// This program cannot find itself, or no UDP port is free.
    pub fn new(folder: &Path) -> Outcome<Self> {
        let program = std::env::current_exe().map_err(Fault::unexpected)?;
        // Both ports are taken at once, so that they differ; the peers get them a moment later.
        let sockets = [free_port()?, free_port()?];
        let [one, two] = sockets.map(|socket| socket.local_addr().map_or(0, |address| address.port()));
        let peer = |name, folder: PathBuf, port| Peer { name, address: String::new(), data: folder, port, child: None };
        let person =
            |name: &'static str| Person { name, home: folder.join(name), program: program.clone(), engine: None };
        Ok(Self {
            peer_1: peer("peer 1", folder.join("peer1"), one),
            peer_2: peer("peer 2", folder.join("peer2"), two),
            alice: person("alice"),
            bob: person("bob"),
            folder: folder.to_owned(),
            program,
        })
    }

    /// Starts (or starts again) one of the peers, and waits until it listens.
    ///
    /// # Errors
    /// It does not come up.
    pub async fn start_peer(&mut self, which: impl Fn(&mut Self) -> &mut Peer) -> Outcome {
        let (program, folder) = (self.program.clone(), self.folder.clone());
        which(self).start(&program, &folder).await
    }

    /// How many processes there have been so far.
    #[must_use]
    pub fn processes() -> usize {
        STARTED.load(Ordering::Relaxed)
    }

    /// Ends every process that is still there. Those of `people` get the chance to say good-bye.
    pub async fn end(&mut self) {
        for person in [&mut self.alice, &mut self.bob] {
            person.end().await;
        }
        for peer in [&mut self.peer_1, &mut self.peer_2] {
            peer.kill().await;
        }
    }
}

fn free_port() -> Outcome<UdpSocket> {
    UdpSocket::bind("127.0.0.1:0").map_err(Fault::unexpected)
}

/// A command in an environment of its own: nothing of the user's settings may change what the demo shows.
fn command(program: &Path, home: &Path) -> Command {
    STARTED.fetch_add(1, Ordering::Relaxed);
    let mut command = Command::new(program);
    command.env_clear().env(CHILD, "1").env("HOME", home).env("PIRUSHKA_HOME", home).env("LANG", "C");
    command.envs(["PATH", "TMPDIR", "TZ"].into_iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true);
    command
}

impl Peer {
    async fn start(&mut self, program: &Path, folder: &Path) -> Outcome {
        std::fs::create_dir_all(&self.data).map_err(Fault::unexpected)?;
        let log = std::fs::File::create(self.data.join("log")).map_err(Fault::unexpected)?;
        let mut child = command(program, folder)
            .args([crate::PEER, "run", "--json", "--listen", &format!("127.0.0.1:{}", self.port), "--data-dir"])
            .arg(&self.data)
            .stderr(log)
            .spawn()
            .map_err(Fault::unexpected)?;
        let lines = lines(&mut child)?;
        self.child = Some(child);
        let said = Stream { lines, since: Instant::now() }.next().await?;
        self.address = said["address"].as_str().unwrap_or_default().to_owned();
        Ok(())
    }

    /// SIGKILL: it has no chance to save or to say anything.
    pub async fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill().await;
        }
    }

    /// `127.0.0.1:41001`
    #[must_use]
    pub fn place(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The process, while it runs.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().and_then(Child::id)
    }
}

impl Person {
    /// `pirushka --json ARGUMENTS` to its end: the objects that it printed and its exit code.
    ///
    /// # Errors
    /// It cannot be started or prints no JSON.
    pub async fn try_run(&self, arguments: &[&str]) -> Outcome<(Vec<Value>, i32)> {
        let mut command = command(&self.program, &self.home);
        let running = command.arg("--json").args(arguments).stderr(Stdio::piped()).output();
        let output = tokio::time::timeout(PATIENCE * 2, running).await;
        let output = output.map_err(|_| failed(self.name, arguments, "no end"))?.map_err(Fault::unexpected)?;
        let objects = |bytes: &[u8]| -> Result<Vec<Value>, serde_json::Error> {
            String::from_utf8_lossy(bytes).lines().map(serde_json::from_str).collect()
        };
        let printed = objects(&output.stdout).map_err(|error| failed(self.name, arguments, &error.to_string()))?;
        let code = output.status.code().unwrap_or(-1);
        if code != 0 && printed.is_empty() {
            let why = String::from_utf8_lossy(&output.stderr).into_owned();
            return Ok((objects(why.as_bytes()).unwrap_or_else(|_| vec![Value::String(why)]), code));
        }
        Ok((printed, code))
    }

    /// The same for a command that must succeed: the last object that it printed.
    ///
    /// # Errors
    /// It failed.
    pub async fn run(&self, arguments: &[&str]) -> Outcome<Value> {
        let (mut printed, code) = self.try_run(arguments).await?;
        let last = printed.pop().unwrap_or_default();
        if code == 0 { Ok(last) } else { Err(failed(self.name, arguments, &format!("exit {code}: {last}"))) }
    }

    /// A command that goes on (`recv --follow`), line by line.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn follow(&self, arguments: &[&str]) -> Outcome<Following> {
        let mut child = command(&self.program, &self.home)
            .arg("--json")
            .args(arguments)
            .stderr(Stdio::null())
            .spawn()
            .map_err(Fault::unexpected)?;
        let stream = Stream { lines: lines(&mut child)?, since: Instant::now() };
        Ok(Following { child, stream })
    }

    /// Starts the engine as a process of its own and waits until it answers.
    ///
    /// # Errors
    /// It does not come up.
    pub async fn start_engine(&mut self) -> Outcome {
        std::fs::create_dir_all(&self.home).map_err(Fault::unexpected)?;
        let log = std::fs::File::create(self.home.join("engine-log")).map_err(Fault::unexpected)?;
        let child = command(&self.program, &self.home).args(["engine", "run"]).stderr(log).spawn();
        self.engine = Some(child.map_err(Fault::unexpected)?);
        let profile = self.profile()?;
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if matches!(Handle::join(&profile).await, Ok(Some(_))) {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        Err(failed(self.name, &["engine", "run"], "does not answer"))
    }

    /// `engine stop`, and waits for the process.
    ///
    /// # Errors
    /// It does not stop.
    pub async fn stop_engine(&mut self) -> Outcome {
        self.run(&["engine", "stop"]).await?;
        if let Some(mut child) = self.engine.take() {
            let ended = tokio::time::timeout(PATIENCE, child.wait()).await;
            ended
                .map_err(|_| failed(self.name, &["engine", "stop"], "the process stays"))?
                .map_err(Fault::unexpected)?;
        }
        Ok(())
    }

    /// Waits until nothing is unread: what a follower has printed, it has also marked as read.
    ///
    /// # Errors
    /// It stays unread.
    pub async fn has_read_all(&self) -> Outcome {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if self.run(&["status"]).await?["unread"] == 0 {
                return Ok(());
            }
        }
        Err(failed(self.name, &["status"], "messages stay unread"))
    }

    /// The engine's process, while it runs.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.engine.as_ref().and_then(Child::id)
    }

    async fn end(&mut self) {
        if let Some(mut child) = self.engine.take() {
            let _ = child.kill().await;
        }
        // Should a command have had to start an engine by itself, that one is not our child.
        if let Ok(profile) = self.profile()
            && let Ok(Some(engine)) = Handle::join(&profile).await
        {
            let _ = engine.stop().await;
        }
    }

    fn profile(&self) -> Outcome<Profile> {
        Profile::at(&self.home, None).map_err(crate::trouble::fault)
    }
}

/// A command that goes on.
#[derive(Debug)]
pub struct Following {
    child: Child,
    /// What it prints.
    pub stream: Stream,
}

impl Following {
    /// Ends it.
    pub async fn end(mut self) {
        let _ = self.child.kill().await;
    }
}

/// What a process prints, object by object.
#[derive(Debug)]
pub struct Stream {
    lines: Lines<BufReader<ChildStdout>>,
    since: Instant,
}

impl Stream {
    /// The next object.
    ///
    /// # Errors
    /// None came in time, or the process ended.
    pub async fn next(&mut self) -> Outcome<Value> {
        let line = tokio::time::timeout(PATIENCE, self.lines.next_line()).await;
        let waited = format!("{:.1} s", self.since.elapsed().as_secs_f32());
        let line = line.map_err(|_| broken("nothing came", &waited))?.map_err(Fault::unexpected)?;
        let line = line.ok_or_else(|| broken("the process ended", &waited))?;
        serde_json::from_str(&line).map_err(Fault::unexpected)
    }
}

fn lines(child: &mut Child) -> Outcome<Lines<BufReader<ChildStdout>>> {
    let stdout = child.stdout.take().ok_or_else(|| Fault::unexpected("no stdout"))?;
    Ok(BufReader::new(stdout).lines())
}

fn broken(what: &str, waited: &str) -> Fault {
    Fault::new(Exit::Unexpected, "fault.demo", &[("reason", &format!("{what} ({waited})"))])
}

fn failed(who: &str, arguments: &[&str], why: &str) -> Fault {
    let reason = format!("{who}: pirushka {}: {why}", arguments.join(" "));
    Fault::new(Exit::Unexpected, "fault.demo", &[("reason", &reason)])
}
