//! Log lines through the crate `tracing`. Without the feature of that name the macros only check their arguments.
//!
//! A line may contain hosts, addresses and connection errors, but never a URL's query, a header, or bytes.

#[cfg(not(feature = "tracing"))]
mod silent {
    macro_rules! silent {
        ($($line:tt)+) => {
            if false {
                _ = core::format_args!($($line)+);
            }
        };
    }
    pub(crate) use {silent as debug, silent as warn_};
}

#[cfg(not(feature = "tracing"))]
pub(crate) use silent::{debug, warn_ as warn};
#[cfg(feature = "tracing")]
pub(crate) use tracing::{debug, warn};
