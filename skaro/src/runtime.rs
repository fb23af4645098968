//! The async runtime.

use tokio::runtime::{Builder, Runtime};

use crate::exit::{Exit, Fault};

/// Starts a runtime. Its threads end when it is dropped.
pub(crate) fn start() -> Result<Runtime, Fault> {
    let no_threads = |error| Fault::new(Exit::System, format!("can't start threads: {error}"));
    Builder::new_multi_thread().enable_all().build().map_err(no_threads)
}
