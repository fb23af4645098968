//! The client's place in the user's log: entries that arrived, that the application took, and that were acknowledged.

use alloc::collections::VecDeque;
use alloc::string::String;

use super::Event;
use crate::message::{self, Since};

/// Half of the window. Once this many entries, or bytes of entries, have arrived and are not acknowledged, an
/// acknowledgement is sent as soon as half of them is taken.
const HALF_WINDOW: u64 = 128;
const HALF_WINDOW_BYTES: usize = 512 << 10;

/// Number of entries from which an acknowledgement is sent once all that arrived are taken. Fewer can wait for more.
const IDLE: u64 = 16;
const IDLE_BYTES: usize = 64 << 10;

/// Number of accepted messages of the client that are remembered until the application has taken their entries.
const MAX_OWN: usize = 4096;

/// Position in the user's log at which the client begins, when it signs the user in for the first time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum LogStart {
    /// At its head: the application receives what comes from now on. An application that ends before it has stored a
    /// place begins at the head again.
    #[default]
    Head,
    /// After what an earlier client of the same user has handled. Nothing is missed and nothing comes twice, unless the
    /// log has [changed](super::Event::LogChanged). With an empty id and position 0 it begins at the
    /// oldest entry, after a `LogChanged`.
    Since {
        /// The log's id: see [`Client::log`](super::Client::log).
        log: String,
        /// The position of the last event that the application has handled.
        position: u64,
    },
    /// Nowhere: what is said while there is no connection is missed, and the outcome of a message whose answer is lost
    /// stays unknown.
    Off,
}

impl LogStart {
    /// Moves past an event that the application has handled. Returns whether the place has changed and is to be stored.
    ///
    /// ```
    /// use skaro_proto::client::{Event, LogStart};
    ///
    /// let mut place = LogStart::Head;
    /// let event = Event::CaughtUp { log: "l".into(), position: 7 };
    /// assert!(place.follow(&event));
    /// assert_eq!(place, LogStart::Since { log: "l".into(), position: 7 });
    /// ```
    pub fn follow(&mut self, event: &Event<'_>) -> bool {
        match (&mut *self, event) {
            // Both come before any entry of a log whose id is not known yet.
            (_, Event::LogChanged { log, position } | Event::CaughtUp { log, position }) => {
                let place = LogStart::Since { log: log.clone(), position: *position };
                core::mem::replace(self, place.clone()) != place
            }
            (LogStart::Since { position, .. }, event) => {
                event.position().is_some_and(|next| core::mem::replace(position, next) != next)
            }
            (LogStart::Head | LogStart::Off, _) => false,
        }
    }
}

/// A place in a log.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Cursor {
    /// The log's id, once it is known.
    log: Option<String>,
    /// Set while the connection has a cursor.
    live: bool,
    arrived: u64,
    taken: u64,
    acknowledged: u64,
    /// Bytes of the entries that arrived and were not acknowledged.
    bytes: usize,
    /// The head as it was when the user signed in, until it is reached.
    head: Option<u64>,
    /// Positions of messages that were accepted, and whose entries the application has not taken.
    own: VecDeque<u64>,
}

/// An entry's place relative to those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    Next,
    /// It came before.
    Known,
    /// It is not the one that was expected.
    Hole {
        expected: u64,
    },
}

impl Cursor {
    pub(super) fn new(start: &LogStart) -> Self {
        match start {
            LogStart::Since { log, position } => {
                let (arrived, taken) = (*position, *position);
                Cursor { log: Some(log.clone()), arrived, taken, ..Cursor::default() }
            }
            LogStart::Head | LogStart::Off => Cursor::default(),
        }
    }

    /// Returns the log's id and the position that was taken last, once they are known.
    pub(super) fn place(&self) -> Option<(&str, u64)> {
        Some((self.log.as_deref()?, self.taken))
    }

    /// Returns whether the connection has a cursor.
    pub(super) const fn is_live(&self) -> bool {
        self.live
    }

    /// Returns what to ask for when the user signs in.
    pub(super) fn since(&self) -> (Since, Option<&str>) {
        match &self.log {
            Some(log) => (Since::Position(self.taken), Some(log)),
            None => (Since::Head, None),
        }
    }

