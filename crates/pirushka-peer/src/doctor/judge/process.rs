//! Limits of the process.

use crate::doctor::Finding;

const CHECK: &str = "open files";
/// Sockets, pipes and files of a peer with monitoring, and room for askers.
const FILES_MIN: u64 = 64;

/// Limits.
#[derive(Debug, Clone)]
pub(crate) struct Process {
    /// How many files may be open: of the running peer where one may look, else of this shell; `None`: any number.
    pub(crate) files: Option<u64>,
}

pub(super) fn judge(facts: &Process) -> Finding {
    match facts.files {
        Some(files) if files < FILES_MIN => {
            let what = format!("at most {files} files may be open");
            let why = format!("a peer needs up to {FILES_MIN}, whatever the number of its users");
            Finding::problem(CHECK, what, why, "LimitNOFILE=1024 in the unit, or ulimit -n 1024 in the shell")
        }
        Some(files) => Finding::fine(CHECK, format!("{files} are allowed, a peer needs less than {FILES_MIN}")),
        None => Finding::fine(CHECK, "any number is allowed"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict::{Fine, Problem};

    #[test]
    fn too_few_open_files_are_a_problem() {
        assert_eq!(judge(&Process { files: Some(10) }).verdict, Problem);
        assert_eq!(judge(&Process { files: Some(1024) }).verdict, Fine);
        assert_eq!(judge(&Process { files: None }).verdict, Fine);
    }
}
