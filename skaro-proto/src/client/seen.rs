//! Which messages the application has had, so that it can tell what it missed while it was away.
//!
//! The protocol can only ask for whole histories. Within a dialog a server's dates strictly increase, so one date a
//! dialog tells what is new: whatever is later than the last message before the connection broke, and earlier than
//! the first one that arrived (or was sent) since. What is later than that came, or will come, by itself.

use alloc::collections::BTreeMap;
use core::ops::Range;

use compact_str::CompactString;

use crate::message::{Date, Message};

/// Dialogs that are kept in mind; for further ones a history has nothing new.
const DIALOGS: usize = 10_000;

#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Seen {
    dialogs: BTreeMap<CompactString, Mark>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Mark {
    /// The last message that the application had when this connection began, or from a history since.
    before: Option<i64>,
    /// The first message on this connection.
    live_from: Option<i64>,
    /// The last message on this connection.
    latest: Option<i64>,
}

impl Seen {
    /// A message arrived, or the server has taken one.
    pub(super) fn live(&mut self, dialog: &str, date: Option<&Date<'_>>) {
        let Some(date) = date.and_then(Date::as_integer) else { return };
        if let Some(mark) = self.mark(dialog) {
            mark.live_from = Some(mark.live_from.map_or(date, |first| first.min(date)));
            mark.latest = mark.latest.max(Some(date));
        }
    }

    /// A history arrived: which of its messages are new to the application?
    pub(super) fn history(&mut self, dialog: &str, messages: &[Message<'_>]) -> Range<usize> {
        let date = |message: &Message<'_>| message.date.as_ref().and_then(Date::as_integer);
        let Some(last) = messages.iter().filter_map(date).max() else { return 0..0 };
        let Some(mark) = self.mark(dialog) else { return 0..0 };
        let is_old = |message: &Message<'_>| date(message) <= mark.before;
        let is_live =
            |message: &Message<'_>| mark.live_from.is_some_and(|first| date(message) >= Some(first));
        let end = messages.iter().position(is_live).unwrap_or(messages.len());
        let start = messages.iter().take(end).rposition(is_old).map_or(0, |last_old| last_old + 1);
        mark.before = mark.before.max(Some(last));
        start..end
    }

    /// The connection ended: from now on messages pass by unseen.
    pub(super) fn connection_ended(&mut self) {
        for mark in self.dialogs.values_mut() {
            *mark = Mark { before: mark.before.max(mark.latest), ..Mark::default() };
        }
    }

    /// The dialogs in which there were messages.
    pub(super) fn dialogs(&self) -> impl Iterator<Item = &str> {
        self.dialogs.keys().map(CompactString::as_str)
    }

    fn mark(&mut self, dialog: &str) -> Option<&mut Mark> {
        if !self.dialogs.contains_key(dialog) {
            if self.dialogs.len() == DIALOGS {
                return None;
            }
            self.dialogs.insert(dialog.into(), Mark::default());
        }
        self.dialogs.get_mut(dialog)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    fn history(dates: &[i64]) -> Vec<Message<'static>> {
        let message = |date: &i64| Message { date: Some(Date::Integer(*date)), ..Message::new("a", "b", "") };
        dates.iter().map(message).collect()
    }

    #[test]
    fn what_came_while_away_is_new_once() {
        let mut seen = Seen::default();
        seen.live("bob", Some(&Date::Integer(10)));
        seen.connection_ended();
        assert_eq!(seen.history("bob", &history(&[9, 10, 11, 12])), 2..4);
        assert_eq!(seen.history("bob", &history(&[9, 10, 11, 12])), 4..4);
    }

    #[test]
    fn what_comes_live_before_the_history_is_not_new_and_hides_nothing() {
        let mut seen = Seen::default();
        seen.live("bob", Some(&Date::Integer(10)));
        seen.connection_ended();
        seen.live("bob", Some(&Date::Integer(13)));
        assert_eq!(seen.history("bob", &history(&[10, 11, 12, 13, 14])), 1..3);
    }

    #[test]
    fn all_is_new_of_a_dialog_that_was_never_seen() {
        let mut seen = Seen::default();
        assert_eq!(seen.history("bob", &history(&[1, 2])), 0..2);
        assert_eq!(seen.history("bob", &history(&[1, 2, 3])), 2..3);
    }

    #[test]
    fn without_dates_nothing_is_called_new() {
        let mut seen = Seen::default();
        assert_eq!(seen.history("bob", &[Message::new("a", "b", "")]), 0..0);
        assert_eq!(seen.history("bob", &[]), 0..0);
        seen.live("bob", Some(&Date::Text("today".into())));
        assert_eq!(seen.dialogs().count(), 0);
    }
}
