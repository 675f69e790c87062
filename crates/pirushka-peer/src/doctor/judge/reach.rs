//! Whether the peer answers a real handshake: on this machine, and where its address leads.

use std::net::SocketAddr;

use crate::doctor::Finding;

/// Handshakes that were tried.
#[derive(Debug, Clone)]
pub(crate) struct Reach {
    /// At the place that the running peer listens on; `None`: none runs.
    pub(crate) here: Option<Knock>,
    /// At each place where the advertised host leads.
    pub(crate) advertised: Vec<Knock>,
    /// The address that users are given.
    pub(crate) address: String,
}

/// One handshake.
#[derive(Debug, Clone)]
pub(crate) struct Knock {
    pub(crate) at: SocketAddr,
    /// Whether the place is an address of this machine.
    pub(crate) is_here: bool,
    /// How long it took, in µs, or why there was no answer.
    pub(crate) answer: Result<u64, Silence>,
}

/// Why there was no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Silence {
    /// Nothing came back in time.
    Nothing,
    /// The system there says that nobody listens.
    Refused,
    /// This system cannot send there.
    Unreachable(String),
}

pub(super) fn here(facts: &Reach) -> Finding {
    const CHECK: &str = "answers here";
    let Some(Knock { at, answer, .. }) = &facts.here else {
        return Finding::not_applicable(CHECK, "no peer runs");
    };
    let (what, why) = match answer {
        Ok(us) => return Finding::fine(CHECK, format!("a handshake with {at} took {:.1} ms", *us as f64 / 1_000.0)),
        Err(Silence::Nothing) => (
            format!("{at} does not answer"),
            "something on this machine drops the datagrams, or the peer is drowning".into(),
        ),
        Err(Silence::Refused) => (format!("nobody listens on {at}"), "the peer's socket is gone".into()),
        Err(Silence::Unreachable(cause)) => (format!("{at} cannot be reached"), cause.clone()),
    };
    let fix = "look for rules on the loopback interface (nft list ruleset) and at `pirushkad status --watch`";
    Finding::problem(CHECK, what, why, fix)
}

pub(super) fn advertised(facts: &Reach) -> Finding {
    const CHECK: &str = "reachable";
    if facts.here.is_none() {
        return Finding::not_applicable(CHECK, "no peer runs");
    }
    if facts.advertised.is_empty() {
        return Finding::not_applicable(CHECK, "the advertised host leads nowhere (see: name)");
    }
    let places = |knocks: &[&Knock]| knocks.iter().map(|knock| knock.at.to_string()).collect::<Vec<_>>().join(", ");
    let (good, silent): (Vec<&Knock>, Vec<&Knock>) = facts.advertised.iter().partition(|knock| knock.answer.is_ok());
    if silent.is_empty() {
        return Finding::fine(CHECK, format!("a handshake through {} works", places(&good)));
    }
    let what = format!("no answer through {}", places(&silent));
    if silent.iter().any(|knock| knock.is_here) {
        let why = "the address is this machine's own, so it is a firewall here, or the peer listens on another address";
        let fix = format!("let UDP port {} in, and compare it with `listen`", silent[0].at.port());
        return Finding::problem(CHECK, what, why, fix);
    }
    let why = match silent.iter().find_map(|knock| match &knock.answer {
        Err(Silence::Unreachable(cause)) => Some(cause),
        _ => None,
    }) {
        Some(cause) => format!("this machine cannot send there: {cause}"),
        None => "either the way is blocked, or a router here does not lead its own network back to itself, which is \
                 common and harms nobody outside"
            .into(),
    };
    let fix = format!("ask from another network: pirushka peer check \"{}\"", facts.address);
    Finding::warning(CHECK, what, why, fix)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict::{Fine, NotApplicable, Problem, Warning};

    fn knock(at: &str, is_here: bool, answer: Result<u64, Silence>) -> Knock {
        Knock { at: at.parse().unwrap(), is_here, answer }
    }

    fn good() -> Reach {
        Reach {
            here: Some(knock("127.0.0.1:7117", true, Ok(400))),
            advertised: vec![knock("192.0.2.7:7117", true, Ok(500))],
            address: "peer.example?k=x".into(),
        }
    }

    #[test]
    fn without_a_running_peer_nothing_is_asked() {
        let none = Reach { here: None, advertised: Vec::new(), ..good() };
        assert_eq!((here(&none).verdict, advertised(&none).verdict), (NotApplicable, NotApplicable));
        let nowhere = Reach { advertised: Vec::new(), ..good() };
        assert_eq!(advertised(&nowhere).verdict, NotApplicable);
    }

    #[test]
    fn a_peer_that_does_not_answer_on_its_own_machine_is_a_problem() {
        assert_eq!((here(&good()).verdict, advertised(&good()).verdict), (Fine, Fine));
        for silence in [Silence::Nothing, Silence::Refused, Silence::Unreachable("no route".into())] {
            let silent = Reach { here: Some(knock("127.0.0.1:7117", true, Err(silence))), ..good() };
            assert_eq!(here(&silent).verdict, Problem);
        }
    }

    #[test]
    fn silence_at_an_address_of_this_machine_is_a_problem_and_behind_a_router_a_hint() {
        let own = Reach { advertised: vec![knock("192.0.2.7:7117", true, Err(Silence::Nothing))], ..good() };
        assert_eq!(advertised(&own).verdict, Problem);
        assert!(advertised(&own).fix.contains("UDP port 7117"));
        let routers = Reach { advertised: vec![knock("203.0.113.5:7117", false, Err(Silence::Nothing))], ..good() };
        assert_eq!(advertised(&routers).verdict, Warning);
        assert!(advertised(&routers).fix.contains("pirushka peer check \"peer.example?k=x\""));
        let no_route = Silence::Unreachable("Network is unreachable".into());
        let half = Reach { advertised: vec![knock("[2001:db8::1]:7117", false, Err(no_route))], ..good() };
        assert!(advertised(&half).why.contains("Network is unreachable"));
    }
}
