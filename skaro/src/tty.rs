//! The terminal's settings: put back on every way out.

#[cfg(unix)]
pub(crate) use unix::{hide, hold, is_held, restore};

#[cfg(unix)]
mod unix {
    use std::io::{self, Write};
    use std::sync::{Mutex, MutexGuard, PoisonError};

    use nix::sys::termios::{LocalFlags, SetArg, Termios, tcgetattr, tcsetattr};

    /// The settings before anything here changed them.
    static BEFORE: Mutex<Option<Before>> = Mutex::new(None);

    struct Before {
        settings: Termios,
        /// Whether the line editor has the terminal, which changes more than the settings.
        is_edited: bool,
    }

    fn before() -> MutexGuard<'static, Option<Before>> {
        BEFORE.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers the terminal's settings, before the line editor changes them.
    pub(crate) fn hold() {
        *before() = tcgetattr(io::stdin()).ok().map(|settings| Before { settings, is_edited: true });
    }

    /// Lets nobody see what is typed.
    pub(crate) fn hide() -> io::Result<()> {
        let settings = tcgetattr(io::stdin())?;
        let mut hidden = settings.clone();
        *before() = Some(Before { settings, is_edited: false });
        hidden.local_flags.remove(LocalFlags::ECHO);
        Ok(tcsetattr(io::stdin(), SetArg::TCSANOW, &hidden)?)
    }

    /// Whether something may have changed the settings.
    pub(crate) fn is_held() -> bool {
        before().is_some()
    }

    /// Puts everything back, if something may have changed it.
    ///
    /// Otherwise it does nothing: a program in the background that sets a terminal's settings is stopped.
    pub(crate) fn restore() {
        let Some(Before { settings, is_edited }) = before().take() else { return };
        _ = tcsetattr(io::stdin(), SetArg::TCSANOW, &settings);
        if is_edited {
            // Bracketed paste.
            let mut stdout = io::stdout();
            _ = stdout.write_all(b"\x1b[?2004l").and_then(|()| stdout.flush());
        }
    }
}

// The libraries look after Windows' console by themselves.
#[cfg(not(unix))]
pub(crate) const fn hold() {}
#[cfg(not(unix))]
pub(crate) const fn is_held() -> bool {
    false
}
#[cfg(not(unix))]
pub(crate) const fn restore() {}
