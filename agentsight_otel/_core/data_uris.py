"""Binary data inside texts and objects, mostly pictures: data URIs, and base64 members beside their media type."""

import re
import string
from typing import Any

SHORTEST_DATA = 200
"""Characters; data URIs and base64 members shorter than this are left as they are."""

_MOST_SCANNED = 1_048_576
"""Characters of a text in which data URIs are looked for."""
_DATA_URI = re.compile(
    r"data:([A-Za-z0-9.+-]{1,60}/[A-Za-z0-9.+-]{1,100})?(?:;[A-Za-z0-9=._-]{1,60}){0,5};base64,([A-Za-z0-9+/_-]*)={0,2}"
)
_BASE64 = string.ascii_letters + string.digits + "+/_-="
_MEDIA_TYPES = ("media_type", "mime_type", "mimeType", "format")
DATA_MEMBERS = frozenset({"data", "b64_json"})
"""Names of an object's members that may hold data in base64."""


def is_long(value: object) -> bool:
    """Whether a value is a text of at least ``SHORTEST_DATA`` characters."""
    return type(value) is str and len(value) >= SHORTEST_DATA


def holds_data(text: str) -> bool:
    """Whether a text contains a data URI."""
    return text.find(";base64,", 0, _MOST_SCANNED) >= 0


def without_data(text: str) -> str:
    """A text with each of its data URIs replaced by the media type and size of its data."""
    if len(text) < SHORTEST_DATA or not holds_data(text):
        return text
    written, rest = _DATA_URI.sub(_as_type_and_size, text[:_MOST_SCANNED]), text[_MOST_SCANNED:]
    return written + (rest.lstrip(_BASE64) if written.endswith(" bytes>") else rest)


def _as_type_and_size(match: "re.Match[str]") -> str:
    return match[0] if len(match[0]) < SHORTEST_DATA else type_and_size(match[1] or "text/plain", len(match[2]))


def type_and_size(media_type: str, characters: int) -> str:
    """The text that replaces data: its media type and its size in bytes, from its length in base64 characters."""
    return f"<{media_type[:100]}, {characters * 3 // 4} bytes>"


def media_type_of(members: dict[Any, Any]) -> str:
    """The media type that an object states for its base64 member; '' where it states none."""
    for name in _MEDIA_TYPES:
        if type(stated := members.get(name)) is str:
            return stated
    return ""
