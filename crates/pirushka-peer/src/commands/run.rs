//! `pirushkad`: serve until told to stop.

use std::sync::mpsc::channel;

use crate::config::Config;
use crate::failure::Failure;
use crate::operator::{Operator, ReadAgain};
use crate::running::{Process, RunningPeer, start};
use crate::signals::Wish;
use crate::{hardening, notify, output, qr, signals};

/// Runs a peer until it is asked to end, then lets it drain.
pub(crate) fn run(config: Config, read_again: ReadAgain, json: bool) -> Result<(), Failure> {
    start_log(&config.log);
    // Before the key is read.
    let is_private = config.peer.private;
    let warnings = hardening::apply(config.lock_memory);
    let mut peer = start(config, Process::Own, warnings)?;
    peer.operator().reads_again_with(read_again);
    let (sender, wishes) = channel();
    signals::forward(sender.clone()).map_err(|error| Failure::unexpected("cannot take signals", error))?;
    if let Some(ended) = peer.take_shard_ended() {
        // A shard that ends by itself ends the process.
        let watch = move || {
            let _ = ended.recv();
            let _ = sender.send(Wish::Stop);
        };
        std::thread::Builder::new()
            .name("watch".into())
            .spawn(watch)
            .map_err(|error| Failure::unexpected("cannot start a thread", error))?;
    }
    greet(&peer, is_private, json);
    notify::ready();
    let _keep_alive = notify::keep_alive(peer.observer());
    while wishes.recv() == Ok(Wish::Reload) {
        reload(&peer.operator());
    }
    let result = peer.stop().map_err(|error| Failure::unexpected("the peer's socket failed", error));
    if json && result.is_ok() {
        output::data(serde_json::json!({"v": 1, "event": "stopped"}));
    }
    result
}

/// Whoever sent the signal reads the log.
fn reload(operator: &Operator) {
    match operator.reload() {
        Ok(reload) if reload.changes.is_empty() => tracing::info!("configuration read again: nothing changed"),
        Ok(_) => tracing::info!("configuration read again"),
        Err(failure) => {
            let Failure { what, cause, remedy, .. } = failure;
            tracing::error!("configuration not read again, the old one stays: {what}: {cause}; {remedy}");
        }
    }
}

fn start_log(level: &str) {
    let level = level.parse().unwrap_or(tracing_subscriber::filter::LevelFilter::INFO);
    // A process that embeds us may have its own already.
    let _ = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
        .with_target(false)
        .without_time()
        // Reporting that stderr is closed would panic, on stderr.
        .log_internal_errors(false)
        .try_init();
}

fn greet(peer: &RunningPeer, is_private: bool, json: bool) {
    let (advertisement, warnings) = (peer.advertisement(), peer.warnings());
    if json {
        output::data(serde_json::json!({
            "v": 1,
            "event": "listening",
            "address": advertisement.address.to_string(),
            "local": peer.local_addr().to_string(),
            "admin": peer.admin_addr().map(|admin| admin.to_string()),
            "boot": data_encoding::HEXLOWER.encode(peer.boot().as_bytes()),
            "key_is_new": peer.key_is_new(),
            "note": advertisement.note,
            "warnings": warnings,
        }));
        return;
    }
    warnings.iter().for_each(output::warning);
    if let Some(admin) = peer.admin_addr() {
        output::advice(format_args!("For monitoring: http://{admin}/metrics"));
    }
    if peer.key_is_new() {
        output::advice("A new key was made. Keep a copy of it: without it all users need a new address.");
    }
    if let Some(note) = &advertisement.note {
        output::advice(format_args!("Note: {note}."));
    }
    output::data(&advertisement.address);
    if is_private {
        // What is printed here ends up in logs.
        output::advice("This peer is private: `pirushkad address` prints what its users are given, with the secret.");
    } else if output::is_terminal() {
        print_qr(&advertisement.address);
        output::advice("Serving. Its users say: pirushka init --peer ADDRESS. Ctrl-C ends it.");
    }
}

/// The address as a QR code, if the address fits one.
pub(crate) fn print_qr(address: &impl std::fmt::Display) {
    if let Some(picture) = qr::render(&format!("pirushka://{address}"), output::is_terminal()) {
        output::data(picture);
    }
}
