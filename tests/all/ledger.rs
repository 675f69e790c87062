//! The ledger of long runs, `docs/ledger.jsonl`: every line says what was run, on what, and how to run it again.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Map, Value};

/// Fields of a line; one of [`COUNTS`] beside them says how much was done.
const FIELDS: [&str; 6] = ["date", "commit", "what", "hours", "failures", "command"];
const COUNTS: [&str; 4] = ["seeds", "executions", "kills", "datagrams"];

#[test]
fn every_line_of_the_ledger_says_what_was_run_when_and_how_to_run_it_again() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/ledger.jsonl");
    let ledger = std::fs::read_to_string(path).unwrap();
    for line in ledger.lines() {
        let entry: Map<String, Value> = serde_json::from_str(line).expect(line);
        let names: BTreeSet<&str> = entry.keys().map(String::as_str).collect();
        let counts: Vec<_> = COUNTS.iter().filter(|name| names.contains(*name)).collect();
        let [count] = counts[..] else { panic!("one of {COUNTS:?} is expected: {line}") };
        assert_eq!(names, FIELDS.iter().chain([count]).copied().collect(), "{line}");
        let text = |name: &str| entry[name].as_str().expect(line);
        let date: Vec<u16> = text("date").split('-').map(|part| part.parse().expect(line)).collect();
        assert!(matches!(date[..], [year, 1..=12, 1..=31] if year >= 2026), "{line}");
        assert!(text("commit").len() == 12 && text("commit").bytes().all(|b| b.is_ascii_hexdigit()), "{line}");
        assert!(!text("what").is_empty() && !text("command").is_empty(), "{line}");
        assert!(entry[*count].as_u64().is_some_and(|count| count > 0) && entry["failures"].is_u64(), "{line}");
        assert!(entry["hours"].as_f64().is_some_and(|hours| hours >= 0.0), "{line}");
    }
}
