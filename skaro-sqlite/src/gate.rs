//! A gate that one thread at a time goes through.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Lets threads in one after the other. A mutex alone is not enough: a thread that comes back at once keeps the others
/// out.
#[derive(Default)]
pub(crate) struct Gate {
    /// Held by the thread that is next to enter: one that comes back waits behind it.
    turn: Mutex<()>,
    inside: Mutex<()>,
}

impl Gate {
    /// Waits for the one inside. The caller is inside until it drops the guard.
    pub(crate) fn enter(&self) -> MutexGuard<'_, ()> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
