-- Which migrations made this database, as in every database of the house.
CREATE TABLE migrations (
    number INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    checksum TEXT NOT NULL
) STRICT;

-- How often the graph was changed, and up to which change it was laid out for reading.
CREATE TABLE progress (
    changed INTEGER NOT NULL,
    published INTEGER NOT NULL
) STRICT;
INSERT INTO progress (changed, published) VALUES (0, 0);

CREATE TABLE sources (
    source_id INTEGER PRIMARY KEY AUTOINCREMENT,
    source TEXT NOT NULL UNIQUE,
    fingerprint TEXT NOT NULL
) STRICT;

-- Who may see something: the names of groups as a JSON list; the empty list is everyone.
CREATE TABLE audiences (
    audience INTEGER PRIMARY KEY,
    groups TEXT NOT NULL UNIQUE
) STRICT;

-- What edges stand in. A declaration is one too, with an empty span: it leads on, and is never shown as a passage.
CREATE TABLE passages (
    passage_id INTEGER PRIMARY KEY AUTOINCREMENT,
    passage INTEGER NOT NULL,
    source_id INTEGER NOT NULL,
    span_start INTEGER NOT NULL,
    span_end INTEGER NOT NULL,
    audience INTEGER NOT NULL
) STRICT;
CREATE INDEX passages_of_source ON passages (source_id);
CREATE INDEX passages_by_key ON passages (passage);

CREATE TABLE edges (
    passage_id INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    entity INTEGER NOT NULL,
    PRIMARY KEY (passage_id, kind, entity)
) STRICT, WITHOUT ROWID;

-- How a source writes its entities: so that nothing of a source is left when it goes.
CREATE TABLE names (
    source_id INTEGER NOT NULL,
    entity INTEGER NOT NULL,
    name TEXT NOT NULL,
    PRIMARY KEY (source_id, entity)
) STRICT, WITHOUT ROWID;

-- Typed relations, as definitions, tables and people state them.
CREATE TABLE statements (
    passage_id INTEGER NOT NULL,
    subject INTEGER NOT NULL,
    relation TEXT NOT NULL,
    object INTEGER NOT NULL,
    PRIMARY KEY (passage_id, subject, relation, object)
) STRICT, WITHOUT ROWID;
CREATE INDEX statements_by_subject ON statements (subject);
CREATE INDEX statements_by_object ON statements (object);
