//! Between engines, without the start of a process: text and receipt, and the first message to somebody new.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context;
use pirushka_client::{ContactUntil, EngineMode, Handle, InitOptions, Options, Profile, Protection, WaitFor, init};

use crate::Figure;
use crate::peer::Process;

const TEXTS: usize = 300;
const NEWCOMERS: usize = 15;
const LONG: Duration = Duration::from_secs(20);

/// A new person with an engine in this process.
async fn person(folder: &Path, name: &str, peer: &Process) -> anyhow::Result<Handle> {
    let profile = Profile::at(&folder.join(name), None)?;
    let options =
        InitOptions { name: name.to_owned(), home: Some(peer.address.clone()), protection: Protection::KeyFile };
    init(&profile, options).await?;
    let options = Options { mode: EngineMode::InProcess, passphrase: None, engine_command: None };
    Ok(Handle::join_or_start(&profile, options).await?)
}

async fn invite(of: &Handle) -> anyhow::Result<String> {
    let invite = of.invite_new("", 1, Duration::from_secs(3600), false).await?;
    invite.address.context("an invite without an address")
}

pub(crate) async fn figures(folder: &Path, peers: &[Process; 2]) -> anyhow::Result<Vec<Figure>> {
    let alice = person(folder, "alice", &peers[0]).await?;
    let bob = person(folder, "bob", &peers[1]).await?;
    alice.contact_add(&invite(&bob).await?, Some("bob")).await?;
    alice.contact_wait("bob", ContactUntil::Code, LONG).await?;
    let mut times = vec![];
    for n in 0..TEXTS {
        let start = Instant::now();
        let sent = alice.send("bob", &format!("text {n}"), WaitFor::Delivered, LONG).await?;
        anyhow::ensure!(sent.reached, "text {n} was not delivered");
        times.push(start.elapsed());
    }
    let text = Figure::of_times("text and end-to-end receipt between two engines", times, Some(2.0));

    let mut times = vec![];
    for n in 0..NEWCOMERS {
        let newcomer = person(folder, &format!("newcomer-{n}"), &peers[0]).await?;
        let address = invite(&bob).await?;
        // The newcomer's engine has registered, as it has when a person pastes an address.
        newcomer.invite_new("", 1, Duration::from_secs(60), false).await?;
        tokio::time::sleep(Duration::from_millis(200)).await;
        let start = Instant::now();
        newcomer.contact_add(&address, Some("bob")).await?;
        let sent = newcomer.send("bob", "hello", WaitFor::Delivered, LONG).await?;
        anyhow::ensure!(sent.reached, "the first message was not delivered");
        times.push(start.elapsed());
        newcomer.close().await?;
    }
    let first = Figure::of_times("first message to a never-seen contact, with its receipt", times, Some(60.0));
    alice.close().await?;
    bob.close().await?;
    Ok(vec![text, first])
}
