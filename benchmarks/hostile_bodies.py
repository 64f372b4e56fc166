"""What benchmarks/attack.py sends: requests that are small on the wire and large, deep or endless for who reads them.

Each is made once, at its first use.
"""

import gzip
import struct
import zlib
from functools import cache

MIB = 1024 * 1024


# Protobuf by hand: what no library would write.
def varint(value: int) -> bytes:
    written = b""
    while value > 127:
        written += bytes((value & 127 | 128,))
        value >>= 7
    return written + bytes((value,))


def field(number: int, content: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(content)) + content


def request(spans: bytes, resource: bytes = b"") -> bytes:
    return field(1, (field(1, resource) if resource else b"") + field(2, spans))


@cache
def empty_spans() -> bytes:
    return gzip.compress(request(b"\x12\x00" * 2_000_000))


@cache
def empty_events() -> bytes:
    return gzip.compress(request(field(2, b"\x5a\x00" * 8_000_000)))


@cache
def many_attributes() -> bytes:
    pairs = b"".join(field(9, field(1, struct.pack(">I", each)[1:].hex().encode())) for each in range(30_000))
    return gzip.compress(request(field(2, pairs) * 60))


@cache
def repeated_resource() -> bytes:
    value = field(1, b"k") + field(2, field(1, b"v" * MIB))
    return gzip.compress(request(b"\x12\x00" * 90_000, field(1, value)))


@cache
def empty_resources() -> bytes:
    return gzip.compress(b"\x0a\x00" * 8_000_000)


@cache
def small_fields() -> bytes:
    return gzip.compress(b"\x50\x00" * 30_000_000)


@cache
def full_protobuf() -> bytes:
    text = field(9, field(1, b"text") + field(2, field(1, b"x" * 16_000)))
    return request(field(2, text) * 1_950)


@cache
def empty_objects() -> bytes:
    return gzip.compress(b'{"resourceSpans":[' + b"{}," * 20_000_000 + b"{}]}")


@cache
def dense_json() -> bytes:
    return gzip.compress(b'{"resourceSpans":[{"scopeSpans":[{"spans":[' + b"{}," * 400_000 + b"{}]}]}]}")


@cache
def json_at_the_limit() -> bytes:
    """As many values as are allowed, each an object, which takes most memory."""
    inner = b'{"a":' * 400 + b"1" + b"}" * 400
    return b'{"resourceSpans":[{"scopeSpans":[{"spans":[' + b",".join([inner] * 370) + b"]}]}]}"


@cache
def wide_json() -> bytes:
    """7.9 MiB of a text, of which each letter takes four bytes in Python."""
    text = "\N{GRINNING FACE}".encode() + b"x" * int(7.9 * MIB / 2)
    span = b'{"name":"n","attributes":[{"key":"k","value":{"stringValue":"' + text + b'"}}]}'
    return b'{"resourceSpans":[{"scopeSpans":[{"spans":[' + span + b"," + span + b"]}]}]}"


@cache
def wide_protobuf() -> bytes:
    """Four spans of 7.9 MiB of such a text."""
    text = "\N{GRINNING FACE}".encode() + b"x" * int(7.9 * MIB)
    return request(field(2, field(9, field(1, b"text") + field(2, field(1, text)))) * 4 + b"\x12\x00")


@cache
def one_wide_span() -> bytes:
    """A span of 31 MiB of such a text."""
    text = "\N{GRINNING FACE}".encode() + b"x" * (31 * MIB)
    return request(field(2, field(9, field(1, b"text") + field(2, field(1, text)))))


@cache
def deep_json() -> bytes:
    return b'{"resourceSpans":' + b"[" * 400_000 + b"]" * 400_000 + b"}"


@cache
def bomb() -> bytes:
    """What unpacks to 2 GiB."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return b"".join(packer.compress(bytes(16 * MIB)) for _ in range(128)) + packer.flush()


@cache
def packed_zeros() -> bytes:
    """64 kB that unpack to 60 MiB."""
    return gzip.compress(bytes(60 * MIB))


@cache
def large_message() -> bytes:
    return full_protobuf()[: 8 * MIB]


BODIES = (empty_spans, empty_events, many_attributes, repeated_resource, empty_resources, small_fields, full_protobuf,
          empty_objects, dense_json, json_at_the_limit, wide_json, wide_protobuf, one_wide_span, deep_json, bomb, packed_zeros, large_message)  # fmt: skip
"""All of them, to be made before the time counts."""
