//! A dialog's entries in the full-screen view.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::super::complete::Names;
use crate::rows::{rows, settled};
use crate::text::{Colour, Shown};

/// Maximum number of entries in a pane. Beyond it the oldest are dropped.
const ENTRIES: usize = 2000;

/// Maximum size of all panes in bytes. Beyond it the oldest entries of the largest pane are dropped.
const BYTES: usize = 16 << 20;

/// Bytes that an entry takes in addition to its text.
const ENTRY: usize = 256;

/// Marks in place of the time: for a message that is being sent, and for one that was not sent.
pub(crate) const SENDING: &str = "…     ";
const FAILED: &str = "!     ";

/// The mark after the last message if it was read.
const READ: &str = " (read)";

/// The part of a message's text that is the sender's login.
const SENDER: usize = 2;

/// A message, or a notice of the chat.
struct Entry {
    /// Position in the user's log, or that of the message before.
    order: u64,
    position: Option<u64>,
    /// Set for a notice of the chat.
    is_notice: bool,
    /// Set for a notice about the last attempt to connect.
    is_attempt: bool,
    /// Number of a message that was sent in this chat and has no answer yet.
    marker: Option<u64>,
    /// The login of the sender, in a conference.
    from: Option<String>,
    /// The date, if the user wrote it to somebody.
    own: Option<i64>,
    text: Shown,
}

/// A message of a dialog.
pub(crate) struct Said {
    /// The text, whose third part is the sender's login.
    pub(crate) text: Shown,
    pub(crate) position: Option<u64>,
    /// The login of the sender, in a conference.
    pub(crate) from: Option<String>,
    /// The date, if the user wrote it to somebody.
    pub(crate) own: Option<i64>,
}

/// Facts that may have changed whenever a dialog is drawn again.
pub(crate) struct Known<'a> {
    pub(crate) names: &'a Names,
    /// Date up to which the other user has read the dialog.
    pub(crate) read: Option<i64>,
}

/// A dialog, or the entries from a time without an open dialog.
#[derive(Default)]
pub(crate) struct Pane {
    entries: Vec<Entry>,
    bytes: usize,
    /// Set once its history has come.
    pub(crate) is_loaded: bool,
    /// Set if the server has older messages.
    pub(crate) has_older: bool,
    /// The highest position so far.
    latest: u64,
    /// The highest position that was seen.
    seen: u64,
}

impl Pane {
    /// Appends a message.
    pub(crate) fn push(&mut self, said: Said) {
        let Said { text, position, from, own } = said;
        self.latest = self.latest.max(position.unwrap_or_default());
        self.add(Entry { position, from, own, ..self.entry(&text) });
    }

    /// Returns whether the last entry is this notice of the chat.
    pub(crate) fn ends_with(&self, text: &Shown) -> bool {
        self.entries.last().is_some_and(|entry| entry.is_notice && entry.text == simple(text))
    }

    /// Appends a notice of the chat.
    pub(crate) fn note(&mut self, text: &Shown) {
        self.add(Entry { is_notice: true, ..self.entry(text) });
    }

    /// Appends a notice about an attempt to connect.
    pub(crate) fn note_attempt(&mut self, text: &Shown) {
        self.add(Entry { is_notice: true, is_attempt: true, ..self.entry(text) });
    }

    /// Removes the notices about attempts to connect.
    pub(crate) fn drop_attempts(&mut self) {
        self.entries.retain(|entry| !entry.is_attempt);
        self.bytes = self.entries.iter().map(bytes).sum();
    }

    /// Appends a message that is being sent.
    pub(crate) fn push_sent(&mut self, text: &Shown, marker: u64) {
        self.add(Entry { marker: Some(marker), ..self.entry(text) });
    }

    fn entry(&self, text: &Shown) -> Entry {
        Entry {
            order: self.latest,
            position: None,
            is_notice: false,
            is_attempt: false,
            marker: None,
            from: None,
            own: None,
            text: simple(text),
        }
    }

    /// Appends a message that was sent, in place of its entry as one being sent.
    pub(crate) fn settle(&mut self, marker: u64, said: Said) {
        if let Some(at) = self.entries.iter().position(|entry| entry.marker == Some(marker)) {
            let entry = self.entries.remove(at);
            self.bytes -= bytes(&entry);
        }
        self.push(said);
    }

    /// Marks a message that was being sent as failed. Returns whether there was one.
    pub(crate) fn fail(&mut self, marker: u64) -> bool {
        let Some(entry) = self.entries.iter_mut().find(|entry| entry.marker == Some(marker)) else {
            return false;
        };
        entry.marker = None;
        // The message is no longer being sent.
        let text = std::mem::take(&mut entry.text);
        let text = text.spans().iter().skip(1).fold(Shown::from(FAILED), |mut text, span| {
            text.push_clean(span.colour, &span.text);
            text
        });
        entry.text = text.reddened();
        true
    }

