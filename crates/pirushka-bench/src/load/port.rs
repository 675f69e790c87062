//! One socket that is many clients: each has an address of its own in 127.64.0.0/10, all have one port.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use pirushka_udp::{Batch, Options, UdpSocket};

/// A client, by its number, at most [`NETWORKS`] x 254.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Who(pub(crate) u32);

/// How many /24 networks there are; the first so many clients have one each, as a peer counts by networks.
const NETWORKS: u32 = 1 << 14;

impl Who {
    pub(crate) fn ip(self) -> Ipv4Addr {
        let [.., high, low] = (self.0 % NETWORKS).to_be_bytes();
        Ipv4Addr::new(127, 64 | high, low, (self.0 / NETWORKS + 1) as u8)
    }

    fn of(ip: IpAddr) -> Option<Self> {
        let IpAddr::V4(ip) = ip else { return None };
        let [first, high, low, last] = ip.octets();
        let is_ours = first == 127 && high & 0xc0 == 64 && last > 0;
        is_ours.then(|| Self(u32::from(last - 1) * NETWORKS + (u32::from(high & 0x3f) << 8 | u32::from(low))))
    }
}

/// The socket of all clients.
pub(crate) struct Port {
    socket: UdpSocket,
    batch: Batch,
    to: SocketAddr,
}

impl Port {
    pub(crate) fn open(to: SocketAddr) -> anyhow::Result<Self> {
        let options = Options { receive_buffer: 64 << 20, send_buffer: 64 << 20, share_port: false };
        let socket = UdpSocket::bind(SocketAddr::from(([0, 0, 0, 0], 0)), &options)?;
        Ok(Self { batch: Batch::for_socket(&socket), socket, to })
    }

    /// Takes in what one system call gives. `false`: nothing had come.
    pub(crate) fn receive(&mut self, mut each: impl FnMut(Who, &mut [u8])) -> anyhow::Result<bool> {
        if !self.socket.receive(&mut self.batch)? {
            return Ok(false);
        }
        for arrival in self.batch.arrivals() {
            if let Some(who) = arrival.local.and_then(Who::of) {
                each(who, arrival.bytes);
            }
        }
        Ok(true)
    }

    /// Sends a datagram, or several of `segment` bytes each. What the system does not take is lost, and counted as texts
    /// that did not come.
    pub(crate) fn send(&mut self, who: Who, bytes: &[u8], segment: Option<usize>) {
        let _ = self.socket.send_from(Some(who.ip().into()), self.to, bytes, segment);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_have_addresses_of_their_own_and_networks_while_there_are_some() {
        let all = [0, 1, 255, 256, NETWORKS - 1, NETWORKS, 5 * NETWORKS + 77, 254 * NETWORKS - 1];
        let ips: std::collections::BTreeSet<_> = all.map(|n| Who(n).ip()).into();
        assert_eq!(ips.len(), all.len());
        assert!(all.iter().all(|&n| Who::of(Who(n).ip().into()) == Some(Who(n))));
        assert_eq!(Who::of(Ipv4Addr::LOCALHOST.into()), None);
    }
}
