//! Session and credentials that sign a user in again on another connection.

use compact_str::CompactString;

use crate::secret::Secret;
use crate::time::Time;

/// Data for restoring a session.
#[derive(Clone, PartialEq)]
pub(super) struct Session {
    pub(super) id: Secret,
    pub(super) login: CompactString,
    /// When its connection broke.
    pub(super) broken: Option<Time>,
}

/// Data for signing in anew; kept only if the application allowed it.
#[derive(Clone, PartialEq)]
pub(super) struct Credentials {
    pub(super) login: CompactString,
    pub(super) password: Secret,
}
