"""``tool``: executions of a tool, as a context manager and a decorator."""

# So that the annotations of inner functions are not evaluated at every call.
from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, overload

from agentsight_otel._core.guard import guard
from agentsight_otel._recording.callables import F, Helper
from agentsight_otel._recording.names import given_name, name_of
from agentsight_otel._recording.signatures import Arguments
from agentsight_otel._recording.spans import ToolSpan
from agentsight_otel._recording.traced import NOT_CALLABLE, BeginCall


@overload
def tool(name: F) -> F: ...
@overload
def tool(name: str | None = None, *, func: F) -> F: ...
@overload
def tool(
    name: str | None = None, *, arguments: object = None, call_id: str | None = None, exclude: Sequence[str] = ()
) -> Helper[ToolSpan]: ...
def tool(
    name: Any = None,
    *,
    func: Any = None,
    arguments: object = None,
    call_id: str | None = None,
    exclude: Sequence[str] = (),
) -> Any:
    """One execution of a tool by the agent.

        @tool
        def find_flights(origin: str, destination: str) -> list[str]: ...

        with tool("find_flights", arguments={"origin": "ATH"}, call_id="call_1") as call:
            call.result(["A3 602"])

    As a decorator, ``@tool`` or ``@tool("name")`` on a callable of any shape, it records the arguments and the result;
    for a generator, the items that it yields. Arguments that a framework or the application fills in are left out: the
    instance of a method, contexts of runs, requests, dependencies, database sessions. Any exception marks the call as
    failed, and passes.

    Emits a span ``execute_tool {name}`` (kind tool).

    Args:
        name: The tool's name. Default: the function's.
        func: The function to decorate, an alias of AgentSight's SDK.
        arguments: The call's arguments, for ``with``.
        call_id: The model's id of the call.
        exclude: For decorators: names of parameters that are not recorded.
    """
    if callable(name) or isinstance(name, NOT_CALLABLE):
        name, func = None, name
    if func is not None:
        return tool(name, arguments=arguments, call_id=call_id, exclude=exclude)(func)

    return _ToolHelper(name, arguments, call_id, (exclude,) if isinstance(exclude, str) else tuple(exclude))


def _tool_class(cls: type, decorate: Callable[[Any], Any]) -> type:
    """Decorates a class as a tool: each construction of an instance is a call. Returns the same class."""
    made: Any = cls.__init__  # type: ignore[misc]

    def __init__(self: object, *args: Any, **kwargs: Any) -> None:
        if made is object.__init__:  # which takes the arguments of __new__ only where nothing overrides it
            return
        made(self, *args, **kwargs)

    with guard("decorating a class"):
        cls.__init__ = decorate(functools.wraps(made)(__init__))  # type: ignore[misc]
    return cls


class _ToolHelper(Helper[ToolSpan]):
    __slots__ = ("_arguments", "_call_id", "_exclude", "_name")

    def __init__(self, name: object, arguments: object, call_id: str | None, exclude: tuple[str, ...]) -> None:
        super().__init__()
        self._name = given_name(name)
        self._arguments = arguments
        self._call_id = call_id
        self._exclude = exclude

    def __call__(self, function: Any) -> Any:
        if isinstance(function, type):
            return _tool_class(function, tool(self._name or function.__name__, exclude=self._exclude))
        return super().__call__(function)

    def _begin(self) -> ToolSpan:
        return ToolSpan(self._name or "unknown", arguments=self._arguments, call_id=self._call_id)

    def _begin_calls_of(self, function: Callable[..., Any]) -> BeginCall:
        called = self._name or name_of(function)
        arguments, call_id = self._arguments, self._call_id
        if arguments is not None:
            return lambda args, kwargs: ToolSpan(called, arguments=arguments, call_id=call_id)
        named = Arguments(function, self._exclude)

        def begin_call(args: tuple[Any, ...], kwargs: dict[str, Any]) -> ToolSpan:
            return ToolSpan(called, arguments=named.of_tool(args, kwargs), call_id=call_id)

        return begin_call
