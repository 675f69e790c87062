//! A peer that runs within this process: its key, its socket, its shards, its control socket.

use std::fs::File;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::mpsc::{Receiver, channel};

use data_encoding::HEXLOWER;
use pirushka_peer_core::Peer;
use pirushka_udp::{BindError, Options, UdpSocket};
use pirushka_wire::limits::DEFAULT_PORT;
use pirushka_wire::{BootId, PeerAddress};
use zeroize::Zeroizing;

use crate::admin;
use crate::advertise::{Advertisement, advertise};
use crate::clock::Clock;
use crate::config::Config;
use crate::control::{self, Server};
use crate::failure::Failure;
use crate::key::{self, KeyFile};
use crate::meter::Meter;
use crate::observer::Observer;
use crate::operator::Operator;
use crate::paths;
use crate::shard::{self, Handle, Order};
use crate::status::{Fixed, Status};

/// A running peer. Dropping it ends it at once; [`RunningPeer::stop`] is the polite way.
#[derive(Debug)]
pub struct RunningPeer {
    advertisement: Advertisement,
    local: SocketAddr,
    boot: BootId,
    warnings: Vec<String>,
    key_is_new: bool,
    operator: Operator,
    /// One entry; the place for more.
    shards: Vec<Handle>,
    shard_ended: Option<Receiver<()>>,
    control: Option<Server>,
    admin: Option<admin::Server>,
    /// Held as long as it runs: one peer per data folder.
    _lock: File,
}

/// Whose the process is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Process {
    /// Nothing else's: what it takes is the peer's memory.
    Own,
    /// Others live in it: only what the peer itself counts is.
    Shared,
}

/// Starts a peer in threads of this process. Nothing but the key is written to disk, and of that nothing when there is
/// one already.
///
/// # Errors
/// A key that cannot be used, a data folder that another peer uses, an address that cannot be listened on.
pub fn spawn(config: Config) -> Result<RunningPeer, Failure> {
    start(config, Process::Shared, Vec::new())
}

/// As [`spawn`]. In a process of its own the memory cap is the process's. `warnings` is what is known already.
pub(crate) fn start(config: Config, process: Process, mut warnings: Vec<String>) -> Result<RunningPeer, Failure> {
    let data_dir = paths::data_dir(config.data_dir.as_deref())?;
    let KeyFile { key, path, is_new } = key::read_or_create(&data_dir)?;
    let lock = lock(&path, &data_dir)?;
    let socket = bind(&config)?;
    let admin = admin::listen(&config)?;
    let local = socket.local_addr();
    let advertisement = advertise(&config, local, key.peer_id());
    warnings.extend(buffer_warnings(&config, &socket));
    warnings.extend(plain_warning(&config));
    let granted = socket.granted();

    let boot = BootId(random()?);
    let mut peer_config = config.peer.clone();
    peer_config.link.boot = Some(boot);
    let clock = Clock::start();
    let seed = Zeroizing::new(random::<32>()?);
    let peer = Peer::new(peer_config, key, *seed, clock.now());
    let (sender, shard_ended) = channel();
    let on_end = move || {
        let _ = sender.send(());
    };
    let meter = if process == Process::Own { Meter::open() } else { None };
    let shard = shard::start("shard-0".into(), socket, peer, clock, meter, on_end)
        .map_err(|error| Failure::unexpected("cannot start a thread", error))?;

    let fixed = Fixed {
        address: advertisement.address.to_string(),
        local: local.to_string(),
        warnings: warnings.clone(),
        boot: HEXLOWER.encode(boot.as_bytes()),
        receive_buffer: granted.receive_buffer as u64,
        send_buffer: granted.send_buffer as u64,
        plain: config.peer.plain.is_enabled,
    };
    let observer = Observer::new(vec![shard.line.clone()], fixed);
    let operator = Operator::new(vec![shard.line.clone()], observer.clone(), config.clone(), process);
    let answers = operator.clone();
    let control = Server::start(control::socket_path(&data_dir), move |question| answers.answer(question))
        .map_err(|error| warnings.push(format!("`pirushkad status` will not work: {error}")))
        .ok();
    let admin = admin.and_then(|listener| {
        admin::Server::start(listener, &config, observer.clone())
            .map_err(|error| warnings.push(format!("monitoring will not work: {error}")))
            .ok()
    });
    Ok(RunningPeer {
        advertisement,
        local,
        boot,
        warnings,
        key_is_new: is_new,
        operator,
        shards: vec![shard],
        shard_ended: Some(shard_ended),
        control,
        admin,
        _lock: lock,
    })
}

impl RunningPeer {
    /// What clients are given.
    #[must_use]
    pub fn address(&self) -> &PeerAddress {
        &self.advertisement.address
    }

    /// The address and what the operator should know about it.
    #[must_use]
    pub fn advertisement(&self) -> &Advertisement {
        &self.advertisement
    }

    /// Where it listens, with the port that the system chose.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// Where monitoring may ask, if anywhere.
    #[must_use]
    pub fn admin_addr(&self) -> Option<SocketAddr> {
        self.admin.as_ref().map(admin::Server::local_addr)
    }

    /// Names this run.
    #[must_use]
    pub fn boot(&self) -> BootId {
        self.boot
    }

    /// What works less well than it could.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Whether this start made the key.
    #[must_use]
    pub fn key_is_new(&self) -> bool {
        self.key_is_new
    }

    /// A snapshot of its totals; `None` when it has ended or is too busy to answer.
    #[must_use]
    pub fn status(&self) -> Option<Status> {
        self.operator.observer().status()
    }

