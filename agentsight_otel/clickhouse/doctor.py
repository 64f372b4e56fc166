"""Finds out what keeps conversations from the metrics: each check gives one sentence, and what to do about it."""

import re
import socket
import ssl
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from agentsight_otel.clickhouse import client as clickhouse_client
from agentsight_otel.clickhouse import schema
from agentsight_otel.clickhouse import url as clickhouse_url
from agentsight_otel.clickhouse.erasure import Eraser
from agentsight_otel.clickhouse.profile import NEEDED, unfit_settings
from agentsight_otel.clickhouse.schema.server import refuse_old_server

PROBE = "agentsight-doctor-"
"""The prefix of probe conversations' ids."""

_MOST_SKEW_S = 2.0
_RIGHTS = ("SELECT", "INSERT")
_TRUST = {"OTLP": "OTEL_EXPORTER_OTLP_CERTIFICATE"}
_LOGIN = re.compile(r"HTTP 40[13]|UNAUTHENTICATED|PERMISSION_DENIED")


@dataclass(frozen=True)
class Finding:
    """The result of a check.

    Attributes:
        check: What was checked.
        said: The result, for people.
        remedy: What to do; '' where all is well.
        severe: Whether it keeps conversations from reaching the metrics.
    """

    check: str
    said: str
    remedy: str = ""
    severe: bool = False

    @property
    def well(self) -> bool:
        """Whether there is nothing to do."""
        return not self.remedy


def reach(name: str, host: str, port: int, *, tls: ssl.SSLContext | None, timeout_s: float = 5.0) -> Iterator[Finding]:
    """Checks whether a host's name has an address, its port takes connections, and TLS works.

    Args:
        name: What the host serves, for people.
        host: The host's name or address.
        port: The TCP port.
        tls: The certificates to trust, and the client's own; None where there is no TLS.
        timeout_s: The longest that each step may take, in seconds.

    Yields:
        A finding for each step, up to the first that fails.
    """
    try:
        address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][4][0]
    except OSError as error:
        yield Finding(
            f"{name}: name", f"{host} has no address ({error.strerror})", "check the host's name, or DNS", True
        )
        return
    yield Finding(f"{name}: name", f"{host} is {address}")
    try:
        connection = socket.create_connection((host, port), timeout_s)
    except OSError as error:
        problem = f"{host}:{port} takes no connection ({error.strerror or error})"
        yield Finding(f"{name}: port", problem, "start it, open the port, or correct the address", True)
        return
    with connection:
        yield Finding(f"{name}: port", f"{host}:{port} takes connections")
        if tls is None:
            return
        try:
            with tls.wrap_socket(connection, server_hostname=host) as secured:
                yield Finding(f"{name}: TLS", f"{secured.version()}, certificate trusted")
        except (ssl.SSLError, OSError) as error:
            reason = getattr(error, "verify_message", "") or getattr(error, "reason", None) or error
            authority = f"trust its certificate authority ({_TRUST.get(name, 'SSL_CERT_FILE')})"
            yield Finding(f"{name}: TLS", f"fails: {reason}", f"use http:// if it speaks no TLS, or {authority}", True)


def trusted(certificate: str = "") -> ssl.SSLContext:
    """The context of a TLS client that trusts the certificates in a file, or, without one, the system's.

    Raises:
        OSError: The file cannot be read, or holds no certificate.
    """
    return ssl.create_default_context(cafile=certificate or None)


def database(url: str) -> Iterator[Finding]:
    """Checks the connection, the login, and ClickHouse's version, settings, clock, time zones, rights and schema.

    Yields:
        A finding for each check; none after the connection or the login fails.
    """
    address = clickhouse_url.parse(url)
    severe = False
    for finding in reach("ClickHouse", address.host, address.port, tls=trusted() if address.secure else None):
        severe = severe or finding.severe
        yield finding
    if severe:
        return
    try:
        connected = clickhouse_client.connect(url, timeout_s=15)
    except clickhouse_client.ClickHouseConnectionError as error:
        yield Finding("ClickHouse: login", str(error), "correct user, password or database in the URL", True)
        return
    with connected:
        yield Finding("ClickHouse: login", f"as {address.username} to {address.database}")
        for check in (_version, _settings, _clock, _time_zones, _rights, _schema):
            try:
                yield check(connected, url)
            except Exception as error:
                problem = str(error).splitlines()[0][:200]
                yield Finding(f"ClickHouse: {check.__name__.strip('_')}", problem, "see the server's log", True)


def _one(connected: Any, sql: str) -> Any:
    return connected.query(sql).result_rows[0][0]


def _version(connected: Any, url: str) -> Finding:
    try:
        refuse_old_server(connected)
    except schema.ClickHouseTooOld as error:
        return Finding("ClickHouse: version", str(error), "upgrade the server", True)
    return Finding("ClickHouse: version", str(_one(connected, "SELECT version()")))


def _settings(connected: Any, url: str) -> Finding:
    unfit = unfit_settings(connected)
    if not unfit:
        return Finding("ClickHouse: settings", "nothing in the user's profile changes what the views answer")
    problems = "; ".join(f"{name} = {value}: {NEEDED[name].otherwise}" for name, value in unfit.items())
    remedy = "set in the profile of every user that reads or writes: " + ", ".join(
        f"{name} = {NEEDED[name].value}" for name in unfit
    )
    return Finding("ClickHouse: settings", problems, remedy, True)


