//! Which messages the application has had, so that it can tell what it missed while it was away.
//!
//! The protocol can only ask for whole histories. Within a dialog a server's dates strictly increase, so dates tell
//! what is new. On one connection nothing is missed: from its first message in a dialog (arrived or sent) on, the
//! application has all of that dialog up to the connection's end. What lies between such spans is what was missed,
//! until a history fills the gap.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use compact_str::CompactString;

use crate::message::{Date, Message};

/// Dialogs that are kept in mind; for further ones a history has nothing new.
const DIALOGS: usize = 10_000;

/// Spans between gaps that are kept in mind for one dialog; beyond that messages may be called new once more, which
/// is better than not at all.
const SPANS: usize = 16;

/// Bytes of a dialog's name; longer ones, which only a strange server makes up, are not kept.
const NAME: usize = 256;

#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Seen {
    dialogs: BTreeMap<CompactString, Mark>,
    /// The latest date in any dialog at the end of the first connection: older messages are not missed but past.
    past: Option<i64>,
    /// Set when a connection has ended.
    was_away: bool,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct Mark {
    /// Up to here there are no gaps.
    complete: Option<i64>,
    /// Ranges of dates seen after `complete` on earlier connections, each with a gap before it.
    spans: Vec<(i64, i64)>,
    /// The first and the last message on this connection.
    live: Option<(i64, i64)>,
}

impl Seen {
    /// A message arrived, or the server has taken one.
    pub(super) fn live(&mut self, dialog: &str, date: Option<&Date<'_>>) {
        let Some(date) = date.and_then(Date::as_integer) else { return };
        self.with_mark(dialog, |mark| {
            let (first, last) = mark.live.unwrap_or((date, date));
            mark.live = Some((first.min(date), last.max(date)));
        });
    }

    /// A history arrived: which of its messages, by their places, are new to the application?
    pub(super) fn history(&mut self, dialog: &str, messages: &[Message<'_>]) -> Vec<usize> {
        let date = |message: &Message<'_>| message.date.as_ref().and_then(Date::as_integer);
        let Some(last) = messages.iter().filter_map(date).max() else { return Vec::new() };
        let find_new = |mark: &mut Mark| {
            let mut new = Vec::new();
            for (place, message) in messages.iter().enumerate() {
                if date(message).is_some_and(|date| !mark.covers(date)) {
                    // Once, instead of growing: mostly all that come after the first one are new too.
                    new.reserve(messages.len() - place);
                    new.push(place);
                }
            }
            mark.complete = mark.complete.max(Some(last));
            mark.spans.retain(|(_, end)| Some(*end) > mark.complete);
            new
        };
        self.with_mark(dialog, find_new).unwrap_or_default()
    }

    /// The connection ended: from now on messages pass by unseen.
    pub(super) fn connection_ended(&mut self) {
        let is_first = !core::mem::replace(&mut self.was_away, true);
        for mark in self.dialogs.values_mut() {
            let Some((first, last)) = mark.live.take() else { continue };
            // On the first connection there was nothing to miss before it.
            if is_first || mark.complete >= Some(first) {
                mark.complete = mark.complete.max(Some(last));
                continue;
            }
            if mark.spans.len() == SPANS {
                mark.spans.remove(0);
            }
            mark.spans.push((first, last));
        }
        if is_first {
            self.past = self.dialogs.values().filter_map(|mark| mark.complete).max();
        }
    }

    /// The dialogs in which there were messages.
    pub(super) fn dialogs(&self) -> impl Iterator<Item = &str> {
        self.dialogs.keys().map(CompactString::as_str)
    }

    /// Does something with what is known of a dialog, if it is kept in mind.
    fn with_mark<T>(&mut self, dialog: &str, act: impl FnOnce(&mut Mark) -> T) -> Option<T> {
        if let Some(mark) = self.dialogs.get_mut(dialog) {
            return Some(act(mark));
        }
        if self.dialogs.len() == DIALOGS || dialog.len() > NAME {
            return None;
        }
        let mark = Mark { complete: self.past, ..Mark::default() };
        Some(act(self.dialogs.entry(dialog.into()).or_insert(mark)))
    }
}

impl Mark {
    /// Returns whether the application has received the message of this date, or will receive it without asking.
    fn covers(&self, date: i64) -> bool {
        Some(date) <= self.complete
            || self.live.is_some_and(|(first, _)| date >= first)
            || self.spans.iter().any(|(first, last)| (*first..=*last).contains(&date))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    const NONE: [usize; 0] = [];

    fn history(dates: &[i64]) -> Vec<Message<'static>> {
        let message = |date: &i64| Message { date: Some(Date::Integer(*date)), ..Message::new("a", "b", "") };
        dates.iter().map(message).collect()
    }

