"""How values of each type are read without running application code: the rule of ``values``, type by type."""

import array
import contextlib
import dataclasses
import datetime
import decimal
import enum
import fractions
import functools
import ipaddress
import math
import pathlib
import re
import types
import uuid
from collections import OrderedDict, UserDict, UserList, UserString, deque
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any, Final, NamedTuple

from agentsight_otel._core.injected_types import is_injected_type

_LONGEST_TEXT = 16_777_216
Members = tuple[int, Iterable[Any]]
"""How many members there are, and the members: of an object, pairs of a key and a value."""


class Shape(NamedTuple):
    """How a type's values are read.

    Attributes:
        is_object: Whether values have named members.
        is_list: Whether values have members in a row.
        read: Returns the ``Members`` of an object or a list; for any other value a text, a number or None that
            stands for it.
    """

    is_object: bool
    is_list: bool
    read: Callable[[Any], Any]


def _shape_of(kind: Any) -> Shape:
    if is_injected_type(kind):
        return _OPAQUE
    for base, shape in _BUILT_IN:
        if issubclass(kind, base):
            return shape
    if issubclass(kind, BaseException):
        # Python's own __str__ of an exception shows its arguments alone; an overridden one would run foreign code.
        return _EXCEPTION if type(_static(kind, "__str__")) is types.WrapperDescriptorType else _OPAQUE
    if (names := _field_names(kind)) is not None:
        return _object(_fields_reader(kind, names))
    for ancestor in kind.__mro__[:-1]:
        library = _module(ancestor).partition(".")[0]
        if (listed := _KNOWN.get((library, ancestor.__name__))) is not None:
            return listed
    return _OPAQUE


shape_of: Callable[[Any], Shape] = functools.lru_cache(maxsize=2_048)(_shape_of)
"""Returns how values of a type are read; a value of an unknown type is written as its type's name."""


def type_name(kind: type) -> str:
    """A type's module and name, such as ``shop.db.Session``."""
    return kind.__qualname__ if _module(kind) == "builtins" else f"{_module(kind)}.{kind.__qualname__}"


def exact(text: Any) -> str:
    """A plain ``str`` of a text or of the beginning of a long one: a subclass may override any method."""
    return text if type(text) is str else str.__getitem__(text, slice(_LONGEST_TEXT))


def named(value: object) -> str:
    """The text for a value that is not looked into: its type, as ``<shop.db.Session>``."""
    return f"<{type_name(type(value))}>"


def _module(kind: type) -> str:
    module = kind.__module__
    return module if isinstance(module, str) else ""


# -- what Python is built of ------------------------------------------------------------------------------------------


def _text(read: Callable[[Any], Any]) -> Shape:
    return Shape(False, False, read)


def _list(count: Callable[[Any], int], members: Callable[[Any], Iterable[Any]]) -> Shape:
    return Shape(False, True, lambda value: (count(value), members(value)))


def _object(read: Callable[[Any], Members]) -> Shape:
    return Shape(True, False, read)


def _mapping(kind: Any) -> Shape:
    return _object(lambda value: (kind.__len__(value), kind.items(value)))


def _int(value: int) -> object:
    # Converting a huge one costs more than it is worth, and Python refuses beyond 4,300 digits.
    bits = int.bit_length(value)
    return int.__int__(value) if bits <= 1_024 else f"<int of {bits} bits>"


def _float(value: float) -> object:
    number = float.__float__(value)
    return number if math.isfinite(number) else str(number)


