//! The tables, as a list of steps: the version of a file is the number of steps that it has taken.

/// Steps from an empty file to the newest format. A step that was released is never changed: another one is added.
///
/// Texts are blobs, since the protocol allows U+0000 in them.
pub(crate) const STEPS: [&str; 2] = [
    "
-- A removed account stays without a verifier: others' logs tell its login, and its number is not given again.
CREATE TABLE accounts (
    id INTEGER PRIMARY KEY,
    login BLOB NOT NULL,
    verifier BLOB,
    log BLOB NOT NULL,
    -- Position of the last entry ever, and the one after which a cursor can begin.
    head INTEGER NOT NULL DEFAULT 0,
    begin INTEGER NOT NULL DEFAULT 0,
    -- What is kept: entries, bytes of their bodies, keys.
    entries INTEGER NOT NULL DEFAULT 0,
    bytes INTEGER NOT NULL DEFAULT 0,
    keys INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE UNIQUE INDEX account_of_login ON accounts (login) WHERE verifier IS NOT NULL;

-- A message is here as long as one of the two logs has it.
CREATE TABLE messages (
    id INTEGER PRIMARY KEY,
    date INTEGER NOT NULL,
    sender INTEGER NOT NULL REFERENCES accounts,
    sent INTEGER NOT NULL,
    recipient INTEGER NOT NULL REFERENCES accounts,
    received INTEGER NOT NULL,
    body BLOB NOT NULL,
    key BLOB
) STRICT;
-- Dates are those of clocks, which may have been wrong: the oldest messages are not always the first ones.
CREATE INDEX messages_of_date ON messages (date);

-- An entry is a message, or else a read mark up to a position. The message has no reference, which would need an index.
CREATE TABLE entries (
    account INTEGER NOT NULL REFERENCES accounts,
    position INTEGER NOT NULL,
    peer INTEGER NOT NULL REFERENCES accounts,
    message INTEGER,
    up_to INTEGER,
    PRIMARY KEY (account, position)
) STRICT, WITHOUT ROWID;
CREATE INDEX messages_of_dialog ON entries (account, peer, position) WHERE message IS NOT NULL;

CREATE TABLE dialogs (
    account INTEGER NOT NULL REFERENCES accounts,
    peer INTEGER NOT NULL REFERENCES accounts,
    is_contact INTEGER NOT NULL DEFAULT 0,
    -- Date of the last message ever.
    latest INTEGER NOT NULL DEFAULT 0,
    -- Position up to which the user has read, and that of the entry that says so.
    read INTEGER NOT NULL DEFAULT 0,
    mark INTEGER NOT NULL DEFAULT 0,
    unread INTEGER NOT NULL DEFAULT 0,
    -- What is kept: messages, bytes of their bodies.
    messages INTEGER NOT NULL DEFAULT 0,
    bytes INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (account, peer)
) STRICT, WITHOUT ROWID;

CREATE TABLE keys (
    account INTEGER NOT NULL REFERENCES accounts,
    -- That of the message in the sender's log.
    position INTEGER NOT NULL,
    key BLOB NOT NULL,
    peer INTEGER NOT NULL REFERENCES accounts,
    -- Hash of the body.
    body INTEGER NOT NULL,
    date INTEGER NOT NULL,
    taken INTEGER NOT NULL,
    -- 1 if the sender's log does not have the message any more.
    is_loose INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (account, position)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX key_of_sender ON keys (account, key);
CREATE INDEX loose_keys ON keys (taken) WHERE is_loose;

CREATE TABLE sessions (
    key BLOB PRIMARY KEY,
    account INTEGER NOT NULL REFERENCES accounts,
    epoch INTEGER NOT NULL,
    -- The last moment at which it can be taken; NULL while it is in use.
    until INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_of_account ON sessions (account);
CREATE INDEX broken_sessions ON sessions (until) WHERE until IS NOT NULL;
",
    // Nobody may sign in to a disabled account.
    "ALTER TABLE accounts ADD COLUMN is_disabled INTEGER NOT NULL DEFAULT 0;",
];

/// Tells files of this crate from other databases: `skar`.
pub(crate) const APPLICATION: i64 = 0x736b_6172;
