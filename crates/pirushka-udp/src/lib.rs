//! UDP sockets that move many datagrams per system call.
//!
//! One system call costs more than everything else that happens to a small datagram, so a socket of this crate receives
//! up to [`Batch::SLOTS`] datagrams at once (`recvmmsg`), each of which may be a whole train that the kernel has glued
//! together (GRO), and sends a train of equal datagrams in one call (GSO). Where the system knows none of that (macOS,
//! Windows, old kernels) the same calls move one datagram each; nothing above notices.
//!
//! | type | what it is |
//! |---|---|
//! | [`UdpSocket`] | a bound socket; says what buffers the system granted |
//! | [`Batch`] | the memory that datagrams are received into |
//! | [`Waker`], [`wait`] | sleep until something is to be done, until a deadline, or until another thread calls |
//! | [`outward_ip`] | the address by which the rest of the world is reached |
//!
//! Typical use, the whole of it:
//!
//! ```
//! use pirushka_udp::{Batch, Interest, Options, UdpSocket, Waker, wait};
//! use std::time::Duration;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let socket = UdpSocket::bind("127.0.0.1:0".parse()?, &Options::default())?;
//! let (waker, sleeper) = Waker::pair()?;
//! let mut batch = Batch::for_socket(&socket);
//! # waker.wake();
//! loop {
//!     let ready = wait(&socket, &sleeper, Interest::default(), Some(Duration::from_secs(1)))?;
//!     if ready.woken {
//!         break;
//!     }
//!     socket.receive(&mut batch)?;
//!     for (remote, datagram) in batch.datagrams() {
//!         socket.send(remote, datagram, None)?;
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! What it does not do: it has no queue of its own, no thread, no opinion about bytes, and it never blocks but in
//! [`wait`].

#![forbid(unsafe_code)]

mod batch;
mod each;
mod socket;
mod wait;

pub use batch::{Arrival, Batch};
pub use socket::{BindError, Granted, Options, UdpSocket, outward_ip};
pub use wait::{Interest, Ready, Sleeper, Waker, wait};
