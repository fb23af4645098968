//! Statistics for operators: counters, gauges, and times as histograms.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::time::Duration;

use super::Server;
use super::notes::Notes;
use crate::message::Answer;

/// Statistics of a server: counts since it was created, and the present state.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Stats {
    /// Number of connections, including opening and closing ones.
    pub connections: usize,
    /// Number of those on which a user is signed in.
    pub signed_in: usize,
    /// Number of users who are signed in.
    pub users: usize,
    /// Number of operations of the store that are under way.
    pub open_operations: usize,
    /// Time for which the oldest of them has been under way; it may be one of several that are slow.
    pub longest_wait: Duration,
    /// Number of connections that were accepted.
    pub accepted: u64,
    /// Numbers of connections that were not accepted, by reason.
    pub not_accepted: Vec<(&'static str, u64)>,
    /// Numbers of connections that the server has closed, by [code](crate::CloseCode::code).
    pub closed: Vec<(u16, u64)>,
    /// Numbers of answers to requests, by type and status; the status is 200 for success. Types that the protocol does
    /// not list count as `other`.
    pub answers: Vec<(&'static str, u16, u64)>,
    /// Times of the store's operations, by the type of the request that waits for them; `internal` if none does. A
    /// store [inside](Server::new) takes no time.
    pub store_times: Vec<(&'static str, Histogram)>,
    /// Estimated bytes of memory, by what takes them.
    pub memory: Vec<(&'static str, usize)>,
}

/// Numbers of durations, by length.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Histogram {
    counts: [u64; Histogram::BOUNDS.len() + 1],
    sum: Duration,
}

impl Histogram {
    /// The upper bounds of all classes but the last one, which has none. A duration belongs to the first class whose
    /// bound is not less than it.
    pub const BOUNDS: [Duration; 12] = {
        let ms = Duration::from_millis;
        [
            ms(1),
            ms(2),
            ms(5),
            ms(10),
            ms(20),
            ms(50),
            ms(100),
            ms(200),
            ms(500),
            ms(1000),
            ms(3000),
            ms(10_000),
        ]
    };

    /// Adds a duration.
    pub fn add(&mut self, duration: Duration) {
        let class = Self::BOUNDS.partition_point(|bound| *bound < duration);
        if let Some(count) = self.counts.get_mut(class) {
            *count += 1;
        }
        self.sum += duration;
    }

    /// Returns the numbers of durations of all classes, one more than there are bounds.
    #[must_use]
    pub const fn counts(&self) -> &[u64] {
        &self.counts
    }

    /// Returns the sum of all durations.
    #[must_use]
    pub const fn sum(&self) -> Duration {
        self.sum
    }
}

/// Counters, and notes of single events.
#[derive(Default)]
pub(super) struct Tally {
    pub(super) accepted: u64,
    /// Successful answers, by the request's place in [`KINDS`].
    answered: [u64; KINDS.len()],
    refused: BTreeMap<(&'static str, u16), u64>,
    not_accepted: BTreeMap<&'static str, u64>,
    closed: BTreeMap<u16, u64>,
    times: BTreeMap<&'static str, Histogram>,
    pub(super) notes: Notes,
}

const KINDS: [&str; 17] = [
    "authorize",
    "session_restore",
    "register_type",
    "get_contacts",
    "get_history",
    "send_message",
    "read",
    "register",
    "invite",
    "add_contact",
    "del_contact",
    "search_contacts",
    "get_user_data",
    "update_my_data",
    "get_sessions",
    "sign_out",
    "other",
];

impl Tally {
    /// Counts a request of this type that succeeded. This needs no search, since most requests do.
    pub(super) fn answered(&mut self, kind: &str, answer: &Answer<'_>) {
        let place = match answer {
            Answer::Authorized(_) => 0,
            Answer::Restored(_) => 1,
            Answer::RegisterType(_) => 2,
            Answer::Contacts(_) => 3,
            Answer::History(_) => 4,
            Answer::MessageSent { .. } => 5,
            Answer::Read => 6,
            Answer::Registered => 7,
            Answer::Invitation(_) => 8,
            Answer::Contact => 9 + usize::from(kind == "del_contact"),
            Answer::Users { .. } => 11,
            Answer::User(_) => 12,
            Answer::Updated => 13,
            Answer::Sessions(_) => 14,
            Answer::SignedOut => 15,
            Answer::Other(_) => 16,
        };
        if let Some(count) = self.answered.get_mut(place) {
            *count += 1;
        }
    }

    pub(super) fn refused(&mut self, kind: &'static str, status: u16) {
        *self.refused.entry((kind, status)).or_default() += 1;
    }

    pub(super) fn not_accepted(&mut self, reason: &'static str) {
        *self.not_accepted.entry(reason).or_default() += 1;
    }

    pub(super) fn closed(&mut self, code: u16) {
        *self.closed.entry(code).or_default() += 1;
    }

    pub(super) fn stored(&mut self, kind: &'static str, took: Duration) {
        self.times.entry(kind).or_default().add(took);
    }
}

impl Server {
    /// Returns statistics for the operator: what the server has done, and its present state.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let tally = &self.tally;
        let successes = KINDS.iter().zip(tally.answered).filter(|(_, count)| *count > 0);
        let successes = successes.map(|(kind, count)| (*kind, 200, count));
        let refusals = tally.refused.iter().map(|((kind, status), count)| (*kind, *status, *count));
        Stats {
            connections: self.connections.len(),
            signed_in: self.sessions.len(),
            users: self.accounts.online_users(),
            open_operations: self.open_operations(),
            longest_wait: self.operations.longest_wait(self.now),
            accepted: tally.accepted,
            not_accepted: tally.not_accepted.iter().map(|(reason, count)| (*reason, *count)).collect(),
            closed: tally.closed.iter().map(|(code, count)| (*code, *count)).collect(),
            answers: successes.chain(refusals).collect(),
            store_times: tally.times.iter().map(|(kind, times)| (*kind, times.clone())).collect(),
            memory: self.memory_by_kind().collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_in_the_first_class_that_reaches_it() {
        let mut histogram = Histogram::default();
        for (ms, class) in [(0, 0), (1, 0), (2, 1), (3, 2), (10_000, 11), (10_001, 12)] {
            let before = histogram.counts()[class];
            histogram.add(Duration::from_millis(ms));
            assert_eq!(histogram.counts()[class], before + 1, "{ms} ms");
        }
        assert_eq!(histogram.sum(), Duration::from_millis(20_007));
    }

    #[test]
    fn types_are_those_of_the_protocol() {
        use crate::message::RequestKind;
        for kind in RequestKind::LISTED {
            assert!(KINDS.contains(&kind.as_str()), "{kind:?}");
        }
    }
}
