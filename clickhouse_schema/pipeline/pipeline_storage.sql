-- What the tables take up on this server.
-- Grain: one row per table with data. Units: bytes; parts = active ones, most_parts = in its fullest partition, which
-- ClickHouse slows inserts for from parts_to_delay_insert (1,000 by default) on.
--
-- Read by: dashboards.
CREATE OR REPLACE VIEW {database}.pipeline_storage
(
    `table` String COMMENT 'Its name',
    `parts` UInt64 COMMENT 'Active parts',
    `most_parts` UInt64 COMMENT 'Parts of its fullest partition',
    `partitions` UInt64 COMMENT 'Partitions with data',
    `rows` UInt64 COMMENT 'Rows stored',
    `disk_bytes` UInt64 COMMENT 'Compressed',
    `uncompressed_bytes` UInt64 COMMENT 'Before compression'
) AS
SELECT
    table,
    sum(partition_parts) AS parts,
    max(partition_parts) AS most_parts,
    count() AS partitions,
    sum(partition_rows) AS rows,
    sum(partition_disk_bytes) AS disk_bytes,
    sum(partition_uncompressed_bytes) AS uncompressed_bytes
FROM
(
    SELECT
        table,
        partition_id,
        count() AS partition_parts,
        sum(rows) AS partition_rows,
        sum(bytes_on_disk) AS partition_disk_bytes,
        sum(data_uncompressed_bytes) AS partition_uncompressed_bytes
    FROM system.parts
    WHERE active AND database = '{database}'
    GROUP BY table, partition_id
)
GROUP BY table
ORDER BY disk_bytes DESC, table;
