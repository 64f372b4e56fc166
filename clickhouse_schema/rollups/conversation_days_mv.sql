-- Fills conversation_days from every insert into otel_traces, by way of conversation_changes.
--
-- WHERE true: ClickHouse 25.8 takes the COMMENT that follows a table's name for an alias.
CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.conversation_days_mv TO {database}.conversation_days AS
SELECT
    of_day AS day,
    conversation_key,
    arrayDistinct(arrayFilter((message, message_day) -> message_day = of_day, changes.messages, message_days)) AS messages
FROM {database}.conversation_changes AS changes
ARRAY JOIN arrayDistinct(message_days) AS of_day
WHERE true;
