//! Looks at the machine, and decides nothing.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::time::SystemTime;

use pirushka_udp::UdpSocket;
use pirushka_wire::{PeerAddress, PeerId};

use super::judge::{
    Buffers, Clock, Facts, Files, Firewall, Memory, Monitoring, Name, Owned, Port, Process, Reach, Running, Secrecy,
};
use super::{knock, names, system};
use crate::config::{Config, Loaded};
use crate::failure::Failure;
use crate::status::Status;
use crate::{commands, control, hardening, key, running};

/// At most so many places are knocked at.
const PLACES_MAX: usize = 4;

/// Gathers everything that is judged. `loaded` is the configuration or what is wrong with it.
///
/// # Errors
/// There is no data folder to speak of.
pub(crate) fn probe(loaded: Result<Loaded, Failure>) -> Result<Facts, Failure> {
    // The key is read below: the doctor is as careful with it as a peer is. What that says is a fact too.
    let core_refusals = hardening::apply(false);
    let (config, configuration) = match loaded {
        Ok(loaded) => (loaded.config, Ok(loaded.origins.len())),
        Err(failure) => (Config::default(), Err(failure)),
    };
    let dir = crate::cli::data_dir(&config)?;
    let status = commands::running(&dir).ok();
    let status = status.as_ref();
    let key = key::read(&dir.join(key::KEY_NAME));
    let advertised = status.and_then(|status| status.address.parse::<PeerAddress>().ok());
    let peer_id = match (&advertised, &key) {
        (Some(address), _) => Some(address.peer_id),
        (None, Ok(key)) => Some(key.peer_id()),
        (None, Err(_)) => None,
    };
    let bound = status.is_none().then(|| running::bind(&config));
    let name = name(&config, advertised.as_ref(), peer_id);
    let port_listened = status.and_then(local).map_or(config.listen.port(), |local| local.port());
    Ok(Facts {
        configuration,
        running: status.map(|status| Running {
            version: status.version.clone(),
            pid: status.pid,
            is_draining: status.draining,
            warnings: status.warnings.clone(),
        }),
        files: files(&dir, key.map(drop), status),
        reach: reach(&name, status, advertised.as_ref()),
        name,
        firewall: Firewall { rules: system::filter_rules(), port: port_listened },
        buffers: buffers(&config, status, bound.as_ref()),
        memory: memory(&config, status),
        secrecy: secrecy(&config, status, core_refusals),
        process: Process { files: open_files(status) },
        clock: clock(),
        monitoring: monitoring(&config, status),
        port: port(&config, status, bound),
    })
}

fn local(status: &Status) -> Option<SocketAddr> {
    status.local.parse().ok()
}

fn files(dir: &Path, content: Result<(), Failure>, status: Option<&Status>) -> Files {
    let runs_as = status.and_then(|_| owned(&control::socket_path(dir)).ok().flatten()).map(|socket| socket.user);
    Files { dir: dir.into(), folder: owned(dir), key: owned(&dir.join(key::KEY_NAME)), content, me: me(), runs_as }
}

#[cfg(unix)]
fn me() -> u32 {
    rustix::process::geteuid().as_raw()
}

#[cfg(not(unix))]
fn me() -> u32 {
    0
}

fn owned(path: &Path) -> Result<Option<Owned>, String> {
    match path.metadata() {
        Ok(metadata) => Ok(Some(owner(&metadata))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.to_string()),
    }
}

#[cfg(unix)]
fn owner(metadata: &std::fs::Metadata) -> Owned {
    use std::os::unix::fs::MetadataExt as _;
    Owned { user: metadata.uid(), mode: metadata.mode() & 0o7777 }
}

#[cfg(not(unix))]
fn owner(_: &std::fs::Metadata) -> Owned {
    Owned { user: 0, mode: 0o600 }
}

fn port(config: &Config, status: Option<&Status>, bound: Option<Result<UdpSocket, Failure>>) -> Port {
    let attempt = bound.map(|bound| bound.map(drop));
    let is_taken = matches!(&attempt, Some(Err(failure)) if failure.code == "bind.in_use");
    Port {
        listen: config.listen,
        serves: status.and_then(local),
        attempt,
        holder: is_taken.then(|| system::holder(config.listen.port())).flatten(),
        has_ipv6: system::has_ipv6(),
    }
}

