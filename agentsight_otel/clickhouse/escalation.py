"""The tools whose call means that a conversation was handed to a person: table ``escalation_tools``."""

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

LONGEST_NAME = 200
"""The longest name that a tool may have, in characters."""

_KEY = "lowerUTF8(trimBoth({}, ' \\t\\n\\r\\f\\v'))"
_LISTED = f"SELECT {_KEY.format('tool')} FROM escalation_tools"
# Matches names of tools that hand over: "transfer_to_human", "escalate_case", "handoff", "createSupportTicket".
_HAND_OVER = re.compile(
    r"human|hand[ _-]?(?:over|off)|escalat|live[ _-]?(?:agent|chat|support)"
    r"|(?:real|support|service)[ _-]?(?:agent|person)|transfer.*(?:agent|operator|person|support|staff|colleague|desk"
    r"|queue)|operator|ticket|call[ _-]?back",
    re.IGNORECASE,
)


def listed(client: "Client") -> list[str]:
    """The tools that count as escalation, as the table has them, ordered by name."""
    return [row[0] for row in client.query("SELECT DISTINCT tool FROM escalation_tools ORDER BY tool").result_rows]


def add(client: "Client", tool: str) -> bool:
    """Adds a tool; the escalation metric of all times changes at once.

    Args:
        client: A clickhouse-connect client in the database.
        tool: The tool's name; compared trimmed and lower-cased.

    Returns:
        Whether the tool was not listed before.

    Raises:
        ValueError: The name is empty or longer than ``LONGEST_NAME``.
    """
    name = _checked(tool)
    if _is_listed(client, name):
        return False
    client.command("INSERT INTO escalation_tools (tool) VALUES ({tool:String})", parameters={"tool": name})
    return True


def remove(client: "Client", tool: str) -> bool:
    """Removes a tool from the list; the escalation metric of all times changes at once.

    Args:
        client: A clickhouse-connect client in the database.
        tool: The tool's name; compared trimmed and lower-cased.

    Returns:
        Whether the tool was listed.
    """
    name = _checked(tool)
    if not _is_listed(client, name):
        return False
    client.command(
        f"DELETE FROM escalation_tools WHERE {_KEY.format('tool')} = {_KEY.format('{tool:String}')}",
        parameters={"tool": name},
        settings={"lightweight_deletes_sync": 2},
    )
    return True


def suspects(client: "Client", days: int = 90, *, settings: dict[str, Any] | None = None) -> list[str]:
    """Tools that are not listed but whose names suggest that they hand over to a person, most called first.

    Args:
        client: A clickhouse-connect client in the database.
        days: How many days of calls are considered.
        settings: Settings of the query.
    """
    rows = client.query(
        f"SELECT tool FROM tool_calls WHERE day >= toInt32(today()) - {int(days)} AND tool_key NOT IN ({_LISTED})"
        f" AND lengthUTF8(tool) <= {LONGEST_NAME}"
        " GROUP BY tool ORDER BY count() DESC, tool LIMIT 1000",
        settings=settings,
    ).result_rows
    return [row[0] for row in rows if _HAND_OVER.search(row[0])]


def _is_listed(client: "Client", tool: str) -> bool:
    query = f"SELECT {_KEY.format('{tool:String}')} IN ({_LISTED})"
    return bool(client.query(query, parameters={"tool": tool}).result_rows[0][0])


def _checked(tool: str) -> str:
    name = tool.strip()
    if not name or len(name) > LONGEST_NAME:
        raise ValueError(f"tool {tool[:40]!r}: expected a tool's name of 1 to {LONGEST_NAME} characters")
    return name
