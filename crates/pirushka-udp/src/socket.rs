//! A bound UDP socket, its options and what the system made of them.

use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV6};

use quinn_udp::{Transmit, UdpSocketState};
use socket2::{Domain, Protocol, SockRef, Socket, Type};

use crate::batch::Batch;

/// The most bytes of one train: what fits an IPv4 datagram before the kernel cuts it.
const TRAIN_MAX: usize = 65_507;

/// What to ask the system for. It may grant less, see [`UdpSocket::granted`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Bytes that the kernel keeps for us until we read them. Default 4 MiB.
    pub receive_buffer: usize,
    /// Bytes that the kernel keeps for us until the network takes them. Default 4 MiB.
    pub send_buffer: usize,
    /// Several sockets share the port and the kernel spreads remotes over them (one per shard). Linux and BSD only.
    pub share_port: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { receive_buffer: 4 << 20, send_buffer: 4 << 20, share_port: false }
    }
}

/// Buffer sizes that the system granted, in bytes of payload and bookkeeping as it counts them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Granted {
    /// See [`Options::receive_buffer`].
    pub receive_buffer: usize,
    /// See [`Options::send_buffer`].
    pub send_buffer: usize,
}

/// Why an address cannot be listened on.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Somebody else has the port.
    #[error("{0} is in use by another program")]
    InUse(SocketAddr),
    /// The system refuses the port to this user.
    #[error("this user may not use {0}")]
    Denied(SocketAddr),
    /// No interface of this machine has the address.
    #[error("{0} is not an address of this machine")]
    NotOurs(SocketAddr),
    /// The system does not speak this family of addresses.
    #[error("this system has no {}", if .0.is_ipv6() { "IPv6" } else { "IPv4" })]
    NoFamily(SocketAddr),
    /// Something else.
    #[error("cannot listen on {0}: {1}")]
    Other(SocketAddr, #[source] io::Error),
}

/// A bound socket that receives and sends in batches and never blocks.
#[derive(Debug)]
pub struct UdpSocket {
    socket: Socket,
    state: UdpSocketState,
    local: SocketAddr,
    granted: Granted,
}

impl UdpSocket {
    /// Listens on `local`. Port 0 lets the system choose, see [`UdpSocket::local_addr`]; `[::]` means IPv4 as well.
    ///
    /// # Errors
    /// [`BindError`] names the cause.
    pub fn bind(local: SocketAddr, options: &Options) -> Result<Self, BindError> {
        Self::open(local, options).map_err(|error| name_the_cause(local, error))
    }

