//! The page for operators is what really happens: its walk is walked, and its other commands are run against a peer.

use std::path::Path;
use std::process::{Command, Stdio};

use super::readme::fits;
use super::stage::Stage;

/// A command of the page, and what it printed there if the page says so.
struct Line<'a> {
    command: &'a str,
    printed: Vec<&'a str>,
}

fn page() -> String {
    std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/OPERATING.md")).unwrap()
}

/// The block between the markers: `$ pirushkad ...`, followed by the output.
fn walk(page: &str) -> Vec<Line<'_>> {
    let block = page.split("<!-- walk -->").nth(1).expect("the page has a walk");
    let mut lines: Vec<Line<'_>> = Vec::new();
    for line in block.lines().filter(|line| !line.starts_with("```") && !line.trim().is_empty()) {
        match line.strip_prefix("$ pirushkad ") {
            Some(command) => lines.push(Line { command, printed: Vec::new() }),
            None => lines.last_mut().expect("a command comes first").printed.push(line),
        }
    }
    lines
}

/// Every `pirushkad ...` that stands alone on a line of a block, without its comment.
fn commands(page: &str) -> Vec<&str> {
    let blocks = page.split("```").skip(1).step_by(2);
    let lines = blocks.flat_map(str::lines).filter_map(|line| line.strip_prefix("pirushkad "));
    let bare = lines.map(|line| line.split('#').next().unwrap_or_default().trim());
    bare.filter(|command| !command.contains('|')).collect()
}

fn pirushkad(dir: &Path, command: &str) -> (Option<i32>, String) {
    let mut program = Command::new(env!("CARGO_BIN_EXE_pirushka-under-test"));
    program.arg("__peer").args(command.split_whitespace()).env_clear().env("PIRUSHKAD_HOME", dir);
    program.envs(["PATH", "TMPDIR"].into_iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
    let output = program.stdin(Stdio::null()).output().unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn the_walk_of_the_page_for_operators_is_what_happens() {
    let (page, stage) = (page(), Stage::new());
    let lines = walk(&page);
    assert!(lines.len() >= 4, "the walk was not found");
    for Line { command, printed } in lines {
        let (code, stdout) = pirushkad(stage.path(), command);
        assert_eq!(code, Some(0), "{command}");
        let got: Vec<&str> = stdout.lines().collect();
        assert_eq!(got.len(), printed.len(), "{command} printed {got:#?}");
        for (got, expected) in got.iter().zip(printed) {
            assert!(fits(got, expected), "{command}\n  printed  {got}\n  expected {expected}");
        }
    }
}

#[test]
fn every_command_of_the_page_for_operators_works_on_a_running_peer() {
    let (page, stage) = (page(), Stage::new());
    let mut peer = stage.peer("peer");
    let commands = commands(&page);
    assert!(commands.len() >= 6, "{commands:?}");
    for command in commands {
        let (code, stdout) = pirushkad(&peer.data, command);
        // What the doctor finds is the machine's affair.
        let is_fine = code == Some(0) || command.starts_with("doctor") && code == Some(3);
        assert!(is_fine, "pirushkad {command}: {code:?} {stdout}");
        if command.starts_with("drain") {
            peer.kill();
            peer.start();
        }
    }
}