    /// Begins with this cursor, since the user is signed in. Returns whether the log is not the one that was asked for,
    /// or does not reach back to what was taken.
    pub(super) fn begin(&mut self, told: &message::Cursor<'_>) -> bool {
        let changed = self.log.as_ref().is_some_and(|log| told.log != **log || told.begin != self.taken);
        let own = if changed { VecDeque::new() } else { core::mem::take(&mut self.own) };
        let (arrived, acknowledged) = (told.begin, told.begin);
        *self = Cursor {
            log: Some(told.log.clone().into_owned()),
            live: true,
            arrived,
            taken: arrived,
            acknowledged,
            bytes: 0,
            head: Some(told.head),
            own,
        };
        changed
    }

    /// The connection is gone: what was not taken will come again.
    pub(super) fn cut(&mut self) {
        (self.live, self.arrived, self.head) = (false, self.taken, None);
    }

    pub(super) fn check(&self, position: u64) -> Entry {
        if position <= self.arrived {
            Entry::Known
        } else if position - 1 == self.arrived {
            Entry::Next
        } else {
            Entry::Hole { expected: self.arrived + 1 }
        }
    }

    /// The next entry arrived, in a frame of this length.
    pub(super) fn arrive(&mut self, length: usize) {
        self.arrived += 1;
        self.bytes = self.bytes.saturating_add(length);
    }

    /// Returns the head that was told when the user signed in, once, when everything up to it has arrived.
    pub(super) fn catch_up(&mut self) -> Option<u64> {
        self.head.take_if(|head| *head <= self.arrived)
    }

    /// The application has taken what came up to this position.
    pub(super) fn take(&mut self, position: u64) {
        self.taken = self.taken.max(position.min(self.arrived));
        while self.own.front().is_some_and(|own| *own <= self.taken) {
            self.own.pop_front();
        }
    }

    /// Notes that a command has ended with the message at this position. Its entry may still come, on any connection.
    pub(super) fn accepted(&mut self, position: u64) {
        if position > self.taken && self.own.len() < MAX_OWN {
            self.own.push_back(position);
        }
    }

    /// Returns whether a command has ended with the message at this position.
    pub(super) fn is_accepted(&self, position: u64) -> bool {
        self.own.contains(&position)
    }

