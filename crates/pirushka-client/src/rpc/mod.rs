//! The engine for programs in any language: JSON-RPC 2.0, one object (or batch) per line.
//!
//! | file | what |
//! |---|---|
//! | `session` | one connection: calls in their order, waits beside them, events |
//! | `calls` | a line as calls, a call as a [`Request`](crate::engine::protocol::Request), an outcome as an answer |
//! | `events` | what a subscription tells, over the deaths of engines |
//! | [`openrpc`] | the description of all methods, made from the types and their comments |
//! | `socket` | many connections at a unix socket |
//!
//! Methods are the requests of the engine's own protocol by their names, parameters are by name. What goes wrong in
//! Pirushka has the number [`FAILED`] and in `data` a stable word; other numbers are those of
//! [JSON-RPC](https://www.jsonrpc.org/specification#error_object).

mod calls;
mod events;
pub mod openrpc;
mod session;
#[cfg(unix)]
mod socket;

use std::pin::Pin;
use std::sync::Arc;

use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore};

use crate::engine::protocol::{Done, Request, Since};
use crate::error::{Code, Result};
use crate::handle::{Handle, Subscription};

pub use calls::FAILED;
pub use session::serve;
#[cfg(unix)]
pub use socket::listen;

/// Joins the engine, or starts one; called again when it has gone.
pub type Connect = Box<dyn Fn() -> Pin<Box<dyn Future<Output = Result<Handle>> + Send>> + Send + Sync>;

/// The engine as long as it lives, and then the next one.
#[derive(Clone)]
pub struct Engine(Arc<Inner>);

struct Inner {
    connect: Connect,
    handle: Mutex<Option<Handle>>,
    /// Of all connections together.
    waits: Arc<Semaphore>,
}

/// Calls that wait for other people at once. Each has a connection to the engine, which takes 64 from all faces together.
const WAITS_MAX: usize = 24;

impl Engine {
    /// Nothing is connected before the first call.
    #[must_use]
    pub fn new(connect: Connect) -> Self {
        Self(Arc::new(Inner { connect, handle: Mutex::new(None), waits: Arc::new(Semaphore::new(WAITS_MAX)) }))
    }

    async fn handle(&self) -> Result<Handle> {
        let mut handle = self.0.handle.lock().await;
        if let Some(handle) = &*handle {
            return Ok(handle.clone());
        }
        Ok(handle.insert((self.0.connect)().await?).clone())
    }

    /// The right to wait, if not too many do.
    fn patience(&self) -> Option<OwnedSemaphorePermit> {
        self.0.waits.clone().try_acquire_owned().ok()
    }

    /// Not tried again when the engine dies over it: nobody knows whether it was done.
    async fn call(&self, request: Request) -> Result<Done> {
        let outcome = self.handle().await?.call(request).await;
        self.forget_if_gone(outcome).await
    }

    async fn subscribe(&self, from: Since) -> Result<Subscription> {
        let outcome = self.handle().await?.subscribe(from).await;
        self.forget_if_gone(outcome).await
    }

    async fn forget_if_gone<T>(&self, outcome: Result<T>) -> Result<T> {
        if outcome.as_ref().is_err_and(|error| error.code == Code::Engine) {
            self.forget().await;
        }
        outcome
    }

    /// The next call joins or starts another one.
    async fn forget(&self) {
        *self.0.handle.lock().await = None;
    }
}
