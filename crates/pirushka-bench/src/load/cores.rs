//! Which processor runs what, and for how long it ran.

use std::path::Path;

use anyhow::Context as _;
use rustix::process::Pid;
use rustix::thread::{CpuSet, gettid, sched_getaffinity, sched_setaffinity};

/// The server has a processor of its own, and the load another.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cores {
    pub(crate) server: usize,
    pub(crate) load: usize,
}

impl Cores {
    /// The first two that this process may use.
    pub(crate) fn two() -> anyhow::Result<Self> {
        let allowed = sched_getaffinity(None)?;
        let mut free = (0..CpuSet::MAX_CPU).filter(|core| allowed.is_set(*core));
        let (server, load) = (free.next(), free.next());
        let load = load.context("the server and the load need a processor each, and there is one in all")?;
        Ok(Self { server: server.unwrap_or_default(), load })
    }
}

fn one(core: usize) -> CpuSet {
    let mut set = CpuSet::new();
    set.set(core);
    set
}

/// This thread runs on that processor from now on.
pub(crate) fn pin_this_thread(core: usize) -> anyhow::Result<()> {
    Ok(sched_setaffinity(None, &one(core))?)
}

/// Threads that are measured.
#[derive(Debug, Clone)]
pub(crate) struct Threads(Vec<u32>);

impl Threads {
    /// All that a process has now.
    pub(crate) fn of_process(id: u32) -> anyhow::Result<Self> {
        let tasks = std::fs::read_dir(format!("/proc/{id}/task"))?;
        let ids = tasks.map(|task| anyhow::Ok(task?.file_name().to_string_lossy().parse()?));
        Ok(Self(ids.collect::<anyhow::Result<_>>()?))
    }

    /// The one that asks.
    pub(crate) fn this() -> Self {
        Self(vec![gettid().as_raw_nonzero().get() as u32])
    }

    pub(crate) fn pin(&self, core: usize) -> anyhow::Result<()> {
        for id in &self.0 {
            sched_setaffinity(Pid::from_raw(*id as i32), &one(core))?;
        }
        Ok(())
    }

    /// Seconds that they have run in all (Linux, `/proc/*/schedstat`).
    pub(crate) fn seconds(&self) -> anyhow::Result<f64> {
        let mut ns = 0.0;
        for id in &self.0 {
            let text = std::fs::read_to_string(Path::new("/proc").join(id.to_string()).join("schedstat"))?;
            ns += text.split_whitespace().next().context("an empty schedstat")?.parse::<f64>()?;
        }
        Ok(ns / 1e9)
    }
}
