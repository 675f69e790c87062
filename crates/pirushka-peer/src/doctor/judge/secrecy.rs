//! What keeps the peer's memory away from disks: locked memory, swap, core dumps.

use crate::doctor::Finding;

/// Memory and disks.
#[derive(Debug, Clone)]
pub(crate) struct Secrecy {
    /// Whether the configuration asks for locked memory.
    pub(crate) wants_lock: bool,
    /// Whether the running peer's memory is locked; `None`: none runs, or nobody tells.
    pub(crate) is_locked: Option<bool>,
    /// Bytes of the running peer that are in swap.
    pub(crate) swapped: Option<u64>,
    /// How much this shell lets a process lock, in bytes; `None`: all of it.
    pub(crate) lock_limit: Option<u64>,
    pub(crate) has_lock_capability: bool,
    /// `None`: this system does not tell.
    pub(crate) swaps: Option<Vec<Swap>>,
    /// What forbidding core dumps said when this program did for itself what a peer does at its start.
    pub(crate) core_refusals: Vec<String>,
    /// The running peer's limit for core dumps, where one may look.
    pub(crate) core_limit: Option<u64>,
    /// /proc/sys/kernel/core_pattern
    pub(crate) core_pattern: Option<String>,
}

/// One swap area.
#[derive(Debug, Clone)]
pub(crate) struct Swap {
    pub(crate) name: String,
}

impl Swap {
    /// Compressed memory is no disk.
    fn is_memory(&self) -> bool {
        self.name.contains("/zram")
    }
}

impl Secrecy {
    fn may_lock(&self) -> bool {
        self.lock_limit.is_none() || self.has_lock_capability
    }

    fn on_disk(&self) -> Option<Vec<&str>> {
        let swaps = self.swaps.as_ref()?;
        Some(swaps.iter().filter(|swap| !swap.is_memory()).map(|swap| swap.name.as_str()).collect())
    }
}

pub(super) fn lock(facts: &Secrecy) -> Finding {
    const CHECK: &str = "memory lock";
    let fix = "LimitMEMLOCK=infinity in the unit (`pirushkad unit` has it), or ulimit -l unlimited in the shell";
    let why = "parts of what it holds may be written to swap";
    if !facts.wants_lock {
        return Finding::not_applicable(CHECK, "process.lock_memory = false");
    }
    match facts.is_locked {
        Some(true) => Finding::fine(CHECK, "the running peer's memory is locked"),
        Some(false) => Finding::warning(CHECK, "the running peer's memory is not locked", why, fix),
        None if facts.may_lock() => Finding::fine(CHECK, "a peer started from this shell may lock its memory"),
        None => {
            let limit = facts.lock_limit.unwrap_or_default() >> 10;
            let what = format!("a peer started from this shell may lock {limit} KiB only, so it locks nothing");
            Finding::warning(CHECK, what, why, fix)
        }
    }
}

pub(super) fn swap(facts: &Secrecy) -> Finding {
    const CHECK: &str = "swap";
    let fix = "lock the memory (see: memory lock), or turn swap off: swapoff -a, and take it out of /etc/fstab";
    if let Some(bytes) = facts.swapped.filter(|bytes| *bytes > 0) {
        let what = format!("{} KiB of the running peer are in swap", bytes >> 10);
        return Finding::problem(CHECK, what, "what was held may stay on that disk after the peer has ended", fix);
    }
    let Some(on_disk) = facts.on_disk() else { return Finding::not_applicable(CHECK, "this system does not tell") };
    if on_disk.is_empty() {
        return Finding::fine(CHECK, "none on any disk");
    }
    let what = format!("on: {}", on_disk.join(", "));
    let is_safe = facts.is_locked.unwrap_or_else(|| facts.wants_lock && facts.may_lock());
    if is_safe {
        return Finding::fine(CHECK, format!("{what}; the peer's memory is kept out of it"));
    }
    Finding::warning(CHECK, what, "parts of what the peer holds may be written to it", fix)
}

