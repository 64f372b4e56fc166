"""Any value becomes bounded, valid JSON, for a price that does not depend on the value's size."""

import array
import collections
import dataclasses
import datetime
import enum
import json
import sys
import tracemalloc
import types
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agentsight_otel.serialize import to_json, to_text

LIMIT = 10_000


@dataclasses.dataclass
class Order:
    number: int
    note: str
    secret: str = dataclasses.field(default="hidden", repr=False)


class Colour(enum.Enum):
    RED = "red"


class Holder:
    def __init__(self, held: object) -> None:
        self.held = held

    def __str__(self) -> str:
        return f"Holder({self.held})"


class Broken:
    def __str__(self) -> str:
        raise RuntimeError("no text")


class Model:
    """What a pydantic model looks like."""

    model_fields: dict[str, Any] = {  # noqa: RUF012
        "name": types.SimpleNamespace(exclude=None, repr=True),
        "token": types.SimpleNamespace(exclude=True, repr=True),
    }

    def __init__(self) -> None:
        self.name, self.token = "Ann", "s3cret"


def cycle() -> list[object]:
    itself: list[object] = []
    itself.append(itself)
    return itself


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"x": 1, "y": [True, None, 1.5, "é"]}, '{"x":1,"y":[true,null,1.5,"é"]}'),
        ((1, 2), "[1,2]"),
        (float("nan"), '"nan"'),
        ({"at": datetime.date(2026, 1, 2)}, '{"at":"2026-01-02"}'),
        ({1: "a", (2, 3): "b"}, '{"1":"a","(2, 3)":"b"}'),
        (b"abc", '"<3 bytes>"'),
        (memoryview(b"abcd"), '"<4 bytes>"'),
        (1 << 16_609, '"<int of 16610 bits>"'),
        (Colour.RED, '"Colour.RED"'),
        (Order(1, "n"), '{"number":1,"note":"n"}'),
        (Model(), '{"name":"Ann"}'),
        (Broken(), '"<tests.unit.test_serialize.Broken>"'),
        (Holder(1), '"Holder(1)"'),
        (Order, '"tests.unit.test_serialize.Order"'),
        (collections.deque([1]), "[1]"),
        ({"a": 1}.values(), "[1]"),
        ({1}, "[1]"),
        ("\ud800x", '"?x"'),
        (types.MappingProxyType({"a": 1}), '{"a":1}'),
        (collections.Counter("aab"), '{"a":2,"b":1}'),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_values_as_json(value: object, expected: str) -> None:
    assert to_json(value, LIMIT) == expected


def test_iterators_are_named_and_not_consumed() -> None:
    numbers = iter(range(3))
    generator = (number for number in range(3))
    assert json.loads(to_json([numbers, generator], LIMIT)) == ["<range_iterator>", "<generator>"]
    assert (list(numbers), list(generator)) == ([0, 1, 2], [0, 1, 2])


def test_what_is_cut_is_said() -> None:
    items = json.loads(to_json(list(range(100_000)), LIMIT))
    assert items[-1] == f"… {100_000 - len(items) + 1} more"
    assert items[:-1] == list(range(len(items) - 1))
    members = json.loads(to_json({str(number): number for number in range(100_000)}, LIMIT))
    assert members["…"] == f"{100_000 - len(members) + 1} more"
    assert json.loads(to_json({"text": "é" * 100_000}, LIMIT))["text"].endswith("é…")
    assert to_text("a" * 100_000, LIMIT) == "a" * (LIMIT - 3) + "…"


def test_deep_nesting_and_cycles_end() -> None:
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    for value in (deep, cycle()):
        assert to_json(value, LIMIT) == "[" * 12 + '"…"' + "]" * 12


def numpy_array() -> object:
    numpy = pytest.importorskip("numpy")
    return numpy.zeros((1 << 13, 1 << 11))


def frame() -> object:
    pandas, numpy = pytest.importorskip("pandas"), pytest.importorskip("numpy")
    return pandas.DataFrame({"a": numpy.zeros(1 << 24), "b": numpy.zeros(1 << 24)})


SHARED = "x" * (1 << 26)


