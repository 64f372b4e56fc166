"""Any value to bounded text, or to bounded and always valid JSON."""

import dataclasses
import json
import math
from typing import Any

_MAX_DEPTH = 12
_CUT = "…"
_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def to_text(value: object, max_bytes: int) -> str:
    """A text as it is, anything else as JSON; at most ``max_bytes`` of UTF-8, ending in ``…`` where it was cut."""
    if value is None:
        return ""
    return _bounded(value, max_bytes) if isinstance(value, str) else to_json(value, max_bytes)


def to_json(value: object, max_bytes: int) -> str:
    """Valid JSON of any value, of at most ``max_bytes`` bytes (at least 64).

    What JSON lacks (dates, objects, NaN, bytes, cycles) becomes text. What is too long is cut inside: texts end in
    ``…``, lists and objects lose their last members.
    """
    try:
        text = _ENCODER.encode(value)
        if len(text.encode()) <= max_bytes:
            return text
    except (TypeError, ValueError, RecursionError):  # UnicodeEncodeError is a ValueError
        pass
    budget = max_bytes
    while True:
        text = _ENCODER.encode(_plain(value, _Budget(budget), 0))
        if len(text.encode()) <= max_bytes:
            return text
        budget //= 2  # escapes made it longer than the estimate


class _Budget:
    def __init__(self, left: int) -> None:
        self.left = left


def _plain(value: object, budget: _Budget, depth: int) -> Any:
    budget.left -= 8
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        # Converting a huge one costs more than it is worth, and Python refuses beyond 4,300 digits.
        return value if value.bit_length() <= 1_024 else f"<int of {value.bit_length()} bits>"
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, str):
        text = _bounded(value, max(budget.left, 0))
        budget.left -= len(text.encode())
        return text
    if isinstance(value, (bytes, bytearray, memoryview)):
        return f"<{len(value)} bytes>"
    if depth >= _MAX_DEPTH:
        return _CUT
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = {field.name: getattr(value, field.name, None) for field in dataclasses.fields(value)}
    elif not isinstance(value, (dict, list, tuple, set, frozenset)):
        value = _dumped(value)
        if isinstance(value, str):
            return _plain(value, budget, depth)
    if isinstance(value, dict):
        members = {}
        for key, member in list(value.items()):
            if budget.left <= 0:
                break
            name = _plain(_described(key), budget, depth)
            members[name] = _plain(member, budget, depth + 1)
        return members
    items = []
    for item in list(value):  # type: ignore[call-overload]
        if budget.left <= 0:
            break
        items.append(_plain(item, budget, depth + 1))
    return items


def _dumped(value: object) -> object:
    """A pydantic model as its fields, anything else as its text."""
    dump = getattr(value, "model_dump", None)
    if callable(dump) and not isinstance(value, type):
        try:
            fields = dump()
            if isinstance(fields, dict):
                return fields
        except Exception:
            return _described(value)
    return _described(value)


def _described(value: object) -> str:
    try:
        return str(value)
    except Exception:
        return f"<{type(value).__name__}>"


def _bounded(text: str, max_bytes: int) -> str:
    encoded = text.encode("utf-8", "replace")
    if len(encoded) <= max_bytes:
        return encoded.decode()
    return encoded[: max(max_bytes - len(_CUT.encode()), 0)].decode("utf-8", "ignore") + _CUT