    /// Puts messages of a history into their places.
    pub(crate) fn merge(&mut self, history: impl Iterator<Item = Said>, is_page: bool) {
        // Where there are no positions, the history has all that came before it.
        if !is_page {
            let is_kept =
                |entry: &Entry| entry.position.is_some() || entry.marker.is_some() || entry.is_notice;
            self.entries.retain(is_kept);
        }
        let known: Vec<_> = self.entries.iter().filter_map(|entry| entry.position).collect();
        let mut merged: Vec<_> = history
            .filter(|said| said.position.is_none_or(|position| !known.contains(&position)))
            .map(|Said { text, position, from, own }| {
                let order = position.unwrap_or_default();
                let text = simple(&text);
                Entry { order, position, is_notice: false, is_attempt: false, marker: None, from, own, text }
            })
            .collect();
        let latest = merged.iter().map(|entry| entry.order).fold(0, u64::max);
        // What was said while there were no messages yet is newer than the history.
        let early = self.entries.iter_mut().filter(|entry| entry.order == 0);
        early.for_each(|entry| entry.order = latest);
        self.latest = self.latest.max(latest);
        merged.append(&mut self.entries);
        merged.sort_by_key(|entry| entry.order);
        self.entries = merged;
        self.bytes = self.entries.iter().map(bytes).sum();
    }

    /// Returns the position of the oldest message.
    pub(crate) fn oldest(&self) -> Option<u64> {
        self.entries.iter().find_map(|entry| entry.position)
    }

    /// Returns the highest position if it was not seen before.
    pub(crate) fn take_seen(&mut self) -> Option<u64> {
        let is_new = self.latest > self.seen;
        self.seen = self.latest;
        is_new.then_some(self.latest)
    }

    /// Returns this many rows from the end, the last one first.
    pub(crate) fn rows_from_end(&self, columns: usize, count: usize, known: &Known<'_>) -> Vec<Shown> {
        let mut is_last_own = true;
        let entries = self.entries.iter().rev();
        let rows = entries.flat_map(|entry| {
            let is_read = is_last_own && entry.own.is_some() && entry.own <= known.read;
            is_last_own &= entry.own.is_none();
            rows(&drawn(entry, known.names, is_read), columns).into_iter().rev()
        });
        rows.take(count).collect()
    }

    fn add(&mut self, entry: Entry) {
        self.bytes += bytes(&entry);
        self.entries.push(entry);
        if self.entries.len() > ENTRIES {
            self.drop_oldest(ENTRIES / 10);
        }
    }

    fn drop_oldest(&mut self, count: usize) {
        let count = count.min(self.entries.len());
        self.has_older |= self.entries.iter().take(count).any(|entry| entry.position.is_some());
        let dropped: usize = self.entries.drain(..count).map(|entry| bytes(&entry)).sum();
        self.bytes -= dropped;
    }
}

/// Returns the text of an entry, with the sender's chosen name in a conference, and whether it was read.
fn drawn<'e>(entry: &'e Entry, names: &Names, is_read: bool) -> Cow<'e, Shown> {
    let chosen = entry.from.as_ref().and_then(|login| names.chosen(login));
    if chosen.is_none() && !is_read {
        return Cow::Borrowed(&entry.text);
    }
    let mut drawn = Shown::new();
    let mut chosen = chosen.map(|chosen| simple(&Shown::new().dim(&format!(" {chosen}"))));
    for (number, span) in entry.text.spans().iter().enumerate() {
        drawn.push_clean(span.colour, &span.text);
        if number == SENDER {
            drawn = drawn.append(chosen.take().unwrap_or_default());
        }
    }
    if is_read {
        drawn.push_clean(Some(Colour::Dim), READ);
    }
    Cow::Owned(drawn)
}

fn bytes(entry: &Entry) -> usize {
    entry.from.as_ref().map_or(0, String::len)
        + entry.text.spans().iter().map(|span| span.text.len()).sum::<usize>()
        + ENTRY
}

/// Returns a text whose width is the same on all terminals.
fn simple(text: &Shown) -> Shown {
    let mut simple = Shown::new();
    text.spans().iter().for_each(|span| simple.push_clean(span.colour, &settled(&span.text)));
    simple
}

/// All panes. If they are too large together, the largest are cut.
#[derive(Default)]
pub(crate) struct Panes {
    /// Notices and messages that came while no dialog was open.
    pub(crate) home: Pane,
    dialogs: BTreeMap<String, Pane>,
}

impl Panes {
    pub(crate) fn get(&self, dialog: Option<&str>) -> &Pane {
        dialog.and_then(|login| self.dialogs.get(login)).unwrap_or(&self.home)
    }

