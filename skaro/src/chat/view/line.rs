//! The line being typed into the full-screen view: text, cursor, previous lines.

use std::collections::VecDeque;

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use rustyline::line_buffer::{ChangeListener, DeleteListener, Direction, LineBuffer};
use rustyline::{At, Word};

use super::super::complete::Names;
use super::super::line::Line;
use crate::rows;
use crate::text::Shown;

/// Maximum length of a line in bytes. The longest message is shorter.
const LINE: usize = 64 << 10;

/// Maximum number of previous lines that are kept.
const PREVIOUS: usize = 200;

/// A line with a cursor.
pub(crate) struct EditedLine {
    buffer: LineBuffer,
    previous: VecDeque<String>,
    /// The previous line that is shown, counted from the latest one, and what was typed before.
    recalled: Option<(usize, String)>,
}

/// A listener that ignores the line's changes.
struct Nobody;

impl DeleteListener for Nobody {
    fn delete(&mut self, _: usize, _: &str, _: Direction) {}
}

impl ChangeListener for Nobody {
    fn insert_char(&mut self, _: usize, _: char) {}
    fn insert_str(&mut self, _: usize, _: &str) {}
    fn replace(&mut self, _: usize, _: &str, _: &str) {}
}

impl EditedLine {
    pub(crate) fn new() -> Self {
        EditedLine { buffer: LineBuffer::with_capacity(LINE), previous: VecDeque::new(), recalled: None }
    }

    pub(crate) fn text(&self) -> &str {
        self.buffer.as_str()
    }

    pub(crate) fn set(&mut self, text: &str) {
        self.buffer.update(text, text.len(), &mut Nobody);
    }

    /// Returns the line, and leaves an empty one. The line can be recalled, unless it is for a secret.
    pub(crate) fn take(&mut self) -> String {
        let line = self.text().to_owned();
        self.set("");
        self.recalled = None;
        let is_new = self.previous.front() != Some(&line);
        if is_new && !line.trim().is_empty() && !Line::has_secret(&line) {
            self.previous.push_front(line.clone());
            self.previous.truncate(PREVIOUS);
        }
        line
    }

    /// Inserts a text that was typed or pasted. Returns whether there was room.
    pub(crate) fn insert(&mut self, text: &str) -> bool {
        let text = text.replace("\r\n", "\n").replace('\r', "\n");
        text.is_empty() || self.buffer.yank(&text, 1, &mut Nobody).is_some()
    }

    /// Handles a key that edits the line. Returns whether it was one.
    pub(crate) fn handle_key(&mut self, key: KeyEvent) -> bool {
        let line = &mut self.buffer;
        let is_word = key.modifiers.intersects(KeyModifiers::ALT | KeyModifiers::CONTROL);
        match (key.code, key.modifiers) {
            (KeyCode::Char(char), KeyModifiers::NONE | KeyModifiers::SHIFT) => {
                return self.insert(char.encode_utf8(&mut [0; 4]));
            }
            (KeyCode::Enter, KeyModifiers::ALT) => return self.insert("\n"),
            (KeyCode::Char('a'), KeyModifiers::CONTROL) | (KeyCode::Home, _) => {
                line.move_buffer_start();
            }
            (KeyCode::Char('e'), KeyModifiers::CONTROL) | (KeyCode::End, _) => {
                line.move_buffer_end();
            }
            (KeyCode::Left, _) | (KeyCode::Char('b'), KeyModifiers::ALT) if is_word => {
                line.move_to_prev_word(Word::Emacs, 1);
            }
            (KeyCode::Right, _) | (KeyCode::Char('f'), KeyModifiers::ALT) if is_word => {
                line.move_to_next_word(At::AfterEnd, Word::Emacs, 1);
            }
            (KeyCode::Left, _) | (KeyCode::Char('b'), KeyModifiers::CONTROL) => {
                line.move_backward(1);
            }
            (KeyCode::Right, _) | (KeyCode::Char('f'), KeyModifiers::CONTROL) => {
                line.move_forward(1);
            }
            (KeyCode::Char('w'), KeyModifiers::CONTROL) => {
                line.delete_prev_word(Word::Big, 1, &mut Nobody);
            }
            (KeyCode::Backspace, _) if is_word => {
                line.delete_prev_word(Word::Emacs, 1, &mut Nobody);
            }
            (KeyCode::Backspace, _) | (KeyCode::Char('h'), KeyModifiers::CONTROL) => {
                line.backspace(1, &mut Nobody);
            }
            (KeyCode::Delete, _) | (KeyCode::Char('d'), KeyModifiers::CONTROL) => {
                line.delete(1, &mut Nobody);
            }
            (KeyCode::Char('k'), KeyModifiers::CONTROL) => {
                line.kill_buffer(&mut Nobody);
            }
            (KeyCode::Char('u'), KeyModifiers::CONTROL) => {
                line.discard_buffer(&mut Nobody);
            }
            (KeyCode::Up, KeyModifiers::NONE) => self.recall(1),
            (KeyCode::Down, KeyModifiers::NONE) => self.recall(-1),
            _ => return false,
        }
        true
    }

