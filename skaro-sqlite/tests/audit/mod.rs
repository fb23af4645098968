//! The audit of a store's file.

use std::path::Path;

/// Checks a store's file, which nobody may have open for long.
pub(crate) fn audit(path: &Path) {
    assert_eq!(skaro_sqlite::check(path).unwrap(), [""; 0]);
}
