//! The clock: hold times, tickets and cookies are counted by it.

use crate::doctor::Finding;

const CHECK: &str = "clock";
/// 2026-01-01 and 2100-01-01: no peer of this program runs outside.
const YEARS_S: std::ops::Range<u64> = 1_767_225_600..4_102_444_800;

/// Sources that are read through a slow bus.
const SLOW: &[&str] = &["hpet", "acpi_pm", "jiffies"];

/// The clocks.
#[derive(Debug, Clone)]
pub(crate) struct Clock {
    /// Seconds since 1970.
    pub(crate) wall_s: u64,
    /// Whether something sets the clock by the network's; `None`: nobody tells.
    pub(crate) is_synchronised: Option<bool>,
    /// What the kernel reads the monotonic clock from.
    pub(crate) source: Option<String>,
}

pub(super) fn judge(facts: &Clock) -> Finding {
    if !YEARS_S.contains(&facts.wall_s) {
        let what = format!("the clock is {} seconds after 1970, which cannot be", facts.wall_s);
        let why = "tickets that contacts have from before would be refused, or never end";
        return Finding::problem(CHECK, what, why, "set it (timedatectl set-ntp true, or date -s)");
    }
    if let Some(source) = facts.source.as_ref().filter(|source| SLOW.contains(&source.as_str())) {
        let what = format!("the kernel reads the monotonic clock from {source}");
        let why = "that takes about a microsecond, and the peer looks at the clock for every batch of datagrams";
        return Finding::warning(
            CHECK,
            what,
            why,
            "a kernel or virtual machine with tsc or kvm-clock as its clock source",
        );
    }
    match facts.is_synchronised {
        Some(true) => Finding::fine(CHECK, "set by the network's time"),
        Some(false) => {
            let why = "tickets and the times that people see drift with it";
            Finding::warning(CHECK, "nothing sets the clock by the network's time", why, "timedatectl set-ntp true")
        }
        None => {
            Finding::not_applicable(CHECK, "plausible; whether something sets it by the network's time cannot be told")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict::{Fine, NotApplicable, Problem, Warning};

    fn good() -> Clock {
        Clock { wall_s: 1_800_000_000, is_synchronised: Some(true), source: Some("tsc".into()) }
    }

    #[test]
    fn a_clock_that_is_wrong_or_alone_is_told() {
        assert_eq!(judge(&good()).verdict, Fine);
        assert_eq!(judge(&Clock { wall_s: 0, ..good() }).verdict, Problem);
        assert_eq!(judge(&Clock { wall_s: 9_000_000_000, ..good() }).verdict, Problem);
        assert_eq!(judge(&Clock { source: Some("hpet".into()), ..good() }).verdict, Warning);
        assert_eq!(judge(&Clock { source: None, ..good() }).verdict, Fine);
        assert_eq!(judge(&Clock { is_synchronised: Some(false), ..good() }).verdict, Warning);
        assert_eq!(judge(&Clock { is_synchronised: None, ..good() }).verdict, NotApplicable);
    }
}
