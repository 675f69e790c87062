//! Commands that end by themselves: their output is a snapshot.

use crate::daemon::{Daemon, answer, listing, pirushkad};

#[test]
fn help_names_every_command_flag_and_exit_code() {
    let dir = tempfile::tempdir().unwrap();
    let help = answer(pirushkad(dir.path()).arg("--help"));
    assert_eq!((help.code, help.stderr.as_str()), (Some(0), ""));
    insta::assert_snapshot!("help", help.stdout);
    let help = answer(pirushkad(dir.path()).args(["config", "-h"]));
    insta::assert_snapshot!("help_config", help.stdout);
}

#[test]
fn the_example_configuration_in_the_repository_is_the_one_that_is_printed() {
    let dir = tempfile::tempdir().unwrap();
    let example = answer(pirushkad(dir.path()).args(["config", "example"]));
    assert_eq!(example.code, Some(0));
    // To renew it: pirushkad config example > crates/pirushka-peer/pirushkad.example.toml
    assert_eq!(example.stdout, include_str!("../../pirushkad.example.toml"));
}

#[test]
fn the_example_configuration_is_valid_and_check_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/pirushkad.example.toml");
    let check = answer(pirushkad(dir.path()).args(["config", "check", "--config", file]));
    assert_eq!((check.code, check.stdout), (Some(0), format!("valid: {file}, 0 settings given\n")));
}

#[test]
fn show_tells_where_each_value_comes_from() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("pirushkad.toml");
    std::fs::write(&file, "[users]\nqueues = 10\n").unwrap();
    let mut command = pirushkad(dir.path());
    command.args(["config", "show", "--origin", "--set", "memory.queue=64 KiB"]).env("PIRUSHKAD_LOG", "warn");
    let shown = answer(&mut command).stdout;
    let line = |key: &str| shown.lines().find(|line| line.starts_with(key)).unwrap().split_whitespace().last();
    assert_eq!(line("users.queues"), Some(&*format!("{}:2", file.display())));
    assert_eq!(line("memory.queue "), Some("memory.queue"));
    assert_eq!(line("log"), Some("$PIRUSHKAD_LOG"));
    assert_eq!(line("listen"), Some("default"));
}

#[test]
fn address_prints_the_configured_host_and_the_same_key_every_time() {
    let dir = tempfile::tempdir().unwrap();
    let address = |arguments: &[&str]| answer(pirushkad(dir.path()).arg("address").args(arguments));
    let first = address(&["--host", "peer.example"]);
    assert!(first.stdout.starts_with("peer.example?k="), "{}", first.stdout);
    assert_eq!((first.stdout.trim().len(), first.stderr.as_str()), ("peer.example?k=".len() + 52, ""));
    assert_eq!(first.stdout, address(&["--host", "peer.example"]).stdout);

    let json = address(&["--host", "peer.example:99", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!((&json["v"], &json["event"], &json["port"]), (&1.into(), &"address".into(), &99.into()));

    let qr = address(&["--host", "peer.example", "--qr"]).stdout;
    assert!(qr.lines().count() > 15 && qr.contains('▄'));
}

#[test]
fn the_address_of_a_private_peer_holds_a_secret_that_changes_with_its_generation_and_nothing_of_it_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let address = |settings: &[&str]| {
        let settings = settings.iter().flat_map(|setting| ["--set", setting]);
        answer(pirushkad(dir.path()).args(["address", "--host", "peer.example"]).args(settings))
    };
    let open = address(&[]);
    let first = address(&["users.private=true"]);
    assert_eq!((first.code, first.stdout.trim().split_once("&i=").unwrap().1.len()), (Some(0), 24));
    assert!(first.stdout.starts_with(open.stdout.trim()), "the rest stays: {}", first.stdout);
    assert!(first.stderr.contains("private"), "{}", first.stderr);
    assert_eq!(first.stdout, address(&["users.private=true"]).stdout);
    let second = address(&["users.private=true", "users.invite_generation=2"]);
    assert!(second.stdout != first.stdout && second.stdout.contains("&i="));
    assert_eq!(listing(dir.path()), ["key"]);
}

#[test]
fn a_host_that_nobody_outside_reaches_is_said_to_be_one() {
    let dir = tempfile::tempdir().unwrap();
    for (host, what) in
        [("0.0.0.0", "leads nowhere"), ("localhost", "this machine only"), ("10.0.0.1", "its own network")]
    {
        let address = answer(pirushkad(dir.path()).args(["address", "--host", host]));
        assert!(address.code == Some(0) && address.stdout.starts_with(host));
        assert!(address.stderr.starts_with("Note: ") && address.stderr.contains(what), "{}", address.stderr);
    }
}

#[test]
fn without_a_host_address_says_which_one_it_took() {
    let dir = tempfile::tempdir().unwrap();
    let address = answer(pirushkad(dir.path()).arg("address"));
    assert_eq!(address.code, Some(0));
    assert!(address.stderr.starts_with("Note: no host is configured"), "{}", address.stderr);
    let loopback = answer(pirushkad(dir.path()).args(["address", "--listen", "127.0.0.1:4000"]));
    assert!(loopback.stdout.starts_with("127.0.0.1:4000?k="));
    assert_eq!(loopback.stderr, "Note: it listens on loopback, so the address works on this machine only.\n");
}

#[test]
fn while_a_peer_runs_address_and_status_ask_it() {
    let dir = tempfile::tempdir().unwrap();
    let daemon = Daemon::start(dir.path(), &[]);
    let address = answer(pirushkad(dir.path()).arg("address"));
    assert_eq!(address.stdout.trim(), daemon.text("address"));

    let status = answer(pirushkad(dir.path()).args(["status", "--json"]));
    let status: serde_json::Value = serde_json::from_str(&status.stdout).unwrap();
    assert_eq!((status["event"].as_str(), status["boot"].as_str()), (Some("status"), daemon.hello["boot"].as_str()));
    assert_eq!(status["messages"]["held"], 0);
    assert!(status["drops"].is_object());
    let status = answer(pirushkad(dir.path()).arg("status"));
    assert_eq!(status.code, Some(0));
    assert!(status.stdout.starts_with(&format!("address    {}\n", daemon.text("address"))));
}

#[test]
fn completions_and_the_manual_page_are_printed() {
    let dir = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish"] {
        let script = answer(pirushkad(dir.path()).args(["completions", shell]));
        assert!(script.code == Some(0) && script.stdout.contains("pirushkad"), "{shell}");
    }
    let man = answer(pirushkad(dir.path()).arg("man"));
    assert!(man.code == Some(0) && man.stdout.contains(".TH pirushkad 1"), "{}", man.stdout);
    let folder = dir.path().join("man");
    assert_eq!(answer(pirushkad(dir.path()).arg("man").arg(&folder)).code, Some(0));
    let pages = crate::daemon::listing(&folder);
    for page in ["pirushkad.1", "pirushkad-doctor.1", "pirushkad-config-show.1"] {
        assert!(pages.iter().any(|name| name == page), "{page} in {pages:?}");
    }
    let refused = answer(pirushkad(dir.path()).args(["man", "/dev/null/man"]));
    assert_eq!(refused.code, Some(3), "{}", refused.stderr);
}
