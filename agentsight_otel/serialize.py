"""Any value to bounded text, or to bounded and always valid JSON.

A value is bounded while it is written: a gigabyte costs no more than what is kept of it. Small plain values, which
is nearly all of them, take a short way through the standard library's C encoder.
"""

import dataclasses
import json.encoder
import math
import sys
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence, Set, ValuesView
from itertools import islice
from typing import Any

_MAX_DEPTH = 12
_CUT = "…"
_CUT_BYTES = len(_CUT.encode())
_NODE_BYTES = 8
_SMALL_ARRAY = 1_000


def to_text(value: object, max_bytes: int) -> str:
    """A text as it is, anything else as JSON; at most ``max_bytes`` of UTF-8, ending in ``…`` where it was cut."""
    if value is None:
        return ""
    return bounded(value, max_bytes) if isinstance(value, str) else to_json(value, max_bytes)


def to_json(value: object, max_bytes: int) -> str:
    """Valid JSON of any value, of at most ``max_bytes`` bytes (at least 64).

    What JSON lacks (dates, objects, NaN, bytes, cycles) becomes text; generators and other iterators are named, not
    consumed. What is too long is cut inside and says so: texts end in ``…``, a list ends in ``"… 7 more"``, an object
    in the member ``"…": "7 more"``.
    """
    try:
        if _left_of(value, max_bytes, _MAX_DEPTH) >= 0:
            text = _write(value)
            if len(text) <= max_bytes and (text.isascii() or len(text.encode()) <= max_bytes):
                return text
    except (TypeError, ValueError, RecursionError, RuntimeError):  # UnicodeEncodeError is a ValueError
        pass
    budget = max_bytes
    while True:
        text = _write(_plain(value, _Budget(budget), 0))
        if len(text.encode()) <= max_bytes:
            return text
        budget //= 2  # escapes made it longer than the estimate


def bounded(text: str, max_bytes: int) -> str:
    """A text of at most ``max_bytes`` of UTF-8, ending in ``…`` where it was cut; lone surrogates become ``?``."""
    if type(text) is not str:
        text = str.__getitem__(text, slice(max_bytes + 1))  # a subclass may do anything
    if len(text) <= max_bytes:
        if text.isascii():
            return text
        try:
            if len(text.encode()) <= max_bytes:
                return text
        except UnicodeEncodeError:
            pass
    encoded = text[: max_bytes + 1].encode("utf-8", "replace")
    if len(encoded) <= max_bytes:
        return encoded.decode()
    return encoded[: max(max_bytes - _CUT_BYTES, 0)].decode("utf-8", "ignore") + _CUT


def _encoder() -> Callable[[object], str]:
    """The standard library's JSON encoder; its C part is built once instead of for every value."""

    def refuse(value: object) -> object:
        raise TypeError(type(value).__name__)

    c_encoder: Any = getattr(json.encoder, "c_make_encoder", None)
    if c_encoder is None:
        return json.JSONEncoder(ensure_ascii=False, allow_nan=False, check_circular=False, separators=(",", ":")).encode
    chunks = c_encoder(None, refuse, json.encoder.encode_basestring, None, ":", ",", False, False, False)
    return lambda value: "".join(chunks(value, 0))


_write = _encoder()
_SMALL: frozenset[type] = frozenset({float, bool, type(None)})
_LARGEST_SHORT_INT = 10**15


def _left_of(value: object, left: int, depth: int) -> int:
    """What a plain value leaves of a budget of characters; negative: too large, too deep, or not plain."""
    kind = type(value)
    if kind is str:
        return left - len(value)  # type: ignore[arg-type]
    if kind is int:
        return left - _NODE_BYTES if -_LARGEST_SHORT_INT < value < _LARGEST_SHORT_INT else -1  # type: ignore[operator]
    if kind in _SMALL:
        return left - _NODE_BYTES
    if depth <= 0:
        return -1
    if kind is dict:
        for key, member in value.items():  # type: ignore[attr-defined]
            if type(key) is not str:
                return -1
            left = _left_of(member, left - len(key) - 4, depth - 1)
            if left < 0:
                return -1
        return left
    if kind is list or kind is tuple:
        for item in value:  # type: ignore[attr-defined]
            left = _left_of(item, left - 1, depth - 1)
            if left < 0:
                return -1
        return left
    return -1


class _Budget:
    """Bytes that may still be written.

    Attributes:
        left: So many.
        whole: As many as there were at first.
    """

    __slots__ = ("left", "whole")

    def __init__(self, left: int) -> None:
        self.left = self.whole = left


def _plain(value: object, budget: _Budget, depth: int) -> Any:
    """The value as what JSON has, cut to the budget."""
    budget.left -= _NODE_BYTES
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        # Converting a huge one costs more than it is worth, and Python refuses beyond 4,300 digits.
        return int(value) if value.bit_length() <= 1_024 else f"<int of {value.bit_length()} bits>"
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else str(float(value))
    if isinstance(value, str):
        text = bounded(value, max(budget.left, 0))
        budget.left -= len(text.encode())
        return text
    if isinstance(value, (bytes, bytearray)):
        return f"<{len(value)} bytes>"
    if isinstance(value, memoryview):
        return f"<{value.nbytes} bytes>"
    if depth >= _MAX_DEPTH:
        return _CUT
    try:
        return _members(value, budget, depth)
    except Exception:  # the value's own code, or changed by another thread meanwhile
        return f"<{_type_name(value)}>"


