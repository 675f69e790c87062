//! The port for monitoring, if it is on.

use std::net::SocketAddr;

use crate::doctor::Finding;

const CHECK: &str = "monitoring";

/// The port.
#[derive(Debug, Clone)]
pub(crate) struct Monitoring {
    /// admin.listen
    pub(crate) listen: Option<SocketAddr>,
    /// What connecting said, while a peer runs; else what listening said.
    pub(crate) attempt: Result<(), String>,
    pub(crate) is_running: bool,
}

pub(super) fn judge(facts: &Monitoring) -> Finding {
    let Some(listen) = facts.listen else {
        return Finding::not_applicable(CHECK, "off; admin.listen = \"127.0.0.1:7118\" turns /metrics on");
    };
    match &facts.attempt {
        Ok(()) if !facts.is_running => Finding::fine(CHECK, format!("{listen} is free")),
        Ok(()) if listen.ip().is_loopback() => Finding::fine(CHECK, format!("http://{listen}/metrics answers")),
        Ok(()) => {
            let what = format!("http://{listen}/metrics answers everybody who reaches {}", listen.ip());
            Finding::warning(
                CHECK,
                what,
                "totals tell when and how much the peer's users write",
                "let a firewall keep others away",
            )
        }
        Err(cause) if facts.is_running => {
            let what = format!("the running peer does not answer on {listen}");
            Finding::problem(CHECK, what, cause, "restart it: the setting takes effect at the start")
        }
        Err(cause) => {
            let what = format!("cannot listen on {listen}");
            Finding::problem(
                CHECK,
                what,
                format!("{cause}; the peer does not start"),
                "name another port in admin.listen",
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict::{Fine, NotApplicable, Problem, Warning};

    #[test]
    fn a_port_for_monitoring_that_is_taken_silent_or_open_to_all_is_told() {
        let on = Monitoring { listen: "127.0.0.1:7118".parse().ok(), attempt: Ok(()), is_running: true };
        assert_eq!(judge(&on).verdict, Fine);
        assert_eq!(judge(&Monitoring { listen: None, ..on.clone() }).verdict, NotApplicable);
        assert_eq!(judge(&Monitoring { listen: "0.0.0.0:7118".parse().ok(), ..on.clone() }).verdict, Warning);
        assert_eq!(judge(&Monitoring { is_running: false, ..on.clone() }).verdict, Fine);
        let silent = Monitoring { attempt: Err("refused".into()), ..on };
        assert_eq!(judge(&silent).verdict, Problem);
        assert!(judge(&Monitoring { is_running: false, ..silent }).why.contains("does not start"));
    }
}
