"""Connects to ClickHouse, and explains why where it cannot."""

import importlib
import logging
import re
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from agentsight_otel.clickhouse import url as clickhouse_url
from agentsight_otel.clickhouse.profile import use_needed_settings

if TYPE_CHECKING:
    from clickhouse_connect.driver.asyncclient import AsyncClient
    from clickhouse_connect.driver.client import Client

ACCESS_DENIED = 497
"""ClickHouse's error code for a user who lacks a right."""

_WRONG_LOGIN_CODES = (193, 194, 516)
_UNKNOWN_DATABASE_CODE = 81
_NOISY = ("clickhouse_connect.driver.httpclient", "clickhouse_connect.driver._backend.http_sync")
_here = threading.local()


class ClickHouseConnectionError(Exception):
    """ClickHouse cannot be reached, refuses the login, or lacks the database; says which, without the password."""


_MISSING = "clickhouse-connect is not installed; run: pip install 'agentsight-otel[clickhouse]'"


class ClickHouseLoginError(ClickHouseConnectionError):
    """ClickHouse refuses the login."""


def load() -> None:
    """Imports clickhouse-connect, and what it imports at its first insert, such as pandas where that is installed.

    Call it before inserting in a background thread: a process forked during an import waits for that module for ever.

    Raises:
        ClickHouseConnectionError: clickhouse-connect is not installed.
    """
    try:
        import clickhouse_connect  # noqa: F401
        from clickhouse_connect.driver import options
    except ImportError:
        raise ClickHouseConnectionError(_MISSING) from None
    for name in ("np", "pd"):
        getattr(options, name, None)
    for name in ("encodings.idna", "zoneinfo._zoneinfo", "dateutil.parser"):
        with suppress(ImportError):
            importlib.import_module(name)


def connect(
    url: str, *, database: str | None = None, timeout_s: float = 300.0, shares_connections: bool = True
) -> "Client":
    """A clickhouse-connect client; close it, or use it in a ``with`` statement.

    Args:
        url: See ``clickhouse_url.parse``.
        database: A database to use instead of the URL's.
        timeout_s: The longest that one request may take, in seconds; connecting may take 10.
        shares_connections: Whether it takes connections that clickhouse-connect keeps for the process. Those from
            before gevent or eventlet replaced the sockets and TLS contexts are of no use after it.

    Raises:
        ValueError: The URL is not valid.
        ClickHouseConnectionError: ClickHouse cannot be reached, refuses the login, or lacks the database; or
            clickhouse-connect is not installed.
    """
    address = clickhouse_url.parse(url)
    try:
        import clickhouse_connect
        from clickhouse_connect.driver.exceptions import ClickHouseError
        from clickhouse_connect.driver.httputil import get_pool_manager_options
    except ImportError:
        raise ClickHouseConnectionError(_MISSING) from None
    try:
        client = clickhouse_connect.get_client(
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
            pool_mgr=None if shares_connections else _connections(address.secure, get_pool_manager_options()),
        )
    except ClickHouseError as error:
        refused = error_code(error) in _WRONG_LOGIN_CODES
        kind = ClickHouseLoginError if refused else ClickHouseConnectionError
        raise kind(_explain(address, error)) from error
    use_needed_settings(client)
    return client


def _connections(secure: bool, options: dict[str, Any]) -> Any:
    import urllib3

    if secure:
        # urllib3, where it was imported before a patch, makes contexts of the unpatched class, which recurse.
        options["ssl_context"] = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        options["ssl_context"].load_default_certs()
    return urllib3.PoolManager(**options)


async def connect_async(url: str) -> "AsyncClient":
    """A clickhouse-connect client for asyncio; close it, or use it in an ``async with`` statement.

    Args:
        url: See ``clickhouse_url.parse``.

    Raises:
        ValueError: The URL is not valid.
        ClickHouseConnectionError: ClickHouse cannot be reached, refuses the login, or lacks the database; or
            clickhouse-connect is not installed.
    """
    address = clickhouse_url.parse(url)
    try:
        import clickhouse_connect
        from clickhouse_connect.driver.exceptions import ClickHouseError
    except ImportError:
        raise ClickHouseConnectionError(_MISSING) from None
    try:
        client = await clickhouse_connect.get_async_client(
            host=address.host,
            port=address.port,
            username=address.username,
            password=address.password,
            database=address.database,
            secure=address.secure,
            connect_timeout=10,
            send_receive_timeout=300,
            autogenerate_session_id=False,
        )
    except (ClickHouseError, OSError) as error:
        refused = error_code(error) in _WRONG_LOGIN_CODES
        kind = ClickHouseLoginError if refused else ClickHouseConnectionError
        raise kind(_explain(address, error)) from error
    use_needed_settings(client)
    return client


def _explain(address: clickhouse_url.ClickHouseURL, error: Exception) -> str:
    code = error_code(error)
    if code in _WRONG_LOGIN_CODES:
        return f"ClickHouse at {address.redacted()} refuses user {address.username!r} or its password"
    if code == _UNKNOWN_DATABASE_CODE:
        return (
            f"ClickHouse at {address.redacted()} has no database {address.database!r};"
            " run: agentsight-otel schema apply"
        )
    return f"no ClickHouse answers at {address.redacted()}: {_reason(f'{error.__cause__ or error}')}"


_REASONS = (
    ("refused", "nothing listens on that port"),
    ("resolve|Name or service not known|getaddrinfo", "its host's name has no address"),
    ("timed out|timeout", "no answer within 10 s"),
    ("CERTIFICATE_VERIFY_FAILED", "its certificate is not trusted here"),
    ("WRONG_VERSION_NUMBER|record layer failure", "what answers there speaks no TLS: http:// instead of https://?"),
    ("SSL", "TLS fails"),
    ("unreachable|No route", "there is no way to that host"),
    ("RemoteDisconnected|reset by peer|BadStatusLine", "what answers there is not ClickHouse over HTTP"),
)


def _reason(message: str) -> str:
    """The reason of a failure: one of ``_REASONS`` where the message matches, else the message's first line."""
    for pattern, reason in _REASONS:
        if re.search(pattern, message):
            return reason
    return message.splitlines()[0][:200]


class _Quiet(logging.Filter):
    """Filters out clickhouse-connect's log messages of the current thread's failures."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not getattr(_here, "quiet", False)


_QUIET = _Quiet()


@contextmanager
def quiet() -> Iterator[None]:
    """Keeps clickhouse-connect from logging each failed attempt of this thread: the caller logs one warning itself."""
    for name in _NOISY:
        logging.getLogger(name).addFilter(_QUIET)
    _here.quiet = True
    try:
        yield
    finally:
        _here.quiet = False


def error_code(error: BaseException) -> int | None:
    """ClickHouse's error code of an error that clickhouse-connect raised; None where the server sent none."""
    code = getattr(error, "code", None)
    if isinstance(code, int):
        return code
    match = re.search(r"\bcode:\s*(\d+)", str(error), re.IGNORECASE)
    return int(match[1]) if match else None
