//! The address that people are given.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use pirushka_wire::{Host, PeerAddress, PeerId};

use crate::config::Config;

/// A peer's address and how it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advertisement {
    /// What people are given.
    pub address: PeerAddress,
    /// What the operator should know about it.
    pub note: Option<String>,
}

/// The address of a peer that listens on `local`: the configured host, else the address it listens on, else that of the
/// interface towards the internet.
pub(crate) fn advertise(config: &Config, local: SocketAddr, peer_id: PeerId) -> Advertisement {
    if let Some(advertised) = &config.host {
        let port = advertised.port.unwrap_or(local.port());
        let address = PeerAddress { host: advertised.host.clone(), port, peer_id };
        return Advertisement { note: trouble(&address.host), address };
    }
    let (ip, note) = if local.ip().is_unspecified() { of_interface() } else { (local.ip(), about(local.ip())) };
    Advertisement { address: PeerAddress { host: host_of(ip), port: local.port(), peer_id }, note }
}

/// Whom a host that is named does not lead here.
pub(crate) fn trouble(host: &Host) -> Option<String> {
    let name = host.as_str();
    let ip = name.trim_matches(['[', ']']).parse::<IpAddr>().ok().map(|ip| ip.to_canonical());
    let is_localhost =
        name.trim_end_matches('.').rsplit('.').next().is_some_and(|last| last.eq_ignore_ascii_case("localhost"));
    let what = match ip {
        Some(ip) if ip.is_unspecified() => "which is no machine's address, so it leads nowhere",
        Some(ip) if ip.is_multicast() || ip == IpAddr::V4(Ipv4Addr::BROADCAST) => {
            "which is no single machine's address, so it leads nowhere"
        }
        Some(ip) if ip.is_loopback() => "so it works on this machine only",
        None if is_localhost => "so it works on this machine only",
        Some(ip) if is_private(ip) => "which only its own network reaches",
        Some(_) | None => return None,
    };
    Some(format!("the address names {name}, {what}. Name what all clients reach: pirushkad --host NAME"))
}

fn of_interface() -> (IpAddr, Option<String>) {
    match pirushka_udp::outward_ip() {
        Some(ip) => {
            let what = if is_private(ip) { ", which only its own network reaches" } else { "" };
            let note = format!(
                "no host is configured, so the address names the interface towards the internet{what}. If clients \
                 reach this peer under another name: pirushkad --host NAME"
            );
            (ip, Some(note))
        }
        None => {
            let ip = Ipv4Addr::LOCALHOST.into();
            let note = "no host is configured and this machine has no route to the internet, so the address works on \
                        this machine only. Name the host that clients use: pirushkad --host NAME";
            (ip, Some(note.into()))
        }
    }
}

fn about(ip: IpAddr) -> Option<String> {
    if ip.is_loopback() {
        return Some("it listens on loopback, so the address works on this machine only".into());
    }
    is_private(ip).then(|| {
        "it listens on an address that only its own network reaches. If clients reach it under another name: pirushkad \
         --host NAME"
            .into()
    })
}

/// Whether only its own network reaches an address.
pub(crate) fn is_private(ip: IpAddr) -> bool {
    match ip {
        // RFC 1918, link-local, and the carriers' own range (RFC 6598).
        IpAddr::V4(v4) => {
            v4.is_private() || v4.is_link_local() || (v4.octets()[0] == 100 && v4.octets()[1] & 0xc0 == 64)
        }
        IpAddr::V6(v6) => v6.is_unique_local() || v6.is_unicast_link_local(),
    }
}

fn host_of(ip: IpAddr) -> Host {
    // Every IP address is a host; the fallback is never taken.
    ip.to_string().parse().unwrap_or_else(|_| unreachable!("an IP address is a host"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(host: Option<&str>, local: &str) -> Advertisement {
        let config = Config { host: host.map(|host| host.parse().unwrap()), ..Config::default() };
        advertise(&config, local.parse().unwrap(), PeerId([7; 32]))
    }

    #[test]
    fn a_configured_host_is_named_with_the_port_listened_on_unless_it_has_its_own() {
        let key = PeerId([7; 32]).to_base32();
        assert_eq!(address(Some("peer.example"), "[::]:7117").address.to_string(), format!("peer.example?k={key}"));
        assert_eq!(address(Some("peer.example"), "[::]:99").address.to_string(), format!("peer.example:99?k={key}"));
        assert_eq!(address(Some("peer.example:443"), "[::]:99").address.port, 443);
        assert_eq!(address(Some("2001:db8::1"), "[::]:99").address.to_string(), format!("[2001:db8::1]:99?k={key}"));
        assert_eq!(address(Some("peer.example"), "[::]:7117").note, None);
    }

    #[test]
    fn a_host_that_clients_elsewhere_do_not_reach_is_said_to_be_one() {
        let note = |host: &str| address(Some(host), "[::]:7117").note;
        for (part, hosts) in [
            ("leads nowhere", ["0.0.0.0", "::", "224.0.0.1", "255.255.255.255"].as_slice()),
            (
                "on this machine only",
                &["127.0.0.1", "127.1.2.3", "::1", "::ffff:127.0.0.1", "localhost", "a.LOCALHOST"],
            ),
            (
                "only its own network",
                &["10.1.2.3", "192.168.0.1:443", "169.254.1.1", "100.64.0.1", "fd00::1", "fe80::1"],
            ),
        ] {
            for host in hosts {
                let note = note(host).unwrap_or_else(|| panic!("{host} is fine?"));
                assert!(note.contains(part) && note.contains("pirushkad --host NAME"), "{host}: {note}");
            }
        }
        for host in ["192.0.2.7", "2001:db8::1", "peer.example", "localhost.example"] {
            assert_eq!(note(host), None, "{host}");
        }
    }

    #[test]
    fn without_a_host_the_address_listened_on_is_named_and_its_limits_are_said() {
        let loopback = address(None, "127.0.0.1:4000");
        assert_eq!(loopback.address.host.as_str(), "127.0.0.1");
        assert!(loopback.note.unwrap().contains("on this machine only"));
        assert_eq!(address(None, "192.0.2.7:4000").note, None);
        assert!(address(None, "10.0.0.7:4000").note.unwrap().contains("only its own network"));
        assert!(address(None, "0.0.0.0:4000").note.unwrap().contains("pirushkad --host NAME"));
    }
}
