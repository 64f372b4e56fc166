"""Inserts into ``otel_traces`` over HTTP: rows, and as a SpanExporter spans."""

import threading
from collections.abc import Sequence
from typing import Any

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from agentsight_otel import clickhouse_client, clickhouse_url
from agentsight_otel.export_errors import PermanentExportError
from agentsight_otel.exporters.rows import COLUMNS, TABLE, span_to_row

# Of ClickHouse's errors those that a repetition cannot cure: the data itself is refused.
_REFUSING_CODES = frozenset({6, 26, 27, 33, 38, 41, 53, 69, 70, 72, 117, 131, 190, 321, 349, 407, 636})
_UNKNOWN_TABLE_CODE = 60


class RowInserter:
    """Inserts rows of ``rows.COLUMNS`` into ``otel_traces`` over HTTP, one batch at a time; connects at the first.

    Args:
        url: ``http://user:password@host:port/database``, or https.
        timeout_s: For one insert, in seconds.

    Raises:
        ValueError: The URL is none.
    """

    def __init__(self, url: str, *, timeout_s: float = 60.0) -> None:
        clickhouse_url.parse(url)
        self._url = url
        self._timeout_s = timeout_s
        self._client: Any = None
        self._outgrown: Any = None
        self._lock = threading.Lock()

    def insert(self, rows: Sequence[Sequence[Any]]) -> None:
        """Inserts a batch; returns once ClickHouse has acknowledged it.

        Raises:
            PermanentExportError: ClickHouse refuses the data, and would again.
            ClickHouseConnectionError: It cannot be reached, refuses the login, or lacks the database or table; worth
                another try.
        """
        with self._lock:
            if self._client is None:
                self._client = clickhouse_client.connect(self._url, timeout_s=self._timeout_s)
            try:
                self._client.insert(TABLE, rows, column_names=list(COLUMNS), column_type_names=list(COLUMNS.values()))
            except Exception as error:
                raise self._explained(error) from error

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

    It connects at the first export, and raises what went wrong: run it under ``DeliveryProcessor``, which batches,
    retries and counts. A batch that was in fact stored before an answer was lost is sent again, and counts once: the
    schema knows spans by their ids.

    Args:
        url: ``http://user:password@host:port/database``, or https.
        timeout_s: For one insert, in seconds.

    Raises:
        ValueError: The URL is none.
    """

    def __init__(self, url: str, *, timeout_s: float = 60.0) -> None:
        self._inserter = RowInserter(url, timeout_s=timeout_s)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Inserts a batch.

        Returns:
            SUCCESS, once ClickHouse has acknowledged it.

        Raises:
            PermanentExportError: ClickHouse refuses the data, and would again.
            ClickHouseConnectionError: It cannot be reached, refuses the login, or lacks the database or table; worth
                another try.
        """
        self._inserter.insert([span_to_row(span) for span in spans])
        return SpanExportResult.SUCCESS

    def start_anew(self) -> None:
        """For a forked child: its parent's connection is not its own."""
        self._client, self._outgrown = None, self._client
        self._lock = threading.Lock()

    def shutdown(self) -> None:
        """Closes the connection, unless an insert is still using it."""
        self._inserter.close()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Nothing is kept back here."""
        return True
