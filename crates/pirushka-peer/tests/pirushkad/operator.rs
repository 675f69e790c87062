//! What the operator tells a running peer: other limits, blocked networks, to stop.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::daemon::{Daemon, answer, pirushkad};
use crate::load::{User, holding, leave};
use crate::wire::Client;

const PATIENCE: Duration = Duration::from_secs(10);

/// A daemon with a configuration file and a log.
struct Configured {
    dir: tempfile::TempDir,
    daemon: Daemon,
    log: PathBuf,
}

impl Configured {
    fn start(text: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (file, log) = (dir.path().join("pirushkad.toml"), dir.path().join("log"));
        std::fs::write(&file, text).unwrap();
        let mut command = pirushkad(dir.path());
        command.args(["--listen", "127.0.0.1:0", "--json"]).stderr(File::create(&log).unwrap());
        let daemon = Daemon::of(&mut command);
        Self { dir, daemon, log }
    }

    fn write(&self, text: &str) {
        std::fs::write(self.dir.path().join("pirushkad.toml"), text).unwrap();
    }

    /// Waits until the log says so.
    fn log_says(&self, what: &str) -> bool {
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end {
            if std::fs::read_to_string(&self.log).unwrap().contains(what) {
                return true;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        panic!("the log does not say {what:?}: {}", std::fs::read_to_string(&self.log).unwrap());
    }

    fn says(&self, arguments: &[&str]) -> String {
        says(self.dir.path(), arguments)
    }
}

fn says(dir: &Path, arguments: &[&str]) -> String {
    let said = answer(pirushkad(dir).args(arguments));
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    said.stdout
}

#[test]
fn sighup_reads_the_configuration_again_says_what_changed_and_drops_no_session() {
    let peer = Configured::start("[users]\nqueues = 3\n");
    let mut bob = User::registers(&peer.daemon, 1).unwrap();
    assert_eq!(bob.opens_queues(5), 3);
    peer.write("listen = \"127.0.0.1:9\"\n[users]\nqueues = 4\n[messages]\nhold = \"1 h\"\n");
    peer.daemon.signal(Signal::HUP);
    peer.log_says("users.queues: 3 -> 4 (in force)");
    peer.log_says("messages.hold: 14 days -> 1 h (needs a restart)");
    peer.log_says("configuration read again");
    assert_eq!(bob.opens_queues(5), 4, "the same session, the new limit");
    assert!(Client::of(peer.daemon.text("address")).connects(), "it listens where it did");

    peer.write("[users]\nqueues = 2\n");
    let said = peer.says(&["reload"]);
    assert!(said.contains("users.queues: 4 -> 2 (in force for what is new; what is there stays)"), "{said}");
    let mut sender = Client::of(peer.daemon.text("address"));
    assert!(sender.connects());
    assert_eq!(leave(&mut sender, bob.queue(3), 0, 1, &[320]).held, 1, "a queue beyond the lower limit lives on");
}

#[test]
fn a_configuration_that_is_not_valid_changes_nothing_and_the_peer_runs_on() {
    let peer = Configured::start("[users]\nqueues = 3\n");
    peer.write("[users]\nqueues = 9\nquotas = 1\n");
    peer.daemon.signal(Signal::HUP);
    peer.log_says("the old one stays");
    peer.log_says("pirushkad.toml:3: there is no setting \"users.quotas\"");
    let refused = answer(pirushkad(peer.dir.path()).arg("reload"));
    assert_eq!(refused.code, Some(3), "{}", refused.stderr);
    assert!(refused.stderr.contains("users.quotas"), "{}", refused.stderr);
    let mut bob = User::registers(&peer.daemon, 1).unwrap();
    assert_eq!(bob.opens_queues(5), 3, "the old limit");
    peer.write("[users]\nqueues = 3\n");
    assert_eq!(peer.says(&["reload"]), "nothing changed\n");
}

#[test]
fn reload_finds_the_peer_also_by_a_configuration_with_a_fault_and_says_the_fault_when_there_is_no_peer() {
    let (dir, data) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let file = dir.path().join("pirushkad.toml");
    let place = format!("data_dir = {:?}\n", data.path());
    std::fs::write(&file, &place).unwrap();
    let mut daemon = Daemon::start(dir.path(), &[]);
    let reload = |text: &str| {
        std::fs::write(&file, format!("{place}{text}")).unwrap();
        answer(pirushkad(dir.path()).arg("reload"))
    };
    assert!(reload("[users]\nqueues = 7\n").stdout.contains("users.queues: 1024 -> 7"));
    let faulty = reload("[users]\nquotas = 1\n");
    assert_eq!(faulty.code, Some(3));
    assert!(faulty.stderr.contains("users.quotas"), "{}", faulty.stderr);
    daemon.signal(Signal::TERM);
    daemon.wait();
    let nobody = reload("[users]\nquotas = 1\n");
    assert!(nobody.stderr.contains("users.quotas"), "{}", nobody.stderr);
}

#[test]
fn a_blocked_network_gets_silence_and_is_counted_until_it_is_let_in_again() {
    let dir = tempfile::tempdir().unwrap();
    let daemon = Daemon::start(dir.path(), &[]);
    assert!(
        says(dir.path(), &["block", "add", "127.0.0.0/8"]).starts_with("blocked: 127.0.0.0/8, until the peer ends")
    );
    assert_eq!(says(dir.path(), &["block", "add", "127.0.0.0/8"]), "was blocked already: 127.0.0.0/8\n");
    let mut client = Client::of(daemon.text("address"));
    assert!(!client.connects());
    assert_eq!(client.received, 0);
    let status: serde_json::Value = serde_json::from_str(&says(dir.path(), &["status", "--json"])).unwrap();
    assert!(status["drops"]["blocked"].as_u64().unwrap() > 0, "{status}");
    let list = says(dir.path(), &["block", "list"]);
    assert_eq!(list.split_whitespace().collect::<Vec<_>>(), ["127.0.0.0/8", "command"]);
    assert_eq!(says(dir.path(), &["block", "remove", "127.0.0.0/8"]), "let in again: 127.0.0.0/8\n");
    assert!(Client::of(daemon.text("address")).connects());
    assert_eq!(says(dir.path(), &["block", "list"]), "nothing is blocked\n");

    let slip = answer(pirushkad(dir.path()).args(["block", "add", "127.0.0.1/8"]));
    assert_eq!(slip.code, Some(2));
    assert!(slip.stderr.contains("127.0.0.0/8 is the network"), "{}", slip.stderr);
}

#[test]
fn networks_in_the_configuration_are_blocked_from_the_start_and_let_in_by_a_reload() {
    let peer = Configured::start("[block]\nnetworks = [\"127.0.0.0/8\", \"2001:db8::/32\"]\n");
    assert!(!Client::of(peer.daemon.text("address")).connects());
    let refused = answer(pirushkad(peer.dir.path()).args(["block", "remove", "127.0.0.0/8"]));
    assert!(refused.stderr.contains("block.networks"), "{}", refused.stderr);
    peer.write("[block]\nnetworks = [\"2001:db8::/32\"]\n");
    assert!(peer.says(&["reload"]).contains("block.networks: 127.0.0.0/8, 2001:db8::/32 -> 2001:db8::/32 (in force)"));
    assert!(Client::of(peer.daemon.text("address")).connects());
}

#[test]
fn drain_shows_what_is_still_to_hand_out_and_returns_when_the_peer_has_ended() {
    let dir = tempfile::tempdir().unwrap();
    let mut daemon = Daemon::start(dir.path(), &[]);
    let (mut bob, mut sender) = holding(&daemon, 3);
    let said = says(dir.path(), &["drain", "--within", "30 s", "--no-wait"]);
    assert_eq!(said, "draining: nothing new is taken, 30 s at most\n");
    let end = Instant::now() + PATIENCE;
    let status = loop {
        let status: serde_json::Value = serde_json::from_str(&says(dir.path(), &["status", "--json"])).unwrap();
        if status["draining"] == true {
            break status;
        }
        assert!(Instant::now() < end);
    };
    assert_eq!((&status["ready"], &status["messages"]["to_hand_out"]), (&false.into(), &3.into()), "{status}");
    assert_eq!(leave(&mut sender, bob.queue(0), 9, 1, &[320]).other, 1, "nothing new");
    let mut waiting = pirushkad(dir.path()).args(["drain", "--json"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(waiting.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.next().unwrap().starts_with("{\"event\":\"draining\""));
    assert!(lines.next().unwrap().starts_with("{\"event\":\"drain_progress\",\"to_hand_out\":3"));
    assert_eq!(bob.takes_all_until_it_ends(), 3);
    assert_eq!(daemon.wait().1, Some(0));
    assert!(waiting.wait().unwrap().success());
    assert_eq!(lines.last().as_deref(), Some("{\"event\":\"stopped\",\"v\":1}"));
}

#[test]
fn asked_again_to_drain_the_earlier_end_counts_and_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let mut daemon = Daemon::start(dir.path(), &[]);
    let (_bob, _sender) = holding(&daemon, 1);
    let drain = |within: &str| -> serde_json::Value {
        serde_json::from_str(&says(dir.path(), &["drain", "--within", within, "--no-wait", "--json"])).unwrap()
    };
    let first = drain("60 s");
    assert_eq!((&first["within_ms"], &first["was_draining"]), (&60_000.into(), &false.into()));
    let longer = drain("1 h");
    assert!(longer["within_ms"].as_u64().unwrap() <= 60_000 && longer["was_draining"] == true, "{longer}");
    assert_eq!(drain("30 s")["within_ms"], 30_000, "an earlier one counts");
    let said = says(dir.path(), &["drain", "--within", "0 s", "--no-wait"]);
    assert_eq!(said, "draining already: 0 s at most, the earlier end counts\n");
    assert_eq!(daemon.wait().1, Some(0));
}

#[test]
fn a_long_list_of_networks_is_blocked_listed_and_reloaded() {
    let networks = |count: u32| {
        let list = (0..count).map(|n| format!("\"2001:db8:{:x}:{:x}::/64\"", 0x1000 + (n >> 12), 0x1000 + (n & 0xfff)));
        format!("[block]\nnetworks = [{}]\n", list.collect::<Vec<_>>().join(","))
    };
    let peer = Configured::start(&networks(30_000));
    let listed: serde_json::Value = serde_json::from_str(&peer.says(&["block", "list", "--json"])).unwrap();
    assert_eq!(listed["blocks"].as_array().unwrap().len(), 30_000);
    peer.write(&networks(29_998));
    let said = peer.says(&["reload"]);
    assert!(said.starts_with("block.networks: 30000 networks -> 29998 networks; 2 fewer: 2001:db8:1007:"), "{said}");
    assert_eq!(peer.says(&["block", "list"]).lines().count(), 29_998);
    let shown = peer.says(&["config", "show"]);
    let line = shown.lines().find(|line| line.starts_with("block.networks")).unwrap();
    assert!(line.len() < 300 && line.ends_with(" more"), "{line}");
}

#[test]
fn a_configuration_that_became_a_pipe_is_refused_at_once_and_the_peer_runs_on() {
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    let peer = Configured::start("[users]\nqueues = 3\n");
    let file = peer.dir.path().join("pirushkad.toml");
    std::fs::remove_file(&file).unwrap();
    mknodat(CWD, &file, FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
    let refused = answer(pirushkad(peer.dir.path()).arg("reload"));
    assert_eq!(refused.code, Some(3), "{}", refused.stderr);
    assert!(refused.stderr.contains("it is a pipe"), "{}", refused.stderr);
    peer.daemon.signal(Signal::HUP);
    peer.log_says("the old one stays");
    assert_eq!(User::registers(&peer.daemon, 1).unwrap().opens_queues(5), 3);
}

#[test]
fn limits_are_shown_with_their_use_and_name_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let daemon = Daemon::start(dir.path(), &["--set", "memory.total=128 MiB"]);
    let mut bob = User::registers(&daemon, 1).unwrap();
    assert_eq!(bob.opens_queues(2), 2);
    let mut sender = Client::of(daemon.text("address"));
    assert!(sender.connects());
    assert_eq!(leave(&mut sender, bob.queue(0), 0, 3, &[320]).held, 3);
    // What a command is told and what the daemon was told differ: the daemon's is the truth.
    let limits: serde_json::Value = serde_json::from_str(&says(dir.path(), &["limits", "--json"])).unwrap();
    let find = |key: &str| limits["limits"].as_array().unwrap().iter().find(|limit| limit["key"] == key).unwrap();
    assert_eq!(find("memory.total")["limit"], "128 MiB");
    assert!(find("memory.total")["used"].as_u64().unwrap() > 1 << 20);
    assert_eq!((&find("sessions.total")["used"], &find("users.queues")["used"]), (&2.into(), &2.into()), "{limits}");
    assert_eq!((&find("messages.per_queue")["used"], &find("messages.per_queue")["limit"]), (&3.into(), &"500".into()));
    let said = says(dir.path(), &["limits"]);
    assert!(said.contains("of memory.total is taken: everybody is served"), "{said}");
    assert!(
        said.lines().any(|line| line.starts_with("sessions.total") && line.ends_with("2 sessions in all")),
        "{said}"
    );
    assert!(!said.contains("127.0.0.1") && !said.contains(&bob.identity.fingerprint().to_hex()[..8]), "{said}");
}