    #[test]
    fn what_came_while_away_is_new_once() {
        let mut seen = Seen::default();
        seen.live("bob", Some(&Date::Integer(10)));
        seen.connection_ended();
        assert_eq!(seen.history("bob", &history(&[9, 10, 11, 12])), [2, 3]);
        assert_eq!(seen.history("bob", &history(&[9, 10, 11, 12])), NONE);
    }

    #[test]
    fn what_comes_live_before_the_history_is_not_new_and_hides_nothing() {
        let mut seen = Seen::default();
        seen.live("bob", Some(&Date::Integer(10)));
        seen.connection_ended();
        seen.live("bob", Some(&Date::Integer(13)));
        assert_eq!(seen.history("bob", &history(&[10, 11, 12, 13, 14])), [1, 2]);
    }

    #[test]
    fn all_is_new_of_a_dialog_that_was_never_seen() {
        let mut seen = Seen::default();
        assert_eq!(seen.history("bob", &history(&[1, 2])), [0, 1]);
        assert_eq!(seen.history("bob", &history(&[1, 2, 3])), [2]);
    }

    #[test]
    fn without_dates_nothing_is_called_new() {
        let mut seen = Seen::default();
        assert_eq!(seen.history("bob", &[Message::new("a", "b", "")]), NONE);
        assert_eq!(seen.history("bob", &[]), NONE);
        seen.live("bob", Some(&Date::Text("today".into())));
        assert_eq!(seen.dialogs().count(), 0);
    }

    #[test]
    fn a_second_cut_before_the_history_came_hides_nothing() {
        let mut seen = Seen::default();
        seen.live("bob", Some(&Date::Integer(1)));
        seen.connection_ended();
        // 2 is missed, 3 comes by itself, the history does not come; the same again with 4 and 5.
        for live in [3, 5] {
            seen.live("bob", Some(&Date::Integer(live)));
            seen.connection_ended();
        }
        seen.live("bob", Some(&Date::Integer(7)));
        assert_eq!(seen.history("bob", &history(&[1, 2, 3, 4, 5, 6, 7, 8])), [1, 3, 5]);
        assert_eq!(seen.history("bob", &history(&[1, 2, 3, 4, 5, 6, 7, 8])), NONE);
        seen.connection_ended();
        assert_eq!(seen.history("bob", &history(&[7, 8, 9])), [2]);
    }

    /// A server may show only the beginning.
    #[test]
    fn a_history_that_ends_early_makes_nothing_new_again() {
        let mut seen = Seen::default();
        for live in [1, 5] {
            seen.live("bob", Some(&Date::Integer(live)));
            seen.connection_ended();
        }
        assert_eq!(seen.history("bob", &history(&[1, 2, 3])), [1, 2]);
        assert_eq!(seen.history("bob", &history(&[1, 2, 3, 4, 5, 6])), [3, 5]);
    }

    #[test]
    fn somebody_new_wrote_while_away() {
        let mut seen = Seen::default();
        seen.live("bob", Some(&Date::Integer(10)));
        seen.connection_ended();
        // 5 was said long ago; 11 is news.
        assert_eq!(seen.history("carol", &history(&[5, 11])), [1]);
    }

    #[test]
    fn only_so_many_dialogs_are_remembered_and_none_with_an_endless_name() {
        let mut seen = Seen::default();
        seen.live(&"x".repeat(NAME + 1), Some(&Date::Integer(1)));
        assert_eq!(seen.dialogs().count(), 0);
        seen.live(&"x".repeat(NAME), Some(&Date::Integer(1)));
        assert_eq!(seen.dialogs().count(), 1);
        for n in 1..=DIALOGS {
            seen.live(&alloc::format!("user {n}"), Some(&Date::Integer(1)));
        }
        assert_eq!(seen.dialogs().count(), DIALOGS);
        let last = alloc::format!("user {DIALOGS}");
        assert_eq!(seen.history(&last, &history(&[1, 2])), NONE);
        seen.connection_ended();
        assert_eq!(seen.history("user 1", &history(&[1, 2])), [1]);
    }

    #[test]
    fn only_so_many_gaps_are_remembered() {
        let mut seen = Seen::default();
        seen.connection_ended();
        for n in 0..2 * SPANS as i64 {
            seen.live("bob", Some(&Date::Integer(2 * n)));
            seen.connection_ended();
        }
        let all: Vec<_> = (0..4 * SPANS as i64).collect();
        let new = seen.history("bob", &history(&all));
        assert_eq!(new.len(), 3 * SPANS, "all gaps, and what was forgotten");
    }
}
