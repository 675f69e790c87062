//! The record of a run: a hash over every packet and event, and on request lines for people.

use std::fmt;
use std::net::SocketAddr;

/// Bytes.
const HASHED_AT_ONCE: usize = 16 * 1024;

/// Takes in everything that happens. Two runs are the same when their hashes are.
pub struct Trace {
    hasher: blake3::Hasher,
    /// What is not hashed yet: BLAKE3 is several times faster over much than over little.
    pending: Vec<u8>,
    print: bool,
    /// How many packets and events.
    pub entries: u64,
}

impl Trace {
    /// An empty record; with `print` events also go to the standard output, as a story.
    #[must_use]
    pub fn new(print: bool) -> Self {
        Self { hasher: blake3::Hasher::new(), pending: Vec::with_capacity(2 * HASHED_AT_ONCE), print, entries: 0 }
    }

    /// A datagram was sent.
    pub fn packet(&mut self, at_us: u64, from: SocketAddr, to: SocketAddr, bytes: &[u8]) {
        self.entries += 1;
        self.pending.extend(at_us.to_be_bytes());
        self.address(from);
        self.address(to);
        self.take_in(bytes);
    }

    /// Something happened that a person would tell.
    pub fn event(&mut self, at_us: u64, who: &str, what: fmt::Arguments<'_>) {
        self.entries += 1;
        let line = format!("{:>12.3} s  {who:<9} {what}", at_us as f64 / 1e6);
        self.take_in(line.as_bytes());
        if self.print {
            println!("{line}");
        }
    }

    /// The hash so far.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        *self.hasher.clone().update(&self.pending).finalize().as_bytes()
    }

    fn take_in(&mut self, bytes: &[u8]) {
        self.pending.extend_from_slice(bytes);
        if self.pending.len() >= HASHED_AT_ONCE {
            self.hasher.update(&self.pending);
            self.pending.clear();
        }
    }

    fn address(&mut self, address: SocketAddr) {
        match address.ip() {
            std::net::IpAddr::V4(ip) => self.pending.extend(ip.octets()),
            std::net::IpAddr::V6(ip) => self.pending.extend(ip.octets()),
        }
        self.pending.extend(address.port().to_be_bytes());
    }
}
