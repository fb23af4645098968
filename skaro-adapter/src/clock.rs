//! The clocks of adapters.

use std::time::SystemTime;

use skaro_proto::Time;

// On these systems the coarse clock is monotonic.
#[cfg(any(target_os = "linux", target_os = "macos", windows))]
use coarsetime::Instant;
#[cfg(not(any(target_os = "linux", target_os = "macos", windows)))]
use std::time::Instant;

/// A monotonic clock that starts at zero. Accurate to some milliseconds, which suffices for time-outs of seconds, and
/// cheap enough to be read for every frame.
#[derive(Clone, Copy, Debug)]
pub struct Clock(Instant);

impl Clock {
    /// Starts the clock at [`Time::ZERO`].
    #[must_use]
    pub fn start() -> Clock {
        Clock(Instant::now())
    }

    /// Returns the time since the start.
    #[must_use]
    pub fn now(&self) -> Time {
        #[allow(clippy::useless_conversion, reason = "not with the coarse clock")]
        Time::since_epoch(self.0.elapsed().into())
    }
}

/// Returns the time of day by the system's clock, in milliseconds since 1970-01-01T00:00:00Z.
#[must_use]
pub fn unix_millis() -> i64 {
    let since = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