    /// Shows an earlier line, or a later one.
    fn recall(&mut self, step: isize) {
        let shown = self.recalled.as_ref().map_or(0, |(number, _)| number + 1);
        let Some(next) = shown.checked_add_signed(step) else { return };
        let typed = self.recalled.take().map_or_else(|| self.text().to_owned(), |(_, typed)| typed);
        match next.checked_sub(1) {
            None => self.set(&typed),
            Some(number) => {
                let number = number.min(self.previous.len().saturating_sub(1));
                if let Some(line) = self.previous.get(number).cloned() {
                    self.set(&line);
                    self.recalled = Some((number, typed));
                }
            }
        }
    }

    /// Completes the word before the cursor as far as it is unambiguous. Returns the candidates if nothing was added.
    pub(crate) fn complete(&mut self, names: &Names) -> Vec<String> {
        let position = self.buffer.pos();
        let before = self.text().get(..position).unwrap_or_default();
        let (start, candidates) = names.complete(before);
        let Some(first) = candidates.first() else { return Vec::new() };
        let common = candidates.iter().fold(first.as_str(), |common, candidate| {
            let same = common.char_indices().zip(candidate.chars()).find(|((_, one), other)| one != other);
            let end = same.map_or(common.len().min(candidate.len()), |((at, _), _)| at);
            common.get(..end).unwrap_or_default()
        });
        let common = common.to_owned();
        let is_longer = common.len() > position - start;
        self.buffer.replace(start..position, &common, &mut Nobody);
        if candidates.len() > 1 && !is_longer { candidates } else { Vec::new() }
    }

