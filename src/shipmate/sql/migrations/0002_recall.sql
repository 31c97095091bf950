-- The turns whose messages may be used for more than answering, by episode: what recall of past conversations reads.
-- Their words stand in the traces alone.
CREATE TABLE remembered (
    turn_id TEXT PRIMARY KEY,
    conversation_id TEXT NOT NULL,
    issue_id TEXT NOT NULL,
    at REAL NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX remembered_by_episode ON remembered (issue_id, at);

CREATE INDEX remembered_by_conversation ON remembered (conversation_id);

-- What earlier versions' journals say of such turns.
INSERT INTO remembered (turn_id, conversation_id, issue_id, at)
SELECT traces.turn_id, traces.conversation_id, json_extract(event, '$.issue_id'), ts
FROM events JOIN traces ON traces.turn_id = json_extract(event, '$.turn_id')
WHERE name = 'assistant.turn.completed' AND json_extract(event, '$.consent') != '' AND json_extract(event, '$.issue_id') != ''
ON CONFLICT DO NOTHING;

-- How often somebody was forgotten: whoever keeps something in memory looks again when the number grows.
CREATE TABLE erasures (
    seq INTEGER PRIMARY KEY,
    conversations INTEGER NOT NULL
) STRICT;
