//! Dialogs: the messages between each two users.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};

use super::config::ServerConfig;
use super::users::UserId;

/// Two users, in the order of their numbers.
type Pair = (UserId, UserId);

/// The messages of all dialogs.
#[derive(Default)]
pub(super) struct Dialogs {
    all: BTreeMap<Pair, Dialog>,
    /// Order of the dialogs by age: the number of each dialog's first message in the order of all messages, or of one
    /// that was given up since.
    oldest: BTreeSet<(u64, Pair)>,
    /// The place of the last message in the order of all.
    last: u64,
    /// Bytes that all dialogs take.
    bytes: usize,
}

#[derive(Default)]
struct Dialog {
    messages: VecDeque<Stored>,
    /// Bytes of the bodies.
    bytes: usize,
    /// The date of the last message ever: dates strictly increase within a dialog, even if the clock does not, so
    /// that clients can tell by them what they have missed. It outlives the messages.
    latest: i64,
}

/// A message that the server has taken.
pub(super) struct Stored {
    pub(super) from: UserId,
    pub(super) to: UserId,
    pub(super) body: Box<str>,
    pub(super) date: i64,
    /// The place in the order of all messages.
    place: u64,
}

#[cfg(test)]
impl Stored {
    /// A message of which only these matter.
    pub(super) fn new(body: &str, date: i64) -> Self {
        let (from, to) = (UserId::default(), UserId::default());
        Stored { from, to, body: body.into(), date, place: 0 }
    }
}

impl Dialog {
    /// Gives up the oldest message, and returns how many bytes it took.
    fn forget_first(&mut self) -> usize {
        let Some(oldest) = self.messages.pop_front() else { return 0 };
        self.bytes -= oldest.body.len();
        // What many messages took is not kept for a few.
        if self.messages.capacity() > 4 * self.messages.len() + 16 {
            self.messages.shrink_to(2 * self.messages.len());
        }
        MESSAGE + oldest.body.len()
    }
}

/// Bytes that a message takes besides its body. At most half of the places in a growing list are empty.
const MESSAGE: usize = 2 * size_of::<Stored>();
/// Bytes that a dialog takes besides its messages, in the two trees.
const DIALOG: usize = 2 * (size_of::<(Pair, Dialog)>() + size_of::<(u64, Pair)>());

fn key(one: UserId, other: UserId) -> Pair {
    (one.min(other), one.max(other))
}

impl Dialogs {
    /// Keeps a message, dated now or just after the last one, and returns its date.
    pub(super) fn add(
        &mut self,
        from: UserId,
        to: UserId,
        body: &str,
        now: i64,
        config: &ServerConfig,
    ) -> i64 {
        let pair = key(from, to);
        self.last += 1;
        let place = self.last;
        let dialog = self.all.entry(pair).or_insert_with(|| {
            self.bytes += DIALOG;
            Dialog::default()
        });
        if dialog.messages.is_empty() {
            self.oldest.insert((place, pair));
        }
        let date = now.max(dialog.latest.saturating_add(1));
        dialog.latest = date;
        dialog.bytes += body.len();
        self.bytes += MESSAGE + body.len();
        dialog.messages.push_back(Stored { from, to, body: body.into(), date, place });
        while dialog.messages.len() > config.max_dialog_messages || dialog.bytes > config.max_dialog_bytes {
            self.bytes -= dialog.forget_first();
        }
        if dialog.messages.is_empty() {
            self.oldest.remove(&(place, pair));
        }
        date
    }

    /// Gives up the oldest message of all; returns whether there was one.
    pub(super) fn forget_oldest(&mut self) -> bool {
        while let Some((place, pair)) = self.oldest.pop_first() {
            let Some(dialog) = self.all.get_mut(&pair) else { continue };
            // A dialog that gave up messages by itself stands here with an older one.
            let is_first = dialog.messages.front().is_some_and(|first| first.place == place);
            if is_first {
                self.bytes -= dialog.forget_first();
            }
            if let Some(first) = dialog.messages.front() {
                self.oldest.insert((first.place, pair));
            }
            if is_first {
                return true;
            }
        }
        false
    }

    /// The messages between two users, newest first.
    pub(super) fn newest(&self, one: UserId, other: UserId) -> impl Iterator<Item = &Stored> {
        self.all.get(&key(one, other)).into_iter().flat_map(|dialog| dialog.messages.iter().rev())
    }

    /// Bytes that a message with a body of this length takes if it is the first of its dialog.
    pub(super) const fn cost(body: usize) -> usize {
        MESSAGE + DIALOG + body
    }

    /// Bytes that all dialogs take.
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }
}
