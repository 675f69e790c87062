//! Datagrams to many remotes in one system call.

use std::io;
use std::net::SocketAddr;

use crate::socket::UdpSocket;

impl UdpSocket {
    /// Datagrams that one call of the system takes in [`UdpSocket::send_each`]; more are given to it by several calls.
    pub const EACH_MAX: usize = 32;

    /// Sends each datagram to its remote, in as few system calls as the system allows (`sendmmsg` on Linux, else one
    /// call for each).
    ///
    /// Returns how many the system took, in order. Less than all means that its buffer is full: wait until it is
    /// writable and send the rest.
    ///
    /// # Errors
    /// What the system says about the first remote of all (no route, forbidden by a firewall). When one further on
    /// fails, those before it are counted as taken, and the next call begins with the one that fails.
    pub fn send_each(&self, datagrams: &[(SocketAddr, &[u8])]) -> io::Result<usize> {
        let mut sent = 0;
        for some in datagrams.chunks(Self::EACH_MAX) {
            match self.send_some(some) {
                Ok(taken) => {
                    sent += taken;
                    if taken < some.len() {
                        break;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if sent == 0 => return Err(error),
                Err(_) => break,
            }
        }
        Ok(sent)
    }

    #[cfg(target_os = "linux")]
    fn send_some(&self, datagrams: &[(SocketAddr, &[u8])]) -> io::Result<usize> {
        use std::io::IoSlice;

        use rustix::net::addr::SocketAddrArg as _;
        use rustix::net::{MMsgHdr, SendAncillaryBuffer, SendFlags, sendmmsg};

        const MAX: usize = UdpSocket::EACH_MAX;
        let Some(&first) = datagrams.first() else { return Ok(0) };
        // Places beyond the end repeat the first datagram and are not sent.
        let at = |i: usize| datagrams.get(i).copied().unwrap_or(first);
        let slices: [_; MAX] = std::array::from_fn(|i| IoSlice::new(at(i).1));
        let remotes: [_; MAX] = std::array::from_fn(|i| self.destination(at(i).0).as_any());
        let mut controls: [_; MAX] = std::array::from_fn(|_| SendAncillaryBuffer::default());
        let mut controls = controls.iter_mut();
        let mut messages: [_; MAX] = std::array::from_fn(|i| {
            let control = controls.next().expect("as many as messages");
            MMsgHdr::new_with_addr(&remotes[i], std::slice::from_ref(&slices[i]), control)
        });
        loop {
            match sendmmsg(self.inner(), &mut messages[..datagrams.len().min(MAX)], SendFlags::DONTWAIT) {
                Err(rustix::io::Errno::INTR) => {}
                result => return Ok(result?),
            }
        }
    }

    #[cfg(not(target_os = "linux"))]
    fn send_some(&self, datagrams: &[(SocketAddr, &[u8])]) -> io::Result<usize> {
        for (sent, (remote, bytes)) in datagrams.iter().enumerate() {
            match self.send(*remote, bytes, None) {
                Ok(taken) if taken < bytes.len() => return Ok(sent),
                Ok(_) => {}
                Err(error) if sent == 0 => return Err(error),
                Err(_) => return Ok(sent),
            }
        }
        Ok(datagrams.len())
    }
}
