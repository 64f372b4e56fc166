"""Work that goes on after its call has returned: iterators, coroutines, futures and streaming responses.

Whatever is returned to be drained later is covered: its steps run in the context of the work, which is over, exactly
once, when the stream is drained, fails, is closed, cancelled or dropped. The context is current while a step runs and
at no other time, so nothing of it reaches the consumer, whichever thread or task takes the steps.
"""

import asyncio
import functools
import sys
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Generator
from types import TracebackType
from typing import Any, Final

from agentsight_otel import context
from agentsight_otel._guard import guard, swallow
from agentsight_otel.context import Scope

_Cover = Callable[[Scope, Any], Any]

NOT_A_STREAM: Final = object()
"""What ``cover`` returns for a value that is complete."""

_COMPLETE = frozenset({type(None), str, bytes, bool, int, float, dict, list, tuple, set, frozenset})


def cover(work: Scope, value: Any, *, asked: bool = False) -> Any:
    """Has the work last as long as a stream, and take place in its steps.

    Args:
        work: Gets the stream's result or error, and its end.
        value: What a call returned.
        asked: Whether the caller says that it is a stream: then iterators and awaitables of any kind are, which may
            else be files or cursors, and are left alone.

    Returns:
        What to use in place of the value, of the same kind; ``NOT_A_STREAM`` if it is complete.
    """
    kind: Any = type(value)
    if kind in _COMPLETE:
        return NOT_A_STREAM
    try:
        adapt = _adapter_of(kind, asked)
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
def _adapter_of(kind: type, asked: bool) -> _Cover | None:
    if issubclass(kind, Generator):
        return generator
    if issubclass(kind, AsyncGenerator):
        return async_generator
    if issubclass(kind, Coroutine):
        return _coroutine
    if hasattr(kind, "add_done_callback"):
        return _future
    if hasattr(kind, "streaming_content"):
        return _django_response
    if hasattr(kind, "is_streamed"):
        return _werkzeug_response
    if not asked:
        return None
    if hasattr(kind, "__anext__"):
        return _AsyncIterator
    if hasattr(kind, "__next__"):
        return _Iterator
    if hasattr(kind, "__aiter__"):
        return lambda work, value: async_generator(work, value.__aiter__())
    if hasattr(kind, "__await__"):
        return _coroutine
    if hasattr(kind, "__iter__"):
        return lambda work, value: generator(work, iter(value))
    return None


class _Step:
    """The work's context, current within the ``with`` block; what the block changes in it is there in the next."""

    __slots__ = ("_context", "_token", "_work")

    def __init__(self, work: Scope) -> None:
        self._work = work
        self._context = work.context

    def __enter__(self) -> None:
        self._work.left_at = float("inf")
        self._token = context.attach(self._context)

    def __exit__(self, *exc: object) -> None:
        self._context = context.current_context()
        context.detach(self._token)
        self._work.left_at = time.monotonic()


class _Drop:
    """Held by a stream alone: its end is the end of a stream that nobody drained, nor even began."""

    __slots__ = ("_work",)

    def __init__(self, work: Scope) -> None:
        self._work = work

    def __del__(self) -> None:
        if not self._work.finished:
            self._work.finish(GeneratorExit())


class Steps:
    """Awaits something with a context current while it runs, not while it waits.

    Args:
        step: The context.
        begin: Returns what to await.
    """

    __slots__ = ("_begin", "_step")

    def __init__(self, step: _Step, begin: Callable[[], Awaitable[Any]]) -> None:
        self._step = step
        self._begin = begin

    def __await__(self) -> Generator[Any, Any, Any]:
        """Runs it, step by step."""
        step = self._step
        with step:
            inner: Any = self._begin().__await__()
        advance: Callable[[], Any] = functools.partial(next, inner)
        try:
            while True:
                try:
                    with step:
                        waits_for = advance()
                except StopIteration as stop:
                    return stop.value
                try:
                    sent = yield waits_for
                except GeneratorExit:
                    with step:
                        _close(inner)
                    raise
                except BaseException as error:
                    # Thrown outside of this block: else this error became the context of any that comes of it.
                    advance = functools.partial(_throw, inner, error)
                else:
                    advance = functools.partial(next, inner) if sent is None else functools.partial(inner.send, sent)
        finally:
            del advance  # it may hold an error, whose traceback holds this frame


def run(work: Scope, begin: Callable[[], Awaitable[Any]]) -> Steps:
    """Awaits what a function returns, within the work's context."""
    return Steps(_Step(work), begin)


def generator(work: Scope, inner: Any) -> Generator[Any, Any, Any]:
    """A generator of the items of another, or of an iterator, that ends the work when it ends."""
    # Made now: by the first step the work may be over, and its context gone.
    return _generator(work, inner, _Step(work), _Drop(work))


def _generator(work: Scope, inner: Any, step: _Step, drop: _Drop) -> Generator[Any, Any, Any]:
    advance: Callable[[], Any] = functools.partial(next, inner)
    try:
        while True:
            try:
                with step:
                    item = advance()
            except StopIteration as stop:
                work.result(stop.value)
                work.finish()
                return stop.value
            try:
                sent = yield item
            except GeneratorExit:
                with step:
                    _close(inner)
                raise
            except BaseException as error:
                advance = functools.partial(_throw, inner, error)
            else:
                advance = functools.partial(next, inner) if sent is None else functools.partial(inner.send, sent)
    except BaseException as error:
        work.finish(error)
        raise
    finally:
        del advance


def _close(inner: Any) -> None:
    if (close := getattr(inner, "close", None)) is not None:
        close()


