"""ClickHouse addresses: ``http://user:password@host:port/database``, or https."""

import re
from dataclasses import dataclass
from urllib.parse import quote, unquote, urlsplit

DEFAULT_DATABASE = "agentsight"
EXPECTED = "http://user:password@host:port/database, or https://…"

_DATABASE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_DEFAULT_PORTS = {"http": 8123, "https": 8443}


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


def _without_password(url: str) -> str:
    credentials, at, rest = url.rpartition("@")
    if not at:
        return url
    scheme, slashes, login = credentials.rpartition("//")
    user, colon, _ = login.partition(":")
    return f"{scheme}{slashes}{user}{':***' if colon else ''}@{rest}"
