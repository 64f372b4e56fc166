"""ClickHouse of other releases, as far as the package chdb has them, behind what tests use of a client."""

import json
import os
import re
import subprocess
import sys
import venv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from clickhouse_connect.driver.exceptions import DatabaseError

from tests.sql.model import Span

_PROCESS = Path(__file__).with_name("engine_process.py")
_PARAMETER = re.compile(r"\{(\w+):([\w()]+)\}")


@dataclass(frozen=True)
class Result:
    result_rows: list[tuple[Any, ...]]


def engine_python(package: str) -> Path:
    """A Python that has an engine, say ``chdb==3.7.2``; installed into the user's cache where it is not yet."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "agentsight-otel" / "engines"
    folder = cache / package.replace("==", "-")
    python = folder / "bin" / "python"
    if not (folder / "complete").exists():
        venv.create(folder, with_pip=True, clear=True)
        subprocess.run([python, "-m", "pip", "install", "-q", package], check=True, timeout=900)
        (folder / "complete").touch()
    return python


class Engine:
    """One engine with a database of its own; answers queries as a clickhouse-connect client does.

    Args:
        python: Of an environment that has it.
        home: An empty folder.
    """

    def __init__(self, python: Path, home: Path) -> None:
        self._process = subprocess.Popen(
            [python, _PROCESS, home], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=sys.stderr, text=True
        )

    def __enter__(self) -> "Engine":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()  # an old engine would wait for what runs in the background, and nothing of it is needed
        self._process.communicate()

    def command(self, sql: str, settings: Mapping[str, str] | None = None, parameters: Any = None) -> str:
        """Runs one statement."""
        for name, value in (settings or {}).items():
            self._ask(f"SET {name} = {_literal(value)}")
        try:
            return self._ask(_PARAMETER.sub(lambda found: _replaced(found, parameters or {}), sql))
        finally:
            for name in settings or {}:
                self._ask(f"SET {name} = DEFAULT")

    def query(self, sql: str, parameters: Any = None, settings: Mapping[str, str] | None = None) -> Result:
        """Runs one query."""
        text = self.command(sql, settings, parameters)
        answer = json.loads(text) if text else {"meta": [], "data": []}
        kinds = [column["type"] for column in answer["meta"]]
        return Result([tuple(map(_value, row, kinds)) for row in answer["data"]])

    def insert_spans(self, spans: Iterable[Span]) -> None:
        """Inserts spans as a writer of ``otel_traces`` does."""
        rows = "\n".join(
            json.dumps(
                {
                    "at": span.start_ns,
                    "trace": span.trace_id,
                    "span": span.span_id,
                    "name": span.name,
                    "service": span.service,
                    "resource": span.resource,
                    "attributes": span.attributes,
                    "duration": span.duration_ns,
                    "status": span.status,
                    "times": [event.at_ns for event in span.events],
                    "names": [event.name for event in span.events],
                    "event_attributes": [event.attributes for event in span.events],
                }
            )
            for span in spans
        )
        if rows:
            kinds = (
                "at Int64, trace String, span String, name String, service String, resource Map(String, String),"
                " attributes Map(String, String), duration UInt64, status String, times Array(Int64),"
                " names Array(String), event_attributes Array(Map(String, String))"
            )
            self._ask(
                "INSERT INTO otel_traces (Timestamp, TraceId, SpanId, SpanName, ServiceName, ResourceAttributes,"
                " SpanAttributes, Duration, StatusCode, Events.Timestamp, Events.Name, Events.Attributes)"
                " SELECT fromUnixTimestamp64Nano(at, 'UTC'), trace, span, name, service, resource, attributes,"
                " duration, status, arrayMap(t -> fromUnixTimestamp64Nano(t, 'UTC'), times), names, event_attributes"
                f" FROM format(JSONEachRow, {_literal(kinds)}, {_literal(rows)})"
            )

    def _ask(self, sql: str) -> str:
        # An engine within another program never gets to the end of these.
        sql = sql.removesuffix(" SYNC")
        if sql.startswith("DROP DATABASE"):
            return ""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(sql) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        if "error" in answer:
            raise DatabaseError(answer["error"])
        return str(answer["text"])


def _replaced(found: re.Match[str], parameters: Mapping[str, Any]) -> str:
    return _literal(parameters[found[1]]) if found[1] in parameters else found[0]


def _literal(value: Any) -> str:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return f"[{', '.join(map(_literal, value))}]"
    if isinstance(value, int):
        return str(value)
    return "'" + str(value).replace("\\", "\\\\").replace("'", "\\'") + "'"


def _value(value: Any, kind: str) -> Any:
    if value is None:
        return None
    if kind == "Date":
        return date.fromisoformat(value)
    return float(value) if kind in ("Float64", "Nullable(Float64)") else value
