"""The limits of the receiver, with which its process stays below 512 MiB of memory, whatever is sent."""

MIB = 1024 * 1024

MAX_REQUEST_BYTES = 32 * MIB
"""The most bytes of a request in protobuf, unpacked."""

MAX_JSON_BYTES = 16 * MIB
"""The most bytes of a request in JSON, unpacked: JSON is parsed as a whole, and takes many times its size."""

MAX_WIDE_JSON_BYTES = 8 * MIB
"""The most bytes of JSON with a character of which every letter beside it takes four bytes in Python: an emoji, say."""

MAX_SPAN_BYTES = 8 * MIB
"""The most bytes of a span, or of a resource: as a text in Python, a byte may take four."""

MAX_JSON_VALUES = 150_000
"""The most brackets, braces and commas in a request in JSON, which determine its size in memory."""

MAX_GRPC_BYTES = 9 * MIB
"""The most bytes of a gRPC message as sent: 512 spans of 16 KiB fit. Unpacked it may be as large as over HTTP."""

MAX_SPANS = 100_000
"""The most spans in a request."""

MAX_STORED_BYTES = 256 * MIB
"""The most bytes that a request may take in the database, uncompressed: each span is stored with its whole resource."""

UNCOUNTED_BYTES = 256 * 1024
"""Bytes of a span or resource below which its parts are not counted, because they cannot be many."""

MAX_PARTS = 200_000
"""The most attributes, events, links and nested values of a span or resource."""

MAX_PARTS_IN_ALL = 2_000_000
"""The most parts of all spans of a request together."""

MAX_RECEIVING_BYTES = 40 * MIB
"""The most bytes, as sent, of all HTTP requests that are arriving and all requests that wait to be stored, together."""

MAX_RECEIVING_CALLS = 5
"""The most gRPC calls whose message is arriving."""

MAX_WAITING_ROWS_BYTES = 16 * MIB
"""The most bytes of all rows that wait for the running insert to end."""

MAX_BATCH_BYTES = 16 * MIB
MAX_BATCH_ROWS = 20_000
"""The most rows of one insert; MAX_BATCH_BYTES the most bytes."""

SMALL_BYTES = MIB
"""A request that is at most so large, unpacked, does not wait for larger ones."""

MAX_LARGE_WAITING = 8
"""The most large requests that wait for the one before; further senders are told to try again."""

IDLE_S = 10.0
"""How long a sender may pause in the middle of a request, in seconds."""

BODY_S = 60.0
"""How long a request may take to arrive, in seconds."""