def _members(value: object, budget: _Budget, depth: int) -> Any:
    if isinstance(value, Mapping):
        return _object(value.items(), len(value), budget, depth)
    if isinstance(value, (Sequence, Set, ValuesView)):
        return _list(value, len(value), budget, depth)
    if isinstance(value, type):
        return _plain(_type_name(value, value), budget, depth)
    if (fields := _fields(value)) is not None:
        return _object(((name, getattr(value, name, None)) for name in fields), len(fields), budget, depth)
    if (array := _array(value)) is not None:
        return _plain(array, budget, depth)
    if isinstance(value, Iterator):
        return f"<{_type_name(value)}>"
    return _plain(_described(value, budget.whole), budget, depth)


def _object(members: Any, count: int, budget: _Budget, depth: int) -> dict[str, Any]:
    written: dict[str, Any] = {}
    for number, (key, member) in enumerate(members):
        if budget.left <= 2 * _NODE_BYTES:  # enough that a key is never cut to the marker alone
            written[_CUT] = f"{count - number} more"
            break
        name = _plain(key if isinstance(key, str) else _described(key, budget.whole), budget, depth)
        written[name] = _plain(member, budget, depth + 1)
    return written


def _list(items: Any, count: int, budget: _Budget, depth: int) -> list[Any]:
    written: list[Any] = []
    for number, item in enumerate(items):
        if budget.left <= 0:
            written.append(f"{_CUT} {count - number} more")
            break
        written.append(_plain(item, budget, depth + 1))
    return written


def _fields(value: object) -> list[str] | None:
    """The fields of a dataclass, a pydantic model or an attrs class, but for those that their author hides."""
    kind: Any = type(value)
    if dataclasses.is_dataclass(kind):
        return [field.name for field in dataclasses.fields(kind) if field.repr]
    model = getattr(kind, "model_fields", None)
    if isinstance(model, dict):
        return [name for name, field in model.items() if not getattr(field, "exclude", None) and field.repr]
    attributes = getattr(kind, "__attrs_attrs__", None)
    return None if attributes is None else [attribute.name for attribute in attributes if attribute.repr]


def _array(value: object) -> object:
    """A small numpy array or pandas frame as lists, a large one, or another library's, as its shape; None: neither."""
    kind: Any = type(value)
    shape = getattr(value, "shape", None) if hasattr(kind, "shape") else None
    if not isinstance(shape, tuple):
        return None
    library = kind.__module__.partition(".")[0]
    if all(isinstance(length, int) for length in shape) and math.prod(shape) <= _SMALL_ARRAY:
        if library == "numpy":
            return value.tolist()  # type: ignore[attr-defined]
        if library == "pandas":
            return value.to_dict("list") if len(shape) == 2 else value.to_dict()  # type: ignore[attr-defined]
    details = " × ".join(map(str, shape))
    columns = getattr(value, "columns", None)
    if columns is not None:
        details += ": " + ", ".join(str(column)[:100] for column in islice(columns, 20))
    return f"<{_type_name(value)} {details}>"


_giants: "weakref.WeakSet[type]" = weakref.WeakSet()


def _described(value: object, limit: int) -> str:
    """``str(value)``, unless it would be out of proportion: judged by what the object holds, and by experience."""
    kind = type(value)
    if kind in _giants or _held_by(value) > 4 * limit:
        return f"<{_type_name(value)}>"
    try:
        text = str(value)
    except Exception:
        return f"<{_type_name(value)}>"
    if len(text) > 4 * limit:
        _giants.add(kind)
    return text


_MOST_LOOKED_AT = 200


def _held_by(value: object) -> int:
    """About how many bytes of text and data an object holds, as far as a short look tells."""
    size, looked = 0, 0
    waiting: list[object] = [value]
    while waiting and looked < _MOST_LOOKED_AT:
        looked += 1
        held = waiting.pop()
        if isinstance(held, (str, bytes, bytearray)):
            size += len(held)
        elif isinstance(held, (list, tuple, set, frozenset, dict)):
            size += len(held) * _NODE_BYTES
            waiting += islice(held.values() if isinstance(held, dict) else held, 20)
        elif isinstance(held, int):
            size += held.bit_length() // 8
        elif type(held).__module__ in ("builtins", "array"):
            size += sys.getsizeof(held, 0)
        else:
            if isinstance(held, BaseException):
                waiting += held.args[:20]
            waiting += islice(getattr(held, "__dict__", {}).values(), 20)
            for name in getattr(type(held), "__slots__", ())[:20]:
                waiting.append(getattr(held, name, None) if isinstance(name, str) else None)
    return size


def _type_name(value: object, kind: type | None = None) -> str:
    kind = kind or type(value)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
