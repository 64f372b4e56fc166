"""ClickHouse addresses: ``http://user:password@host:port/database``, or https."""

import re
from dataclasses import dataclass
from urllib.parse import quote, unquote, urlsplit

DEFAULT_DATABASE = "agentsight"
EXPECTED = "http://user:password@host:port/database, or https://…"

_DATABASE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*://|)(.*)", re.DOTALL)
_QUERY = re.compile(r"([^?#]*)(.*)", re.DOTALL)
_PLACE = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[\w.-]+)(:\d*)?(/[\w-]*)?/?", re.ASCII)
_DEFAULT_PORTS = {"http": 8123, "https": 8443}


@dataclass(frozen=True)
class ClickHouseURL:
    """Where a ClickHouse database is.

    Attributes:
        host: The server's name or address.
        port: The port of its HTTP interface.
        username: The user's name.
        password: The user's password; may be ''. Not shown by ``repr``.
        database: The database's plain name.
        secure: Whether to use https.
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
        scheme = "https" if self.secure else "http"
        user = quote(self.username, safe="")
        return f"{scheme}://{user}{password}@{host_in_url(self.host)}:{self.port}/{quote(self.database, safe='')}"


def host_in_url(host: str) -> str:
    """A host as it stands in a URL and before a port: an IPv6 address in brackets."""
    return f"[{host}]" if ":" in host else host


def is_plain(database: str) -> bool:
    """Whether a database's name can stand in SQL without quotes."""
    return bool(_DATABASE.fullmatch(database))


def parse(url: str) -> ClickHouseURL:
    """Reads a ClickHouse URL.

    Args:
        url: Scheme http (default port 8123) or https (default port 8443). User ``default``, no password and database
            ``agentsight`` where they are left out. Special characters are percent-encoded.

    Raises:
        ValueError: The URL is not valid; the message shows it without its password, and says what was expected.
    """

    def refuse(reason: str) -> ValueError:
        return ValueError(f"ClickHouse URL {_without_secrets(url)!r}: {reason}; expected {EXPECTED}")

    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError:
        raise refuse("host or port is malformed") from None
    if parts.scheme not in _DEFAULT_PORTS:
        raise refuse(f"scheme {parts.scheme!r}" if "://" in url else "no scheme")
    if not parts.hostname:
        raise refuse("no host")
    database = unquote(parts.path.strip("/"))
    if parts.query or parts.fragment:
        raise refuse("more than a database after the port")
    if database and not is_plain(database):
        # ClickHouse misprints calls of parameterised views in a database whose name needs quotes.
        shown = f"{database!r} " if re.fullmatch(r"[\w.-]+", database) else ""
        raise refuse(f"database {shown}has more than letters, digits and underscores")
    return ClickHouseURL(
        host=parts.hostname,
        port=port or _DEFAULT_PORTS[parts.scheme],
        username=unquote(parts.username or "default"),
        password=unquote(parts.password or ""),
        database=database or DEFAULT_DATABASE,
        secure=parts.scheme == "https",
    )


def _without_secrets(url: str) -> str:
    """A malformed URL without its secrets, for error messages: its scheme, and its host, port and path where they are
    certainly these.

    In a malformed URL a password may be anywhere: behind ``//`` or ``?``, or in place of the host.
    """
    scheme, rest = _SCHEME.match(url.strip()).groups()  # type: ignore[union-attr]
    login, at, place = rest.rpartition("@")
    if any(mark in login for mark in "?#"):
        return f"{scheme}***"
    place, more = _QUERY.match(place).groups()  # type: ignore[union-attr]
    shown = place if _PLACE.fullmatch(place) else "***"
    return f"{scheme}{'***@' if at else ''}{shown}{'?***' if more else ''}"
