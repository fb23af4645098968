//! A store in a thread of its own.

use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;
use std::{io, thread};

use skaro_proto::server::OperationId;
use skaro_proto::server::store::{Operation, Store, StoreError};

use super::served::Completions;
use super::store::Submit;

/// Runs a store in a thread of its own, one operation after the other: for example a store in memory, behind
/// [hooks](super::with_hooks).
///
/// # Errors
/// If the system has no thread left.
pub fn store_in_thread(
    mut store: impl Store + Send + 'static,
    completions: Completions,
) -> io::Result<Submit> {
    let (submit, submitted) = channel();
    let thread = thread::Builder::new().name("skaro-store".into()).spawn(move || {
        for (id, operation) in submitted {
            completions.complete(id, store.execute(operation));
        }
    })?;
    let closing = Closing { submit: Some(submit), thread: Some(thread) };
    Ok(Box::new(move |id, operation| {
        let submit = closing.submit.as_ref().ok_or(StoreError::Unavailable)?;
        submit.send((id, operation)).map_err(|_| StoreError::Unavailable)
    }))
}

/// Waits, when the server drops it, until the store has carried out its operations.
struct Closing {
    submit: Option<Sender<(OperationId, Operation)>>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Closing {
    fn drop(&mut self) {
        self.submit = None;
        // The thread itself may have completed the operation that ends the server.
        if let Some(thread) = self.thread.take().filter(|it| it.thread().id() != thread::current().id()) {
            _ = thread.join();
        }
    }
}
