//! Packet filters of this machine, as far as one can tell.

use crate::doctor::Finding;

const CHECK: &str = "firewall";

/// What the packet filter says.
#[derive(Debug, Clone)]
pub(crate) struct Firewall {
    /// The rules as `nft list ruleset` or `iptables -S` print them; `None`: not to be had, mostly for want of rights.
    pub(crate) rules: Option<String>,
    pub(crate) port: u16,
}

pub(super) fn judge(facts: &Firewall) -> Finding {
    let Some(rules) = &facts.rules else {
        return Finding::not_applicable(
            CHECK,
            "the rules can be seen by root only, or there is no nft and no iptables",
        );
    };
    let port = facts.port.to_string();
    let names_port = rules.lines().any(|line| {
        let mut words = line.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        words.any(|word| word == port) && line.contains("udp")
    });
    if !drops_input(rules) {
        return Finding::fine(CHECK, "no rule set of this machine refuses what comes in by default");
    }
    if names_port {
        return Finding::fine(CHECK, format!("what comes in is refused by default, and a rule names UDP port {port}"));
    }
    let what = format!("what comes in is refused by default, and no rule names UDP port {port}");
    let why = "clients get no answer; rules by interface or by range may let them in all the same";
    let fix = format!("nft add rule inet filter input udp dport {port} accept    (or: ufw allow {port}/udp)");
    Finding::warning(CHECK, what, why, fix)
}

/// `nft`: a chain with `hook input` whose policy is drop; `iptables`: `-P INPUT DROP`.
fn drops_input(rules: &str) -> bool {
    rules.lines().map(str::trim).any(|line| {
        let is_nft = line.contains("hook input") && line.contains("policy drop");
        let is_iptables = line.starts_with("-P INPUT") && (line.ends_with("DROP") || line.ends_with("REJECT"));
        is_nft || is_iptables
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict::{Fine, NotApplicable, Warning};

    fn with(rules: &str) -> Firewall {
        Firewall { rules: Some(rules.into()), port: 7117 }
    }

    #[test]
    fn a_filter_that_lets_the_port_in_is_told_from_one_that_does_not() {
        assert_eq!(judge(&Firewall { rules: None, port: 7117 }).verdict, NotApplicable);
        assert_eq!(judge(&with("")).verdict, Fine);
        let chain = "chain input {\n type filter hook input priority filter; policy drop;\n";
        assert_eq!(judge(&with(&format!("{chain} tcp dport 22 accept\n}}"))).verdict, Warning);
        assert_eq!(judge(&with(&format!("{chain} tcp dport 7117 accept\n}}"))).verdict, Warning);
        assert_eq!(judge(&with(&format!("{chain} udp dport 17117 accept\n}}"))).verdict, Warning);
        assert_eq!(judge(&with(&format!("{chain} udp dport {{ 53, 7117 }} accept\n}}"))).verdict, Fine);
        assert_eq!(judge(&with("-P INPUT DROP\n-A INPUT -p udp --dport 7117 -j ACCEPT\n")).verdict, Fine);
        assert_eq!(judge(&with("-P INPUT DROP\n")).verdict, Warning);
        assert_eq!(judge(&with("-P INPUT ACCEPT\n-P FORWARD DROP\n")).verdict, Fine);
    }
}
