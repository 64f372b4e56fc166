"""The arguments of calls by the names of the function's parameters."""

import inspect
from collections.abc import Callable, Iterable
from typing import Any

from agentsight_otel._core.guard import did_you_mean
from agentsight_otel._core.injected_types import is_injected_type
from agentsight_otel._recording.injected import injected_parameters

_VARIABLE = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
_SELF = ("self", "cls")
_DATA = frozenset({str, int, float, bool, type(None), dict, list, tuple, set, bytes})


class Arguments:
    """Names the arguments of calls of one function, in the order of its parameters, defaults included.

    The instance or class that a method is called on is left out, whatever its parameter is called.

    Args:
        function: Its signature is read at the first call.
        exclude: Parameters that are no arguments of a tool, besides those that a framework fills in.

    Raises:
        TypeError: A name in ``exclude`` is that of no parameter.
    """

    __slots__ = ("_defaults", "_exclude", "_function", "_names", "_read", "_signature", "_skip")

    def __init__(self, function: Callable[..., Any], exclude: Iterable[str] = ()) -> None:
        self._function = function
        self._exclude = frozenset(exclude)
        self._read = False
        self._signature: inspect.Signature | None = None
        self._names: tuple[str, ...] = ()
        self._defaults: dict[str, Any] = {}
        self._skip = 0
        if self._exclude:
            self.require("exclude", self._exclude)

    def of(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """The arguments of one call; the call may not fit the function, and will then fail."""
        if not self._read:
            self._read_signature(args)
        if self._names:
            arguments = dict(zip(self._names, args[self._skip :] if self._skip else args))  # noqa: B905  # takes longer
            if kwargs or len(arguments) < len(self._names):
                named = {**self._defaults, **arguments, **kwargs}
                arguments = {name: named[name] for name in self._names if name in named}
                if len(arguments) < len(named):  # the call does not fit, and will fail
                    arguments.update(kwargs)
        elif self._signature is None:  # a function in C without a readable signature
            arguments = {**({"args": list(args)} if args else {}), **kwargs}
        else:
            bound = self._signature.bind(*args, **kwargs)
            bound.apply_defaults()
            arguments = dict(list(bound.arguments.items())[self._skip :])
        return arguments

    def of_tool(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any] | None:
        """The arguments of one call, without those that are excluded or filled in by a framework or the application.

        None for a call that does not fit the function, and fails by itself.
        """
        try:
            arguments = self.of(args, kwargs)
        except TypeError:
            return None
        if not self._exclude and _DATA.issuperset(map(type, arguments.values())):
            return arguments  # as mostly
        left_out = [
            name
            for name, value in arguments.items()
            if name in self._exclude or (type(value) not in _DATA and is_injected_type(type(value)))
        ]
        for name in left_out:
            del arguments[name]
        return arguments

    def require(self, setting: str, names: Iterable[str]) -> None:
        """Refuses names that no parameter has.

        Args:
            setting: The argument with these names, for the error message.
            names: Names of parameters.

        Raises:
            TypeError: No parameter has the name, and the function takes no other keyword arguments.
        """
        try:
            parameters = inspect.signature(self._function).parameters
        except (TypeError, ValueError):
            return
        if any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters.values()):
            return
        for name in sorted(set(names) - parameters.keys()):
            expected = ", ".join(parameters) or "none, as there are no parameters"
            raise TypeError(
                f"{setting}: {name!r} is no parameter of {getattr(self._function, '__qualname__', self._function)}"
                f"{did_you_mean(name, parameters)}; expected some of {expected}"
            )

    def _read_signature(self, args: tuple[Any, ...]) -> None:
        try:
            self._signature = inspect.signature(self._function)
        except (TypeError, ValueError):
            self._signature = None
        else:
            parameters = list(self._signature.parameters.values())
            self._skip = int(bool(parameters) and _takes_instance(self._function, parameters[0], args))
            self._exclude |= injected_parameters(self._function, self._signature)
            parameters = parameters[self._skip :]
            if all(parameter.kind not in _VARIABLE for parameter in parameters):
                self._names = tuple(parameter.name for parameter in parameters)
                self._defaults = {
                    parameter.name: parameter.default
                    for parameter in parameters
                    if parameter.default is not inspect.Parameter.empty
                }
        self._read = True


def _takes_instance(function: Callable[..., Any], first: inspect.Parameter, args: tuple[Any, ...]) -> bool:
    """Whether the first parameter is the instance or the class that a method is called on."""
    if first.name in _SELF:
        return True
    owner_name, _, name = getattr(function, "__qualname__", "").rpartition(".")
    if not args or not owner_name or owner_name.endswith("<locals>"):
        return False
    kind: Any = args[0] if isinstance(args[0], type) else type(args[0])
    for ancestor in kind.__mro__:
        if ancestor.__qualname__ == owner_name:
            private = f"_{ancestor.__name__.lstrip('_')}{name}"
            attribute = vars(ancestor).get(name, vars(ancestor).get(private))
            return attribute is not None and not isinstance(attribute, staticmethod)
    return False
