//! Connections: few, short, and in one thread that nothing waits for.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::rc::Rc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::pages::Pages;
use crate::config::Config;
use crate::failure::Failure;
use crate::observer::Observer;

/// Connections at the same time. When there is one more, the oldest gives way: it had the longest to say what it wants,
/// so askers who say nothing keep nobody out.
const CONNECTIONS_MAX: usize = 32;
/// How long an asker may take to say what it wants.
const HEAD_PATIENCE: Duration = Duration::from_secs(2);
/// How long one connection may take altogether. There is one request in each.
const PATIENCE: Duration = Duration::from_secs(10);
/// The longest head of a request.
const HEAD_MAX: usize = 16 << 10;

/// Answers until it is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    local: SocketAddr,
    /// Closing it ends the thread.
    bell: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Server {
    /// Answers what comes to `listener` with what `observer` sees.
    ///
    /// # Errors
    /// A system that is out of threads or descriptors.
    pub(crate) fn start(listener: TcpListener, config: &Config, observer: Observer) -> io::Result<Self> {
        let local = listener.local_addr()?;
        // Whoever asks from elsewhere uses the name that clients know.
        let names = if local.ip().is_loopback() { None } else { config.host.as_ref() };
        let pages = Pages::new(observer, names.map(|advertised| advertised.host.to_string()).into_iter().collect());
        let (bell, end) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build()?;
        let run = move || {
            let tasks = tokio::task::LocalSet::new();
            tasks.block_on(&runtime, async {
                tokio::select! {
                    () = serve(listener, pages) => {}
                    _ = end => {}
                }
            });
        };
        let thread = std::thread::Builder::new().name("admin".into()).spawn(run)?;
        Ok(Self { local, bell: Some(bell), thread: Some(thread) })
    }

    /// Where it listens, with the port that the system chose.
    pub(crate) fn local_addr(&self) -> SocketAddr {
        self.local
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.bell = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Listens where `config` says; `None` when it says nothing.
///
/// # Errors
/// A place that cannot be listened on.
pub(crate) fn listen(config: &Config) -> Result<Option<TcpListener>, Failure> {
    let Some(listen) = config.admin_listen else { return Ok(None) };
    let listener = TcpListener::bind(listen).and_then(|listener| {
        listener.set_nonblocking(true)?;
        Ok(listener)
    });
    listener.map(Some).map_err(|error| cannot_listen(listen, error))
}

async fn serve(listener: TcpListener, pages: Pages) {
    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
    let pages = Rc::new(pages);
    let mut open = VecDeque::new();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                open.retain(|conversation: &JoinHandle<()>| !conversation.is_finished());
                if open.len() >= CONNECTIONS_MAX
                    && let Some(oldest) = open.pop_front()
                {
                    oldest.abort();
                }
                let pages = Rc::clone(&pages);
                open.push_back(tokio::task::spawn_local(async move {
                    // Whatever goes wrong with one asker is that asker's affair.
                    let _ = tokio::time::timeout(PATIENCE, converse(stream, &pages)).await;
                }));
                // Who is here is heard before the next one is let in.
                tokio::task::yield_now().await;
            }
            // Out of descriptors, mostly: better a pause than a thread that spins.
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

async fn converse(stream: TcpStream, pages: &Pages) -> Result<(), hyper::Error> {
    let answer = service_fn(|request: Request<Incoming>| {
        let answer: Response<String> = pages.answer(&request);
        async move { Ok::<_, Infallible>(answer) }
    });
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_PATIENCE)
        .max_buf_size(HEAD_MAX)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), answer)
        .await
}

fn cannot_listen(listen: SocketAddr, error: io::Error) -> Failure {
    Failure::configuration(
        "admin.cannot_listen",
        format!("cannot listen on {listen} for monitoring"),
        error,
        "name another port: admin.listen = \"127.0.0.1:PORT\", or leave the setting out",
    )
}
