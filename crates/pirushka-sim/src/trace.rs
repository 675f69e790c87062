//! The record of a run: a hash over every packet and event, and on request lines for people.

use std::fmt;
use std::net::SocketAddr;

/// Takes in everything that happens. Two runs are the same when their hashes are.
pub struct Trace {
    hasher: blake3::Hasher,
    print: bool,
    /// How many packets and events.
    pub entries: u64,
}

impl Trace {
    /// An empty record; with `print` events also go to the standard output, as a story.
    #[must_use]
    pub fn new(print: bool) -> Self {
        Self { hasher: blake3::Hasher::new(), print, entries: 0 }
    }

    /// A datagram was sent.
    pub fn packet(&mut self, at_us: u64, from: SocketAddr, to: SocketAddr, bytes: &[u8]) {
        self.entries += 1;
        self.hasher.update(&at_us.to_be_bytes());
        self.address(from);
        self.address(to);
        self.hasher.update(bytes);
    }

    /// Something happened that a person would tell.
    pub fn event(&mut self, at_us: u64, who: &str, what: fmt::Arguments<'_>) {
        self.entries += 1;
        let line = format!("{:>12.3} s  {who:<9} {what}", at_us as f64 / 1e6);
        self.hasher.update(line.as_bytes());
        if self.print {
            println!("{line}");
        }
    }

    /// The hash so far.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        *self.hasher.finalize().as_bytes()
    }

    fn address(&mut self, address: SocketAddr) {
        match address.ip() {
            std::net::IpAddr::V4(ip) => self.hasher.update(&ip.octets()),
            std::net::IpAddr::V6(ip) => self.hasher.update(&ip.octets()),
        };
        self.hasher.update(&address.port().to_be_bytes());
    }
}
