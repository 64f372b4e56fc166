-- Conversations of the window: engaged ones that started in [from, to), and match the filters. Internal.
-- Grain: one row per conversation. Read by: the views of conversations.
--
-- A day's row tells which conversations may have started in the window; only of those all other days are read.
CREATE OR REPLACE VIEW {database}.window_conversations AS
SELECT *
FROM {database}.matching_conversations(service={service:Array(String)}, environment={environment:Array(String)}, device={device:Array(String)}, source={source:Array(String)}, language={language:Array(String)}, country={country:Array(String)})
WHERE conversation_key IN (
        SELECT conversation_key
        FROM {database}.conversation_days
        WHERE day >= intDiv(toUnixTimestamp64Milli({from:DateTime64(3, 'UTC')}), 86400000) - 1
            AND day <= intDiv(toUnixTimestamp64Milli({to:DateTime64(3, 'UTC')}), 86400000)
            AND started_at >= {from:DateTime64(3, 'UTC')}
            AND started_at < {to:DateTime64(3, 'UTC')})
    AND started_at >= {from:DateTime64(3, 'UTC')}
    AND started_at < {to:DateTime64(3, 'UTC')};
