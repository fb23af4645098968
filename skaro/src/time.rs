//! Durations in options.

use std::time::Duration;

/// Parses a number of seconds.
pub(crate) fn seconds(text: &str) -> Result<Duration, &'static str> {
    let seconds: f64 = text.parse().map_err(|_| "not a number")?;
    let duration = Duration::try_from_secs_f64(seconds).map_err(|_| "no time that one can wait")?;
    if duration.is_zero() { Err("nothing can be answered in no time") } else { Ok(duration) }
}
