//! How much of the processors others take: on a busy machine a delay says more of the scheduler than of the peer.

use std::fs::read_to_string;

use anyhow::Context as _;

/// Time since the start of the machine, in ticks of the kernel's clock.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ticks {
    /// Of all processors together, idle or not.
    all: u64,
    /// In which a processor worked for some process, or was taken away by the machine below this one.
    busy: u64,
    /// Of these, for this process and the peer.
    ours: u64,
}

impl Ticks {
    /// As they are now (Linux).
    pub(crate) fn now(peer: u32) -> anyhow::Result<Self> {
        let stat = read_to_string("/proc/stat")?;
        let fields: Vec<u64> = stat
            .lines()
            .next()
            .context("/proc/stat")?
            .split_whitespace()
            .skip(1)
            .take(8)
            .map_while(|field| field.parse().ok())
            .collect();
        let [user, nice, system, .., steal] = fields[..] else {
            anyhow::bail!("/proc/stat has {} fields", fields.len())
        };
        let ours = of_process("self")? + of_process(&peer.to_string())?;
        // Interrupts are left out: datagrams on their way are nobody's.
        Ok(Self { all: fields.iter().sum(), busy: user + nice + system + steal, ours })
    }

    /// The share of all processors that others took since then.
    pub(crate) fn others_since(self, before: Self) -> f64 {
        let others = (self.busy - before.busy).saturating_sub(self.ours - before.ours);
        others as f64 / (self.all - before.all).max(1) as f64
    }
}

fn of_process(pid: &str) -> anyhow::Result<u64> {
    let stat = read_to_string(format!("/proc/{pid}/stat"))?;
    // Behind the name in parentheses, which may contain anything.
    let fields = stat.rsplit_once(") ").context("a process's stat")?.1.split(' ');
    Ok(fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum())
}
