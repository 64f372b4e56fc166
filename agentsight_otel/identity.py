"""Conversation id to trace id, and the id generator."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from opentelemetry.sdk.trace.id_generator import RandomIdGenerator

_root_trace: ContextVar[int | None] = ContextVar("agentsight_root_trace", default=None)
_derived: ContextVar["Iterator[int] | None"] = ContextVar("agentsight_derived_ids", default=None)


def trace_id(conversation_id: str) -> int:
    """The trace of a conversation: the first 16 bytes of SHA-256 of its id in UTF-8, as OpenTelemetry's integer.

    Every process that touches the conversation computes the same, so its spans meet in one trace.
    """
    return int.from_bytes(hashlib.sha256(conversation_id.encode("utf-8", "replace")).digest()[:16], "big")


class IdGenerator(RandomIdGenerator):
    """Random ids, but for traces started within ``root_trace`` and spans within ``derived_ids``."""

    def generate_trace_id(self) -> int:
        """The trace id of ``root_trace``, else a random one."""
        root = _root_trace.get()
        return super().generate_trace_id() if root is None else root

    def generate_span_id(self) -> int:
        """The next id of ``derived_ids``, else a random one."""
        derived = _derived.get()
        return super().generate_span_id() if derived is None else next(derived)


class root_trace:
    """Gives root spans started within the ``with`` block a trace id; None leaves it random."""

    __slots__ = ("_token", "_trace_id")

    def __init__(self, trace: int | None) -> None:
        self._trace_id = trace

    def __enter__(self) -> None:
        """Sets it."""
        self._token = _root_trace.set(self._trace_id)

    def __exit__(self, *exc: object) -> None:
        """Takes it back."""
        _root_trace.reset(self._token)


@contextmanager
def derived_ids(seed: str) -> Iterator[None]:
    """Gives spans started within the block the same ids whenever the same seed is used again."""
    token = _derived.set(span_ids(seed))
    try:
        yield
    finally:
        _derived.reset(token)


def span_ids(seed: str) -> Iterator[int]:
    """The ids that ``derived_ids`` gives, in their order."""
    counter = 0
    while True:
        digest = hashlib.sha256(f"{seed}\x00{counter}".encode("utf-8", "replace")).digest()
        # An id of zero would mean "none".
        yield int.from_bytes(digest[:8], "big") or 1
        counter += 1