    /// Returns the rows of the prompt and the line, at most this many around the cursor, and the cursor's column and
    /// row.
    pub(crate) fn rows(
        &self,
        prompt: &Shown,
        is_secret: bool,
        columns: usize,
        most: usize,
    ) -> (Vec<Shown>, (usize, usize)) {
        let (before, after) = self.text().split_at_checked(self.buffer.pos()).unwrap_or_default();
        let secret_at = match is_secret {
            true => 0,
            false => Line::split_secret(self.text()).map_or(usize::MAX, |(shown, _)| shown.len()),
        };
        let mut rows = vec![prompt.clone()];
        let mut column = prompt.spans().iter().map(|span| rows::width(&span.text)).sum();
        let mut at = 0;
        let mut put = |rows: &mut Vec<Shown>, column: &mut usize, text: &str| {
            for cluster in rows::clusters(text) {
                let shown = if at >= secret_at { Shown::from("*") } else { Shown::from(cluster) };
                at += cluster.len();
                for part in shown.spans() {
                    // An escaped character is long, and may be broken.
                    for part in rows::clusters(&rows::settled(&part.text)) {
                        let width = rows::width(part);
                        if *column + width > columns {
                            rows.push(Shown::new());
                            *column = 0;
                        }
                        *column += width;
                        if let Some(row) = rows.last_mut() {
                            row.push_clean(None, part);
                        }
                    }
                }
            }
        };
        put(&mut rows, &mut column, before);
        if column >= columns {
            rows.push(Shown::new());
            column = 0;
        }
        let cursor = (column, rows.len() - 1);
        put(&mut rows, &mut column, after);
        let first = (cursor.1 + 1).saturating_sub(most);
        let rows: Vec<_> = rows.into_iter().skip(first).take(most).collect();
        (rows, (cursor.0, cursor.1 - first))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(code: KeyCode) -> KeyEvent {
        KeyEvent::new(code, KeyModifiers::NONE)
    }

    fn typed(text: &str) -> EditedLine {
        let mut line = EditedLine::new();
        line.insert(text);
        line
    }

    #[test]
    fn what_is_seen_as_one_character_is_edited_as_one() {
        let mut line = typed("ae\u{301}👩\u{200d}💻");
        line.handle_key(key(KeyCode::Backspace));
        assert_eq!(line.text(), "ae\u{301}");
        line.handle_key(key(KeyCode::Left));
        line.handle_key(key(KeyCode::Char('x')));
        assert_eq!(line.text(), "axe\u{301}");
        line.handle_key(KeyEvent::new(KeyCode::Char('u'), KeyModifiers::CONTROL));
        assert_eq!(line.text(), "e\u{301}");
        line.handle_key(key(KeyCode::Delete));
        assert_eq!(line.text(), "");
    }

    #[test]
    fn lines_are_recalled_and_secrets_are_not() {
        let mut line = EditedLine::new();
        for text in ["one", "two", "two", "/authorize alice secret", " "] {
            line.set(text);
            line.take();
        }
        line.insert("half");
        let mut seen = Vec::new();
        for code in [KeyCode::Up, KeyCode::Up, KeyCode::Up, KeyCode::Down, KeyCode::Down, KeyCode::Down] {
            line.handle_key(key(code));
            seen.push(line.text().to_owned());
        }
        assert_eq!(seen, ["two", "one", "one", "two", "half", "half"]);
    }

    #[test]
    fn words_complete_as_far_as_they_are_clear() {
        let names = Names::default();
        ["carol", "carl", "bob"].iter().for_each(|name| names.add(name));
        for (text, completed, choice) in [
            ("/ms", "/msg ", &[][..]),
            ("/to c", "/to car", &[]),
            ("/to car", "/to car", &["carl ", "carol "]),
            ("/to b", "/to bob ", &[]),
            ("/to x", "/to x", &[]),
            ("hello", "hello", &[]),
        ] {
            let mut line = typed(text);
            assert_eq!(line.complete(&names), choice, "{text}");
            assert_eq!(line.text(), completed);
        }
    }

    #[test]
    fn rows_have_the_cursor_where_the_next_character_goes() {
        let shown = |line: &EditedLine, columns, most| {
            let (rows, cursor) = line.rows(&Shown::from("> "), false, columns, most);
            (rows.iter().map(|row| row.render(false)).collect::<Vec<_>>(), cursor)
        };
        assert_eq!(shown(&typed(""), 10, 3), (vec!["> ".into()], (2, 0)));
        assert_eq!(shown(&typed("12345678"), 10, 3), (vec!["> 12345678".into(), String::new()], (0, 1)));
        let mut line = typed("1234567你好");
        assert_eq!(shown(&line, 10, 3), (vec!["> 1234567".into(), "你好".into()], (4, 1)));
        assert_eq!(shown(&line, 10, 1), (vec!["你好".into()], (4, 0)));
        line.handle_key(key(KeyCode::Home));
        assert_eq!(shown(&line, 10, 1), (vec!["> 1234567".into()], (2, 0)));
        assert_eq!(shown(&typed("a\nb\u{1b}"), 20, 3).0, ["> a ⏎ b\\u{1b}"]);
    }

    #[test]
    fn secrets_are_asterisks() {
        let line = typed("/authorize alice se\u{301}crét");
        let (rows, cursor) = line.rows(&Shown::new(), false, 80, 1);
        assert_eq!((rows[0].render(false), cursor), ("/authorize alice ******".into(), (23, 0)));
        let (rows, _) = typed("horse").rows(&Shown::from("Password: "), true, 80, 1);
        assert_eq!(rows[0].render(false), "Password: *****");
    }

    #[test]
    fn a_line_has_a_limit() {
        let mut line = EditedLine::new();
        assert!(!line.insert(&"x".repeat(LINE + 1)));
        assert!(line.insert(&"x".repeat(LINE)));
        assert!(!line.handle_key(key(KeyCode::Char('x'))));
        assert_eq!(line.text().len(), LINE);
    }
}
