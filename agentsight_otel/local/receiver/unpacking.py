"""Unpacks compressed bodies: gzip (with all of its members) and deflate, never to more bytes than allowed."""

import zlib
from collections.abc import Callable

from agentsight_otel.local.receiver.errors import MalformedRequest, TooLarge, UnknownEncoding

_GZIP, _ZLIB, _DEFLATE = 16 + zlib.MAX_WBITS, zlib.MAX_WBITS, -zlib.MAX_WBITS
_NONE = ("", "identity")
_PIECE_BYTES, _STEP_BYTES = 64 * 1024, 1024 * 1024

Unpack = Callable[[bytes | bytearray, int], bytes | bytearray]
"""Unpacks a body to at most so many bytes; raises MalformedRequest or TooLarge."""


def unpacker(encodings: str) -> Unpack:
    """The function that unpacks a body.

    Args:
        encodings: The content-encoding header, or gRPC's.

    Raises:
        UnknownEncoding: The encoding is not supported (gzip and deflate are), or there are several.
    """
    named = [name for each in encodings.lower().split(",") if (name := each.strip()) not in _NONE]
    if not named:
        return _as_it_is
    if named == ["gzip"]:
        return lambda body, most: _inflated(body, most, _GZIP)
    if named == ["deflate"]:
        return _deflated
    raise UnknownEncoding(f"content-encoding {encodings[:50]!r}: expected gzip, deflate or none")


def _as_it_is(body: bytes | bytearray, most: int) -> bytes | bytearray:
    if len(body) > most:
        raise TooLarge(f"more than {most} bytes")
    return body


def _deflated(body: bytes | bytearray, most: int) -> bytearray:
    """Unpacks deflate: in zlib's format, as HTTP defines it, or in the raw one, which some senders use."""
    is_zlib = len(body) > 1 and body[0] & 15 == 8 and (body[0] << 8 | body[1]) % 31 == 0
    return _inflated(body, most, _ZLIB if is_zlib else _DEFLATE)


def _inflated(body: bytes | bytearray, most: int, format_bits: int) -> bytearray:
    unpacked = bytearray()
    view = memoryview(body)
    stream = zlib.decompressobj(format_bits)
    at = 0
    try:
        while at < len(view):
            if stream.eof:
                if format_bits != _GZIP:
                    raise MalformedRequest("more than one packed stream")
                stream = zlib.decompressobj(format_bits)
            # In small pieces, because the rest of a piece is copied each time.
            piece: bytes | memoryview = view[at : at + _PIECE_BYTES]
            at += len(piece)
            while piece and not stream.eof:
                unpacked += stream.decompress(piece, _STEP_BYTES)
                if len(unpacked) > most:
                    raise TooLarge(f"more than {most} bytes, unpacked")
                piece = stream.unconsumed_tail
            at -= len(stream.unused_data)
        unpacked += stream.flush()
    except zlib.error as error:
        raise MalformedRequest(f"not packed as it says: {error}") from None
    if not stream.eof:
        raise MalformedRequest("the packed body ends too early")
    if len(unpacked) > most:
        raise TooLarge(f"more than {most} bytes, unpacked")
    return unpacked
