"""Inserts into ``otel_traces`` over HTTP: rows, and as a SpanExporter spans."""

import threading
from collections.abc import Sequence
from typing import Any

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from agentsight_otel._core.guard import say
from agentsight_otel._core.threads import is_patched, let_urllib3_wait
from agentsight_otel._export.errors import NoReceiverError, PermanentExportError, why_nobody_listens
from agentsight_otel._export.rows import COLUMNS, TABLE, span_to_row
from agentsight_otel.clickhouse import client as clickhouse_client
from agentsight_otel.clickhouse import url as clickhouse_url

# ClickHouse's error codes of inserts whose data is refused, so that trying again does not help.
_REFUSING_CODES = frozenset({6, 26, 27, 33, 38, 41, 53, 69, 70, 72, 117, 131, 190, 321, 349, 407, 636})
_UNKNOWN_TABLE_CODE = 60

_REMEDY = (
    "Start it, or set clickhouse_url (AGENTSIGHT_CLICKHOUSE_URL) to its address;"
    " `agentsight-otel up` runs one of its own."
)


class NoClickHouseError(NoReceiverError, clickhouse_client.ClickHouseConnectionError):
    """Nobody listens where ClickHouse is expected."""


class RowInserter:
    """Inserts rows of ``rows.COLUMNS`` into ``otel_traces`` over HTTP, one batch at a time; connects at the first.

    Args:
        url: ``http://user:password@host:port/database``, or https.
        timeout_s: For one insert, in seconds.

    Raises:
        ValueError: The URL is not valid.
    """

    def __init__(self, url: str, *, timeout_s: float = 60.0) -> None:
        clickhouse_url.parse(url)
        self._url = url
        self._timeout_s = timeout_s
        self._client: Any = None
        self._outgrown: Any = None
        self._connected_as_patched = is_patched()
        self._lock = threading.Lock()

    def insert(self, rows: Sequence[Sequence[Any]]) -> None:
        """Inserts a batch; returns once ClickHouse has acknowledged it.

        Raises:
            PermanentExportError: ClickHouse refuses the data, and would again.
            ClickHouseConnectionError: It cannot be reached, refuses the login, or lacks the database or table; worth
                another try.
        """
        with self._lock:
            if self._client is None or self._connected_as_patched != is_patched():
                self._connected_as_patched = patched = is_patched()
                if patched:
                    let_urllib3_wait()
                with clickhouse_client.quiet():
                    self._client = None  # of sockets that gevent or eventlet has replaced since
                    self._client = clickhouse_client.connect(
                        self._url, timeout_s=self._timeout_s, shares_connections=not patched
                    )
            block = list(rows)
            try:
                with clickhouse_client.quiet():
                    self._client.insert(
                        TABLE, block, column_names=list(COLUMNS), column_type_names=list(COLUMNS.values())
                    )
            except Exception as error:
                raise self._explained(error) from error
            finally:
                block.clear()  # clickhouse-connect's context, a cycle of references, holds it until it is collected

    def _explained(self, error: Exception) -> Exception:
        code = clickhouse_client.error_code(error)
        if code in _REFUSING_CODES or (code is None and isinstance(error, (TypeError, ValueError, OverflowError))):
            return PermanentExportError(f"{type(error).__name__}: {error}"[:500])
        if code == _UNKNOWN_TABLE_CODE:
            where = clickhouse_url.parse(self._url)
            return clickhouse_client.ClickHouseConnectionError(
                f"database {where.database!r} has no table {TABLE}; run: agentsight-otel schema apply"
                f" --clickhouse-url {where.redacted()}"
            )
        return error

    def start_anew(self) -> None:
        """Drops the connection in a forked child, since it is its parent's."""
        # The old client is kept, because closing it would write on the parent's connection.
        self._client, self._outgrown = None, self._client
        self._lock = threading.Lock()

    def close(self) -> None:
        """Closes the connection, unless an insert is still using it."""
        if self._lock.acquire(timeout=0.1):
            try:
                if self._client is not None:
                    self._client.close()
                    self._client = None
            finally:
                self._lock.release()


class ClickHouseSpanExporter(SpanExporter):
    """Writes spans straight into ClickHouse: the same rows as the collector's ClickHouse exporter.

    It connects at the first export, and raises errors: run it under ``DeliveryProcessor``, which batches, retries and
    counts. A batch that was stored, but whose response was lost, is sent again; its spans count once, by their ids.

    Args:
        url: ``http://user:password@host:port/database``, or https.
        timeout_s: For one insert, in seconds.

    Raises:
        ValueError: The URL is not valid.
    """

    def __init__(self, url: str, *, timeout_s: float = 60.0) -> None:
        self._inserter = RowInserter(url, timeout_s=timeout_s)
        self._where = clickhouse_url.parse(url).redacted()
        try:
            clickhouse_client.load()
        except clickhouse_client.ClickHouseConnectionError as error:
            say("clickhouse extra", f"clickhouse_url: no span can be delivered: {error}")

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Inserts a batch.

        Returns:
            SUCCESS, once ClickHouse has acknowledged it.

        Raises:
            PermanentExportError: ClickHouse refuses the data, and would again.
            NoClickHouseError: Nothing listens at the address.
            ClickHouseConnectionError: It cannot be reached, refuses the login, or lacks the database or table; worth
                another try.
        """
        try:
            self._inserter.insert([span_to_row(span) for span in spans])
        except clickhouse_client.ClickHouseConnectionError as error:
            if reason := why_nobody_listens(error):
                raise NoClickHouseError(f"no ClickHouse answers at {self._where} ({reason})", _REMEDY) from error
            raise
        return SpanExportResult.SUCCESS

    def start_anew(self) -> None:
        """Drops the connection in a forked child, since it is its parent's."""
        self._inserter.start_anew()

    def shutdown(self) -> None:
        """Closes the connection, unless an insert is still using it."""
        self._inserter.close()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Returns True: the exporter holds no spans back."""
        return True
