//! Memory: whether the machine has what the configuration lets the peer hold.

use crate::doctor::Finding;

const CHECK: &str = "memory";
const MIB: u64 = 1 << 20;

/// Bytes.
#[derive(Debug, Clone)]
pub(crate) struct Memory {
    /// memory.total
    pub(crate) configured: u64,
    /// Of the machine; `None`: this system does not tell.
    pub(crate) machine: Option<u64>,
    /// Not in use, or easily freed.
    pub(crate) available: Option<u64>,
    /// The limit of the control group, of the running peer if there is one.
    pub(crate) group_limit: Option<u64>,
    /// What the running peer uses already.
    pub(crate) resident: Option<u64>,
}

impl Memory {
    /// What the process may come to: its cap, and what the cap may be missed by.
    fn needed(&self) -> u64 {
        self.configured.saturating_add(self.configured / 20)
    }
}

pub(super) fn judge(facts: &Memory) -> Finding {
    let mib = |bytes: u64| bytes / MIB;
    let needed = facts.needed();
    let sized = |limit: u64| format!("memory.total = \"{} MiB\", or less", mib(limit / 4 * 3).max(1));
    if let Some(limit) = facts.group_limit.filter(|limit| *limit < needed) {
        let what =
            format!("the peer may come to {} MiB, and its control group is limited to {} MiB", mib(needed), mib(limit));
        let fix = format!("{}, or raise MemoryMax= of the service", sized(limit));
        return Finding::problem(
            CHECK,
            what,
            "the kernel ends it before it is full, and all that is held is gone",
            fix,
        );
    }
    let Some(machine) = facts.machine else { return Finding::not_applicable(CHECK, "this system does not tell") };
    if machine < needed {
        let what = format!("the peer may come to {} MiB, and the machine has {} MiB", mib(needed), mib(machine));
        let why = "the kernel ends it before it is full, and all that is held is gone";
        return Finding::problem(CHECK, what, why, sized(machine));
    }
    let room = facts.available.map(|available| available.saturating_add(facts.resident.unwrap_or_default()));
    if let Some(room) = room.filter(|room| *room < needed) {
        let what = format!("the peer may come to {} MiB, and {} MiB are free for it now", mib(needed), mib(room));
        let why = "when it fills, other programs must give way, or the kernel ends one of them";
        return Finding::warning(CHECK, what, why, sized(room));
    }
    Finding::fine(CHECK, format!("up to {} MiB for the peer, of {} MiB", mib(needed), mib(machine)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict::{Fine, NotApplicable, Problem, Warning};

    const GIB: u64 = 1 << 30;

    fn good() -> Memory {
        let (machine, available) = (Some(4 * GIB), Some(3 * GIB));
        Memory { configured: GIB, machine, available, group_limit: None, resident: None }
    }

    #[test]
    fn a_peer_that_may_hold_more_than_there_is_is_a_problem_before_it_happens() {
        assert_eq!(judge(&good()).verdict, Fine);
        assert_eq!(judge(&Memory { machine: Some(GIB), ..good() }).verdict, Problem);
        let grouped = judge(&Memory { group_limit: Some(GIB), ..good() });
        assert_eq!(grouped.verdict, Problem);
        assert!(grouped.fix.contains("MemoryMax="), "{}", grouped.fix);
        assert_eq!(judge(&Memory { group_limit: Some(2 * GIB), ..good() }).verdict, Fine);
        assert_eq!(judge(&Memory { machine: None, ..good() }).verdict, NotApplicable);
    }

    #[test]
    fn what_the_peer_has_already_counts_as_its_own() {
        let tight = Memory { available: Some(GIB / 2), ..good() };
        assert_eq!(judge(&tight).verdict, Warning);
        assert_eq!(judge(&Memory { resident: Some(GIB), ..tight }).verdict, Fine);
    }
}
