"""How long tables keep their rows."""

from typing import Any

from agentsight_otel.clickhouse.schema.history import RAW_RETENTION, ROLLUP_RETENTION
from agentsight_otel.clickhouse.schema.macros import expand

MAX_RETENTION_DAYS = 36_500

_TABLES = {
    RAW_RETENTION: {"otel_traces": "toInt32(toDate32(Timestamp, 'UTC'))"},
    ROLLUP_RETENTION: {
        "conversation_days": "day",
        "resolved": "day",
        # The day of its last span, or on which that arrived if later; one more, as conversations_merged_mv may be late.
        "conversations": "greatest(toInt32(changed_on), arrayMax(days)) + 1",
        "tool_calls": "day",
        "feedback": "day",
        "model_calls": "day",
        "derived_days": "day",
        "foreign_spans": "toInt32(intDiv(end_us, 86400000000))",
        "trace_claims": "toInt32(seen_on)",
        "conversation_traces": "toInt32(seen_on)",
        "trace_owners": "toInt32(intDiv(version, 86400000))",
        "derived_conversations": "toInt32(intDiv(version, 86400000))",
    },
}


def wanted_retention(raw_days: int | None, rollup_days: int | None) -> dict[str, int]:
    """The retention settings that are not None, in days by name.

    Raises:
        ValueError: A setting is not a number of days from 0 to 36,500.
    """
    wanted = {RAW_RETENTION: raw_days, ROLLUP_RETENTION: rollup_days}
    for setting, days in wanted.items():
        if days is not None and not 0 <= days <= MAX_RETENTION_DAYS:
            raise ValueError(f"{setting}: {days}: expected a number of days from 0 (keep) to {MAX_RETENTION_DAYS}")
    return {setting: days for setting, days in wanted.items() if days is not None}


def set_retention(client: Any, database: str, setting: str, days: int, *, prefix: str = "") -> None:
    """Gives the tables behind a retention setting their TTL; 0 days removes it.

    Args:
        client: A clickhouse-connect client.
        database: The database's plain name.
        setting: ``RAW_RETENTION`` or ``ROLLUP_RETENTION``.
        days: How many days rows are kept; 0 keeps them for good.
        prefix: A prefix of the tables' names.
    """
    for table, day in _TABLES[setting].items():
        name = f"{database}.{prefix}{table}"
        if days and table == "conversations":
            # What was inserted on several days has rows that may be cut one by one: one that knows all stays.
            target = f"{{database}}.{table}"
            merge = expand(
                f"INSERT INTO {target} {{merged_conversations(true)}} SETTINGS optimize_aggregation_in_order = 1"
            )
            client.command(merge.replace("{database}.", f"{database}.{prefix}"))
        if days:
            client.command(f"ALTER TABLE {name} MODIFY TTL {_end(day, days)}")
        elif _has_ttl(client, database, f"{prefix}{table}"):
            client.command(f"ALTER TABLE {name} REMOVE TTL")


def _end(day: str, days: int) -> str:
    """SQL for the day on which rows end: a Date (1970 to 2149), because ClickHouse before 25.8 wants one in a TTL."""
    return f"toDate(toUInt16(least(greatest({day}, 0) + {days}, 65535)))"


def _has_ttl(client: Any, database: str, table: str) -> bool:
    rows = client.query(
        "SELECT create_table_query FROM system.tables WHERE database = {database:String} AND name = {table:String}",
        parameters={"database": database, "table": table},
    ).result_rows
    return bool(rows) and " TTL " in rows[0][0]
