-- Settings of the metrics. Yours to edit: insert a row again to change it.
-- Grain: one row per setting.
CREATE TABLE IF NOT EXISTS {database}.settings
(
    `name` String COMMENT 'derive_exchanges: 1 to derive messages from spans of other SDKs, 0 not to',
    `value` String COMMENT 'Its value',
    `changed_at` DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC') COMMENT 'The latest counts'
)
ENGINE = ReplacingMergeTree(changed_at)
ORDER BY name;
INSERT INTO {database}.settings (name, value) VALUES ('derive_exchanges', '1');
