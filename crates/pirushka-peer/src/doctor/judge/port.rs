//! The port: whether it can be had, who has it, and for which families of addresses.

use std::net::SocketAddr;

use crate::doctor::Finding;
use crate::failure::Failure;

const CHECK: &str = "port";

/// The UDP port.
#[derive(Debug, Clone)]
pub(crate) struct Port {
    /// What the configuration says.
    pub(crate) listen: SocketAddr,
    /// Where the running peer listens.
    pub(crate) serves: Option<SocketAddr>,
    /// What listening says; not tried where the running peer listens.
    pub(crate) attempt: Option<Result<(), Failure>>,
    /// Who has it, if that can be seen.
    pub(crate) holder: Option<String>,
    /// Whether this machine has IPv6 addresses beside its own loopback.
    pub(crate) has_ipv6: Option<bool>,
}

pub(super) fn judge(facts: &Port) -> Finding {
    let listen = facts.listen;
    if let Some(serves) = facts.serves {
        let is_meant = listen.port() == 0 || listen.port() == serves.port();
        if is_meant {
            return Finding::fine(CHECK, format!("the running peer listens on {serves}"));
        }
        let what = format!("the running peer listens on {serves}, the configuration says {listen}");
        let why =
            "the configuration was changed after the start, or this is not the one that the peer was started with";
        return Finding::warning(CHECK, what, why, "restart it: systemctl restart pirushkad");
    }
    match &facts.attempt {
        Some(Ok(())) => Finding::fine(CHECK, format!("{listen} is free")),
        Some(Err(failure)) => {
            let why = match (&facts.holder, failure.code) {
                (Some(holder), "bind.in_use") => format!("{}: {holder}", failure.cause),
                (None, "bind.in_use") => format!("{} (root would see which)", failure.cause),
                _ => failure.cause.clone(),
            };
            let fix = match failure.code {
                "bind.denied" => format!(
                    "{}\nor allow this one: `pirushkad unit` gives the service the capability, and sysctl -w \
                     net.ipv4.ip_unprivileged_port_start={} everybody",
                    failure.remedy,
                    listen.port()
                ),
                _ => failure.remedy.clone(),
            };
            Finding::problem(CHECK, &failure.what, why, fix)
        }
        None => Finding::not_applicable(CHECK, format!("{listen} was not tried")),
    }
}

pub(super) fn families(facts: &Port) -> Finding {
    const CHECK: &str = "ipv6";
    let listen = facts.serves.unwrap_or(facts.listen);
    match (facts.has_ipv6, listen.is_ipv6()) {
        (None, _) => Finding::not_applicable(CHECK, "this system does not tell"),
        (Some(false), _) => Finding::not_applicable(CHECK, "this machine has no IPv6 address, so the peer serves IPv4"),
        (Some(true), false) if listen.ip().is_loopback() => {
            Finding::not_applicable(CHECK, format!("it listens on {listen} only, by its configuration"))
        }
        (Some(true), true) => Finding::fine(CHECK, "clients with IPv6 are served"),
        (Some(true), false) => {
            let what = format!("this machine has IPv6, and the peer listens on {listen}");
            let why = "clients whose network has IPv6 only do not reach it";
            Finding::warning(CHECK, what, why, format!("listen = \"[::]:{}\" serves both", listen.port()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict::{Fine, NotApplicable, Problem, Warning};

    fn free() -> Port {
        Port {
            listen: "[::]:7117".parse().unwrap(),
            serves: None,
            attempt: Some(Ok(())),
            holder: None,
            has_ipv6: Some(true),
        }
    }

    fn refused(code: &'static str) -> Option<Result<(), Failure>> {
        Some(Err(Failure::configuration(code, "cannot listen on [::]:7117", "the cause", "the remedy")))
    }

    #[test]
    fn a_port_that_is_free_or_the_peers_own_is_fine() {
        assert_eq!(judge(&free()).verdict, Fine);
        let own = Port { serves: "[::]:7117".parse().ok(), attempt: None, ..free() };
        assert_eq!(judge(&own).verdict, Fine);
        let any = Port { listen: "[::]:0".parse().unwrap(), ..own.clone() };
        assert_eq!(judge(&any).verdict, Fine);
        let moved = Port { listen: "[::]:99".parse().unwrap(), ..own };
        assert_eq!(judge(&moved).verdict, Warning);
    }

    #[test]
    fn whoever_has_the_port_is_named() {
        let taken = Port { attempt: refused("bind.in_use"), holder: Some("netcat (process 12)".into()), ..free() };
        assert_eq!((judge(&taken).verdict, judge(&taken).why.as_str()), (Problem, "the cause: netcat (process 12)"));
        let unseen = Port { holder: None, ..taken };
        assert!(judge(&unseen).why.contains("root would see which"));
    }

    #[test]
    fn a_low_port_has_two_remedies_more() {
        let denied = Port { listen: "[::]:443".parse().unwrap(), attempt: refused("bind.denied"), ..free() };
        assert!(judge(&denied).fix.contains("net.ipv4.ip_unprivileged_port_start=443"));
        assert!(judge(&denied).fix.starts_with("the remedy\n"));
        let other = Port { attempt: refused("bind.not_ours"), ..free() };
        assert_eq!((judge(&other).verdict, judge(&other).fix.as_str()), (Problem, "the remedy"));
    }

    #[test]
    fn a_machine_with_ipv6_whose_peer_has_none_is_warned_of() {
        assert_eq!(families(&free()).verdict, Fine);
        let v4 = Port { listen: "0.0.0.0:7117".parse().unwrap(), ..free() };
        assert_eq!(
            (families(&v4).verdict, families(&v4).fix.as_str()),
            (Warning, "listen = \"[::]:7117\" serves both")
        );
        let loopback = Port { listen: "127.0.0.1:7117".parse().unwrap(), ..free() };
        assert_eq!(families(&loopback).verdict, NotApplicable);
        assert_eq!(families(&Port { has_ipv6: Some(false), ..v4.clone() }).verdict, NotApplicable);
        assert_eq!(families(&Port { has_ipv6: None, ..v4 }).verdict, NotApplicable);
    }
}
