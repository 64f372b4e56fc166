"""From a finished span to a backend: queue, batches, spool, privacy, OTLP, direct ClickHouse, the SDK's own metrics."""
