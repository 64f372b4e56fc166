-- Fills foreign_span_facts from every insert into otel_traces, by way of span_facts.
CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.foreign_span_facts_mv TO {database}.foreign_span_facts AS
SELECT *
FROM {database}.span_facts
WHERE NOT IsOwn OR IsMarked;
