"""Where something is cut, masks have seen what stands around the cut: no half of an address leaves."""

import json
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan

import agentsight_otel as agentsight
from agentsight_otel import conversation_tracker
from agentsight_otel.testing import Capture, capture

ADDRESS = "john.doe@example.com"


def about_to_be_cut(at: int) -> str:
    """A text with an address across the place where it is cut."""
    return "x" * (at - 10) + f" {ADDRESS} and more"


def events_of(span: ReadableSpan) -> list[dict[str, Any]]:
    return [dict(event.attributes or {}) for event in span.events]


def everything_sent(spans: Capture) -> str:
    return "".join(
        f"{span.name} {span.status.description} {dict(span.attributes or {})} {events_of(span)}"
        for span in spans.finished
    )


def with_long_texts_everywhere() -> None:
    name, field = about_to_be_cut(1_024), about_to_be_cut(255)
    fields: dict[str, Any] = dict.fromkeys(
        ("customer_id", "device", "source", "language", "name", "environment"), field
    )

    @agentsight.tool(name)
    def fail() -> None:
        raise ValueError(name)

    with agentsight.conversation("c", metadata={name: "a long key", "within": {name: 1}}, **fields):
        with agentsight.turn(agent=name) as turn:
            turn.user_message("Hi", metadata={name: 1})
            with pytest.raises(ValueError):
                fail()
            with agentsight.task(name), agentsight.generation(name), agentsight.model_hint(name):
                pass
        agentsight.button(name)
        agentsight.record_attachments([{"name": name, "type": name}])
        agentsight.feedback(name, source=name)
    conversation_tracker.get_or_create_conversation("c2")
    conversation_tracker.track_action(name, tools_used=[{name: 1}])
    conversation_tracker.track_attachments([{"filename": name, "mime_type": "a/b", "data": "eA=="}])
    conversation_tracker.send_tracked_data()


@pytest.mark.parametrize("limit", [None, 300, 20_000])
def test_texts_of_errors_and_names_are_cut_after_masks_too(
    limit: int | None, monkeypatch: pytest.MonkeyPatch, nothing_left_over: None
) -> None:
    """Also where OpenTelemetry's own limit leaves no room."""
    if limit is not None:
        monkeypatch.setenv("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", str(limit))
    with capture(mask="all") as spans:
        with_long_texts_everywhere()
        sent = everything_sent(spans)
        assert "john" not in sent and "\ue000" not in sent
        for span in spans.finished:
            attributes: dict[str, Any] = dict(span.attributes or {})
            assert len(span.name) <= 1_024 and len(span.status.description or "") <= 1_024
            assert all(len(attributes.get(key, "")) <= 1_024 for key in ("gen_ai.tool.name", "gen_ai.agent.name"))
            assert all(len(attributes.get(key, "")) <= 255 for key in ("user.id", "agentsight.conversation.name"))
            json.loads(attributes.get("agentsight.conversation.metadata", "{}"))


def test_without_masks_the_same_texts_are_cut_as_long_as_they_may_be(nothing_left_over: None) -> None:
    with capture() as spans:
        with_long_texts_everywhere()
        (turn,) = [span for span in spans.finished if "gen_ai.agent.name" in (span.attributes or {})]
        assert len(turn.name.encode()) == 1_024 and turn.name.endswith("…")
        attributes: dict[str, Any] = dict(turn.attributes or {})
        assert attributes["user.id"] == about_to_be_cut(255)[:255]
        assert len(attributes["gen_ai.agent.name"].encode()) == 1_024


def test_a_long_key_is_cut_and_two_of_them_stay_two() -> None:
    def keys(**settings: Any) -> list[str]:
        metadata = {"x" * 2_000 + str(number): number for number in range(2)} | {"long": "y" * 600_000}
        with capture(**settings) as spans:
            with agentsight.conversation("c", metadata=metadata), agentsight.turn():
                pass
            (turn,) = spans.finished
            return list(json.loads(str((turn.attributes or {})["agentsight.conversation.metadata"])))

    assert keys() == ["x" * 1_021 + "…", "x" * 1_021 + "…'", "long"]
    assert keys(mask="all") == ["x" * 318 + "…", "x" * 318 + "…'", "long"]