@pytest.mark.parametrize(
    "make",
    [
        lambda: SHARED,
        lambda: "é" * (1 << 26),
        lambda: bytes(1 << 28),
        lambda: [SHARED] * 1_000,
        lambda: [0] * (1 << 24),
        lambda: dict.fromkeys(range(1 << 20), 0),
        lambda: {"nested": {"text": [SHARED, {"more": SHARED}]}},
        lambda: range(1 << 60),
        lambda: (number for number in range(1 << 60)),
        lambda: array.array("d", bytes(1 << 28)),
        lambda: Order(1, SHARED),
        lambda: Holder(SHARED),
        lambda: Holder([SHARED, SHARED]),
        lambda: ValueError(SHARED),
        lambda: {Holder(SHARED): 1},
        lambda: set(range(1 << 20)),
        lambda: 1 << (1 << 31),
        numpy_array,
        frame,
    ],
)
def test_a_giant_costs_neither_its_memory_nor_work_by_its_size(make: Callable[[], object]) -> None:
    """Work is what is called meanwhile, of Python and of C, and what is allocated."""
    value, called = make(), 0

    def count(frame: object, event: str, argument: object) -> None:
        nonlocal called
        called += event in ("call", "c_call")

    tracemalloc.start()
    sys.setprofile(count)
    try:
        text = to_text(value, 262_144)
    finally:
        sys.setprofile(None)
        _, peak_bytes = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert len(text.encode()) <= 262_144
    assert peak_bytes < 8_000_000
    assert called < 500_000  # of a million members or more


def test_a_text_out_of_proportion_is_asked_for_once() -> None:
    asked = []

    class Chatty:
        def __str__(self) -> str:
            asked.append(1)
            return "x" * 100_000

    first, second = to_json(Chatty(), LIMIT), to_json(Chatty(), LIMIT)
    assert first.endswith('x…"')
    assert "Chatty" in second
    assert len(asked) == 1


def test_small_arrays_and_frames_are_written_out() -> None:
    numpy, pandas = pytest.importorskip("numpy"), pytest.importorskip("pandas")
    assert to_json({"v": numpy.array([[1, 2], [3, 4]])}, LIMIT) == '{"v":[[1,2],[3,4]]}'
    assert to_json(numpy.float64(1.5), LIMIT) == "1.5"
    assert to_json(numpy.int64(3), LIMIT) == "3"
    assert to_json(pandas.DataFrame({"a": [1, 2]}), LIMIT) == '{"a":[1,2]}'
    assert to_json(numpy.zeros((100, 100)), LIMIT) == '"<numpy.ndarray 100 × 100>"'


JSON_LIKE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.characters(codec=None),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner) | st.tuples(inner),
    max_leaves=50,
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # the machine may be busy
@given(value=JSON_LIKE, max_bytes=st.integers(64, 2_000))
def test_the_json_of_anything_is_valid_and_within_its_bound(value: object, max_bytes: int) -> None:
    text = to_json(value, max_bytes)
    json.loads(text)
    assert len(text.encode()) <= max_bytes


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # the machine may be busy
@given(value=st.text() | st.text(st.characters(codec=None)), max_bytes=st.integers(64, 200))
def test_a_text_that_fits_stays_as_it_is(value: str, max_bytes: int) -> None:
    written = to_text(value, max_bytes)
    assert len(written.encode()) <= max_bytes
    if len(value.encode("utf-8", "replace")) <= max_bytes:
        assert written == value.encode("utf-8", "replace").decode()


def test_another_threads_changes_do_no_harm() -> None:
    class Changing(dict):  # type: ignore[type-arg]
        def items(self) -> Any:
            raise RuntimeError("dictionary changed size during iteration")

    assert "Changing" in to_json(Changing(a=1), LIMIT)


def test_recursion_near_the_limit_does_no_harm() -> None:
    def dive(depth: int) -> str:
        return to_json({"a": {"b": [1, object()]}}, LIMIT) if depth == 0 else dive(depth - 1)

    frame, used = sys._getframe(), 0
    while frame is not None:
        used += 1
        frame = frame.f_back  # type: ignore[assignment]
    assert dive(sys.getrecursionlimit() - used - 40).startswith('{"a"')
