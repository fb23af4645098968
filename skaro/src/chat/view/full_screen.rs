//! The terminal of the full-screen view: draws the view's rows, and reads keys.

use std::io::{self, BufWriter, Stdout, Write, stdout};
use std::thread;

use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::event::{self, EnableBracketedPaste, Event};
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{EnterAlternateScreen, enable_raw_mode, size};
use ratatui::layout::{Position, Rect};
use ratatui::style::{Color, Modifier, Style};

use super::{Reaction, View};
use crate::chat::complete::Names;
use crate::chat::line::Input;
use crate::chat::report::Report;
use crate::chat::wording;
use crate::text::{Colour, Shown};
use crate::tty;

/// The view on a terminal.
pub(crate) struct FullScreen {
    pub(crate) view: View,
    terminal: Terminal<CrosstermBackend<BufWriter<Stdout>>>,
    colours: bool,
    /// Set if the bell rings when the screen is drawn next.
    rings: bool,
    /// The last failure, which is reported again after the view is closed.
    failure: Option<Shown>,
}

/// The keys of a terminal.
pub(crate) struct Keys;

impl Keys {
    /// Starts a thread that reads the keys, and one that waits for the terminal's end.
    pub(crate) fn start(self, sink: impl Fn(Option<Event>) + Clone + Send + 'static) {
        #[cfg(unix)]
        {
            // The library never stops reading from a terminal that is gone.
            let gone = sink.clone();
            thread::spawn(move || {
                if tty::wait_for_end().is_ok() {
                    gone(None);
                }
            });
        }
        thread::spawn(move || {
            while let Ok(event) = event::read() {
                sink(Some(event));
            }
            sink(None);
        });
    }
}

impl FullScreen {
    /// Opens the view. `None` if the terminal does not report its size.
    pub(crate) fn open(names: Names, colours: bool) -> io::Result<Option<(FullScreen, Keys)>> {
        if !size().is_ok_and(|(columns, rows)| columns > 0 && rows > 0) {
            return Ok(None);
        }
        tty::fill()?;
        enable_raw_mode()?;
        execute!(stdout(), EnterAlternateScreen, EnableBracketedPaste)?;
        let terminal = Terminal::new(CrosstermBackend::new(BufWriter::new(stdout())))?;
        let view = View::new(names);
        Ok(Some((FullScreen { view, terminal, colours, rings: false, failure: None }, Keys)))
    }

    /// Shows the current state of the view.
    pub(crate) fn draw(&mut self) -> io::Result<()> {
        let (view, colours) = (&mut self.view, self.colours);
        self.terminal.draw(|frame| {
            let area = frame.area();
            let picture = view.draw(area.width.into(), area.height.into());
            let buffer = frame.buffer_mut();
            for (y, row) in (area.top()..area.bottom()).zip(&picture.rows) {
                let mut x = area.left();
                for span in row.spans() {
                    let room = usize::from(area.right().saturating_sub(x));
                    (x, _) = buffer.set_stringn(x, y, &span.text, room, style(span.colour, colours));
                }
            }
            let limited = |number| u16::try_from(number).unwrap_or(u16::MAX);
            frame.set_cursor_position((limited(picture.cursor.0), limited(picture.cursor.1)));
        })?;
        if std::mem::take(&mut self.rings) {
            let terminal = self.terminal.backend_mut();
            terminal.write_all(b"\x07")?;
            Write::flush(terminal)?;
        }
        Ok(())
    }

    pub(crate) fn ring(&mut self) {
        self.rings = true;
    }

    /// Shows an event.
    pub(crate) fn show(&mut self, report: &Report<'_>) {
        if let Report::Disconnected { .. } | Report::Reconnecting { reason: Some(_), .. } = report {
            self.failure = Some(wording::report(report, false, &Names::default()));
        }
        self.view.show(report);
    }

    /// Shows a failure.
    pub(crate) fn complain(&mut self, text: Shown) {
        let text = text.reddened();
        self.view.note(&text);
        self.failure = Some(text);
    }

    /// Handles a terminal event, and returns the resulting input.
    pub(crate) fn handle(&mut self, event: Event, wants_line: bool) -> io::Result<Option<Input>> {
        match self.view.handle(event, wants_line) {
            Reaction::Draw => (),
            Reaction::Input(input) => return Ok(Some(input)),
            Reaction::Redraw => self.clear()?,
            Reaction::Suspend => {
                #[cfg(unix)]
                tty::suspend()?;
                self.clear()?;
            }
        }
        Ok(None)
    }

    /// Clears the terminal, so that all of it is drawn again.
    ///
    /// The library's own function would ask for the cursor's position, which needs the thread that reads keys.
    fn clear(&mut self) -> io::Result<()> {
        let area = Rect::from((Position::ORIGIN, self.terminal.size()?));
        self.terminal.resize(area)
    }

    /// Leaves the view, and reports again why it ended, if that was a failure.
    pub(crate) fn close(&mut self, has_failed: bool) {
        _ = self.draw();
        tty::restore();
        if let Some(failure) = self.failure.take().filter(|_| has_failed) {
            crate::output::complain(&failure);
        }
    }
}

fn style(colour: Option<Colour>, colours: bool) -> Style {
    let style = Style::default();
    match colour {
        None => style,
        Some(Colour::Bold) => style.add_modifier(Modifier::BOLD),
        Some(Colour::Reverse) => style.add_modifier(Modifier::REVERSED),
        Some(Colour::Dim) => style.add_modifier(Modifier::DIM),
        Some(_) if !colours => style,
        Some(Colour::Red) => style.fg(Color::Red),
        // The first sixteen colours of the palette: SGR 30 to 37, and 90 to 97.
        Some(Colour::Name(number @ 90..)) => style.fg(Color::Indexed(number - 90 + 8)),
        Some(Colour::Name(number)) => style.fg(Color::Indexed(number.saturating_sub(30))),
    }
}
