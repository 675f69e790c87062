//! Why nothing comes or goes: the way from this machine to its own peers, looked at step by step.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::check::{PeerCheck, check_peer};
use crate::clock::Clock;
use crate::error::{Code, Result};
use crate::net::source_addresses;
use crate::view::{HomeStateView, HomeView};

/// No clock that is right shows less: 2026-01-01, Unix milliseconds.
const CLOCK_LEAST_MS: u64 = 1_767_225_600_000;
/// Nor more, as long as this version is of use: 2100-01-01.
const CLOCK_MOST_MS: u64 = 4_102_444_800_000;

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetView {
    /// The address that packets to the IPv4 Internet leave from.
    pub ipv4: Option<String>,
    /// The same of IPv6.
    pub ipv6: Option<String>,
    /// This machine's clock, Unix milliseconds.
    pub clock_ms: u64,
    /// My own peers, in order.
    pub homes: Vec<HomeCheck>,
    /// What it means.
    pub meaning: Meaning,
}

/// One peer of mine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HomeCheck {
    /// Name, packets, key, version, one after the other.
    #[serde(flatten)]
    pub check: PeerCheck,
    /// What the engine says: whether I am registered there.
    pub state: HomeStateView,
    /// Round-trip time of the engine's session, microseconds.
    pub rtt_us: Option<u64>,
    /// The silence that the way was found to bear, seconds.
    pub keepalive_s: u64,
    /// Whether somebody in between changes my address; nothing while the peer does not answer.
    pub nat: Option<bool>,
}

/// What the findings mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Meaning {
    /// Everything works.
    Good,
    /// No peer is chosen, so there is nothing to look at.
    NoHome,
    /// This machine has no way to the network.
    NoNetwork,
    /// The clock cannot be right; cards and invites are judged by it.
    Clock,
    /// No peer's name can be looked up.
    Dns,
    /// No peer answers: UDP is dropped on the way, or all of them are down.
    Silent,
    /// No peer answers, and a host says that nothing listens there: packets come through, but its peer does not run.
    NotRunning,
    /// A peer answers, but not as the one that was chosen: its key or version is another.
    Stranger,
    /// Some peers answer, others do not.
    Some,
    /// Peers answer, but the engine is not registered at any.
    NotRegistered,
    /// Another copy of this profile is registered, later than this one: messages arrive there.
    Superseded,
}

/// Looks at everything. `homes` is what the engine says of my peers.
///
/// # Errors
/// The machine gives no sockets or random bytes.
pub async fn check(homes: &[HomeView], patience: Duration) -> Result<NetView> {
    let [ipv4, ipv6] = source_addresses();
    let mut checked = Vec::new();
    for home in homes {
        let check = check_peer(&home.peer, patience).await?;
        let nat = check.observed.as_deref().and_then(|observed| is_changed(observed, [ipv4, ipv6]));
        let (state, rtt_us, keepalive_s) = (home.state, home.rtt_us, home.keepalive_s);
        checked.push(HomeCheck { check, state, rtt_us, keepalive_s, nat });
    }
    let clock_ms = Clock::new().now().wall_ms;
    let text = |address: Option<IpAddr>| address.map(|address| address.to_string());
    let meaning = meaning(&checked, clock_ms, ipv4.is_some() || ipv6.is_some());
    Ok(NetView { ipv4: text(ipv4), ipv6: text(ipv6), clock_ms, homes: checked, meaning })
}

/// Whether the peer sees another address than this machine sends from.
fn is_changed(observed: &str, sources: [Option<IpAddr>; 2]) -> Option<bool> {
    let observed = observed.parse::<SocketAddr>().ok()?.ip();
    if observed.is_loopback() {
        return Some(false);
    }
    let source = sources.into_iter().flatten().find(|source| source.is_ipv4() == observed.is_ipv4())?;
    Some(source != observed)
}

