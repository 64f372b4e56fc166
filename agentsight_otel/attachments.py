"""Descriptions of files that were sent: name, type and size, never the bytes."""

import os
from collections.abc import Mapping
from typing import Any

_NAMES = ("filename", "name")
_TYPES = ("mime_type", "content_type", "type", "mime")
_SIZES = ("size", "size_bytes")
_BYTES = ("data", "content")


def describe(file: object) -> dict[str, Any]:
    """What a path, a mapping, an open file or a framework's upload says of itself; no key for what it does not say."""
    if isinstance(file, (str, os.PathLike)):
        return {"name": os.path.basename(os.fspath(file))}  # noqa: PTH119
    described: dict[str, Any] = {}
    name = _first(file, _NAMES)
    if isinstance(name, (str, os.PathLike)):
        described["name"] = os.path.basename(os.fspath(name))  # noqa: PTH119
    kind = _first(file, _TYPES)
    if isinstance(kind, str):
        described["type"] = kind
    size = _first(file, _SIZES)
    if isinstance(size, int):
        described["size"] = size
    elif isinstance(file, Mapping) and isinstance(data := _first(file, _BYTES), (bytes, bytearray)):
        described["size"] = len(data)
    return described


def _first(file: object, names: tuple[str, ...]) -> Any:
    for name in names:
        found = file.get(name) if isinstance(file, Mapping) else getattr(file, name, None)
        if found is not None:
            return found
    return None