def _throw(inner: Any, error: BaseException) -> Any:
    throw = getattr(inner, "throw", None)
    if throw is None:
        raise error
    return throw(error)


def async_generator(work: Scope, inner: Any) -> AsyncGenerator[Any, Any]:
    """An async generator of the items of another, or of an async iterator, that ends the work when it ends."""
    return _async_generator(work, inner, _Step(work), _Drop(work))


async def _async_generator(work: Scope, inner: Any, step: _Step, drop: _Drop) -> AsyncGenerator[Any, Any]:
    advance: Callable[[], Awaitable[Any]] = functools.partial(_first_anext, inner)
    try:
        while True:
            try:
                item = await Steps(step, advance)
            except StopAsyncIteration:
                work.finish()
                return
            try:
                sent = yield item
            except GeneratorExit:
                if (close := getattr(inner, "aclose", None)) is not None:
                    await Steps(step, close)
                raise
            except BaseException as error:
                advance = functools.partial(_athrow, inner, error)
            else:
                advance = inner.__anext__ if sent is None else functools.partial(inner.asend, sent)
    except BaseException as error:
        work.finish(error)
        raise
    finally:
        del advance


def _first_anext(inner: Any) -> Awaitable[Any]:
    """Begins an async generator that the event loop is not to know of.

    At its end a loop closes all that it knows at once: ours, which closes the inner one, and then that one as well,
    which fails if it is closing already.
    """
    hooks = sys.get_asyncgen_hooks()
    sys.set_asyncgen_hooks(None, _left_to_ours)
    try:
        first: Awaitable[Any] = inner.__anext__()
        return first
    finally:
        sys.set_asyncgen_hooks(*hooks)


def _left_to_ours(inner: AsyncGenerator[Any, Any]) -> None:
    """Dropped: by ours, for which the loop has a hook."""


def _athrow(inner: Any, error: BaseException) -> Awaitable[Any]:
    throw = getattr(inner, "athrow", None)
    if throw is None:
        raise error
    thrown: Awaitable[Any] = throw(error)
    return thrown


def _coroutine(work: Scope, awaitable: Awaitable[Any]) -> Coroutine[Any, Any, Any]:
    return _awaiting(work, awaitable, _Step(work), _Drop(work))


async def _awaiting(work: Scope, awaitable: Awaitable[Any], step: _Step, drop: _Drop) -> Any:
    try:
        value = await Steps(step, lambda: awaitable)
    except BaseException as error:
        work.finish(error)
        raise
    work.result(value)
    work.finish()
    return value


def _future(work: Scope, future: Any) -> Any:
    drop = _Drop(work)

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


def _starlette_response(work: Scope, response: Any) -> Any:
    covered = cover(work, response.body_iterator, asked=True)
    if covered is not NOT_A_STREAM:
        response.body_iterator = covered
        return response
    return NOT_A_STREAM


def _django_response(work: Scope, response: Any) -> Any:
    covered = cover(work, response.streaming_content, asked=True)
    if covered is not NOT_A_STREAM:
        response.streaming_content = covered
        return response
    return NOT_A_STREAM


def _werkzeug_response(work: Scope, response: Any) -> Any:
    if response.is_streamed:
        covered = cover(work, response.response, asked=True)
        if covered is not NOT_A_STREAM:
            response.response = covered
            return response
    return NOT_A_STREAM


class _Wrapped:
    """Stands for an iterator of somebody's class, with all that it has besides."""

    def __init__(self, work: Scope, inner: Any) -> None:
        self._agentsight_work = work
        self._agentsight_inner = inner
        self._agentsight_step = _Step(work)
        self._agentsight_drop = _Drop(work)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._agentsight_inner, name)

    def _agentsight_finish(self, error: BaseException | None = None) -> None:
        self._agentsight_work.finish(error)


class _Iterator(_Wrapped):
    def __iter__(self) -> "_Iterator":
        return self

    def __next__(self) -> Any:
        try:
            with self._agentsight_step:
                return next(self._agentsight_inner)
        except StopIteration:
            self._agentsight_finish()
            raise
        except BaseException as error:
            self._agentsight_finish(error)
            raise

    def close(self) -> None:
        with self._agentsight_step:
            _close(self._agentsight_inner)
        self._agentsight_finish(GeneratorExit())

    def __enter__(self) -> Any:
        entered = self._agentsight_inner.__enter__()
        return self if entered is self._agentsight_inner else entered

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> Any:
        try:
            return self._agentsight_inner.__exit__(kind, error, traceback)
        finally:
            self._agentsight_finish(error or GeneratorExit())


class _AsyncIterator(_Wrapped):
    def __aiter__(self) -> "_AsyncIterator":
        return self

    async def __anext__(self) -> Any:
        try:
            return await Steps(self._agentsight_step, self._agentsight_inner.__anext__)
        except StopAsyncIteration:
            self._agentsight_finish()
            raise
        except BaseException as error:
            self._agentsight_finish(error)
            raise

    def close(self) -> Any:
        closing = self._agentsight_inner.close()  # to be awaited with some, done with others
        self._agentsight_finish(GeneratorExit())
        return closing

    async def aclose(self) -> None:
        if (close := getattr(self._agentsight_inner, "aclose", None)) is not None:
            await close()
        self._agentsight_finish(GeneratorExit())

    async def __aenter__(self) -> Any:
        entered = await self._agentsight_inner.__aenter__()
        return self if entered is self._agentsight_inner else entered

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> Any:
        try:
            return await self._agentsight_inner.__aexit__(kind, error, traceback)
        finally:
            self._agentsight_finish(error or GeneratorExit())
