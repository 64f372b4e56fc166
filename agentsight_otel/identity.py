"""Conversation id to trace id, and the id generator."""

import functools
import hashlib
import itertools
import random
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar, Token

from opentelemetry.sdk.trace.id_generator import RandomIdGenerator

_starting: ContextVar[tuple[int | None, int]] = ContextVar("agentsight_starting", default=(None, 0))
_derived: ContextVar["Iterator[int] | None"] = ContextVar("agentsight_derived_ids", default=None)


@functools.lru_cache(maxsize=4_096)
def trace_id(conversation_id: str) -> int:
    """The trace of a conversation: the first 16 bytes of SHA-256 of its id in UTF-8, as OpenTelemetry's integer.

    Every process that touches the conversation computes the same, so its spans meet in one trace.
    """
    return int.from_bytes(hashlib.sha256(conversation_id.encode("utf-8", "replace")).digest()[:16], "big")


class IdGenerator(RandomIdGenerator):
    """Random ids, but for spans started after ``begin_span`` or within ``derived_ids``."""

    def generate_trace_id(self) -> int:
        """The trace id of ``begin_span``, else a random one."""
        root = _starting.get()[0]
        return super().generate_trace_id() if root is None else root

    def generate_span_id(self) -> int:
        """The span id of ``begin_span``, else that of ``new_span_id``."""
        trace, span = _starting.get()
        if span:
            _starting.set((trace, 0))  # for one span; a processor may start others meanwhile
        return span or new_span_id()


def new_span_id() -> int:
    """The next id of ``derived_ids``, else a random one."""
    derived = _derived.get()
    # An id of zero would mean "none".
    return (random.getrandbits(64) or 1) if derived is None else next(derived)


def begin_span(trace: int | None, span: int) -> "Token[tuple[int | None, int]]":
    """Gives the one span that is started next its ids; take them back with ``end_span``.

    Args:
        trace: Of a root span; None leaves it random.
        span: 0 leaves it random.
    """
    return _starting.set((trace, span))


def end_span(token: "Token[tuple[int | None, int]]") -> None:
    """The span is started."""
    _starting.reset(token)


@contextmanager
def derived_ids(seed: str) -> Iterator[None]:
    """Gives spans started within the block the same ids whenever the same seed is used again."""
    token = _derived.set(span_ids(seed))
    try:
        yield
    finally:
        _derived.reset(token)


def span_ids(seed: str) -> Iterator[int]:
    """The ids that ``derived_ids`` gives, in their order; threads may share them."""

    def nth(number: int) -> int:
        digest = hashlib.sha256(f"{seed}\x00{number}".encode("utf-8", "replace")).digest()
        # An id of zero would mean "none".
        return int.from_bytes(digest[:8], "big") or 1

    return map(nth, itertools.count())
