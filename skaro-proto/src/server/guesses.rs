//! Delays against guessing of passwords.

use alloc::collections::{BTreeMap, BTreeSet};
use core::time::Duration;

use crate::time::Time;

/// A limit on guessing: some wrong passwords are free, then each attempt has to wait twice as long as the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct GuessLimit {
    /// Wrong passwords without a delay.
    pub free: u32,
    /// The delay after the first one that is not free; it doubles with each further one.
    pub delay: Duration,
    /// The delay is never longer than this.
    pub max_delay: Duration,
    /// Whenever this time passes without a wrong password, one is forgotten.
    pub forget_after: Duration,
}

impl GuessLimit {
    /// Returns the default for one address: 10 are free; then 1 s, doubled up to 15 minutes; one is forgotten every 10
    /// minutes.
    #[must_use]
    pub const fn per_address() -> Self {
        GuessLimit {
            free: 10,
            delay: Duration::from_secs(1),
            max_delay: Duration::from_secs(900),
            forget_after: Duration::from_secs(600),
        }
    }

    /// Returns the default for one login: 100 are free; then 1 s, doubled up to 1 minute; one is forgotten every 10
    /// minutes.
    #[must_use]
    pub const fn per_login() -> Self {
        GuessLimit { free: 100, max_delay: Duration::from_secs(60), ..Self::per_address() }
    }

    /// Returns the default for accounts registered from one address: 10 are free; then 1 minute, doubled up to a day;
    /// one is forgotten every hour.
    #[must_use]
    pub const fn registrations() -> Self {
        GuessLimit {
            free: 10,
            delay: Duration::from_secs(60),
            max_delay: Duration::from_secs(24 * 3600),
            forget_after: Duration::from_secs(3600),
        }
    }

    fn delay_after(self, wrong: u32) -> Duration {
        match wrong.checked_sub(self.free) {
            None | Some(0) => Duration::ZERO,
            Some(over) => {
                let doubled = 1_u32.checked_shl(over - 1).unwrap_or(u32::MAX);
                self.delay.saturating_mul(doubled).min(self.max_delay)
            }
        }
    }
}

/// Maximum entries of a table: a client with more addresses than this makes the server forget the oldest ones.
const ENTRIES: usize = 8192;

/// Wrong passwords, by address or by login. Either is kept as 16 bytes.
#[derive(Default)]
pub(super) struct Guesses {
    all: BTreeMap<[u8; 16], Wrong>,
    by_age: BTreeSet<(Time, [u8; 16])>,
}

#[derive(Clone, Copy)]
struct Wrong {
    count: u32,
    last: Time,
}

impl Wrong {
    fn count(self, now: Time, limit: GuessLimit) -> u32 {
        let forgotten = (now - self.last).as_millis() / limit.forget_after.as_millis().max(1);
        self.count.saturating_sub(u32::try_from(forgotten).unwrap_or(u32::MAX))
    }
}

impl Guesses {
    /// Returns the time that the next attempt still has to wait.
    pub(super) fn wait(&self, key: [u8; 16], now: Time, limit: GuessLimit) -> Duration {
        let Some(wrong) = self.all.get(&key) else { return Duration::ZERO };
        (wrong.last + limit.delay_after(wrong.count(now, limit))) - now
    }

    /// Counts a wrong password.
    pub(super) fn add(&mut self, key: [u8; 16], now: Time, limit: GuessLimit) {
        let before = self.all.get(&key).copied();
        if let Some(before) = before {
            self.by_age.remove(&(before.last, key));
        } else {
            self.make_room(now, limit);
        }
        let count = before.map_or(0, |before| before.count(now, limit)).saturating_add(1);
        self.all.insert(key, Wrong { count, last: now });
        self.by_age.insert((now, key));
    }

    /// Forgets the oldest entries if they have no effect any more, or if there are too many.
    fn make_room(&mut self, now: Time, limit: GuessLimit) {
        while let Some((_, key)) = self.by_age.first().copied() {
            let counts = self.all.get(&key).is_some_and(|wrong| wrong.count(now, limit) > 0);
            if counts && self.all.len() < ENTRIES {
                return;
            }
            self.by_age.pop_first();
            self.all.remove(&key);
        }
    }

    pub(super) fn len(&self) -> usize {
        self.all.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: GuessLimit = GuessLimit::per_address();

    /// Guesses as often as possible from one address within a time; returns how often.
    fn guess_for(time: Duration) -> u32 {
        let (mut guesses, mut now, mut count) = (Guesses::default(), Time::ZERO, 0);
        while now - Time::ZERO < time {
            guesses.add([1; 16], now, LIMIT);
            count += 1;
            now = now + guesses.wait([1; 16], now, LIMIT);
        }
        count
    }

    #[test]
    fn the_delay_grows() {
        let mut guesses = Guesses::default();
        let now = Time::from_secs(1);
        let mut delays = alloc::vec::Vec::new();
        for _ in 0..25 {
            guesses.add([1; 16], now, LIMIT);
            delays.push(guesses.wait([1; 16], now, LIMIT).as_secs());
        }
        assert_eq!(delays.get(8..14), Some(&[0, 0, 1, 2, 4, 8][..]));
        assert_eq!(delays.last(), Some(&900));
        assert_eq!(guesses.wait([2; 16], now, LIMIT), Duration::ZERO);
    }

    #[test]
    fn one_address_has_few_guesses_and_cannot_use_up_those_of_a_login() {
        let hour = Duration::from_secs(3600);
        assert!(guess_for(hour) < 30, "{}", guess_for(hour));
        let day = guess_for(hour * 24);
        assert!(day < 180, "{day}");
    }

    #[test]
    fn wrong_passwords_are_forgotten_and_the_table_is_bounded() {
        let mut guesses = Guesses::default();
        for n in 0..2 * ENTRIES as u64 {
            let mut key = [0; 16];
            key.split_at_mut(8).0.copy_from_slice(&n.to_be_bytes());
            guesses.add(key, Time::from_millis(n), LIMIT);
        }
        assert_eq!((guesses.len(), guesses.by_age.len()), (ENTRIES, ENTRIES));
        guesses.add([9; 16], Time::from_secs(3600), LIMIT);
        assert_eq!((guesses.len(), guesses.by_age.len()), (1, 1));
    }
}
