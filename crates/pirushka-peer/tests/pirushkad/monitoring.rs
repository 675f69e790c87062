//! What monitoring gets over HTTP, and what others do not get.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::daemon::{Daemon, answer, pirushkad};
use crate::wire::Client;

/// One request as it stands, and all that comes back.
fn ask(at: &str, request: &str) -> String {
    let mut stream = TcpStream::connect(at).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn get(at: &str, path: &str) -> String {
    ask(at, &format!("GET {path} HTTP/1.1\r\nHost: {at}\r\n\r\n"))
}

#[test]
fn totals_are_there_for_prometheus_and_name_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let daemon = Daemon::start(dir.path(), &["--set", "admin.listen=127.0.0.1:0"]);
    assert!(Client::of(daemon.text("address")).connects());
    let page = get(daemon.text("admin"), "/metrics");
    assert!(page.starts_with("HTTP/1.1 200 OK\r\n"), "{page}");
    assert!(page.contains("content-type: application/openmetrics-text; version=1.0.0; charset=utf-8\r\n"), "{page}");
    assert!(page.contains("\npirushkad_handshakes_total 1\n"), "{page}");
    assert!(page.ends_with("# EOF\n"), "{page}");
    assert!(!page.contains("?k=") && !page.contains(daemon.text("boot")), "{page}");
    for path in ["/healthz", "/readyz"] {
        assert!(get(daemon.text("admin"), path).ends_with("\r\n\r\nok\n"), "{path}");
    }
}

#[test]
fn nothing_listens_unless_it_is_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let daemon = Daemon::start(dir.path(), &[]);
    assert!(daemon.hello["admin"].is_null());
    let remote = answer(pirushkad(dir.path()).args(["--set", "admin.listen=0.0.0.0:0"]));
    assert_eq!(remote.code, Some(3));
    assert!(remote.stderr.contains("admin.allow_remote = true"), "{}", remote.stderr);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let setting = format!("admin.listen={}", taken.local_addr().unwrap());
    let refused = tempfile::tempdir().unwrap();
    let refused = answer(pirushkad(refused.path()).args(["--listen", "127.0.0.1:0", "--json", "--set", &setting]));
    assert!(refused.stdout.contains("\"code\":\"admin.cannot_listen\""), "{}", refused.stdout);
}

#[test]
fn a_page_on_the_web_whose_name_was_led_here_gets_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let daemon = Daemon::start(dir.path(), &["--set", "admin.listen=127.0.0.1:0"]);
    let answer = ask(daemon.text("admin"), "GET /metrics HTTP/1.1\r\nHost: evil.example\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 421 ") && !answer.contains("pirushkad_users"), "{answer}");
    // A browser may read none of it either, since no other origin is let in.
    assert!(!get(daemon.text("admin"), "/metrics").to_lowercase().contains("access-control-allow-origin"));
}

#[test]
fn junk_and_askers_who_say_nothing_hinder_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let daemon = Daemon::start(dir.path(), &["--set", "admin.listen=127.0.0.1:0"]);
    let at = daemon.text("admin");
    let silent: Vec<_> = (0..12).map(|_| TcpStream::connect(at).unwrap()).collect();
    for junk in ["\x16\x03\x01\x02junk\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "\r\n\r\n\r\n"] {
        let _ = TcpStream::connect(at).unwrap().write_all(junk.as_bytes());
    }
    let long = format!("GET /healthz HTTP/1.1\r\nHost: {at}\r\nX: {}\r\n\r\n", "x".repeat(100_000));
    let mut stream = TcpStream::connect(at).unwrap();
    // It may hang up before it has read all of it.
    let _ = stream.write_all(long.as_bytes());
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    assert!(!answer.contains("200 OK"), "{answer}");
    assert!(get(at, "/healthz").ends_with("ok\n"));
    assert!(Client::of(daemon.text("address")).connects());
    drop(silent);
}

#[test]
fn while_two_hundred_askers_say_nothing_others_are_answered_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let daemon = Daemon::start(dir.path(), &["--set", "admin.listen=127.0.0.1:0"]);
    let at = daemon.text("admin");
    let silent: Vec<_> = (0..200).map(|_| TcpStream::connect(at).unwrap()).collect();
    for path in ["/healthz", "/readyz", "/metrics"] {
        let began = Instant::now();
        assert!(get(at, path).starts_with("HTTP/1.1 200 OK\r\n"), "{path}");
        assert!(began.elapsed() < Duration::from_secs(1), "{path}: {:?}", began.elapsed());
    }
    drop(silent);
}

#[test]
fn it_ends_with_the_peer_whatever_askers_do() {
    let dir = tempfile::tempdir().unwrap();
    let mut daemon = Daemon::start(dir.path(), &["--set", "admin.listen=127.0.0.1:0"]);
    let silent = TcpStream::connect(daemon.text("admin")).unwrap();
    assert!(get(daemon.text("admin"), "/healthz").ends_with("ok\n"));
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.wait().1, Some(0));
    drop(silent);
}