pub(super) fn core_dumps(facts: &Secrecy) -> Finding {
    const CHECK: &str = "core dumps";
    let piped = facts.core_pattern.as_deref().and_then(|pattern| pattern.strip_prefix('|'));
    let handler = piped.and_then(|command| command.split_whitespace().next());
    let fix = match handler {
        Some(_) => "LimitCORE=0 in the unit and sysctl -w kernel.core_pattern=core: a handler ignores the limit",
        None => "LimitCORE=0 in the unit (`pirushkad unit` has it), or ulimit -c 0 in the shell",
    };
    let why = "a crash would write everything that the peer holds to a disk";
    if let Some(limit) = facts.core_limit.filter(|limit| *limit > 0) {
        return Finding::problem(CHECK, format!("the running peer may leave one of {limit} bytes"), why, fix);
    }
    if !facts.core_refusals.is_empty() {
        return Finding::problem(
            CHECK,
            format!("they cannot be forbidden: {}", facts.core_refusals.join(", ")),
            why,
            fix,
        );
    }
    match handler {
        Some(handler) => Finding::fine(CHECK, format!("the peer forbids them, also to {handler}")),
        None => Finding::fine(CHECK, "the peer forbids them"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict::{Fine, NotApplicable, Problem, Warning};

    fn good() -> Secrecy {
        Secrecy {
            wants_lock: true,
            is_locked: Some(true),
            swapped: Some(0),
            lock_limit: None,
            has_lock_capability: false,
            swaps: Some(Vec::new()),
            core_refusals: Vec::new(),
            core_limit: Some(0),
            core_pattern: Some("core".into()),
        }
    }

    #[test]
    fn memory_that_is_not_locked_is_a_warning() {
        assert_eq!(lock(&good()).verdict, Fine);
        assert_eq!(lock(&Secrecy { is_locked: Some(false), ..good() }).verdict, Warning);
        assert_eq!(lock(&Secrecy { wants_lock: false, is_locked: Some(false), ..good() }).verdict, NotApplicable);
        let before_start = Secrecy { is_locked: None, ..good() };
        assert_eq!(lock(&before_start).verdict, Fine);
        let limited = Secrecy { lock_limit: Some(8 << 20), ..before_start };
        assert_eq!(lock(&limited).verdict, Warning);
        assert!(lock(&limited).what.contains("8192 KiB only"));
        assert_eq!(lock(&Secrecy { has_lock_capability: true, ..limited }).verdict, Fine);
    }

    #[test]
    fn swap_matters_when_it_is_on_a_disk_and_the_memory_may_go_there() {
        let disk = |facts| Secrecy { swaps: Some(vec![Swap { name: "/dev/sda2".into() }]), ..facts };
        assert_eq!(swap(&good()).verdict, Fine);
        assert_eq!(swap(&disk(good())).verdict, Fine);
        assert_eq!(swap(&disk(Secrecy { is_locked: Some(false), ..good() })).verdict, Warning);
        let zram = Secrecy { swaps: Some(vec![Swap { name: "/dev/zram0".into() }]), is_locked: Some(false), ..good() };
        assert_eq!(swap(&zram).verdict, Fine);
        let gone = Secrecy { swapped: Some(64 << 10), is_locked: Some(false), ..good() };
        assert_eq!(
            (swap(&gone).verdict, swap(&gone).what.as_str()),
            (Problem, "64 KiB of the running peer are in swap")
        );
        assert_eq!(swap(&Secrecy { swaps: None, ..good() }).verdict, NotApplicable);
        assert_eq!(swap(&disk(Secrecy { is_locked: None, lock_limit: Some(0), ..good() })).verdict, Warning);
    }

    #[test]
    fn core_dumps_that_could_happen_are_a_problem() {
        assert_eq!(core_dumps(&good()).verdict, Fine);
        assert_eq!(core_dumps(&Secrecy { core_limit: Some(4096), ..good() }).verdict, Problem);
        let refused = Secrecy { core_refusals: vec!["EPERM".into()], core_limit: None, ..good() };
        assert_eq!(core_dumps(&refused).verdict, Problem);
        let piped = Secrecy { core_pattern: Some("|/usr/lib/systemd/systemd-coredump %P".into()), ..good() };
        assert!(core_dumps(&piped).what.contains("/usr/lib/systemd/systemd-coredump"));
        assert!(core_dumps(&Secrecy { core_limit: Some(1), ..piped }).fix.contains("kernel.core_pattern"));
    }
}
