//! One link whose datagrams the test moves by hand, so that they can be changed, held back and sent from elsewhere.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant, SystemTime};

use pirushka_link::{Class, ClientLink, ClientLinkConfig, ClientLinkEvent};
use pirushka_wire::{Frame, Now, PeerAddress, PeerId, RequestId};

use crate::daemon::Daemon;

/// Nothing comes back within this time: nothing comes back.
const SILENCE: Duration = Duration::from_millis(150);
const PATIENCE: Duration = Duration::from_secs(2);

/// Where a daemon is, and what it is called.
pub(crate) fn place(daemon: &Daemon) -> (SocketAddr, PeerId) {
    let address: PeerAddress = daemon.text("address").parse().unwrap();
    (format!("{}:{}", address.host, address.port).parse().unwrap(), address.peer_id)
}

/// A socket on some address of this computer.
pub(crate) fn socket_at(address: impl Into<Ipv4Addr>) -> UdpSocket {
    UdpSocket::bind((address.into(), 0)).unwrap()
}

/// Everything that comes to a socket until it is silent.
pub(crate) fn heard_by(socket: &UdpSocket) -> Vec<Vec<u8>> {
    let mut buffer = [0; 2048];
    socket.set_read_timeout(Some(SILENCE)).unwrap();
    std::iter::from_fn(|| socket.recv(&mut buffer).ok().map(|length| buffer[..length].to_vec())).collect()
}

/// The first that comes to a socket.
fn first_of(socket: &UdpSocket) -> Vec<u8> {
    let mut buffer = [0; 2048];
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let length = socket.recv(&mut buffer).expect("an answer within two seconds");
    buffer[..length].to_vec()
}

pub(crate) struct Caller {
    pub(crate) link: ClientLink,
    pub(crate) socket: UdpSocket,
    peer: SocketAddr,
    start: Instant,
}

impl Caller {
    /// At this address, greeting nobody yet. A HELLO of the same seed from elsewhere would be a replay.
    pub(crate) fn new(daemon: &Daemon, address: [u8; 4], seed: u8) -> Self {
        let (peer, peer_id) = place(daemon);
        let link = ClientLink::new(ClientLinkConfig { junk: 0, ..Default::default() }, peer_id, [seed; 32]);
        Self { link, socket: socket_at(address), peer, start: Instant::now() }
    }

    pub(crate) fn established(daemon: &Daemon, address: [u8; 4], seed: u8) -> Self {
        let mut caller = Self::new(daemon, address, seed);
        for _ in 0..2 {
            let hello = caller.hello();
            caller.sends(&hello);
            let answer = caller.first_answer();
            caller.takes(&answer);
        }
        assert!(caller.link.is_established());
        caller
    }

    pub(crate) fn now(&self) -> Now {
        let wall = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        Now { mono_us: self.start.elapsed().as_micros() as u64, wall_ms: wall.as_millis() as u64 }
    }

    /// The HELLO that is due now; the first call begins the handshake.
    pub(crate) fn hello(&mut self) -> Vec<u8> {
        if self.link.poll_timeout().is_none() {
            self.link.connect(self.now(), self.peer);
        }
        self.datagrams().pop().expect("a HELLO")
    }

    /// The next HELLO, when its time has come.
    pub(crate) fn next_hello(&mut self) -> Vec<u8> {
        let due_us = self.link.poll_timeout().expect("a handshake");
        std::thread::sleep(Duration::from_micros(due_us.saturating_sub(self.now().mono_us)));
        self.link.handle_timeout(self.now());
        self.hello()
    }

    /// A sealed packet with a question in it that is answered, of about this many bytes.
    pub(crate) fn question(&mut self, size: usize) -> Vec<u8> {
        // Put by somebody who is not registered: refused, which is an answer.
        let part = vec![3; size];
        let put = Frame::Put {
            request: RequestId(0),
            object: Default::default(),
            offset: 0,
            total: size as u32,
            kind: 1,
            part: &part,
        };
        self.link.request(self.now(), &put, Class::Control);
        self.datagrams().pop().expect("a sealed packet")
    }

    /// What the link has to send, unsent.
    pub(crate) fn datagrams(&mut self) -> Vec<Vec<u8>> {
        let (now, mut out) = (self.now(), vec![]);
        std::iter::from_fn(|| self.link.poll_transmit(now, &mut out).map(|_| out.clone())).collect()
    }

    pub(crate) fn sends(&self, datagram: &[u8]) {
        self.socket.send_to(datagram, self.peer).unwrap();
    }

    pub(crate) fn first_answer(&self) -> Vec<u8> {
        first_of(&self.socket)
    }

    /// Whether the link makes nothing of a datagram, although it comes from the peer's address and port.
    pub(crate) fn refuses(&mut self, datagram: &[u8]) -> bool {
        let refused = self.link.handle_datagram(self.now(), self.peer, &mut datagram.to_vec()).is_err();
        refused && self.link.poll_event().is_none()
    }

    /// Hands a datagram to the link as if it had come from the peer; what it brought about.
    pub(crate) fn takes(&mut self, datagram: &[u8]) -> Vec<ClientLinkEvent> {
        let _ = self.link.handle_datagram(self.now(), self.peer, &mut datagram.to_vec());
        std::iter::from_fn(|| self.link.poll_event()).collect()
    }
}
