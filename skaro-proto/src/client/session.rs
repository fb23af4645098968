//! What lets a user come back on another connection.

use compact_str::CompactString;

use crate::secret::Secret;
use crate::time::Time;

/// What lets the user come back.
#[derive(Clone, PartialEq)]
pub(super) struct Session {
    pub(super) id: Secret,
    pub(super) login: CompactString,
    /// When its connection broke.
    pub(super) broken: Option<Time>,
}

/// What lets the user sign in anew; kept only if the application allowed it.
#[derive(Clone, PartialEq)]
pub(super) struct Credentials {
    pub(super) login: CompactString,
    pub(super) password: Secret,
}
