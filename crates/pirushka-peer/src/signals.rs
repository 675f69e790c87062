//! SIGTERM and SIGINT: the first asks to end, the second ends. SIGHUP: read the configuration again.

use std::io;
use std::sync::mpsc::Sender;

/// What the process is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wish {
    /// To end politely.
    Stop,
    /// To read its configuration again.
    Reload,
}

/// Sends what signals ask for; a second signal to end ends the process with 128 + its number.
#[cfg(unix)]
pub(crate) fn forward(to: Sender<Wish>) -> io::Result<()> {
    use std::sync::Arc;
    use std::sync::atomic::AtomicBool;

    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    use signal_hook::iterator::Signals;

    let is_second = Arc::new(AtomicBool::new(false));
    for signal in [SIGTERM, SIGINT] {
        // In this order: at the first signal the flag is not yet set when the shutdown looks at it.
        signal_hook::flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&is_second))?;
        signal_hook::flag::register(signal, Arc::clone(&is_second))?;
    }
    let mut signals = Signals::new([SIGTERM, SIGINT, SIGHUP])?;
    std::thread::Builder::new().name("signals".into()).spawn(move || {
        for signal in signals.forever() {
            if to.send(if signal == SIGHUP { Wish::Reload } else { Wish::Stop }).is_err() {
                return;
            }
        }
    })?;
    Ok(())
}

/// Elsewhere the system ends the process by itself; all that it holds is in memory anyway.
#[cfg(not(unix))]
pub(crate) fn forward(to: Sender<Wish>) -> io::Result<()> {
    // Kept, so that whoever waits does not take it for a signal.
    std::mem::forget(to);
    Ok(())
}
