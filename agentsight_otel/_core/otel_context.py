"""OpenTelemetry's current context: read, attached and detached without its log messages."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from opentelemetry.context import Context, set_value
from opentelemetry.context.contextvars_context import ContextVarsRuntimeContext

from agentsight_otel._core.guard import swallow
from agentsight_otel._core.otel_private import SUPPRESS_INSTRUMENTATION_KEY, runtime_context

_PREFIX = "agentsight-"
_kept: "ContextVar[Context | None]" = ContextVar("agentsight_otel_context", default=None)

# Datadog replaces OpenTelemetry's runtime context with one that keeps only the current span, and makes every attached
# span part of Datadog's traces (ddtrace 4.16). Our context then stays in a variable of this package.
FOREIGN = not isinstance(runtime_context, ContextVarsRuntimeContext)
"""Whether another SDK has put a runtime context of its own in the place of OpenTelemetry's."""


def _with_ours() -> Context:
    kept, current = _kept.get(), runtime_context.get_current()
    if kept is None:
        return current
    return Context({**{key: value for key, value in kept.items() if key.startswith(_PREFIX)}, **current})


current_context = _with_ours if FOREIGN else runtime_context.get_current
"""Returns OpenTelemetry's current context."""


def attach(context: Context) -> Any:
    """Makes a context current; give what this returns to ``detach``. Never raises."""
    try:
        return _kept.set(context) if FOREIGN else runtime_context.attach(context)
    except Exception as error:
        swallow("entering a context", error)
        return None


def detach(token: Any) -> None:
    """Makes the context from before ``attach`` current again; does nothing in another thread or task than that."""
    if token is None:
        return
    try:
        if FOREIGN:
            _kept.reset(token)
        else:
            runtime_context.detach(token)
    except (ValueError, RuntimeError):
        return  # in another thread or task, where it is not current; or for the second time
    except Exception as error:
        swallow("leaving a context", error)


@contextmanager
def suppressed_instrumentation() -> Iterator[None]:
    """Keeps instrumentations from making spans within the block: each delivery would cause spans to deliver."""
    token = attach(set_value(SUPPRESS_INSTRUMENTATION_KEY, True))
    try:
        yield
    finally:
        detach(token)
