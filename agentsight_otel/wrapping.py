"""Decorators of callables of every shape, and ``with``, over one lifecycle."""

import functools
import inspect
import sys
import types
from collections.abc import Callable, Generator
from types import TracebackType
from typing import Any, Generic, TypeVar

from agentsight_otel import context, runtime, streaming
from agentsight_otel._guard import swallow
from agentsight_otel.context import Scope

S = TypeVar("S", bound=Scope)
T = TypeVar("T")
F = TypeVar("F", bound="Callable[..., Any] | classmethod[Any, Any, Any] | staticmethod[Any, Any]")

BeginCall = Callable[[tuple[Any, ...], dict[str, Any]], Scope]
"""Starts the work of one call, from its arguments."""

_NOT_FUNCTIONS = (property, functools.cached_property, functools.partialmethod)


class Helper(Generic[S]):
    """What a tracing helper returns: a context manager, and a decorator of callables of every shape.

    One helper may be entered any number of times, by any number of threads and tasks at once.
    """

    __slots__ = ("_entered",)

    def __init__(self) -> None:
        self._entered: list[tuple[int, S, Any]] = []

    def _begin(self) -> S:
        """Starts the work that a ``with`` block stands for."""
        raise NotImplementedError

    def _begin_calls_of(self, function: Callable[..., Any]) -> BeginCall:
        """Returns what starts the work of a call of a decorated function."""
        return lambda args, kwargs: self._begin()

    def __enter__(self) -> S:
        """Starts the work, and makes it current."""
        work = self._begin()
        self._entered.append((id(sys._getframe(1)), work, context.attach(work.context)))
        return work

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Ends the work; lets exceptions pass."""
        self._exit(id(sys._getframe(1)), error)

    def __aenter__(self) -> "_Ready[S]":
        """As ``__enter__``."""
        work = self._begin()
        self._entered.append((id(sys._getframe(1)), work, context.attach(work.context)))
        return _Ready(work)

    def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> "_Ready[None]":
        """As ``__exit__``."""
        self._exit(id(sys._getframe(1)), error)
        return _Ready(None)

    def _exit(self, frame: int, error: BaseException | None) -> None:
        while entered := list(self._entered):
            # The frame of the ``with`` statement is the same at both ends, whatever thread or task runs it then.
            entry = entered[-1]
            if entry[0] != frame:
                entry = next((entry for entry in reversed(entered) if entry[0] == frame), entry)
            try:
                self._entered.remove(entry)
            except ValueError:
                continue  # another thread, or the garbage collector, left the same one
            _, work, token = entry
            context.detach(token)
            work.leave_block(error)
            return

    def __call__(self, function: F) -> F:
        """Decorates a callable; to ``inspect`` it stays what it was.

        Raises:
            TypeError: It cannot be decorated.
        """
        return _decorate(function, self._begin_calls_of)  # type: ignore[no-any-return]


class _Ready(Generic[T]):
    """An awaitable that never waits."""

    __slots__ = ("_value",)

    def __init__(self, value: T) -> None:
        self._value = value

    def __await__(self) -> Generator[None, None, T]:
        return self._value
        yield


def _decorate(function: Any, begin_calls_of: Callable[[Callable[..., Any]], BeginCall]) -> Any:
    if isinstance(function, (classmethod, staticmethod)):
        return type(function)(_decorate(function.__func__, begin_calls_of))
    if isinstance(function, _NOT_FUNCTIONS):
        raise TypeError(f"cannot decorate a {type(function).__name__}; decorate the function beneath it")
    if isinstance(function, type):
        raise TypeError(f"cannot decorate the class {function.__qualname__}; decorate its methods")
    if not callable(function):
        raise TypeError(f"cannot decorate {function!r}; expected a function or another callable")
    begin_call = begin_calls_of(function)
    shape = _shape_of(function)
    if inspect.iscoroutinefunction(shape):
        return functools.update_wrapper(_coroutine(function, begin_call), function)
    call = _function(function, begin_call)
    if inspect.isgeneratorfunction(shape) or inspect.isasyncgenfunction(shape):
        # A generator function of our own would begin no sooner than its first step, wherever that is taken; this one
        # begins when it is called, inside the conversation of its caller.
        return _GeneratorFunction(call, function, shape)
    return functools.update_wrapper(call, function)


NOT_CALLABLE = (classmethod, *_NOT_FUNCTIONS)
"""What a decorator may be put upon by mistake, or in the other order, and is not callable itself."""


def _shape_of(function: Any) -> Any:
    """The function beneath partials, methods and callable objects."""
    while True:
        if isinstance(function, functools.partial):
            function = function.func
        elif inspect.ismethod(function):
            function = function.__func__
        elif inspect.isroutine(function):
            return function
        else:
            call = getattr(type(function), "__call__", None)  # noqa: B004
            return call if inspect.isfunction(call) else function


def _function(function: Callable[..., Any], begin_call: BeginCall) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        if not runtime.current().enabled:
            return function(*args, **kwargs)
        try:
            work = begin_call(args, kwargs)
        except Exception as error:
            work = _not_begun(error)
        token = context.attach(work.context)
        try:
            value = function(*args, **kwargs)
        except BaseException as error:
            context.detach(token)
            work.leave_block(error)
            raise
        context.detach(token)
        return _returned(work, value)

    return call


def _coroutine(function: Callable[..., Any], begin_call: BeginCall) -> Callable[..., Any]:
    async def call(*args: Any, **kwargs: Any) -> Any:
        if not runtime.current().enabled:
            return await function(*args, **kwargs)
        try:
            work = begin_call(args, kwargs)
        except Exception as error:
            work = _not_begun(error)
        try:
            value = await streaming.run(work, functools.partial(function, *args, **kwargs))
        except BaseException as error:
            work.leave_block(error)
            raise
        return _returned(work, value)

    return call


def _not_begun(error: Exception) -> Scope:
    swallow("starting work", error)
    return Scope(context.current_context())


def _returned(work: Scope, value: Any) -> Any:
    covered = streaming.cover(work, value)
    if covered is not streaming.NOT_A_STREAM:
        return covered
    work.result(value)
    work.leave_block()
    return value


class _GeneratorFunction:
    """A decorated generator function: begins its work when it is called, and is a generator function to ``inspect``."""

    def __init__(self, call: Callable[..., Any], function: Callable[..., Any], shape: Callable[..., Any]) -> None:
        self._call = call
        self._shape = shape
        functools.update_wrapper(self, function)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._call(*args, **kwargs)

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        return types.FunctionType

    def __get__(self, instance: object, owner: type | None = None) -> Any:
        return self if instance is None else types.MethodType(self, instance)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # __code__, __globals__ and the like, which say what it is
            return getattr(self._shape, name)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __reduce__(self) -> str:
        return str(self.__qualname__)

    def __repr__(self) -> str:
        return f"<decorated {self.__wrapped__!r}>"
