-- That there is something to derive from spans of other SDKs.
-- Grain: one row every ten seconds, while there is; nothing is stored here.
--
-- Written by: derivation_due_mv. Read by: derived_conversations_mv, which is planned only where a row comes.
CREATE TABLE IF NOT EXISTS {database}.derivation_due
(
    `due_at` DateTime64(3, 'UTC') COMMENT 'When this was found out'
)
ENGINE = Null;
