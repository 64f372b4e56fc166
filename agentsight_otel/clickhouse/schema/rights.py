"""Says which right in ClickHouse is missing, and how to give it."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from agentsight_otel.clickhouse.client import ACCESS_DENIED, error_code
from agentsight_otel.clickhouse.schema.errors import SchemaForbidden

_TO_APPLY = ("CREATE TABLE", "CREATE VIEW", "DROP TABLE", "DROP VIEW", "SELECT", "INSERT", "ALTER TABLE", "ALTER VIEW")
_GRANT = re.compile(r"necessary to have the grant (.+?)(?:\. \(ACCESS_DENIED|\. If |\(for |$)", re.DOTALL)


@contextmanager
def explained_rights(user: str, database: str) -> Iterator[None]:
    """Turns ClickHouse's refusal into an error that names the right and the statement that gives it.

    Args:
        user: The user who was refused.
        database: The schema's database, for which one grant of all of it is the simplest remedy.

    Raises:
        SchemaForbidden: ClickHouse refused a statement within the block.
    """
    try:
        from clickhouse_connect.driver.exceptions import DatabaseError
    except ImportError:  # connecting raises an error that says how to install it
        yield
        return
    try:
        yield
    except DatabaseError as error:
        if error_code(error) != ACCESS_DENIED:
            raise
        raise SchemaForbidden(explanation(str(error), user, database)) from error


def explanation(refused: str, user: str, database: str) -> str:
    """ClickHouse's refusal in plain words: the right that is missing, and the statement by which it is granted."""
    match = _GRANT.search(refused)
    wanted = match[1].strip().removesuffix(".") if match else "…"
    reading = wanted.startswith("SELECT") and f" ON {database}." in wanted
    remedy = f"GRANT SELECT ON {database}.* TO {user}" if reading else f"GRANT {wanted} TO {user}"
    return f"user {user!r} lacks a right in ClickHouse ({wanted}); whoever administers it gives it by: {remedy}"


def refuse_lacking_rights(client: Any, user: str, database: str, *, is_there: bool) -> None:
    """Checks the rights that applying a schema takes, before anything is changed.

    Args:
        client: A clickhouse-connect client.
        user: The client's user.
        database: The database's plain name.
        is_there: Whether the database exists.

    Raises:
        SchemaForbidden: The user lacks some of them; the message lists them.
    """
    needed = _TO_APPLY if is_there else ("CREATE DATABASE", *_TO_APPLY)
    lacking = [right for right in needed if not client.query(f"CHECK GRANT {right} ON {database}.*").result_rows[0][0]]
    if lacking:
        rights = ", ".join(lacking)
        raise SchemaForbidden(
            f"user {user!r} lacks rights in ClickHouse ({rights}); whoever administers it gives them by:"
            f" GRANT {rights} ON {database}.* TO {user}"
        )
