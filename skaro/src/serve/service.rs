//! Notifications for the system that started the server (sd_notify(3)), if it asked for them.

use std::time::{Duration, Instant};

#[cfg(unix)]
use sd_notify::{NotifyState, notify, watchdog_enabled};

/// Reports that the server listens, or has read its options again.
pub(crate) fn ready() {
    #[cfg(unix)]
    // An error means that the system does not listen.
    let _ = notify(&[NotifyState::Ready]);
}

/// Reports that the server reads its options again.
pub(crate) fn reloading() {
    #[cfg(unix)]
    if let Ok(now) = NotifyState::monotonic_usec_now() {
        _ = notify(&[NotifyState::Reloading, now]);
    }
}

/// Reports that the server shuts down.
pub(crate) fn stopping() {
    #[cfg(unix)]
    let _ = notify(&[NotifyState::Stopping]);
}

/// Signs of life, if the system wants them.
pub(crate) struct Watchdog {
    /// Half of the time after which the system would end the server.
    every: Option<Duration>,
    last: Instant,
}

impl Watchdog {
    pub(crate) fn start() -> Self {
        #[cfg(unix)]
        let every = watchdog_enabled().map(|time| time / 2);
        #[cfg(not(unix))]
        let every = None;
        Watchdog { every, last: Instant::now() }
    }

    /// Sends a sign of life, if it is due.
    pub(crate) fn tell(&mut self) {
        if self.every.is_some_and(|every| self.last.elapsed() >= every) {
            self.last = Instant::now();
            #[cfg(unix)]
            let _ = notify(&[NotifyState::Watchdog]);
        }
    }
}
