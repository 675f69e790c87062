//! A peer as a process; ends with this value.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::Context;
use pirushka_wire::{PeerAddress, PeerId};

/// A running `pirushkad` on a free port of 127.0.0.1.
pub(crate) struct Process {
    child: Child,
    data: PathBuf,
    /// `host:port?k=...`
    pub(crate) address: String,
}

impl Process {
    pub(crate) fn start(programs: &Path, data: &Path) -> anyhow::Result<Self> {
        Self::start_with(programs, data, &[])
    }

    /// With settings, as `KEY=VALUE`.
    pub(crate) fn start_with(programs: &Path, data: &Path, settings: &[&str]) -> anyhow::Result<Self> {
        let mut child = Command::new(programs.join("pirushkad"))
            .args(["--listen", "127.0.0.1:0", "--json", "--data-dir"])
            .arg(data)
            .args(settings.iter().flat_map(|setting| ["--set", setting]))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let out = child.stdout.take().context("no output")?;
        let mut line = String::new();
        BufReader::new(out).read_line(&mut line)?;
        let said: serde_json::Value = serde_json::from_str(&line).context("the peer's first line")?;
        let address = said["address"].as_str().context("the peer's address")?.to_owned();
        Ok(Self { child, data: data.to_owned(), address })
    }

    /// Where it listens, and what it is called.
    pub(crate) fn socket_and_key(&self) -> anyhow::Result<(SocketAddr, PeerId)> {
        let address: PeerAddress = self.address.parse()?;
        Ok((format!("{}:{}", address.host, address.port).parse()?, address.peer_id))
    }

    /// What it tells of itself.
    pub(crate) fn status(&self, programs: &Path) -> anyhow::Result<serde_json::Value> {
        let said = Command::new(programs.join("pirushkad"))
            .args(["status", "--json", "--data-dir"])
            .arg(&self.data)
            .stderr(Stdio::inherit())
            .output()?;
        anyhow::ensure!(said.status.success(), "pirushkad status failed");
        Ok(serde_json::from_slice(&said.stdout)?)
    }

    /// Its number as a process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Resident memory, from `/proc` (Linux).
    pub(crate) fn rss_mib(&self) -> anyhow::Result<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find(|line| line.starts_with("VmRSS")).context("VmRSS")?;
        let kib: f64 = line.split_whitespace().nth(1).context("VmRSS")?.parse()?;
        Ok(kib / 1024.0)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
