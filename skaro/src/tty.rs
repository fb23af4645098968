//! The terminal's settings, which are restored whenever the program ends.

#[cfg(unix)]
pub(crate) use unix::{hide, hold, is_held, restore, suspend};

#[cfg(unix)]
mod unix {
    use std::io::{self, Write};
    use std::sync::{Mutex, MutexGuard, PoisonError};

    use nix::sys::signal::{Signal, raise};
    use nix::sys::termios::{LocalFlags, SetArg, Termios, tcgetattr, tcsetattr};

    /// The original settings.
    static BEFORE: Mutex<Option<Before>> = Mutex::new(None);

    const PASTE_ON: &[u8] = b"\x1b[?2004h";
    const PASTE_OFF: &[u8] = b"\x1b[?2004l";

    struct Before {
        settings: Termios,
        /// Set while the line editor uses the terminal, which changes more than the settings.
        is_edited: bool,
    }

    fn before() -> MutexGuard<'static, Option<Before>> {
        BEFORE.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Turns the echo off for the line editor, which shows what is typed while it reads.
    pub(crate) fn hold() -> io::Result<()> {
        turn_echo_off(true)
    }

    /// Turns the echo off.
    pub(crate) fn hide() -> io::Result<()> {
        turn_echo_off(false)
    }

    fn turn_echo_off(is_edited: bool) -> io::Result<()> {
        let settings = tcgetattr(io::stdin())?;
        let mut hidden = settings.clone();
        *before() = Some(Before { settings, is_edited });
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
            write(PASTE_OFF);
        }
    }

    /// Stops the program until somebody continues it. Meanwhile the terminal has its original settings.
    pub(crate) fn suspend() -> io::Result<()> {
        let edited = tcgetattr(io::stdin())?;
        if let Some(Before { settings, .. }) = &*before() {
            tcsetattr(io::stdin(), SetArg::TCSADRAIN, settings)?;
            write(PASTE_OFF);
        }
        // To this thread only: a signal to the process may reach another thread first, and this one would change the
        // settings back before it is stopped.
        raise(Signal::SIGTSTP)?;
        tcsetattr(io::stdin(), SetArg::TCSADRAIN, &edited)?;
        write(PASTE_ON);
        // The window may have changed meanwhile, which only the program in the foreground is told.
        Ok(raise(Signal::SIGWINCH)?)
    }

    /// Writes a sequence that turns bracketed paste on or off.
    fn write(sequence: &[u8]) {
        let mut stdout = io::stdout();
        _ = stdout.write_all(sequence).and_then(|()| stdout.flush());
    }
}

// On Windows the libraries restore the console themselves.
#[cfg(not(unix))]
pub(crate) const fn hold() -> std::io::Result<()> {
    Ok(())
}
#[cfg(not(unix))]
pub(crate) const fn is_held() -> bool {
    false
}
#[cfg(not(unix))]
pub(crate) const fn restore() {}
