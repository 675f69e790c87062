//! Puts equal datagrams to one remote together, so that one system call sends them all.

use std::io;
use std::net::SocketAddr;

use pirushka_udp::UdpSocket;

/// The most bytes that one call takes.
const BYTES_MAX: usize = 65_507;

/// Datagrams to one remote, of one size but for the last, on their way to the system.
#[derive(Debug)]
pub(crate) struct Train {
    to: Option<SocketAddr>,
    bytes: Vec<u8>,
    segment: usize,
    sent: usize,
    is_closed: bool,
    datagrams_max: usize,
}

impl Train {
    /// An empty one that takes at most `datagrams_max` datagrams.
    pub(crate) fn new(datagrams_max: usize) -> Self {
        Self { to: None, bytes: Vec::new(), segment: 0, sent: 0, is_closed: false, datagrams_max }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.to.is_none()
    }

    /// Whether a further datagram could fit.
    pub(crate) fn is_open(&self) -> bool {
        !self.is_closed
    }

    /// Appends a datagram, or takes a whole train of `segment` bytes each. `false`: it does not belong to this train.
    pub(crate) fn push(&mut self, to: SocketAddr, datagram: &[u8], segment: Option<usize>) -> bool {
        if self.is_empty() {
            self.to = Some(to);
            self.segment = segment.unwrap_or(datagram.len()).max(1);
            self.is_closed = segment.is_some() || self.datagrams_max <= 1;
            self.bytes.extend_from_slice(datagram);
            return true;
        }
        let belongs = self.is_open() && self.to == Some(to) && segment.is_none() && datagram.len() <= self.segment;
        if !belongs || self.bytes.len() + datagram.len() > BYTES_MAX {
            return false;
        }
        self.bytes.extend_from_slice(datagram);
        self.is_closed = datagram.len() < self.segment || self.bytes.len() >= self.segment * self.datagrams_max;
        true
    }

    /// Hands it to the system. `false`: the system is full and the rest waits here. After anything else it is empty.
    pub(crate) fn send(&mut self, socket: &UdpSocket) -> io::Result<bool> {
        let Some(to) = self.to else { return Ok(true) };
        match socket.send(to, &self.bytes[self.sent..], Some(self.segment)) {
            Ok(taken) if self.sent + taken < self.bytes.len() => {
                self.sent += taken;
                self.is_closed = true;
                Ok(false)
            }
            Ok(_) => {
                self.clear();
                Ok(true)
            }
            Err(error) => {
                self.clear();
                Err(error)
            }
        }
    }

    fn clear(&mut self) {
        let Self { to, bytes, segment: _, sent, is_closed, datagrams_max: _ } = self;
        (*to, *sent, *is_closed) = (None, 0, false);
        bytes.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addr(port: u16) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], port))
    }

    #[test]
    fn equal_datagrams_to_one_remote_join_and_a_shorter_one_ends_the_train() {
        let mut train = Train::new(8);
        assert!(train.push(addr(1), &[1; 400], None));
        assert!(train.push(addr(1), &[2; 400], None));
        assert!(!train.push(addr(2), &[3; 400], None));
        assert!(!train.push(addr(1), &[3; 401], None));
        assert!(train.push(addr(1), &[3; 130], None));
        assert!(!train.is_open());
        assert!(!train.push(addr(1), &[4; 130], None));
    }

    #[test]
    fn a_train_is_as_long_as_the_system_takes() {
        let mut train = Train::new(3);
        for _ in 0..3 {
            assert!(train.is_open() && train.push(addr(1), &[0; 100], None));
        }
        assert!(!train.push(addr(1), &[0; 100], None));
        let mut single = Train::new(1);
        assert!(single.push(addr(1), &[0; 100], None));
        assert!(!single.is_open());
        let mut large = Train::new(1000);
        let pushed = (0..1000).take_while(|_| large.push(addr(1), &[0; 1200], None)).count();
        assert_eq!(pushed, BYTES_MAX / 1200);
    }

    #[test]
    fn a_train_of_the_machines_own_is_taken_whole_and_alone() {
        let mut train = Train::new(64);
        assert!(train.push(addr(1), &[0; 400], Some(200)));
        assert!(!train.push(addr(1), &[0; 200], None));
    }

    #[test]
    fn sending_empties_the_train_whether_it_works_or_not() {
        let socket = UdpSocket::bind(addr(0), &pirushka_udp::Options::default()).unwrap();
        let mut train = Train::new(8);
        train.push(socket.local_addr(), &[0; 100], None);
        assert!(train.send(&socket).unwrap() && train.is_empty() && train.is_open());
        train.push(addr(0), &[0; 100], None);
        assert!(train.send(&socket).is_err() && train.is_empty());
    }
}