def _clock(connected: Any, url: str) -> Finding:
    began = time.time()
    server = float(_one(connected, "SELECT toUnixTimestamp64Milli(now64(3)) / 1000"))
    skew_s = server - (began + time.time()) / 2
    skew = f"{abs(skew_s):.1f} s {'ahead of' if skew_s > 0 else 'behind'} this machine's"
    if abs(skew_s) <= _MOST_SKEW_S:
        return Finding("ClickHouse: clock", "agrees with this machine's")
    return Finding("ClickHouse: clock", skew, "keep both in time by NTP: windows up to now end by the server's clock")


def _time_zones(connected: Any, url: str) -> Finding:
    try:
        _one(connected, "SELECT toHour(toDateTime(0, 'Europe/Athens'))")
    except Exception:
        return Finding("ClickHouse: time zones", "unknown there", "install tzdata on the server", True)
    return Finding("ClickHouse: time zones", "known")


def _rights(connected: Any, url: str) -> Finding:
    missing = []
    for right in _RIGHTS:
        sql = "SELECT 1 FROM otel_traces LIMIT 0" if right == "SELECT" else f"CHECK GRANT {right} ON otel_traces"
        try:
            rows = connected.query(sql).result_rows
            if right != "SELECT" and rows and not rows[0][0]:
                missing.append(right)
        except Exception as error:
            if clickhouse_client.error_code(error) == 497:
                missing.append(right)
    if not missing:
        return Finding("ClickHouse: rights", "to read and to write spans")
    remedy = f"GRANT {', '.join(missing)} ON {clickhouse_url.parse(url).database}.* TO the user that needs it"
    return Finding("ClickHouse: rights", f"not to {' and '.join(missing)}", remedy, "SELECT" in missing)


def _schema(connected: Any, url: str) -> Finding:
    steps = schema.plan(url)
    if not steps:
        return Finding("schema", "as this program needs it")
    problem = f"not as this program needs it: {steps[0].action} {steps[0].entry}" + (" and more" if steps[1:] else "")
    return Finding("schema", problem, "run: agentsight-otel schema apply", True)


def probe(url: str, send: Callable[[str], None], *, timeout_s: float = 30.0) -> Iterator[Finding]:
    """Sends a conversation, waits until the views show it, and erases it, also what arrives of it later.

    Args:
        url: The URL of the database where it should arrive.
        send: Called with an id; sends a conversation with that id, and raises where it cannot.
        timeout_s: How long to wait for it, in seconds.
    """
    conversation_id = PROBE + uuid.uuid4().hex
    began = datetime.now(timezone.utc)
    try:
        send(conversation_id)
        with clickhouse_client.connect(url, timeout_s=15) as connected:
            yield _arrival(connected, conversation_id, began, timeout_s)
    except Exception as error:
        remedy = "see the checks above"
        if _LOGIN.search(str(error)):
            remedy = "give its login in OTEL_EXPORTER_OTLP_HEADERS"
        yield Finding("probe", f"could not be sent: {error}", remedy, True)
    # Whatever the sender was told: a request whose answer was lost, or that a queue holds, may yet arrive.
    yield from _erase(url, conversation_id)


def _arrival(connected: Any, conversation_id: str, began: datetime, timeout_s: float) -> Finding:
    deadline = time.monotonic() + timeout_s
    stored = 0
    while time.monotonic() < deadline:
        parameters = {"id": conversation_id}
        stored = connected.query(
            "SELECT count() FROM otel_traces WHERE ConversationId = {id:String}", parameters=parameters
        ).result_rows[0][0]
        counted = connected.query(
            "SELECT messages FROM conversations_v WHERE conversation_key = sipHash64({id:String})",
            parameters=parameters,
        ).result_rows
        if counted and counted[0][0] == 2:
            took = (datetime.now(timezone.utc) - began).total_seconds()
            return Finding("probe", f"sent, stored and counted within {took:.1f} s")
        time.sleep(0.2)
    if stored:
        remedy = "run: agentsight-otel schema verify, for its materialised views"
        return Finding("probe", f"stored, but not in the views after {timeout_s:g} s", remedy, True)
    remedy = "look at the collector's log and its ClickHouse exporter: does it write to this database?"
    return Finding("probe", f"taken, but not in this database after {timeout_s:g} s", remedy, True)


def _erase(url: str, conversation_id: str) -> Iterator[Finding]:
    """Erases a probe, so that no metric counts it, however late it arrives; a finding where that fails."""
    try:
        with Eraser(url, erased_by="agentsight-otel doctor") as eraser:
            left = eraser.erase(eraser.plan([conversation_id])).left
        problem = "rows are still being written" if left else ""
    except Exception as error:
        problem = str(error).splitlines()[0][:200]
    if problem:
        remedy = f"as a user with ALTER DELETE and INSERT, run: agentsight-otel erase --conversation {conversation_id}"
        yield Finding("probe", f"{conversation_id} is not erased: {problem}", remedy)