    fn open(local: SocketAddr, options: &Options) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(local), Type::DGRAM, Some(Protocol::UDP))?;
        if local.is_ipv6() {
            // Where both families cannot share a socket (OpenBSD), IPv6 alone is still something.
            let _ = socket.set_only_v6(!local.ip().is_unspecified());
        }
        #[cfg(all(unix, not(any(target_os = "solaris", target_os = "illumos"))))]
        if options.share_port {
            socket.set_reuse_port(true)?;
        }
        socket.bind(&local.into())?;
        let granted = enlarge_buffers(&socket, options)?;
        let state = UdpSocketState::new((&socket).into())?;
        let local = socket.local_addr()?.as_socket().ok_or(io::ErrorKind::AddrNotAvailable)?;
        Ok(Self { socket, state, local, granted })
    }

    /// Where it listens, with the port that the system chose.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// The buffers that the system granted; less than asked for means loss in bursts.
    #[must_use]
    pub fn granted(&self) -> Granted {
        self.granted
    }

    /// Takes what is waiting, as much as one system call gives; [`Batch::datagrams`] then walks it. `false`: nothing was
    /// waiting. An IPv4 remote is always given as such, also on a socket for both families.
    ///
    /// # Errors
    /// What the system says. Errors about single remotes (their port is closed) are not errors of the socket and are
    /// left out.
    pub fn receive(&self, batch: &mut Batch) -> io::Result<bool> {
        match batch.fill(|slices, metas| self.state.recv((&self.socket).into(), slices, metas)) {
            Ok(()) => Ok(!batch.is_empty()),
            Err(error) if concerns_one_remote(&error) || error.kind() == io::ErrorKind::Interrupted => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Sends `bytes` to `remote`: one datagram, or with `segment` a train of datagrams of that many bytes each (the last
    /// may be shorter), in as few system calls as the system allows.
    ///
    /// Returns how many bytes the system took. Less than all means that its buffer is full: wait until it is writable
    /// and send the rest.
    ///
    /// # Errors
    /// What the system says about this remote (no route, forbidden by a firewall); the rest of the train is lost then,
    /// and the socket is as good as before.
    pub fn send(&self, remote: SocketAddr, bytes: &[u8], segment: Option<usize>) -> io::Result<usize> {
        self.send_from(None, remote, bytes, segment)
    }

    /// As [`UdpSocket::send`], from one of this machine's addresses; `None` lets the system choose.
    ///
    /// # Errors
    /// As there, and when `local` is not an address of this machine.
    pub fn send_from(
        &self,
        local: Option<IpAddr>,
        remote: SocketAddr,
        bytes: &[u8],
        segment: Option<usize>,
    ) -> io::Result<usize> {
        let destination = self.destination(remote);
        let segment = segment.unwrap_or(bytes.len()).max(1);
        let mut sent = 0;
        while sent < bytes.len() {
            let rest = &bytes[sent..];
            let most = self.state.max_gso_segments().max(1).min((TRAIN_MAX / segment).max(1)) * segment;
            let contents = &rest[..rest.len().min(most)];
            let train = contents.len() > segment;
            let segment_size = train.then_some(segment);
            let transmit = Transmit { destination, ecn: None, contents, segment_size, src_ip: local };
            match self.state.try_send((&self.socket).into(), &transmit) {
                Ok(()) => sent += contents.len(),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                // The driver refused a train and quinn-udp has noted it: the same bytes again, one by one.
                Err(_) if train && self.state.max_gso_segments() <= 1 => {}
                // A route that knows no segmentation says EMSGSIZE or the like: fall back for this train only.
                Err(_) if train => return self.send_singly((local, destination), bytes, segment, sent),
                Err(error) => return Err(error),
            }
        }
        Ok(sent)
    }

    fn send_singly(
        &self,
        (local, destination): (Option<IpAddr>, SocketAddr),
        bytes: &[u8],
        segment: usize,
        start: usize,
    ) -> io::Result<usize> {
        let mut sent = start;
        for contents in bytes[start..].chunks(segment) {
            let transmit = Transmit { destination, ecn: None, contents, segment_size: None, src_ip: local };
            match self.state.try_send((&self.socket).into(), &transmit) {
                Ok(()) => sent += contents.len(),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(sent)
    }

    /// Datagrams that one send may carry; 1 where the system knows no trains.
    #[must_use]
    pub fn train_max(&self) -> usize {
        self.state.max_gso_segments().max(1)
    }

    /// Whether the system hands over several datagrams glued together.
    pub(crate) fn glues(&self) -> bool {
        self.state.gro_segments() > 1
    }

    /// The remote as this socket's family writes it.
    pub(crate) fn destination(&self, remote: SocketAddr) -> SocketAddr {
        if self.local.is_ipv6() { mapped(remote) } else { remote }
    }

    pub(crate) fn inner(&self) -> &Socket {
        &self.socket
    }
}

/// The address of this machine from which the system would reach the rest of the world: that of the interface with the
/// default route. Nothing is sent. `None` without a route.
#[must_use]
pub fn outward_ip() -> Option<IpAddr> {
    // Addresses for documentation (RFC 5737, RFC 3849): connecting a UDP socket only asks the routing table.
    let towards = |bind: &str, remote: &str| -> Option<IpAddr> {
        let socket = std::net::UdpSocket::bind(bind).ok()?;
        socket.connect(remote).ok()?;
        Some(socket.local_addr().ok()?.ip()).filter(|ip| !ip.is_unspecified() && !ip.is_loopback())
    };
    towards("0.0.0.0:0", "192.0.2.1:9").or_else(|| towards("[::]:0", "[2001:db8::1]:9"))
}

/// IPv4 as IPv4, whatever the socket's family.
pub(crate) fn canonical(remote: SocketAddr) -> SocketAddr {
    match remote {
        SocketAddr::V4(_) => remote,
        SocketAddr::V6(v6) => match v6.ip().to_ipv4_mapped() {
            Some(v4) => SocketAddr::new(v4.into(), v6.port()),
            None => remote,
        },
    }
}

fn mapped(remote: SocketAddr) -> SocketAddr {
    match remote {
        SocketAddr::V4(v4) => {
            SocketAddrV6::new(Ipv6Addr::from(v4.ip().to_ipv6_mapped().octets()), v4.port(), 0, 0).into()
        }
        SocketAddr::V6(_) => remote,
    }
}

fn enlarge_buffers(socket: &Socket, options: &Options) -> io::Result<Granted> {
    let socket = SockRef::from(socket);
    // An administrator's process may go beyond the system's limit; anybody else gets what the limit leaves.
    #[cfg(target_os = "linux")]
    let forced = {
        use rustix::net::sockopt;
        (
            sockopt::set_socket_recv_buffer_size_force(&*socket, options.receive_buffer).is_ok(),
            sockopt::set_socket_send_buffer_size_force(&*socket, options.send_buffer).is_ok(),
        )
    };
    #[cfg(not(target_os = "linux"))]
    let forced = (false, false);
    if !forced.0 {
        let _ = socket.set_recv_buffer_size(options.receive_buffer);
    }
    if !forced.1 {
        let _ = socket.set_send_buffer_size(options.send_buffer);
    }
    // Linux doubles the figure for its own bookkeeping and reports the double.
    let doubled = if cfg!(target_os = "linux") { 2 } else { 1 };
    Ok(Granted {
        receive_buffer: socket.recv_buffer_size()? / doubled,
        send_buffer: socket.send_buffer_size()? / doubled,
    })
}

fn concerns_one_remote(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::HostUnreachable
            | io::ErrorKind::NetworkUnreachable
    )
}

fn name_the_cause(local: SocketAddr, error: io::Error) -> BindError {
    match error.kind() {
        io::ErrorKind::AddrInUse => BindError::InUse(local),
        io::ErrorKind::PermissionDenied => BindError::Denied(local),
        io::ErrorKind::AddrNotAvailable => BindError::NotOurs(local),
        io::ErrorKind::Unsupported => BindError::NoFamily(local),
        _ if no_such_family(&error) => BindError::NoFamily(local),
        _ => BindError::Other(local, error),
    }
}

#[cfg(unix)]
fn no_such_family(error: &io::Error) -> bool {
    rustix::io::Errno::from_io_error(error) == Some(rustix::io::Errno::AFNOSUPPORT)
}

#[cfg(not(unix))]
fn no_such_family(_: &io::Error) -> bool {
    false
}
