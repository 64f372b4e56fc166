-- The tools whose call means that a conversation was handed to a person. Yours to edit: insert and delete rows.
-- Grain: one row per tool. Names are compared trimmed and lower-cased.
-- Read by: metric_human_escalation.
CREATE TABLE IF NOT EXISTS {database}.escalation_tools
(
    `tool` String
)
ENGINE = ReplacingMergeTree
ORDER BY tool;
