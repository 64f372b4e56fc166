-- That there are conversations to resolve.
-- Grain: one row every ten seconds, while there are; nothing is stored here.
--
-- Written by: resolution_due_mv. Read by: resolved_mv, which is planned only where a row comes.
CREATE TABLE IF NOT EXISTS {database}.resolution_due
(
    `due_at` DateTime64(3, 'UTC') COMMENT 'When this was found out'
)
ENGINE = Null;
