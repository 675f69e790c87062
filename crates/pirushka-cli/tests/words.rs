//! The words of the program, as a person sees them: help, errors, and what needs no profile. Each is a snapshot.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

/// `pirushka ARGUMENTS` as it looks: the line typed, stdout, stderr, and the exit code if it is not 0.
fn typed(home: &Path, arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_pirushka"))
        .args(arguments)
        .env_clear()
        .env("HOME", home)
        .env("PIRUSHKA_HOME", home)
        .env("LANG", "C")
        .output()
        .unwrap();
    let quoted = arguments
        .iter()
        .map(|word| if word.contains(' ') || word.is_empty() { format!("'{word}'") } else { (*word).into() });
    let mut shown = format!("$ pirushka {}\n", quoted.collect::<Vec<_>>().join(" "));
    shown.push_str(&String::from_utf8_lossy(&output.stdout));
    shown.push_str(&String::from_utf8_lossy(&output.stderr));
    if let Some(code @ 1..) = output.status.code() {
        let _ = writeln!(shown, "[exit {code}]");
    }
    let shown: String = shown.chars().map(|c| if c == '\n' || !c.is_control() { c } else { '␛' }).collect();
    shown.replace(&*home.display().to_string(), "HOME")
}

fn all(lines: &[&[&str]]) -> String {
    let home = tempfile::tempdir().unwrap();
    lines.iter().map(|arguments| typed(home.path(), arguments)).collect::<Vec<_>>().join("\n")
}

/// The path of every command that is not hidden.
fn commands() -> Vec<Vec<String>> {
    fn walk(command: &clap::Command, path: &[String], found: &mut Vec<Vec<String>>) {
        found.push(path.to_vec());
        for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set()) {
            walk(sub, &[path, &[sub.get_name().to_owned()]].concat(), found);
        }
    }
    let mut found = Vec::new();
    walk(&pirushka_cli::args::command(), &[], &mut found);
    found
}

fn help(language: &[&str]) -> String {
    let home = tempfile::tempdir().unwrap();
    let of = |path: &Vec<String>| {
        let words: Vec<&str> = path.iter().map(String::as_str).chain(["--help"]).collect();
        typed(home.path(), &[language, &words].concat())
    };
    commands().iter().map(of).collect::<Vec<_>>().join("\n\n")
}

#[test]
fn help_of_every_command() {
    insta::assert_snapshot!(help(&[]));
}

#[test]
fn help_in_russian() {
    let home = tempfile::tempdir().unwrap();
    insta::assert_snapshot!(typed(home.path(), &["--lang", "ru", "--help"]));
}

const WRONG: [&[&str]; 18] = [
    &["frobnicate"],
    &["stauts"],
    &["send"],
    &["contact"],
    &["send", "bob", "hello", "--wait", "eaten"],
    &["send", "bob", "hello", "--waitt", "held"],
    &["send", "bob", "--wiat"],
    &["init", "--passphrase"],
    &["invite", "new", "--uses", "0"],
    &["invite", "new", "--expires", "7"],
    &["init", "--passphrase", "--key-file"],
    &["init", "--peer"],
    &["contact", "add", "peer.example/a4f5c"],
    &["contact", "add", "\u{1b}[2J\u{202e}//evil"],
    &["peer", "check", "peer.example"],
    &["peer", "add", "https://peer.example"],
    &["status"],
    &["--profile", "../etc", "status"],
];

#[test]
fn errors_in_english() {
    insta::assert_snapshot!(all(&WRONG));
}

#[test]
fn errors_in_russian() {
    let lines: Vec<Vec<&str>> = WRONG.iter().map(|line| [&["--lang", "ru"], *line].concat()).collect();
    let lines: Vec<&[&str]> = lines.iter().map(Vec::as_slice).collect();
    insta::assert_snapshot!(all(&lines));
}

#[test]
fn errors_for_programs() {
    let lines = [&["--json", "status"][..], &["--json", "send"], &["--json", "contact", "add", "peer.example/a4f5c"]];
    insta::assert_snapshot!(all(&lines));
}

#[test]
fn first_words_without_a_profile() {
    let lines = [&[][..], &["--lang", "ru"], &["--json"], &["version"], &["--json", "version"]];
    insta::assert_snapshot!(all(&lines));
}

#[test]
fn completions_and_the_manual_are_there_for_every_command() {
    let home = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = typed(home.path(), &["completions", shell]);
        assert!(script.contains("recv"), "{shell}");
    }
    assert!(typed(home.path(), &["man"]).contains(".TH pirushka 1"));
    let pages = home.path().join("pages");
    typed(home.path(), &["man", pages.to_str().unwrap()]);
    for path in commands() {
        let name = ["pirushka"].into_iter().chain(path.iter().map(String::as_str)).collect::<Vec<_>>().join("-");
        assert!(pages.join(format!("{name}.1")).exists(), "{name}.1");
    }
}

#[test]
fn what_cannot_be_printed_is_named_and_a_reader_who_left_is_no_fault() {
    let home = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str], stdout: std::process::Stdio| {
        let output = Command::new(env!("CARGO_BIN_EXE_pirushka"))
            .args(arguments)
            .env_clear()
            .env("HOME", home.path())
            .env("PIRUSHKA_HOME", home.path())
            .stdin(std::process::Stdio::null())
            .stdout(stdout)
            .stderr(std::process::Stdio::piped())
            .output()
            .unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    for arguments in [&["version"][..], &["--json", "version"], &["man"], &["completions", "bash"], &["--help"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        assert_eq!(run(arguments, writer.into()), (Some(0), String::new()), "{arguments:?}");
        if cfg!(target_os = "linux") {
            let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
            let (code, words) = run(arguments, full.into());
            assert_eq!(code, Some(1), "{arguments:?}");
            assert!(words.contains("the output cannot be written") || words.contains("cannot_print"), "{words}");
        }
    }
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    assert_eq!(run(&["status"], writer.into()).0, Some(3), "the command's own exit code stays");
}
