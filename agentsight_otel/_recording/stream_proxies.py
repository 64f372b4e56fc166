"""Streams of other classes than Python's own, behind wrapt's proxies, which end the work when the stream ends.

Examples are a request that can be awaited or entered (aiohttp, aiosqlite), a client library's stream with its
``usage``, and a cursor. A proxy passes for the original to ``isinstance`` and by all attributes. It has only the
methods that the class has, so that checks for whether it can be awaited, for example, give the same result.
"""

import copy
import functools
from collections.abc import Awaitable, Callable, Generator
from types import TracebackType
from typing import Any

import wrapt

from agentsight_otel._recording.steps import Drop, Step, Steps, generator, stepping
from agentsight_otel._tracing.context import Scope

Proxy: Any = getattr(wrapt, "BaseObjectProxy", wrapt.ObjectProxy)
"""wrapt's proxy without ``__iter__``; in version 1, which has none without it, the usual one."""


class StreamProxy(Proxy):  # type: ignore[misc]
    """Stands for a stream.

    Args:
        wrapped: The stream.
        work: The work that gets the stream's result or error, and ends with it.
    """

    def __init__(self, wrapped: Any, work: Scope) -> None:
        super().__init__(wrapped)
        self._self_work = work
        self._self_step = Step(work)
        self._self_drop = Drop(work)

    def __copy__(self) -> Any:
        return copy.copy(self.__wrapped__)

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        return copy.deepcopy(self.__wrapped__, memo)

    def __reduce_ex__(self, protocol: Any) -> Any:
        return self.__wrapped__.__reduce_ex__(protocol)

    def __reduce__(self) -> Any:
        return self.__wrapped__.__reduce__()


def proxy(work: Scope, stream: Any) -> Any:
    """A proxy of a stream that ends the work when the stream ends."""
    kind: Any = type(stream)
    return _proxy_class(kind)(stream, work)


@functools.lru_cache(maxsize=1_024)
def _proxy_class(kind: Any) -> Any:
    methods = {name: method for name, method in _METHODS.items() if hasattr(kind, name)}
    # Methods that wrapt's class has, but the stream's class has not.
    absent = {name: None for name in _PROTOCOLS if hasattr(Proxy, name) and not hasattr(kind, name)}
    return type(f"Traced{kind.__name__}", (StreamProxy,), {**absent, **methods, "__module__": __name__})


def _run(proxy: Any, advance: Callable[[], Any], *, yields: bool = False) -> Any:
    """One step."""
    work = proxy._self_work
    try:
        with proxy._self_step:
            item = advance()
    except StopIteration as stop:
        work.result(stop.value)
        work.finish()
        raise
    except BaseException as error:
        work.finish(error)
        raise
    if yields:
        work.yielded(item)
    return item


async def _run_async(proxy: Any, advance: Callable[[], Awaitable[Any]], *, yields: bool = True) -> Any:
    """One step of an asynchronous stream."""
    work = proxy._self_work
    try:
        item = await Steps(proxy._self_step, advance)
    except StopAsyncIteration:
        work.finish()
        raise
    except BaseException as error:
        work.finish(error)
        raise
    if yields:
        work.yielded(item)
    return item


def _iter(self: Any) -> Any:
    inner = iter(self.__wrapped__)
    return self if inner is self.__wrapped__ else generator(self._self_work, inner)


def _next(self: Any) -> Any:
    return _run(self, functools.partial(next, self.__wrapped__), yields=True)


def _send(self: Any, value: Any) -> Any:
    return _run(self, functools.partial(self.__wrapped__.send, value), yields=hasattr(type(self), "__next__"))


def _throw(self: Any, *error: Any) -> Any:
    return _run(self, functools.partial(self.__wrapped__.throw, *error), yields=hasattr(type(self), "__next__"))


def _close(self: Any) -> Any:
    with self._self_step:
        closing = self.__wrapped__.close()  # to be awaited with some, done with others
    self._self_work.finish(GeneratorExit())
    return closing


def _await(self: Any) -> Generator[Any, Any, Any]:
    return stepping(self._self_step, self.__wrapped__.__await__(), self._self_work)


def _aiter(self: Any) -> Any:
    inner = self.__wrapped__.__aiter__()
    return self if inner is self.__wrapped__ else proxy(self._self_work, inner)


def _anext(self: Any) -> Any:
    return _run_async(self, self.__wrapped__.__anext__)


def _asend(self: Any, value: Any) -> Any:
    return _run_async(self, functools.partial(self.__wrapped__.asend, value))


def _athrow(self: Any, *error: Any) -> Any:
    return _run_async(self, functools.partial(self.__wrapped__.athrow, *error))


async def _aclose(self: Any) -> Any:
    try:
        return await Steps(self._self_step, self.__wrapped__.aclose)
    finally:
        self._self_work.finish(GeneratorExit())


def _enter(self: Any) -> Any:
    return _entered(self, _run(self, self.__wrapped__.__enter__))


async def _aenter(self: Any) -> Any:
    return _entered(self, await _run_async(self, self.__wrapped__.__aenter__, yields=False))


def _entered(self: Any, entered: Any) -> Any:
    if entered is self.__wrapped__:
        return self
    self._self_work.result(entered)
    return entered


def _exit(
    self: Any, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
) -> Any:
    try:
        with self._self_step:
            return self.__wrapped__.__exit__(kind, error, traceback)
    finally:
        _left(self, error)


async def _aexit(
    self: Any, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
) -> Any:
    try:
        return await Steps(self._self_step, functools.partial(self.__wrapped__.__aexit__, kind, error, traceback))
    finally:
        _left(self, error)


def _left(self: Any, error: BaseException | None) -> None:
    """Ends the work when the stream's block is left, for streams that are read item by item before their end."""
    is_read = any(hasattr(type(self), name) for name in ("__next__", "__anext__"))
    self._self_work.finish(error or (GeneratorExit() if is_read else None))


_METHODS: dict[str, Any] = {
    "__iter__": _iter,
    "__next__": _next,
    "send": _send,
    "throw": _throw,
    "close": _close,
    "__await__": _await,
    "__aiter__": _aiter,
    "__anext__": _anext,
    "asend": _asend,
    "athrow": _athrow,
    "aclose": _aclose,
    "__enter__": _enter,
    "__exit__": _exit,
    "__aenter__": _aenter,
    "__aexit__": _aexit,
}
_PROTOCOLS = [name for name in _METHODS if name.startswith("__")]
