-- The conversations behind the metrics of a window, with the metrics' parameters: those that started in [from, to)
-- and match the filters. The columns of conversations_v up to conversation_key, and how each went. (`timezone` is not needed; it may be given.)
-- Grain: one row per conversation. Units: times UTC to the ms, duration in seconds; NULL where there is none.
-- feedback: the latest sentiment that the customer gave, at any time; '' where there is none.
--
-- Read by: dashboards, the page.
CREATE OR REPLACE VIEW {database}.conversations_in_window AS
SELECT
    {conversation_columns},
    {is_escalated(tools)} AS escalated,
    ifNull(latest.sentiment, '') AS feedback
FROM {database}.window_conversations({window_args}) AS conversation
LEFT JOIN
(
    SELECT conversation_key, argMax(sentiment, (given_at, trace_id, span_id)) AS sentiment
    FROM {database}.counted_feedback
    GROUP BY conversation_key
) AS latest USING (conversation_key);
