"""What a conversation of three turns must be, however it was recorded."""

from typing import Any

from agentsight_otel import semconv
from agentsight_otel._tracing import ids
from agentsight_otel._tracing.duplicates import tool_of
from agentsight_otel._tracing.runtime import TRACER_NAME as OURS
from tests.fake_openai import ANSWER
from tests.otlp_receiver import Received

IDENTITY = {
    "user.id": "u1",
    "agentsight.conversation.device": "mobile",
    "agentsight.conversation.source": "web",
    "agentsight.conversation.language": "en",
}
WHOLE = [
    (True, None, [("end_user", "tool"), ("agent", ANSWER)], ["find_order"]),
    (True, None, [("end_user", "stream"), ("agent", ANSWER)], []),
    (False, "error", [("end_user", "error")], []),
]
"""Of each turn: whether it is complete, else why not; its messages; the tools called in it."""


def turns(spans: list[Received], cid: str) -> list[Any]:
    """The turns of a conversation, as in ``WHOLE``."""
    inside = [span for span in spans if span.attributes.get(semconv.CONVERSATION_ID) == cid]
    order = ["tool", "stream", "error"]
    found = []
    for turn in (span for span in inside if span.attributes.get(semconv.SPAN_KIND) == semconv.KIND_TURN):
        below = [span for span in inside if span.attributes.get(semconv.TURN_ID) == turn.attributes[semconv.TURN_ID]]
        found.append(
            (
                turn.attributes[semconv.TURN_COMPLETE],
                turn.attributes.get(semconv.TURN_INCOMPLETE_REASON),
                [(event[semconv.MESSAGE_SENDER], event[semconv.MESSAGE_CONTENT]) for event in turn.events],
                [tool for span in below if (tool := tool_of(span.attributes)) is not None],
            )
        )
    return sorted(found, key=lambda turn: order.index(turn[2][0][1]) if turn[2] else 9)


def is_whole(spans: list[Received], cid: str) -> bool:
    """Whether everything of a conversation is there."""
    return turns(spans, cid) == WHOLE


def check(spans: list[Received], *cids: str) -> None:
    """Everything of these conversations is there, once, in their traces and with their identity, and nothing besides.

    Raises:
        AssertionError: Something is missing, or too much.
    """
    for cid in cids:
        assert turns(spans, cid) == WHOLE
        inside = [span for span in spans if span.attributes.get(semconv.CONVERSATION_ID) == cid]
        for span in inside:
            assert {key: span.attributes.get(key) for key in IDENTITY} == IDENTITY, span
        # A web framework's spans around the turns stay in the request's trace.
        of_turns = [span for span in inside if span.scope == OURS or semconv.TURN_ID in span.attributes]
        assert {span.trace_id for span in of_turns} == {f"{ids.trace_id(cid):032x}"}, of_turns
    assert {span.attributes.get(semconv.CONVERSATION_ID) for span in spans if span.scope == OURS} == set(cids)
    assert len({span.span_id for span in spans}) == len(spans)