    /// Returns the position to acknowledge, if it is time for that, and counts it as acknowledged.
    pub(super) fn acknowledge(&mut self) -> Option<u64> {
        let (sent, taken) = (self.arrived - self.acknowledged, self.taken - self.acknowledged);
        let is_half = (sent >= HALF_WINDOW || self.bytes >= HALF_WINDOW_BYTES) && taken >= sent.div_ceil(2);
        let is_idle = taken == sent && (sent >= IDLE || self.bytes >= IDLE_BYTES);
        if !self.live || taken == 0 || !(is_half || is_idle) {
            return None;
        }
        // How many of the bytes were taken is known only on average.
        let left = u128::from(sent - taken) * self.bytes as u128 / u128::from(sent);
        self.bytes = usize::try_from(left).unwrap_or(usize::MAX);
        self.acknowledged = self.taken;
        Some(self.taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(begin: u64, head: u64) -> Cursor {
        let mut cursor = Cursor::default();
        assert!(!cursor.begin(&message::Cursor::new("log", head, begin)));
        cursor
    }

    #[test]
    fn a_place_follows_the_events() {
        let told = |position| Event::Unknown { kind: "x".into(), message: Default::default(), position };
        let since = |log: &str, position| LogStart::Since { log: log.into(), position };
        let mut place = LogStart::Head;
        assert!(!place.follow(&told(Some(3))), "it is not known of which log");
        assert!(place.follow(&Event::CaughtUp { log: "a".into(), position: 3 }));
        assert!(!place.follow(&told(None)) && !place.follow(&told(Some(3))));
        assert!(place.follow(&told(Some(4))));
        assert_eq!(place, since("a", 4));
        assert!(place.follow(&Event::LogChanged { log: "b".into(), position: 0 }));
        assert_eq!(place, since("b", 0));
    }

    #[test]
    fn it_goes_on_where_the_application_was() {
        let mut cursor = Cursor::default();
        assert_eq!(cursor.since(), (Since::Head, None));
        assert!(!cursor.begin(&message::Cursor::new("log", 7, 7)));
        (0..5).for_each(|_| cursor.arrive(10));
        cursor.take(9);
        cursor.cut();
        assert_eq!((cursor.since(), cursor.is_live()), ((Since::Position(9), Some("log")), false));
        assert!(!cursor.begin(&message::Cursor::new("log", 12, 9)));
        assert_eq!(cursor.check(10), Entry::Next);
    }

    #[test]
    fn a_log_that_is_another_one_or_does_not_reach_back_is_noticed() {
        for told in [("log", 10, 5), ("other", 10, 4), ("other", 10, 0), ("log", 3, 3), ("log", 2, 0)] {
            let mut cursor = Cursor::new(&LogStart::Since { log: "log".into(), position: 4 });
            assert_eq!(cursor.since(), (Since::Position(4), Some("log")));
            assert!(cursor.begin(&message::Cursor::new(told.0, told.1, told.2)), "{told:?}");
            assert_eq!(cursor.place(), Some((told.0, told.2)));
        }
    }

    #[test]
    fn entries_come_one_after_the_other() {
        let mut cursor = at(3, 5);
        assert_eq!(cursor.check(3), Entry::Known);
        assert_eq!(cursor.check(5), Entry::Hole { expected: 4 });
        assert_eq!(cursor.check(u64::MAX), Entry::Hole { expected: 4 });
        assert_eq!(cursor.check(4), Entry::Next);
        assert_eq!(cursor.catch_up(), None);
        (0..2).for_each(|_| cursor.arrive(1));
        assert_eq!((cursor.check(5), cursor.catch_up(), cursor.catch_up()), (Entry::Known, Some(5), None));
        assert_eq!(at(3, 3).catch_up(), Some(3));
    }

    #[test]
    fn accepted_messages_are_known_until_they_are_taken() {
        let mut cursor = at(3, 3);
        [3, 5, 4].iter().for_each(|position| cursor.accepted(*position));
        cursor.arrive(1);
        cursor.take(4);
        cursor.cut();
        assert!(!cursor.begin(&message::Cursor::new("log", 5, 4)));
        assert!(!cursor.is_accepted(3) && cursor.is_accepted(5));
        assert!(cursor.begin(&message::Cursor::new("other", 5, 4)));
        assert!(!cursor.is_accepted(5));
        (0..2 * MAX_OWN as u64).for_each(|n| cursor.accepted(n));
        assert_eq!(cursor.own.len(), MAX_OWN);
    }

    #[test]
    fn half_a_window_is_acknowledged_when_half_of_it_is_taken() {
        let mut cursor = at(0, 0);
        (0..256).for_each(|_| cursor.arrive(1));
        cursor.take(127);
        assert_eq!(cursor.acknowledge(), None);
        cursor.take(128);
        assert_eq!((cursor.acknowledge(), cursor.acknowledge()), (Some(128), None));
        cursor.take(1000);
        assert_eq!(cursor.acknowledge(), Some(256));
    }

    #[test]
    fn large_entries_are_acknowledged_earlier() {
        let mut cursor = at(0, 0);
        (0..4).for_each(|_| cursor.arrive(HALF_WINDOW_BYTES / 3));
        cursor.take(1);
        assert_eq!(cursor.acknowledge(), None);
        cursor.take(2);
        assert_eq!(cursor.acknowledge(), Some(2));
        assert_eq!(cursor.bytes, HALF_WINDOW_BYTES / 3 * 2);
    }

    #[test]
    fn when_all_is_taken_a_little_is_enough() {
        let mut cursor = at(0, 0);
        for _ in 1..IDLE {
            cursor.arrive(1);
            cursor.take(u64::MAX);
            assert_eq!(cursor.acknowledge(), None);
        }
        cursor.arrive(1);
        assert_eq!(cursor.acknowledge(), None, "it has not taken all");
        cursor.take(IDLE);
        assert_eq!(cursor.acknowledge(), Some(IDLE));
        cursor.cut();
        assert_eq!(cursor.acknowledge(), None);
    }
}
