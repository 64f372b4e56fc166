"""Connects to ClickHouse, and says clearly why it cannot."""

import re
from typing import TYPE_CHECKING

from agentsight_otel import clickhouse_url

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

_WRONG_LOGIN_CODES = (193, 194, 516)
_UNKNOWN_DATABASE_CODE = 81


class ClickHouseConnectionError(Exception):
    """ClickHouse cannot be reached, refuses the login, or lacks the database; says which, without the password."""


def connect(url: str, *, database: str | None = None, timeout_s: float = 300.0) -> "Client":
    """A clickhouse-connect client; close it, or use it in a ``with`` statement.

    Args:
        url: See ``clickhouse_url.parse``.
        database: Another database than the URL's.
        timeout_s: For one request, in seconds; connecting takes at most 10.

    Raises:
        ValueError: The URL is none.
        ClickHouseConnectionError: ClickHouse cannot be reached, refuses the login, or lacks the database; or
            clickhouse-connect is not installed.
    """
    address = clickhouse_url.parse(url)
    try:
        import clickhouse_connect
        from clickhouse_connect.driver.exceptions import ClickHouseError
    except ImportError:
        raise ClickHouseConnectionError(
            "clickhouse-connect is not installed; run: pip install 'agentsight-otel[clickhouse]'"
        ) from None
    try:
        return clickhouse_connect.get_client(
            host=address.host,
            port=address.port,
            username=address.username,
            password=address.password,
            database=address.database if database is None else database,
            secure=address.secure,
            connect_timeout=10,
            send_receive_timeout=timeout_s,
            # Sessions forbid concurrent queries, and load balancers break them.
            autogenerate_session_id=False,
        )
    except ClickHouseError as error:
        raise ClickHouseConnectionError(_explain(address, error)) from error


def _explain(address: clickhouse_url.ClickHouseURL, error: Exception) -> str:
    code = error_code(error)
    if code in _WRONG_LOGIN_CODES:
        return f"ClickHouse at {address.redacted()} refuses user {address.username!r} or its password"
    if code == _UNKNOWN_DATABASE_CODE:
        return (
            f"ClickHouse at {address.redacted()} has no database {address.database!r};"
            " run: agentsight-otel schema apply"
        )
    reason = f"{error.__cause__ or error}".splitlines()[0]
    return f"no ClickHouse answers at {address.redacted()}: {reason[:300]}"


def error_code(error: BaseException) -> int | None:
    """ClickHouse's number of an error that clickhouse-connect raised; None where the server sent none."""
    code = getattr(error, "code", None)
    if isinstance(code, int):
        return code
    match = re.search(r"\bcode:\s*(\d+)", str(error), re.IGNORECASE)
    return int(match[1]) if match else None
