-- How long conversations, and texts, of each environment are kept; enforced every night by agentsight-otel erase --clean-up.
-- Grain: one row per environment; '' is all that have no row of their own. Units: days, 0 keeps.
--
-- Written by: schema apply, people. Read by: agentsight-otel erase --clean-up.
CREATE TABLE IF NOT EXISTS {database}.retention
(
    `environment` String COMMENT 'As conversations have it; empty for all that have no row of their own',
    `days` UInt32 COMMENT 'After which conversations are removed from every table; 0 keeps them',
    `content_days` UInt32 COMMENT 'After which texts are removed, and figures stay; 0 keeps them',
    `set_at` DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'When it was set'
)
ENGINE = ReplacingMergeTree(set_at)
ORDER BY environment;
