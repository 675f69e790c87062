//! The README's transcript is what really happens: its commands are run, and what they print is compared.

use super::stage::{Person, Stage};

/// A command of the transcript and what it printed.
struct Line<'a> {
    who: &'a str,
    command: &'a str,
    printed: Vec<&'a str>,
}

/// The block between the markers: `alice$ pirushka ...`, followed by the output.
fn transcript(readme: &str) -> Vec<Line<'_>> {
    let block = readme.split("<!-- transcript -->").nth(1).expect("the README has a transcript");
    let mut lines: Vec<Line<'_>> = Vec::new();
    for line in block.lines().filter(|line| !line.starts_with("```") && !line.trim().is_empty()) {
        match line.split_once("$ pirushka ") {
            Some((who, command)) => lines.push(Line { who, command, printed: Vec::new() }),
            None => lines.last_mut().expect("a command comes first").printed.push(line),
        }
    }
    lines
}

#[test]
fn the_transcript_of_the_readme_is_what_happens() {
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md")).unwrap();
    let stage = Stage::new();
    let peers = [stage.peer("peer1"), stage.peer("peer2")];
    let people = ["alice", "bob"].map(|name| stage.nobody(name));
    let mut address = String::new();
    for Line { who, command, printed } in transcript(&readme) {
        let (person, peer): (&Person, _) =
            if who == "alice" { (&people[0], &peers[0]) } else { (&people[1], &peers[1]) };
        let filled = command.replace("PEER", &peer.address).replace("ADDRESS", &address);
        let words: Vec<&str> = filled.split('"').enumerate().flat_map(|(i, part)| words(i, part)).collect();
        let ended = person.plain(&words);
        assert_eq!(ended.code, 0, "{command}: {ended:?}");
        if command.starts_with("invite new") {
            ended.stdout.trim().clone_into(&mut address);
        }
        let got: Vec<&str> = ended.stdout.lines().collect();
        assert_eq!(got.len(), printed.len(), "{command} printed {got:#?}");
        for (got, expected) in got.iter().zip(printed) {
            assert!(fits(got, expected), "{command}\n  printed  {got}\n  expected {expected}");
        }
    }
}

/// Outside quotes words are separated by blanks; inside they are one.
fn words(index: usize, part: &str) -> Vec<&str> {
    if index % 2 == 1 { vec![part] } else { part.split_whitespace().collect() }
}

/// `…` in the transcript stands for what differs each time.
pub(super) fn fits(got: &str, expected: &str) -> bool {
    let mut rest = got;
    let parts: Vec<&str> = expected.split('…').collect();
    for (index, part) in parts.iter().enumerate() {
        let Some(at) = rest.find(part) else { return false };
        if index == 0 && at != 0 {
            return false;
        }
        rest = &rest[at + part.len()..];
    }
    rest.is_empty() || expected.ends_with('…')
}
