//! Signals.
//!
//! By default they end the program, after its terminal is restored. A part of the program may take them instead.

use std::io;
use std::sync::{Mutex, PoisonError};

use crate::tty;

/// The meaning of a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    /// SIGINT (Ctrl-C) or SIGTERM.
    End,
    /// SIGHUP: the terminal was closed, or the configuration should be reloaded.
    #[cfg_attr(not(unix), expect(dead_code, reason = "Windows has no such signal"))]
    HangUp,
}

/// Returns whether it has taken the signal. If not, the program ends.
type Taker = Box<dyn FnMut(Signal) -> bool + Send>;

static TAKER: Mutex<Option<Taker>> = Mutex::new(None);

/// Passes all further signals to this function.
pub(crate) fn take(taker: impl FnMut(Signal) -> bool + Send + 'static) {
    *TAKER.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(taker));
}

fn offer(signal: Signal) -> bool {
    TAKER.lock().unwrap_or_else(PoisonError::into_inner).as_mut().is_some_and(|taker| taker(signal))
}

/// Starts to watch for signals.
#[cfg(unix)]
pub(crate) fn watch() -> io::Result<()> {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGXFSZ};
    use signal_hook::{iterator::Signals, low_level::emulate_default_handler};

    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGXFSZ])?;
    std::thread::Builder::new().name("signals".into()).spawn(move || {
        for number in signals.forever() {
            let is_taken = match number {
                SIGINT | SIGTERM => offer(Signal::End),
                SIGHUP => offer(Signal::HangUp),
                // A write beyond the limit of a file's size returns an error as well.
                SIGXFSZ => true,
                _ => false,
            };
            if !is_taken {
                tty::restore();
                _ = emulate_default_handler(number);
            }
        }
    })?;
    Ok(())
}

/// Starts to watch for Ctrl-C and similar events.
#[cfg(not(unix))]
pub(crate) fn watch() -> io::Result<()> {
    let handler = || {
        if !offer(Signal::End) {
            tty::restore();
            std::process::exit(130);
        }
    };
    ctrlc::set_handler(handler).map_err(io::Error::other)
}
