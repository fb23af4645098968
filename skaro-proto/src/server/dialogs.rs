//! What was said: the messages between each two users.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, VecDeque};

use super::config::Config;
use super::users::UserId;

/// The messages of all dialogs.
#[derive(Default)]
pub(super) struct Dialogs(BTreeMap<(UserId, UserId), Dialog>);

#[derive(Default)]
struct Dialog {
    messages: VecDeque<Stored>,
    /// Bytes of the bodies.
    bytes: usize,
    /// The date of the last message ever: dates strictly increase within a dialog, even if the clock does not, so
    /// that clients can tell by them what they have missed.
    latest: i64,
}

/// A message that the server has taken.
pub(super) struct Stored {
    pub(super) from: UserId,
    pub(super) to: UserId,
    pub(super) body: Box<str>,
    pub(super) date: i64,
}

fn key(one: UserId, other: UserId) -> (UserId, UserId) {
    (one.min(other), one.max(other))
}

impl Dialogs {
    /// Keeps a message, dated now or just after the last one, and returns its date.
    pub(super) fn add(&mut self, from: UserId, to: UserId, body: &str, now: i64, config: &Config) -> i64 {
        let dialog = self.0.entry(key(from, to)).or_default();
        let date = now.max(dialog.latest.saturating_add(1));
        dialog.latest = date;
        dialog.bytes += body.len();
        dialog.messages.push_back(Stored { from, to, body: body.into(), date });
        let is_over =
            |dialog: &Dialog| dialog.messages.len() > config.history || dialog.bytes > config.history_bytes;
        while is_over(dialog) {
            let Some(oldest) = dialog.messages.pop_front() else { break };
            dialog.bytes -= oldest.body.len();
        }
        date
    }

    /// The last messages between two users, at most so many, oldest first.
    pub(super) fn last(&self, one: UserId, other: UserId, count: usize) -> impl Iterator<Item = &Stored> {
        let messages = self.0.get(&key(one, other)).map(|dialog| &dialog.messages);
        let skipped = messages.map_or(0, |messages| messages.len().saturating_sub(count));
        messages.into_iter().flatten().skip(skipped)
    }
}