/// The first cause that explains what was found.
fn meaning(homes: &[HomeCheck], clock_ms: u64, is_connected: bool) -> Meaning {
    let trouble = |home: &HomeCheck| home.check.trouble.as_ref().map(|trouble| trouble.code);
    let all = |code| homes.iter().all(|home| trouble(home) == Some(code));
    let answering = homes.iter().filter(|home| trouble(home).is_none()).count();
    if !(CLOCK_LEAST_MS..CLOCK_MOST_MS).contains(&clock_ms) {
        return Meaning::Clock;
    }
    if homes.is_empty() {
        return Meaning::NoHome;
    }
    if answering == homes.len() {
        let any = |state| homes.iter().any(|home| home.state == state);
        return match (any(HomeStateView::Superseded), any(HomeStateView::Online)) {
            (true, _) => Meaning::Superseded,
            (false, true) => Meaning::Good,
            (false, false) => Meaning::NotRegistered,
        };
    }
    if answering > 0 {
        return Meaning::Some;
    }
    let strange = |home: &HomeCheck| matches!(trouble(home), Some(Code::PeerKey | Code::PeerVersion));
    if homes.iter().any(|home| home.check.refused) && !homes.iter().any(strange) {
        return Meaning::NotRunning;
    }
    if !is_connected {
        return Meaning::NoNetwork;
    }
    if all(Code::Dns) {
        return Meaning::Dns;
    }
    if homes.iter().any(strange) { Meaning::Stranger } else { Meaning::Silent }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

    const NOW_MS: u64 = 1_800_000_000_000;

    fn home(trouble: Option<Code>, state: HomeStateView) -> HomeCheck {
        let check = PeerCheck {
            peer: "p".into(),
            addresses: vec![],
            answered: None,
            handshake_us: None,
            observed: None,
            hold_s: None,
            private: None,
            refused: false,
            trouble: trouble.map(|code| Error::new(code, "x")),
        };
        HomeCheck { check, state, rtt_us: None, keepalive_s: 25, nat: None }
    }

    #[test]
    fn the_cause_is_the_first_that_explains_everything() {
        use HomeStateView::{Connecting, Online, Superseded};
        let of = |homes: &[HomeCheck]| meaning(homes, NOW_MS, true);
        assert_eq!(of(&[home(None, Online)]), Meaning::Good);
        assert_eq!(of(&[home(None, Connecting)]), Meaning::NotRegistered);
        assert_eq!(of(&[home(None, Online), home(None, Superseded)]), Meaning::Superseded);
        assert_eq!(of(&[]), Meaning::NoHome);
        assert_eq!(of(&[home(None, Online), home(Some(Code::NoAnswer), Connecting)]), Meaning::Some);
        assert_eq!(of(&[home(Some(Code::Dns), Connecting)]), Meaning::Dns);
        assert_eq!(of(&[home(Some(Code::NoAnswer), Connecting), home(Some(Code::Dns), Connecting)]), Meaning::Silent);
        assert_eq!(of(&[home(Some(Code::PeerKey), Connecting)]), Meaning::Stranger);
        assert_eq!(meaning(&[home(Some(Code::NoAnswer), Connecting)], NOW_MS, false), Meaning::NoNetwork);
        assert_eq!(meaning(&[home(None, Online)], 1000, true), Meaning::Clock);
    }

    #[test]
    fn a_host_that_says_that_nothing_listens_acquits_the_network() {
        let silent = || home(Some(Code::NoAnswer), HomeStateView::Online);
        let mut refused = silent();
        refused.check.refused = true;
        assert_eq!(meaning(&[silent(), refused.clone()], NOW_MS, true), Meaning::NotRunning);
        assert_eq!(meaning(std::slice::from_ref(&refused), NOW_MS, false), Meaning::NotRunning);
        assert_eq!(meaning(&[refused, home(None, HomeStateView::Online)], NOW_MS, true), Meaning::Some);
    }

    #[test]
    fn an_address_that_the_peer_sees_otherwise_is_a_nat() {
        let sources = [Some("10.0.0.5".parse().unwrap()), None];
        assert_eq!(is_changed("203.0.113.1:5000", sources), Some(true));
        assert_eq!(is_changed("10.0.0.5:5000", sources), Some(false));
        assert_eq!(is_changed("127.0.0.1:5000", sources), Some(false));
        assert_eq!(is_changed("[2001:db8::1]:5000", sources), None);
    }
}
