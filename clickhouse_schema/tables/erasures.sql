-- What was erased, without what it was: the proof that it was done.
-- Grain: one row per person or conversation and erasure. Units: UTC to the ms.
--
-- Written by: agentsight-otel erase. Read by: its --clean-up, which erases what of the same comes late.
CREATE TABLE IF NOT EXISTS {database}.erasures
(
    `erased_at` DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'When',
    `subject` LowCardinality(String) COMMENT 'customer or conversation',
    `subject_hash` FixedString(64) COMMENT 'SHA-256 of the id, in hexadecimal',
    `erased_by` String COMMENT 'Who asked for it',
    `conversations` UInt64 COMMENT 'Conversations erased',
    `removed` Map(String, UInt64) COMMENT 'Rows removed, by table'
)
ENGINE = MergeTree
ORDER BY (subject, subject_hash, erased_at);
