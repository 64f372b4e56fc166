"""What a function was called with, by the names of its parameters."""

import inspect
from collections.abc import Callable
from typing import Any

_VARIABLE = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
_SELF = ("self", "cls")


class Arguments:
    """Names the arguments of calls of one function, defaults included; ``self`` and ``cls`` are left out.

    Args:
        function: Its signature is read at the first call.
    """

    __slots__ = ("_defaults", "_function", "_names", "_read", "_signature", "_skip")

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function
        self._read = False
        self._signature: inspect.Signature | None = None
        self._names: tuple[str, ...] = ()
        self._defaults: dict[str, Any] = {}
        self._skip = 0

    def of(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """The arguments of one call, which fits the function or will fail."""
        if not self._read:
            self._read_signature()
        if self._names:
            given = dict(zip(self._names, args[self._skip :] if self._skip else args, strict=False))
            given.update(kwargs)
            for name, default in self._defaults.items():
                given.setdefault(name, default)
            return given
        if self._signature is None:  # a function in C that does not tell
            return {**({"args": list(args)} if args else {}), **kwargs}
        bound = self._signature.bind(*args, **kwargs)
        bound.apply_defaults()
        return {name: value for name, value in bound.arguments.items() if name not in _SELF}

    def _read_signature(self) -> None:
        try:
            self._signature = inspect.signature(self._function)
        except (TypeError, ValueError):
            self._signature = None
        else:
            parameters = list(self._signature.parameters.values())
            self._skip = int(bool(parameters) and parameters[0].name in _SELF)
            parameters = parameters[self._skip :]
            if all(parameter.kind not in _VARIABLE for parameter in parameters):
                self._names = tuple(parameter.name for parameter in parameters)
                self._defaults = {
                    parameter.name: parameter.default
                    for parameter in parameters
                    if parameter.default is not inspect.Parameter.empty
                }
        self._read = True
