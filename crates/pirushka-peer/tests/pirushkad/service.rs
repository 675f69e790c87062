//! The peer as a service: what it tells the service manager, and the unit it prints.

use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::Signal;

use crate::daemon::{Daemon, answer, pirushkad};

/// The service manager's end of the line.
struct Manager(UnixDatagram);

impl Manager {
    fn at(path: &Path) -> Self {
        let socket = UnixDatagram::bind(path).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        Self(socket)
    }

    /// What it is told next.
    fn hears(&self) -> String {
        let mut buffer = [0; 4096];
        let n = self.0.recv(&mut buffer).expect("the service says something");
        String::from_utf8(buffer[..n].to_vec()).unwrap()
    }

    /// The first news with `line` in it.
    fn hears_of(&self, line: &str) -> String {
        loop {
            let news = self.hears();
            if news.lines().any(|said| said == line || said.starts_with(&format!("{line}="))) {
                return news;
            }
        }
    }
}

#[test]
fn the_service_manager_is_told_that_it_serves_that_it_lives_and_that_it_stops() {
    let dir = tempfile::tempdir().unwrap();
    let place = tempfile::tempdir().unwrap();
    let manager = Manager::at(&place.path().join("notify"));
    let mut command = pirushkad(dir.path());
    command.args(["--listen", "127.0.0.1:0", "--json", "--set", "process.drain=3 s"]).stderr(Stdio::null());
    command.env("NOTIFY_SOCKET", place.path().join("notify")).env("WATCHDOG_USEC", "200000");
    let mut daemon = Daemon::of(&mut command);
    assert!(manager.hears().starts_with("READY=1\n"), "it is told before anything else, and once it serves");
    for _ in 0..3 {
        let news = manager.hears_of("WATCHDOG=1");
        assert!(news.contains("STATUS=Serving: 0 users, 0 here, 0 messages held\n"), "{news}");
    }
    daemon.signal(Signal::TERM);
    let news = manager.hears_of("STOPPING=1");
    assert!(news.contains("EXTEND_TIMEOUT_USEC=13000000\n"), "{news}");
    assert_eq!(daemon.wait().1, Some(0));
}

#[test]
fn a_watchdog_meant_for_another_process_is_left_alone_and_the_totals_are_told_all_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let place = tempfile::tempdir().unwrap();
    let manager = Manager::at(&place.path().join("notify"));
    let mut command = pirushkad(dir.path());
    command.args(["--listen", "127.0.0.1:0", "--json"]).stderr(Stdio::null());
    command.env("NOTIFY_SOCKET", place.path().join("notify"));
    command.env("WATCHDOG_USEC", "200000").env("WATCHDOG_PID", "1");
    let _daemon = Daemon::of(&mut command);
    manager.hears_of("READY=1");
    assert_eq!(manager.hears(), "STATUS=Serving: 0 users, 0 here, 0 messages held\n");
}

#[test]
fn a_manager_that_does_not_listen_is_no_reason_not_to_serve() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = pirushkad(dir.path());
    command.args(["--listen", "127.0.0.1:0", "--json"]).stderr(Stdio::null());
    command.env("NOTIFY_SOCKET", dir.path().join("nobody"));
    let daemon = Daemon::of(&mut command);
    assert!(crate::wire::Client::of(daemon.text("address")).connects());
}

#[test]
fn the_unit_names_the_program_the_configuration_and_the_folder_that_are_meant() {
    let dir = tempfile::tempdir().unwrap();
    let plain = answer(pirushkad(dir.path()).arg("unit"));
    assert_eq!(plain.code, Some(0), "{}", plain.stderr);
    let start = |text: &str| text.lines().find(|line| line.starts_with("ExecStart=")).unwrap().to_owned();
    let program = env!("CARGO_BIN_EXE_pirushkad");
    assert_eq!(start(&plain.stdout), format!("ExecStart={program} run --data-dir /var/lib/pirushkad"));

    let file = dir.path().join("p.toml");
    std::fs::write(&file, "data_dir = \"/srv/peer\"\nlisten = \"[::]:443\"\n").unwrap();
    let mut command = pirushkad(dir.path());
    command.args(["unit", "--program", "/usr/bin/pirushkad", "--user", "peer", "--config"]).arg(&file);
    let told = answer(&mut command);
    let expected = format!("ExecStart=/usr/bin/pirushkad run --config {} --data-dir /srv/peer", file.display());
    assert_eq!(start(&told.stdout), expected);
    for line in ["User=peer", "ReadWritePaths=/srv/peer", "AmbientCapabilities=CAP_NET_BIND_SERVICE"] {
        assert!(told.stdout.lines().any(|said| said == line), "{line}");
    }
    assert_eq!(answer(pirushkad(dir.path()).args(["unit", "--user", "a b"])).code, Some(2));
}

#[test]
fn systemd_understands_the_unit() {
    let dir = tempfile::tempdir().unwrap();
    let unit = answer(pirushkad(dir.path()).args(["unit", "--user", "root"])).stdout;
    let file = dir.path().join("pirushkad.service");
    std::fs::write(&file, unit).unwrap();
    let mut command = std::process::Command::new("systemd-analyze");
    command.args(["verify", "--man=no"]).arg(&file);
    match command.output() {
        Ok(_) => {
            let said = answer(&mut command);
            assert_eq!((said.code, said.stderr.as_str()), (Some(0), ""));
        }
        Err(_) => crate::daemon::skipped("systemd_understands_the_unit: systemd-analyze is not here"),
    }
}

#[test]
fn the_watch_prints_a_row_each_time_and_ends_with_the_peer() {
    let dir = tempfile::tempdir().unwrap();
    let mut daemon = Daemon::start(dir.path(), &[]);
    let watch =
        |arguments: &[&str]| answer(pirushkad(dir.path()).args(["stats", "--watch", "--every", "0.1"]).args(arguments));
    let rows = watch(&["--rows", "3"]);
    assert_eq!((rows.code, rows.stdout.lines().count()), (Some(0), 4), "{}", rows.stdout);
    let json = watch(&["--rows", "2", "--json"]).stdout;
    for line in json.lines() {
        assert_eq!(serde_json::from_str::<serde_json::Value>(line).unwrap()["event"], "status");
    }
    let mut command = pirushkad(dir.path());
    let going_on = command.args(["status", "--watch", "--every", "0.1"]).stdout(Stdio::null()).stderr(Stdio::null());
    let mut going_on = going_on.spawn().unwrap();
    daemon.signal(Signal::TERM);
    daemon.wait();
    assert_eq!(going_on.wait().unwrap().code(), Some(5));
}

#[test]
fn the_service_manager_is_told_that_the_configuration_is_read_again_whatever_comes_of_it() {
    let dir = tempfile::tempdir().unwrap();
    let place = tempfile::tempdir().unwrap();
    let manager = Manager::at(&place.path().join("notify"));
    let mut command = pirushkad(dir.path());
    command.args(["--listen", "127.0.0.1:0", "--json"]).stderr(Stdio::null());
    command.env("NOTIFY_SOCKET", place.path().join("notify"));
    let daemon = Daemon::of(&mut command);
    manager.hears_of("READY=1");
    for text in ["[users]\nqueues = 7\n", "queus = what\n"] {
        std::fs::write(dir.path().join("pirushkad.toml"), text).unwrap();
        daemon.signal(Signal::HUP);
        let news = manager.hears_of("RELOADING=1");
        assert!(news.contains("MONOTONIC_USEC="), "{news}");
        manager.hears_of("READY=1");
    }
}
