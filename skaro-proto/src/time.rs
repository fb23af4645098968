//! Time as a value: the caller reads its clock; the machines only calculate.

use core::fmt;
use core::ops::{Add, Sub};
use core::time::Duration;

/// A point in time: the duration since an epoch that the caller chooses, the same for all calls to one machine.
///
/// The machines only compare and add; any monotonic clock will do (`Instant` since the program's start is the usual
/// one). If the clock goes backwards, the machines go on from the latest time they were given.
///
/// ```
/// use core::time::Duration;
/// use skaro_proto::Time;
///
/// let start = Time::from_millis(1_500);
/// assert_eq!(start + Duration::from_secs(30), Time::from_millis(31_500));
/// assert_eq!(start - Time::from_millis(500), Duration::from_secs(1));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(Duration);

impl Time {
    /// The epoch itself.
    pub const ZERO: Time = Time(Duration::ZERO);

    /// Returns the time this long after the epoch.
    #[must_use]
    pub const fn since_epoch(elapsed: Duration) -> Self {
        Time(elapsed)
    }

    /// Returns the time this many milliseconds after the epoch.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Time(Duration::from_millis(millis))
    }

    /// Returns the time this many seconds after the epoch.
    #[must_use]
    pub const fn from_secs(secs: u64) -> Self {
        Time(Duration::from_secs(secs))
    }

    /// Returns the duration since the epoch.
    #[must_use]
    pub const fn elapsed(self) -> Duration {
        self.0
    }
}

/// Adds a duration; saturates at the latest time that can be expressed.
impl Add<Duration> for Time {
    type Output = Time;

    fn add(self, later: Duration) -> Time {
        Time(self.0.saturating_add(later))
    }
}

/// Returns the duration since an earlier time; zero if that time is in fact later.
impl Sub for Time {
    type Output = Duration;

    fn sub(self, earlier: Time) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03} s", self.0.as_secs(), self.0.subsec_millis())
    }
}
