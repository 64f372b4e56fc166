-- What tokens cost. Yours to fill: `agentsight-otel prices import FILE`, or insert rows. Where no price fits, cost is NULL.
-- Grain: one row per model pattern and first day of validity. Units: prices per million tokens.
--
-- Read by: model_usage, model_usage_over_time, conversation_model_usage. The longest pattern that fits a model counts,
-- of those the latest that is valid on the day of the call.
CREATE TABLE IF NOT EXISTS {database}.model_prices
(
    `model` String COMMENT 'Name of the model, compared lower-cased; * stands for any text' CODEC(ZSTD(1)),
    `valid_from` Date COMMENT 'First UTC day on which it holds' CODEC(ZSTD(1)),
    `input_price` Float64 COMMENT 'Per million input tokens that no cache had' CODEC(ZSTD(1)),
    `cached_input_price` Nullable(Float64) COMMENT 'Per million cached input tokens; NULL: as input_price' CODEC(ZSTD(1)),
    `output_price` Float64 COMMENT 'Per million output tokens, those of reasoning included' CODEC(ZSTD(1)),
    `currency` LowCardinality(String) DEFAULT 'USD' COMMENT 'ISO 4217' CODEC(ZSTD(1)),
    `changed_at` DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC') COMMENT 'The latest counts' CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree(changed_at)
ORDER BY (model, valid_from);
