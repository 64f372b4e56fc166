"""Names of turns, tools and tasks."""

from collections.abc import Callable
from typing import Any

from agentsight_otel._core.guard import guard
from agentsight_otel._core.limits import MAX_NAME_BYTES, with_room
from agentsight_otel._tracing.conversations import id_text


def given_name(name: object) -> str | None:
    """A name that the caller passed; None for none. It is bounded here, and cut when a span gets it."""
    if name is None or (type(name) is str and 0 < len(name) <= MAX_NAME_BYTES):
        return name  # as nearly always
    with guard("reading a name"):
        return id_text(name, with_room(MAX_NAME_BYTES)) or None
    return None


def name_of(function: Callable[..., Any]) -> str:
    """The name of a callable; for a partial, that of its function."""
    while not hasattr(function, "__name__") and hasattr(function, "func"):
        function = function.func  # a partial
    return getattr(function, "__name__", None) or type(function).__name__
