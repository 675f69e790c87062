//! What clients and scanners get from the real socket.

use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant, SystemTime};

use pirushka_link::{Answer, Class, ClientLink, ClientLinkConfig, ClientLinkEvent};
use pirushka_wire::{Frame, Now, PeerAddress, PeerId};

use crate::daemon::{Daemon, answer, pirushkad};

/// One client's link on a socket of its own.
pub(crate) struct Client {
    pub(crate) link: ClientLink,
    pub(crate) peer_id: PeerId,
    socket: UdpSocket,
    remote: SocketAddr,
    start: Instant,
    pub(crate) received: usize,
    /// Every datagram that it sent.
    pub(crate) sent: Vec<Vec<u8>>,
    /// What somebody on the path has seen: these and those that came.
    pub(crate) captured: Vec<Vec<u8>>,
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
        let link = ClientLink::new(ClientLinkConfig::default(), peer_id, seed());
        let (sent, captured) = (vec![], vec![]);
        Self { link, peer_id, socket, remote, start: Instant::now(), received: 0, sent, captured }
    }

    pub(crate) fn now(&self) -> Now {
        let wall = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        Now { mono_us: self.start.elapsed().as_micros() as u64, wall_ms: wall.as_millis() as u64 }
    }

    /// Whether the handshake succeeds within two seconds.
    pub(crate) fn connects(&mut self) -> bool {
        self.link.connect(self.now(), self.remote);
        self.until(|event| matches!(event, ClientLinkEvent::Established { .. }).then_some(())).is_some()
    }

    /// Asks and returns the answer.
    pub(crate) fn ask(&mut self, frame: &Frame<'_>) -> Answer {
        let asked = self.link.request(self.now(), frame, Class::Control);
        let answer = self.until(|event| match event {
            ClientLinkEvent::Answered { request, answer } if request == asked => Some(answer),
            _ => None,
        });
        answer.expect("an answer within two seconds")
    }

    /// Moves datagrams until an event is what is waited for, two seconds at most. Other events are forgotten.
    pub(crate) fn until<T>(&mut self, mut wanted: impl FnMut(ClientLinkEvent) -> Option<T>) -> Option<T> {
        let end = Instant::now() + Duration::from_secs(2);
        let mut buffer = [0; 2048];
        while Instant::now() < end {
            self.flush();
            while let Some(event) = self.link.poll_event() {
                if let Some(found) = wanted(event) {
                    return Some(found);
                }
            }
            self.socket.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
            if let Ok((n, from)) = self.socket.recv_from(&mut buffer) {
                self.received += 1;
                self.captured.push(buffer[..n].to_vec());
                let _ = self.link.handle_datagram(self.now(), from, &mut buffer[..n]);
            }
            if self.link.poll_timeout().is_some_and(|at| at <= self.now().mono_us) {
                self.link.handle_timeout(self.now());
            }
        }
        None
    }

    /// Moves what there is to move, waits for a millisecond at most when there is nothing.
    pub(crate) fn pump(&mut self, mut event: impl FnMut(ClientLinkEvent)) {
        let mut buffer = [0; 2048];
        self.flush();
        self.socket.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
        let mut received = self.socket.recv_from(&mut buffer);
        self.socket.set_nonblocking(true).unwrap();
        while let Ok((n, from)) = received {
            self.received += 1;
            self.captured.push(buffer[..n].to_vec());
            let _ = self.link.handle_datagram(self.now(), from, &mut buffer[..n]);
            received = self.socket.recv_from(&mut buffer);
        }
        self.socket.set_nonblocking(false).unwrap();
        if self.link.poll_timeout().is_some_and(|at| at <= self.now().mono_us) {
            self.link.handle_timeout(self.now());
        }
        while let Some(one) = self.link.poll_event() {
            event(one);
        }
        self.flush();
    }

    pub(crate) fn flush(&mut self) {
        let mut out = Vec::new();
        loop {
            out.clear();
            let Some(to) = self.link.poll_transmit(self.now(), &mut out) else { return };
            self.socket.send_to(&out, to).unwrap();
            self.sent.push(out.clone());
            self.captured.push(out.clone());
        }
    }

    /// Sends bytes as they are, from where the client is.
    pub(crate) fn sends(&self, datagram: &[u8]) {
        self.socket.send_to(datagram, self.remote).unwrap();
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

fn seed() -> [u8; 32] {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).unwrap();
    seed
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
