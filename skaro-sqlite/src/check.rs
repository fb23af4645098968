//! Check of a store's file, by SQLite, and of its tables against each other.

use std::path::Path;

use rusqlite::Connection;

use crate::error::OpenError;
use crate::file;

/// Queries that find nothing in a store whose tables agree.
const FAULTS: [(&str, &str); 12] = [
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
        "who is gone, and a conference, has no password and no log",
        "SELECT id FROM accounts WHERE verifier IS NULL AND (head > 0 OR begin > 0 OR is_disabled
             OR EXISTS (SELECT 1 FROM sessions WHERE account = id)
             OR is_gone AND EXISTS (SELECT 1 FROM dialogs WHERE account = id))
         OR verifier IS NOT NULL AND is_gone",
    ),
    (
        "a profile is that of somebody who is there, and says what the account says",
        "SELECT account FROM profiles JOIN accounts ON id = account WHERE is_gone OR length(profile) = 0
         UNION ALL SELECT id FROM accounts WHERE (is_public OR tells_read)
             AND NOT EXISTS (SELECT 1 FROM profiles WHERE account = id)",
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
        "an entry is of its kind, and has its message",
        "SELECT account FROM entries WHERE (message IS NULL) = (kind IN (0, 1))
         OR (kind IN (2, 3) AND value IS NULL) OR (kind = 4 AND (value IS NULL) <> (member IS NULL))
         OR (kind = 0 AND NOT EXISTS (SELECT 1 FROM messages WHERE id = message
             AND ((sender = account AND sent = position) OR (recipient = account AND received = position))))
         OR (kind = 1 AND NOT EXISTS (SELECT 1 FROM messages WHERE id = message AND received IS NULL
             AND recipient = peer AND (sender <> account OR sent = position)))",
    ),
    (
        "of other entries a dialog has the last one of each kind",
        "SELECT account FROM entries WHERE kind > 1 AND NOT EXISTS (SELECT 1 FROM dialogs
             WHERE account = entries.account AND peer = entries.peer
             AND position = CASE kind WHEN 2 THEN mark WHEN 3 THEN contact ELSE changed END)",
    ),
    (
        "a message counts the logs that have it, and there is one",
        "SELECT id FROM messages LEFT JOIN (SELECT message, count(*) AS number FROM entries
             WHERE message IS NOT NULL GROUP BY message) ON message = id WHERE copies IS NOT number",
    ),
    (
        "whoever has a state of somebody is known there",
        "SELECT account FROM dialogs AS one WHERE state <> 0 AND NOT EXISTS (SELECT 1 FROM dialogs
             WHERE account = one.peer AND peer = one.account)",
    ),
    (
        "members have listed their conferences, which have an owner, and nobody else has",
        "SELECT account FROM dialogs AS one JOIN accounts ON id = peer
             WHERE verifier IS NULL AND NOT is_gone AND (state = 2) <> EXISTS (SELECT 1 FROM dialogs
                 WHERE account = one.peer AND peer = one.account AND state IN (2, 4))
         UNION ALL SELECT id FROM accounts WHERE verifier IS NULL AND NOT is_gone
             AND NOT EXISTS (SELECT 1 FROM dialogs WHERE account = id AND state = 4)",
    ),
    (
        "a key is loose if its message is gone",
        "SELECT account FROM keys WHERE is_loose = EXISTS (SELECT 1 FROM entries
             WHERE account = keys.account AND position = keys.position)",
    ),
    ("references are kept", "SELECT \"table\" FROM pragma_foreign_key_check"),
];

/// Checks a store's file, and returns its faults; none if it is intact. A server may work with the file meanwhile, but
/// its write-ahead log grows until the check is over.
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
