-- Conversations of the window: engaged ones that started in [from, to), and match the filters. Internal.
-- Grain: one row per conversation, with all that is known of it; the metrics, which need less, read macro
-- window_conversations.
--
-- Read by: conversations_in_window, the page.
CREATE OR REPLACE VIEW {database}.window_conversations AS
SELECT *
FROM {database}.resolved_conversations
WHERE conversation_key IN (
        SELECT value
        FROM {window_conversations(conversation_key)})
    AND {in_window(started_at)};
