-- Metric 15. Visits: conversations first seen in [from, to), by conversation_opened or by engagement, whichever is
-- earlier; engaged: those of them engaged at any time.
-- Grain: one row. Units: rate 0-1, NULL where there is no visit. Read by: dashboards, the command line.
CREATE OR REPLACE VIEW {database}.metric_unique_interaction AS
SELECT
    count() AS visits,
    count(started_at) AS engaged,
    if(visits = 0, NULL, engaged / visits) AS rate
FROM {database}.matching_conversations(service={service:Array(String)}, environment={environment:Array(String)}, device={device:Array(String)}, source={source:Array(String)}, language={language:Array(String)}, country={country:Array(String)})
WHERE conversation_key IN (
        SELECT conversation_key
        FROM {database}.conversation_days
        WHERE day >= intDiv(toUnixTimestamp64Milli({from:DateTime64(3, 'UTC')}), 86400000) - 1
            AND day <= intDiv(toUnixTimestamp64Milli({to:DateTime64(3, 'UTC')}), 86400000)
            AND (opened_at >= {from:DateTime64(3, 'UTC')} AND opened_at < {to:DateTime64(3, 'UTC')} OR started_at >= {from:DateTime64(3, 'UTC')} AND started_at < {to:DateTime64(3, 'UTC')}))
    AND first_seen_at >= {from:DateTime64(3, 'UTC')}
    AND first_seen_at < {to:DateTime64(3, 'UTC')};
