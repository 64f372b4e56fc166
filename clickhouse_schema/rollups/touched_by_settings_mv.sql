-- Fills touched_traces when a row is inserted into settings: all that comes from spans of others is derived anew, a thousand traces a second.
--
-- In turns, as all at once would need memory without bound, and keep what arrives meanwhile waiting.
CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.touched_by_settings_mv TO {database}.touched_traces AS
SELECT now64(3, 'UTC') + toIntervalMillisecond(trace_key % greatest(ifNull((SELECT uniq(trace_key) FROM {database}.foreign_spans), 1), 1)) AS touched_at, trace_key
FROM {database}.settings
CROSS JOIN (SELECT DISTINCT trace_key FROM {database}.foreign_spans) AS traces_of_others;
