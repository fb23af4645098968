//! The async runtime, for all that is not blocking.

use tokio::runtime::{Builder, Runtime};

use crate::exit::{Exit, Fault};

/// Starts a runtime, whose threads end with it.
pub(crate) fn start() -> Result<Runtime, Fault> {
    let no_threads = |error| Fault::new(Exit::System, format!("can't start threads: {error}"));
    Builder::new_multi_thread().enable_all().build().map_err(no_threads)
}
