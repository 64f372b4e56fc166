"""The steps of work that continues after its call has returned: iterators, coroutines, async generators.

The steps run in the context of the work. The work ends exactly once: when the stream is drained, fails, or is closed,
cancelled or dropped. Its context is current only while a step runs, so that it never reaches the code that takes the
steps, in whichever thread or task.
"""

import functools
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Generator
from typing import Any

from agentsight_otel._core.clock import steady_s
from agentsight_otel._tracing import context
from agentsight_otel._tracing.context import Scope


class Step:
    """The work's context, current within the ``with`` block; changes that a block makes are kept for the next one."""

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
        self._work.left_at = steady_s()


class Drop:
    """An object that only a stream refers to: when it is collected, the stream was dropped, and the work ends."""

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
        work: Gets its result or error, and its end; None: it goes on.
    """

    __slots__ = ("_begin", "_step", "_work")

    def __init__(self, step: Step, begin: Callable[[], Awaitable[Any]], work: Scope | None = None) -> None:
        self._step = step
        self._begin = begin
        self._work = work

    def __await__(self) -> Generator[Any, Any, Any]:
        """Runs it, step by step."""
        with self._step:
            awaited: Any = self._begin()
            inner = awaited.__await__() if hasattr(awaited, "__await__") else awaited  # one by types.coroutine
        return stepping(self._step, inner, self._work)


def stepping(
    step: Step, inner: Any, work: Scope | None, *, yields: bool = False, drop: Drop | None = None
) -> Generator[Any, Any, Any]:
    """The steps of an iterator, each within a context.

    Args:
        step: The context.
        inner: The iterator; a generator, mostly.
        work: Gets its result or error, and its end; None: it goes on.
        yields: Whether the work gets what is yielded, too.
        drop: Held as long as this.
    """
    advance: Callable[[], Any] = functools.partial(next, inner)
    try:
        while True:
            try:
                with step:
                    item = advance()
            except StopIteration as stop:
                if work is not None:
                    work.result(stop.value)
                    work.finish()
                return stop.value
            if yields and work is not None:
                work.yielded(item)
            try:
                sent = yield item
            except GeneratorExit:
                with step:
                    close(inner)
                raise
            except BaseException as error:
                # Thrown outside of this block: else this error became the context of any that comes of it.
                advance = functools.partial(throw, inner, error)
            else:
                advance = functools.partial(next, inner) if sent is None else functools.partial(inner.send, sent)
    except BaseException as error:
        if work is not None:
            work.finish(error)
        raise
    finally:
        del advance  # it may hold an error, whose traceback holds this frame


def generator(work: Scope, inner: Any) -> Generator[Any, Any, Any]:
    """A generator of the items of another, or of an iterator, that ends the work when it ends."""
    # Step and drop are made now: by the first step the work may be over, and its context gone.
    return stepping(Step(work), inner, work, yields=True, drop=Drop(work))


def close(inner: Any) -> None:
    """Closes an iterator, if it can be."""
    if (closing := getattr(inner, "close", None)) is not None:
        closing()


def throw(inner: Any, error: BaseException) -> Any:
    """Throws an error into an iterator, or just so if it takes none."""
    throwing = getattr(inner, "throw", None)
    if throwing is None:
        raise error
    return throwing(error)


def awaiting(work: Scope, awaitable: Any) -> Coroutine[Any, Any, Any]:
    """A coroutine that awaits another, and ends the work with it."""
    return _awaiting(Steps(Step(work), lambda: awaitable, work), Drop(work))


async def _awaiting(steps: Steps, drop: Drop) -> Any:
    return await steps


def async_generator(work: Scope, inner: Any) -> AsyncGenerator[Any, Any]:
    """An async generator of the items of another, or of an async iterator, that ends the work when it ends."""
    return _async_generator(work, inner, Step(work), Drop(work))


async def _async_generator(work: Scope, inner: Any, step: Step, drop: Drop) -> AsyncGenerator[Any, Any]:
    advance: Callable[[], Awaitable[Any]] = functools.partial(_first_anext, inner)
    try:
        while True:
            try:
                item = await Steps(step, advance)
            except StopAsyncIteration:
                work.finish()
                return
            work.yielded(item)
            try:
                sent = yield item
            except GeneratorExit:
                if (closing := getattr(inner, "aclose", None)) is not None:
                    await Steps(step, closing)
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