    /// Asks for the same from elsewhere.
    pub(crate) fn observer(&self) -> Observer {
        self.operator.observer()
    }

    /// The way to what its operator may order.
    pub(crate) fn operator(&self) -> Operator {
        self.operator.clone()
    }

    /// Signalled when a shard ends by itself. Can be taken once.
    pub(crate) fn take_shard_ended(&mut self) -> Option<Receiver<()>> {
        self.shard_ended.take()
    }

    /// Takes no more deposits, hands out what it holds for users who are there for at most the configured time, ends.
    ///
    /// # Errors
    /// When it had ended before, because its socket failed.
    pub fn stop(mut self) -> io::Result<()> {
        self.operator.drain(None);
        self.join()
    }

    /// Ends at once, as a crash would look from outside.
    ///
    /// # Errors
    /// When it had ended before, because its socket failed.
    pub fn kill(mut self) -> io::Result<()> {
        self.end()
    }

    fn end(&mut self) -> io::Result<()> {
        for shard in &self.shards {
            shard.line.order(Order::Stop);
        }
        self.join()
    }

    fn join(&mut self) -> io::Result<()> {
        let mut result = Ok(());
        for shard in self.shards.drain(..) {
            let ended = shard.thread.join().unwrap_or_else(|_| Err(io::Error::other("a shard panicked")));
            result = result.and(ended);
        }
        (self.control, self.admin) = (None, None);
        result
    }
}

impl Drop for RunningPeer {
    fn drop(&mut self) {
        let _ = self.end();
    }
}

/// Listens where `config` says.
pub(crate) fn bind(config: &Config) -> Result<UdpSocket, Failure> {
    let options = Options { receive_buffer: config.receive_buffer, send_buffer: config.send_buffer, share_port: false };
    let result = match UdpSocket::bind(config.listen, &options) {
        // "Every address" on a machine without IPv6 means every address of IPv4.
        Err(BindError::NoFamily(_) | BindError::NotOurs(_)) if config.listen == Config::default().listen => {
            UdpSocket::bind(SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), config.listen.port()), &options)
        }
        result => result,
    };
    result.map_err(|error| cannot_bind(config.listen, &error))
}

fn cannot_bind(listen: SocketAddr, error: &BindError) -> Failure {
    let code = match error {
        BindError::InUse(_) => "bind.in_use",
        BindError::Denied(_) => "bind.denied",
        BindError::NotOurs(_) => "bind.not_ours",
        BindError::NoFamily(_) => "bind.no_family",
        BindError::Other(..) => "bind.failed",
    };
    let remedy = match error {
        BindError::InUse(_) => format!(
            "stop the other program (ss -lunp 'sport = :{}' names it), or listen elsewhere: pirushkad --listen {}",
            listen.port(),
            SocketAddr::new(listen.ip(), 0)
        ),
        BindError::Denied(_) => format!("take a port above 1023, for example --listen {}", other_port(listen)),
        BindError::NotOurs(_) | BindError::NoFamily(_) => {
            format!("listen on every address: pirushkad --listen 0.0.0.0:{}", listen.port())
        }
        BindError::Other(..) => "listen elsewhere: pirushkad --listen ADDR".into(),
    };
    Failure::configuration(code, format!("cannot listen on {listen}"), error, remedy)
}

fn other_port(listen: SocketAddr) -> SocketAddr {
    SocketAddr::new(listen.ip(), DEFAULT_PORT)
}

#[cfg(unix)]
fn lock(key: &std::path::Path, data_dir: &std::path::Path) -> Result<File, Failure> {
    let in_use = |cause: String| {
        Failure::configuration(
            "data_dir.in_use",
            format!("cannot use the data folder {}", data_dir.display()),
            cause,
            "stop the other peer, or give this one a folder of its own: pirushkad --data-dir DIR",
        )
    };
    let file = File::open(key).map_err(|error| in_use(error.to_string()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(in_use("another peer is running with it".into())),
        // Some network file systems cannot lock; then nobody can tell.
        Err(std::fs::TryLockError::Error(_)) => Ok(file),
    }
}

/// A locked file cannot be read here, which `pirushkad address` must.
#[cfg(not(unix))]
fn lock(key: &std::path::Path, _: &std::path::Path) -> Result<File, Failure> {
    File::open(key).map_err(|error| Failure::unexpected("cannot open the key file", error))
}

fn buffer_warnings(config: &Config, socket: &UdpSocket) -> Vec<String> {
    let granted = socket.granted();
    if granted.receive_buffer >= config.receive_buffer {
        return Vec::new();
    }
    vec![format!(
        "the system grants a receive buffer of {} KiB instead of {} KiB, so bursts may be lost: sysctl -w \
         net.core.rmem_max={}",
        granted.receive_buffer >> 10,
        config.receive_buffer >> 10,
        config.receive_buffer
    )]
}

/// What is given up for the plain profile.
fn plain_warning(config: &Config) -> Option<String> {
    config.peer.plain.is_enabled.then(|| {
        "the plain profile is on (--plain, plain.enabled): this port also speaks bare packets IN THE CLEAR. Everybody on \
         the path reads who registers so and from where; whoever asks learns that this is a peer; a registration is bound \
         to no session (T7 and T40 do not hold). It is for study and delivers no messages. Users of the sealed link keep \
         all that they are promised but the silence"
            .into()
    })
}

fn random<const N: usize>() -> Result<[u8; N], Failure> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| Failure::unexpected("the system gives no random bytes", error))?;
    Ok(bytes)
}
