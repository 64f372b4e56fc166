"""Turns the tracker's arguments into plain and bounded values."""

import io
import math
import os
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta, timezone
from enum import Enum
from typing import Any

from agentsight_otel import semconv
from agentsight_otel._core import clock
from agentsight_otel._core.guard import say
from agentsight_otel._core.timeline import Timeline
from agentsight_otel._recording import attachment_store, files, spans
from agentsight_otel._tracing import runtime

TOKENS = ("prompt_tokens", "completion_tokens", "total_tokens", "embedding_tokens")
"""The counts of a token usage, in the order of ``track_token_usage``."""

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_LAST_NS = 2**63 - 1


def plain(value: object) -> Any:
    """An enumeration's value; anything else as it is."""
    return value.value if isinstance(value, Enum) else value


def json_text(metadata: object) -> str:
    """Metadata as the text of a bounded JSON object; '' where there is none."""
    text = spans.bounded_object(metadata)
    return "" if text == "{}" else text


def count(name: str, value: object) -> int:
    """A number of tokens; 0 where it is not one."""
    if value is None:
        return 0
    if isinstance(value, (int, float)) and math.isfinite(value) and 0 <= value < 2**63:
        return int(value)
    say(f"count {name}", f"{name}: expected a number of tokens, got {type(value).__name__}; counted as 0")
    return 0


def period_ns(
    started_at: object,
    ended_at: object,
    duration_ms: object,
    now_ns: int,
    timeline: Timeline,
    conversation_id: str,
) -> tuple[int, int, int]:
    """The time that orders an action among the tracked items, and when it began and ended, all in ns since 1970.

    A duration is more exact than two times, which are often whole seconds: with a beginning it decides the end. An
    action with a duration alone ends now, and begins no earlier than the item before it.

    Args:
        started_at: When the action began: a datetime or ISO 8601; None where that is not stated.
        ended_at: When it ended: a datetime or ISO 8601; None where that is not stated.
        duration_ms: How long it took, in milliseconds; None where that is not stated.
        now_ns: When it was tracked, ns since 1970.
        timeline: The order of what is recorded.
        conversation_id: The action's conversation.
    """
    start, end, duration = _time_ns("started_at", started_at), _time_ns("ended_at", ended_at), _duration_ns(duration_ms)
    if start is None and end is None:
        start = timeline.tracked_ns(conversation_id, max(now_ns - (duration or 0), 0))
        return start, start, min(start + (duration or 0), _LAST_NS)
    if start is None:
        assert end is not None
        start = max(end - (duration or 0), 0)
    elif duration is not None:
        end = start + duration
    elif end is None:
        end = now_ns
    moved = timeline.stated_ns(conversation_id, start)
    end = max(start, end) + moved - start
    return timeline.tracked_ns(conversation_id, now_ns), moved, min(end, _LAST_NS)


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


def attached(files: object, sender: object, mode: object, metadata: object) -> dict[str, Any]:
    """The data of an item of type attachments."""
    return {
        "attachments": descriptors(files),
        "sender": str(plain(sender) or semconv.SENDER_END_USER),
        "mode": str(plain(mode)),
        "metadata": json_text(metadata),
    }


def descriptors(files: object) -> list[dict[str, Any]]:
    """The names, types and sizes of files; the files themselves are not kept, and their positions not moved."""
    if isinstance(files, (str, bytes, Mapping)) or not isinstance(files, Iterable):
        files = [files] if files else []
    return [_descriptor(file) for file in files]


def _descriptor(file: object) -> dict[str, Any]:
    described = files.describe(file)
    data = file.get("data") if isinstance(file, Mapping) else None
    if "size" not in described and (size := _size(data)) is not None:
        described["size"] = size
    described |= attachment_store.store(file, described.get("name"))
    name = runtime.current().name
    return {key: name(value) if isinstance(value, str) else value for key, value in described.items()}


def _size(data: object) -> int | None:
    """A file's size in bytes; None where only reading the file would tell it."""
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
