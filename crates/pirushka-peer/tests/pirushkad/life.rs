//! Start, stop, crash, restart; what the process leaves on disk and asks of the system.

use std::process::Stdio;

use rustix::process::Signal;

use crate::daemon::{Daemon, listing, pirushkad};
use crate::wire::Client;

#[test]
fn a_signal_ends_it_politely_and_the_disk_keeps_nothing_but_the_key() {
    let dir = tempfile::tempdir().unwrap();
    for signal in [Signal::TERM, Signal::INT] {
        let mut daemon = Daemon::start(dir.path(), &[]);
        assert_eq!(listing(dir.path()), ["key", "pirushkad.sock"]);
        daemon.signal(signal);
        assert_eq!(daemon.wait(), ("{\"event\":\"stopped\",\"v\":1}\n".into(), Some(0)));
        assert_eq!(listing(dir.path()), ["key"]);
    }
}

#[test]
fn t32_traffic_and_a_crash_leave_nothing_on_disk_but_the_key_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let mut daemon = Daemon::start(dir.path(), &[]);
    let key = std::fs::read(dir.path().join("key")).unwrap();
    let mut client = Client::of(daemon.text("address"));
    assert!(client.connects());
    client.send_junk();
    assert_eq!(listing(dir.path()), ["key", "pirushkad.sock"]);
    daemon.child.kill().unwrap();
    daemon.child.wait().unwrap();

    // The socket that the crash left does not hinder the next start.
    let next = Daemon::start(dir.path(), &[]);
    assert_eq!(std::fs::read(dir.path().join("key")).unwrap(), key);
    let peer_id = |daemon: &Daemon| daemon.text("address").split_once("?k=").unwrap().1.to_owned();
    assert_eq!(peer_id(&next), peer_id(&daemon));
    assert_ne!(next.text("boot"), daemon.text("boot"));
    assert_eq!(listing(dir.path()), ["key", "pirushkad.sock"]);
}

#[test]
fn it_serves_and_stops_politely_when_nobody_reads_what_it_prints() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = pirushkad(dir.path());
    command.args(["--listen", "127.0.0.1:0", "--json"]).stderr(Stdio::piped());
    let mut daemon = Daemon::of(&mut command);
    drop(daemon.child.stderr.take());
    assert!(Client::of(daemon.text("address")).connects());
    daemon.stop_reading();
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.child.wait().unwrap().code(), Some(0));
}

#[cfg(target_os = "linux")]
#[test]
fn core_dumps_and_debuggers_are_kept_away() {
    let dir = tempfile::tempdir().unwrap();
    let daemon = Daemon::start(dir.path(), &[]);
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", daemon.child.id()));
    let limits = match limits {
        Ok(limits) => limits,
        // Already the proof: a process that is not dumpable belongs to root there.
        Err(error) => return assert_eq!(error.kind(), std::io::ErrorKind::PermissionDenied),
    };
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().nth(4), Some("0"), "{core}");
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let mut daemon = Daemon::start(dir.path(), &[]);
    daemon.signal(Signal::STOP);
    daemon.signal(Signal::TERM);
    daemon.signal(Signal::INT);
    daemon.signal(Signal::CONT);
    // Whichever of the two the system delivers last.
    let code = daemon.wait().1;
    assert!(matches!(code, Some(130 | 143)), "{code:?}");
}
