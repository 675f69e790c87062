//! Facts of the system, read from where Linux tells them; elsewhere nobody tells, and the answer is `None`.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};

use super::judge::Swap;

/// The number in a file that holds nothing else.
pub(super) fn number(path: &str) -> Option<u64> {
    text(path)?.trim().parse().ok()
}

/// A file of the system, at most 1 MiB of it.
pub(super) fn text(path: impl AsRef<Path>) -> Option<String> {
    use std::io::Read as _;
    let mut text = String::new();
    std::fs::File::open(path).ok()?.take(1 << 20).read_to_string(&mut text).ok()?;
    Some(text)
}

/// A line of /proc/meminfo in bytes.
pub(super) fn meminfo(meminfo: &str, name: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    let kib: u64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    Some(kib << 10)
}

/// The areas of /proc/swaps.
pub(super) fn swaps(swaps: &str) -> Vec<Swap> {
    let names = swaps.lines().skip(1).filter_map(|line| line.split_whitespace().next());
    names.map(|name| Swap { name: name.to_owned() }).collect()
}

/// The smallest memory limit of the control group (v2) of a process, or of one above it.
pub(super) fn group_limit(pid: &str) -> Option<u64> {
    let groups = text(format!("/proc/{pid}/cgroup"))?;
    let group = groups.lines().find_map(|line| line.strip_prefix("0::"))?;
    let root = Path::new("/sys/fs/cgroup");
    let folder = root.join(group.trim_start_matches('/'));
    let above = folder.ancestors().take_while(|folder| folder.starts_with(root));
    above.filter_map(|folder| text(folder.join("memory.max"))?.trim().parse().ok()).min()
}

/// A limit (the soft one) of /proc/PID/limits; `Some(None)`: unlimited.
pub(super) fn limit(limits: &str, name: &str) -> Option<Option<u64>> {
    let line = limits.lines().find_map(|line| line.strip_prefix(name))?;
    let soft = line.split_whitespace().next()?;
    if soft == "unlimited" { Some(None) } else { soft.parse().ok().map(Some) }
}

/// Whether the machine has an IPv6 address beside its loopback's.
pub(super) fn has_ipv6() -> Option<bool> {
    if !Path::new("/proc/net").exists() {
        return None;
    }
    let addresses = text("/proc/net/if_inet6").unwrap_or_default();
    Some(addresses.lines().any(|line| !line.starts_with("00000000000000000000000000000001")))
}

/// Whether something sets the clock by the network's.
pub(super) fn is_synchronised() -> Option<bool> {
    if Path::new("/run/systemd/timesync/synchronized").exists() {
        return Some(true);
    }
    match output("timedatectl", &["show", "--property=NTPSynchronized", "--value"])?.trim() {
        "yes" => Some(true),
        "no" => Some(false),
        _ => None,
    }
}

/// What the packet filter says, as far as this user may ask.
pub(super) fn filter_rules() -> Option<String> {
    let rules = [output("nft", &["list", "ruleset"]), output("iptables", &["-S"])];
    let known: Vec<String> = rules.into_iter().flatten().collect();
    if known.is_empty() { None } else { Some(known.join("\n")) }
}

/// Who holds a UDP port: "name (process 12)". Others' processes are seen by root only.
pub(super) fn holder(port: u16) -> Option<String> {
    let tables = ["/proc/net/udp", "/proc/net/udp6"].map(|table| text(table).unwrap_or_default());
    let inode = tables.iter().find_map(|table| inode_of(table, port))?;
    let wanted = format!("socket:[{inode}]");
    let processes = std::fs::read_dir("/proc").ok()?.filter_map(Result::ok);
    for process in processes {
        let Some(pid) = process.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        let Ok(files) = std::fs::read_dir(process.path().join("fd")) else { continue };
        let holds =
            |file: std::fs::DirEntry| std::fs::read_link(file.path()).is_ok_and(|to| to.as_os_str() == &*wanted);
        if files.filter_map(Result::ok).any(holds) {
            let name = text(process.path().join("comm")).unwrap_or_default();
            return Some(format!("{} (process {pid})", name.trim()));
        }
    }
    None
}

/// The inode of the socket with a local port, from a table of /proc/net.
fn inode_of(table: &str, port: u16) -> Option<String> {
    let ending = format!(":{port:04X}");
    let mut lines = table.lines().skip(1).map(|line| line.split_whitespace().collect::<Vec<_>>());
    let line = lines.find(|fields| fields.get(1).is_some_and(|local| local.ends_with(&ending)))?;
    line.get(9).map(|inode| (*inode).to_owned())
}

/// What connecting to a TCP port says.
pub(super) fn connects(to: SocketAddr) -> Result<(), String> {
    let to = match to.ip().is_unspecified() {
        true if to.is_ipv4() => SocketAddr::new(std::net::Ipv4Addr::LOCALHOST.into(), to.port()),
        true => SocketAddr::new(std::net::Ipv6Addr::LOCALHOST.into(), to.port()),
        false => to,
    };
    let patience = std::time::Duration::from_secs(2);
    std::net::TcpStream::connect_timeout(&to, patience).map(drop).map_err(|error| error.to_string())
}

/// What a program of the system prints, if it is there and succeeds.
fn output(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_system_writes_is_read() {
        assert_eq!(meminfo("MemTotal:       16384 kB\nMemFree: 1 kB\n", "MemTotal"), Some(16 << 20));
        assert_eq!(meminfo("MemTotal: x\n", "MemTotal"), None);
        let swaps = swaps("Filename Type Size Used Priority\n/dev/sda2 partition 1 0 -2\n/dev/zram0 partition 1 0 5\n");
        assert_eq!(swaps.iter().map(|swap| swap.name.as_str()).collect::<Vec<_>>(), ["/dev/sda2", "/dev/zram0"]);
        let limits = "Limit                     Soft Limit           Hard Limit           Units\n\
                      Max core file size        0                    unlimited            bytes\n\
                      Max open files            unlimited            1048576              files\n";
        assert_eq!(limit(limits, "Max core file size"), Some(Some(0)));
        assert_eq!(limit(limits, "Max open files"), Some(None));
        assert_eq!(limit(limits, "Max locked memory"), None);
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
                     2: 00000000:1BCD 00000000:0000 07 00000000:00000000 00:00000000 00000000  0  0 4711 2 0 0\n";
        assert_eq!((inode_of(table, 7117), inode_of(table, 17)), (Some("4711".into()), None));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn whoever_holds_a_port_is_found() {
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let holder = holder(socket.local_addr().unwrap().port()).unwrap();
        assert!(holder.ends_with(&format!("(process {})", std::process::id())), "{holder}");
    }
}
