//! The peer as a service: what it tells the service manager, and the unit it prints.

use std::io::{BufRead as _, BufReader};
use std::os::unix::net::UnixDatagram;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::Signal;

use crate::daemon::{Daemon, answer, pirushkad};
use crate::load::holding;
use crate::wire::Client;

/// A daemon, and the service manager's end of the line.
struct Service {
    dir: tempfile::TempDir,
    _place: tempfile::TempDir,
    socket: UnixDatagram,
    daemon: Daemon,
}

impl Service {
    fn start(arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        // Outside of the data folder, in which only the peer's own things are.
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let mut command = pirushkad(dir.path());
        command.args(["--listen", "127.0.0.1:0", "--json"]).args(arguments).stderr(Stdio::null());
        command.env("NOTIFY_SOCKET", &path).envs(environment.iter().copied());
        let daemon = Daemon::of(&mut command);
        Self { dir, _place: place, socket, daemon }
    }

    /// What the manager is told next.
    fn hears(&self) -> String {
        let mut buffer = [0; 4096];
        let n = self.socket.recv(&mut buffer).expect("the service says something");
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

    /// Everything that it was told and has not heard yet.
    fn heard(&self) -> Vec<String> {
        self.socket.set_nonblocking(true).unwrap();
        let mut buffer = [0; 4096];
        let news = std::iter::from_fn(|| {
            let n = self.socket.recv(&mut buffer).ok()?;
            Some(String::from_utf8(buffer[..n].to_vec()).unwrap())
        });
        news.collect()
    }

    fn says(&self, arguments: &[&str]) -> String {
        let said = answer(pirushkad(self.dir.path()).args(arguments));
        assert_eq!(said.code, Some(0), "{}", said.stderr);
        said.stdout
    }
}

#[test]
fn the_service_manager_is_told_that_it_serves_that_it_lives_and_that_it_stops() {
    let mut service = Service::start(&["--set", "process.drain=3 s"], &[("WATCHDOG_USEC", "200000")]);
    assert!(service.hears().starts_with("READY=1\n"), "it is told before anything else, and once it serves");
    for _ in 0..3 {
        let news = service.hears_of("WATCHDOG=1");
        assert!(news.contains("STATUS=Serving: 0 users, 0 here, 0 messages held\n"), "{news}");
    }
    service.daemon.signal(Signal::TERM);
    let news = service.hears_of("STOPPING=1");
    assert!(news.contains("EXTEND_TIMEOUT_USEC=13000000\n"), "{news}");
    assert_eq!(service.daemon.wait().1, Some(0));
}

#[test]
fn a_drain_by_command_is_told_to_the_manager_and_nothing_after_it_sounds_like_a_new_beginning() {
    let mut service = Service::start(&[], &[]);
    service.hears_of("READY=1");
    let (mut bob, _sender) = holding(&service.daemon, 1);
    service.says(&["drain", "--within", "30 s", "--no-wait"]);
    let news = service.hears_of("STOPPING=1");
    assert!(news.contains("EXTEND_TIMEOUT_USEC=40000000\n"), "{news}");

    std::fs::write(service.dir.path().join("pirushkad.toml"), "[users]\nqueues = 7\n").unwrap();
    assert!(service.says(&["reload"]).contains("users.queues: 1024 -> 7"));
    assert_eq!(bob.takes_all_until_it_ends(), 1);
    assert_eq!(service.daemon.wait().1, Some(0));
    let news = service.heard();
    assert!(!news.iter().any(|news| news.contains("READY=1") || news.contains("RELOADING=1")), "{news:?}");
}

#[test]
fn a_watchdog_meant_for_another_process_is_left_alone_and_the_totals_are_told_all_the_same() {
    let service = Service::start(&[], &[("WATCHDOG_USEC", "200000"), ("WATCHDOG_PID", "1")]);
    service.hears_of("READY=1");
    assert_eq!(service.hears(), "STATUS=Serving: 0 users, 0 here, 0 messages held\n");
}

#[test]
fn a_manager_that_does_not_listen_is_no_reason_not_to_serve() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = pirushkad(dir.path());
    command.args(["--listen", "127.0.0.1:0", "--json"]).stderr(Stdio::null());
    command.env("NOTIFY_SOCKET", dir.path().join("nobody"));
    let daemon = Daemon::of(&mut command);
    assert!(Client::of(daemon.text("address")).connects());
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
fn a_unit_says_what_the_command_line_said_with_paths_as_units_want_them() {
    let dir = tempfile::tempdir().unwrap();
    let (real, link) = (dir.path().join("real/deep"), dir.path().join("link"));
    std::fs::create_dir_all(&real).unwrap();
    std::os::unix::fs::symlink(&real, &link).unwrap();
    let mut command = pirushkad(dir.path());
    command.args(["unit", "--program", "/usr/bin/pirushkad", "--data-dir", "link/../my peer/100%/./x"]);
    command.args(["--config", "not/../there.toml", "--listen", "[::]:443", "--host", "peer.example"]);
    command.args(["--set", "messages.hold=3 days"]).env("PIRUSHKAD_USERS_QUEUES", "7").current_dir(dir.path());
    let unit = answer(&mut command);
    assert_eq!(unit.code, Some(0), "{}", unit.stderr);
    let root = dir.path().canonicalize().unwrap();
    let root = root.display();
    let expected = format!(
        "ExecStart=/usr/bin/pirushkad run --config {root}/there.toml --data-dir \"{root}/real/my peer/100%%/x\" --listen \
         \"[::]:443\" --host peer.example --set \"messages.hold=3 days\""
    );
    let start = unit.stdout.lines().find(|line| line.starts_with("ExecStart=")).unwrap();
    assert_eq!(words(start), words(&expected));
    assert!(unit.stdout.contains(&format!("\nReadWritePaths=\"{root}/real/my peer/100%%/x\"\n")), "{}", unit.stdout);
    assert!(unit.stderr.contains("there.toml is not there yet"), "{}", unit.stderr);
    assert!(unit.stderr.contains("$PIRUSHKAD_USERS_QUEUES"), "{}", unit.stderr);

    let bad = answer(pirushkad(dir.path()).args(["unit", "--data-dir", "/srv/a\nUser=root"]));
    assert!(bad.code == Some(3) && bad.stdout.is_empty(), "{}", bad.stderr);
}

/// In whatever order settings come.
fn words(line: &str) -> std::collections::BTreeSet<&str> {
    line.split(" --").collect()
}

#[test]
fn systemd_understands_the_unit() {
    let dir = tempfile::tempdir().unwrap();
    let unit =
        answer(pirushkad(dir.path()).args(["unit", "--user", "root", "--data-dir", "/srv/a/../my \"100%\" peer"]))
            .stdout;
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
fn the_watch_goes_on_while_a_peer_is_too_busy_to_answer() {
    let dir = tempfile::tempdir().unwrap();
    let mut daemon = Daemon::start(dir.path(), &[]);
    let mut command = pirushkad(dir.path());
    command.args(["status", "--watch", "--every", "0.1"]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut watch = command.spawn().unwrap();
    let mut rows = BufReader::new(watch.stdout.take().unwrap()).lines();
    assert!(rows.by_ref().take(2).all(|row| row.is_ok()), "titles and a row: it was asked once");
    daemon.signal(Signal::STOP);
    let mut news = BufReader::new(watch.stderr.take().unwrap()).lines().map(Result::unwrap);
    assert_eq!(news.next().as_deref(), Some("the running peer did not answer: it is too busy, or ending"));
    daemon.signal(Signal::CONT);
    daemon.signal(Signal::TERM);
    daemon.wait();
    assert_eq!(watch.wait().unwrap().code(), Some(5));
    assert!(news.any(|line| line.contains("nobody answers")), "it went on until the peer had ended");
}

#[test]
fn the_service_manager_is_told_that_the_configuration_is_read_again_whatever_comes_of_it() {
    let service = Service::start(&[], &[]);
    service.hears_of("READY=1");
    for text in ["[users]\nqueues = 7\n", "queus = what\n"] {
        std::fs::write(service.dir.path().join("pirushkad.toml"), text).unwrap();
        service.daemon.signal(Signal::HUP);
        let news = service.hears_of("RELOADING=1");
        assert!(news.contains("MONOTONIC_USEC="), "{news}");
        service.hears_of("READY=1");
    }
}
