"""Which ClickHouse servers the schema works on."""

import re
from typing import Any

from agentsight_otel.clickhouse.schema.errors import ClickHouseTooOld

MINIMUM = (25, 8)
"""The oldest supported release, which is the oldest that the tests run on."""


def refuse_old_server(client: Any) -> None:
    """Checks the server's version, before anything is changed.

    Raises:
        ClickHouseTooOld: The server is older than ``MINIMUM``.
    """
    text = str(client.query("SELECT version()").result_rows[0][0])
    numbers = re.findall(r"\d+", text)
    if len(numbers) >= 2 and (int(numbers[0]), int(numbers[1])) < MINIMUM:
        raise ClickHouseTooOld(
            f"this is ClickHouse {text}; the schema needs {MINIMUM[0]}.{MINIMUM[1]} or newer. Nothing was changed"
        )
