"""Recognises parameters that a framework or the application fills in, rather than the model: they are not recorded.

The context of a run, for example, holds credentials and the whole conversation. Such parameters are recognised by their
annotation, their default (``Depends(…)``), or the type of the value that is passed.
"""

import inspect
import re
import types
from collections.abc import Callable
from typing import Annotated, Any, Final, Union, get_args, get_origin, get_type_hints

from agentsight_otel._core.injected_types import TYPES, is_injected_type

_NAMES: Final = frozenset().union(*TYPES.values()) - {"Agent", "Collection", "Context", "Database", "Pool", "State"}
_WORD: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def injected_parameters(function: Callable[..., Any], signature: inspect.Signature) -> frozenset[str]:
    """The names of a function's parameters that are filled in, by its signature.

    Args:
        function: The function, whose annotations are resolved where they are texts.
        signature: The function's signature.
    """
    hints: dict[str, Any] = {}
    try:
        hints = get_type_hints(inspect.unwrap(function), include_extras=True)
    except Exception:  # a name that only type checkers know: the annotation's text is used instead
        hints = {}
    return frozenset(
        name
        for name, parameter in signature.parameters.items()
        if _is_injected(hints.get(name, parameter.annotation)) or is_injected_type(type(parameter.default))
    )


def _is_injected(annotation: Any) -> bool:
    if isinstance(annotation, str):
        return not _NAMES.isdisjoint(_WORD.findall(annotation))
    if get_origin(annotation) is Annotated:
        base, *marks = get_args(annotation)
        return _is_injected(base) or any(_is_injected(mark if isinstance(mark, type) else type(mark)) for mark in marks)
    origin = get_origin(annotation)
    if origin in (Union, types.UnionType):  # Request | None; but a list of requests is an argument
        return any(_is_injected(member) for member in get_args(annotation))
    kind = annotation if origin is None else origin  # RunContext[Deps]
    return isinstance(kind, type) and is_injected_type(kind)
