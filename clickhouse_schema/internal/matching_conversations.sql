-- Conversations that match the filters, an empty array being no filter, and count: all but those of robots. Internal.
-- Grain: one row per conversation.
--
-- Read by: the page.
CREATE OR REPLACE VIEW {database}.matching_conversations AS
SELECT *
FROM {database}.resolved_conversations
WHERE NOT robot AND {matches_filters};
