"""Applies ``clickhouse_schema/`` to a ClickHouse database: versioned, checksummed, safe to repeat.

    from agentsight_otel.clickhouse import schema
    schema.apply("http://admin:secret@127.0.0.1:8123/agentsight")

The database keeps what was applied in its table ``schema_history``. Applying is safe to run twice, from several
processes at once, and after a run that was interrupted.
"""

from agentsight_otel.clickhouse.schema.applier import apply, check, plan
from agentsight_otel.clickhouse.schema.errors import (
    ClickHouseTooOld,
    ClusterNotReady,
    ClusterUnfinished,
    SchemaClash,
    SchemaEdited,
    SchemaError,
    SchemaForbidden,
    SchemaLocked,
    SchemaNewer,
    SchemaNotApplied,
    SchemaOnShards,
)
from agentsight_otel.clickhouse.schema.inspection import Difference, FileStatus, Status, status, verify
from agentsight_otel.clickhouse.schema.macros import expand
from agentsight_otel.clickhouse.schema.rebuilding import Missing, missing_rows, rebuild
from agentsight_otel.clickhouse.schema.retention import set_retention
from agentsight_otel.clickhouse.schema.script import script
from agentsight_otel.clickhouse.schema.steps import Step

__all__ = [
    "ClickHouseTooOld",
    "ClusterNotReady",
    "ClusterUnfinished",
    "Difference",
    "FileStatus",
    "Missing",
    "SchemaClash",
    "SchemaEdited",
    "SchemaError",
    "SchemaForbidden",
    "SchemaLocked",
    "SchemaNewer",
    "SchemaNotApplied",
    "SchemaOnShards",
    "Status",
    "Step",
    "apply",
    "check",
    "expand",
    "missing_rows",
    "plan",
    "rebuild",
    "script",
    "set_retention",
    "status",
    "verify",
]
