//! The terminal's settings. They are restored whenever the program ends.

#[cfg(unix)]
pub(crate) use unix::{fill, hide, hold, is_held, restore, suspend, wait_for_end};

#[cfg(unix)]
mod unix {
    use std::io::{self, Write};
    use std::os::fd::AsFd;
    use std::sync::{Mutex, MutexGuard, PoisonError};

    use nix::errno::Errno;
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
    use nix::sys::signal::{Signal, raise};
    use nix::sys::termios::{LocalFlags, SetArg, Termios, tcgetattr, tcsetattr};

    /// The original settings.
    static BEFORE: Mutex<Option<Before>> = Mutex::new(None);

    /// The current use of the terminal.
    #[derive(Clone, Copy)]
    enum User {
        Prompt,
        /// The line editor, which enables bracketed paste.
        LineEditor,
        /// The full-screen view, which also uses the alternate screen, and may hide the cursor.
        View,
    }

    impl User {
        const fn enter(self) -> &'static [u8] {
            match self {
                User::Prompt => b"",
                User::LineEditor => b"\x1b[?2004h",
                User::View => b"\x1b[?1049h\x1b[?2004h",
            }
        }

        const fn leave(self) -> &'static [u8] {
            match self {
                User::Prompt => b"",
                User::LineEditor => b"\x1b[?2004l",
                User::View => b"\x1b[?2004l\x1b[?1049l\x1b[?25h",
            }
        }
    }

    struct Before {
        settings: Termios,
        user: User,
    }

    fn before() -> MutexGuard<'static, Option<Before>> {
        BEFORE.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Turns the echo off for the line editor, which shows typed text itself while it reads.
    pub(crate) fn hold() -> io::Result<()> {
        turn_echo_off(User::LineEditor)
    }

    /// Turns the echo off for the full-screen view.
    pub(crate) fn fill() -> io::Result<()> {
        turn_echo_off(User::View)
    }

    /// Turns the echo off.
    pub(crate) fn hide() -> io::Result<()> {
        turn_echo_off(User::Prompt)
    }

    fn turn_echo_off(user: User) -> io::Result<()> {
        let settings = tcgetattr(io::stdin())?;
        let mut hidden = settings.clone();
        *before() = Some(Before { settings, user });
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
        let Some(Before { settings, user }) = before().take() else { return };
        _ = tcsetattr(io::stdin(), SetArg::TCSANOW, &settings);
        write(user.leave());
    }

    /// Stops the program until somebody continues it. Meanwhile the terminal has its original settings.
    pub(crate) fn suspend() -> io::Result<()> {
        let edited = tcgetattr(io::stdin())?;
        let mut user = User::Prompt;
        if let Some(before) = &*before() {
            tcsetattr(io::stdin(), SetArg::TCSADRAIN, &before.settings)?;
            user = before.user;
            write(user.leave());
        }
        // To this thread only: a signal to the process may reach another thread first, and this one would change the
        // settings back before it is stopped.
        raise(Signal::SIGTSTP)?;
        tcsetattr(io::stdin(), SetArg::TCSADRAIN, &edited)?;
        write(user.enter());
        // The window's size may have changed meanwhile. Only the program in the foreground is notified of that.
        Ok(raise(Signal::SIGWINCH)?)
    }

    /// Waits until the terminal is gone. An error means that this system does not report it.
    pub(crate) fn wait_for_end() -> io::Result<()> {
        let stdin = io::stdin();
        loop {
            let mut polled = [PollFd::new(stdin.as_fd(), PollFlags::empty())];
            match poll(&mut polled, PollTimeout::NONE) {
                Err(Errno::EINTR) => continue,
                Err(error) => return Err(error.into()),
                Ok(_) => (),
            }
            let happened =
                polled.iter().filter_map(PollFd::revents).fold(PollFlags::empty(), PollFlags::union);
            return match happened.intersects(PollFlags::POLLHUP | PollFlags::POLLERR) {
                true => Ok(()),
                false => Err(io::ErrorKind::Unsupported.into()),
            };
        }
    }

    /// Writes control sequences.
    fn write(sequence: &[u8]) {
        let mut stdout = io::stdout();
        _ = stdout.write_all(sequence).and_then(|()| stdout.flush());
    }
}

// On Windows the line editor restores the console itself, and a library does so for the view.
#[cfg(not(unix))]
pub(crate) const fn hold() -> std::io::Result<()> {
    Ok(())
}
#[cfg(not(unix))]
static IS_FILLED: std::sync::atomic::AtomicBool = std::sync::atomic::AtomicBool::new(false);
#[cfg(not(unix))]
pub(crate) fn fill() -> std::io::Result<()> {
    IS_FILLED.store(true, std::sync::atomic::Ordering::SeqCst);
    Ok(())
}
#[cfg(not(unix))]
pub(crate) const fn is_held() -> bool {
    false
}
#[cfg(not(unix))]
pub(crate) fn restore() {
    use ratatui::crossterm::event::DisableBracketedPaste;
    use ratatui::crossterm::terminal::{LeaveAlternateScreen, disable_raw_mode};
    use ratatui::crossterm::{cursor::Show, execute};
    if IS_FILLED.swap(false, std::sync::atomic::Ordering::SeqCst) {
        _ = execute!(std::io::stdout(), DisableBracketedPaste, LeaveAlternateScreen, Show);
        _ = disable_raw_mode();
    }
}
