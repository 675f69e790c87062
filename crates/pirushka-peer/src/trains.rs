//! Datagrams on their way to the system, put together so that few calls send many: equal ones to one remote as a train,
//! those to different remotes side by side.

use std::io;
use std::net::SocketAddr;

use pirushka_udp::UdpSocket;

/// The most bytes of one train: what fits an IPv4 datagram before the kernel cuts it.
const TRAIN_MAX: usize = 65_507;
/// So many bytes wait at most, and one train more.
const BYTES_MAX: usize = 64 << 10;

/// Datagrams that wait, in the order in which they came.
#[derive(Debug)]
pub(crate) struct Trains {
    bytes: Vec<u8>,
    trains: Vec<Train>,
    /// What is before this has been sent.
    first: usize,
    datagrams_max: usize,
}

/// Datagrams to one remote, of one size but for the last.
#[derive(Debug, Clone, Copy)]
struct Train {
    to: SocketAddr,
    start: usize,
    end: usize,
    segment: usize,
    is_closed: bool,
}

/// What sending came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Sent {
    /// System calls that took something.
    pub(crate) calls: u64,
    /// Remotes to which nothing can be sent now: no route, a firewall. It is their affair; they repeat what they miss.
    pub(crate) failures: u64,
    /// The system takes no more, and the rest waits here.
    pub(crate) is_full: bool,
}

impl Trains {
    /// None that wait. A train takes at most `datagrams_max` datagrams.
    pub(crate) fn new(datagrams_max: usize) -> Self {
        Self { bytes: Vec::new(), trains: Vec::new(), first: 0, datagrams_max }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.trains.is_empty()
    }

    /// Whether more may wait.
    pub(crate) fn has_room(&self) -> bool {
        self.bytes.len() < BYTES_MAX && self.trains.len() < UdpSocket::EACH_MAX
    }

    /// Takes a datagram, or several of `segment` bytes each.
    pub(crate) fn push(&mut self, to: SocketAddr, datagrams: &[u8], segment: Option<usize>) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(datagrams);
        let end = self.bytes.len();
        let datagrams_max = self.datagrams_max;
        if let (Some(last), None) = (self.trains.last_mut(), segment)
            && last.takes(to, datagrams.len(), datagrams_max)
        {
            last.end = end;
            last.is_closed = datagrams.len() < last.segment;
            return;
        }
        let is_closed = segment.is_some();
        let segment = segment.unwrap_or(datagrams.len()).max(1);
        self.trains.push(Train { to, start, end, segment, is_closed });
    }

    /// Hands them to the system until it takes no more.
    pub(crate) fn send(&mut self, socket: &UdpSocket) -> Sent {
        let mut sent = Sent::default();
        while let Some(train) = self.trains.get(self.first).copied().filter(|_| !sent.is_full) {
            let result = if train.is_single() { self.send_singles(socket) } else { self.send_train(socket, train) };
            match result {
                Ok(true) => sent.calls += 1,
                Ok(false) => sent.is_full = true,
                Err(error) => {
                    tracing::debug!(%error, "sending failed");
                    sent.failures += 1;
                    self.first += 1;
                }
            }
        }
        if self.first == self.trains.len() {
            self.bytes.clear();
            self.trains.clear();
            self.first = 0;
        }
        sent
    }

    /// `false`: the system is full.
    fn send_train(&mut self, socket: &UdpSocket, train: Train) -> io::Result<bool> {
        let taken = socket.send(train.to, &self.bytes[train.start..train.end], Some(train.segment))?;
        if train.start + taken < train.end {
            self.trains[self.first].start += taken;
            return Ok(false);
        }
        self.first += 1;
        Ok(true)
    }

    /// All single datagrams up to the next train. `false`: the system is full.
    fn send_singles(&mut self, socket: &UdpSocket) -> io::Result<bool> {
        let nothing: (SocketAddr, &[u8]) = (self.trains[self.first].to, &[]);
        let mut singles = [nothing; UdpSocket::EACH_MAX];
        let mut count = 0;
        for (place, train) in singles.iter_mut().zip(self.trains[self.first..].iter().take_while(|t| t.is_single())) {
            *place = (train.to, &self.bytes[train.start..train.end]);
            count += 1;
        }
        let taken = socket.send_each(&singles[..count])?;
        self.first += taken;
        Ok(taken > 0)
    }
}

