//! As a person's shell sees it: a process per command, with engines already running.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::Context;

use crate::Figure;
use crate::peer::Process;

const TIMES: usize = 60;

struct Person<'a> {
    programs: &'a Path,
    home: std::path::PathBuf,
}

impl Person<'_> {
    fn run(&self, args: &[&str]) -> anyhow::Result<serde_json::Value> {
        let out = Command::new(self.programs.join("pirushka"))
            .env("PIRUSHKA_HOME", &self.home)
            .arg("--json")
            .args(args)
            .stderr(Stdio::inherit())
            .output()?;
        anyhow::ensure!(out.status.success(), "pirushka {args:?} failed");
        let text = String::from_utf8(out.stdout)?;
        Ok(text.lines().next().map(serde_json::from_str).transpose()?.unwrap_or_default())
    }
}

impl Drop for Person<'_> {
    fn drop(&mut self) {
        let _ = self.run(&["engine", "stop"]);
    }
}

pub(crate) fn figures(programs: &Path, folder: &Path, peers: &[Process; 2]) -> anyhow::Result<Vec<Figure>> {
    let person = |name: &str| Person { programs, home: folder.join(format!("command-{name}")) };
    let (alice, bob) = (person("alice"), person("bob"));
    alice.run(&["init", "--name", "alice", "--peer", &peers[0].address, "--key-file"])?;
    bob.run(&["init", "--name", "bob", "--peer", &peers[1].address, "--key-file"])?;
    let invite = bob.run(&["invite", "new"])?;
    let address = invite["address"].as_str().context("the invite's address")?;
    alice.run(&["contact", "add", address, "--name", "bob"])?;
    alice.run(&["send", "bob", "first", "--wait", "delivered"])?;
    let time = |args: &[&str]| -> anyhow::Result<Vec<std::time::Duration>> {
        (0..TIMES)
            .map(|_| {
                let start = Instant::now();
                alice.run(args)?;
                Ok(start.elapsed())
            })
            .collect()
    };
    let send = time(&["send", "bob", "hello", "--wait", "delivered"])?;
    let status = time(&["status"])?;
    Ok(vec![
        Figure::of_times("`send --wait delivered` as a process", send, Some(50.0)),
        Figure::of_times("`status` as a process", status, Some(20.0)),
    ])
}
