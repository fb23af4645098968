//! Durations in options.

use std::time::Duration;

/// Parses a number of seconds.
pub(crate) fn seconds(text: &str) -> Result<Duration, &'static str> {
    let seconds: f64 = text.parse().map_err(|_| "not a number")?;
    let duration = Duration::try_from_secs_f64(seconds)
        .map_err(|_| "must be a positive number of seconds, and not too large")?;
    if duration.is_zero() { Err("must be greater than 0") } else { Ok(duration) }
}