def _range(value: range) -> Members:
    count = max((value.stop - value.start + value.step - (1 if value.step > 0 else -1)) // value.step, 0)
    return count, value  # len() refuses beyond 64 bits


def _enum(value: enum.Enum) -> str:
    return f"{type(value).__name__}.{value._name_}" if value._name_ else f"{type(value).__name__}({value._value_!r})"


def _exception(value: BaseException) -> object:
    texts = [argument for argument in value.args if type(argument) is str]
    return texts[0] if len(texts) == len(value.args) == 1 else f"{type_name(type(value))}: {', '.join(texts)}"


def _held(member: str, shape: Shape) -> Shape:
    """The shape of values that are read as one of their members is: ``member`` is its name, ``shape`` the member's."""
    return Shape(shape.is_object, shape.is_list, lambda value: shape.read(_dict_of(value)[member]))


_OPAQUE: Final = _text(named)
_STR: Final = _text(lambda value: exact(value))
_EXCEPTION: Final = _text(_exception)
_LIST: Final = _list(list.__len__, list.__iter__)
_DICT: Final = _mapping(dict)
_SOME: Final = OrderedDict[str, str]()
_VIEWS: tuple[Any, ...] = (
    *(type({}.keys()), type({}.values()), type({}.items())),
    *(type(_SOME.keys()), type(_SOME.values()), type(_SOME.items())),
)

_BUILT_IN: Final[tuple[tuple[Any, Shape], ...]] = (
    (type(None), _text(lambda value: None)),
    (bool, _text(lambda value: value)),
    (str, _STR),
    (int, _text(_int)),
    (float, _text(_float)),
    (enum.Enum, _text(_enum)),
    (dict, _DICT),
    (list, _LIST),
    (tuple, _list(tuple.__len__, tuple.__iter__)),
    (set, _list(set.__len__, set.__iter__)),
    (frozenset, _list(frozenset.__len__, frozenset.__iter__)),
    (deque, _list(deque.__len__, deque.__iter__)),
    (_VIEWS, _list(len, iter)),
    (range, Shape(False, True, _range)),
    (array.array, _list(len, iter)),
    (types.MappingProxyType, _mapping(types.MappingProxyType)),
    (types.SimpleNamespace, _object(lambda value: (len(value.__dict__), value.__dict__.items()))),
    (UserDict, _held("data", _DICT)),
    (UserList, _held("data", _LIST)),
    (UserString, _held("data", _STR)),
    ((bytes, bytearray, memoryview), _text(lambda value: f"<{memoryview(value).nbytes} bytes>")),
    (type, _text(type_name)),
    (
        (types.FunctionType, types.BuiltinFunctionType, types.ModuleType),
        _text(lambda value: f"<{type(value).__name__} {value.__name__}>"),
    ),
    (re.Pattern, _text(lambda value: str(value.pattern))),
    (
        (datetime.date, datetime.time, datetime.timedelta, datetime.tzinfo, decimal.Decimal, fractions.Fraction),
        _text(str),
    ),
    ((uuid.UUID, pathlib.PurePath, complex, slice), _text(str)),
    ((ipaddress._BaseAddress, ipaddress._BaseNetwork), _text(str)),
)


# -- fields -----------------------------------------------------------------------------------------------------------


def _field_names(kind: Any) -> list[str] | None:
    """The fields of a dataclass, a pydantic model, an attrs or msgspec class, but for those that their author hides."""
    if isinstance(model := _static(kind, "__pydantic_fields__") or _static(kind, "model_fields"), dict):
        return [name for name, field in model.items() if _shown(field)]
    if _static(kind, "__validators__") is not None and isinstance(model := _static(kind, "__fields__"), dict):
        return [name for name, field in model.items() if _shown(field.field_info)]  # pydantic 1
    if dataclasses.is_dataclass(kind):
        return [field.name for field in dataclasses.fields(kind) if field.repr]
    if isinstance(attributes := _static(kind, "__attrs_attrs__"), tuple):
        # A function instead of True formats the value itself, often to hide something: such a field is left out.
        return [attribute.name for attribute in attributes if attribute.repr is True]
    if _module(type(kind)).startswith("msgspec"):
        return list(kind.__struct_fields__)
    return None


def _shown(field: Any) -> bool:
    return not getattr(field, "exclude", None) and bool(getattr(field, "repr", True))


def _static(kind: Any, name: str) -> Any:
    """A class's attribute as it is stored, without calling a descriptor."""
    return next((vars(ancestor)[name] for ancestor in kind.__mro__ if name in vars(ancestor)), None)


def _dict_of(value: object) -> dict[str, Any]:
    try:
        attributes = object.__getattribute__(value, "__dict__")
    except AttributeError:
        return {}
    return attributes if type(attributes) is dict else {}


def member_of(value: object, *names: str) -> Any:
    """The first of these members that a value itself holds; None where it holds none of them.

    Of a mapping an entry, of any other value an attribute that is in memory: no code of the application runs.
    """
    kind = type(value)
    if issubclass(kind, UserDict):
        return member_of(_dict_of(value).get("data"), *names)
    read: Any = dict.get if issubclass(kind, dict) else kind.get if kind is types.MappingProxyType else None
    own = _dict_of(value)
    for name in names:
        held = read(value, name) if read is not None else own[name] if name in own else _stored(kind, value, name)
        if held is not None:
            return held
    return None


def _stored(kind: Any, value: object, name: str) -> Any:
    """What a value holds of a name elsewhere than in its ``__dict__``."""
    static = _static(kind, name)
    if type(static) in _PLAIN:
        return static
    with contextlib.suppress(Exception):  # a slot that was never set, for example
        if type(static) in _IN_C or (type(static) is property and static.fget.__module__.startswith(_READS_MEMORY)):
            return static.__get__(value, kind)
        if static is None and type(extra := _static(kind, "__pydantic_extra__")) is types.MemberDescriptorType:
            return (extra.__get__(value) or {}).get(name)
        if any(_module(ancestor).startswith(_MESSAGES) for ancestor in kind.__mro__):
            return getattr(value, name)
    return None


_PLAIN: Final = frozenset({str, int, float, bool})
_IN_C: Final = frozenset({types.MemberDescriptorType, types.GetSetDescriptorType, type(vars(Shape)["read"])})
_MESSAGES: Final = ("proto.", "google._upb", "google.protobuf")
_READS_MEMORY: Final = (
    *("django.core.files.uploadedfile", "starlette.", "litestar.", "werkzeug.", "tempfile"),
    *("vertexai.", "google."),
)
"""Modules whose properties of uploads, and of models' responses, are known to read what the object holds."""


def _fields_reader(kind: type, names: list[str]) -> Callable[[object], Members]:
    slots = {name: slot for name in names if type(slot := _static(kind, name)) is types.MemberDescriptorType}
    defaults = {name: default for name in names if type(default := _static(kind, name)) in (str, int, float, bool)}
    extra = _static(kind, "__pydantic_extra__")

    def read(value: object) -> Members:
        held = {**defaults, **_dict_of(value)} if defaults else _dict_of(value)
        members = []
        for name in names:
            if name in slots:
                try:
                    members.append((name, slots[name].__get__(value)))
                except AttributeError:  # never set
                    continue
            elif name in held:  # else it is not loaded
                members.append((name, held[name]))
        if type(extra) is types.MemberDescriptorType:
            with contextlib.suppress(AttributeError):  # as above
                members += (extra.__get__(value) or {}).items()
        return len(members), members

    return read


# -- types of other libraries -----------------------------------------------------------------------------------------

_SMALL_ARRAY = 1_000


def _array(value: Any, write: Callable[[Any], Any]) -> object:
    shape = value.shape
    if math.prod(shape) <= _SMALL_ARRAY:
        return write(value)
    details = " × ".join(map(str, shape))
    if (columns := getattr(value, "columns", None)) is not None:
        details += ": " + ", ".join(str(column)[:100] for column in islice(columns, 20))
    return f"<{type_name(type(value))} {details}>"


def _shape_only(value: Any) -> str:
    return f"<{type_name(type(value))} {' × '.join(map(str, tuple(value.shape)))}>"


_KNOWN: Final[dict[tuple[str, str], Shape]] = {
    ("numpy", "ndarray"): _text(lambda value: _array(value, lambda small: small.tolist())),
    ("numpy", "generic"): _text(lambda value: value.item()),
    ("pandas", "DataFrame"): _text(lambda value: _array(value, lambda small: small.to_dict("list"))),
    ("pandas", "Series"): _text(lambda value: _array(value, lambda small: small.to_dict())),
    ("polars", "DataFrame"): _text(_shape_only),
    ("torch", "Tensor"): _text(_shape_only),
    ("sqlalchemy", "BaseRow"): _list(lambda row: len(row._data), lambda row: iter(row._data)),
    # str() of these shows no secret.
    ("pydantic", "SecretStr"): _text(str),
    ("pydantic", "SecretBytes"): _text(str),
    **{
        class_name: _text(str)
        for class_name in (
            ("pydantic", "_BaseUrl"),
            ("pydantic", "_BaseMultiHostUrl"),
            ("pydantic_core", "Url"),
            ("pydantic_core", "MultiHostUrl"),
            ("yarl", "URL"),
            ("httpx", "URL"),
            ("starlette", "URL"),
            ("bson", "ObjectId"),
            ("bson", "Decimal128"),
            ("ulid", "ULID"),
        )
    },
}
