"""Protobuf's wire format, as far as it is needed to find the spans of a request without parsing all of it at once."""

from collections.abc import Iterator
from typing import NamedTuple

from agentsight_otel.local.receiver.errors import MalformedRequest, TooLarge
from agentsight_otel.local.receiver.limits import MAX_PARTS, MAX_SPANS, UNCOUNTED_BYTES

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_MOST_FIELDS = 2 * MAX_SPANS
_FIXED_SIZES = {_FIXED64: 8, _FIXED32: 4}


class Part(NamedTuple):
    """A field that holds a text, bytes or a message.

    Attributes:
        number: The field's number.
        start: The offset in the body at which its content begins.
        end: The offset at which its content ends.
    """

    number: int
    start: int
    end: int


def parts(body: memoryview, start: int, end: int) -> Iterator[Part]:
    """The fields of a message that hold a text, bytes or a message, in their order.

    Args:
        body: The request's body.
        start: The offset in the body at which the message begins.
        end: The offset at which it ends.

    Raises:
        MalformedRequest: The message is no valid protobuf.
        TooLarge: The message has more fields than any request needs.
    """
    at = start
    fields = 0
    while at < end:
        fields += 1
        if fields > _MOST_FIELDS:
            raise TooLarge(f"a message of more than {_MOST_FIELDS} fields")
        tag, at = _varint(body, at, end)
        kind = tag & 7
        if kind == _BYTES:
            length, at = _varint(body, at, end)
            if length > end - at:
                raise _malformed()
            yield Part(tag >> 3, at, at + length)
            at += length
        elif kind == _VARINT:
            _, at = _varint(body, at, end)
        elif kind in _FIXED_SIZES:
            at += _FIXED_SIZES[kind]
        else:
            raise _malformed()
        if at > end or not tag >> 3:
            raise _malformed()


def _varint(body: memoryview, at: int, end: int) -> tuple[int, int]:
    value = shift = 0
    while at < end and shift < 70:
        byte = body[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7
    raise _malformed()


def _malformed() -> MalformedRequest:
    return MalformedRequest("not an ExportTraceServiceRequest in protobuf: Error parsing message")


# The fields of each message that are messages with parts of their own, by number, with the message's name.
_NESTED: dict[str, dict[int, str]] = {
    "span": {9: "attribute", 11: "event", 13: "link"},
    "event": {3: "attribute"},
    "link": {4: "attribute"},
    "resource": {1: "attribute"},
    "scope": {3: "attribute"},
    "attribute": {2: "value"},
    "value": {5: "array", 6: "map"},
    "array": {1: "value"},
    "map": {1: "attribute"},
}


def check_parts(body: memoryview, message: str, start: int, end: int) -> None:
    """Refuses a message with so many parts that it would fill the memory, though it is small as sent.

    Args:
        body: The request's body.
        message: span, resource or scope.
        start: The offset in the body at which the message begins.
        end: The offset at which it ends.

    Raises:
        MalformedRequest: The message is no valid protobuf.
        TooLarge: The message has too many parts.
    """
    if end - start <= UNCOUNTED_BYTES:
        return
    count = 0
    ahead = [(message, start, end)]
    while ahead:
        of, start, end = ahead.pop()
        nested = _NESTED[of]
        for part in parts(body, start, end):
            count += 1
            if count > MAX_PARTS:
                raise TooLarge(f"a {message} of more than {MAX_PARTS} parts")
            if part.number in nested:
                ahead.append((nested[part.number], part.start, part.end))
