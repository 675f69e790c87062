//! How much memory the process takes, asked often and cheaply.

/// Asks the system.
#[derive(Debug)]
pub(crate) struct Meter {
    #[cfg(target_os = "linux")]
    statm: std::fs::File,
}

impl Meter {
    /// `None` where the system does not tell.
    #[cfg(target_os = "linux")]
    pub(crate) fn open() -> Option<Self> {
        Some(Self { statm: std::fs::File::open("/proc/self/statm").ok()? })
    }

    /// Resident bytes.
    #[cfg(target_os = "linux")]
    pub(crate) fn resident_bytes(&self) -> Option<u64> {
        use std::os::unix::fs::FileExt as _;
        let mut text = [0; 128];
        let n = self.statm.read_at(&mut text, 0).ok()?;
        let pages = std::str::from_utf8(text.get(..n)?).ok()?.split_whitespace().nth(1)?;
        Some(pages.parse::<u64>().ok()? * rustix::param::page_size() as u64)
    }

    /// `None` where the system does not tell.
    #[cfg(not(target_os = "linux"))]
    pub(crate) fn open() -> Option<Self> {
        None
    }

    /// Resident bytes.
    #[cfg(not(target_os = "linux"))]
    pub(crate) fn resident_bytes(&self) -> Option<u64> {
        None
    }
}

/// What of the process's memory is kept out of swap, and what is in it. `None` where the system does not tell.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Swapping {
    pub(crate) locked_bytes: Option<u64>,
    pub(crate) swapped_bytes: Option<u64>,
}

/// Asked now and then only: the system counts pages for it.
pub(crate) fn swap() -> Swapping {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let bytes = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        Some(line.trim().trim_end_matches("kB").trim().parse::<u64>().ok()? << 10)
    };
    Swapping { locked_bytes: bytes("VmLck"), swapped_bytes: bytes("VmSwap") }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn the_same_meter_sees_memory_come_and_go() {
        let meter = Meter::open().unwrap();
        let before = meter.resident_bytes().unwrap();
        let large = vec![7_u8; 64 << 20];
        let with = meter.resident_bytes().unwrap();
        assert!(with >= before + (60 << 20), "{before} {with} {}", large[1 << 20]);
        drop(large);
        assert!(meter.resident_bytes().unwrap() <= before + (8 << 20));
    }
}