impl Train {
    fn is_single(&self) -> bool {
        self.end - self.start <= self.segment
    }

    /// Whether a datagram of so many bytes belongs to it.
    fn takes(&self, to: SocketAddr, length: usize, datagrams_max: usize) -> bool {
        let length_now = self.end - self.start;
        !self.is_closed
            && self.to == to
            && length <= self.segment
            && length_now + length <= TRAIN_MAX
            && length_now < self.segment * datagrams_max
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use pirushka_udp::{Batch, Interest, Options, Waker, wait};

    use super::*;

    fn addr(port: u16) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], port))
    }

    fn lengths(trains: &Trains) -> Vec<(u16, usize, usize)> {
        trains.trains.iter().map(|train| (train.to.port(), train.end - train.start, train.segment)).collect()
    }

    #[test]
    fn equal_datagrams_to_one_remote_join_and_a_shorter_one_ends_the_train() {
        let mut trains = Trains::new(8);
        for (port, length) in [(1, 400), (1, 400), (1, 130), (1, 130), (2, 400), (1, 400), (1, 401)] {
            trains.push(addr(port), &vec![7; length], None);
        }
        let expected = [(1, 930, 400), (1, 130, 130), (2, 400, 400), (1, 400, 400), (1, 401, 401)];
        assert_eq!(lengths(&trains), expected);
    }

    #[test]
    fn a_train_is_as_long_as_the_system_takes() {
        let mut trains = Trains::new(3);
        (0..4).for_each(|_| trains.push(addr(1), &[0; 100], None));
        assert_eq!(lengths(&trains), [(1, 300, 100), (1, 100, 100)]);
        let mut singles = Trains::new(1);
        (0..2).for_each(|_| singles.push(addr(1), &[0; 100], None));
        assert_eq!(lengths(&singles), [(1, 100, 100); 2]);
    }

    #[test]
    fn what_comes_as_a_train_stays_one() {
        let mut trains = Trains::new(64);
        trains.push(addr(1), &[0; 1000], None);
        trains.push(addr(1), &[0; 2500], Some(1000));
        trains.push(addr(1), &[0; 1000], None);
        assert_eq!(lengths(&trains), [(1, 1000, 1000), (1, 2500, 1000), (1, 1000, 1000)]);
    }

    #[test]
    fn so_much_waits_and_no_more() {
        let mut trains = Trains::new(1);
        let mut count = 0;
        while trains.has_room() {
            trains.push(addr(1), &[0; 1199], None);
            count += 1;
        }
        assert_eq!(count, UdpSocket::EACH_MAX);
    }

    #[test]
    fn a_remote_that_cannot_be_reached_keeps_nobody_waiting_and_all_arrive_in_order() {
        let bind = || UdpSocket::bind(addr(0), &Options::default()).unwrap();
        let (from, to) = (bind(), bind());
        let mut trains = Trains::new(from.train_max());
        let (good, bad) = (to.local_addr(), addr(0));
        for (n, to) in [(1u8, good), (2, bad), (3, good), (4, good), (5, bad), (6, good)] {
            trains.push(to, &vec![n; 200 + 7 * usize::from(n)], None);
        }
        let sent = trains.send(&from);
        assert_eq!((sent.failures, sent.is_full, trains.is_empty()), (2, false, true));
        let (_waker, sleeper) = Waker::pair().unwrap();
        let (mut batch, mut got) = (Batch::for_socket(&to), vec![]);
        while got.len() < 4 {
            wait(&to, &sleeper, Interest::default(), Some(Duration::from_secs(5))).unwrap();
            to.receive(&mut batch).unwrap();
            got.extend(batch.datagrams().map(|(_, bytes)| (bytes[0], bytes.len())));
        }
        assert_eq!(got, [1, 3, 4, 6].map(|n| (n, 200 + 7 * usize::from(n))));
    }
}
