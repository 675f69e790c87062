//! A real handshake at an address, as a client makes it.

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use pirushka_link::{ClientLink, ClientLinkConfig};
use pirushka_wire::PeerId;

use super::judge::{Knock, Silence};
use crate::clock::Clock;

/// The first packet is repeated within this, so a lost one does not count.
const PATIENCE: Duration = Duration::from_secs(3);
const DATAGRAM_MAX: usize = 2048;

/// Knocks at `at`, where `peer_id` should live.
pub(super) fn knock(at: SocketAddr, peer_id: PeerId) -> Knock {
    let started = Instant::now();
    let answer = handshake(at, peer_id).map(|()| started.elapsed().as_micros() as u64);
    Knock { at, is_here: is_here(at.ip()), answer }
}

/// Whether an address is this machine's: only those can be bound.
pub(super) fn is_here(ip: IpAddr) -> bool {
    UdpSocket::bind(SocketAddr::new(ip, 0)).is_ok()
}

fn handshake(at: SocketAddr, peer_id: PeerId) -> Result<(), Silence> {
    let unreachable = |error: std::io::Error| Silence::Unreachable(error.to_string());
    let any: IpAddr = if at.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind(SocketAddr::new(any, 0)).map_err(unreachable)?;
    socket.connect(at).map_err(unreachable)?;
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|error| Silence::Unreachable(error.to_string()))?;
    let mut link = ClientLink::new(ClientLinkConfig::default(), peer_id, seed);
    let clock = Clock::start();
    let end = Instant::now() + PATIENCE;
    let (mut out, mut datagram) = (Vec::new(), [0; DATAGRAM_MAX]);
    link.connect(clock.now(), at);
    while Instant::now() < end {
        send(&socket, &mut link, clock, &mut out)?;
        let due = link.poll_timeout().map_or(PATIENCE, |at_us| clock.until(at_us));
        let patience = due.min(end.saturating_duration_since(Instant::now())).max(Duration::from_millis(1));
        socket.set_read_timeout(Some(patience)).map_err(unreachable)?;
        match socket.recv(&mut datagram) {
            // Whatever is no answer of this peer is dropped by the link.
            Ok(n) => drop(link.handle_datagram(clock.now(), at, &mut datagram[..n])),
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => return Err(Silence::Refused),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(error) => return Err(unreachable(error)),
        }
        if link.is_established() {
            link.close(clock.now());
            return send(&socket, &mut link, clock, &mut out);
        }
        if link.poll_timeout().is_some_and(|at_us| clock.until(at_us).is_zero()) {
            link.handle_timeout(clock.now());
        }
    }
    Err(Silence::Nothing)
}

fn send(socket: &UdpSocket, link: &mut ClientLink, clock: Clock, out: &mut Vec<u8>) -> Result<(), Silence> {
    loop {
        out.clear();
        if link.poll_transmit(clock.now(), out).is_none() {
            return Ok(());
        }
        match socket.send(out) {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => return Err(Silence::Refused),
            Err(error) => return Err(Silence::Unreachable(error.to_string())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_this_machine_are_here() {
        assert!(is_here("127.0.0.1".parse().unwrap()));
        assert!(!is_here("192.0.2.1".parse().unwrap()));
    }

    #[test]
    fn a_place_where_nobody_listens_is_told_from_one_that_is_silent() {
        let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
        let at = silent.local_addr().unwrap();
        assert_eq!(knock(at, PeerId([7; 32])).answer, Err(Silence::Nothing));
        drop(silent);
        if cfg!(target_os = "linux") {
            assert_eq!(knock(at, PeerId([7; 32])).answer, Err(Silence::Refused));
        }
    }
}
