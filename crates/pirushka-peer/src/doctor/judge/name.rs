//! The advertised host: where its name leads, and what else the DNS says of it.

use std::net::IpAddr;

use crate::doctor::Finding;

/// What the DNS says.
#[derive(Debug, Clone)]
pub(crate) struct Name {
    /// The advertised host; `None`: none is configured.
    pub(crate) host: Option<String>,
    /// The port that addresses name.
    pub(crate) port: u16,
    /// Where it leads.
    pub(crate) found: Result<Vec<IpAddr>, String>,
    /// Which of these are addresses of this machine.
    pub(crate) own: Vec<IpAddr>,
    /// This machine's address towards the rest of the world.
    pub(crate) outward: Option<IpAddr>,
    /// Whether the peer takes IPv6.
    pub(crate) takes_ipv6: bool,
    /// SRV records; `None`: the name servers could not be asked.
    pub(crate) services: Option<Vec<Service>>,
    /// Keys in TXT records; `None`: the name servers could not be asked.
    pub(crate) keys: Option<Vec<String>>,
    /// The peer's own key, if known.
    pub(crate) key: Option<String>,
}

/// One SRV record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Service {
    /// Without the dot at its end; empty: "there is no such service".
    pub(crate) target: String,
    pub(crate) port: u16,
}

impl Name {
    /// Whether there is a name to ask the DNS for.
    fn asked(&self) -> Option<&str> {
        self.host.as_deref().filter(|host| host.trim_matches(['[', ']']).parse::<IpAddr>().is_err())
    }
}

pub(super) fn addresses(facts: &Name) -> Finding {
    const CHECK: &str = "name";
    let Some(host) = &facts.host else {
        let what = "no host is configured, so addresses name an interface of this machine";
        let why = "the address that users have stops working when that changes";
        return Finding::warning(
            CHECK,
            what,
            why,
            "host = \"NAME\" in the configuration, with a name or address that stays",
        );
    };
    let found = match &facts.found {
        Ok(found) if !found.is_empty() => found,
        Ok(_) => return leads_nowhere(host, "it has no address"),
        Err(cause) => return leads_nowhere(host, cause),
    };
    let list = found.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    if found.iter().all(IpAddr::is_loopback) {
        let what = format!("{host} leads to {list}");
        let why = "that is each client's own machine: nobody else reaches this peer";
        return Finding::warning(
            CHECK,
            what,
            why,
            "give the name a public address; /etc/hosts is looked at first here",
        );
    }
    if found.iter().all(IpAddr::is_ipv6) && !facts.takes_ipv6 {
        let what = format!("{host} leads to {list}, and the peer listens on IPv4 only");
        return Finding::problem(
            CHECK,
            what,
            "no client reaches it",
            "listen = \"[::]:PORT\", or give the name an IPv4 address",
        );
    }
    if !facts.own.is_empty() {
        return Finding::fine(CHECK, format!("{host} leads to this machine ({list})"));
    }
    if facts.outward.is_some_and(is_private) {
        let what = format!("{host} leads to {list}, this machine is behind a router (NAT)");
        return Finding::fine(CHECK, format!("{what}; the router must forward UDP port {}", facts.port));
    }
    let what = format!("{host} leads to {list}, which is not this machine");
    let why = "clients go elsewhere, unless something there forwards to this machine";
    let fix = match facts.outward {
        Some(ip) => format!("let the name lead to {ip}, or make sure that UDP port {} is forwarded here", facts.port),
        None => "let the name lead to this machine".into(),
    };
    Finding::warning(CHECK, what, why, fix)
}

fn leads_nowhere(host: &str, cause: &str) -> Finding {
    let what = format!("{host} leads nowhere");
    let fix = "make an A or AAAA record for it, correct `host`, or put the IP address there";
    Finding::problem("name", what, format!("{cause}; no client reaches the peer by this name"), fix)
}

pub(super) fn services(facts: &Name) -> Finding {
    const CHECK: &str = "srv record";
    let Some(host) = facts.asked() else { return Finding::not_applicable(CHECK, "no name is configured") };
    let name = format!("_pirushka._udp.{host}");
    match facts.services.as_deref() {
        None => Finding::not_applicable(CHECK, "the name servers could not be asked"),
        Some([]) => Finding::not_applicable(CHECK, format!("{name} is not there, and need not be")),
        Some(services) => {
            let wrong = services.iter().find(|service| service.target.is_empty() || service.port != facts.port);
            let Some(Service { target, port }) = wrong else {
                return Finding::fine(CHECK, format!("{name} leads to port {}", facts.port));
            };
            if target.is_empty() {
                let why = "it says that there is no such service";
                return Finding::warning(CHECK, format!("{name} is a dot"), why, "take the record away");
            }
            let what = format!("{name} leads to {target} port {port}, the peer advertises port {}", facts.port);
            let why = "clients follow the record";
            Finding::warning(CHECK, what, why, "correct the record, or `host`, unless that place forwards here")
        }
    }
}

