//! The clocks of adapters.

use std::time::SystemTime;

use skaro_proto::Time;

// Where the coarse clock is known never to go backwards.
#[cfg(any(target_os = "linux", target_os = "macos", windows))]
use coarsetime::Instant;
#[cfg(not(any(target_os = "linux", target_os = "macos", windows)))]
use std::time::Instant;

/// A clock that counts from its start. Exact to some milliseconds, which suffices for time-outs of seconds, and cheap
/// enough to be asked for every frame.
#[derive(Clone, Copy, Debug)]
pub struct Clock(Instant);

impl Clock {
    /// Starts at [`Time::ZERO`].
    pub fn start() -> Clock {
        Clock(Instant::now())
    }

    /// Returns the time since the start.
    pub fn now(&self) -> Time {
        #[allow(clippy::useless_conversion, reason = "not with the coarse clock")]
        Time::since_epoch(self.0.elapsed().into())
    }
}

/// Returns the time of day, in milliseconds since 1970-01-01T00:00:00Z, as the system's clock has it.
pub fn unix_millis() -> i64 {
    let since = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
