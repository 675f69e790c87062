//! What clients and scanners get from the real socket.

use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant, SystemTime};

use pirushka_link::{ClientLink, ClientLinkConfig, ClientLinkEvent};
use pirushka_wire::{Now, PeerAddress, PeerId};

use crate::daemon::{Daemon, answer, pirushkad};

/// One client's link on a socket of its own.
pub(crate) struct Client {
    link: ClientLink,
    socket: UdpSocket,
    remote: SocketAddr,
    start: Instant,
    pub(crate) received: usize,
}

impl Client {
    /// Of the peer with this address.
    pub(crate) fn of(address: &str) -> Self {
        let address: PeerAddress = address.parse().unwrap();
        let remote = format!("{}:{}", address.host, address.port).parse().unwrap();
        Self::new(remote, address.peer_id)
    }

    pub(crate) fn new(remote: SocketAddr, peer_id: PeerId) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let link = ClientLink::new(ClientLinkConfig::default(), peer_id, [7; 32]);
        Self { link, socket, remote, start: Instant::now(), received: 0 }
    }

    fn now(&self) -> Now {
        let wall = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        Now { mono_us: self.start.elapsed().as_micros() as u64, wall_ms: wall.as_millis() as u64 }
    }

    /// Whether the handshake succeeds within two seconds.
    pub(crate) fn connects(&mut self) -> bool {
        self.link.connect(self.now(), self.remote);
        let end = Instant::now() + Duration::from_secs(2);
        let mut buffer = [0; 2048];
        let mut out = Vec::new();
        while Instant::now() < end {
            loop {
                out.clear();
                let Some(to) = self.link.poll_transmit(self.now(), &mut out) else { break };
                self.socket.send_to(&out, to).unwrap();
            }
            while let Some(event) = self.link.poll_event() {
                if let ClientLinkEvent::Established { .. } = event {
                    return true;
                }
            }
            self.socket.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
            if let Ok((n, from)) = self.socket.recv_from(&mut buffer) {
                self.received += 1;
                let _ = self.link.handle_datagram(self.now(), from, &mut buffer[..n]);
            }
            if self.link.poll_timeout().is_some_and(|at| at <= self.now().mono_us) {
                self.link.handle_timeout(self.now());
            }
        }
        false
    }

    /// Datagrams of every size, none of them a packet.
    pub(crate) fn send_junk(&self) {
        for n in 0..1400_usize {
            let junk: Vec<u8> = (0..n).map(|i| (i * 31 + n * 7) as u8).collect();
            self.socket.send_to(&junk, self.remote).unwrap();
        }
    }

    /// How many datagrams come back within `patience`.
    fn answers(&self, patience: Duration) -> usize {
        self.socket.set_read_timeout(Some(patience)).unwrap();
        std::iter::from_fn(|| self.socket.recv_from(&mut [0; 2048]).ok()).count()
    }
}

#[test]
fn a_client_with_the_address_gets_a_session() {
    let dir = tempfile::tempdir().unwrap();
    let daemon = Daemon::start(dir.path(), &[]);
    let mut client = Client::of(daemon.text("address"));
    assert!(client.connects());
    let status = answer(pirushkad(dir.path()).args(["status", "--json"])).stdout;
    let status: serde_json::Value = serde_json::from_str(&status).unwrap();
    assert_eq!(status["network"]["handshakes"], 1, "{status}");
}

#[test]
fn t40_whoever_has_another_peer_id_gets_silence() {
    let dir = tempfile::tempdir().unwrap();
    let daemon = Daemon::start(dir.path(), &[]);
    let mut stranger = Client::new(daemon.text("local").parse().unwrap(), PeerId([9; 32]));
    assert!(!stranger.connects());
    assert_eq!(stranger.received, 0);
}

#[test]
fn junk_of_every_size_gets_silence_is_counted_and_clients_are_served_on() {
    let dir = tempfile::tempdir().unwrap();
    let daemon = Daemon::start(dir.path(), &[]);
    let scanner = Client::new(daemon.text("local").parse().unwrap(), PeerId([9; 32]));
    scanner.send_junk();
    assert_eq!(scanner.answers(Duration::from_millis(300)), 0);
    assert!(Client::of(daemon.text("address")).connects());
    let status = answer(pirushkad(dir.path()).args(["status", "--json"])).stdout;
    let status: serde_json::Value = serde_json::from_str(&status).unwrap();
    let drops: u64 = status["drops"].as_object().unwrap().values().filter_map(|count| count.as_u64()).sum();
    assert!(drops >= 1_300, "{status}");
}
