-- foreign_spans of all shards, on a query node: to read only, being filled on the shards.
-- Grain and units: as in ../rollups/foreign_spans.sql. Sharding key: the trace.
CREATE OR REPLACE TABLE {database}.foreign_spans
ENGINE = Distributed('{cluster}', '{database}', 'foreign_spans', trace_key);
