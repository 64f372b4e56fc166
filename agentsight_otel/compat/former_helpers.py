"""AgentSight 0.0's helpers."""

import json
import mimetypes
import uuid
from datetime import datetime, timezone
from enum import Enum
from typing import Any

_MAGIC = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"%PDF-", "application/pdf"),
    (b"PK\x03\x04", "application/zip"),
    (b"\x1f\x8b", "application/gzip"),
    (b"BM", "image/bmp"),
    (b"OggS", "audio/ogg"),
    (b"ID3", "audio/mpeg"),
    (b"\x1aE\xdf\xa3", "video/webm"),
)
_RIFF = {b"WEBP": "image/webp", b"WAVE": "audio/wav", b"AVI ": "video/x-msvideo"}
_UNKNOWN = "application/octet-stream"
_LOOKED_AT_BYTES = 512


def generate_conversation_id() -> str:
    """A new conversation id."""
    return f"conv_{uuid.uuid4().hex[:12]}"


def get_iso_timestamp() -> str:
    """The current time in UTC, in ISO 8601."""
    return datetime.now(timezone.utc).isoformat()


class AgentSightJSONEncoder(json.JSONEncoder):
    """Writes enumerations as their values."""

    def default(self, obj: Any) -> Any:
        """An enumeration's value."""
        return obj.value if isinstance(obj, Enum) else super().default(obj)


def get_mime_type(source: Any, filename: str | None = None) -> str:
    """A file's type by its first bytes, else by its name.

    Args:
        source: Bytes, or an open file, whose position is restored.
        filename: The file's name.
    """
    head = b""
    if isinstance(source, (bytes, bytearray, memoryview)):
        head = bytes(source[:_LOOKED_AT_BYTES])
    elif hasattr(source, "read") and hasattr(source, "seek"):
        at = source.tell()
        head = source.read(_LOOKED_AT_BYTES)
        source.seek(at)
    if head[:4] == b"RIFF" and head[8:12] in _RIFF:
        return _RIFF[head[8:12]]
    if head[4:8] == b"ftyp":
        return "video/mp4"
    for magic, kind in _MAGIC:
        if head.startswith(magic):
            return kind
    named = filename or getattr(source, "name", None)
    guessed = mimetypes.guess_type(str(named))[0] if named else None
    if guessed is None and head and b"\0" not in head:
        try:
            head.decode()
        except UnicodeDecodeError as error:
            return _UNKNOWN if error.start < len(head) - 4 else "text/plain"
        return "text/plain"
    return guessed or _UNKNOWN
