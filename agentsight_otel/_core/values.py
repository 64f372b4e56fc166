"""Turns any value into bounded text, or bounded and valid JSON. Never raises, and runs no code of the value's class.

Only data that is in memory already is looked into:

- Python's built-in types: None, numbers, texts, bytes, lists, tuples, sets, dicts, also of subclasses, whose own
  methods are not called;
- the fields of dataclasses and of attrs, pydantic and msgspec classes, as far as the object itself holds them: no
  property, no descriptor, nothing that loads; and without those that their author hides (``repr=False``, ``exclude``);
- value types that are known to be plain: dates, UUIDs, paths, URLs, enums, exceptions, numpy and pandas. They are
  listed in ``shapes``.

Anything else (generators, query sets, connections, objects of any other class) is written as its type:
``<shop.db.Session>``. Bytes and data URIs become their type and size.

A value is bounded while it is written: a gigabyte costs no more than what is kept of it. Small plain values, which
is nearly all of them, take a short way through the standard library's C encoder.
"""

import json
import json.encoder
from collections.abc import Callable
from itertools import islice
from typing import Any

from agentsight_otel._core.data_uris import (
    DATA_MEMBERS,
    SHORTEST_DATA,
    holds_data,
    is_long,
    media_type_of,
    type_and_size,
    without_data,
)
from agentsight_otel._core.shapes import exact, named, shape_of

CUT = "…"
"""Stands where something was cut."""

PROVISIONAL_CUT = "…\ue000"
"""Stands where a text was cut before masks were applied; ``recut`` replaces it by the final mark."""

_UNSEEN = 700
"""Characters before such a cut that may be the beginning of something that no mask could recognise."""

_MAX_DEPTH = 12
_NODE_BYTES = 8
_SHARES = 64
"""The budget of a container that is too large is divided among at least so many members."""

_MOST_MEASURED = 30_000
"""The number of members that are measured before a value is cut; members beyond it count as large."""


def to_text(value: object, max_bytes: int, mark: str = CUT) -> str:
    """A text as it is, anything else as JSON; at most ``max_bytes`` of UTF-8, ending in the mark where it was cut."""
    kind = type(value)
    if kind is str and len(value) < SHORTEST_DATA and len(value) <= max_bytes and value.isascii():  # type: ignore
        return value  # type: ignore[return-value]  # the fast path for nearly all texts
    if value is None:
        return ""
    if kind is dict or not issubclass(kind, str):  # isinstance() would ask the value, which may load itself for that
        return to_json(value, max_bytes, mark)
    return bounded(without_data(exact(value)), max_bytes, mark)


def to_json(value: object, max_bytes: int, mark: str = CUT) -> str:
    """Valid JSON of any value, of at most ``max_bytes`` bytes (at least 32).

    What JSON lacks (dates, NaN, bytes, cycles) becomes text. What is too long is cut inside and says so: texts end in
    the mark, a list ends in ``"… 7 more"``, an object in the member ``"…": "7 more"``. Every member gets a share.
    """
    try:
        if _left_of(value, max_bytes, _MAX_DEPTH) >= 0:
            text = _write(value)
            if len(text) <= max_bytes and (text.isascii() or len(text.encode()) <= max_bytes):
                return text
    except (TypeError, ValueError, RecursionError, RuntimeError):  # UnicodeEncodeError is a ValueError
        pass
    budget = max_bytes
    try:
        while budget >= _NODE_BYTES:
            text = _write(_Writer(mark).plain(value, budget, False, 0))
            if len(text.encode()) <= max_bytes:
                return text
            budget //= 2  # escapes made it longer than the estimate
    except Exception:  # too deep in the application's recursion, or changed by another thread meanwhile
        pass
    return _write(CUT)


def to_object(value: object, max_bytes: int, mark: str = CUT) -> str:
    """As ``to_json``, but always an object: the text of one is read, and what is none becomes its member ``value``.

    '' for None and for an empty text.
    """
    if value is None:
        return ""
    if issubclass(type(value), str):
        if not exact(value):
            return ""
        try:
            read = json.loads(value)  # type: ignore[arg-type]
        except (ValueError, RecursionError):
            read = None
        return to_json(read if type(read) is dict else {"value": value}, max_bytes, mark)
    text = to_json(value, max_bytes, mark)
    return text if text.startswith("{") else to_json({"value": value}, max_bytes, mark)


