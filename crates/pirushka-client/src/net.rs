//! UDP sockets by [`SocketId`]: each opened at the first packet that leaves through it, with a port of its own, so that
//! a peer cannot tell by ports which sessions are one person's.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use pirushka_client_core::{SocketId, Transmit};
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

/// Datagrams that wait for the client; beyond it they wait in the kernel, and beyond that they are lost and sent again.
const INBOX: usize = 1024;

/// No datagram of ours is longer than 1200 bytes; one byte more shows that it was cut.
const DATAGRAM_MAX: usize = 1201;

/// A datagram that came in.
#[derive(Debug)]
pub(crate) struct Packet {
    pub(crate) socket: SocketId,
    pub(crate) remote: SocketAddr,
    pub(crate) bytes: Vec<u8>,
}

/// All sockets of one client.
pub(crate) struct Net {
    sockets: BTreeMap<(SocketId, Family), Bound>,
    inbox: mpsc::Sender<Packet>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Family {
    V4,
    V6,
}

struct Bound {
    socket: Arc<UdpSocket>,
    receiving: AbortHandle,
}

impl Drop for Bound {
    fn drop(&mut self) {
        self.receiving.abort();
    }
}

impl Net {
    /// No sockets yet, and where their datagrams will come out.
    pub(crate) fn new() -> (Self, mpsc::Receiver<Packet>) {
        let (inbox, packets) = mpsc::channel(INBOX);
        (Self { sockets: BTreeMap::new(), inbox }, packets)
    }

    /// Sends a datagram. What the network refuses is lost like any other packet: the client sends it again.
    pub(crate) async fn send(&mut self, transmit: Transmit, datagram: &[u8]) {
        let socket = match self.socket(transmit) {
            Ok(socket) => socket,
            Err(error) => {
                tracing::debug!(%error, "a socket cannot be opened");
                return;
            }
        };
        if let Err(error) = socket.send_to(datagram, transmit.to).await {
            tracing::debug!(%error, to = %transmit.to, "a datagram was not sent");
        }
    }

    fn socket(&mut self, transmit: Transmit) -> io::Result<Arc<UdpSocket>> {
        let family = if transmit.to.is_ipv4() { Family::V4 } else { Family::V6 };
        let name = (transmit.socket, family);
        if let Some(bound) = self.sockets.get(&name) {
            return Ok(bound.socket.clone());
        }
        let any = match family {
            Family::V4 => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            Family::V6 => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        };
        let socket = std::net::UdpSocket::bind((any, 0))?;
        socket.set_nonblocking(true)?;
        let socket = Arc::new(UdpSocket::from_std(socket)?);
        let task = tokio::spawn(receive(transmit.socket, socket.clone(), self.inbox.clone()));
        self.sockets.insert(name, Bound { socket: socket.clone(), receiving: task.abort_handle() });
        Ok(socket)
    }

    pub(crate) fn close(&mut self, socket: SocketId) {
        self.sockets.remove(&(socket, Family::V4));
        self.sockets.remove(&(socket, Family::V6));
    }

    pub(crate) fn close_all(&mut self) {
        self.sockets.clear();
    }
}

async fn receive(name: SocketId, socket: Arc<UdpSocket>, inbox: mpsc::Sender<Packet>) {
    let mut buffer = [0; DATAGRAM_MAX];
    loop {
        match socket.recv_from(&mut buffer).await {
            Ok((len, remote)) => {
                let packet = Packet { socket: name, remote, bytes: buffer[..len].to_vec() };
                if inbox.send(packet).await.is_err() {
                    return;
                }
            }
            // An unreachable port or a vanished network shows here on some systems; the socket goes on.
            Err(error) => {
                tracing::debug!(%error, "receiving");
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        }
    }
}

/// From which addresses this machine would speak to the world. Sends nothing: a UDP socket that is connected only asks
/// the routing table. The addresses are those of documentation (RFC 5737, RFC 3849).
pub(crate) fn source_addresses() -> [Option<IpAddr>; 2] {
    let source = |any: IpAddr, far: IpAddr| {
        let socket = std::net::UdpSocket::bind((any, 0)).ok()?;
        socket.connect((far, 9)).ok()?;
        socket.local_addr().ok().map(|address| address.ip())
    };
    let far_v6 = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
    [
        source(Ipv4Addr::UNSPECIFIED.into(), Ipv4Addr::new(192, 0, 2, 1).into()),
        source(Ipv6Addr::UNSPECIFIED.into(), far_v6.into()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_socket_has_a_port_of_its_own_and_loses_it_when_closed() {
        let (mut net, mut packets) = Net::new();
        let remote = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let to = remote.local_addr().unwrap();
        let mut sources = Vec::new();
        for socket in [SocketId(1), SocketId(2), SocketId(1)] {
            net.send(Transmit { socket, to }, b"ping").await;
            let mut buffer = [0; 16];
            let (len, source) = remote.recv_from(&mut buffer).await.unwrap();
            assert_eq!(&buffer[..len], b"ping");
            sources.push(source);
        }
        assert_ne!(sources[0], sources[1]);
        assert_eq!(sources[0], sources[2]);
        remote.send_to(b"pong", sources[1]).await.unwrap();
        let packet = packets.recv().await.unwrap();
        assert_eq!((packet.socket, packet.remote, packet.bytes.as_slice()), (SocketId(2), to, b"pong".as_slice()));
        net.close(SocketId(1));
        net.send(Transmit { socket: SocketId(1), to }, b"ping").await;
        let (_, source) = remote.recv_from(&mut [0; 16]).await.unwrap();
        assert_ne!(source, sources[0]);
    }
}
