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

-- name: asked
-- Newest first. Consent is that of the moment at which the question was asked, as long as it was not taken back since.
SELECT trace, caller AS asker,
    caller = :caller OR (consent_id <> '' AND coalesce(json_extract(event, '$.consent'), '') <> '') AS may_be_shown
FROM (SELECT seq, event FROM events WHERE name = 'assistant.turn.completed' ORDER BY seq DESC LIMIT :limit)
    JOIN traces ON traces.turn_id = json_extract(event, '$.turn_id')
    JOIN conversations USING (conversation_id)
ORDER BY seq DESC;

-- name: said_before
-- Oldest first: the last messages before a turn's own.
SELECT role, text, at
FROM messages
WHERE seq IN (
    SELECT seq FROM messages
    WHERE conversation_id = :conversation_id
        AND seq < (SELECT min(seq) FROM messages WHERE conversation_id = :conversation_id AND turn_id = :turn_id)
    ORDER BY seq DESC LIMIT :messages
)
ORDER BY seq;

-- name: trace_of_turn
-- Whoever the caller is.
SELECT trace FROM traces WHERE turn_id = :turn_id;

-- name: events
SELECT seq, event FROM events WHERE seq > :after ORDER BY seq LIMIT :limit;

-- name: remember_turn
INSERT INTO remembered (turn_id, conversation_id, issue_id, at)
VALUES (:turn_id, :conversation_id, :issue_id, :at)
ON CONFLICT DO NOTHING;

-- name: rested_episodes
-- Newest first. One whose conversation goes on without consent is left out.
SELECT remembered.issue_id
FROM remembered JOIN conversations USING (conversation_id)
WHERE consent_id != ''
GROUP BY remembered.issue_id
HAVING max(at) >= :since AND max(at) <= :until
ORDER BY max(at) DESC, remembered.issue_id DESC
LIMIT :limit;

-- name: episode
-- Its turns as they came.
SELECT conversation_id, caller, at, trace
FROM remembered JOIN traces USING (turn_id, conversation_id) JOIN conversations USING (conversation_id)
WHERE remembered.issue_id = :issue_id
ORDER BY at, turn_id;

-- name: erasures
SELECT count(*) FROM erasures;

-- name: conversations_of
-- A caller's, or the one of that id.
SELECT conversation_id FROM conversations WHERE caller = :whom OR conversation_id = :whom;

-- name: erase_traces
DELETE FROM traces WHERE turn_id IN (SELECT turn_id FROM messages WHERE conversation_id = :conversation_id);

-- name: erase_messages
DELETE FROM messages WHERE conversation_id = :conversation_id;

-- name: erase_remembered
DELETE FROM remembered WHERE conversation_id = :conversation_id;

-- name: erase_conversation
DELETE FROM conversations WHERE conversation_id = :conversation_id;

-- name: add_erasure
INSERT INTO erasures (conversations) VALUES (:conversations);

-- name: graph_sources
SELECT source, fingerprint FROM sources;

-- name: graph_source_id
SELECT source_id FROM sources WHERE source = :source;

-- name: remove_graph_statements
DELETE FROM statements WHERE passage_id IN (SELECT passage_id FROM passages WHERE source_id = :source_id);

-- name: remove_graph_edges
DELETE FROM edges WHERE passage_id IN (SELECT passage_id FROM passages WHERE source_id = :source_id);

-- name: remove_graph_names
DELETE FROM names WHERE source_id = :source_id;

-- name: remove_graph_passages
DELETE FROM passages WHERE source_id = :source_id;

-- name: remove_graph_source
DELETE FROM sources WHERE source_id = :source_id;

-- name: graph_last_ids
SELECT (SELECT coalesce(max(source_id), 0) FROM sources), (SELECT coalesce(max(passage_id), 0) FROM passages);

-- name: add_graph_source
INSERT INTO sources (source_id, source, fingerprint) VALUES (?, ?, ?);

-- name: add_graph_audience
INSERT INTO audiences (groups) VALUES (:groups) ON CONFLICT DO NOTHING;

-- name: graph_audiences
SELECT audience, groups FROM audiences ORDER BY audience;

-- name: add_graph_passage
INSERT INTO passages (passage_id, passage, source_id, span_start, span_end, audience) VALUES (?, ?, ?, ?, ?, ?);

-- name: add_graph_edge
INSERT INTO edges (passage_id, kind, entity) VALUES (?, ?, ?);

-- name: add_graph_name
INSERT INTO names (source_id, entity, name) VALUES (?, ?, ?) ON CONFLICT DO NOTHING;

-- name: add_graph_statement
INSERT INTO statements (passage_id, subject, relation, object) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING;

-- name: graph_changed
UPDATE progress SET changed = changed + 1;

-- name: graph_published
UPDATE progress SET published = :published;

-- name: graph_progress
SELECT changed, published FROM progress;

-- name: graph_passages
SELECT passage, audience FROM passages;

-- name: graph_edges
SELECT passage, kind, entity FROM edges JOIN passages USING (passage_id);

-- name: graph_place
SELECT source, span_start, span_end FROM passages JOIN sources USING (source_id) WHERE passage = :passage;

-- name: graph_declarations
SELECT passage FROM passages WHERE span_start = span_end;

-- name: graph_name
-- As the passage's source writes it.
SELECT name FROM names JOIN passages USING (source_id) WHERE passage = :passage AND entity = :entity;

-- name: graph_statements
-- What is stated of an entity on either side, in a stable order.
SELECT passage, audience, subject, relation, object
FROM statements JOIN passages USING (passage_id)
WHERE subject = :entity OR object = :entity
ORDER BY relation, subject, object, passage;

-- name: graph_statements_in
SELECT passage, audience, subject, relation, object
FROM statements JOIN passages USING (passage_id)
WHERE passage IN (SELECT value FROM json_each(:passages))
ORDER BY relation, subject, object, passage;

-- name: graph_alike
-- The names first: a word in them is looked for, and only then who may see them.
SELECT DISTINCT name, entity
FROM names CROSS JOIN passages USING (source_id) CROSS JOIN edges USING (passage_id, entity)
WHERE EXISTS (SELECT 1 FROM json_each(:patterns) WHERE name LIKE value)
AND audience IN (SELECT value FROM json_each(:audiences))
LIMIT :most;
