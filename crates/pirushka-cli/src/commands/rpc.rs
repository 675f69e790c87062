//! `rpc`: JSON-RPC 2.0 for bots and other programs.

use std::path::Path;

use pirushka_client::rpc::{self, Engine};
use tokio::io::BufReader;

use crate::args::Rpc;
use crate::context::Context;
use crate::fault::{Fault, Outcome};
use crate::lang::text;
use crate::trouble::fault;

/// `rpc`
///
/// # Errors
/// No profile; the socket cannot be made; stdin or stdout broke.
pub async fn run(context: &Context, rpc: Rpc) -> Outcome {
    if rpc.openrpc {
        context.out.say(format!("{:#}", rpc::openrpc::document()));
        return Ok(());
    }
    context.profile.must_exist().map_err(fault)?;
    let connecting = context.clone();
    let engine = Engine::new(Box::new(move || {
        let context = connecting.clone();
        Box::pin(async move { context.join_or_start().await })
    }));
    match rpc.socket {
        Some(path) => at_socket(context, engine, &path).await,
        None => {
            let served = rpc::serve(engine, BufReader::new(tokio::io::stdin()), tokio::io::stdout()).await;
            // Whoever reads no more wants no more.
            served
                .or_else(|error| if error.kind() == std::io::ErrorKind::BrokenPipe { Ok(()) } else { Err(error) })
                .map_err(Fault::unexpected)
        }
    }
}

#[cfg(unix)]
async fn at_socket(context: &Context, engine: Engine, path: &Path) -> Outcome {
    use tokio::signal::unix::{SignalKind, signal};
    let mut asked = signal(SignalKind::terminate()).map_err(Fault::unexpected)?;
    context.out.advise(text("rpc.listens", &[("path", &crate::out::clean(&path.display().to_string()))]));
    tokio::select! {
        ended = rpc::listen(engine, path) => ended.map_err(fault),
        _ = tokio::signal::ctrl_c() => Ok(()),
        _ = asked.recv() => Ok(()),
    }
}

#[cfg(not(unix))]
async fn at_socket(_: &Context, _: Engine, _: &Path) -> Outcome {
    Err(Fault::unexpected("this system has no unix sockets"))
}
