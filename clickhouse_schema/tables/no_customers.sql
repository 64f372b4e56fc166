-- Values that programs send as a customer where there is none. Yours to edit: insert and delete rows.
-- Grain: one row per value. Values are compared trimmed and lower-cased.
--
-- Read by: metric_individual_users, conversations_v. Whoever inserts spans need not be able to read it: the rows that it
-- starts with are known to conversation_changes_mv (macro usual_no_customers), so that a later one of them does not hide
-- the customer before it; the others are asked when a conversation is read.
CREATE TABLE IF NOT EXISTS {database}.no_customers
(
    `value` String COMMENT 'As a customer id; compared trimmed and lower-cased'
)
ENGINE = ReplacingMergeTree
ORDER BY value;
INSERT INTO {database}.no_customers (value) VALUES ('null'), ('undefined'), ('none'), ('guest'), ('anonymous'), ('n/a'), ('0');
