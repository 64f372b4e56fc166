"""Stores exported spans unchanged: a database filled with them has the same metrics as the one they came from."""

import json
from collections.abc import Sequence
from typing import Any

from agentsight_otel.clickhouse import client as clickhouse_client
from agentsight_otel.clickhouse import schema

_ROWS_AT_ONCE = 20_000


def store_spans(rows: Sequence[dict[str, Any]], url: str) -> int:
    """Inserts rows into ``otel_traces``; a span that is stored already counts once.

    Args:
        rows: Rows as ``agentsight-otel export spans --format jsonl`` writes them.
        url: The URL of a database with the schema.

    Returns:
        The number of rows.

    Raises:
        SchemaNotApplied, SchemaNewer: The database does not have this version's schema.
        ClickHouseConnectionError: ClickHouse cannot be reached, or refuses the login.
    """
    if not rows:
        return 0
    schema.check(url)
    with clickhouse_client.connect(url) as client:
        for first in range(0, len(rows), _ROWS_AT_ONCE):
            lines = "\n".join(json.dumps(row) for row in rows[first : first + _ROWS_AT_ONCE])
            client.raw_insert("otel_traces", insert_block=lines.encode(), fmt="JSONEachRow")
    return len(rows)
