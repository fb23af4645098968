//! A dialog's entries in the full-screen view.

use std::collections::BTreeMap;

use crate::rows::{rows, settled};
use crate::text::Shown;

/// Number of entries of a pane beyond which the oldest are dropped.
const ENTRIES: usize = 2000;

/// Bytes of all panes beyond which the oldest entries of the largest are dropped.
const BYTES: usize = 16 << 20;

/// Bytes that an entry takes beside its text.
const ENTRY: usize = 256;

/// A message, or what the chat has to say.
struct Entry {
    /// Position in the user's log, or that of the message before.
    order: u64,
    position: Option<u64>,
    /// Set if the chat itself says it.
    is_notice: bool,
    /// Set if it tells of an attempt to connect, as long as that is the last one.
    is_attempt: bool,
    /// Number of a message that was sent in this chat and has no answer yet.
    marker: Option<u64>,
    text: Shown,
}

/// A dialog, or what was said while there was none.
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
    pub(crate) fn push(&mut self, text: &Shown, position: Option<u64>) {
        self.latest = self.latest.max(position.unwrap_or_default());
        self.add(Entry { position, ..self.entry(text) });
    }

    /// Appends what the chat itself says.
    pub(crate) fn note(&mut self, text: &Shown) {
        self.add(Entry { is_notice: true, ..self.entry(text) });
    }

    /// Appends what the chat says of an attempt to connect.
    pub(crate) fn note_attempt(&mut self, text: &Shown) {
        self.add(Entry { is_notice: true, is_attempt: true, ..self.entry(text) });
    }

    /// Removes what the chat has said of attempts to connect.
    pub(crate) fn drop_attempts(&mut self) {
        self.entries.retain(|entry| !entry.is_attempt);
        self.bytes = self.entries.iter().map(bytes).sum();
    }

    /// Appends a message that is on its way.
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
            text: simple(text),
        }
    }

    /// Replaces a message that was on its way; returns whether there was one.
    pub(crate) fn settle(&mut self, marker: u64, text: &Shown, position: Option<u64>) -> bool {
        let Some(at) = self.entries.iter().position(|entry| entry.marker == Some(marker)) else {
            return false;
        };
        let entry = self.entries.remove(at);
        self.bytes -= bytes(&entry);
        self.push(text, position);
        true
    }

    /// Marks a message that was on its way as failed; returns whether there was one.
    pub(crate) fn fail(&mut self, marker: u64) -> bool {
        let Some(entry) = self.entries.iter_mut().find(|entry| entry.marker == Some(marker)) else {
            return false;
        };
        entry.marker = None;
        entry.text = std::mem::take(&mut entry.text).reddened();
        true
    }

    /// Puts messages of a history into their places.
    pub(crate) fn merge(&mut self, history: impl Iterator<Item = (Shown, Option<u64>)>, is_page: bool) {
        // Where there are no positions, the history has all that came before it.
        if !is_page {
            let is_kept =
                |entry: &Entry| entry.position.is_some() || entry.marker.is_some() || entry.is_notice;
            self.entries.retain(is_kept);
        }
        let known: Vec<_> = self.entries.iter().filter_map(|entry| entry.position).collect();
        let mut merged: Vec<_> = history
            .filter(|(_, position)| position.is_none_or(|position| !known.contains(&position)))
            .map(|(text, position)| {
                let order = position.unwrap_or_default();
                let text = simple(&text);
                Entry { order, position, is_notice: false, is_attempt: false, marker: None, text }
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

    /// Returns the latest position if it was not seen before.
    pub(crate) fn take_seen(&mut self) -> Option<u64> {
        let is_new = self.latest > self.seen;
        self.seen = self.latest;
        is_new.then_some(self.latest)
    }

    /// Returns so many rows from the end, the last one first.
    pub(crate) fn rows_from_end(&self, columns: usize, count: usize) -> Vec<Shown> {
        let entries = self.entries.iter().rev();
        let rows = entries.flat_map(|entry| rows(&entry.text, columns).into_iter().rev());
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

fn bytes(entry: &Entry) -> usize {
    entry.text.spans().iter().map(|span| span.text.len()).sum::<usize>() + ENTRY
}

/// Returns a text whose width is the same on all terminals.
fn simple(text: &Shown) -> Shown {
    let mut simple = Shown::new();
    text.spans().iter().for_each(|span| simple.push_clean(span.colour, &settled(&span.text)));
    simple
}

/// All panes, of which the largest are cut when all together are too large.
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

    /// Returns a dialog's pane, made if there is none.
    pub(crate) fn of(&mut self, dialog: Option<&str>) -> &mut Pane {
        match dialog {
            None => &mut self.home,
            Some(login) => self.dialogs.entry(login.to_owned()).or_default(),
        }
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Pane> {
        self.dialogs.values_mut().chain([&mut self.home])
    }

    /// Drops the oldest entries of the largest panes until all together are small enough.
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
        let mut rows = pane.rows_from_end(80, usize::MAX);
        rows.reverse();
        rows.iter().map(|row| row.render(false)).collect()
    }

    fn history(of: &[(&str, u64)]) -> Vec<(Shown, Option<u64>)> {
        of.iter().map(|(text, position)| (Shown::from(*text), Some(*position))).collect()
    }

    #[test]
    fn a_history_meets_what_came_meanwhile() {
        let mut pane = Pane::default();
        pane.push(&Shown::from("seven"), Some(7));
        pane.push_sent(&Shown::from("on its way"), 1);
        pane.push(&Shown::from("eight"), Some(8));
        pane.merge(history(&[("three", 3), ("seven", 7)]).into_iter(), false);
        assert_eq!(shown(&pane), ["three", "seven", "on its way", "eight"]);
        pane.merge(history(&[("one", 1), ("two", 2)]).into_iter(), true);
        assert_eq!(shown(&pane), ["one", "two", "three", "seven", "on its way", "eight"]);
        assert_eq!(pane.oldest(), Some(1));
        assert!(pane.settle(1, &Shown::from("arrived"), Some(9)));
        assert!(!pane.settle(1, &Shown::from("arrived"), Some(9)));
        assert_eq!(shown(&pane)[5], "arrived");
        assert_eq!((pane.take_seen(), pane.take_seen()), (Some(9), None));
    }

    #[test]
    fn a_notice_stands_behind_the_history() {
        let mut pane = Pane::default();
        pane.note(&Shown::from("hint"));
        pane.push(&Shown::from("nine"), Some(9));
        pane.merge(history(&[("seven", 7)]).into_iter(), false);
        assert_eq!(shown(&pane), ["seven", "hint", "nine"]);
    }

    #[test]
    fn where_there_are_no_positions_a_history_has_all() {
        let mut pane = Pane::default();
        pane.push(&Shown::from("said"), None);
        pane.note(&Shown::from("connected"));
        pane.merge([(Shown::from("before"), None), (Shown::from("said"), None)].into_iter(), false);
        assert_eq!(shown(&pane), ["before", "said", "connected"]);
    }

    #[test]
    fn panes_have_a_limit() {
        let mut pane = Pane::default();
        (1..=ENTRIES as u64 + 1).for_each(|number| pane.push(&Shown::from("x"), Some(number)));
        assert!(pane.entries.len() <= ENTRIES && pane.has_older);
        let mut panes = Panes::default();
        let text = Shown::from("x".repeat(BYTES / 10));
        (0..12).for_each(|number| panes.of(Some(if number % 3 == 0 { "a" } else { "b" })).push(&text, None));
        panes.trim();
        assert!(panes.dialogs.values().map(|pane| pane.bytes).sum::<usize>() <= BYTES);
        assert!(!panes.get(Some("a")).entries.is_empty());
    }
}