pub(super) fn published_key(facts: &Name) -> Finding {
    const CHECK: &str = "txt record";
    let Some(host) = facts.asked() else { return Finding::not_applicable(CHECK, "no name is configured") };
    let name = format!("_pirushka.{host}");
    match (facts.keys.as_deref(), &facts.key) {
        (None, _) => Finding::not_applicable(CHECK, "the name servers could not be asked"),
        (Some([]), _) => Finding::not_applicable(CHECK, format!("{name} is not there, and need not be")),
        (Some(_), None) => Finding::not_applicable(CHECK, format!("{name} is there; the peer's key is not known here")),
        (Some(keys), Some(key)) if keys.contains(key) => Finding::fine(CHECK, format!("{name} has this peer's key")),
        (Some(_), Some(key)) => {
            let what = format!("{name} has another key than this peer");
            let why = "whoever knows only the name takes the wrong key, and gets silence";
            Finding::problem(CHECK, what, why, format!("correct it: {name}. TXT \"k={key}\""))
        }
    }
}

fn is_private(ip: IpAddr) -> bool {
    crate::advertise::is_private(ip)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict::{Fine, NotApplicable, Problem, Warning};

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn good() -> Name {
        Name {
            host: Some("peer.example".into()),
            port: 7117,
            found: Ok(vec![ip("203.0.113.5")]),
            own: vec![ip("203.0.113.5")],
            outward: Some(ip("203.0.113.5")),
            takes_ipv6: true,
            services: Some(Vec::new()),
            keys: Some(Vec::new()),
            key: Some("abc".into()),
        }
    }

    #[test]
    fn a_name_that_leads_here_is_fine_also_behind_a_router() {
        assert_eq!(addresses(&good()).verdict, Fine);
        let behind = Name { own: Vec::new(), outward: Some(ip("192.168.1.7")), ..good() };
        assert_eq!(addresses(&behind).verdict, Fine);
        assert!(addresses(&behind).what.contains("forward UDP port 7117"));
    }

    #[test]
    fn a_name_that_leads_nowhere_or_elsewhere_is_told_apart() {
        let none = Name { found: Err("the name does not exist".into()), own: Vec::new(), ..good() };
        assert_eq!(addresses(&none).verdict, Problem);
        assert!(addresses(&none).why.contains("the name does not exist"));
        assert_eq!(addresses(&Name { found: Ok(Vec::new()), ..none }).verdict, Problem);
        let elsewhere = Name { own: Vec::new(), outward: Some(ip("203.0.113.9")), ..good() };
        assert_eq!(addresses(&elsewhere).verdict, Warning);
        assert!(addresses(&elsewhere).fix.contains("203.0.113.9"));
        let loopback = Name { found: Ok(vec![ip("127.0.1.1")]), own: vec![ip("127.0.1.1")], ..good() };
        assert!(addresses(&loopback).fix.contains("/etc/hosts"));
        let v6 = Name { found: Ok(vec![ip("2001:db8::1")]), takes_ipv6: false, ..good() };
        assert_eq!(addresses(&v6).verdict, Problem);
        assert_eq!(addresses(&Name { host: None, ..good() }).verdict, Warning);
    }

    #[test]
    fn records_are_optional_and_wrong_ones_are_named() {
        let with =
            |target: &str, port| Name { services: Some(vec![Service { target: target.into(), port }]), ..good() };
        assert_eq!(services(&good()).verdict, NotApplicable);
        assert_eq!(services(&with("host.example", 7117)).verdict, Fine);
        assert_eq!(services(&with("host.example", 99)).verdict, Warning);
        assert!(services(&with("", 7117)).what.contains("is a dot"));
        assert_eq!(services(&Name { services: None, ..good() }).verdict, NotApplicable);
        assert_eq!(services(&Name { host: Some("203.0.113.5".into()), ..good() }).verdict, NotApplicable);

        let keys = |keys: &[&str]| Name { keys: Some(keys.iter().map(|k| (*k).to_owned()).collect()), ..good() };
        assert_eq!(published_key(&good()).verdict, NotApplicable);
        assert_eq!(published_key(&keys(&["abc"])).verdict, Fine);
        assert_eq!(published_key(&keys(&["xyz"])).verdict, Problem);
        assert!(published_key(&keys(&["xyz"])).fix.contains("k=abc"));
        assert_eq!(published_key(&Name { key: None, ..keys(&["xyz"]) }).verdict, NotApplicable);
        assert_eq!(published_key(&Name { keys: None, ..good() }).verdict, NotApplicable);
    }
}
