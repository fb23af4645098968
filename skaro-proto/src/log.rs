//! Log lines through the crate `tracing`. Without the feature of that name, the macros check their arguments but do
//! nothing.
//!
//! A line has numbers, kinds, statuses and lengths only: never a login, a body, a token, a proof, a session id, or text
//! from the peer.

#[cfg(not(feature = "tracing"))]
mod silent {
    macro_rules! silent {
        ($($line:tt)+) => {
            if false {
                _ = core::format_args!($($line)+);
            }
        };
    }
    pub(crate) use {silent as debug, silent as trace, silent as warn_};
}

#[cfg(not(feature = "tracing"))]
pub(crate) use silent::{debug, trace, warn_ as warn};
#[cfg(feature = "tracing")]
pub(crate) use tracing::{debug, trace, warn};
