-- Services whose clocks disagree with others': their spans begin before the spans of other services that called them.
-- Reads the raw spans that started in [from, to): an hour or a day is quick, a year is not.
-- Grain: one row per service and service that called it. Units: early_ms in ms, the median of those that begin too early.
--
-- Read by: dashboards.
CREATE OR REPLACE VIEW {database}.pipeline_clocks AS
SELECT
    child.service AS service,
    parent.service AS called_by,
    uniqExact(child.trace_id, child.span_id) AS spans,
    uniqExactIf((child.trace_id, child.span_id), child.start_ns < parent.start_ns) AS early_spans,
    ifNull(quantileOrNullIf(0.5)(parent.start_ns - child.start_ns, child.start_ns < parent.start_ns) / 1e6, 0) AS early_ms
FROM
(
    SELECT TraceId AS trace_id, SpanId AS span_id, ParentSpanId AS parent_id, ServiceName AS service, toUnixTimestamp64Nano(Timestamp) AS start_ns
    FROM {database}.otel_traces
    WHERE {in_window(Timestamp)} AND ParentSpanId NOT IN ('', '0000000000000000')
) AS child
INNER JOIN
(
    SELECT TraceId AS trace_id, SpanId AS span_id, ServiceName AS service, toUnixTimestamp64Nano(Timestamp) AS start_ns
    FROM {database}.otel_traces
    WHERE {in_window(Timestamp)}
) AS parent ON child.trace_id = parent.trace_id AND child.parent_id = parent.span_id
WHERE child.service != parent.service
GROUP BY service, called_by
ORDER BY early_spans DESC, service, called_by;
