//! What the service manager is told (sd_notify): serving, stopping, and again and again that the loop still turns.
//!
//! Without `$NOTIFY_SOCKET` nothing happens. A manager that does not listen is no reason not to serve, so failures are
//! logged and nothing more.

#[cfg(unix)]
pub(crate) use unix::{keep_alive, ready, reloading, stopping};

#[cfg(unix)]
mod unix {
    use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
    use std::thread::JoinHandle;
    use std::time::Duration;

    use sd_notify::NotifyState;

    use crate::observer::Observer;
    use crate::status::Status;

    /// How often the manager gets a new line about us when it does not watch the time.
    const NEWS_EVERY: Duration = Duration::from_secs(30);
    /// What ending may take beyond draining.
    const END_PATIENCE: Duration = Duration::from_secs(10);

    /// Serving; whoever waits for us may go on.
    pub(crate) fn ready() {
        send(&[NotifyState::Ready, NotifyState::Status("Serving")]);
    }

    /// Reading the configuration again; [`ready`] says that it is done, whatever came of it.
    pub(crate) fn reloading() {
        let mut news = vec![NotifyState::Reloading];
        // Newer managers ask for the moment.
        news.extend(NotifyState::monotonic_usec_now());
        send(&news);
    }

    /// Stopping, which may take `drain`, whatever the unit's time limit is.
    pub(crate) fn stopping(drain: Duration) {
        let at_most = (drain + END_PATIENCE).as_micros().try_into().unwrap_or(u32::MAX);
        let status = "Stopping: handing out what is held for those who are here";
        send(&[NotifyState::Stopping, NotifyState::ExtendTimeoutUsec(at_most), NotifyState::Status(status)]);
    }

    /// Says how the peer does until it is dropped.
    #[derive(Debug)]
    pub(crate) struct KeepAlive {
        /// Closing it ends the thread.
        bell: Option<Sender<()>>,
        thread: Option<JoinHandle<()>>,
    }

    /// Tells the manager at half its watchdog's time that the shards still answer. When they do not, nothing is told,
    /// and the manager starts us again. `None` without a manager.
    pub(crate) fn keep_alive(observer: Observer) -> Option<KeepAlive> {
        std::env::var_os("NOTIFY_SOCKET")?;
        let watchdog = sd_notify::watchdog_enabled();
        let every = watchdog.map_or(NEWS_EVERY, |limit| limit / 2).max(Duration::from_millis(10));
        let (bell, end) = channel::<()>();
        let run = move || {
            loop {
                // A loop that stands still says nothing, which is what the watchdog waits for.
                if let Some(status) = observer.status() {
                    let line = line(&status);
                    let news = [NotifyState::Status(&line), NotifyState::Watchdog];
                    send(if watchdog.is_some() { &news } else { &news[..1] });
                }
                if !matches!(end.recv_timeout(every), Err(RecvTimeoutError::Timeout)) {
                    return;
                }
            }
        };
        let thread = std::thread::Builder::new().name("notify".into()).spawn(run).ok()?;
        Some(KeepAlive { bell: Some(bell), thread: Some(thread) })
    }

    impl Drop for KeepAlive {
        fn drop(&mut self) {
            self.bell = None;
            if let Some(thread) = self.thread.take() {
                let _ = thread.join();
            }
        }
    }

    /// What `systemctl status` shows: totals, nobody's identity.
    fn line(status: &Status) -> String {
        let state = if status.draining { "Stopping" } else { "Serving" };
        let (clients, messages) = (&status.clients, &status.messages);
        format!("{state}: {} users, {} here, {} messages held", clients.users, clients.online, messages.held)
    }

    fn send(states: &[NotifyState<'_>]) {
        if let Err(error) = sd_notify::notify(states) {
            tracing::warn!(%error, "the service manager could not be told");
        }
    }
}

#[cfg(not(unix))]
pub(crate) use elsewhere::{keep_alive, ready, reloading, stopping};

#[cfg(not(unix))]
mod elsewhere {
    use std::time::Duration;

    use crate::observer::Observer;

    pub(crate) fn ready() {}

    pub(crate) fn reloading() {}

    pub(crate) fn stopping(_: Duration) {}

    pub(crate) fn keep_alive(_: Observer) -> Option<()> {
        None
    }
}
