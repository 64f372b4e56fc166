-- Fills conversations from every insert into otel_traces, by way of conversation_changes.
--
-- WHERE true: ClickHouse 25.8 takes the COMMENT that follows a table's name for an alias.
CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.conversations_mv TO {database}.conversations AS
WITH arrayMap((day, message) -> {comparable_message(day, message)}, message_days, messages) AS sortable
SELECT
    conversation_key,
    conversation_id,
    first_service,
    first_environment,
    first_device,
    first_source,
    first_language,
    first_country,
    last_customer,
    last_name,
    last_marked,
    last_deleted,
    opened_at,
    started_at,
    explicit_end_at,
    last_activity_at,
    if(empty(sortable), 18446744073709551615, arrayMin(sortable)) AS first_message,
    if(empty(sortable), 0, arrayMax(sortable)) AS last_message,
    robot,
    tools,
    arrayDistinct(arrayConcat(span_days, message_days)) AS days,
    today() AS changed_on
FROM {database}.conversation_changes
WHERE true;
