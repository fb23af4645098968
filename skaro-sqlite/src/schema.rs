//! The tables, as a list of steps: the version of a file is the number of steps that it has taken.

/// Steps from an empty file to the newest format. A step that was released is never changed: another one is added.
///
/// Texts are blobs, since the protocol allows U+0000 in them.
pub(crate) const STEPS: [&str; 2] = [
    "
-- A conference is an account without a verifier. A removed account stays, and is gone: others' logs tell its login, and its
-- number is not given again.
CREATE TABLE accounts (
    id INTEGER PRIMARY KEY,
    login BLOB NOT NULL,
    -- What the login looks like: nobody registers one that looks like another.
    skeleton BLOB NOT NULL,
    verifier BLOB,
    log BLOB NOT NULL,
    is_gone INTEGER NOT NULL DEFAULT 0,
    -- What the profile says.
    is_public INTEGER NOT NULL DEFAULT 0,
    tells_read INTEGER NOT NULL DEFAULT 0,
    -- Position of the last entry ever, and the one after which a cursor can begin.
    head INTEGER NOT NULL DEFAULT 0,
    begin INTEGER NOT NULL DEFAULT 0,
    -- What is kept: entries, bytes of their bodies, keys.
    entries INTEGER NOT NULL DEFAULT 0,
    bytes INTEGER NOT NULL DEFAULT 0,
    keys INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE UNIQUE INDEX account_of_login ON accounts (login) WHERE NOT is_gone;
CREATE INDEX accounts_of_skeleton ON accounts (skeleton) WHERE NOT is_gone;
CREATE INDEX public_accounts ON accounts (login) WHERE is_public;

-- Those that are not empty. They are apart from accounts, whose rows are written with each message.
CREATE TABLE profiles (
    account INTEGER PRIMARY KEY REFERENCES accounts,
    profile BLOB NOT NULL
) STRICT;

-- A message is here as long as a log has it.
CREATE TABLE messages (
    id INTEGER PRIMARY KEY,
    date INTEGER NOT NULL,
    sender INTEGER NOT NULL REFERENCES accounts,
    sent INTEGER NOT NULL,
    recipient INTEGER NOT NULL REFERENCES accounts,
    -- Its position in the recipient's log; NULL if that is a conference.
    received INTEGER,
    -- Number of logs that have it.
    copies INTEGER NOT NULL,
    body BLOB NOT NULL,
    key BLOB
) STRICT;
-- Dates are those of clocks, which may have been wrong: the oldest messages are not always the first ones.
CREATE INDEX messages_of_date ON messages (date);

-- The message has no reference, which would need an index.
CREATE TABLE entries (
    account INTEGER NOT NULL REFERENCES accounts,
    position INTEGER NOT NULL,
    peer INTEGER NOT NULL REFERENCES accounts,
    -- 0 a message of two users, 1 one in a conference, 2 a read mark, 3 a contact, 4 a change of a profile or of members.
    kind INTEGER NOT NULL,
    message INTEGER,
    -- The position up to which was read, or the state of the contact or member.
    value INTEGER,
    member INTEGER REFERENCES accounts,
    PRIMARY KEY (account, position)
) STRICT, WITHOUT ROWID;
CREATE INDEX messages_of_dialog ON entries (account, peer, position) WHERE message IS NOT NULL;
CREATE INDEX copies_in_conferences ON entries (message) WHERE kind = 1;

-- Whoever has a state of somebody has a row there, too: so those with states of an account are known. Members of a conference
-- are those in its states 2 and 4. Its latest date stands in the row that it has with itself.
CREATE TABLE dialogs (
    account INTEGER NOT NULL REFERENCES accounts,
    peer INTEGER NOT NULL REFERENCES accounts,
    -- That of the contact: 0 none, 1 asks, 2 listed, 3 blocked, 4 owner.
    state INTEGER NOT NULL DEFAULT 0,
    -- Date of the last message ever.
    latest INTEGER NOT NULL DEFAULT 0,
    -- Position up to which the user has read.
    read INTEGER NOT NULL DEFAULT 0,
    -- Positions of the last entries of the kinds 2, 3 and 4: newer ones replace them.
    mark INTEGER NOT NULL DEFAULT 0,
    contact INTEGER NOT NULL DEFAULT 0,
    changed INTEGER NOT NULL DEFAULT 0,
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

CREATE TABLE invitations (
    key BLOB PRIMARY KEY,
    -- Who invites; NULL for whoever runs the server.
    account INTEGER REFERENCES accounts,
    -- The last moment at which it is good.
    until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX invitations_of_account ON invitations (account);
CREATE INDEX invitations_of_time ON invitations (until);
",
    // Nobody may sign in to a disabled account.
    "ALTER TABLE accounts ADD COLUMN is_disabled INTEGER NOT NULL DEFAULT 0;",
];

/// Tells files of this crate from other databases: `skar`.
pub(crate) const APPLICATION: i64 = 0x736b_6172;
