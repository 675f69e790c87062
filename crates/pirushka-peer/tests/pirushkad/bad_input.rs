//! Every wrong input has its own words and its exit code, and nothing on disk is changed by it.

use std::net::UdpSocket;
use std::path::Path;
use std::process::Stdio;

use crate::daemon::{Daemon, answer, listing, pirushkad};

/// The error with everything replaced that differs from run to run.
fn refusal(dir: &Path, arguments: &[&str]) -> String {
    let refused = answer(pirushkad(dir).args(arguments));
    assert_eq!(refused.stdout, "");
    let text = refused.stderr.replace(&dir.display().to_string(), "[DIR]");
    format!("exit {:?}\n{text}", refused.code)
}

#[test]
fn a_wrong_command_line_is_usage() {
    let dir = tempfile::tempdir().unwrap();
    insta::assert_snapshot!("usage_unknown_flag", refusal(dir.path(), &["--hots", "x"]));
    insta::assert_snapshot!("usage_bad_listen", refusal(dir.path(), &["--listen", "here"]));
    insta::assert_snapshot!("usage_bad_host", refusal(dir.path(), &["--host", "not a host"]));
    insta::assert_snapshot!("usage_unknown_command", refusal(dir.path(), &["frob"]));
    insta::assert_snapshot!("usage_incomplete", refusal(dir.path(), &["config"]));
    insta::assert_snapshot!("usage_bad_set", refusal(dir.path(), &["--set", "users.queues"]));
    assert_eq!(refusal(dir.path(), &["--set", "users.queues"]), refusal(dir.path(), &["--set", "=5"]));
    let alone = refusal(dir.path(), &["status", "--every", "3"]);
    assert!(alone.contains("cause:  there is something missing: --watch"), "{alone}");
}

#[test]
fn a_wrong_configuration_is_named_with_its_line_and_a_hint() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("pirushkad.toml"), "[users]\nqueus = 1\nlife_min = \"soon\"\n").unwrap();
    insta::assert_snapshot!("config_two_faults", refusal(dir.path(), &["config", "check"]));
    insta::assert_snapshot!("config_missing", refusal(dir.path(), &["--config", "/does/not/exist"]));
    std::fs::remove_file(dir.path().join("pirushkad.toml")).unwrap();
    insta::assert_snapshot!("config_bad_flag", refusal(dir.path(), &["--set", "user.queues=1"]));
    assert_eq!(listing(dir.path()), [""; 0]);
}

#[test]
fn a_bad_value_in_the_environment_names_the_variable() {
    let dir = tempfile::tempdir().unwrap();
    let refused = answer(pirushkad(dir.path()).env("PIRUSHKAD_MEMORY_TOTAL", "12 apples"));
    assert_eq!(refused.code, Some(3));
    assert!(
        refused.stderr.contains("$PIRUSHKAD_MEMORY_TOTAL: memory.total: expected bytes from 16 MiB"),
        "{}",
        refused.stderr
    );
}

#[test]
fn with_json_a_failure_is_one_line_with_a_stable_code() {
    let dir = tempfile::tempdir().unwrap();
    let refused = answer(pirushkad(dir.path()).args(["--json", "--set", "x=1"]));
    let line: serde_json::Value = serde_json::from_str(&refused.stdout).unwrap();
    assert_eq!((line["event"].as_str(), line["code"].as_str()), (Some("error"), Some("config.unknown_key")));
    assert_eq!((line["exit"].as_i64(), refused.code, refused.stderr.as_str()), (Some(3), Some(3), ""));
}

#[test]
fn with_json_a_wrong_command_line_is_one_line_too() {
    let dir = tempfile::tempdir().unwrap();
    for arguments in [["--json", "frob"].as_slice(), &["--json", "--listen", "zz"], &["--listen", "zz", "--json"]] {
        let refused = answer(pirushkad(dir.path()).args(arguments));
        let line: serde_json::Value = serde_json::from_str(&refused.stdout).unwrap();
        assert_eq!((line["event"].as_str(), line["code"].as_str()), (Some("error"), Some("usage")));
        assert_eq!((line["exit"].as_i64(), refused.code, refused.stderr.as_str()), (Some(2), Some(2), ""));
    }
}

#[test]
fn an_unknown_variable_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let refused = answer(pirushkad(dir.path()).env("PIRUSHKAD_BOGUS", "1").args(["config", "check"]));
    assert_eq!(refused.code, Some(3));
    assert!(refused.stderr.contains("$PIRUSHKAD_BOGUS: there is no such setting"), "{}", refused.stderr);
}

