-- Conversations of the window: engaged ones that started in [from, to), and match the filters. Internal.
-- Grain: one row per conversation. Read by: the views of conversations.
--
-- A day's row tells which conversations may have started in the window; only of those all other days are read.
-- It repeats the filters of matching_conversations: ClickHouse analyses a view with parameters once more for each such
-- view around it, and that level made every metric a quarter dearer to plan.
CREATE OR REPLACE VIEW {database}.window_conversations AS
SELECT *
FROM {database}.resolved_conversations
WHERE conversation_key IN (
        SELECT conversation_key
        FROM {database}.conversation_days
        WHERE day >= intDiv(toUnixTimestamp64Milli({from:DateTime64(3, 'UTC')}), 86400000) - 1
            AND day <= intDiv(toUnixTimestamp64Milli({to:DateTime64(3, 'UTC')}), 86400000)
            AND started_at >= {from:DateTime64(3, 'UTC')}
            AND started_at < {to:DateTime64(3, 'UTC')})
    AND started_at >= {from:DateTime64(3, 'UTC')}
    AND started_at < {to:DateTime64(3, 'UTC')}
    AND (empty({service:Array(String)}) OR has({service:Array(String)}, service))
    AND (empty({environment:Array(String)}) OR has({environment:Array(String)}, environment))
    AND (empty({device:Array(String)}) OR has({device:Array(String)}, device))
    AND (empty({source:Array(String)}) OR has({source:Array(String)}, source))
    AND (empty({language:Array(String)}) OR has({language:Array(String)}, language))
    AND (empty({country:Array(String)}) OR has({country:Array(String)}, country));
