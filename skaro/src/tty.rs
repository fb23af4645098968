//! The terminal's settings, which are restored whenever the program ends.

#[cfg(unix)]
pub(crate) use unix::{hide, hold, is_held, restore};

#[cfg(unix)]
mod unix {
    use std::io::{self, Write};
    use std::sync::{Mutex, MutexGuard, PoisonError};

    use nix::sys::termios::{LocalFlags, SetArg, Termios, tcgetattr, tcsetattr};

    /// The original settings.
    static BEFORE: Mutex<Option<Before>> = Mutex::new(None);

    struct Before {
        settings: Termios,
        /// Set while the line editor uses the terminal, which changes more than the settings.
        is_edited: bool,
    }

    fn before() -> MutexGuard<'static, Option<Before>> {
        BEFORE.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Saves the terminal's settings before the line editor changes them.
    pub(crate) fn hold() {
        *before() = tcgetattr(io::stdin()).ok().map(|settings| Before { settings, is_edited: true });
    }

    /// Turns the echo off.
    pub(crate) fn hide() -> io::Result<()> {
        let settings = tcgetattr(io::stdin())?;
        let mut hidden = settings.clone();
        *before() = Some(Before { settings, is_edited: false });
        hidden.local_flags.remove(LocalFlags::ECHO);
        Ok(tcsetattr(io::stdin(), SetArg::TCSANOW, &hidden)?)
    }

    /// Returns whether the settings may have been changed.
    pub(crate) fn is_held() -> bool {
        before().is_some()
    }

    /// Restores the terminal if its settings may have been changed.
    ///
    /// Otherwise it does nothing: the system stops a background program that sets a terminal's settings.
    pub(crate) fn restore() {
        let Some(Before { settings, is_edited }) = before().take() else { return };
        _ = tcsetattr(io::stdin(), SetArg::TCSANOW, &settings);
        if is_edited {
            // Turns bracketed paste off.
            let mut stdout = io::stdout();
            _ = stdout.write_all(b"\x1b[?2004l").and_then(|()| stdout.flush());
        }
    }
}

// On Windows the libraries restore the console themselves.
#[cfg(not(unix))]
pub(crate) const fn hold() {}
#[cfg(not(unix))]
pub(crate) const fn is_held() -> bool {
    false
}
#[cfg(not(unix))]
pub(crate) const fn restore() {}
