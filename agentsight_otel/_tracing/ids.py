"""Conversation id to trace id, and the id generator."""

import functools
import hashlib
import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from opentelemetry.sdk.trace.id_generator import RandomIdGenerator

from agentsight_otel._core.randomness import numbers

_derived: ContextVar["Iterator[int] | None"] = ContextVar("agentsight_derived_ids", default=None)


_LONGEST_KEPT = 256


def trace_id(conversation_id: str) -> int:
    """The trace of a conversation: the first 16 bytes of SHA-256 of its id in UTF-8, as OpenTelemetry's integer.

    Every process that touches the conversation computes the same, so its spans meet in one trace.
    """
    return _kept(conversation_id) if len(conversation_id) <= _LONGEST_KEPT else _computed(conversation_id)


def _computed(conversation_id: str) -> int:
    return int.from_bytes(hashlib.sha256(conversation_id.encode("utf-8", "replace")).digest()[:16], "big")


_kept = functools.lru_cache(maxsize=4_096)(_computed)
"""Of a few megabytes: longer ids, as other SDKs may give theirs, are computed each time."""


class IdGenerator(RandomIdGenerator):
    """Random ids, of numbers of our own: OpenTelemetry draws its from those that the application seeds."""

    def generate_trace_id(self) -> int:
        """That of ``new_trace_id``."""
        return new_trace_id()

    def generate_span_id(self) -> int:
        """That of ``new_span_id``."""
        return new_span_id()


def new_trace_id() -> int:
    """A random one."""
    return numbers.getrandbits(128) or 1  # zero would mean "none"


def new_span_id() -> int:
    """The next id of ``derived_ids``, else a random one."""
    derived = _derived.get()
    return (numbers.getrandbits(64) or 1) if derived is None else next(derived)  # zero would mean "none"


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
