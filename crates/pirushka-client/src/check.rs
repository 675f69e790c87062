//! `peer check`: is there a peer at this address, and if not, which of DNS, UDP, key or version is the cause.
//!
//! A peer is silent to whoever does not know its key, so a wrong key looks like a firewall. Two things tell them apart:
//! a host that refuses datagrams to other ports but swallows those to this one has something listening there; and a host
//! may publish its peer's key in the DNS.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::time::Duration;

use pirushka_client_core::link::{ClientLink, ClientLinkConfig, ClientLinkEvent};
use pirushka_wire::handshake::Welcome;
use pirushka_wire::{Address, HomeAddress, PeerAddress, PeerId};
use serde::{Deserialize, Serialize};
use tokio::net::UdpSocket;
use tokio::time::{Instant, timeout, timeout_at};

use crate::clock::Clock;
use crate::dns::Dns;
use crate::driver::seed;
use crate::engine::answer::bad_address;
use crate::error::{Code, Error, Result};

/// What was found out about a peer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerCheck {
    /// As it was asked for.
    pub peer: String,
    /// What the host name stands for.
    pub addresses: Vec<String>,
    /// The address that answered.
    pub answered: Option<String>,
    /// From the first packet to the finished handshake, microseconds.
    pub handshake_us: Option<u64>,
    /// My address as the peer sees it.
    pub observed: Option<String>,
    /// How long it holds messages, seconds.
    pub hold_s: Option<u64>,
    /// Whether only those become its users who have its invite secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub private: Option<bool>,
    /// Whether the host says that nothing listens there: packets reach it, but no peer runs.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub refused: bool,
    /// What is wrong, if anything.
    pub trouble: Option<Error>,
}

/// Looks a peer (`host[:port]?k=...`, or a person's address) up, shakes hands with it, and leaves.
///
/// # Errors
/// [`Code::BadInput`] for what is no address. What is wrong with the peer is in [`PeerCheck::trouble`]: [`Code::Dns`],
/// [`Code::NoAnswer`], [`Code::PeerKey`], [`Code::PeerVersion`].
pub async fn check_peer(address: &str, patience: Duration) -> Result<PeerCheck> {
    let peer = peer_of(address)?;
    let mut check = PeerCheck {
        peer: peer.to_string(),
        addresses: Vec::new(),
        answered: None,
        handshake_us: None,
        observed: None,
        hold_s: None,
        private: None,
        refused: false,
        trouble: None,
    };
    let dns = Dns::default();
    let addresses = match dns.addresses(peer.host.as_str(), peer.port).await {
        Ok(addresses) => addresses,
        Err(cause) => {
            let what = format!("DNS: the host name {} has no address: {cause}", peer.host);
            check.trouble =
                Some(Error::new(Code::Dns, what).with_remedy(
                    "check the spelling and your network; whoever runs the peer may have changed its name",
                ));
            return Ok(check);
        }
    };
    check.addresses = addresses.iter().map(ToString::to_string).collect();
    let share = patience / u32::try_from(addresses.len().max(1)).unwrap_or(1);
    let mut worst = None;
    for address in addresses {
        match shake_hands(address, peer.peer_id, share).await? {
            Found::Peer(welcome, took_us) => {
                check.answered = Some(address.to_string());
                check.handshake_us = Some(took_us);
                check.observed = Some(welcome.observed.to_string());
                check.hold_s = Some(welcome.terms.hold_s.into());
                check.private = Some(welcome.terms.private);
                return Ok(check);
            }
            Found::Nothing(finding) => worst = worst.max(Some((finding, address))),
        }
    }
    if let Some((finding, address)) = worst {
        check.refused = finding == Finding::Refused;
        check.trouble = Some(explain(&dns, &peer, finding, address).await);
    }
    Ok(check)
}

/// A peer's address, or the peer's part of a person's.
fn peer_of(address: &str) -> Result<PeerAddress> {
    match HomeAddress::from_str(address).map(|home| home.peer) {
        Err(pirushka_wire::AddressError::NotAPeer) => {
            let person = Address::from_str(address).map_err(bad_address)?;
            person.peer().ok_or_else(|| bad_address(pirushka_wire::AddressError::NoKey))
        }
        other => other.map_err(bad_address),
    }
}

enum Found {
    Peer(Welcome, u64),
    Nothing(Finding),
}

/// What came instead of a handshake; the later ones say more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Finding {
    /// The network refuses to carry anything there.
    Unroutable,
    /// Nothing listens at the port.
    Refused,
    /// Nothing at all.
    Silent,
    /// Datagrams, but none that belong to a handshake.
    Garbled,
}

