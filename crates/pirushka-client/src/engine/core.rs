//! What all connections of an engine share.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use pirushka_client_core::MessageState;
use tokio::sync::watch;

use crate::driver::{Driver, Thread};
use crate::error::{Code, Error, Result};
use crate::handle::AskPassphrase;
use crate::key::{KeyHeader, Kind};
use crate::lock::ProfileLock;
use crate::profile::Profile;
use crate::settings::Settings;
use crate::store::{Reader, Store};
use crate::view::{EngineView, MessageView};

/// An engine's heart: the driver, and a reading connection to the store.
pub(crate) struct Core {
    pub(crate) driver: Driver,
    pub(crate) profile: String,
    reader: Arc<Mutex<Reader>>,
    /// For further readers of the store.
    store: (std::path::PathBuf, crate::key::StoreKey),
    protection: Kind,
    background: bool,
    started: Instant,
    /// How many faces are connected.
    pub(crate) faces: watch::Sender<usize>,
    /// Becomes true when somebody asks the engine to stop.
    pub(crate) stop: watch::Sender<bool>,
}

impl Core {
    /// Takes the profile's lock, opens its store and lets the client talk. Blocks for the time of an Argon2id, if any.
    pub(crate) fn open(profile: &Profile, ask: Option<AskPassphrase>, background: bool) -> Result<(Arc<Self>, Thread)> {
        profile.must_exist()?;
        let config = Settings::load()?.client();
        let lock = ProfileLock::take(profile)?;
        let header = KeyHeader::read(profile)?;
        let key = header.unlock(profile, ask)?;
        let store = Store::open(&profile.store_path(), &key)?;
        let reader = Arc::new(Mutex::new(store.reader()?));
        let again = (profile.store_path(), key.clone());
        let (driver, thread) = Driver::start(store, lock, config)?;
        let core = Self {
            driver,
            profile: profile.name().to_owned(),
            reader,
            store: again,
            protection: header.kind(),
            background,
            started: Instant::now(),
            faces: watch::Sender::new(0),
            stop: watch::Sender::new(false),
        };
        Ok((Arc::new(core), thread))
    }

    /// Asks the store, on a thread where blocking is allowed.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&Reader) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let reader = self.reader.clone();
        let asking = tokio::task::spawn_blocking(move || ask(&reader.lock().unwrap_or_else(PoisonError::into_inner)));
        asking.await.unwrap_or_else(|_| Err(Error::new(Code::Unexpected, "a question to the store was broken off")))
    }

    /// The same with a reader of its own, for what takes long.
    pub(crate) async fn read_at_length<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&Reader) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (path, key) = self.store.clone();
        let asking = tokio::task::spawn_blocking(move || ask(&Reader::open(&path, &key)?));
        asking.await.unwrap_or_else(|_| Err(Error::new(Code::Unexpected, "a question to the store was broken off")))
    }

    /// A message as faces see it.
    pub(crate) fn view(&self, message: pirushka_client_core::Message) -> MessageView {
        let person = self.driver.board().person(message.contact);
        let held_at = match message.state {
            MessageState::Held { peer: Some(key), .. } => self.driver.board().peer(&key),
            MessageState::Held { peer: None, .. }
            | MessageState::Queued
            | MessageState::Delivered
            | MessageState::Read
            | MessageState::Failed { .. }
            | MessageState::Received => None,
        };
        MessageView::new(message, person, held_at)
    }

    /// Returns when somebody has asked the engine to stop.
    pub(crate) async fn stopping(&self) {
        let mut stop = self.stop.subscribe();
        // It fails only when the sender is gone, and that is in `self`.
        let _ = stop.wait_for(|stop| *stop).await;
    }

    pub(crate) fn engine_view(&self) -> EngineView {
        EngineView {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            background: self.background,
            uptime_s: self.started.elapsed().as_secs(),
            faces: *self.faces.borrow(),
            protection: self.protection.name().to_owned(),
        }
    }
}
