//! Whether a peer runs, and whether it is the one that this program would be.

use crate::doctor::Finding;

const CHECK: &str = "running";

/// A running peer.
#[derive(Debug, Clone)]
pub(crate) struct Running {
    pub(crate) version: String,
    pub(crate) pid: u32,
    pub(crate) is_draining: bool,
    pub(crate) warnings: Vec<String>,
}

pub(super) fn judge(facts: Option<&Running>) -> Finding {
    let Some(Running { version, pid, is_draining, warnings }) = facts else {
        return Finding::not_applicable(
            CHECK,
            "no peer runs with this data folder; what only a running one shows is left out",
        );
    };
    let what = format!("a peer runs as process {pid}, version {version}");
    if *is_draining {
        return Finding::warning(
            CHECK,
            what,
            "it is stopping and takes no messages",
            "wait for it to end, then start it",
        );
    }
    let ours = env!("CARGO_PKG_VERSION");
    if version != ours {
        let why = format!("this program is version {ours}: the running one was started before an update");
        return Finding::warning(CHECK, what, why, "restart it: systemctl restart pirushkad");
    }
    if !warnings.is_empty() {
        return Finding::warning(
            CHECK,
            what,
            format!("at its start it said:\n{}", warnings.join("\n")),
            "see the checks below",
        );
    }
    Finding::fine(CHECK, what)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict;

    fn running() -> Running {
        Running { version: env!("CARGO_PKG_VERSION").into(), pid: 7, is_draining: false, warnings: Vec::new() }
    }

    #[test]
    fn a_peer_that_is_stopping_outdated_or_warned_is_told_from_a_good_one() {
        assert_eq!(judge(None).verdict, Verdict::NotApplicable);
        assert_eq!(judge(Some(&running())).verdict, Verdict::Fine);
        let stopping = Running { is_draining: true, ..running() };
        assert!(judge(Some(&stopping)).why.contains("stopping"));
        let old = Running { version: "0.0.1".into(), ..running() };
        assert!(judge(Some(&old)).why.contains("before an update"));
        let warned = Running { warnings: vec!["memory is not locked".into()], ..running() };
        assert!(judge(Some(&warned)).why.contains("memory is not locked"));
    }
}