async fn shake_hands(address: SocketAddr, peer: PeerId, patience: Duration) -> Result<Found> {
    let clock = Clock::new();
    let begun = Instant::now();
    let until = begun + patience;
    let Ok(socket) = connected(address).await else { return Ok(Found::Nothing(Finding::Unroutable)) };
    let config = ClientLinkConfig { junk: 0, ..ClientLinkConfig::default() };
    let mut link = ClientLink::new(config, peer, seed()?);
    link.connect(clock.now(), address);
    let (mut out, mut buffer) = (Vec::new(), [0; 1500]);
    let mut finding = Finding::Silent;
    loop {
        while let Some(event) = link.poll_event() {
            if let ClientLinkEvent::Established { welcome, .. } = event {
                let took_us = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
                leave(&mut link, clock, &socket).await;
                return Ok(Found::Peer(welcome, took_us));
            }
        }
        out.clear();
        while link.poll_transmit(clock.now(), &mut out).is_some() {
            // A refusal of the datagram before shows here on some systems.
            match socket.send(&out).await {
                Err(e) if e.kind() == std::io::ErrorKind::ConnectionRefused => finding = finding.max(Finding::Refused),
                Err(_) => return Ok(Found::Nothing(Finding::Unroutable)),
                Ok(_) => {}
            }
            out.clear();
        }
        let wake = link.poll_timeout().map_or(until, |at| Instant::from_std(clock.instant(at)).min(until));
        match timeout_at(wake, socket.recv(&mut buffer)).await {
            Ok(Ok(len)) => {
                if link.handle_datagram(clock.now(), address, &mut buffer[..len]).is_err() {
                    finding = Finding::Garbled;
                }
            }
            Ok(Err(_)) => return Ok(Found::Nothing(Finding::Refused)),
            Err(_) if Instant::now() >= until => return Ok(Found::Nothing(finding)),
            Err(_) => link.handle_timeout(clock.now()),
        }
    }
}

/// A connected socket hears when the host says that nothing listens.
pub(crate) async fn connected(address: SocketAddr) -> std::io::Result<UdpSocket> {
    let any: IpAddr = match address {
        SocketAddr::V4(_) => std::net::Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => std::net::Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((any, 0)).await?;
    socket.connect(address).await?;
    Ok(socket)
}

async fn leave(link: &mut ClientLink, clock: Clock, socket: &UdpSocket) {
    link.close(clock.now());
    let mut out = Vec::new();
    while link.poll_transmit(clock.now(), &mut out).is_some() {
        let _ = socket.send(&out).await;
        out.clear();
    }
}

async fn explain(dns: &Dns, peer: &PeerAddress, finding: Finding, address: SocketAddr) -> Error {
    let ask = "ask whoever runs the peer for its address (`pirushkad address`)";
    match finding {
        Finding::Unroutable => Error::new(Code::NoAnswer, format!("UDP: this machine has no way to {}", address.ip()))
            .with_remedy("check your network connection"),
        Finding::Refused => Error::new(Code::NoAnswer, format!("UDP: nothing listens at {address}"))
            .with_remedy("start the peer there, or check the port"),
        Finding::Garbled => Error::new(
            Code::PeerVersion,
            format!("version: what answers at {address} speaks another version, or is no peer"),
        )
        .with_remedy("update pirushka, or ask whoever runs the peer to update it"),
        Finding::Silent => {
            if let Ok(Ok(key)) = timeout(Duration::from_secs(2), published_key(dns, peer)).await
                && key != peer.peer_id
            {
                let what = format!("key: {} publishes another key for its peer than this address has", peer.host);
                return Error::new(Code::PeerKey, what).with_remedy(ask);
            }
            if other_ports_refuse(address).await {
                let what = format!(
                    "key: something listens at {address} and is silent: the key (k=) is not its own, or it speaks another version"
                );
                return Error::new(Code::PeerKey, what).with_remedy(ask);
            }
            let what = format!(
                "UDP: no answer from {address}: it is down, a firewall drops UDP, or the key (k=) is not this peer's"
            );
            Error::new(Code::NoAnswer, what).with_remedy("try from another network; compare the key with the peer's")
        }
    }
}

async fn published_key(dns: &Dns, peer: &PeerAddress) -> std::result::Result<PeerId, String> {
    let host = peer.host.as_str();
    if host.parse::<IpAddr>().is_ok() || host == "localhost" {
        return Err("no name".into());
    }
    dns.peer_key(host).await
}

/// Whether the host says of a port where nothing should listen that nothing does.
async fn other_ports_refuse(address: SocketAddr) -> bool {
    let port = if address.port() > 40_000 { address.port() - 20_011 } else { address.port() + 20_011 };
    let Ok(socket) = connected(SocketAddr::new(address.ip(), port)).await else { return false };
    if socket.send(&[0]).await.is_err() {
        return false;
    }
    let mut buffer = [0; 16];
    let refused = timeout(Duration::from_secs(1), socket.recv(&mut buffer)).await;
    matches!(refused, Ok(Err(e)) if e.kind() == std::io::ErrorKind::ConnectionRefused)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer_at(port: u16) -> String {
        format!("127.0.0.1:{port}?k={}", PeerId([9; 32]))
    }

    #[tokio::test]
    async fn a_port_where_nothing_listens_is_named() {
        let port = std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let check = check_peer(&peer_at(port), Duration::from_secs(2)).await.unwrap();
        let trouble = check.trouble.unwrap();
        assert_eq!(trouble.code, Code::NoAnswer);
        assert!(trouble.message.contains("nothing listens") && check.refused, "{trouble}");
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn a_port_that_listens_and_is_silent_points_to_the_key() {
        let silent = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = peer_at(silent.local_addr().unwrap().port());
        let check = check_peer(&address, Duration::from_millis(300)).await.unwrap();
        assert_eq!(check.trouble.unwrap().code, Code::PeerKey);
    }

    #[tokio::test]
    async fn what_is_no_peer_address_is_bad_input() {
        for bad in ["", "host", "host?k=x", "http://x"] {
            assert_eq!(check_peer(bad, Duration::ZERO).await.unwrap_err().code, Code::BadInput, "{bad}");
        }
    }
}
