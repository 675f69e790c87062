//! Judges: facts in, a finding out. Nothing here looks at the machine.

mod buffers;
mod clock;
mod files;
mod firewall;
mod memory;
mod monitoring;
mod name;
mod port;
mod process;
mod reach;
mod running;
mod secrecy;

pub(super) use buffers::Buffers;
pub(super) use clock::Clock;
pub(super) use files::{Files, Owned};
pub(super) use firewall::Firewall;
pub(super) use memory::Memory;
pub(super) use monitoring::Monitoring;
pub(super) use name::{Name, Service};
pub(super) use port::Port;
pub(super) use process::Process;
pub(super) use reach::{Knock, Reach, Silence};
pub(super) use running::Running;
pub(super) use secrecy::{Secrecy, Swap};

use crate::doctor::Finding;
use crate::failure::Failure;

/// Everything that is judged.
#[derive(Debug)]
pub(crate) struct Facts {
    /// How many settings are given, or what is wrong with them.
    pub(super) configuration: Result<usize, Failure>,
    pub(super) running: Option<Running>,
    pub(super) files: Files,
    pub(super) port: Port,
    pub(super) reach: Reach,
    pub(super) name: Name,
    pub(super) firewall: Firewall,
    pub(super) buffers: Buffers,
    pub(super) memory: Memory,
    pub(super) secrecy: Secrecy,
    pub(super) process: Process,
    pub(super) clock: Clock,
    pub(super) monitoring: Monitoring,
}

/// All findings, what matters most first.
pub(crate) fn findings(facts: &Facts) -> Vec<Finding> {
    vec![
        configuration(&facts.configuration),
        running::judge(facts.running.as_ref()),
        files::folder(&facts.files),
        files::key(&facts.files),
        port::judge(&facts.port),
        port::families(&facts.port),
        reach::here(&facts.reach),
        name::addresses(&facts.name),
        name::services(&facts.name),
        name::published_key(&facts.name),
        reach::advertised(&facts.reach),
        firewall::judge(&facts.firewall),
        buffers::judge(&facts.buffers),
        memory::judge(&facts.memory),
        secrecy::lock(&facts.secrecy),
        secrecy::swap(&facts.secrecy),
        secrecy::core_dumps(&facts.secrecy),
        process::judge(&facts.process),
        clock::judge(&facts.clock),
        monitoring::judge(&facts.monitoring),
    ]
}

fn configuration(facts: &Result<usize, Failure>) -> Finding {
    match facts {
        Ok(given) => Finding::fine("configuration", format!("valid, {given} settings given")),
        Err(failure) => {
            let why = format!("{}\n(the checks below take the defaults)", failure.cause);
            Finding::problem("configuration", &failure.what, why, &failure.remedy)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict;

    #[test]
    fn a_configuration_that_is_not_valid_is_a_problem_with_its_own_words() {
        assert_eq!(configuration(&Ok(3)).verdict, Verdict::Fine);
        let failure =
            Failure::configuration("config.syntax", "the configuration is not valid", "p.toml:2: x", "correct it");
        let finding = configuration(&Err(failure));
        assert_eq!((finding.verdict, finding.fix.as_str()), (Verdict::Problem, "correct it"));
        assert!(finding.why.starts_with("p.toml:2: x\n"));
    }
}
