//! What an operator may change, and from where: defaults < file < environment < command line.

mod example;
mod fault;
mod lines;
mod load;
mod reload;
mod setting;
mod settings;
mod value;

use std::net::{Ipv6Addr, SocketAddr};
use std::path::PathBuf;

use pirushka_peer_core::{Block, PeerConfig};
use pirushka_wire::Host;
use pirushka_wire::limits::DEFAULT_PORT;

pub use example::example;
pub use fault::Fault;
pub use load::{Loaded, Origin, Sources, load, parse};
pub(crate) use load::{is_no_setting, read};
pub use reload::{Change, Effect, Reload};
pub use setting::Setting;
pub use settings::SETTINGS;
pub(crate) use value::shortened;
pub use value::{Kind, Value, Written};

/// Everything that one peer process is told.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where to listen. Default: the protocol's port on every address, IPv6 and IPv4.
    pub listen: SocketAddr,
    /// What addresses name. Default: none, then the interface's address is named.
    pub host: Option<Advertised>,
    /// Where the key is. Default: none; [`crate::paths::data_dir`] says which is taken then.
    pub data_dir: Option<PathBuf>,
    /// What to write to stderr: off, error, warn, info, debug, trace. Default `info`.
    pub log: String,
    /// Bytes that the kernel keeps until we read them. Default 4 MiB.
    pub receive_buffer: usize,
    /// Bytes that the kernel keeps until the network takes them. Default 4 MiB.
    pub send_buffer: usize,
    /// Whether to keep all memory out of swap where that is allowed. Default true.
    pub lock_memory: bool,
    /// How long a stopping peer goes on handing out what it holds, in µs. Default 5 s.
    pub drain_us: u64,
    /// Where monitoring may ask over HTTP. Default: nowhere.
    pub admin_listen: Option<SocketAddr>,
    /// Whether that may be an address that other machines reach. Default false.
    pub admin_allow_remote: bool,
    /// Networks whose datagrams are dropped unread. Default: none.
    pub blocks: Vec<Block>,
    /// The limits of the machine itself.
    pub peer: PeerConfig,
}

/// What addresses name: a host, and a port where it differs from the one listened on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advertised {
    /// Name or IP address.
    pub host: Host,
    /// Where a router forwards from another port.
    pub port: Option<u16>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), DEFAULT_PORT),
            host: None,
            data_dir: None,
            log: "info".into(),
            receive_buffer: 4 << 20,
            send_buffer: 4 << 20,
            lock_memory: true,
            drain_us: 5_000_000,
            admin_listen: None,
            admin_allow_remote: false,
            blocks: Vec::new(),
            peer: PeerConfig::default(),
        }
    }
}

/// Reads an address to listen on; without a port it has the protocol's.
pub(crate) fn listen_address(text: &str) -> Result<SocketAddr, String> {
    let without_port = || text.trim_matches(['[', ']']).parse().map(|ip| SocketAddr::new(ip, DEFAULT_PORT));
    text.parse().or_else(|_| without_port()).map_err(|_| {
        format!("expected an IP address, perhaps with a port, like 0.0.0.0:7117 or [::]:7117, got {text:?}")
    })
}

impl std::str::FromStr for Advertised {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = || format!("expected a host name or IP address, perhaps with :port, got {text:?}");
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) if host.ends_with(']') || !host.contains(':') => {
                let port = port.parse().ok().filter(|port| *port != 0).ok_or_else(expected)?;
                (host, Some(port))
            }
            _ => (text, None),
        };
        Ok(Self { host: host.parse().map_err(|_| expected())?, port })
    }
}

impl std::fmt::Display for Advertised {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.port {
            Some(port) => write!(f, "{}:{port}", self.host),
            None => write!(f, "{}", self.host),
        }
    }
}
