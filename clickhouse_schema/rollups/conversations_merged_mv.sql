-- Puts together in conversations, every hour, what is known of those of several days that spans arrived for.
--
-- Retention cuts a row of conversations some days after it was last written to. Of a conversation that goes on, what
-- tells when it began is by then in this row, too.
CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.conversations_merged_mv REFRESH EVERY 1 HOUR APPEND TO {database}.conversations AS
{merged_conversations(conversation_key IN (SELECT conversation_key FROM {database}.touched WHERE touched_at >= now() - INTERVAL 3 HOUR))};