    /// Returns a dialog's pane, and creates it if it does not exist.
    pub(crate) fn of(&mut self, dialog: Option<&str>) -> &mut Pane {
        match dialog {
            None => &mut self.home,
            Some(login) => self.dialogs.entry(login.to_owned()).or_default(),
        }
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Pane> {
        self.dialogs.values_mut().chain([&mut self.home])
    }

    /// Drops the oldest entries of the largest panes until all panes together are small enough.
    pub(crate) fn trim(&mut self) {
        let size = |(login, pane): (&String, &Pane)| login.len() + ENTRY + pane.bytes;
        while self.dialogs.iter().map(size).sum::<usize>() + self.home.bytes > BYTES {
            let largest = self.iter_mut().max_by_key(|pane| pane.bytes);
            match largest {
                Some(pane) if !pane.entries.is_empty() => pane.drop_oldest(pane.entries.len().div_ceil(2)),
                _ => break,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(pane: &Pane) -> Vec<String> {
        shown_if(pane, &Names::default(), None)
    }

    fn shown_if(pane: &Pane, names: &Names, read: Option<i64>) -> Vec<String> {
        let mut rows = pane.rows_from_end(80, usize::MAX, &Known { names, read });
        rows.reverse();
        rows.iter().map(|row| row.render(false)).collect()
    }

    fn said(text: &str, position: impl Into<Option<u64>>) -> Said {
        Said { text: Shown::from(text), position: position.into(), from: None, own: None }
    }

    fn history(of: &[(&str, u64)]) -> Vec<Said> {
        of.iter().map(|(text, position)| said(text, *position)).collect()
    }

    #[test]
    fn the_last_own_message_is_marked_when_it_is_read() {
        let mut pane = Pane::default();
        for (text, own) in [("one", Some(10)), ("two", Some(20)), ("answer", None)] {
            pane.push(Said { own, ..said(text, None) });
        }
        let read = |date| shown_if(&pane, &Names::default(), date);
        assert_eq!(read(None), ["one", "two", "answer"]);
        assert_eq!(read(Some(19)), ["one", "two", "answer"]);
        assert_eq!(read(Some(20)), ["one", "two (read)", "answer"]);
    }

    #[test]
    fn a_name_stands_behind_its_login_as_soon_as_it_is_known() {
        let (mut pane, names) = (Pane::default(), Names::default());
        let text = Shown::new().dim("12:00").plain(" ").name("bob").plain(": ").plain("hi");
        pane.push(Said { text, from: Some("bob".into()), ..said("", 1) });
        assert_eq!(shown_if(&pane, &names, None), ["12:00 bob: hi"]);
        names.call("bob", Some("Bob\u{1b}"));
        assert_eq!(shown_if(&pane, &names, None), ["12:00 bob \"Bob\\u{1b}\": hi"]);
    }

    #[test]
    fn a_history_meets_what_came_meanwhile() {
        let mut pane = Pane::default();
        pane.push(said("seven", Some(7)));
        pane.push_sent(&Shown::from("on its way"), 1);
        pane.push(said("eight", Some(8)));
        pane.merge(history(&[("three", 3), ("seven", 7)]).into_iter(), false);
        assert_eq!(shown(&pane), ["three", "seven", "on its way", "eight"]);
        pane.merge(history(&[("one", 1), ("two", 2)]).into_iter(), true);
        assert_eq!(shown(&pane), ["one", "two", "three", "seven", "on its way", "eight"]);
        assert_eq!(pane.oldest(), Some(1));
        pane.settle(1, said("arrived", 9));
        assert_eq!(shown(&pane)[5], "arrived");
        assert_eq!((pane.take_seen(), pane.take_seen()), (Some(9), None));
    }

    #[test]
    fn a_notice_stands_behind_the_history() {
        let mut pane = Pane::default();
        pane.note(&Shown::from("hint"));
        pane.push(said("nine", Some(9)));
        pane.merge(history(&[("seven", 7)]).into_iter(), false);
        assert_eq!(shown(&pane), ["seven", "hint", "nine"]);
    }

    #[test]
    fn where_there_are_no_positions_a_history_has_all() {
        let mut pane = Pane::default();
        pane.push(said("said", None));
        pane.note(&Shown::from("connected"));
        pane.merge([said("before", None), said("said", None)].into_iter(), false);
        assert_eq!(shown(&pane), ["before", "said", "connected"]);
    }

    #[test]
    fn panes_have_a_limit() {
        let mut pane = Pane::default();
        (1..=ENTRIES as u64 + 1).for_each(|number| pane.push(said("x", number)));
        assert!(pane.entries.len() <= ENTRIES && pane.has_older);
        let mut panes = Panes::default();
        let text = "x".repeat(BYTES / 10);
        for number in 0..12 {
            panes.of(Some(if number % 3 == 0 { "a" } else { "b" })).push(said(&text, None));
        }
        panes.trim();
        assert!(panes.dialogs.values().map(|pane| pane.bytes).sum::<usize>() <= BYTES);
        assert!(!panes.get(Some("a")).entries.is_empty());
    }
}
