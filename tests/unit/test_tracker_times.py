"""The times and the order of what is tracked, and the bounds within which it waits."""

import os
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

import agentsight_otel as agentsight
from agentsight_otel import conversation_tracker, testing
from agentsight_otel._core import clock
from agentsight_otel._core.timeline import STEP_NS, Timeline
from agentsight_otel._tracing import ids
from agentsight_otel.compat.tracking.backlog import Backlog
from agentsight_otel.compat.tracking.tracked import TRACKED

pytestmark = pytest.mark.usefixtures("nothing_left_over")


@pytest.mark.parametrize(
    ("given", "period_ms"),
    [
        ({}, (10_000, 10_000)),
        ({"duration_ms": 1_500}, (8_500, 10_000)),
        ({"started_at": 4_000}, (4_000, 10_000)),
        ({"started_at": 4_000, "duration_ms": 50.5}, (4_000, 4_050.5)),
        ({"started_at": 4_000, "ended_at": 5_000}, (4_000, 5_000)),
        ({"started_at": 4_000, "ended_at": 5_000, "duration_ms": 250}, (4_000, 4_250)),
        ({"ended_at": 5_000, "duration_ms": 250}, (4_750, 5_000)),
        ({"ended_at": 5_000}, (5_000, 5_000)),
        ({"started_at": 5_000, "ended_at": 4_000}, (5_000, 5_000)),
        ({"started_at": 20_000}, (20_000, 20_000)),
        ({"duration_ms": -5}, (10_000, 10_000)),
        ({"duration_ms": float("nan")}, (10_000, 10_000)),
        ({"duration_ms": "12"}, (10_000, 10_000)),
        ({"started_at": "yesterday"}, (10_000, 10_000)),
        ({"started_at": "0001-01-01T00:00:00Z"}, (10_000, 10_000)),
        ({"started_at": "9999-12-31T23:59:59-14:00"}, (10_000, 10_000)),
    ],
)
def test_an_action_has_the_times_that_are_known_of_it(given: dict[str, Any], period_ms: tuple[float, float]) -> None:
    first = datetime.fromtimestamp(1_700_000_000, timezone.utc)
    for shape in (datetime.isoformat, lambda moment: moment, lambda moment: moment.replace(tzinfo=None).isoformat()):
        times = {
            key: shape(first + timedelta(milliseconds=value))
            if key.endswith("_at") and isinstance(value, int)
            else value
            for key, value in given.items()
        }
        with testing.capture(fixed=False) as spans, clock.use_clock(lambda: 1_700_000_010_000_000_000):
            conversation_tracker.get_or_create_conversation("c1")
            conversation_tracker.track_action("look_up", **times)
            conversation_tracker.send_tracked_data()
            span = spans.named("execute_tool look_up")
        found = ((span.start_time or 0) / 1e6 - 1.7e12, (span.end_time or 0) / 1e6 - 1.7e12)
        assert found == pytest.approx(period_ms, abs=1e-3)


def test_what_is_never_sent_stays_within_bounds_and_is_sent_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    for bounds in ({"max_items": 10}, {"max_bytes": 30_000}):
        monkeypatch.setattr(TRACKED, "backlog", Backlog(**bounds))
        with testing.capture() as spans:
            for number in range(100):
                conversation_tracker.get_or_create_conversation(f"c{number}")
                conversation_tracker.track_human_message("x" * 1_000)
                conversation_tracker.track_agent_message("y")
                backlog = TRACKED.backlog
                assert backlog._count <= 30 and backlog._bytes <= 30_000
            ahead = [span for span in spans.finished if span.name == "invoke_agent"]
            assert len(ahead) >= 90
            agentsight.shutdown()
            turns = [span for span in spans.finished if span.name == "invoke_agent"]
        assert sum(len(span.events) for span in turns) == 200
        assert {span.context.trace_id for span in turns if span.context} == {
            ids.trace_id(f"c{number}") for number in range(100)
        }


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_what_a_parent_tracked_is_not_sent_by_its_child() -> None:
    with testing.capture() as spans:
        conversation_tracker.get_or_create_conversation("c1")
        conversation_tracker.track_human_message("hi")
        child = os.fork()
        if child == 0:
            os._exit(len(conversation_tracker.send_tracked_data()["items"]))
        assert os.waitpid(child, 0)[1] == 0
        assert len(conversation_tracker.send_tracked_data()["items"]) == 2
        assert len(spans.named("invoke_agent").events) == 1


