"""Any value becomes bounded, valid JSON, for a price that does not depend on the value's size."""

import array
import collections
import dataclasses
import datetime
import enum
import json
import re
import sys
import tracemalloc
import types
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import agentsight_otel as agentsight
from agentsight_otel._core.values import PROVISIONAL_CUT, recut, to_json, to_object, to_text
from agentsight_otel.testing import capture

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
        (Broken(), '"<tests.unit.test_values.Broken>"'),
        (Holder(1), '"<tests.unit.test_values.Holder>"'),
        (Order, '"tests.unit.test_values.Order"'),
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
    assert to_json(deep, LIMIT) == "[" * 12 + '"…"' + "]" * 12
    assert to_json(cycle(), LIMIT) == '["…"]'


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


def test_recursion_near_the_limit_does_no_harm() -> None:
    def dive(depth: int) -> str:
        return to_json({"a": {"b": [1, object()]}}, LIMIT) if depth == 0 else dive(depth - 1)

    frame, used = sys._getframe(), 0
    while frame is not None:
        used += 1
        frame = frame.f_back  # type: ignore[assignment]
    assert dive(sys.getrecursionlimit() - used - 40).startswith('{"a"')


PICTURE = "data:image/png;base64," + "iVBORw0KGgo" * 60_000


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"url": PICTURE, "text": "what is it?"}, {"url": "<image/png, 495000 bytes>", "text": "what is it?"}),
        (
            {"source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo" * 60_000}, "text": "t"},
            {"source": {"type": "base64", "media_type": "image/png", "data": "<image/png, 495000 bytes>"}, "text": "t"},
        ),
        ([f"see ![]({PICTURE}) there"], ["see ![](<image/png, 495000 bytes>) there"]),
        ({"data": "x" * 500}, {"data": "x" * 500}),
    ],
)
def test_pictures_become_their_type_and_size(value: object, expected: object) -> None:
    assert json.loads(to_json(value, LIMIT)) == expected


def test_what_is_large_leaves_room_for_what_comes_after_it() -> None:
    value = {"first": "a" * 100_000, "rows": [{"id": number} for number in range(10)], "second": "b" * 100_000, "n": 1}
    written = json.loads(to_json(value, LIMIT))
    assert (written["rows"], written["n"]) == (value["rows"], 1)
    assert len(written["first"]) == len(written["second"]) > LIMIT / 2.5
    rows = json.loads(to_json([{"id": number, "name": "n"} for number in range(10_000)], LIMIT))
    assert rows[:-1] == [{"id": number, "name": "n"} for number in range(len(rows) - 1)]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"a": 1}, {"a": 1}),
        (Order(1, "n"), {"number": 1, "note": "n"}),
        ('{"plan": "gold"}', {"plan": "gold"}),
        ("gold", {"value": "gold"}),
        ('["gold"]', {"value": '["gold"]'}),
        (["gold"], {"value": ["gold"]}),
        (7, {"value": 7}),
    ],
)
def test_metadata_is_an_object_whatever_was_given(value: object, expected: object) -> None:
    assert json.loads(to_object(value, LIMIT)) == expected


@pytest.mark.parametrize("variable", ["OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT"])
@pytest.mark.parametrize("settings", [{}, {"mask": "all"}])
def test_opentelemetrys_own_limit_cuts_no_json_in_the_middle(
    monkeypatch: pytest.MonkeyPatch, variable: str, settings: dict[str, Any]
) -> None:
    monkeypatch.setenv(variable, "100")

    @agentsight.tool
    def find(text: str, rows: list[int]) -> list[str]:
        return ["é" * 200, "x"]

    with capture(**settings) as spans:
        with agentsight.conversation("c", metadata={"a": "é" * 200, "b": 1}), agentsight.turn() as turn:
            turn.user_message("é" * 200, metadata={"a": ["é" * 200]})
            find("é" * 200, list(range(100)))
        found = [span.attributes or {} for span in spans.finished]
        event = spans.finished[-1].events[0].attributes or {}
    written = [
        *(found[0][key] for key in ("gen_ai.tool.call.arguments", "gen_ai.tool.call.result")),
        found[0]["agentsight.conversation.metadata"],
        event["agentsight.message.metadata"],
    ]
    for text in [*written, event["agentsight.message.content"]]:
        assert len(str(text).encode()) <= 100 and "…" in str(text)
    for text in written:
        json.loads(str(text))
    assert json.loads(written[2])["b"] == 1


@pytest.mark.parametrize(
    "value", [{"a": "x" * 1_000, "b": [1] * 100}, ["x" * 1_000] * 5, "x" * 1_000, "{no JSON" * 100]
)
def test_what_is_cut_again_stays_what_it_was(value: object) -> None:
    once = to_text(value, 600, PROVISIONAL_CUT)
    again = recut(once, 200)
    assert len(again.encode()) <= 200 and PROVISIONAL_CUT not in again and "…" in again
    if type(value) is not str:
        assert type(json.loads(again)) is type(value)
    assert recut("short", 200) == "short"


def test_text_around_long_data_stays() -> None:
    data = "data:audio/wav;base64," + "aB3+" * 500_000
    assert re.fullmatch(r"before <audio/wav, \d+ bytes>, after", to_text(f"before {data}, after", LIMIT))
