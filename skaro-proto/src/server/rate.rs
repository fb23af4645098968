//! Limits on rates.

use core::time::Duration;

use crate::time::Time;

/// Bytes that count as one frame or message for the rates of either: longer ones count several times.
pub(super) const BYTES_PER_UNIT: usize = 4096;

/// A rate limit: a number of times per second, and a number of times at once after a rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rate {
    /// Times per second; 0 counts as 1.
    pub per_second: u32,
    /// Times at once after a rest; 0 counts as 1.
    pub burst: u32,
}

impl Rate {
    /// Creates a limit of this many times per second, and this many at once.
    #[must_use]
    pub const fn new(per_second: u32, burst: u32) -> Self {
        Rate { per_second, burst }
    }

    /// Nanoseconds after which it may happen once more.
    fn interval(self) -> u64 {
        1_000_000_000 / u64::from(self.per_second.max(1))
    }

    /// Nanoseconds until it may happen `burst` times at once again.
    fn rest(self) -> u64 {
        self.interval().saturating_mul(u64::from(self.burst.max(1)))
    }
}

/// A token bucket. A single time represents how full it is.
#[derive(Clone, Copy, Default)]
pub(super) struct Bucket {
    /// The time at which it will be full again, in nanoseconds: 64 bits hold five centuries of them.
    full: u64,
}

fn nanos(now: Time) -> u64 {
    u64::try_from(now.elapsed().as_nanos()).unwrap_or(u64::MAX)
}

impl Bucket {
    /// Returns the time at which it will be full again, if nothing is taken out.
    pub(super) fn full_at(self) -> Time {
        Time::since_epoch(Duration::from_nanos(self.full))
    }

    /// Takes this many tokens out, even if there are fewer. If none are left, returns the time at which a sixteenth of
    /// all will be there again, so that a caller that waits for it does not wake up for each token.
    pub(super) fn take(&mut self, count: u32, now: Time, rate: Rate) -> Option<Time> {
        let at = nanos(now);
        let taken = rate.interval().saturating_mul(u64::from(count));
        self.full = self.full.max(at).saturating_add(taken);
        let (missing, rest) = (self.full - at, rate.rest());
        (missing > rest).then(|| now + Duration::from_nanos(missing - rest + rest / 16))
    }

    /// Takes this many tokens out, but no more than a full bucket has.
    ///
    /// # Errors
    /// If there are fewer: the time until there are enough.
    pub(super) fn try_take(&mut self, count: u32, now: Time, rate: Rate) -> Result<(), Duration> {
        let at = nanos(now);
        let taken = rate.interval().saturating_mul(u64::from(count)).min(rate.rest());
        let full = self.full.max(at).saturating_add(taken);
        let (missing, rest) = (full - at, rate.rest());
        if missing > rest {
            return Err(Duration::from_nanos(missing - rest));
        }
        self.full = full;
        Ok(())
    }
}

impl Bucket {
    /// Puts tokens back that were taken for nothing.
    pub(super) fn give_back(&mut self, count: u32, rate: Rate) {
        self.full =
            self.full.saturating_sub(rate.interval().saturating_mul(u64::from(count)).min(rate.rest()));
    }
}

/// Whole seconds, at least one, for texts.
pub(super) fn seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate::new(10, 5);

    #[test]
    fn so_many_at_once_then_so_many_per_second() {
        let mut bucket = Bucket::default();
        let now = Time::from_secs(1);
        let taken = (0..20).filter(|_| bucket.try_take(1, now, RATE).is_ok()).count();
        assert_eq!(taken, 5);
        assert_eq!(bucket.try_take(1, now, RATE), Err(Duration::from_millis(100)));
        let later = now + Duration::from_secs(2);
        let taken =
            (1..=20_u32).filter(|n| bucket.try_take(1, now + Duration::from_millis(100) * *n, RATE).is_ok());
        assert_eq!((taken.count(), bucket.try_take(1, later, RATE).is_err()), (20, true));
    }

    #[test]
    fn what_costs_more_than_there_can_ever_be_is_possible_after_a_rest() {
        let (mut bucket, now) = (Bucket::default(), Time::from_secs(1));
        assert_eq!(bucket.try_take(100, now, RATE), Ok(()));
        assert_eq!(bucket.try_take(1, now, RATE), Err(Duration::from_millis(100)));
        assert_eq!(bucket.try_take(100, now, RATE), Err(Duration::from_millis(500)));
        let without_burst = Rate::new(10, 0);
        assert_eq!(Bucket::default().try_take(1, now, without_burst), Ok(()));
    }

    #[test]
    fn an_empty_bucket_tells_when_to_come_again() {
        let mut bucket = Bucket::default();
        let now = Time::from_secs(1);
        assert_eq!(bucket.take(5, now, RATE), None);
        let again = bucket.take(10, now, RATE);
        assert_eq!(again, Some(now + Duration::from_secs(1) + Duration::from_nanos(RATE.rest() / 16)));
        // By then there is something in it.
        assert_eq!(bucket.take(0, now + Duration::from_secs(1), RATE), None);
    }
}
