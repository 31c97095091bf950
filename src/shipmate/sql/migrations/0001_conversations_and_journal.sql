-- Which migrations made this database: a later version checks that they are the ones it knows.
CREATE TABLE migrations (
    number INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    checksum TEXT NOT NULL
) STRICT;

-- Threads. All that a turn needs to go on, apart from the messages.
CREATE TABLE conversations (
    conversation_id TEXT PRIMARY KEY,
    caller TEXT NOT NULL,
    opened_at REAL NOT NULL,
    last_at REAL NOT NULL,
    issue_id TEXT NOT NULL,
    last_intent TEXT NOT NULL,
    language TEXT NOT NULL,
    consent_id TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- What was said, the only table with people's words besides the traces. `seq` is the order of the commits.
CREATE TABLE messages (
    seq INTEGER PRIMARY KEY,
    conversation_id TEXT NOT NULL,
    turn_id TEXT NOT NULL,
    role TEXT NOT NULL,
    text TEXT NOT NULL,
    at REAL NOT NULL
) STRICT;

-- One message of each role in a turn: what comes again is known by it.
CREATE UNIQUE INDEX messages_of_conversation ON messages (conversation_id, turn_id, role);

-- Why each turn ended as it did: MessagePack of the record `Trace`.
CREATE TABLE traces (
    turn_id TEXT PRIMARY KEY,
    conversation_id TEXT NOT NULL,
    trace BLOB NOT NULL
) STRICT;

-- The journal, append-only: `event` is the whole record as JSON, `seq` the order of the commits.
CREATE TABLE events (
    seq INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    ts REAL NOT NULL,
    event TEXT NOT NULL
) STRICT;
