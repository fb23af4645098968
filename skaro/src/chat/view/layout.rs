//! The view's rows: contacts on the left, the dialog, a status line, and the line being typed.

use super::pane::Known;
use super::people::Relation;
use super::{Contact, View};
use crate::rows::{beginning, width};
use crate::text::{Colour, Shown};

/// Width of the terminal from which the contacts have a column of their own.
const WIDE: usize = 60;

/// Width of the contacts' column.
const CONTACTS: (usize, usize) = (14, 26);

/// Minimum width of a chosen name.
const NAME: usize = 4;

/// Maximum number of rows of the line being typed.
const LINE: usize = 5;

/// The content of the screen: rows that fit, and the cursor's column and row.
pub(crate) struct Picture {
    pub(crate) rows: Vec<Shown>,
    pub(crate) cursor: (usize, usize),
}

impl View {
    /// Draws the view for a terminal of this size.
    pub(crate) fn draw(&mut self, columns: usize, lines: usize) -> Picture {
        self.size = (columns, lines);
        let (typed, cursor) = self.typed_rows();
        let height = self.page();
        let dialog = self.dialog_rows(height);
        let left = self.left();
        let mut rows: Vec<Shown> = if left > 0 {
            let contacts = self.contact_rows(left, height);
            let beside = |(contact, row): (Shown, Shown)| {
                let mut whole = contact;
                whole.push_clean(Some(Colour::Dim), "│ ");
                whole.append(row)
            };
            contacts.into_iter().zip(dialog).map(beside).collect()
        } else {
            dialog
        };
        rows.push(self.status());
        let above = rows.len();
        rows.extend(typed);
        rows.truncate(lines);
        Picture { rows, cursor: (cursor.0.min(columns.saturating_sub(1)), above + cursor.1) }
    }

    /// Returns the number of rows for the dialog.
    pub(super) fn page(&self) -> usize {
        self.size.1.saturating_sub(1 + self.typed_rows().0.len()).max(1)
    }

    /// Returns the width of the contacts' column, 0 if the terminal is too narrow for it.
    fn left(&self) -> usize {
        if self.size.0 < WIDE { 0 } else { (self.size.0 / 4).clamp(CONTACTS.0, CONTACTS.1) }
    }

    fn typed_rows(&self) -> (Vec<Shown>, (usize, usize)) {
        let (columns, lines) = self.size;
        let most = LINE.min(lines.saturating_sub(2)).max(1);
        match (&self.question, &self.open) {
            (Some((question, line)), _) => {
                line.rows(&short(&Shown::from(&**question), columns), true, columns, most)
            }
            (None, Some(login)) => {
                let prompt = Shown::from("to ").name(login).plain("> ");
                self.line.rows(&short(&prompt, columns), false, columns, most)
            }
            (None, None) => self.line.rows(&Shown::from("> "), false, columns, most),
        }
    }

    /// Returns this many rows from the end of the open dialog, the last one first.
    pub(super) fn rows_of_dialog(&self, count: usize) -> Vec<Shown> {
        let left = self.left();
        let columns = self.size.0 - if left > 0 { left + 2 } else { 0 };
        let open = self.open.as_ref().and_then(|login| self.contacts.get(login));
        let known = Known { names: &self.names, read: open.and_then(|contact| contact.read) };
        self.panes.get(self.open.as_deref()).rows_from_end(columns, count, &known)
    }

    fn dialog_rows(&mut self, height: usize) -> Vec<Shown> {
        let mut rows = self.rows_of_dialog(self.scroll.saturating_add(height));
        self.scroll = self.scroll.min(rows.len().saturating_sub(height));
        rows.drain(..self.scroll);
        rows.truncate(height);
        // If there are few rows, they are at the bottom, near the line being typed.
        rows.resize_with(height, Shown::new);
        rows.reverse();
        rows
    }

    fn contact_rows(&self, columns: usize, height: usize) -> Vec<Shown> {
        let sorted = self.sorted();
        let is_open = |login: &str| self.open.as_deref() == Some(login);
        let at = sorted.iter().position(|(login, _)| is_open(login)).unwrap_or_default();
        let first = (at + 1).saturating_sub(height);
        let rows = sorted.iter().skip(first).take(height);
        let mut rows: Vec<_> = rows
            .map(|(login, contact)| {
                let chosen = self.names.chosen(login);
                contact_row(login, chosen, contact, is_open(login), columns)
            })
            .collect();
        rows.resize_with(height, || padded(Shown::new(), columns));
        rows
    }
}

/// Returns a contact's row: presence, login, number of unread messages, and the chosen name if there is room.
fn contact_row(
    login: &str,
    chosen: Option<String>,
    contact: &Contact,
    is_open: bool,
    columns: usize,
) -> Shown {
    let unread = if contact.unread > 0 { format!(" {}", contact.unread) } else { String::new() };
    let named = Shown::new().name(login);
    let colour = named.spans().first().and_then(|span| span.colour);
    let whole: String = named.spans().iter().map(|span| &*span.text).collect();
    let settled = crate::rows::settled(&whole);
    let room = columns.saturating_sub(4 + width(&unread));
    let mut row = Shown::new();
    row.push_clean(None, if is_open { ">" } else { " " });
    let asks = contact.relation == Relation::Asks;
    row.push_clean(Some(if asks { Colour::Bold } else { Colour::Dim }), contact.sign());
    row.push_clean(None, " ");
    let colour = if is_open { Some(Colour::Bold) } else { colour };
    let login = beginning(&settled, room);
    row.push_clean(colour, &login);
    row.push_clean(Some(Colour::Bold), &unread);
    let left = room.saturating_sub(width(&login) + 1);
    if let Some(chosen) = chosen.filter(|_| left >= NAME) {
        let cleaned = Shown::from(chosen);
        let cleaned: String = cleaned.spans().iter().map(|span| &*span.text).collect();
        row.push_clean(Some(Colour::Dim), " ");
        row.push_clean(Some(Colour::Dim), &beginning(&crate::rows::settled(&cleaned), left));
    }
    padded(row, columns)
}

/// Returns a row, padded with spaces to this width.
fn padded(mut row: Shown, columns: usize) -> Shown {
    let taken: usize = row.spans().iter().map(|span| width(&span.text)).sum();
    row.push_clean(None, &" ".repeat(columns.saturating_sub(taken)));
    row
}

/// Returns a prompt that leaves room for the typed text.
fn short(prompt: &Shown, columns: usize) -> Shown {
    let mut short = Shown::new();
    for span in prompt.spans() {
        short.push_clean(span.colour, &beginning(&crate::rows::settled(&span.text), columns / 2));
    }
    short
}
