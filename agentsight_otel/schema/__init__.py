"""Applies ``clickhouse_schema/`` to a ClickHouse database: versioned, checksummed, safe to repeat.

    from agentsight_otel import schema
    schema.apply("http://admin:secret@127.0.0.1:8123/agentsight")

The database keeps what was applied in its table ``schema_history``. Applying is safe to run twice, from several
processes at once, and after a run that was interrupted.
"""

from agentsight_otel.schema.applier import Step, apply, check, plan, set_retention
from agentsight_otel.schema.errors import (
    SchemaEdited,
    SchemaError,
    SchemaLocked,
    SchemaNewer,
    SchemaNotApplied,
    SchemaOnShards,
)
from agentsight_otel.schema.inspection import Difference, FileStatus, Status, status, verify

__all__ = [
    "Difference",
    "FileStatus",
    "SchemaEdited",
    "SchemaError",
    "SchemaLocked",
    "SchemaNewer",
    "SchemaNotApplied",
    "SchemaOnShards",
    "Status",
    "Step",
    "apply",
    "check",
    "plan",
    "set_retention",
    "status",
    "verify",
]