def in_order(spans: testing.Capture) -> list[tuple[int, str]]:
    """Everything tracked, by the millisecond that the database compares, as (ms, what)."""
    found = []
    for span in spans.finished:
        attributes = dict(span.attributes or {})
        found += [
            (event.timestamp, str((event.attributes or {})["agentsight.message.content"])) for event in span.events
        ]
        if attributes["agentsight.span.kind"] in ("tool", "button", "attachment"):
            found.append((span.start_time or 0, span.name))
    return sorted((at_ns // 1_000_000, what) for at_ns, what in found)


def test_what_is_tracked_when_it_is_over_keeps_its_order_without_ties() -> None:
    with testing.capture(fixed=False) as spans:
        conversation_tracker.get_or_create_conversation("c1")
        for round_number in range(3):
            conversation_tracker.track_human_message(f"{round_number} question")
            conversation_tracker.track_action("first", duration_ms=120)
            conversation_tracker.track_action("second", duration_ms=1_000)
            conversation_tracker.track_agent_message(f"{round_number} answer")
            conversation_tracker.track_button("more", "More", "more")
            conversation_tracker.track_agent_message(f"{round_number} more")
            if round_number == 1:
                conversation_tracker.send_tracked_data()
        conversation_tracker.send_tracked_data()
        found = in_order(spans)
        durations = {
            span.name: ((span.end_time or 0) - (span.start_time or 0)) // 1_000_000
            for span in spans.finished
            if span.name.startswith("execute_tool")
        }
    assert len({at_ms for at_ms, _ in found}) == len(found)
    assert [what for _, what in found] == [
        text.format(number=number)
        for number in range(3)
        for text in (
            "{number} question",
            "execute_tool first",
            "execute_tool second",
            "{number} answer",
            "button more",
            "{number} more",
        )
    ]
    assert durations == {"execute_tool first": 120, "execute_tool second": 1_000}


def test_an_action_that_says_its_time_stands_after_the_message_that_it_came_after() -> None:
    with testing.capture(fixed=False) as spans:
        conversation_tracker.get_or_create_conversation("c1")
        for number in range(5):
            conversation_tracker.track_human_message(f"{number} question")
            now = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
            conversation_tracker.track_action(f"{number}", started_at=now, duration_ms=10)
            conversation_tracker.track_agent_message(f"{number} answer")
        conversation_tracker.track_action("long ago", started_at="2023-11-14T22:13:20Z", duration_ms=10)
        conversation_tracker.send_tracked_data()
        starts = {span.name: span.start_time or 0 for span in spans.finished}
        said = {
            str((event.attributes or {})["agentsight.message.content"]): event.timestamp
            for span in spans.finished
            for event in span.events
        }
    for number in range(5):
        assert said[f"{number} question"] <= starts[f"execute_tool {number}"] < said[f"{number} answer"]
    assert starts["execute_tool long ago"] == 1_700_000_000_000_000_000


def test_messages_of_one_process_never_share_a_millisecond_in_a_conversation() -> None:
    def times(spans: testing.Capture, conversation_id: str) -> list[int]:
        return [
            event.timestamp
            for span in spans.finished
            if (span.attributes or {}).get("gen_ai.conversation.id") == conversation_id
            for event in span.events
        ]

    with testing.capture(fixed=False) as spans, clock.use_clock(lambda: 1_700_000_000_000_000_000):
        for conversation_id in ("c1", "c2"):
            with agentsight.conversation(conversation_id):
                for _ in range(3):
                    agentsight.user_message("question")
                    agentsight.agent_message("answer")
        found = [times(spans, conversation_id) for conversation_id in ("c1", "c2")]
    assert found == [[1_700_000_000_000_000_000 + 1_000_000 * step for step in range(6)]] * 2


def test_the_order_of_many_conversations_takes_bounded_memory() -> None:
    kept = Timeline()
    for number in range(20_000):
        kept.message_ns(f"c{number}", 1)
    assert kept.message_ns("c19999", 1) == 1 + STEP_NS
    assert kept.message_ns("c0", 1) == 1
