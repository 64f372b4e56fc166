"""What applications hand to the tracker, as plain and bounded values."""

import io
import math
import os
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta, timezone
from enum import Enum
from typing import Any

from agentsight_otel import attachments, clock, spans
from agentsight_otel._guard import say

TOKENS = ("prompt_tokens", "completion_tokens", "total_tokens", "embedding_tokens")
"""What token usage is told by."""

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_LAST_NS = 2**63 - 1
_MAX_NAME_CHARACTERS = 1_024


def plain(value: object) -> Any:
    """An enumeration's value; anything else as it is."""
    return value.value if isinstance(value, Enum) else value


def json_text(metadata: object) -> str:
    """Free data as bounded JSON; '' where there is none."""
    return spans.bounded_text(metadata) if metadata else ""


def count(name: str, value: object) -> int:
    """A number of tokens; 0 where it is none."""
    if value is None:
        return 0
    if isinstance(value, (int, float)) and math.isfinite(value) and 0 <= value < 2**63:
        return int(value)
    say(f"count {name}", f"{name}: expected a number of tokens, got {type(value).__name__}; counted as 0")
    return 0


def period_ns(started_at: object, ended_at: object, duration_ms: object, now_ns: int) -> tuple[int, int]:
    """When something began and ended, in ns since 1970, from what is known of it.

    A duration is more exact than two times, which are often whole seconds: with a beginning it decides the end.
    """
    start, end, duration = _time_ns("started_at", started_at), _time_ns("ended_at", ended_at), _duration_ns(duration_ms)
    if start is None:
        end = now_ns if end is None else end
        start = max(end - (duration or 0), 0)
    elif duration is not None:
        end = start + duration
    elif end is None:
        end = now_ns
    return start, min(max(start, end), _LAST_NS)


def _time_ns(name: str, value: object) -> int | None:
    if value is None:
        return None
    try:
        moment = value if isinstance(value, datetime) else clock.parse_iso8601(str(value))
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=timezone.utc)
        time_ns = (moment - _EPOCH) // timedelta(microseconds=1) * 1_000
    except (ValueError, OverflowError):
        time_ns = -1
    if 0 <= time_ns <= _LAST_NS:
        return time_ns
    say(f"time {name}", f"{name}: expected a time in ISO 8601 between 1970 and 2262; it is left out")
    return None


def _duration_ns(duration_ms: object) -> int | None:
    if duration_ms is None:
        return None
    if isinstance(duration_ms, (int, float)) and math.isfinite(duration_ms) and 0 <= duration_ms < _LAST_NS / 1e6:
        return int(duration_ms * 1_000_000)
    say("duration_ms", "duration_ms: expected a number of milliseconds, 0 or more; it is left out")
    return None


def descriptors(given: object) -> list[dict[str, Any]]:
    """Names, types and sizes of files; the files themselves are neither kept nor moved."""
    if isinstance(given, (str, bytes, Mapping)) or not isinstance(given, Iterable):
        given = [given] if given else []
    return [_descriptor(file) for file in given]


def _descriptor(file: object) -> dict[str, Any]:
    described = attachments.describe(file)
    data = file.get("data") if isinstance(file, Mapping) else None
    if "size" not in described and (size := _size(data)) is not None:
        described["size"] = size
    return {key: value[:_MAX_NAME_CHARACTERS] if isinstance(value, str) else value for key, value in described.items()}


def _size(data: object) -> int | None:
    """In bytes; None where it cannot be told without reading."""
    if isinstance(data, str):
        return len(data) * 3 // 4 - data[-2:].count("=")
    if isinstance(data, (bytes, bytearray, memoryview)):
        return memoryview(data).nbytes
    if isinstance(data, io.BytesIO):
        return data.getbuffer().nbytes
    try:
        return os.fstat(data.fileno()).st_size  # type: ignore[attr-defined]
    except (AttributeError, OSError, ValueError):
        return None
