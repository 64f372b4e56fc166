"""Decorated callables: each stays what it was, to ``isinstance`` and ``inspect``, with all its attributes.

A function becomes a function, a coroutine function a coroutine function. Whatever else can be called gets a proxy, by
wrapt: a partial keeps its ``func``, a cached function its ``cache_clear``, a Celery task its ``delay``. What each call
adds to a recursion is one frame of Python.
"""

import copy
import functools
import inspect
import sys
import types
from collections.abc import Callable
from typing import Any

from agentsight_otel._core.guard import swallow
from agentsight_otel._recording import streams
from agentsight_otel._recording.stream_proxies import Proxy
from agentsight_otel._tracing import context, runtime
from agentsight_otel._tracing.context import Scope

BeginCall = Callable[[tuple[Any, ...], dict[str, Any]], Scope]
"""Starts the work of one call, from its arguments."""

BeginCallsOf = Callable[[Callable[..., Any]], BeginCall]
"""Gives what starts the work of a call of a function."""

_NOT_FUNCTIONS = (property, functools.cached_property, functools.partialmethod)

NOT_CALLABLE = (classmethod, *_NOT_FUNCTIONS)
"""What a decorator may be put upon by mistake, or in the other order, and is not callable itself."""


def traced(function: Any, begin_calls_of: BeginCallsOf) -> Any:
    """A callable whose calls are traced.

    Args:
        function: A callable of any shape.
        begin_calls_of: Says what to do at each call.

    Raises:
        TypeError: It cannot be decorated.
    """
    if isinstance(function, (classmethod, staticmethod)):
        return type(function)(traced(function.__func__, begin_calls_of))
    if isinstance(function, _NOT_FUNCTIONS):
        raise TypeError(f"cannot decorate a {type(function).__name__}; decorate the function beneath it")
    if isinstance(function, type):
        raise TypeError(f"cannot decorate the class {function.__qualname__}; decorate its methods")
    if not callable(function):
        raise TypeError(f"cannot decorate {function!r}; expected a function or another callable")
    shape = _shape_of(function)
    adapt = _coroutine if inspect.iscoroutinefunction(shape) else _function
    call = adapt(function, begin_calls_of(function))
    if inspect.isgeneratorfunction(shape) or inspect.isasyncgenfunction(shape):
        call = TracedGeneratorFunction(shape, begin_calls_of, call)
    else:
        call = functools.update_wrapper(call, shape)
    return call if type(function) is types.FunctionType else TracedCallable(function, begin_calls_of, call)


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
        work = None
        try:
            work = begin_call(args, kwargs)
        except Exception as error:
            if not isinstance(error, RecursionError):  # then there is no room to say it
                swallow("starting work", error)
        if work is None:
            return function(*args, **kwargs)
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
        work = None
        try:
            work = begin_call(args, kwargs)
        except Exception as error:
            if not isinstance(error, RecursionError):
                swallow("starting work", error)
        if work is None:
            return await function(*args, **kwargs)
        # To the end of the call, which its caller awaits: the task has a context of its own.
        inside = work.context
        token = context.attach(inside)
        try:
            value = await function(*args, **kwargs)
        except BaseException as error:
            # One that is dropped may be closed anywhere, also where something else is current by now.
            if not isinstance(error, GeneratorExit) or context.current_context() is inside:
                context.detach(token)
            work.leave_block(error)
            raise
        context.detach(token)
        return _returned(work, value)

    return call


def _returned(work: Scope, value: Any) -> Any:
    covered = streams.cover(work, value)
    if covered is not streams.NOT_A_STREAM:
        return covered
    work.result(value)
    work.leave_block()
    return value


class _Call:
    """``__call__`` of a proxy: to ``inspect``, that of what it stands for."""

    def __get__(self, proxy: Any, owner: type) -> Any:
        return self if proxy is None else proxy._self_call

    def __call__(self, proxy: Any, *args: Any, **kwargs: Any) -> Any:
        return proxy._self_call(*args, **kwargs)


class TracedCallable(Proxy):  # type: ignore[misc]
    """Stands for a callable that is no function of Python's.

    Args:
        wrapped: The callable.
        begin_calls_of: As for ``traced``; for copies.
        call: Calls it, traced.
    """

    def __init__(self, wrapped: Any, begin_calls_of: BeginCallsOf, call: Callable[..., Any]) -> None:
        super().__init__(wrapped)
        self._self_begin_calls_of = begin_calls_of
        self._self_call = call

    __call__ = _Call()

    def __get__(self, instance: object, owner: type | None = None) -> Any:
        """Binds as what it stands for does; most callable objects do not."""
        bind = getattr(type(self.__wrapped__), "__get__", None)
        if bind is None or instance is None:
            return self
        bound = bind(self.__wrapped__, instance, owner)
        if type(bound) is types.MethodType and bound.__func__ is self.__wrapped__:
            return types.MethodType(self, instance)
        return traced(bound, self._self_begin_calls_of) if callable(bound) else bound

    def __copy__(self) -> Any:
        if _is_named(self) or inspect.isroutine(self.__wrapped__):
            return self  # as copies of functions are
        return traced(copy.copy(self.__wrapped__), self._self_begin_calls_of)

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        if _is_named(self) or inspect.isroutine(self.__wrapped__):
            return self
        return traced(copy.deepcopy(self.__wrapped__, memo), self._self_begin_calls_of)

    def __reduce_ex__(self, protocol: Any) -> Any:
        if _is_named(self):
            return self.__qualname__
        return traced, (self.__wrapped__, self._self_begin_calls_of)

    def __reduce__(self) -> Any:
        return self.__reduce_ex__(2)

    def __repr__(self) -> str:
        return f"<decorated {self.__wrapped__!r}>"


def _is_named(proxy: Any) -> bool:
    """Whether it is found where its name says, and is pickled by that."""
    found = sys.modules.get(getattr(proxy, "__module__", None) or "")
    for name in (getattr(proxy, "__qualname__", None) or "").split("."):
        found = getattr(found, name, None)
    return found is proxy


class TracedGeneratorFunction(TracedCallable):
    """Stands for a generator function: begins its work when it is called, inside the conversation of its caller.

    A generator function of our own would begin no sooner than its first step, wherever that is taken. One like that is
    what cloudpickle makes of this: it takes what calls itself a function apart, and copies its code.
    """

    def __init__(self, wrapped: Any, begin_calls_of: BeginCallsOf, call: Callable[..., Any]) -> None:
        super().__init__(wrapped, begin_calls_of, call)
        self._self_copied = _async_steps(call) if inspect.isasyncgenfunction(wrapped) else _steps(call)

    def __get__(self, instance: object, owner: type | None = None) -> Any:
        """Binds as functions do."""
        return self if instance is None else types.MethodType(self, instance)

    @property
    def __code__(self) -> types.CodeType:
        return self._self_copied.__code__

    @property
    def __closure__(self) -> Any:
        return self._self_copied.__closure__

    @property
    def __dict__(self) -> Any:  # type: ignore[override]
        return {**self.__wrapped__.__dict__, "__wrapped__": self.__wrapped__}


def _steps(call: Callable[..., Any]) -> Callable[..., Any]:
    def generator(*args: Any, **kwargs: Any) -> Any:
        return (yield from call(*args, **kwargs))

    return generator


def _async_steps(call: Callable[..., Any]) -> Callable[..., Any]:
    async def generator(*args: Any, **kwargs: Any) -> Any:
        inner = call(*args, **kwargs)
        try:
            async for item in inner:
                yield item
        finally:
            await inner.aclose()

    return generator
