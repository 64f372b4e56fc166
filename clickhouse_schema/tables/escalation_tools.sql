-- The tools whose call means that a conversation was handed to a person. Yours to edit: insert and delete rows.
-- Grain: one row per tool. Names are compared trimmed and lower-cased.
--
-- Read by: metric_human_escalation.
CREATE TABLE IF NOT EXISTS {database}.escalation_tools
(
    `tool` String COMMENT 'Its name; compared trimmed and lower-cased'
)
ENGINE = ReplacingMergeTree
ORDER BY tool;
INSERT INTO {database}.escalation_tools (tool) VALUES ('fallback_to_human'), ('open_ticket'), ('ticket'), ('contact_human');
