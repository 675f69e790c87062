//! `pirushkad doctor`: what keeps this peer from serving well, and what to do about it.

use crate::config::Loaded;
use crate::doctor::{self, Finding, Verdict};
use crate::failure::Failure;
use crate::output;

/// Prints every finding. With a problem among them it is a failure, so that scripts see it.
pub(crate) fn doctor(loaded: Result<Loaded, Failure>, json: bool) -> Result<(), Failure> {
    let findings = doctor::findings(&doctor::probe(loaded)?);
    for finding in &findings {
        if json {
            output::data(finding.to_json());
        } else {
            output::styled(finding);
        }
    }
    let of = |verdict: Verdict| findings.iter().filter(move |finding| finding.verdict == verdict);
    let (fine, warnings) = (of(Verdict::Fine).count(), of(Verdict::Warning).count());
    let problems: Vec<&str> = of(Verdict::Problem).map(|Finding { check, .. }| *check).collect();
    if problems.is_empty() {
        if json {
            output::data(serde_json::json!({
                "v": 1, "event": "doctor", "ok": fine, "warnings": warnings, "problems": 0,
            }));
        } else {
            output::data(format_args!("\nproblems: 0, warnings: {warnings}, fine: {fine}"));
        }
        return Ok(());
    }
    Err(Failure::configuration(
        "doctor.problems",
        match problems.len() {
            1 => "there is a problem".into(),
            n => format!("there are {n} problems"),
        },
        problems.join(", "),
        "do what stands beside each of them, then ask again",
    ))
}
