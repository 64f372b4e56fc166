"""The four call shapes (def, async def, generator, async generator) over one lifecycle, and ``with``."""

import functools
import inspect
from collections.abc import AsyncGenerator, Callable, Generator
from types import TracebackType
from typing import Any, Generic, TypeVar

from agentsight_otel._guard import guard
from agentsight_otel.context import Scope

S = TypeVar("S", bound=Scope)
F = TypeVar("F", bound=Callable[..., Any])


class _Attached:
    """The work's context is current within the ``with`` block."""

    def __init__(self, work: Scope) -> None:
        self._work = work

    def __enter__(self) -> None:
        self._token = self._work.enter()

    def __exit__(self, *exc: object) -> None:
        with guard("leaving a context"):
            self._work.leave(self._token)


class _Running(_Attached):
    """The ``with`` block is the work: it ends, and fails, with it."""

    def __exit__(self, *exc: object) -> None:
        if isinstance(error := exc[1], BaseException):
            self._work.fail(error)
        super().__exit__(*exc)
        self._work.finish()


class Helper(Generic[S]):
    """What a tracing helper returns: a context manager, and a decorator of all four call shapes.

    Args:
        begin: Starts the work that a ``with`` block stands for.
        begin_call: Starts the work of one call of a decorated function, from the function and its arguments.
            Default: as ``begin``.
    """

    def __init__(
        self,
        begin: Callable[[], S],
        begin_call: Callable[[Callable[..., Any], tuple[Any, ...], dict[str, Any]], S] | None = None,
    ) -> None:
        self._begin = begin
        self._begin_call = begin_call or (lambda function, args, kwargs: begin())
        self._entered: list[_Running] = []

    def __enter__(self) -> S:
        """Starts the work, and makes it current."""
        work = self._begin()
        running = _Running(work)
        running.__enter__()
        self._entered.append(running)
        return work

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Ends the work; lets exceptions pass."""
        self._entered.pop().__exit__(kind, error, traceback)

    async def __aenter__(self) -> S:
        """As ``__enter__``."""
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """As ``__exit__``."""
        self.__exit__(kind, error, traceback)

    def __call__(self, function: F) -> F:
        """Decorates a function of any shape; it stays of that shape."""
        begin = functools.partial(self._begin_call, function)
        if inspect.isasyncgenfunction(function):
            call: Callable[..., Any] = _async_generator(function, begin)
        elif inspect.iscoroutinefunction(function):
            call = _coroutine(function, begin)
        elif inspect.isgeneratorfunction(function):
            call = _generator(function, begin)
        else:
            call = _function(function, begin)
        return functools.wraps(function)(call)  # type: ignore[return-value]


_BeginCall = Callable[[tuple[Any, ...], dict[str, Any]], Scope]


def _function(function: Callable[..., Any], begin: _BeginCall) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        work = begin(args, kwargs)
        with _Running(work):
            value = function(*args, **kwargs)
            work.result(value)
            return value

    return call


def _coroutine(function: Callable[..., Any], begin: _BeginCall) -> Callable[..., Any]:
    async def call(*args: Any, **kwargs: Any) -> Any:
        work = begin(args, kwargs)
        with _Running(work):
            value = await function(*args, **kwargs)
            work.result(value)
            return value

    return call


def _generator(function: Callable[..., Any], begin: _BeginCall) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        work = begin(args, kwargs)
        inner = function(*args, **kwargs)
        step: Callable[[], Any] = functools.partial(next, inner)
        try:
            while True:
                # Attached for the step alone: between steps the caller's own context is current.
                try:
                    with _Attached(work):
                        item = step()
                except StopIteration as stop:
                    work.result(stop.value)
                    return stop.value
                try:
                    sent = yield item
                    step = functools.partial(inner.send, sent)
                except GeneratorExit:
                    with _Attached(work):
                        inner.close()
                    raise
                except BaseException as error:
                    step = functools.partial(inner.throw, error)
        except BaseException as error:
            work.fail(error)
            raise
        finally:
            work.finish()

    return call


def _async_generator(function: Callable[..., Any], begin: _BeginCall) -> Callable[..., Any]:
    async def call(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        work = begin(args, kwargs)
        inner = function(*args, **kwargs)
        step: Callable[[], Any] = inner.__anext__
        try:
            while True:
                try:
                    with _Attached(work):
                        item = await step()
                except StopAsyncIteration:
                    return
                try:
                    sent = yield item
                    step = functools.partial(inner.asend, sent)
                except GeneratorExit:
                    with _Attached(work):
                        await inner.aclose()
                    raise
                except BaseException as error:
                    step = functools.partial(inner.athrow, error)
        except BaseException as error:
            work.fail(error)
            raise
        finally:
            work.finish()

    return call
