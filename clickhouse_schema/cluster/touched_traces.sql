-- touched_traces of all shards, on a query node: to read only, being filled on the shards.
-- Grain and units: as in ../rollups/touched_traces.sql. Sharding key: none.
CREATE OR REPLACE TABLE {database}.touched_traces
ENGINE = Distributed('{cluster}', '{database}', 'touched_traces');
