-- The queries of the house by name. A parameter is named like the field of the record that it comes from.

-- name: record_migration
INSERT INTO migrations (number, name, checksum) VALUES (:number, :name, :checksum);

-- name: applied_migrations
SELECT number, checksum FROM migrations ORDER BY number;

-- name: table_count
SELECT count(*) FROM sqlite_schema;

-- name: begin_conversation
-- Does nothing where the conversation exists.
INSERT INTO conversations (conversation_id, caller, opened_at, last_at, issue_id, last_intent, language, consent_id)
VALUES (:conversation_id, :caller, :opened_at, :last_at, :issue_id, :last_intent, :language, :consent_id)
ON CONFLICT DO NOTHING;

-- name: owns_conversation
SELECT 1 FROM conversations WHERE conversation_id = :conversation_id AND caller = :caller;

-- name: continue_conversation
-- Does nothing where the conversation is somebody else's.
UPDATE conversations
SET last_at = :last_at, issue_id = :issue_id, last_intent = :last_intent,
    language = :language, consent_id = :consent_id
WHERE conversation_id = :conversation_id AND caller = :caller;

-- name: add_message
-- Does nothing where the turn already has a message of this role.
INSERT INTO messages (conversation_id, turn_id, role, text, at)
VALUES (:conversation_id, :turn_id, :role, :text, :at)
ON CONFLICT DO NOTHING;

-- name: add_trace
-- Does nothing where the turn was never opened, or is closed already.
INSERT INTO traces (turn_id, conversation_id, trace)
SELECT :turn_id, :conversation_id, :trace
WHERE EXISTS (SELECT 1 FROM messages WHERE conversation_id = :conversation_id AND turn_id = :turn_id)
ON CONFLICT DO NOTHING;

-- name: has_trace
SELECT 1 FROM traces WHERE turn_id = :turn_id AND conversation_id = :conversation_id;

-- name: add_event
INSERT INTO events (name, ts, event) VALUES (:name, :ts, :event);

-- name: conversation
SELECT conversation_id, caller, opened_at, last_at, issue_id, last_intent, language, consent_id
FROM conversations
WHERE conversation_id = :conversation_id;

-- name: recent_messages
-- Oldest first; the newest are found in the index alone, so that a long conversation is not read as a whole.
SELECT role, text, at
FROM messages
WHERE seq IN (SELECT seq FROM messages WHERE conversation_id = :conversation_id ORDER BY seq DESC LIMIT :messages)
ORDER BY seq;

-- name: trace
-- Another caller's trace is not there.
SELECT trace
FROM traces JOIN conversations USING (conversation_id)
WHERE turn_id = :turn_id AND caller = :caller;

-- name: events
SELECT seq, event FROM events WHERE seq > :after ORDER BY seq LIMIT :limit;
