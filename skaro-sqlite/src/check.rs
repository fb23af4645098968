//! Check of a store's file: what SQLite says of it, and what its tables say of each other.

use std::path::Path;

use rusqlite::Connection;

use crate::error::OpenError;
use crate::file;

/// Queries that find nothing in a store whose tables agree.
const FAULTS: [(&str, &str); 8] = [
    (
        "an account counts its entries",
        "SELECT id FROM accounts WHERE entries <> (SELECT count(*) FROM entries WHERE account = id)
         OR bytes <> (SELECT coalesce(sum(length(body)), 0) FROM entries
             JOIN messages ON messages.id = entries.message WHERE account = accounts.id)
         OR keys <> (SELECT count(*) FROM keys WHERE account = id)",
    ),
    (
        "a log ends at its head, and what it does not reach back to is gone",
        "SELECT id FROM accounts JOIN entries ON account = id WHERE position > head OR position <= begin",
    ),
    (
        "a dialog counts its messages",
        "SELECT account FROM dialogs WHERE messages <> (SELECT count(*) FROM entries
             WHERE account = dialogs.account AND peer = dialogs.peer AND message IS NOT NULL)
         OR bytes <> (SELECT coalesce(sum(length(body)), 0) FROM entries
             JOIN messages ON messages.id = entries.message
             WHERE account = dialogs.account AND peer = dialogs.peer)
         OR unread <> (SELECT count(*) FROM entries JOIN messages ON messages.id = entries.message
             WHERE account = dialogs.account AND peer = dialogs.peer AND position > read
             AND sender <> account)",
    ),
    (
        "an entry is a message or a mark, and has its message",
        "SELECT account FROM entries WHERE (message IS NULL) = (up_to IS NULL)
         OR (message IS NOT NULL AND NOT EXISTS (SELECT 1 FROM messages WHERE id = message
             AND ((sender = account AND sent = position) OR (recipient = account AND received = position))))",
    ),
    (
        "somebody has each message",
        "SELECT id FROM messages WHERE NOT EXISTS (SELECT 1 FROM entries
             WHERE (account = sender AND position = sent) OR (account = recipient AND position = received))",
    ),
    (
        "contacts are contacts of each other",
        "SELECT account FROM dialogs AS one WHERE is_contact AND NOT EXISTS (SELECT 1 FROM dialogs
             WHERE account = one.peer AND peer = one.account AND is_contact)",
    ),
    (
        "a key is loose if its message is gone",
        "SELECT account FROM keys WHERE is_loose = EXISTS (SELECT 1 FROM entries
             WHERE account = keys.account AND position = keys.position)",
    ),
    ("references are kept", "SELECT \"table\" FROM pragma_foreign_key_check"),
];

/// Checks a store's file, and returns what is wrong with it; nothing if it is whole. A server may work with the file
/// meanwhile, and goes on; but its log of changes grows until the check is over.
///
/// # Errors
/// If the file can't be opened, or is no store.
pub fn check(path: &Path) -> Result<Vec<String>, OpenError> {
    let db = file::existing(path)?;
    Ok(faults(&db).unwrap_or_else(|error| vec![format!("it can't be read: {error}")]))
}

fn faults(db: &Connection) -> rusqlite::Result<Vec<String>> {
    // In one transaction, so that all tables are seen at one moment.
    db.execute_batch("BEGIN")?;
    let mut found = Vec::new();
    let mut intact = db.prepare("PRAGMA integrity_check")?;
    for line in intact.query_map([], |row| row.get::<_, String>(0))? {
        found.extend(Some(line?).filter(|line| line != "ok"));
    }
    // Tables that can't be read have nothing to say.
    if found.is_empty() {
        for (rule, faults) in FAULTS {
            if db.prepare(faults)?.exists([])? {
                found.push(format!("this does not hold: {rule}"));
            }
        }
    }
    drop(intact);
    db.execute_batch("COMMIT")?;
    Ok(found)
}
