"""ClickHouse addresses: ``http://user:password@host:port/database``, or https."""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote, urlsplit

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

DEFAULT_DATABASE = "agentsight"
EXPECTED = "http://user:password@host:port/database, or https://…"

_DATABASE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_DEFAULT_PORTS = {"http": 8123, "https": 8443}
_WRONG_LOGIN_CODES = (193, 194, 516)
_UNKNOWN_DATABASE_CODE = 81


class ClickHouseConnectionError(Exception):
    """ClickHouse cannot be reached, refuses the login, or lacks the database; says which, without the password."""


@dataclass(frozen=True)
class ClickHouseURL:
    """Where a ClickHouse database is.

    Attributes:
        host: Name or address.
        port: Of the HTTP interface.
        username: Login name.
        password: Login password; may be ''. Not shown by ``repr``.
        database: Plain name.
        secure: Whether to speak https.
    """

    host: str
    port: int
    username: str
    password: str
    database: str
    secure: bool

    def __str__(self) -> str:
        """The whole URL, with the password."""
        return self._url(f":{quote(self.password, safe='')}" if self.password else "")

    def __repr__(self) -> str:
        return f"ClickHouseURL({self.redacted()!r})"

    def redacted(self) -> str:
        """The URL with ``***`` for the password."""
        return self._url(":***" if self.password else "")

    def _url(self, password: str) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        scheme = "https" if self.secure else "http"
        user = quote(self.username, safe="")
        return f"{scheme}://{user}{password}@{host}:{self.port}/{quote(self.database, safe='')}"


def parse(url: str) -> ClickHouseURL:
    """Reads a ClickHouse URL.

    Args:
        url: Scheme http (port 8123 unless said) or https (8443). User ``default``, no password and database
            ``agentsight`` where they are left out. Special characters percent-encoded.

    Raises:
        ValueError: It is none; the message shows it without its password, and what was expected.
    """

    def refuse(reason: str) -> ValueError:
        return ValueError(f"ClickHouse URL {_without_password(url)!r}: {reason}; expected {EXPECTED}")

    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError:
        raise refuse("host or port is malformed") from None
    if parts.scheme not in _DEFAULT_PORTS:
        raise refuse(f"scheme {parts.scheme!r}" if parts.scheme else "no scheme")
    if not parts.hostname:
        raise refuse("no host")
    database = unquote(parts.path.strip("/"))
    if parts.query or parts.fragment:
        raise refuse("more than a database after the port")
    if database and not _DATABASE.fullmatch(database):
        # ClickHouse misprints calls of parameterised views in a database whose name needs quotes.
        raise refuse(f"database {database!r} has more than letters, digits and underscores")
    return ClickHouseURL(
        host=parts.hostname,
        port=port or _DEFAULT_PORTS[parts.scheme],
        username=unquote(parts.username or "default"),
        password=unquote(parts.password or ""),
        database=database or DEFAULT_DATABASE,
        secure=parts.scheme == "https",
    )


def connect(url: str, *, database: str | None = None, timeout_s: float = 300.0) -> "Client":
    """A clickhouse-connect client; close it, or use it in a ``with`` statement.

    Args:
        url: See ``parse``.
        database: Another database than the URL's.
        timeout_s: For one request, in seconds; connecting takes at most 10.

    Raises:
        ValueError: The URL is none.
        ClickHouseConnectionError: ClickHouse cannot be reached, refuses the login, or lacks the database; or
            clickhouse-connect is not installed.
    """
    address = parse(url)
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


def _explain(address: ClickHouseURL, error: Exception) -> str:
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


def _without_password(url: str) -> str:
    credentials, at, rest = url.rpartition("@")
    if not at:
        return url
    scheme, slashes, login = credentials.rpartition("//")
    user, colon, _ = login.partition(":")
    return f"{scheme}{slashes}{user}{':***' if colon else ''}@{rest}"