fn name(config: &Config, advertised: Option<&PeerAddress>, peer_id: Option<PeerId>) -> Name {
    let host = config.host.as_ref().map(|advertised| advertised.host.to_string());
    let configured_port = config.host.as_ref().and_then(|host| host.port).unwrap_or(config.listen.port());
    // What a running peer tells its users is what counts; without a configured host it is an address of this machine.
    let shown = advertised.map(|address| address.host.to_string()).or_else(|| host.clone());
    let found = shown.as_deref().map_or_else(|| Ok(Vec::new()), names::addresses);
    let own = found.iter().flatten().copied().filter(|ip| knock::is_here(*ip)).collect();
    let servers = names::servers();
    let is_name = |host: &&str| host.trim_matches(['[', ']']).parse::<IpAddr>().is_err();
    let asked = host.as_deref().filter(is_name);
    Name {
        services: asked.and_then(|host| names::services(&servers, host)),
        keys: asked.and_then(|host| names::keys(&servers, host)),
        host,
        port: advertised.map_or(configured_port, |address| address.port),
        found,
        own,
        outward: pirushka_udp::outward_ip(),
        takes_ipv6: config.listen.is_ipv6(),
        key: peer_id.map(|peer_id| peer_id.to_base32()),
    }
}

fn reach(name: &Name, status: Option<&Status>, advertised: Option<&PeerAddress>) -> Reach {
    let (Some(local), Some(address)) = (status.and_then(local), advertised) else {
        return Reach { here: None, advertised: Vec::new(), address: String::new() };
    };
    let here = match local.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        // A socket for both families answers on IPv4 also where the machine has no IPv6.
        IpAddr::V6(ip) if ip.is_unspecified() && !knock::is_here(Ipv6Addr::LOCALHOST.into()) => {
            Ipv4Addr::LOCALHOST.into()
        }
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    let peer_id = address.peer_id;
    let places = name.found.iter().flatten().take(PLACES_MAX);
    Reach {
        here: Some(knock::knock(SocketAddr::new(here, local.port()), peer_id)),
        advertised: places.map(|ip| knock::knock(SocketAddr::new(*ip, address.port), peer_id)).collect(),
        address: address.to_string(),
    }
}

fn buffers(config: &Config, status: Option<&Status>, bound: Option<&Result<UdpSocket, Failure>>) -> Buffers {
    let of_running = status.map(|status| (status.network.receive_buffer, status.network.send_buffer));
    let of_trial = bound.and_then(|bound| bound.as_ref().ok()).map(|socket| {
        let granted = socket.granted();
        (granted.receive_buffer as u64, granted.send_buffer as u64)
    });
    Buffers {
        receive_wanted: config.receive_buffer as u64,
        send_wanted: config.send_buffer as u64,
        granted: of_running.or(of_trial),
        most: (system::number("/proc/sys/net/core/rmem_max"), system::number("/proc/sys/net/core/wmem_max")),
    }
}

fn memory(config: &Config, status: Option<&Status>) -> Memory {
    let meminfo = system::text("/proc/meminfo").unwrap_or_default();
    let pid = status.map_or_else(|| "self".into(), |status| status.pid.to_string());
    Memory {
        configured: status.map_or(config.peer.ram_bytes, |status| status.messages.bytes_max),
        machine: system::meminfo(&meminfo, "MemTotal"),
        available: system::meminfo(&meminfo, "MemAvailable"),
        group_limit: system::group_limit(&pid),
        resident: status.and_then(|status| status.rss_bytes),
    }
}

fn secrecy(config: &Config, status: Option<&Status>, core_refusals: Vec<String>) -> Secrecy {
    let (lock_limit, has_lock_capability) = hardening::lock_rights();
    Secrecy {
        wants_lock: config.lock_memory,
        is_locked: status.and_then(|status| status.locked_bytes).map(|bytes| bytes > 0),
        swapped: status.and_then(|status| status.swapped_bytes),
        lock_limit,
        has_lock_capability,
        swaps: system::text("/proc/swaps").map(|swaps| system::swaps(&swaps)),
        core_refusals,
        core_limit: limits_of(status).and_then(|limits| system::limit(&limits, "Max core file size")).flatten(),
        core_pattern: system::text("/proc/sys/kernel/core_pattern").map(|pattern| pattern.trim().to_owned()),
    }
}

/// The limits of the running peer, where one may look.
fn limits_of(status: Option<&Status>) -> Option<String> {
    system::text(format!("/proc/{}/limits", status?.pid))
}

fn open_files(status: Option<&Status>) -> Option<u64> {
    let limits = limits_of(status).or_else(|| system::text("/proc/self/limits"))?;
    system::limit(&limits, "Max open files").flatten()
}

fn clock() -> Clock {
    let wall = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let source = system::text("/sys/devices/system/clocksource/clocksource0/current_clocksource");
    Clock {
        wall_s: wall.as_secs(),
        is_synchronised: system::is_synchronised(),
        source: source.map(|source| source.trim().to_owned()),
    }
}

fn monitoring(config: &Config, status: Option<&Status>) -> Monitoring {
    let attempt = match config.admin_listen {
        None => Ok(()),
        Some(listen) if status.is_some() => system::connects(listen),
        Some(_) => crate::admin::listen(config).map(drop).map_err(|failure| failure.cause),
    };
    Monitoring { listen: config.admin_listen, attempt, is_running: status.is_some() }
}
