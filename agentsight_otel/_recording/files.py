"""Descriptions of files that were sent: name, type and size, never the bytes."""

import os
from collections.abc import Mapping
from typing import Any

from agentsight_otel._core.shapes import member_of

_NAMES = ("filename", "name")
_TYPES = ("mime_type", "content_type", "type", "mime")
_SIZES = ("size", "size_bytes")
_STORED = ("url", "sha256")
_BYTES = ("data", "content")


def describe(file: object) -> dict[str, Any]:
    """The name, type and size of a path, a mapping, an open file or a framework's upload, as far as it holds them.

    A size that would be asked of a storage, as that of a Django model's file, stays unknown.
    """
    kind = type(file)  # isinstance() would ask the value, which may load itself for that
    if issubclass(kind, (str, os.PathLike)):
        return {"name": os.path.basename(os.fspath(file))}  # type: ignore[call-overload]  # noqa: PTH119
    is_mapping = issubclass(kind, Mapping)
    if is_mapping and not issubclass(kind, dict):
        file = dict(file)  # type: ignore[call-overload]
    described: dict[str, Any] = {}
    name = member_of(file, *_NAMES)
    if issubclass(type(name), (str, os.PathLike)):
        described["name"] = os.path.basename(os.fspath(name))  # noqa: PTH119
    kind_of_file = member_of(file, *_TYPES)
    if issubclass(type(kind_of_file), str):
        described["type"] = kind_of_file
    size = member_of(file, *_SIZES)
    if issubclass(type(size), int):
        described["size"] = size
    elif is_mapping and isinstance(data := member_of(file, *_BYTES), (bytes, bytearray)):
        described["size"] = len(data)
    if is_mapping:
        described |= {key: value for key in _STORED if isinstance(value := member_of(file, key), str)}
    return described
