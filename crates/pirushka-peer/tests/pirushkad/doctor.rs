//! The doctor on a real machine: nothing wrong where nothing is, and each thing that is wrong by its name.

use std::collections::BTreeMap;
use std::net::UdpSocket;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use serde_json::Value;

use crate::daemon::{Daemon, answer, listing, pirushkad};

/// What `doctor --json` says, by check; the last object; the exit code.
fn doctor(dir: &Path, arguments: &[&str]) -> (BTreeMap<String, Value>, Value, Option<i32>) {
    let said = answer(pirushkad(dir).args(["doctor", "--json"]).args(arguments));
    let mut lines: Vec<Value> = said.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let last = lines.pop().unwrap();
    let by_check = lines.into_iter().map(|line| (line["check"].as_str().unwrap().to_owned(), line));
    (by_check.collect(), last, said.code)
}

fn verdict<'a>(findings: &'a BTreeMap<String, Value>, check: &str) -> &'a str {
    findings.get(check).unwrap_or_else(|| panic!("{check} in {findings:?}"))["verdict"].as_str().unwrap()
}

#[test]
fn a_running_peer_is_found_well_by_a_real_handshake() {
    let dir = tempfile::tempdir().unwrap();
    let daemon = Daemon::start(dir.path(), &["--set", "admin.listen=127.0.0.1:0", "--set", "memory.total=64 MiB"]);
    let monitoring = format!("admin.listen={}", daemon.text("admin"));
    let arguments = ["--listen", "127.0.0.1:0", "--set", &monitoring];
    let (findings, _, code) = doctor(dir.path(), &arguments);
    for check in
        ["configuration", "data folder", "key", "port", "answers here", "reachable", "monitoring", "open files"]
    {
        assert_eq!(verdict(&findings, check), "ok", "{}", findings[check]);
    }
    let problems = findings.values().any(|finding| finding["verdict"] == "problem");
    assert_eq!(code, Some(if problems { 3 } else { 0 }), "{findings:#?}");
    for finding in findings.values().filter(|f| ["warning", "problem"].contains(&f["verdict"].as_str().unwrap())) {
        assert!(finding["why"] != "" && finding["fix"] != "", "{finding}");
    }
    let (people, names) = (answer(pirushkad(dir.path()).arg("doctor").args(arguments)).stdout, findings.keys());
    assert!(names.clone().all(|name| people.contains(name.as_str())), "{people}");
    let status = answer(pirushkad(dir.path()).args(["status", "--json"])).stdout;
    assert_eq!(serde_json::from_str::<Value>(&status).unwrap()["clients"]["sessions"], 0, "it takes its leave");
}

#[test]
fn a_taken_port_and_an_open_key_are_named_with_whose_and_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(answer(pirushkad(dir.path()).arg("address")).code, Some(0));
    std::fs::set_permissions(dir.path().join("key"), std::fs::Permissions::from_mode(0o644)).unwrap();
    let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
    let (findings, last, code) = doctor(dir.path(), &["--listen", &taken.local_addr().unwrap().to_string()]);
    assert_eq!((code, &last["code"]), (Some(3), &"doctor.problems".into()));
    assert_eq!((verdict(&findings, "port"), verdict(&findings, "key")), ("problem", "problem"));
    assert_eq!(findings["key"]["fix"], format!("chmod 600 {}/key", dir.path().display()));
    if cfg!(target_os = "linux") {
        let whose = format!("(process {})", std::process::id());
        assert!(findings["port"]["why"].as_str().unwrap().ends_with(&whose), "{}", findings["port"]);
    }
    assert_eq!(verdict(&findings, "answers here"), "not_applicable");
    assert_eq!(listing(dir.path()), ["key"]);
}

#[test]
fn nothing_is_made_by_looking_and_a_broken_configuration_does_not_end_the_visit() {
    let dir = tempfile::tempdir().unwrap();
    let (findings, ..) = doctor(dir.path(), &["--listen", "127.0.0.1:0"]);
    assert_eq!((verdict(&findings, "key"), verdict(&findings, "port")), ("ok", "ok"));
    assert_eq!(listing(dir.path()), [""; 0]);

    std::fs::write(dir.path().join("pirushkad.toml"), "lissten = \"x\"\n").unwrap();
    let (findings, _, code) = doctor(dir.path(), &[]);
    assert_eq!((code, verdict(&findings, "configuration")), (Some(3), "problem"));
    assert!(findings["configuration"]["why"].as_str().unwrap().contains("did you mean \"listen\"?"));
    assert!(findings.len() > 15, "{findings:?}");
}

#[test]
fn a_name_that_leads_nowhere_and_a_machine_that_is_too_small_are_problems() {
    let dir = tempfile::tempdir().unwrap();
    let (findings, _, code) = doctor(dir.path(), &["--host", "peer.invalid", "--set", "memory.total=16384 GiB"]);
    assert_eq!(code, Some(3));
    assert_eq!(verdict(&findings, "name"), "problem");
    if cfg!(target_os = "linux") {
        assert_eq!(verdict(&findings, "memory"), "problem");
    }
}
