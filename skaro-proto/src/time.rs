//! Time as a value: the caller's clock goes in, deadlines come out.

use core::fmt;
use core::ops::{Add, Sub};
use core::time::Duration;

/// A moment: the time passed since an epoch that the caller chooses, the same for all calls to one machine.
///
/// The machines only compare and add; any clock that does not go backwards will do (`Instant` since the program's
/// start is the usual one). A clock that does go backwards harms nothing: the machines go on from the latest
/// moment that they were told.
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

    /// The moment this long after the epoch.
    pub const fn since_epoch(elapsed: Duration) -> Self {
        Time(elapsed)
    }

    /// The moment this many milliseconds after the epoch.
    pub const fn from_millis(millis: u64) -> Self {
        Time(Duration::from_millis(millis))
    }

    /// The moment this many seconds after the epoch.
    pub const fn from_secs(secs: u64) -> Self {
        Time(Duration::from_secs(secs))
    }

    /// How long after the epoch this is.
    pub const fn elapsed(self) -> Duration {
        self.0
    }
}

/// Later by a duration; the latest moment that can be told if it would lie beyond that.
impl Add<Duration> for Time {
    type Output = Time;

    fn add(self, later: Duration) -> Time {
        Time(self.0.saturating_add(later))
    }
}

/// How long from `earlier` until this; zero if `earlier` is in fact later.
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