#[test]
fn with_json_each_fault_of_a_configuration_is_an_object() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("pirushkad.toml");
    std::fs::write(&file, "[users]\n  queus = 1\n[[memory]]\ntotal = 1\n").unwrap();
    let check = answer(pirushkad(dir.path()).args(["config", "check", "--json"]).env("PIRUSHKAD_LOG", "loud"));
    let line: serde_json::Value = serde_json::from_str(&check.stdout).unwrap();
    let expected = serde_json::json!([
        {"file": file, "line": 2, "column": 3, "from": null, "key": "users.queus",
         "problem": "there is no setting \"users.queus\"", "remedy": "did you mean \"users.queues\"?"},
        {"file": file, "line": 3, "column": 3, "from": null, "key": "memory",
         "problem": "\"memory\" is a section, of which there is one", "remedy": "write [memory], in single brackets"},
        {"file": null, "line": null, "column": null, "from": "$PIRUSHKAD_LOG", "key": "log",
         "problem": "expected off, error, warn, info, debug or trace, got \"loud\"", "remedy": "for example log = \"info\""},
    ]);
    assert_eq!((check.code, &line["event"], &line["faults"]), (Some(3), &"error".into(), &expected));
}

#[test]
fn an_empty_variable_is_none_and_one_that_is_no_text_is_named() {
    use std::os::unix::ffi::OsStrExt as _;
    let dir = tempfile::tempdir().unwrap();
    let check = |variable: &str, value: &[u8]| {
        let value = std::ffi::OsStr::from_bytes(value);
        answer(pirushkad(dir.path()).args(["config", "check"]).env(variable, value))
    };
    for variable in ["PIRUSHKAD_HOST", "PIRUSHKAD_DATA_DIR", "PIRUSHKAD_MEMORY_TOTAL", "PIRUSHKAD_CONFIG"] {
        let said = check(variable, b"");
        assert_eq!(
            (said.code, said.stdout.as_str()),
            (Some(0), "valid: no file, 0 settings given\n"),
            "{}",
            said.stderr
        );
    }
    let refused = check("PIRUSHKAD_DATA_DIR", b"/srv/\xff");
    assert_eq!(refused.code, Some(3));
    assert!(refused.stderr.contains("$PIRUSHKAD_DATA_DIR: its value is not text"), "{}", refused.stderr);
}

#[test]
fn a_pipe_in_the_place_of_the_key_is_refused_at_once() {
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    let dir = tempfile::tempdir().unwrap();
    mknodat(CWD, dir.path().join("key"), FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
    let refused = answer(pirushkad(dir.path()).arg("address"));
    assert!(refused.code == Some(3) && refused.stderr.contains("it is a pipe"), "{}", refused.stderr);
}

#[cfg(target_os = "linux")]
#[test]
fn a_command_whose_output_finds_no_room_fails_and_one_whose_reader_has_enough_does_not() {
    let dir = tempfile::tempdir().unwrap();
    for command in [["unit"].as_slice(), &["config", "example"], &["config", "show"]] {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let ended = pirushkad(dir.path()).args(command).stdout(full).stderr(Stdio::piped()).spawn().unwrap();
        let ended = ended.wait_with_output().unwrap();
        let said = String::from_utf8(ended.stderr).unwrap();
        assert!(ended.status.code() == Some(1) && said.contains("No space left"), "{command:?}: {said}");
    }
    let mut example = pirushkad(dir.path()).args(["config", "example"]).stdout(Stdio::piped()).spawn().unwrap();
    drop(example.stdout.take());
    assert_eq!(example.wait().unwrap().code(), Some(0));
}

#[test]
fn a_taken_port_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
    let listen = taken.local_addr().unwrap().to_string();
    let port = taken.local_addr().unwrap().port().to_string();
    let refused = refusal(dir.path(), &["--listen", &listen]);
    insta::assert_snapshot!("bind_in_use", refused.replace(&port, "[PORT]"));
    insta::assert_snapshot!("bind_not_ours", refusal(dir.path(), &["--listen", "192.0.2.1:7117"]));
    assert_eq!(listing(dir.path()), ["key"]);
}

#[test]
fn a_damaged_or_unsafe_key_is_named_and_left_alone() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(answer(pirushkad(dir.path()).arg("address")).code, Some(0));
    let key = dir.path().join("key");
    let good = std::fs::read_to_string(&key).unwrap();

    std::fs::write(&key, &good[..50]).unwrap();
    insta::assert_snapshot!("key_damaged", refusal(dir.path(), &[]));
    assert_eq!(std::fs::read_to_string(&key).unwrap(), good[..50]);

    std::fs::write(&key, &good).unwrap();
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    insta::assert_snapshot!("key_readable", refusal(dir.path(), &[]));
    assert_eq!(std::fs::read_to_string(&key).unwrap(), good);
    assert_eq!(listing(dir.path()), ["key"]);
}

#[test]
fn a_second_peer_in_the_same_folder_is_refused_and_the_first_serves_on() {
    let dir = tempfile::tempdir().unwrap();
    let _first = Daemon::start(dir.path(), &[]);
    insta::assert_snapshot!("data_dir_in_use", refusal(dir.path(), &["--listen", "127.0.0.1:0"]));
    assert_eq!(answer(pirushkad(dir.path()).arg("status")).code, Some(0));
}

#[test]
fn status_without_a_peer_says_that_nobody_answers() {
    let dir = tempfile::tempdir().unwrap();
    insta::assert_snapshot!("status_nobody", refusal(dir.path(), &["status"]));
    insta::assert_snapshot!("address_no_port", refusal(dir.path(), &["address", "--listen", "127.0.0.1:0"]));
}