class Collected:
    """Items that come one after another, put into a bounded JSON list as they come.

    Args:
        max_bytes: The most bytes of UTF-8 that the list may take.
        mark: Stands where a text was cut.
    """

    __slots__ = ("_count", "_left", "_mark", "_texts")

    def __init__(self, max_bytes: int, mark: str = CUT) -> None:
        self._left = max_bytes - 4 * _NODE_BYTES
        self._mark = mark
        self._texts: list[str] = []
        self._count = 0

    def add(self, item: object) -> None:
        """Adds one item, which may take at most half of the room that is left."""
        self._count += 1
        if self._left > 4 * _NODE_BYTES:
            text = to_json(item, self._left // 2, self._mark)
            self._left -= len(text.encode()) + 1
            self._texts.append(text)

    def json(self) -> str:
        """The list as JSON; where items were left out, its last item says how many."""
        more = self._count - len(self._texts)
        return "[" + ",".join([*self._texts, *([_write(f"{CUT} {more} more")] if more else [])]) + "]"


def bounded(text: str, max_bytes: int, mark: str = CUT) -> str:
    """A text of at most ``max_bytes`` of UTF-8, ending in the mark where it was cut; lone surrogates become ``?``."""
    text = exact(text)
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
    return encoded[: max(max_bytes - len(mark.encode()), 0)].decode("utf-8", "ignore") + mark


def recut(text: str, max_bytes: int) -> str:
    """Cuts a text to its final size in bytes; JSON stays valid JSON.

    Where it has a provisional cut, the text shortly before the cut goes too: no mask could recognise it.
    """
    provisional = PROVISIONAL_CUT in text
    if (
        not provisional
        and len(text) <= max_bytes
        and (text.isascii() or len(text.encode("utf-8", "replace")) <= max_bytes)
    ):
        return text
    if text[:1] in ("{", "["):
        try:
            parsed = json.loads(text)
        except (ValueError, RecursionError):
            parsed = None
        if type(parsed) in (dict, list):
            return to_json(_settled(parsed) if provisional else parsed, max_bytes)
    return bounded(_settled(text), max_bytes)


def _settled(value: Any) -> Any:
    if isinstance(value, dict):
        settled: dict[str, Any] = {}
        for key, member in value.items():
            settled[_unused(_settled(key.rstrip("'")), settled)] = _settled(member)  # "'": of _unused
        return settled
    if isinstance(value, list):
        return [_settled(item) for item in value]
    if isinstance(value, str) and value.endswith(PROVISIONAL_CUT):
        return value[: max(len(value) - len(PROVISIONAL_CUT) - _UNSEEN, 0)] + CUT
    return value


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
        size = len(value)  # type: ignore[arg-type]
        if size > left or (size >= SHORTEST_DATA and holds_data(value)):  # type: ignore[arg-type]
            return -1
        return left - size - 2
    if kind is int:
        return left - _NODE_BYTES if -_LARGEST_SHORT_INT < value < _LARGEST_SHORT_INT else -1  # type: ignore[operator]
    if kind in _SMALL:
        return left - _NODE_BYTES
    if depth <= 0:
        return -1
    if kind is dict:
        for key, member in value.items():  # type: ignore[attr-defined]
            if type(key) is not str or (key in DATA_MEMBERS and is_long(member)):
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


class _Writer:
    """Puts one value into what JSON has, cut to a budget.

    Args:
        mark: Stands where a text was cut.
    """

    __slots__ = ("_inside", "_mark", "_measures")

    def __init__(self, mark: str) -> None:
        self._mark = mark
        self._inside: set[int] = set()  # the ids of what is being written: a cycle comes back to one
        self._measures = _MOST_MEASURED

    def plain(self, value: object, budget: int, fits: bool, depth: int) -> Any:
        """The value as JSON's types: None, numbers, texts, lists and objects.

        Args:
            value: Any value.
            budget: Bytes that it may take.
            fits: Whether it is known to take no more than the budget.
            depth: The number of containers around it.
        """
        if fits and _left_of(value, budget, _MAX_DEPTH - depth) >= 0:
            return value  # the encoder writes it as it is
        try:
            shape = shape_of(type(value))
            read = shape.read(value)
        except Exception:  # changed by another thread meanwhile
            return named(value)
        if not shape.is_object and not shape.is_list:
            if isinstance(read, str):
                return bounded(without_data(read), max(budget - 2, 0), self._mark)
            # Numbers stay; an array has become a list.
            return read if read is None or isinstance(read, (int, float)) else self.plain(read, budget, fits, depth)
        if depth >= _MAX_DEPTH or id(value) in self._inside:
            return CUT
        self._inside.add(id(value))
        try:
            count, members = read
            if shape.is_list:
                return self._list(list(islice(members, budget // _NODE_BYTES + 1)), count, budget, fits, depth)
            return self._object(list(islice(members, budget // (2 * _NODE_BYTES) + 1)), count, budget, fits, depth)
        except RuntimeError:  # as above; RecursionError too
            return named(value)
        finally:
            self._inside.discard(id(value))

    def _list(self, items: list[Any], count: int, budget: int, fits: bool, depth: int) -> list[Any]:
        share, sizes = self._shares(items, [0] * len(items), count, budget, fits, depth)
        written = [
            self.plain(item, share, fits or size <= share, depth + 1) for item, size in zip(items, sizes, strict=False)
        ]
        if len(sizes) < count:
            written.append(f"{CUT} {count - len(sizes)} more")
        return written

    def _object(
        self, members: list[tuple[Any, Any]], count: int, budget: int, fits: bool, depth: int
    ) -> dict[str, Any]:
        names = [_key(key, self._mark) for key, _ in members]
        values = [value for _, value in members]
        if len(members) < _SHARES and (media_type := media_type_of(dict(zip(names, values, strict=True)))):
            values = [
                type_and_size(media_type, len(value)) if name in DATA_MEMBERS and is_long(value) else value
                for name, value in zip(names, values, strict=True)
            ]
        share, sizes = self._shares(values, [len(name.encode()) + 4 for name in names], count, budget, fits, depth)
        written: dict[str, Any] = {}
        for name, member, size in zip(names, values, sizes, strict=False):
            written[_unused(name, written)] = self.plain(member, share, fits or size <= share, depth + 1)
        if len(sizes) < count:
            written[CUT] = f"{count - len(sizes)} more"
        return written

    def _shares(
        self, members: list[Any], keys: list[int], count: int, budget: int, fits: bool, depth: int
    ) -> tuple[int, list[int]]:
        """How many bytes each member may take, and the sizes of the members that are written.

        Members are written from the first on, as many as fit with the size they need or with an equal share. Small
        members leave the rest of their share to the large ones.
        """
        if fits:
            return budget, [0] * len(members)
        left = budget - 2
        least = max(left // _SHARES, 3 * _NODE_BYTES)
        sizes: list[int] = []
        needed = 0
        for member, key in zip(members, keys, strict=True):
            size = self._size(member, left, depth + 1) + 1
            needed += key + min(size, least)
            if needed > left - (0 if len(sizes) + 1 == count else 3 * _NODE_BYTES):
                break
            sizes.append(size)
        left -= sum(keys[: len(sizes)]) + (0 if len(sizes) == count else 3 * _NODE_BYTES)
        for number, size in enumerate(sorted(sizes)):
            share = left // (len(sizes) - number)
            if size > share:
                return share, sizes
            left -= size
        return budget, sizes

    def _size(self, value: object, most: int, depth: int) -> int:
        """About how many bytes the value takes as JSON; ``most`` where it takes that or more."""
        self._measures -= 1
        if self._measures < 0:
            return most
        if (left := _left_of(value, most, _MAX_DEPTH - depth)) >= 0:
            return most - left
        try:
            shape = shape_of(type(value))
            read = shape.read(value)
            if not shape.is_object and not shape.is_list:
                if not isinstance(read, str):
                    return self._size(read, most, depth) if isinstance(read, (list, dict)) else _NODE_BYTES
                text = without_data(read)
                return min(2 + len(text) * (1 if text.isascii() else 3), most)
            if depth >= _MAX_DEPTH:
                return _NODE_BYTES
            size = _NODE_BYTES
            for entry in read[1]:
                key, member = entry if shape.is_object else ("", entry)
                size += (
                    (len(_key(key, self._mark)) + 4 if shape.is_object else 0)
                    + self._size(member, most - size, depth + 1)
                    + 1
                )
                if size >= most:
                    return most
            return size
        except Exception:  # changed by another thread meanwhile; it is named then
            return _NODE_BYTES


def _unused(name: str, written: dict[str, Any]) -> str:
    while name in written:  # two keys of the same text
        name += "'"
    return name


_MAX_KEY_BYTES = 1_024
_PLAIN_PARTS = frozenset({str, int, float, bool, type(None)})


def _key(key: object, mark: str) -> str:
    if issubclass(type(key), str):
        return bounded(exact(key), _MAX_KEY_BYTES, mark)
    if type(key) is tuple and len(key) < _SHARES and all(type(part) in _PLAIN_PARTS for part in key):
        return bounded(str(key), _MAX_KEY_BYTES, mark)
    shape = shape_of(type(key))
    read = named(key) if shape.is_object or shape.is_list else shape.read(key)
    if read is None or isinstance(read, (str, int, float)):
        return bounded(str(read), _MAX_KEY_BYTES, mark)
    return named(key)
