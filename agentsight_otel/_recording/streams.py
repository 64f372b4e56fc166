"""Work that continues after its call has returned: iterators, coroutines, futures and streaming responses.

Objects that are returned to be drained later are covered: their steps run in the context of the work, which ends with
them.
"""

import asyncio
import functools
import inspect
import types
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from typing import Any, Final

from agentsight_otel._core.guard import guard, swallow
from agentsight_otel._recording.steps import Drop, async_generator, awaiting, generator
from agentsight_otel._recording.stream_proxies import proxy
from agentsight_otel._tracing.context import Scope

_Cover = Callable[[Scope, Any], Any]

NOT_A_STREAM: Final = object()
"""The return value of ``cover`` for a value that is no stream."""

_COMPLETE = frozenset({type(None), str, bytes, bool, int, float, dict, list, tuple, set, frozenset})


def cover(work: Scope, value: Any, *, is_stream: bool = False) -> Any:
    """Makes the work last as long as a stream, and the stream's steps run in the work's context.

    Args:
        work: The work that gets the stream's result or error, and ends with it.
        value: The return value of a call.
        is_stream: Whether the caller states that the value is a stream: then iterators and awaitables of any class are
            covered, which otherwise may be files or cursors, and are left alone.

    Returns:
        What to use in place of the value, of the same kind; ``NOT_A_STREAM`` if it is complete.
    """
    kind: Any = type(value)
    if kind in _COMPLETE:
        return NOT_A_STREAM
    try:
        adapt = _adapter_of(kind, is_stream)
        if adapt is None:
            # An attribute of the object itself, so that no property or __getattr__ of somebody's runs.
            if "body_iterator" not in getattr(value, "__dict__", ()):
                return NOT_A_STREAM
            adapt = _starlette_response
        covered = adapt(work, value)
        if covered is not NOT_A_STREAM:
            work.hand_over()
        return covered
    except Exception as error:
        swallow("covering a stream", error)
        return NOT_A_STREAM


@functools.lru_cache(maxsize=2_048)
def _adapter_of(kind: type, is_stream: bool) -> _Cover | None:
    if (native := _NATIVE.get(kind)) is not None:
        return native
    if issubclass(kind, (Generator, AsyncGenerator, Coroutine)):
        return proxy
    if hasattr(kind, "add_done_callback"):
        return _future
    if hasattr(kind, "streaming_content"):
        return _django_response
    if hasattr(kind, "is_streamed"):
        return _werkzeug_response
    return proxy if is_stream and any(hasattr(kind, name) for name in _STEPS) else None


def _generator(work: Scope, inner: Any) -> Any:
    return awaiting(work, inner) if inner.gi_code.co_flags & inspect.CO_ITERABLE_COROUTINE else generator(work, inner)


_STEPS = ("__next__", "__anext__", "__iter__", "__aiter__", "__await__")
_NATIVE: dict[type, _Cover] = {
    types.GeneratorType: _generator,
    types.AsyncGeneratorType: async_generator,
    types.CoroutineType: awaiting,
}


def _future(work: Scope, future: Any) -> Any:
    drop = Drop(work)

    def done(future: Any) -> None:
        nonlocal drop
        with guard("ending a future's work"):
            if future.cancelled():
                error: BaseException | None = asyncio.CancelledError()
            else:
                # exception() would mark it as retrieved, and silence asyncio's "exception was never retrieved".
                error = future._exception if hasattr(future, "_exception") else future.exception()
            if error is None:
                work.result(future.result())
            work.finish(error)
        del drop

    future.add_done_callback(done)
    return future


def _cover_body(work: Scope, body: Any) -> Any:
    work.notes_items = False
    return cover(work, body, is_stream=True)


def _starlette_response(work: Scope, response: Any) -> Any:
    covered = _cover_body(work, response.body_iterator)
    if covered is not NOT_A_STREAM:
        response.body_iterator = covered
        return response
    return NOT_A_STREAM


def _django_response(work: Scope, response: Any) -> Any:
    covered = _cover_body(work, response.streaming_content)
    if covered is not NOT_A_STREAM:
        response.streaming_content = covered
        return response
    return NOT_A_STREAM


def _werkzeug_response(work: Scope, response: Any) -> Any:
    if response.is_streamed:
        covered = _cover_body(work, response.response)
        if covered is not NOT_A_STREAM:
            response.response = covered
            return response
    return NOT_A_STREAM
