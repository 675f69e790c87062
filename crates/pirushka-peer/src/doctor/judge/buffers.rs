//! The kernel's buffers: what bursts need, and what the system grants.

use crate::doctor::Finding;

const CHECK: &str = "buffers";

/// Bytes asked for and granted.
#[derive(Debug, Clone)]
pub(crate) struct Buffers {
    pub(crate) receive_wanted: u64,
    pub(crate) send_wanted: u64,
    /// Granted to the running peer, else to a socket made for the purpose; `None`: neither.
    pub(crate) granted: Option<(u64, u64)>,
    /// net.core.rmem_max and net.core.wmem_max.
    pub(crate) most: (Option<u64>, Option<u64>),
}

pub(super) fn judge(facts: &Buffers) -> Finding {
    let Some((receive, send)) = facts.granted else {
        return Finding::not_applicable(CHECK, "no socket could be made to see");
    };
    let kib = |bytes: u64| bytes >> 10;
    let mut what = Vec::new();
    let mut fix = Vec::new();
    if receive < facts.receive_wanted {
        what.push(format!("{} KiB for receiving instead of {}", kib(receive), kib(facts.receive_wanted)));
        fix.push(remedy("net.core.rmem_max", facts.receive_wanted, facts.most.0));
    }
    if send < facts.send_wanted {
        what.push(format!("{} KiB for sending instead of {}", kib(send), kib(facts.send_wanted)));
        fix.push(remedy("net.core.wmem_max", facts.send_wanted, facts.most.1));
    }
    if what.is_empty() {
        return Finding::fine(
            CHECK,
            format!("{} KiB for receiving, {} for sending, as asked for", kib(receive), kib(send)),
        );
    }
    let why = "bursts that do not fit are lost and must be repeated by the clients";
    fix.push("for good: the same line in /etc/sysctl.d/60-pirushkad.conf; then restart the peer".into());
    Finding::warning(CHECK, format!("the system grants {}", what.join(" and ")), why, fix.join("\n"))
}

fn remedy(name: &str, wanted: u64, most: Option<u64>) -> String {
    let now = most.map_or_else(String::new, |most| format!("    (now {most})"));
    format!("sysctl -w {name}={wanted}{now}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict::{Fine, NotApplicable, Warning};

    fn granted(receive: u64, send: u64) -> Buffers {
        let most = (Some(212_992), Some(212_992));
        Buffers { receive_wanted: 4 << 20, send_wanted: 4 << 20, granted: Some((receive, send)), most }
    }

    #[test]
    fn less_than_asked_for_comes_with_the_line_that_grants_it() {
        assert_eq!(judge(&granted(4 << 20, 8 << 20)).verdict, Fine);
        let small = judge(&granted(212_992, 4 << 20));
        assert_eq!(small.verdict, Warning);
        assert!(small.fix.starts_with("sysctl -w net.core.rmem_max=4194304    (now 212992)\n"), "{}", small.fix);
        assert!(!small.fix.contains("wmem_max"));
        assert!(judge(&granted(212_992, 212_992)).fix.contains("net.core.wmem_max=4194304"));
        assert_eq!(judge(&Buffers { granted: None, ..granted(0, 0) }).verdict, NotApplicable);
    }
}
