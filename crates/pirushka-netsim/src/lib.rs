//! A small internet in memory: hosts, NATs and bad paths under a virtual clock. One seed gives one run.
//!
//! It knows no protocol. A datagram goes in with [`Net::send`], and some time later comes out of [`Net::poll`], once,
//! twice, damaged, late, or never, as the path's [`LinkConfig`] says. Nothing happens between two calls: the owner asks
//! for the next moment at which something does ([`Net::next_at`]), goes there ([`Net::advance_to`]) and takes what has
//! arrived.
//!
//! ```
//! use pirushka_netsim::{LinkConfig, Net};
//!
//! let mut net = Net::new(7);
//! net.set_link(LinkConfig { latency_us: 20_000, ..LinkConfig::default() });
//! net.add_host("192.0.2.1".parse().unwrap());
//! net.add_host("192.0.2.2".parse().unwrap());
//! net.send("192.0.2.1:1000".parse().unwrap(), "192.0.2.2:2000".parse().unwrap(), b"hello");
//! let at = net.next_at().unwrap();
//! net.advance_to(at);
//! let delivery = net.poll().unwrap();
//! assert_eq!((at, &delivery.bytes[..]), (20_000, &b"hello"[..]));
//! ```
//!
//! What it leaves out: IP fragmentation, ICMP, TCP, more than one NAT in a row.

#![forbid(unsafe_code)]

mod dice;
mod nat;
mod net;
mod path;

pub use nat::{NatConfig, NatId, NatKind};
pub use net::{Delivery, Net, Stats};
pub use path::LinkConfig;
