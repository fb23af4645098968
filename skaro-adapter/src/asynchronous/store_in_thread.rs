//! A store in a thread of its own.

use std::sync::mpsc::channel;
use std::{io, thread};

use skaro_proto::server::store::{Store, StoreError};

use super::served::Completions;
use super::store::Submit;

/// Lets a store work in a thread of its own, one operation after the other: such as one in memory, behind
/// [hooks](super::with_hooks).
///
/// # Errors
/// If the system has no thread left.
pub fn store_in_thread(
    mut store: impl Store + Send + 'static,
    completions: Completions,
) -> io::Result<Submit> {
    let (submit, submitted) = channel();
    thread::Builder::new().name("skaro-store".into()).spawn(move || {
        for (id, operation) in submitted {
            completions.complete(id, store.execute(operation));
        }
    })?;
    Ok(Box::new(move |id, operation| submit.send((id, operation)).map_err(|_| StoreError::Unavailable)))
}
